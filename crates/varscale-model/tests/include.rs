//! What plans include: families by name, and files.

use std::{fs, path::Path, sync::atomic::AtomicBool};

use varscale_model::{Constant, Options, Output, Plan, PlanFile, Spec, write};

const SPEC: &str = r#"{
    "h.0.ln_1.weight": {"dtype": "F32", "shape": [8]},
    "h.0.mlp.c_fc.weight": {"dtype": "F32", "shape": [8, 32]},
    "h.0.mlp.c_fc.bias": {"dtype": "F32", "shape": [32]},
    "h.0.mlp.c_proj.weight": {"dtype": "F32", "shape": [32, 8]}
}"#;

/// A folder with these files, and `model.json`.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [&("model.json", SPEC)].into_iter().chain(files) {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn read(files: &[(&str, &str)]) -> Result<Plan, String> {
    let folder = folder(files);
    let plan = Plan::read(&folder.path().join("plan.toml"), Some(1.into()));
    plan.map_err(|error| error.to_string().replace(&format!("{}/", folder.path().display()), ""))
}

fn classes(plan: &Plan) -> Vec<&str> {
    plan.tensors.iter().map(|tensor| tensor.initializer().class_name()).collect()
}

#[test]
fn a_family_is_included_by_name() {
    let plan = "spec = 'model.json'\ninclude = 'gpt2'\nconstants = { layers = 12 }";
    let plan = read(&[("plan.toml", plan)]).unwrap();
    assert_eq!(classes(&plan), ["Ones", "RandomNormal", "Zeros", "RandomNormal"]);
    assert_eq!(plan.included, ["gpt2 (installed)"]);
}

#[test]
fn own_rules_go_before_included_ones() {
    let plan = "spec = 'model.json'\ninclude = ['more/a.toml', 'gpt2']\n\
                constants = { layers = 12 }\n[[rules]]\nmatch = '*.c_proj.weight'\ninitializer = 'he_normal'";
    let a = "include = '../b.toml'\nlayout = 'torch'\n\
             [[rules]]\nmatch = '*.bias'\ninitializer = 'ones'\noptional = true";
    let b = "[[rules]]\nmatch = '*.c_fc.*'\ninitializer = 'lecun_normal'\n";
    let plan = read(&[("plan.toml", plan), ("more/a.toml", a), ("b.toml", b)]).unwrap();
    assert_eq!(classes(&plan), ["Ones", "LecunNormal", "Ones", "HeNormal"]);
    // An included file's layout is of its own rules.
    let layouts: Vec<_> = plan.tensors.iter().map(|tensor| tensor.layout().to_string()).collect();
    assert_eq!(layouts, ["keras", "keras", "torch", "keras"]);
    let names: Vec<_> = plan.inputs.iter().map(|path| path.file_name().unwrap()).collect();
    assert_eq!(names, ["a.toml", "b.toml", "model.json", "plan.toml"]);
}

/// A family's rules may name what only some of its models have.
#[test]
fn constants_are_needed_where_a_rule_decides() {
    let plan = "spec = 'model.json'\ninclude = 'gpt2'";
    let norms = SPEC.lines().filter(|line| !line.contains("c_proj")).collect::<String>();
    let norms = norms.replace("[32]},}", "[32]}}");
    assert_eq!(classes(&read(&[("plan.toml", plan), ("model.json", &norms)]).unwrap()).len(), 3);
    let message = read(&[("plan.toml", plan)]).unwrap_err();
    assert!(message.contains("needs the constant layers: say it under"), "{message}");
}

/// Also where the rest of the family needs more constants, and in whatever order they come.
#[test]
fn checkpoints_of_what_includes_are_drawn_again() {
    for (include, constants) in [
        ("'llama'", ""),
        ("'gpt2'", "constants = { layers = 12 }"),
        ("['a.toml', 'gpt2']", "constants = { layers = 12, zz = 1 }"),
    ] {
        let plan = format!(
            "spec = 'model.json'\ninclude = {include}\n{constants}\n\
                            [[rules]]\nmatch = '*.c_*.*'\ninitializer = 'he_normal'\noptional = true\n\
                            [[rules]]\nmatch = '*.ln_1.*'\ninitializer = 'ones'\noptional = true"
        );
        let folder = folder(&[("plan.toml", &plan), ("a.toml", "constants = { aa = 'zz' }")]);
        let path = |name: &str| folder.path().join(name);
        let write = |plan: &str, out: &str| {
            let plan = Plan::read(&path(plan), None).unwrap();
            let (output, never) = (Output::new(path(out)), AtomicBool::new(false));
            write(&plan, &output, Options::default(), &never, &mut |_| ()).unwrap();
            fs::read(path(out)).unwrap()
        };
        let first = write("plan.toml", "one.safetensors");
        assert!(write("one.safetensors", "two.safetensors") == first, "{include}");
    }
}

/// A model may be a part of what a file's rules are for.
#[test]
fn all_rules_of_a_file_may_be_optional() {
    let plan = "spec = 'model.json'\ninclude = ['a.toml', 'gpt2']\n\
                constants = { layers = 12 }";
    let rule = "[[rules]]\nmatch = 'x'\ninitializer = 'zeros'";
    let plan = |a: &str| read(&[("plan.toml", plan), ("a.toml", &format!("{a}\n{rule}"))]);
    assert!(plan("").unwrap_err().contains("rule 1 of a.toml"));
    assert_eq!(classes(&plan("optional = true").unwrap())[0], "Ones");
}

#[test]
fn included_constants_are_defaults() {
    let plan = "spec = 's'\ninclude = ['a.toml', 'b.toml']\nconstants = { x = 1 }";
    let a = "include = 'c.toml'\nconstants = { x = 2, y = '2 * x' }";
    let (b, c) = ("constants = { x = 3, y = '2 * x' }", "constants = { y = 5, z = 6 }");
    let folder = folder(&[("plan.toml", plan), ("a.toml", a), ("b.toml", b), ("c.toml", c)]);
    let file = PlanFile::read(&folder.path().join("plan.toml")).unwrap();
    let get = |name| file.constants.get(name).cloned().unwrap();
    assert_eq!(get("x"), Constant::Number(1.0));
    assert_eq!(get("y"), Constant::Expression("2 * x".into()));
    assert_eq!(get("z"), Constant::Number(6.0));
}

#[test]
fn what_cannot_be_included_is_refused() {
    let plan = |line: &str| format!("spec = 'model.json'\n{line}\n");
    type Files<'a> = &'a [(&'a str, &'a str)];
    let cases: &[(&str, Files, &[&str])] = &[
        ("include = 'lama'", &[], &["\"lama\"", "\"gpt2\"", ".toml"]),
        ("include = 3", &[], &["include 3", "a family's name"]),
        ("include = [['gpt2']]", &[], &["include [\"gpt2\"]"]),
        ("include = 'a.toml'", &[], &["cannot read a.toml"]),
        ("include = 'a.toml'", &[("a.toml", "seed = 1")], &["a.toml", "`seed`", "line 1"]),
        ("include = 'a.toml'", &[("a.toml", "spec = 's'")], &["a.toml", "`spec`"]),
        (
            "include = 'a.toml'",
            &[("a.toml", "include = './b.toml'"), ("b.toml", "include = 'a.toml'")],
            &["a circle, a.toml -> b.toml -> a.toml"],
        ),
        (
            "include = ['a.toml', 'b.toml']",
            &[("a.toml", "constants = { x = 1 }"), ("b.toml", "constants = { x = 2 }")],
            &["a.toml and b.toml", "the constant x"],
        ),
        (
            "include = ['gpt2', 'a.toml']",
            &[("a.toml", "[[rules]]\nmatch = 'x'\ninitializer = 'ones'")],
            &["rule 1 of a.toml (match \"x\") matches none"],
        ),
        (
            "include = 'a.toml'",
            &[("a.toml", "[[rules]]\nmatch = '**'\ninitializer = 'ones'\n[[rules]]\nmatch = '*'")],
            &["rule 2 of a.toml (match \"*\") decides nothing", "rule 1 of a.toml"],
        ),
        (
            "include = 'a.toml'",
            &[("a.toml", "[[rules]]\nmatch = 'x'\nskip = true\ndtype = 'float32'")],
            &["a.toml: the rule with match \"x\" skips"],
        ),
    ];
    for (line, files, parts) in cases {
        let plan = plan(line);
        let message = read(&[&[("plan.toml", plan.as_str())], *files].concat()).unwrap_err();
        for part in *parts {
            assert!(message.contains(part), "{message:?} does not say {part:?}");
        }
    }
}

/// Text has no folder that paths are relative to.
#[test]
fn includes_are_read_where_their_folder_is_known() {
    let spec = Spec::from_json(SPEC.as_bytes()).unwrap();
    let file = "spec = 'model.json'\ninclude = 'gpt2'\nconstants = { layers = 12 }";
    let file = PlanFile::from_toml(file).unwrap();
    let message = Plan::new(&spec, &file, Some(1.into())).unwrap_err().to_string();
    assert_eq!(message, "the plan includes \"gpt2\", which were not read");
    let file = file.with_includes(Path::new("")).unwrap();
    assert_eq!(Plan::new(&spec, &file, Some(1.into())).unwrap().tensors.len(), 4);
}
