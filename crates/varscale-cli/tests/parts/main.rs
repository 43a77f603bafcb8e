//! `varscale init --part` and `--resume`, and `varscale missing`, as machines run them that never talk.

mod digests;
mod missing;
mod resume;
mod writing;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

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
