//! Where commands write, and what they tell, as a user sees it.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use serde_json::Value as Json;
use tempfile::TempDir;

struct Workplace(TempDir);

impl Workplace {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let rules = "spec = 's.safetensors'\nseed = 3\n[[rules]]\nmatch = '*'\ninitializer = \
                     'he_normal'\n";
        fs::write(folder.path().join("plan.toml"), rules).unwrap();
        let header = br#"{"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}"#;
        let trained = [&(header.len() as u64).to_le_bytes()[..], header, &[7; 24]].concat();
        fs::write(folder.path().join("s.safetensors"), trained).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let input = fs::File::open(self.path("plan.toml")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_varscale"));
        command.args(arguments).current_dir(self.0.path()).stdin(input).output().unwrap()
    }

    /// The file that `arguments` write beside their report.
    fn written(&self, arguments: &[&str]) -> Vec<u8> {
        let output = self.run(&[arguments, &["-o", "out.safetensors", "--force"]].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        fs::read(self.path("out.safetensors")).unwrap()
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

const COMMANDS: [&[&str]; 3] =
    [&["init", "plan.toml"], &["init", "-"], &["sample", "--shape", "20,30", "--seed", "1"]];

#[test]
fn only_force_replaces_and_never_an_input() {
    let place = Workplace::new();
    for command in COMMANDS {
        fs::write(place.path("out.safetensors"), "old").unwrap();
        let output = place.run(&[command, &["-o", "out.safetensors"]].concat());
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("out.safetensors: it exists"), "{command:?}");
        assert_eq!(fs::read(place.path("out.safetensors")).unwrap(), b"old");
        assert_ne!(place.written(command), b"old");
    }
    fs::hard_link(place.path("s.safetensors"), place.path("h.safetensors")).unwrap();
    fs::hard_link(place.path("plan.toml"), place.path("p.safetensors")).unwrap();
    let before = fs::read(place.path("s.safetensors")).unwrap();
    for plan in ["plan.toml", "-"] {
        for name in ["s.safetensors", "h.safetensors", "p.safetensors", "./s.safetensors"] {
            let output = place.run(&["init", plan, "--force", "-o", name]);
            let message = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{plan} {name}: {message}");
            assert!(message.contains("it is an input"), "{message}");
        }
    }
    assert_eq!(fs::read(place.path("s.safetensors")).unwrap(), before);
    let help = place.run(&["init", "--help"]);
    assert!(text(&help.stdout).contains("--force"));
}

#[cfg(unix)]
#[test]
fn the_standard_output_has_many_names_and_the_report_goes_elsewhere() {
    let place = Workplace::new();
    for command in COMMANDS {
        let file = place.written(command);
        let mut names = vec!["-"];
        if cfg!(target_os = "linux") {
            names.extend(["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"]);
        }
        for name in names {
            let output = place.run(&[command, &["-o", name]].concat());
            let message = text(&output.stderr);
            assert!(output.status.success(), "{name}: {message}");
            let whole = match command[0] {
                "init" => output.stdout == file,
                // npy, and the same values.
                _ => {
                    output.stdout.starts_with(b"\x93NUMPY") && file.ends_with(&output.stdout[128..])
                }
            };
            assert!(whole && message.contains("seed"), "{command:?} {name}: {message}");
        }
        // Appended to, as the shell does.
        let log = fs::File::create(place.path("log")).unwrap();
        for _ in 0..2 {
            let mut run = Command::new("sh");
            run.args(["-c", "exec \"$@\" >> log", "sh", env!("CARGO_BIN_EXE_varscale")]);
            let name = if cfg!(target_os = "linux") { "/dev/stdout" } else { "-" };
            run.args(command).args(["-q", "-o", name]).current_dir(place.0.path());
            run.stdin(fs::File::open(place.path("plan.toml")).unwrap());
            assert!(run.status().unwrap().success());
        }
        let values = if command[0] == "init" { file.len() } else { 128 + 4 * 600 };
        assert_eq!(log.metadata().unwrap().len(), 2 * values as u64);
    }
}

#[test]
fn reports_are_text_json_or_nothing() {
    let place = Workplace::new();
    for command in [&["init", "plan.toml"][..], COMMANDS[2], &["plan", "plan.toml"]] {
        let to_file = &["-o", "out.safetensors", "--force"][..];
        let options = if command[0] == "plan" { &[][..] } else { to_file };
        let run = |report: &[&str]| place.run(&[command, options, report].concat());
        assert!(!run(&[]).stdout.is_empty());
        let quiet = run(&["--quiet"]);
        assert!(quiet.status.success() && quiet.stdout.is_empty() && quiet.stderr.is_empty());
        let json: Json = serde_json::from_slice(&run(&["--json"]).stdout).unwrap();
        assert!(json["stream"].is_string(), "{json}");
        assert_eq!(run(&["--json", "--quiet"]).status.code(), Some(2));
    }
    let json = |arguments: &[&str]| -> Json {
        serde_json::from_slice(&place.run(arguments).stdout).unwrap()
    };
    let init = json(&["init", "plan.toml", "--dry-run", "--json"]);
    let parts = ["output", "seed", "tensors", "parameters", "bytes"].map(|key| init[key].clone());
    assert_eq!(parts, [Json::Null, 3.into(), 1.into(), 6.into(), 24.into()]);
    let sample = json(&["sample", "--shape", "20,30", "--seed", "1", "--json"]);
    assert_eq!((&sample["values"], &sample["seed"]), (&600.into(), &1.into()));
    assert_eq!(sample["statistics"]["values"], 600);
    assert!(sample["statistics"]["stddev"]["drawn"].is_f64());
}

/// Escape, C1's CSI, line ends, a right-to-left override.
const HOSTILE: &str = "a\u{1b}[2J\u{9b}31m\r\nb\u{202e}";

#[test]
fn control_characters_of_others_are_escaped() {
    let place = Workplace::new();
    let spec = serde_json::json!({HOSTILE: {"dtype": "F32", "shape": [2]}});
    fs::write(place.path("h.json"), spec.to_string()).unwrap();
    let rules = |initializer: &str| {
        format!("spec = 'h.json'\n[[rules]]\nmatch = '*'\ninitializer = '{initializer}'\n")
    };
    fs::write(place.path("plan.toml"), rules("identity")).unwrap();
    let hostile_file = format!("{HOSTILE}.safetensors");
    let out = &["-o", &hostile_file][..];
    let cases: [&[&str]; 8] = [
        &["sample", "--shape", "3", "--name", HOSTILE],
        &[&["sample", "--shape", "3"], out].concat(),
        &[&["sample", "--shape", "3"], out].concat(),
        &["sample", "--shape", HOSTILE],
        &["sample", "--shape", "3", HOSTILE],
        &["plan", HOSTILE],
        &["plan", "plan.toml"],
        &["init", "plan.toml", "-o", "x.safetensors"],
    ];
    for (index, arguments) in cases.iter().enumerate() {
        let output = place.run(arguments);
        let said = [text(&output.stdout), text(&output.stderr)].concat();
        let obeyed = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!said.contains(obeyed), "{arguments:?}: {said:?}");
        assert_eq!(output.status.success(), index < 2, "{said}");
    }
    fs::write(place.path("plan.toml"), rules("ones")).unwrap();
    for report in [&[][..], &["--json"]] {
        let output = place.run(&[&["plan", "plan.toml"], report].concat());
        let said = text(&output.stdout);
        assert!(said.contains("a\\u001b[2J\\u009b31m"), "{said:?}");
        assert!(!said.contains(|c: char| c.is_control() && c != '\n'), "{said:?}");
    }
    let json = place.run(&["plan", "plan.toml", "--json"]).stdout;
    let json: Json = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["tensors"][0]["name"], HOSTILE);
}

#[test]
fn the_command_describes_itself() {
    let place = Workplace::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = place.run(&["completions", shell]);
        assert!(output.status.success() && text(&output.stdout).contains("dry-run"), "{shell}");
    }
    for (page, part) in [(&["man"][..], "completions"), (&["man", "init"], "dry\\-run")] {
        let output = place.run(page);
        assert!(output.status.success() && text(&output.stdout).contains(part), "{page:?}");
    }
    assert_eq!(place.run(&["man", "such"]).status.code(), Some(2));
    for arguments in [&["--help"][..], &["man"]] {
        let output = place.run(arguments);
        assert!(text(&output.stdout).contains("128 + n"), "{arguments:?}");
    }
}

/// More than a signal tells: what happens to a run whose reader leaves.
#[test]
fn readers_may_leave_and_no_file_stays() {
    let place = Workplace::new();
    for command in [&["init", "plan.toml", "-o", "-"][..], &["plan", "plan.toml"]] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_varscale"));
        child.args(command).current_dir(place.0.path()).stdout(Stdio::piped());
        let mut child = child.spawn().unwrap();
        drop(child.stdout.take());
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(fs::read_dir(place.0.path()).unwrap().count(), 2);
}
