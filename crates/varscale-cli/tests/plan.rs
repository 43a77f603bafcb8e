//! `varscale plan`, as a user runs it.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");

fn varscale() -> Command {
    Command::new(env!("CARGO_BIN_EXE_varscale"))
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Runs `plan` on a plan file and a spec with this text.
fn plan(rules: &str, spec: &str) -> Output {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("plan.toml"), rules).unwrap();
    fs::write(folder.path().join("s.json"), spec).unwrap();
    varscale().arg("plan").arg(folder.path().join("plan.toml")).output().unwrap()
}

#[test]
fn shows_gpt2() {
    let output = varscale().args(["plan", &format!("{EXAMPLES}/gpt2.toml")]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    let row = table.lines().find(|line| line.contains("h.11.mlp.c_proj.weight")).unwrap();
    let cells: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(
        cells[1..],
        [
            "(3072,",
            "768)",
            "RandomNormal",
            "keras",
            "-",
            "-",
            "-",
            "stddev",
            "0.00408248",
            "42",
            "float32"
        ]
    );
    let mut last = table.lines().rev();
    assert_eq!(last.next(), Some("includes gpt2 (installed)"));
    let totals = last.next().unwrap();
    assert!(totals.starts_with("148 tensors, 124,439,808 parameters, 497,759,232 bytes"));
    assert!(totals.ends_with("seed 42 (given)"), "{totals}");
}

#[test]
fn shows_how_a_layout_reads_the_axes() {
    // Experts, one kernel each, and an embedding whose axes coincide, as Flax's do.
    let spec = r#"{"experts": {"shape": [8, 1792, 512], "dtype": "F32"},
                   "embedding": {"shape": [5000, 64], "dtype": "F32"}}"#;
    for (layout, name, axes) in [
        ("torch", "experts", "output, input, receptive 917504 4096"),
        ("axes:2/1", "experts", "batch, output, input 512 1792"),
        ("jax:-2/0/", "embedding", "input and output, receptive 64 64"),
        ("jax:0,1/1/0", "embedding", "input and batch, input and output 1 1/5000"),
    ] {
        let rules = format!(
            "spec = 's.json'\n[[rules]]\nmatch = '{name}'\ninitializer = 'he_normal'\n\
             layout = '{layout}'\n[[rules]]\nmatch = '*'\ninitializer = 'zeros'"
        );
        let output = plan(&rules, spec);
        let table = text(&output.stdout);
        let row = table.lines().find(|line| line.contains(name)).unwrap();
        let row = row.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(row.contains(&format!("{layout} {axes} ")), "{row}");
    }
}

#[test]
fn json_is_the_whole_plan() {
    let path = format!("{EXAMPLES}/keras-resnet50.toml");
    let output = varscale().args(["plan", "--json", &path]).output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["totals"]["tensors"], 320);
    assert_eq!(json["tensors"][0]["initializer"]["class_name"], "GlorotUniform");
    assert_eq!(json["tensors"][0]["seed"], 42);
    assert_eq!(json["tensors"][0]["scaling"]["fan_out"], 3136);
}

#[test]
fn a_seed_that_is_not_drawn_yet_is_not_shown() {
    let spec = r#"{"w": {"dtype": "F32", "shape": [2], "initializer": "he_normal"},
        "v": {"dtype": "F32", "shape": [2]}}"#;
    let rules = "spec = 's.json'\n[[rules]]\nmatch = 'v'\ninitializer = 'he_normal'\nseed = 9";
    let [first, second] = [(); 2].map(|()| plan(rules, spec).stdout);
    assert_eq!(text(&first), text(&second));
    let lines: Vec<&str> = text(&first).lines().collect();
    let seeds = lines[1..3].iter().map(|line| line.split_whitespace().rev().nth(1).unwrap());
    assert_eq!(seeds.collect::<Vec<_>>(), ["-", "9"]);
    assert!(lines.last().unwrap().ends_with("none yet: init draws one, and --seed N names one"));

    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("plan.toml"), rules).unwrap();
    fs::write(folder.path().join("s.json"), spec).unwrap();
    let json = |options: &[&str]| -> serde_json::Value {
        let mut command = varscale();
        command.args(["plan", "plan.toml", "--json"]).args(options).current_dir(&folder);
        serde_json::from_slice(&command.output().unwrap().stdout).unwrap()
    };
    for (options, seed) in [(&[][..], serde_json::Value::Null), (&["--seed", "5"], 5.into())] {
        let json = json(options);
        assert_eq!(json["seed"], seed);
        assert_eq!(json["tensors"][0]["seed"].is_null(), seed.is_null());
        assert_eq!(json["tensors"][0]["initializer"]["config"]["seed"].is_null(), seed.is_null());
        assert_eq!(json["tensors"][1]["seed"], 9);
    }
}

#[test]
fn a_plan_from_the_standard_input_has_its_spec_in_the_current_folder() {
    let folder = TempDir::new().unwrap();
    let rules = "spec = 's.json'\nseed = 3\n[[rules]]\nmatch = '*'\ninitializer = 'ones'";
    fs::write(folder.path().join("plan.toml"), rules).unwrap();
    let spec = r#"{"w": {"dtype": "F32", "shape": [2]}}"#;
    fs::write(folder.path().join("s.json"), spec).unwrap();
    let run = |plan: &str, input: &str| {
        let input = fs::File::open(folder.path().join(input)).unwrap();
        varscale().args(["plan", plan]).current_dir(&folder).stdin(input).output().unwrap()
    };
    let (file, dash) = (run("plan.toml", "plan.toml"), run("-", "plan.toml"));
    assert!(dash.status.success(), "{}", text(&dash.stderr));
    assert_eq!(text(&file.stdout), text(&dash.stdout));
    let output = run("-", "s.json");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("the standard input"), "{}", text(&output.stderr));
}

#[test]
fn a_closed_pipe_is_no_error() {
    for form in [&[][..], &["--json"]] {
        let mut child = varscale()
            .args(["plan", &format!("{EXAMPLES}/llama-3-8b.toml")])
            .args(form)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        // Dropped after a line, with more to come than the pipe holds.
        BufReader::with_capacity(16, child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        assert_eq!(text(&output.stderr), "");
    }
}

#[test]
fn bad_input_is_named_with_exit_code_2() {
    let one = r#"{"w": {"dtype": "F32", "shape": [2]}}"#;
    let zeros = "spec = 's.json'\n[[rules]]\nmatch = '*'\ninitializer = 'zeros'";
    let drawn = zeros.replace("zeros", "he_normal");
    let cases: [(&str, &str, &[&str]); 10] = [
        ("spec = 's.json'", one, &["\"w\"", "no rule"]),
        ("spec = 's.json'\n[[rules]]\nmatch = 'x*'", one, &["rule 1", "\"x*\""]),
        ("spec = 's.json'\nsed = 3", one, &["plan.toml", "`sed`", "`seed`"]),
        ("spec = 't.json'", one, &["t.json", "cannot read"]),
        ("spec = '.'", one, &["folder without safetensors files"]),
        (zeros, "{", &["s.json", "line 1"]),
        (&drawn, r#"{"w": {"dtype": "I8", "shape": [2]}}"#, &["\"w\"", "int8"]),
        (zeros, r#"{"w": {"dtype": "F4", "shape": [2]}}"#, &["\"w\"", "\"F4\"", "\"BF16\""]),
        (zeros, r#"{"w": {"dtype": "F32", "shape": [-2]}}"#, &["s.json", "\"w\"", "-2"]),
        (zeros, &format!("{{{0}, {0}}}", &one[1..one.len() - 1]), &["\"w\"", "twice"]),
    ];
    for (rules, spec, parts) in cases {
        let output = plan(rules, spec);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(output.stdout.is_empty());
        for part in parts {
            assert!(message.contains(part), "{message:?} does not say {part:?}");
        }
    }
}

#[test]
fn a_checkpoint_shows_its_plan_and_is_drawn_again() {
    let folder = TempDir::new().unwrap();
    let spec = r#"{"w": {"dtype": "F32", "shape": [2]}, "n": {"dtype": "I64", "shape": []}}"#;
    let rules = "spec = 's.json'\n[[rules]]\nmatch = 'w'\ninitializer = 'he_normal'\n[[rules]]\n\
                 match = 'n'\nskip = true";
    fs::write(folder.path().join("s.json"), spec).unwrap();
    fs::write(folder.path().join("plan.toml"), rules).unwrap();
    let run = |arguments: &[&str]| {
        let output = varscale().current_dir(folder.path()).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout).to_owned()
    };
    let init = run(&["init", "plan.toml", "-o", "m.safetensors"]);
    let seed = init.strip_prefix("seed ").unwrap().split(' ').next().unwrap();
    let shown = run(&["plan", "m.safetensors"]);
    assert_eq!(shown, run(&["plan", "plan.toml", "--seed", seed]));
    assert!(shown.contains("skipped") && shown.contains(seed), "{shown}");
    run(&["init", "m.safetensors", "-o", "again.safetensors"]);
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    let values = |name: &str| read(name)[read(name).len() - 8..].to_vec();
    assert_eq!(values("again.safetensors"), values("m.safetensors"));

    let force = ["init", "m.safetensors", "-o", "m.safetensors", "--force"];
    let output = varscale().current_dir(folder.path()).args(force).output().unwrap();
    assert!(text(&output.stderr).contains("is an input"));
}

#[test]
fn a_missing_plan_is_named_with_exit_code_2() {
    let output = varscale().args(["plan", "no/such.toml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("no/such.toml"));
}

/// Of values that the dtype leaves few bits, the reports say so.
#[test]
fn subnormal_values_are_told() {
    let small = "spec = 's.json'\n[[rules]]\nmatch = '*'\n\
                 initializer = { class_name = 'RandomNormal', config = { stddev = 1e-6 } }";
    for (dtype, lost) in [("F16", true), ("BF16", false), ("F32", false)] {
        let spec = format!(r#"{{"w": {{"dtype": "{dtype}", "shape": [2]}}}}"#);
        let output = plan(small, &spec);
        let line = "w: most values are subnormal in float16, and lose bits\n";
        assert_eq!(text(&output.stdout).ends_with(line), lost, "{dtype}");
    }
}
