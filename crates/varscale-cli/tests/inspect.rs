//! `varscale inspect`, as a user runs it.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use tempfile::TempDir;

const SPEC: &str = r#"{
    "h.0.w": {"dtype": "BF16", "shape": [64, 96]},
    "h.1.w": {"dtype": "BF16", "shape": [64, 96]},
    "h.2.w": {"dtype": "BF16", "shape": [64, 96]},
    "b": {"dtype": "F32", "shape": [96]}}"#;

const PLAN: &str = r#"
    spec = "s.json"
    seed = 1
    layout = "torch"
    [[rules]]
    match = "b"
    initializer = "zeros"
    [[rules]]
    match = "*"
    initializer = "he_normal"
"#;

fn varscale(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_varscale"));
    command.args(arguments).current_dir(folder).output().unwrap()
}

fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("s.json"), SPEC).unwrap();
    fs::write(folder.path().join("plan.toml"), PLAN).unwrap();
    fs::write(folder.path().join("other.toml"), PLAN.replace("torch", "keras")).unwrap();
    let init = ["init", "plan.toml", "-o", "model.safetensors", "--max-shard-size", "20kB", "-q"];
    let output = varscale(folder.path(), &init);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder
}

#[test]
fn layers_share_a_row_unless_one_stands_out() {
    let folder = folder();
    for (arguments, rows, end) in [
        (&["inspect", "."][..], &["h.#.w  x3", "b"][..], "no findings"),
        (&["inspect", ".", "--all"], &["h.0.w", "h.1.w", "h.2.w", "b"], "no findings"),
        (&["inspect", ".", "--match", "*.2.w"], &["h.2.w"], "no findings"),
        (
            &["inspect", "model.safetensors.index.json", "other.toml"],
            &["h.0.w", "h.1.w", "h.2.w", "b"],
            "h.2.w: its standard deviation 0.",
        ),
    ] {
        let output = varscale(folder.path(), arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}");
        let table = text.lines().skip(1).take_while(|line| !line.is_empty());
        let mut names: Vec<_> =
            table.map(|line| line.trim().split("  ").take(2).collect::<Vec<_>>()).collect();
        names.sort();
        let mut expected = rows.to_vec();
        expected.sort_unstable();
        assert_eq!(names.len(), expected.len(), "{text}");
        for (name, expected) in names.iter().zip(expected) {
            assert!(name.join("  ").starts_with(expected), "{text}");
        }
        assert!(text.lines().last().unwrap().starts_with(end), "{text}");
    }
}

#[test]
fn exit_codes() {
    let folder = folder();
    fs::write(folder.path().join("bad.safetensors"), "nothing").unwrap();
    for (arguments, code) in [
        (&["inspect", ".", "--strict"][..], 0),
        (&["inspect", ".", "other.toml", "-q"], 0),
        (&["inspect", ".", "other.toml", "-q", "--strict"], 1),
        (&["inspect", "bad.safetensors"], 2),
        (&["inspect", "none.safetensors"], 2),
        (&["inspect", ".", "--match", "x*"], 2),
        (&["inspect", ".", "--match", "["], 2),
        (&["inspect", ".", "--threads", "9999"], 2),
    ] {
        let output = varscale(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
    }
}

#[test]
fn json_is_one_object_whatever_the_threads() {
    let folder = folder();
    let json =
        |threads| varscale(folder.path(), &["inspect", ".", "--json", "--threads", threads]).stdout;
    let found: serde_json::Value = serde_json::from_slice(&json("1")).unwrap();
    assert_eq!(found["judged_by"], "recipe");
    assert_eq!(found["tensors"].as_array().unwrap().len(), 4);
    assert_eq!(json("1"), json("3"));
}
