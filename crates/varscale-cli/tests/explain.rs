//! `varscale plan --explain`, as a user runs it.

use std::{
    fs,
    process::{Command, Output},
};

use serde_json::Value;

const SPEC: &str = r#"{
    "h.3.proj.weight": {"dtype": "F32", "shape": [64, 64]},
    "h.3.proj.bias": {"dtype": "BF16", "shape": [64]},
    "qkv": {"dtype": "BF16", "shape": [12, 4]},
    "head.weight": {"dtype": "F32", "shape": [64, 64]},
    "experts": {"dtype": "F32", "shape": [8, 16, 4]},
    "own": {"dtype": "F32", "shape": [2], "initializer": "ones"},
    "left": {"dtype": "F32", "shape": [2]}
}"#;

const PLAN: &str = r#"
spec = "s.json"
seed = 42
layout = "torch"
constants = { layers = 12, stddev = 0.02 }

[[rules]]
match = "left"
skip = true

[[rules]]
match = "h.{layer}.proj.weight"
initializer = { class_name = "TruncatedNormal", config = { stddev = "stddev / sqrt(2 * (layer + 1))", lower = -3, upper = 3 } }
seed = 7

[[rules]]
match = "*.bias"
fans_of = "*.weight"
initializer = { class_name = "RandomUniform", config = { minval = "-1 / sqrt(fan_in)", maxval = 0.3 } }

[[rules]]
match = "qkv"
initializer = "glorot_uniform"
[[rules.regions]]
slice = "0:d0 / 3, :"
initializer = { class_name = "RandomNormal", config = { stddev = "1 / d0" } }

[[rules]]
match = "head.weight"
tie = "h.3.proj.weight"

[[rules]]
match = "experts"
initializer = "he_normal"
"#;

fn explain(tensor: &str, plan: &str, options: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("p.toml"), plan).unwrap();
    fs::write(folder.path().join("s.json"), SPEC).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_varscale"));
    command.args(["plan", "p.toml", "--explain", tensor]).args(options).current_dir(&folder);
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn each_step_is_told() {
    let cases: [(&str, &[&str]); 7] = [
        (
            "h.3.proj.weight",
            &[
                "tensor       h.3.proj.weight (64, 64)",
                "rule         rule 2 (match \"h.{layer}.proj.weight\")",
                "  not        rule 1 (match \"left\")",
                "captures     layer = 3",
                "  where      stddev = \"stddev / sqrt(2 * (layer + 1))\" = 0.0070710678118654745 with \
                 stddev = 0.02, layer = 3",
                "layout       torch (of the plan)",
                "dtype        float32 (of the spec)",
                "seed         7 (of the rule)",
                "size         4,096 values, 16,384 bytes",
            ],
        ),
        (
            "h.3.proj.bias",
            &[
                "fans of      h.3.proj.weight",
                "  where      minval = \"-1 / sqrt(fan_in)\" = -0.125 with fan_in = 64",
                "layout       fans:64/64 (of the tensor that fans_of names)",
                // 0.3 is no bfloat16.
                "bounds       [-0.125, 0.30078125] in bfloat16",
                "seed         42 (of the plan, given)",
            ],
        ),
        (
            "qkv",
            &[
                "axes         12 output, 4 input",
                "fans         fan_in 4, fan_out 12",
                "variance     scale 1 / fan_avg 8 = 0.125",
                "region       [0:4, :] of slice \"0:d0 / 3, :\": RandomNormal",
                "  where      stddev = \"1 / d0\" = 0.25 with d0 = 4",
                "  where      slice = \"d0 / 3\" = 4 with d0 = 12",
            ],
        ),
        ("head.weight", &["tensor       head.weight (64, 64), tied to h.3.proj.weight"]),
        ("left", &["tensor       left (2), skipped", "rule         rule 1 (match \"left\")"]),
        (
            "own",
            &[
                "rule         none: the spec's own initializer",
                "initializer  Ones (of the spec)",
                "seed         none: nothing is drawn",
            ],
        ),
        ("experts", &["axes         8 output, 16 input, 4 receptive"]),
    ];
    for (tensor, lines) in cases {
        let output = explain(tensor, PLAN, &[]);
        let shown = text(&output.stdout);
        for line in lines {
            assert!(shown.lines().any(|shown| shown == *line), "{line}\n{shown}");
        }
    }
    let notes = text(&explain("experts", PLAN, &[]).stdout).to_owned();
    assert!(notes.contains("reads a convolution whose kernel has 4 places"), "{notes}");
}

#[test]
fn json_tells_the_same() {
    let json = |tensor, plan: &str| -> Value {
        serde_json::from_slice(&explain(tensor, plan, &["--json"]).stdout).unwrap()
    };
    let weight = json("h.3.proj.weight", PLAN);
    assert_eq!(weight["captures"]["layer"], 3.0);
    assert_eq!(weight["expressions"][0]["names"]["stddev"], 0.02);
    assert_eq!(weight["passed"], serde_json::json!(["rule 1 (match \"left\")"]));
    assert_eq!(weight["tensor"]["seed"], 7);
    let bias = json("h.3.proj.bias", PLAN);
    assert_eq!(bias["fans_of"], "h.3.proj.weight");
    assert_eq!(bias["tensor"]["stored_bounds"], serde_json::json!([-0.125, 0.30078125]));
    let qkv = json("qkv", PLAN);
    assert_eq!(qkv["regions"][0][1]["value"], 4.0);
    assert_eq!(json("head.weight", PLAN)["tensor"]["to"], "h.3.proj.weight");
    assert_eq!(json("left", PLAN)["fate"], "skipped");
    assert!(json("experts", PLAN)["tensor"]["note"].as_str().unwrap().contains("axes:2/1"));
    // A seed that is drawn to show a plan is none that `init` draws.
    let drawn = json("qkv", &PLAN.replace("seed = 42", ""));
    assert_eq!(drawn["tensor"]["seed"], Value::Null);
    assert_eq!(drawn["origins"]["seed"], "the plan, drawn");
}

#[test]
fn a_name_that_is_none_is_refused_with_those_like_it() {
    for (tensor, near) in [
        ("h.3.proj.wieght", ": there are \"h.3.proj.weight\", \"h.3.proj.bias\""),
        ("0123456789", "\"0123456789\"\n"),
    ] {
        let output = explain(tensor, PLAN, &[]);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2));
        assert!(error.contains("no tensor is called") && error.contains(near), "{error}");
    }
}

/// What a plan says, each of its tensors can be asked for, and a checkpoint of it says again.
#[test]
fn layouts_by_names_are_explained_and_drawn_again() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let spec = r#"{"moe.weight": {"dtype": "F32", "shape": [8, 64, 32]},
        "moe.bias": {"dtype": "F32", "shape": [8, 64]}, "tied": {"dtype": "F32", "shape": [8, 64, 32]}}"#;
    write("s.json", spec);
    write("p.toml", "spec = 's.json'\nseed = 1\nlayout = 'auto'\ninclude = 'i.toml'");
    write(
        "i.toml",
        "layout = 'auto'\n[[rules]]\nmatch = 'tied'\ntie = 'moe.weight'\n[[rules]]\nmatch = '*.bias'\n\
         fans_of = '*.weight'\ninitializer = { class_name = 'RandomUniform', config = { minval = \
         '-1 / sqrt(fan_in)', maxval = '1 / sqrt(fan_in)' } }\nregions = [{ slice = '0, :', initializer = \
         'zeros' }]\n[[rules]]\nmatch = '*'\nlayout = 'axes:2/1'\ninitializer = 'he_normal'",
    );
    let run = |arguments: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_varscale"));
        let output = command.args(arguments.split(' ')).current_dir(&folder).output().unwrap();
        assert!(
            output.status.success(),
            "{arguments}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    run("init p.toml -o m.safetensors -q");
    run("init m.safetensors -o n.safetensors -q");
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    assert_eq!(read("m.safetensors"), read("n.safetensors"));
    for plan in ["p.toml", "m.safetensors"] {
        let explained = run(&format!("plan {plan} --explain moe.bias"));
        assert!(explained.contains("fan_in = 32"), "{explained}");
    }
}
