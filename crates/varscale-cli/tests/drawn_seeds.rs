//! Checkpoints of plans without a seed: what is left of them is gone on with, whoever gives the seed.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

const SPEC: &str = r#"{
    "a.w": {"dtype": "F32", "shape": [10, 20]}, "a.b": {"dtype": "F32", "shape": [20]},
    "b.w": {"dtype": "BF16", "shape": [20, 30]}, "c.w": {"dtype": "F32", "shape": [10, 20]},
    "d.w": {"dtype": "F32", "shape": [10, 20]}
}"#;
const RULES: &str = "[[rules]]\nmatch = '*.b'\ninitializer = 'zeros'\n[[rules]]\nmatch = '*'\n\
                     initializer = 'he_normal'\n";
/// A tensor with a seed of its own rule, which stands where the plan's is one by each name.
const OF_RULE: &str = "[[rules]]\nmatch = 'd.w'\ninitializer = 'he_normal'\nseed = 3\n";
const LIMIT: &[&str] = &["--max-shard-size", "1000"];

struct Workplace(TempDir);

impl Workplace {
    fn new(head: &str, rules: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let plan = |head: &str| format!("spec = 's.json'\n{head}\n{rules}{RULES}");
        fs::write(folder.path().join("s.json"), SPEC).unwrap();
        fs::write(folder.path().join("plan.toml"), plan(head)).unwrap();
        Self(folder)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_varscale"));
        command.args(arguments).current_dir(self.0.path()).output().unwrap()
    }

    fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?}: {message}");
        message
    }

    /// Every file of a folder.
    fn files(&self, folder: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let entries = fs::read_dir(self.0.path().join(folder)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.map(|path| (path.file_name().unwrap().into(), fs::read(&path).unwrap())).collect()
    }

    /// A folder with one of a checkpoint's files, as a killed run may leave it.
    fn with_one(&self, folder: &str, name: &Path, bytes: &[u8]) {
        let folder = self.0.path().join(folder);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(name), bytes).unwrap();
    }
}

fn stated(bytes: &[u8], key: &str) -> Option<String> {
    let metadata = if bytes[0] == b'{' {
        serde_json::from_slice::<Value>(bytes).unwrap()["metadata"].take()
    } else {
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        serde_json::from_slice::<Value>(&bytes[8..8 + length]).unwrap()["__metadata__"].take()
    };
    metadata[key].as_str().map(str::to_owned)
}

/// A single file and shards, of every stream's rule for one seed; resumed from any one file, without a
/// seed, with the one that was drawn, by parts, and by the file's own recipe.
#[test]
fn a_run_that_drew_its_seed_is_resumed() {
    let framework = "stream = 'keras-numpy'";
    let (same, by_name) =
        (format!("{framework}\nseeds = 'same'"), format!("{framework}\nseeds = 'by-name'"));
    // What is given with the seed, and whether it can be given.
    for (head, rules, given) in [
        ("", "", Some(&[][..])),
        ("", OF_RULE, Some(&[])),
        (framework, "", Some(&["--seeds", "by-name"])),
        (framework, OF_RULE, None),
        (&same, OF_RULE, Some(&[])),
        (&by_name, OF_RULE, Some(&[])),
    ] {
        let place = Workplace::new(head, rules);
        for limit in [&[][..], LIMIT] {
            let init = |plan: &str, folder: &str, more: &[&str]| {
                let output = format!("{folder}/m.safetensors");
                let path = place.0.path().join(folder);
                let _ = fs::create_dir(path);
                let arguments = ["init", plan, "-o", &output, "--quiet"];
                place.done(&[&arguments[..], limit, more].concat())
            };
            let _ = fs::remove_dir_all(place.0.path().join("whole"));
            let _ = fs::remove_dir_all(place.0.path().join("given"));
            init("plan.toml", "whole", &[]);
            let whole = place.files("whole");
            assert_eq!(whole.len(), if limit.is_empty() { 1 } else { 5 });
            let (_, first) = whole.first_key_value().unwrap();
            let seed = stated(first, "varscale.seed").unwrap();
            let with_seed = given.map(|given| [&["--seed", &seed], given].concat());
            if let Some(with_seed) = &with_seed {
                init("plan.toml", "given", with_seed);
                assert!(place.files("given") == whole, "{head} {rules}");
            }
            for (name, bytes) in &whole {
                let found = format!("takes {seed}, that of left/{}\n", name.display());
                place.with_one("left", name, bytes);
                let note = init("plan.toml", "left", &["--resume"]);
                assert!(note.contains(&found), "{note:?} does not say {found:?}");
                assert!(place.files("left") == whole, "{head} {rules} {}", name.display());
                if let Some(with_seed) = &with_seed {
                    place.with_one("left", name, bytes);
                    let note = init("plan.toml", "left", &[&["--resume"], &with_seed[..]].concat());
                    assert!(!note.contains("takes"), "{note}");
                    assert!(place.files("left") == whole, "{head} {rules} {}", name.display());
                }
                if !limit.is_empty() {
                    place.with_one("left", name, bytes);
                    for part in ["2/2", "1/2"] {
                        init("plan.toml", "left", &["--resume", "--part", part]);
                    }
                    assert!(place.files("left") == whole, "{head} {rules} {}", name.display());
                }
            }
            // By the whole's own recipe, and a shard by its own.
            let index = "whole/m.safetensors.index.json";
            let file = if limit.is_empty() { "whole/m.safetensors" } else { index };
            let (name, bytes) = whole.first_key_value().unwrap();
            place.with_one("left", name, bytes);
            init(file, "left", &["--resume"]);
            assert!(place.files("left") == whole, "{head} {rules}");
            for (name, bytes) in whole.iter().filter(|(_, bytes)| bytes[0] != b'{') {
                let path = format!("whole/{}", name.display());
                place.done(&["init", &path, "-o", "one.safetensors", "--force", "--quiet"]);
                assert!(fs::read(place.0.path().join("one.safetensors")).unwrap() == *bytes);
            }
            place.done(&["verify", "whole", "--quiet"]);
        }
    }
}

/// Of earlier versions, whose recipes say of every seed whether it was drawn.
#[test]
fn recipes_that_say_drawn_are_drawn_as_they_were() {
    for (head, rules) in
        [("", ""), ("stream = 'keras-numpy'", ""), ("stream = 'keras-numpy'", OF_RULE)]
    {
        let place = Workplace::new(head, rules);
        place.done(&["init", "plan.toml", "-o", "m.safetensors", "--quiet"]);
        let file = fs::read(place.0.path().join("m.safetensors")).unwrap();
        let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
        let mut header: Value = serde_json::from_slice(&file[8..8 + length]).unwrap();
        let metadata = header["__metadata__"].as_object_mut().unwrap();
        let mut recipe: Value =
            serde_json::from_str(metadata["varscale.recipe"].as_str().unwrap()).unwrap();
        let by_rule = rules == OF_RULE && !head.is_empty();
        assert_eq!(recipe.get("drawn").is_some(), by_rule, "{head}");
        recipe["drawn"] = true.into();
        recipe["plan"].as_object_mut().unwrap().shift_remove("seeds");
        metadata["varscale.recipe"] = recipe.to_string().into();
        metadata.shift_remove("varscale.metadata_sha256");
        let header = header.to_string();
        let old =
            [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &file[8 + length..]];
        fs::write(place.0.path().join("old.safetensors"), old.concat()).unwrap();
        place.done(&["init", "old.safetensors", "-o", "again.safetensors", "--force", "--quiet"]);
        let again = fs::read(place.0.path().join("again.safetensors")).unwrap();
        let values = file.len() - 8 - length;
        assert!(again[again.len() - values..] == file[8 + length..], "{head} {rules}");
    }
}

#[test]
fn what_compares_without_a_seed_takes_or_names_that_of_what_is_there() {
    for (head, option) in [("", ""), ("stream = 'keras-numpy'", " --seeds by-name")] {
        let place = Workplace::new(head, "");
        let whole: Vec<_> =
            [&["init", "plan.toml", "-o", "m.safetensors", "--quiet"], LIMIT].concat();
        place.done(&whole);
        let shard = "m-00002-of-00004.safetensors";
        let seed = stated(&fs::read(place.0.path().join(shard)).unwrap(), "varscale.seed").unwrap();
        fs::remove_file(place.0.path().join(shard)).unwrap();
        let output = place.run(&["missing", "plan.toml", "m.safetensors"]);
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "2\n");
        let output = place.run(&["verify", "m-00001-of-00004.safetensors", "plan.toml"]);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2));
        let states = format!("(the checkpoint states --seed {seed}{option})");
        assert!(message.contains(&states), "{message:?} does not say {states:?}");
    }
}
