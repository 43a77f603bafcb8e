//! `varscale init`, as a user runs it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use safetensors::SafeTensors;
use tempfile::TempDir;
use varscale_model::Plan;

#[cfg(unix)]
mod signals;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");

const SPEC: &str = r#"{
    "h.w": {"dtype": "F32", "shape": [700, 501]},
    "h.b": {"dtype": "BF16", "shape": [501]}
}"#;

const RULES: &str = "spec = 's.json'\nseed = 42\n[[rules]]\nmatch = '*.b'\ninitializer = 'zeros'\n\
                     [[rules]]\nmatch = '*'\ninitializer = 'he_normal'\n";

/// A folder with a small plan, whose files nothing else shares.
struct Workplace(TempDir);

impl Workplace {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("plan.toml"), RULES).unwrap();
        fs::write(folder.path().join("s.json"), SPEC).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs a command in the folder.
    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        Command::new(program).args(arguments).current_dir(self.0.path()).output().unwrap()
    }

    fn init(&self, arguments: &[&str]) -> Output {
        self.run(env!("CARGO_BIN_EXE_varscale"), &[&["init", "plan.toml"], arguments].concat())
    }

    /// Every name in the folder but the input's.
    fn outputs(&self) -> Vec<String> {
        let names = fs::read_dir(self.0.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name != "plan.toml" && name != "s.json").collect()
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[track_caller]
fn assert_fails(output: &Output, code: i32, parts: &[&str]) {
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{message}");
    for part in parts {
        assert!(message.contains(part), "{message:?} does not say {part:?}");
    }
    assert!(!message.contains("panic"), "{message}");
}

#[test]
fn writes_what_the_plan_says() {
    let place = Workplace::new();
    let output = place.init(&["-o", "m.safetensors"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "", "silent without a terminal");
    let report = text(&output.stdout);
    assert!(report.starts_with("seed 42 (given)\n"), "{report}");
    for figure in ["tensors", "351,201", "1,403,802"] {
        assert!(report.contains(figure), "{report}");
    }
    assert_eq!(place.outputs(), ["m.safetensors"]);

    let bytes = fs::read(place.path("m.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let plan = Plan::read(&place.path("plan.toml"), None).unwrap();
    let drawn = plan.tensors[0].draw.to_vec::<f32>().unwrap();
    let drawn: Vec<u8> = drawn.iter().flat_map(|value| value.to_le_bytes()).collect();
    assert!(file.tensor("h.w").unwrap().data() == drawn);
}

#[test]
fn any_number_of_threads_writes_the_same() {
    let place = Workplace::new();
    for threads in ["0", "1", "3", "8"] {
        let name = format!("{threads}.safetensors");
        assert!(place.init(&["-o", &name, "--threads", threads]).status.success());
        let same =
            fs::read(place.path(&name)).unwrap() == fs::read(place.path("0.safetensors")).unwrap();
        assert!(same, "{threads} threads");
    }
}

#[test]
fn a_seed_goes_before_the_plans() {
    let place = Workplace::new();
    let output = place.init(&["--dry-run", "--seed", "-1"]);
    assert!(text(&output.stdout).starts_with("seed -1 (given)\n"));
    fs::write(place.path("plan.toml"), RULES.replace("seed = 42", "")).unwrap();
    let output = place.init(&["--dry-run"]);
    assert!(text(&output.stdout).lines().next().unwrap().ends_with("(drawn)"));
    assert_fails(&place.init(&["--dry-run", "--seed", "1.5"]), 2, &["--seed", "1.5", "2^64"]);
}

#[test]
fn a_dry_run_writes_nothing() {
    let place = Workplace::new();
    let output = place.init(&["--dry-run", "-o", "m.safetensors"]);
    assert!(output.status.success());
    assert!(text(&output.stdout).contains("351,201"));
    assert!(place.outputs().is_empty());
}

#[test]
fn an_output_must_end_in_safetensors() {
    let place = Workplace::new();
    for name in ["m.npy", "m", ".safetensors"] {
        assert_fails(&place.init(&["-o", name]), 2, &["output", name, ".safetensors"]);
    }
    assert_fails(&place.init(&[]), 2, &["--output"]);
    assert!(place.outputs().is_empty());
}

#[test]
fn bad_plans_have_exit_code_2() {
    let place = Workplace::new();
    fs::write(place.path("plan.toml"), "spec = 's.json'").unwrap();
    assert_fails(&place.init(&["-o", "m.safetensors"]), 2, &["\"h.w\""]);
    assert!(place.outputs().is_empty());
}

#[test]
fn a_missing_folder_is_named_as_wrong_input() {
    let place = Workplace::new();
    assert_fails(
        &place.init(&["-o", "no/m.safetensors"]),
        2,
        &["no/m.safetensors", "there is no folder no"],
    );
    assert!(place.outputs().is_empty());
}

#[cfg(unix)]
mod unix {
    use std::{os::unix::fs::PermissionsExt, process::Stdio};

    use super::{
        signals::{self, signal, wait_until_it_watches},
        *,
    };

    /// Runs `init` through a shell, after `limits`.
    fn limited(place: &Workplace, limits: &str, arguments: &str) -> Output {
        let varscale = env!("CARGO_BIN_EXE_varscale");
        place.run("sh", &["-c", &format!("{limits}; exec '{varscale}' init plan.toml {arguments}")])
    }

    #[test]
    fn an_unwritable_folder_is_named_with_exit_code_1() {
        let place = Workplace::new();
        let folder = place.path("closed");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, PermissionsExt::from_mode(0o555)).unwrap();
        if fs::write(folder.join("probe"), "").is_ok() {
            // Root writes everywhere, but not here.
            assert_fails(&place.init(&["-o", "/proc/m.safetensors"]), 1, &["/proc/m.safetensors"]);
        } else {
            let output = place.init(&["-o", "closed/m.safetensors"]);
            assert_fails(&output, 1, &["closed/m.safetensors"]);
            assert!(fs::read_dir(&folder).unwrap().next().is_none());
        }
    }

    #[test]
    fn a_full_disk_leaves_what_was_there() {
        let place = Workplace::new();
        // Files above 100 blocks fail, as on a full disk.
        let full = "ulimit -f 100";
        let output = limited(&place, full, "-o m.safetensors");
        assert_fails(&output, 1, &["cannot write m.safetensors"]);
        assert!(place.outputs().is_empty());

        fs::write(place.path("m.safetensors"), "old").unwrap();
        let output = limited(&place, full, "-o m.safetensors --force");
        assert_fails(&output, 1, &["m.safetensors", "ulimit -f"]);
        assert_eq!(place.outputs(), ["m.safetensors"]);
        assert_eq!(fs::read_to_string(place.path("m.safetensors")).unwrap(), "old");
    }

    #[test]
    fn ctrl_c_leaves_what_was_there() {
        let place = Workplace::new();
        let of = |rows: u32| {
            let spec = format!(r#"{{"w": {{"dtype": "F32", "shape": [{rows}, 25000]}}}}"#);
            fs::write(place.path("s.json"), spec).unwrap();
        };
        let rules = RULES.replace("[[rules]]\nmatch = '*.b'\ninitializer = 'zeros'\n", "");
        fs::write(place.path("plan.toml"), rules).unwrap();
        fs::write(place.path("m.safetensors"), "old").unwrap();
        let interrupted = |arguments: &[&str]| {
            let mut child = signals::command(env!("CARGO_BIN_EXE_varscale"))
                .args(["init", "plan.toml"])
                .args(arguments)
                .current_dir(place.0.path())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            wait_until_it_watches(&mut child);
            // `timeout` and terminals send it twice: to the process, and to its group.
            signal(&child, "INT");
            signal(&child, "INT");
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(130), "{:?}", output.status);
            assert_eq!(text(&output.stderr), "error: interrupted: no file was written\n");
        };
        of(100_000);
        interrupted(&["--dry-run"]);
        // For which there is room on most disks: it is asked for before the first value.
        of(20_000);
        interrupted(&["-o", "m.safetensors", "--force"]);
        assert_eq!(place.outputs(), ["m.safetensors"]);
        assert_eq!(fs::read_to_string(place.path("m.safetensors")).unwrap(), "old");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn memory_does_not_grow_with_the_model() {
        let place = Workplace::new();
        // 2 GB in one tensor of zeros, which takes little time, under 1 GB of address space.
        let huge = r#"{"h.b": {"dtype": "F64", "shape": [16384, 16384]}}"#;
        fs::write(place.path("s.json"), huge).unwrap();
        fs::write(place.path("plan.toml"), RULES.replace("[[rules]]\nmatch = '*'\n", "# "))
            .unwrap();
        let output = limited(&place, "ulimit -v 1000000", "--dry-run --threads 2");
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
}

/// Mean and standard deviation of a tensor in a file.
fn moments(bytes: &[u8]) -> (f64, f64) {
    let values =
        bytes.chunks_exact(4).map(|b| f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]])));
    let count = (bytes.len() / 4) as f64;
    let mean = values.clone().sum::<f64>() / count;
    let variance = values.map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    (mean, variance.sqrt())
}

#[test]
#[ignore = "slow: writes and reads 498 MB"]
fn gpt2_follows_its_plan() {
    let place = Workplace::new();
    let plan = format!("{EXAMPLES}/gpt2.toml");
    let arguments = ["init", &plan, "-o", "gpt2.safetensors"];
    let output = place.run(env!("CARGO_BIN_EXE_varscale"), &arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let bytes = fs::read(place.path("gpt2.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.len(), 148);
    for planned in Plan::read(Path::new(&plan), None).unwrap().tensors {
        let content = planned.draw.content();
        let (ideal, stddev) = (content.mean().unwrap(), content.stddev().unwrap());
        let count = planned.draw.elements() as f64;
        let (mean, spread) = moments(file.tensor(&planned.name).unwrap().data());
        let name = &planned.name;
        // Standard errors of a normal sample's mean and standard deviation.
        assert!((mean - ideal).abs() <= 5.0 * stddev / count.sqrt(), "{name}: mean {mean}");
        assert!((spread - stddev).abs() <= 5.0 * stddev / (2.0 * count).sqrt(), "{name}: {spread}");
    }
}
