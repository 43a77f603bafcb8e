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

/// Tables are as wide as a window, unless all is asked for; what is not judged is named with its reason.
#[test]
fn tables_are_narrow_and_name_what_is_not_judged() {
    let folder = TempDir::new().unwrap();
    let parts = ["self_attn.q_proj.weight", "self_attn.o_proj.weight", "mlp.gate_proj.weight"];
    let mut spec: Vec<String> = (0..12)
        .flat_map(|layer| parts.map(|part| format!("model.layers.{layer}.{part}")))
        .map(|name| format!(r#""{name}": {{"dtype": "F32", "shape": [160, 128]}}"#))
        .collect();
    for name in ["model.inv_freq.0", "model.inv_freq.1", "conv_in.weight"] {
        spec.push(format!(r#""{name}": {{"dtype": "F32", "shape": [64, 6]}}"#));
    }
    let rules = "spec = 's.json'\nseed = 1\nlayout = 'torch'\n\
        [[rules]]\nmatch = '*.inv_freq.*'\n\
        initializer = { class_name = 'Formula', config = { expression = '1 + u' } }\n\
        [[rules]]\nmatch = 'conv_in.*'\ninitializer = 'he_normal'\n\
        regions = [{ slice = ':32, :', initializer = 'zeros' }]\n\
        [[rules]]\nmatch = '*'\n\
        initializer = { class_name = 'RandomNormal', config = { stddev = 0.02 } }\n";
    fs::write(folder.path().join("s.json"), format!("{{{}}}", spec.join(","))).unwrap();
    fs::write(folder.path().join("plan.toml"), rules).unwrap();
    let written = varscale(folder.path(), &["init", "plan.toml", "-o", "m.safetensors", "-q"]);
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    let shown = |arguments: &[&str]| {
        let output = varscale(folder.path(), &[&["inspect", "m.safetensors"], arguments].concat());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let table = |text: &str| {
        text.lines().take_while(|line| !line.is_empty()).map(|line| line.chars().count()).max()
    };
    let (narrow, wide) = (shown(&[]), shown(&["--wide"]));
    assert!(table(&narrow) <= Some(120) && table(&wide) > Some(120), "{narrow}{wide}");
    for column in ["name", "dtype", "shape", "mean", "stddev", "max", "law"] {
        assert!(narrow.lines().next().unwrap().contains(column), "{narrow}");
    }
    for column in ["kurtosis", "zeros", "not finite", "distinct"] {
        assert!(wide.lines().next().unwrap().contains(column), "{wide}");
    }
    for line in [
        "not judged, since it is of a formula: 2 tensors: model.inv_freq.#\n",
        "not judged, since it has regions: 1 tensor: conv_in.weight\n",
    ] {
        assert!(narrow.contains(line), "{narrow}");
    }
    let one = shown(&["--match", "conv_in.*"]);
    assert!(one.contains("\n1 tensor, 384 values, judged by"), "{one}");
}

/// The number of a law is never cut, and what a plan alone has is listed in a few lines.
#[test]
fn laws_are_whole_and_renamed_tensors_few_lines() {
    let folder = TempDir::new().unwrap();
    let part = "vision_tower.encoder.some_quite_long_name.mlp.experts.gate_up_proj.weight";
    let tensor = |name: &str| format!(r#""{name}": {{"dtype": "F32", "shape": [160, 128]}}"#);
    let spec = |prefix| {
        let names = (0..12).map(|layer| tensor(&format!("{prefix}.{layer}.{part}")));
        format!("{{{}}}", names.collect::<Vec<_>>().join(","))
    };
    let plan = |spec, stddev| {
        format!(
            "spec = '{spec}'\nseed = 1\nlayout = 'torch'\n[[rules]]\nmatch = '*.0.*'\n\
             initializer = {{ class_name = 'RandomNormal', config = {{ stddev = {stddev} }} }}\n\
             [[rules]]\nmatch = '*'\n\
             initializer = {{ class_name = 'RandomNormal', config = {{ stddev = 0.0212345 }} }}\n"
        )
    };
    for (name, content) in [
        ("a.json", spec("h")),
        ("b.json", spec("model.h")),
        ("one.toml", plan("a.json", "0.0212345")),
        ("two.toml", plan("a.json", "0.0312345")),
        ("renamed.toml", plan("b.json", "0.0212345")),
    ] {
        fs::write(folder.path().join(name), content).unwrap();
    }
    for (drawn, arguments, expected) in [
        ("one.toml", &[][..], &["RandomNormal 0.0212345\n"][..]),
        ("two.toml", &[], &["2 laws\n", "\nlayers of several laws: --all shows each\n"]),
        (
            "one.toml",
            &["renamed.toml"],
            &[
                "\n12 findings:\n",
                "\nand 2 more that the checkpoint has not, which --json names\n",
                "\n`varscale verify` pairs tensors that have only other names\n",
            ],
        ),
    ] {
        let init = ["init", drawn, "-o", "m.safetensors", "-q", "--force"];
        assert!(varscale(folder.path(), &init).status.success());
        let output = varscale(folder.path(), &[&["inspect", "m.safetensors"], arguments].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        for line in expected {
            assert!(text.contains(line), "{line}{text}");
        }
        assert!(text.matches("the plan has it, and").count() <= 10, "{text}");
    }
}

/// More shards than a process may have open files.
#[test]
fn many_shards_are_read_with_few_open_files() {
    let folder = TempDir::new().unwrap();
    let tensors: Vec<_> = (0..323)
        .map(|layer| format!(r#""h.{layer}.w": {{"dtype": "F32", "shape": [16, 16]}}"#))
        .collect();
    fs::write(folder.path().join("s.json"), format!("{{{}}}", tensors.join(","))).unwrap();
    fs::write(folder.path().join("plan.toml"), PLAN.replace("match = \"b\"", "match = \"h.7.*\""))
        .unwrap();
    let limited = |arguments: &str| {
        let script = format!("ulimit -n 100 && exec \"$0\" {arguments}");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_varscale")]).current_dir(folder.path());
        let output = shell.output().unwrap();
        assert!(output.status.success(), "{arguments}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    limited("init plan.toml -o model.safetensors --max-shard-size 1KB --digests -q");
    let shards = fs::read_dir(folder.path()).unwrap().filter_map(Result::ok);
    let is_shard = |name: &str| name.starts_with("model-") && name.ends_with(".safetensors");
    let shards = shards.filter(|entry| is_shard(&entry.file_name().to_string_lossy()));
    assert_eq!(shards.count(), 323);
    assert!(limited("inspect .").contains("323 tensors"));
    assert!(limited("verify .").starts_with("identical: 323 tensors"));
    assert!(limited("verify . --digests model*.sha256").starts_with("identical: 323 tensors"));
    limited("init plan.toml -o model.safetensors --max-shard-size 1KB --resume -q");
}
