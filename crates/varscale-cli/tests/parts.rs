//! `varscale init --part` and `--resume`, and `varscale missing`, as machines run them that never talk.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Ten tensors, of which two are larger than the limit; the header's order is another one.
const SPEC: &str = r#"{
    "a": {"dtype": "F32", "shape": [100]}, "b": {"dtype": "BF16", "shape": [300]},
    "c": {"dtype": "F32", "shape": [40, 50]}, "d": {"dtype": "F64", "shape": [30]},
    "e": {"dtype": "F32", "shape": [200]}, "f": {"dtype": "F32", "shape": [7]},
    "g": {"dtype": "BF16", "shape": [700]}, "h": {"dtype": "F32", "shape": [250]},
    "i": {"dtype": "F32", "shape": [1]},
    "j": {"dtype": "BF16", "shape": [100]}
}"#;
const PLAN: &str = "spec = 's.json'\nseed = 7\n[[rules]]\nmatch = 'd'\ninitializer = 'ones'\n\
                    [[rules]]\nmatch = '*'\ninitializer = 'random_normal'\n";
const LIMIT: [&str; 2] = ["--max-shard-size", "1000"];
const SHARDS: usize = 7;

/// A folder with a plan, and the whole checkpoint as one machine writes it.
struct Workplace {
    folder: TempDir,
    whole: BTreeMap<String, Vec<u8>>,
}

impl Workplace {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("plan.toml"), PLAN).unwrap();
        fs::write(folder.path().join("s.json"), SPEC).unwrap();
        let mut place = Self { folder, whole: BTreeMap::new() };
        assert_done(&place.init("whole", &[]));
        place.whole = place.files("whole");
        assert_eq!(place.whole.len(), SHARDS + 1);
        place
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_varscale"));
        command.args(arguments).current_dir(self.folder.path()).env_clear();
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The command that writes shards into a folder.
    fn init_command(&self, folder: &str, arguments: &[&str]) -> Command {
        let folder = self.path(folder);
        let _ = fs::create_dir(&folder);
        let output = folder.join("m.safetensors");
        let to = ["init", "plan.toml", "-o", output.to_str().unwrap()];
        self.command(&[&to[..], &LIMIT, arguments].concat())
    }

    fn init(&self, folder: &str, arguments: &[&str]) -> Output {
        self.init_command(folder, arguments).output().unwrap()
    }

    fn missing(&self, folder: &str, arguments: &[&str]) -> Output {
        let output = format!("{folder}/m.safetensors");
        self.run(&[&["missing", "plan.toml", &output], arguments].concat())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Every file of a folder.
    fn files(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(self.path(folder)).unwrap().map(|entry| entry.unwrap().path());
        let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
        entries.map(|path| (name(&path), fs::read(&path).unwrap())).collect()
    }

    /// A folder with all of the checkpoint.
    fn copy(&self, folder: &str) {
        fs::create_dir(self.path(folder)).unwrap();
        for (name, bytes) in &self.whole {
            fs::write(self.path(folder).join(name), bytes).unwrap();
        }
    }

    fn shard(&self, folder: &str, number: usize) -> PathBuf {
        self.path(folder).join(format!("m-{number:05}-of-{SHARDS:05}.safetensors"))
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[track_caller]
fn assert_done(output: &Output) {
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[track_caller]
fn assert_fails(output: &Output, parts: &[&str]) {
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    for part in parts {
        assert!(message.contains(part), "{message:?} does not say {part:?}");
    }
}

#[track_caller]
fn assert_prints(output: &Output, expected: &str) {
    assert_done(output);
    assert_eq!(text(&output.stdout), expected, "{}", text(&output.stderr));
}

#[test]
fn parts_make_what_one_machine_makes() {
    let place = Workplace::new();
    for count in [1, 2, 3, SHARDS, SHARDS + 5] {
        let folder = format!("{count}");
        // In another order than theirs; what each finds is nothing to it.
        for number in (1..=count).rev() {
            let output = place.init(&folder, &["--part", &format!("{number}/{count}")]);
            assert_done(&output);
            let report = text(&output.stdout);
            assert!(report.contains(&format!("part {number}/{count} of 7 shards: ")), "{report}");
            assert_eq!(report.contains("nothing to do"), number > SHARDS, "{report}");
            // The first part's last file.
            let index = place.path(&folder).join("m.safetensors.index.json");
            assert_eq!(index.exists(), number == 1);
        }
        assert!(place.files(&folder) == place.whole, "{count} parts");
    }
}

#[test]
fn parts_at_the_same_time_and_again_make_the_same() {
    let place = Workplace::new();
    let parts = ["1/4", "2/4", "3/4", "4/4", "2/4", "1/4", "2/3", "4/4"];
    let children: Vec<_> = parts
        .iter()
        .map(|part| place.init_command("together", &["--part", part, "--resume"]).spawn().unwrap())
        .collect();
    for child in children {
        assert_done(&child.wait_with_output().unwrap());
    }
    assert!(place.files("together") == place.whole);
    let again = place.init("together", &["--part", "2/4"]);
    assert_fails(&again, &["m-00002-of-00007.safetensors: it exists", "--resume keeps"]);
    let forced = place.init("together", &["--part", "2/4", "--force"]);
    assert_done(&forced);
    assert!(place.files("together") == place.whole);
}

#[test]
fn parts_of_two_seeds_are_refused_and_told() {
    let place = Workplace::new();
    assert_done(&place.init("two", &["--part", "1/3", "--seed", "1"]));
    for (arguments, told) in [
        (&["--part", "3/3", "--seed", "2"][..], "m.safetensors.index.json states seed 1"),
        (&["--part", "3/3", "--seed", "2", "--resume"], "and this run is of seed 2"),
    ] {
        assert_fails(&place.init("two", arguments), &[told, "only by force (--force)"]);
    }
    fs::write(place.path("plan.toml"), PLAN.replace("random_normal", "random_uniform")).unwrap();
    let other = place.init("two", &["--part", "3/3", "--seed", "1"]);
    assert_fails(&other, &["states a recipe of digest", "only by force (--force)"]);
    fs::write(place.path("plan.toml"), PLAN).unwrap();
    fs::remove_file(place.path("two/m.safetensors.index.json")).unwrap();
    let first = "m-00001-of-00007.safetensors states seed 1";
    assert_fails(&place.init("two", &["--part", "2/3", "--seed", "2"]), &[first]);
    assert_done(&place.init("two", &["--part", "1/3", "--seed", "1", "--resume"]));
    assert_done(&place.init("two", &["--part", "2/3", "--seed", "1"]));
    assert_done(&place.init("two", &["--part", "3/3", "--seed", "2", "--force"]));
    let output = place.run(&["verify", "two"]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stdout);
    assert!(
        told.contains("of-00007.safetensors and 4 more state seed 2, the index seed 1\n"),
        "{told}"
    );
}

#[test]
fn the_environment_tells_the_part() {
    let place = Workplace::new();
    for (part, environment, resolved) in [
        ("auto", "SLURM_PROCID=1 SLURM_NTASKS=3", "2/3"),
        ("auto/3", "SLURM_ARRAY_TASK_ID=3", "3/3"),
        ("auto/3", "JOB_COMPLETION_INDEX=0", "1/3"),
        ("auto", "RANK=1 WORLD_SIZE=3", "2/3"),
    ] {
        let mut command = place.init_command("environment", &["--part", part, "--force", "--json"]);
        let variables = environment.split(' ').filter_map(|one| one.split_once('='));
        let output = command.envs(variables).output().unwrap();
        assert_done(&output);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["part"], resolved);
    }
    assert!(place.files("environment") == place.whole);
    let mut command = place.init_command("no", &["--part", "auto"]);
    let output = command.env("RANK", "x").output().unwrap();
    assert_fails(&output, &["part auto: invalid RANK \"x\""]);
}

#[test]
fn what_makes_no_checkpoint_is_refused() {
    let place = Workplace::new();
    for part in ["0/3", "4/3", "3", "auto/0", "x"] {
        assert_fails(&place.init("no", &["--part", part]), &["--part", part, "K/N"]);
    }
    let one = ["init", "plan.toml", "-o", "one.safetensors"];
    assert_fails(&place.run(&[&one[..], &["--part", "1/3"]].concat()), &["--max-shard-size"]);
    // Each machine would draw another seed.
    fs::write(place.path("plan.toml"), PLAN.replace("seed = 7\n", "")).unwrap();
    for arguments in [&["--part", "1/3"][..], &["--part", "1/3", "--resume"]] {
        assert_fails(&place.init("no", arguments), &["no seed", "--seed N"]);
    }
    assert_fails(&place.missing("no", &LIMIT), &["no seed", "--seed N"]);
    assert!(place.files("no").is_empty());
    assert_done(&place.init("seven", &["--part", "1/1", "--seed", "7"]));
    assert!(place.files("seven").keys().eq(place.whole.keys()));
}

#[test]
fn helps_say_what_the_limit_is_for() {
    let place = Workplace::new();
    for (command, says, other) in [
        ("init", "Write shards, ", "The limit that init got"),
        ("missing", "The limit that init got", "Write shards, "),
    ] {
        let help = place.run(&[command, "--help"]);
        assert!(text(&help.stdout).contains(says), "{command}");
        assert!(!text(&help.stdout).contains(other), "{command}");
    }
}

#[cfg(unix)]
#[test]
fn files_that_links_make_one_are_refused() {
    use std::os::unix::fs::symlink;
    let place = Workplace::new();
    let (first, second) = ("m-00001-of-00007.safetensors", "m-00002-of-00007.safetensors");
    let index = "m.safetensors.index.json";
    let digests = "m-00001-of-00007.safetensors.sha256";
    for (link, target, arguments) in [
        (first, second, &["--force"][..]),
        (first, "./m-00002-of-00007.safetensors", &[]),
        (second, first, &["--force", "--part", "1/7"]),
        (first, index, &["--force"]),
        (digests, first, &["--force", "--digests"]),
        (digests, first, &["--resume", "--digests"]),
    ] {
        let folder = TempDir::new_in(place.folder.path()).unwrap();
        let name = folder.path().file_name().unwrap().to_str().unwrap().to_owned();
        symlink(target, folder.path().join(link)).unwrap();
        assert_fails(&place.init(&name, arguments), &["by its link, it is the same file as m"]);
        assert!(fs::read(folder.path().join(link)).is_err(), "{link} {arguments:?}");
    }
    // Links to files elsewhere are followed.
    fs::create_dir(place.path("elsewhere")).unwrap();
    fs::create_dir(place.path("linked")).unwrap();
    symlink("../elsewhere/first", place.path("linked").join(first)).unwrap();
    assert_done(&place.init("linked", &[]));
    assert!(place.files("linked") == place.whole);
}

#[test]
fn another_limit_and_a_missing_index_are_named() {
    let place = Workplace::new();
    let limit = ["--max-shard-size", "3000"];
    let told = "the index is of 7 shards, and this limit of their size makes 4";
    let missing = place.missing("whole", &limit);
    assert!(text(&missing.stderr).contains(told), "{}", text(&missing.stderr));
    let init = ["init", "plan.toml", "-o", "whole/m.safetensors", "--resume"];
    assert_fails(&place.run(&[&init[..], &limit].concat()), &[told]);

    fs::remove_file(place.shard("whole", 2)).unwrap();
    let told = "which is not there: 1 of 7 shards is missing (varscale missing tells which)";
    assert_fails(&place.run(&["verify", "whole"]), &[told]);
    fs::remove_file(place.path("whole/m.safetensors.index.json")).unwrap();
    for command in ["plan", "verify"] {
        let told = ["m-00001-of-00007.safetensors", "their index", "is missing"];
        assert_fails(&place.run(&[command, "whole"]), &told);
    }
}

#[test]
fn a_part_is_drawn_without_writing() {
    let place = Workplace::new();
    let bytes = |part: &str| {
        let dry = ["init", "plan.toml", "--dry-run", "--json", "--part", part];
        let output = place.run(&[&dry[..], &LIMIT].concat());
        assert_done(&output);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        (report["shards"].as_u64().unwrap(), report["bytes"].as_u64().unwrap())
    };
    let all = bytes("1/1");
    let parts = ["1/3", "2/3", "3/3"].map(bytes);
    let sum = parts.iter().fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
    assert_eq!((all.0, sum), (SHARDS as u64, all));
    assert!(parts.iter().all(|part| part.1 < all.1));
}

#[test]
fn missing_tells_what_is_left() {
    let place = Workplace::new();
    let limit = &LIMIT[..];
    // Nothing is: no line.
    assert_prints(&place.missing("whole", limit), "");
    assert_prints(&place.missing("whole", &[]), "");
    assert_prints(
        &place.missing("whole", &["--json"]),
        "{\"parts\":7,\"missing\":[],\"wrong\":[]}\n",
    );
    // All is.
    assert_prints(&place.missing("none", limit), "1-7\n");
    assert_prints(&place.missing("none", &[limit, &["--parts", "3"]].concat()), "1-3\n");
    assert_prints(&place.missing("none", &[limit, &["--parts", "9"]].concat()), "1-7\n");
    assert_fails(&place.missing("none", &[]), &["nothing is there", "--max-shard-size"]);

    place.copy("some");
    for number in [3, 5, 6, 7] {
        fs::remove_file(place.shard("some", number)).unwrap();
    }
    for arguments in [limit, &[]] {
        assert_prints(&place.missing("some", arguments), "3,5-7\n");
    }
    // Two shards are a part each, and the others one.
    assert_prints(&place.missing("some", &["--parts", "3"]), "3\n");
    fs::remove_file(place.path("some/m.safetensors.index.json")).unwrap();
    assert_prints(&place.missing("some", &[]), "1,3,5-7\n");

    // Running what is printed, as tasks of an array, makes the whole.
    for task in ["1", "3", "5", "6", "7"] {
        let mut command = place.init_command("some", &["--part", "auto/7", "--resume"]);
        assert_done(&command.env("SLURM_ARRAY_TASK_ID", task).output().unwrap());
    }
    assert_prints(&place.missing("some", &[]), "");
    assert!(place.files("some") == place.whole);

    // What has another length or header is named, and missing.
    place.copy("wrong");
    let path = place.shard("wrong", 2);
    fs::write(&path, &fs::read(&path).unwrap()[..500]).unwrap();
    let path = place.shard("wrong", 4);
    let mut bytes = fs::read(&path).unwrap();
    bytes.push(0);
    fs::write(&path, bytes).unwrap();
    fs::copy(place.shard("wrong", 5), place.shard("wrong", 6)).unwrap();
    let output = place.missing("wrong", limit);
    assert_prints(&output, "2,4,6\n");
    let told = text(&output.stderr);
    assert_eq!(told.lines().count(), 3, "{told}");
    for part in ["m-00002-of", "m-00004-of", "m-00006-of", "bytes and not"] {
        assert!(told.contains(part), "{told}");
    }
    let output = place.missing("wrong", &[limit, &["--json"]].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["missing"], json!([2, 4, 6]));
    assert_eq!(report["wrong"].as_array().unwrap().len(), 3);

    // Only by the name that init got.
    for (name, what) in [
        ("some", "it is a folder"),
        ("some/m.safetensors.index.json", "it is an index"),
        ("some/m-00001-of-00007.safetensors", "it is a shard of \"m\""),
        ("plan.toml", "it is no .safetensors file"),
        ("-", "it is no"),
    ] {
        let output = place.run(&[&["missing", "plan.toml", name], limit].concat());
        assert_fails(&output, &["invalid output", what, "name the file that init got by --output"]);
    }

    // Of one file, too.
    let one = ["init", "plan.toml", "-o", "one.safetensors"];
    assert_prints(
        &place.run(&["missing", "plan.toml", "one.safetensors", "--max-shard-size", "1GB"]),
        "1\n",
    );
    assert_done(&place.run(&one));
    assert_prints(&place.run(&["missing", "plan.toml", "one.safetensors"]), "");
}

/// The shard that an index names for a tensor.
fn shard_of(index: &str, tensor: &str) -> String {
    let index: Value = serde_json::from_str(index).unwrap();
    index["weight_map"][tensor].as_str().unwrap().to_owned()
}

/// The limit is told by what is there, if one way to cut fits it, and by nothing else.
#[test]
fn the_limit_is_told_by_what_is_there() {
    let place = Workplace::new();
    for limit in ["1", "200", "300", "500", "1000", "1500", "3000", "9000", "20000"] {
        let folder = place.path(limit);
        fs::create_dir(&folder).unwrap();
        let output = folder.join("m.safetensors");
        let output = output.to_str().unwrap();
        let init = ["init", "plan.toml", "-o", output, "--max-shard-size", limit, "--json"];
        let done = place.run(&init);
        assert_done(&done);
        let report: Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_prints(&place.run(&["missing", "plan.toml", output]), "");
        let count = report["shards"].as_u64().unwrap();
        for number in 1..=count {
            let name = format!("{limit}/m-{number:05}-of-{count:05}.safetensors");
            if fs::remove_file(place.path(&name)).is_err() {
                continue;
            }
            let given = place.run(&["missing", "plan.toml", output, "--max-shard-size", limit]);
            let told = place.run(&["missing", "plan.toml", output]);
            assert_prints(&told, text(&given.stdout));
            // The index lists all shards, and without it those that are there may not tell.
            let index = place.path(&format!("{limit}/m.safetensors.index.json"));
            let whole = fs::read(&index).unwrap();
            fs::remove_file(&index).unwrap();
            let given = place.run(&["missing", "plan.toml", output, "--max-shard-size", limit]);
            let told = place.run(&["missing", "plan.toml", output]);
            fs::write(&index, whole).unwrap();
            match told.status.success() {
                true => assert_eq!(text(&told.stdout), text(&given.stdout), "{limit} {number}"),
                false => assert_fails(&told, &["cannot tell the shards", "--max-shard-size"]),
            }
        }
    }
    // The index alone, and one that no limit gives.
    fs::create_dir(place.path("index")).unwrap();
    let index = place.path("index/m.safetensors.index.json");
    let whole = text(&place.whole["m.safetensors.index.json"]);
    fs::write(&index, whole).unwrap();
    assert_prints(&place.missing("index", &[]), "1-7\n");
    let (of_i, other) = (format!("\"i\": \"{}", shard_of(whole, "i")), "\"i\": \"m-00001-of-00007");
    assert!(whole.contains(&of_i) && !of_i.starts_with(other), "{whole}");
    let moved = whole.replace(&of_i, &format!("{other}.safetensors"));
    fs::write(&index, moved).unwrap();
    assert_fails(&place.missing("index", &[]), &["another plan", "--max-shard-size"]);
    // Of another plan, and of two numbers of shards.
    place.copy("other");
    fs::write(
        place.path("s.json"),
        SPEC.lines().take(2).collect::<String>() + r#" "d": {"dtype": "F64", "shape": [30]}}"#,
    )
    .unwrap();
    assert_fails(&place.missing("other", &[]), &["another plan"]);
    fs::write(place.path("s.json"), SPEC).unwrap();
    fs::copy(place.shard("other", 1), place.path("other/m-00001-of-00009.safetensors")).unwrap();
    assert_fails(&place.missing("other", &[]), &["some are of 7 and some of 9"]);
}

#[test]
fn a_resumed_run_keeps_what_is_right_and_refuses_what_is_wrong() {
    let place = Workplace::new();
    place.copy("r");
    fs::remove_file(place.shard("r", 2)).unwrap();
    fs::remove_file(place.shard("r", 5)).unwrap();
    let kept = place.shard("r", 4);
    let before = fs::metadata(&kept).unwrap().modified().unwrap();
    let output = place.init("r", &["--resume"]);
    assert_prints(&output, text(&output.stdout));
    assert!(text(&output.stdout).contains("5 kept, 2 written"), "{}", text(&output.stdout));
    assert_eq!(fs::metadata(&kept).unwrap().modified().unwrap(), before);
    assert!(place.files("r") == place.whole);
    let output = place.init("r", &["--resume", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["kept"], &report["shards"]), (&json!(7), &json!(0)));

    // The last value of a shard's first tensor; a byte more; another seed; a tensor's name; the index.
    let bytes = fs::read(&kept).unwrap();
    let flipped = |place: usize| {
        let mut bytes = bytes.clone();
        bytes[place] ^= 1;
        bytes
    };
    let last = flipped(bytes.len() - 1);
    let longer = [&bytes[..], b"x"].concat();
    let at =
        |text: &str| bytes.windows(text.len()).position(|part| part == text.as_bytes()).unwrap();
    let (seed, name) = (at("seed\":\"7") + 7, at("\"h\":") + 1);
    let cases: [(Vec<u8>, &str); 6] = [
        (last, "tensor \"h\" differs from value 249 on"),
        (longer, "bytes and not"),
        (flipped(seed), "another varscale.seed"),
        (flipped(name), "tensor \"i\" is another one"),
        (bytes[..bytes.len() - 1].to_vec(), "bytes and not"),
        (Vec::new(), "m-00004-of-00007.safetensors"),
    ];
    let check = |path: &Path, content: &[u8], told: &str| {
        fs::write(path, content).unwrap();
        fs::remove_file(place.shard("r", 7)).unwrap();
        let output = place.init("r", &["--resume"]);
        assert_fails(
            &output,
            &[path.file_name().unwrap().to_str().unwrap(), "not what the plan says", told],
        );
        assert_eq!(fs::read(path).unwrap(), content);
        assert!(!place.shard("r", 7).exists());
        assert_done(&place.init("r", &["--resume", "--force"]));
        assert!(place.files("r") == place.whole);
    };
    for (content, told) in cases {
        check(&kept, &content, told);
    }
    let index = place.path("r/m.safetensors.index.json");
    check(&index, b"{}", "the index differs from byte 1 on");
    let whole = fs::read(&index).unwrap();
    check(&index, &[&whole[..], b"\n"].concat(), "the index ends at byte");
}

#[test]
fn a_single_file_is_resumed_too() {
    let place = Workplace::new();
    let init = |more: &[&str]| {
        place.run(&[&["init", "plan.toml", "-o", "one.safetensors"], more].concat())
    };
    assert_done(&init(&["--resume"]));
    let whole = fs::read(place.path("one.safetensors")).unwrap();
    let report = |output: Output| -> Value {
        assert_done(&output);
        serde_json::from_slice(&output.stdout).unwrap()
    };
    for digests in [&[][..], &["--digests"], &["--digests"]] {
        let again = report(init(&[&["--resume", "--json"], digests].concat()));
        assert_eq!((&again["kept"], &again["shards"]), (&json!(1), &json!(0)));
        assert_eq!(place.path("one.safetensors.sha256").exists(), !digests.is_empty());
    }
    let mut bytes = whole.clone();
    *bytes.last_mut().unwrap() ^= 0x80;
    fs::write(place.path("one.safetensors"), &bytes).unwrap();
    assert_fails(
        &init(&["--resume"]),
        &["one.safetensors is not what the plan says", "tensor \"j\"", "99"],
    );
    assert_done(&init(&["--resume", "--force"]));
    assert!(fs::read(place.path("one.safetensors")).unwrap() == whole);
    // Nothing of a stream is there.
    assert_fails(&place.run(&["init", "plan.toml", "-o", "-", "--resume"]), &["--resume"]);
}

#[test]
fn digests_of_what_is_kept_are_written_too() {
    let place = Workplace::new();
    assert_done(&place.init("d", &["--digests"]));
    let whole = place.files("d");
    assert_eq!(whole.len(), 2 * (SHARDS + 1));
    // Without digests so far, with some of them, and with all but a shard and its own.
    place.copy("none");
    place.copy("some");
    for (name, bytes) in whole.iter().skip(SHARDS) {
        fs::write(place.path("some").join(name), bytes).unwrap();
    }
    for folder in ["none", "some"] {
        assert_done(&place.init(folder, &["--resume", "--digests"]));
        assert!(place.files(folder) == whole, "{folder}");
    }
    for digests in [place.shard("some", 3), place.path("some/m.safetensors.index.json")] {
        let digests = PathBuf::from(format!("{}.sha256", digests.display()));
        fs::write(&digests, "x").unwrap();
        let name = digests.file_name().unwrap().to_str().unwrap();
        assert_fails(
            &place.init("some", &["--resume", "--digests"]),
            &[name, "digests are others"],
        );
        assert_done(&place.init("some", &["--resume", "--digests", "--force"]));
        assert!(place.files("some") == whole);
    }
}

#[test]
fn digests_without_their_shard_are_kept_where_they_are_right() {
    let place = Workplace::new();
    assert_done(&place.init("d", &["--digests"]));
    let whole = place.files("d");
    let index = place.path("d/m.safetensors.index.json");
    for file in [place.shard("d", 3), index.clone()] {
        fs::remove_file(&file).unwrap();
        assert_done(&place.init("d", &["--resume", "--digests"]));
        assert!(place.files("d") == whole);
        let digests = PathBuf::from(format!("{}.sha256", file.display()));
        fs::remove_file(&file).unwrap();
        fs::write(&digests, "x").unwrap();
        let refused = place.init("d", &["--resume", "--digests"]);
        assert_fails(&refused, &[digests.file_name().unwrap().to_str().unwrap(), "are others"]);
        assert_done(&place.init("d", &["--resume", "--digests", "--force"]));
        assert!(place.files("d") == whole);
    }
    // Nothing is resumed here.
    fs::remove_file(&index).unwrap();
    fs::remove_file(place.shard("d", 1)).unwrap();
    assert_fails(
        &place.init("d", &["--digests", "--part", "1/7"]),
        &["m-00001-of-00007.safetensors.sha256: it exists"],
    );
}

#[test]
fn digests_that_are_not_written_anew_are_named() {
    let place = Workplace::new();
    let one = |more: &[&str]| {
        let command = ["init", "plan.toml", "-o", "one.safetensors"];
        let output = place.run(&[&command[..], more].concat());
        assert_done(&output);
        text(&output.stderr).to_owned()
    };
    assert_eq!(one(&["--digests"]), "");
    let told = one(&["--force", "--seed", "8"]);
    assert!(told.contains("one.safetensors.sha256 has digests that may be"), "{told}");
    assert!(!one(&["--force", "--seed", "8", "--digests"]).contains("sha256"));

    assert_done(&place.init("d", &["--digests"]));
    let told = text(&place.init("d", &["--force"]).stderr).to_owned();
    assert_eq!(told.matches(".sha256 has digests").count(), SHARDS + 1, "{told}");
    let one = ["init", "plan.toml", "-o", "d/m.safetensors", "--max-shard-size", "1GB"];
    let other = place.run(&[&one[..], &["--digests"]].concat());
    assert_done(&other);
    let told = text(&other.stderr);
    // Those of files that are named are theirs.
    assert_eq!(told.lines().count(), SHARDS + 1, "{told}");
    assert!(!told.contains(".sha256"), "{told}");
}

#[test]
fn digests_of_shards_and_their_index_prove_the_checkpoint() {
    let place = Workplace::new();
    assert_done(&place.init("d", &["--digests"]));
    let digests: Vec<_> =
        place.files("d").into_keys().filter(|name| name.ends_with("256")).collect();
    let verify = |of: &[&str]| {
        let digests: Vec<_> = digests.iter().map(|name| format!("d/{name}")).collect();
        let digests = digests.iter().map(String::as_str);
        place.run(
            &["verify"]
                .into_iter()
                .chain(of.iter().copied())
                .chain(["--digests"])
                .chain(digests)
                .collect::<Vec<_>>(),
        )
    };
    for of in [&[][..], &["d"], &["d/m.safetensors.index.json"]] {
        let output = verify(of);
        assert!(output.status.success(), "{of:?}: {}", text(&output.stdout));
    }
    let index = place.path("d/m.safetensors.index.json");
    let bytes = fs::read(&index).unwrap();
    fs::write(&index, [&bytes[..], b"\n"].concat()).unwrap();
    for of in [&[][..], &["d"]] {
        let output = verify(of);
        assert!(output.status.success() && text(&output.stdout).contains("saved again"));
    }
    let changed = text(&bytes).replacen("0.05", "0.06", 1);
    assert!(changed.as_bytes() != bytes);
    fs::write(&index, changed).unwrap();
    for of in [&[][..], &["d"]] {
        assert_eq!(verify(of).status.code(), Some(1), "{of:?}");
    }
    // Of another checkpoint, it is not one that was saved again.
    fs::write(&index, &bytes).unwrap();
    assert_done(&place.init("e", &["--digests", "--seed", "8"]));
    let of_e = digests.iter().map(|name| format!("e/{name}")).collect::<Vec<_>>();
    let of_e = of_e.iter().map(String::as_str);
    let output =
        place.run(&["verify", "d", "--digests"].into_iter().chain(of_e).collect::<Vec<_>>());
    let told = text(&output.stdout);
    assert!(told.contains("not the file of its digest: m.safetensors.index.json\n"), "{told}");
    assert!(!told.contains("saved again"), "{told}");

    // Alone, it proves no tensor, and with a shard's own the others are told.
    fs::write(&index, &bytes).unwrap();
    let mut shard = fs::read(place.shard("d", 2)).unwrap();
    *shard.last_mut().unwrap() ^= 1;
    fs::write(place.shard("d", 2), shard).unwrap();
    let (of_index, of_shard) =
        ("d/m.safetensors.index.json.sha256", "d/m-00001-of-00007.safetensors.sha256");
    for of in [&[][..], &["d"], &["d/m.safetensors.index.json"]] {
        let verify =
            |more: &[&str]| place.run(&[&["verify"], of, &["--digests", of_index], more].concat());
        assert_fails(&verify(&[]), &[of_index, "name the digest files of its shards, too"]);
        let output = verify(&[of_shard]);
        assert_eq!(output.status.code(), Some(1), "{of:?}");
        let told = text(&output.stdout);
        assert!(told.contains("different") && told.contains("without a digest: "), "{told}");
    }
}
