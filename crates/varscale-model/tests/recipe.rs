//! Recipes: a checkpoint's metadata gives back its plan, stays small, and fits no other tensors.

use std::{fmt::Write as _, fs, sync::atomic::AtomicBool};

use serde_json::{Value, json};
use tempfile::TempDir;
use varscale_model::{Options, Output, Plan, PlanFile, PlanSeed, Recipe, Spec, write};

/// Of every size of elements, in an order that the file has to change.
const SPEC: &str = r#"{
    "count": {"dtype": "I64", "shape": [], "initializer": "zeros"},
    "h.0.w": {"dtype": "F32", "shape": [4, 6], "initializer": "he_normal"},
    "h.0.b": {"dtype": "BF16", "shape": [6], "initializer": "random_uniform"},
    "scale": {"dtype": "F8_E8M0", "shape": [6], "initializer": "he_normal"},
    "h.1.w": {"dtype": "F64", "shape": [6, 4], "initializer":
        {"class_name": "VarianceScaling", "config": {"scale": 0.1, "mode": "fan_out", "seed": -3}}},
    "h.1.b": {"dtype": "F16", "shape": [4], "initializer": "random_uniform"},
    "mask": {"dtype": "BOOL", "shape": [3], "initializer": "ones"},
    "ä\n\"": {"dtype": "F32", "shape": [2, 2], "initializer":
        {"class_name": "Constant", "config": {"value": [[1, 2], [3, 0.1]]}}},
    "empty": {"dtype": "F32", "shape": [0, 2], "initializer": "he_normal"}
}"#;

/// Keys and rules of every kind.
const PLANS: &[&str] = &[
    "seed = 42",
    "",
    "seed = -1",
    "seed = '18446744073709551615'",
    "layout = 'torch'\ndtype = 'bfloat16'\nseed = 1",
    "global_seed = 7\nstream = 'keras-jax'",
    "global_seed = 7\nstream = 'tf-keras-2.9'\n[[rules]]\nmatch = 'h.1.b'\nskip = true",
    "stream = 'keras-numpy'",
    "seed = 5\nstream = 'keras-numpy'\nseeds = 'by-name'",
    "seed = 5\nstream = 'keras-tensorflow'\nseeds = 'same'",
    "stream = 'keras-numpy'\n[[rules]]\nmatch = 'h.0.w'\nseed = 3",
    "seed = 1\n[[rules]]\nmatch = 'h.*.w'\ninitializer = 'glorot_uniform'\nlayout = 'axes:1/0'",
    "seed = 1\n[[rules]]\nmatch = '*.w'\ninitializer = { class_name = 'RandomNormal', config = \
     { stddev = 0.02, seed = { class_name = 'SeedGenerator', config = { seed = 9 } } } }",
    "seed = 1\n[[rules]]\nmatch = '*.w'\ninitializer = { class_name = 'RandomNormal', config = \
     { stddev = 1e-3 } }\nseed = '18446744073709551615'\ndtype = 'float64'",
    "seed = 1\n[[rules]]\nmatch = '*.b'\ndtype = 'int8'\ninitializer = { class_name = 'Constant', \
     config = { value = -7 } }\n[[rules]]\nmatch = 'none'\noptional = true\nskip = true",
    "seed = 1\n[[rules]]\nmatch = '{count,mask,empty}'\nskip = true",
    "constants = { s = 0.1, t = 's / 3' }\n[[rules]]\nmatch = 'h.{l}.w'\ninitializer = { class_name = \
     'RandomNormal', config = { stddev = 't / sqrt(l + d0)', seed = '18446744073709551615' } }\n\
     [[rules]]\nmatch = 'h.{l}.b'\nfans_of = 'h.{l}.w'\ninitializer = { class_name = \
     'VarianceScaling', config = { gain = 'tanh' } }",
    "layout = 'auto'\n[[rules]]\nmatch = '{*.w,empty}'\ninitializer = 'ones'",
    "[[rules]]\nmatch = 'none.*'\noptional = true\ninitializer = { class_name = 'Constant', config = \
     { value = 'of_models_that_have_it' } }",
];

fn plan(spec: &str, rules: &str) -> Plan {
    // In no plan is it drawn.
    let skip = "\n[[rules]]\nmatch = 'scale'\nskip = true";
    let text = format!("spec = 's.json'\n{rules}{skip}");
    let file = PlanFile::from_toml(&text).unwrap_or_else(|error| panic!("{text}\n{error}"));
    Plan::new(&Spec::from_json(spec.as_bytes()).unwrap(), &file, None)
        .unwrap_or_else(|error| panic!("{text}\n{error}"))
}

fn written(plan: &Plan) -> Vec<u8> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("m.safetensors");
    let output = Output::new(path.clone());
    write(plan, &output, Options::default(), &AtomicBool::new(false), &mut |_| ()).unwrap();
    fs::read(path).unwrap()
}

fn recipe(file: &[u8]) -> Result<Recipe, Box<varscale_model::Error>> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("m.safetensors");
    fs::write(&path, file).unwrap();
    Recipe::read(&path).map_err(Box::new)
}

/// The header of a safetensors file.
fn header(file: &[u8]) -> Value {
    let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    serde_json::from_slice(&file[8..8 + length]).unwrap()
}

fn with_header(header: &Value) -> Vec<u8> {
    let json = header.to_string();
    [&(json.len() as u64).to_le_bytes()[..], json.as_bytes()].concat()
}

#[test]
fn a_checkpoint_gives_back_its_plan() {
    for rules in PLANS {
        // Frameworks take no negative seeds.
        let spec = if rules.contains("stream") { SPEC.replace("-3", "3") } else { SPEC.to_owned() };
        let plan = plan(&spec, rules);
        let file = written(&plan);
        // Of the metadata, and not of the values.
        let recipe = recipe(&with_header(&header(&file))).unwrap();
        let mut again = recipe.plan(None).unwrap_or_else(|error| panic!("{rules}\n{error}"));
        // It is drawn no more.
        if let PlanSeed::Drawn(seed) = plan.seed {
            assert_eq!(again.seed, PlanSeed::Given(seed));
            again.seed = plan.seed;
        }
        again.inputs.clear();
        assert_eq!(again, plan, "{rules}");
        assert_eq!(
            serde_json::to_value(&again).unwrap(),
            serde_json::to_value(&plan).unwrap(),
            "{rules}"
        );
        assert!(written(&again) == file, "{rules}");
    }
}

#[test]
fn another_seed_can_be_given() {
    let recipe = recipe(&written(&plan(SPEC, "seed = 42"))).unwrap();
    let other = recipe.plan(Some(7.into())).unwrap();
    assert_eq!(other.seed, PlanSeed::Given(7));
    assert_eq!(other.tensors, plan(SPEC, "seed = 7").tensors);
}

#[test]
fn a_recipe_says_nothing_twice() {
    let mut spec = String::from("{");
    for layer in 0..5000 {
        for part in ["weight", "bias"] {
            let comma = if layer == 0 && part == "weight" { "" } else { "," };
            let _ = write!(
                spec,
                r#"{comma}"h.{layer}.{part}": {{"dtype": "F32", "shape": [1], "initializer": "ones"}}"#
            );
        }
    }
    spec += r#","scale": {"dtype": "F8_E8M0", "shape": [6]}}"#;
    let rules = "seed = 1\n[[rules]]\nmatch = '*.bias'\ninitializer = 'zeros'";
    let header = header(&written(&plan(&spec, rules)));
    let metadata = header["__metadata__"].as_object().unwrap();
    assert!(metadata.keys().all(|key| key == "format" || key.starts_with("varscale.")));
    // The runs of initializers that no rule sets are its longest part.
    let ones = "\n[[rules]]\nmatch = '*.weight'\ninitializer = 'ones'";
    let length = |rules: &str| plan_recipe(&spec, rules).len();
    assert!(length(&format!("{rules}{ones}")) < 1000);
    assert!(length(rules) < 20 * 10_000);
}

fn plan_recipe(spec: &str, rules: &str) -> String {
    let header = header(&written(&plan(spec, rules)));
    header["__metadata__"]["varscale.recipe"].as_str().unwrap().to_owned()
}

#[test]
fn a_recipe_is_the_same_however_the_plan_is_written() {
    let one = "seed = 1\nlayout = 'torch'\n[[rules]]\nmatch = 'h*'\ninitializer = 'he_normal'\n\
               dtype = 'F32'";
    let other = "layout = 'torch'\nseed = 1\n[[rules]]\ndtype = 'float32'\nmatch = 'h*'\n\
                 [rules.initializer]\nclass_name = 'HeNormal'\nconfig = {}";
    assert_eq!(plan_recipe(SPEC, one), plan_recipe(SPEC, other));
}

#[test]
fn a_recipe_of_other_tensors_is_refused() {
    let file = written(&plan(SPEC, "seed = 42"));
    type Change<'a> = &'a dyn Fn(&mut serde_json::Map<String, Value>);
    let changed = |change: Change<'_>| {
        let mut header = header(&file);
        change(header.as_object_mut().unwrap());
        recipe(&with_header(&header)).unwrap_err()
    };
    let other: [Change<'_>; 4] = [
        &|header| drop(header.shift_remove("h.0.w")),
        &|header| header["h.0.w"]["shape"] = json!([6, 4]),
        &|header| header["h.0.w"]["dtype"] = "F64".into(),
        &|header| {
            let w = header["h.0.w"].clone();
            header.insert("h.2.w".into(), w);
        },
    ];
    for change in other {
        let error = changed(change);
        assert!(error.is_input() && error.to_string().contains("of other tensors"), "{error}");
    }
    for (key, part) in [("varscale.recipe", "no recipe"), ("varscale.stream", "varscale.stream")] {
        let error = changed(&|header| {
            drop(header["__metadata__"].as_object_mut().unwrap().shift_remove(key));
        });
        assert!(error.to_string().contains(part), "{error}");
    }
    for (key, value) in [
        ("varscale.recipe", "{"),
        ("varscale.recipe", "{\"later\": 1}"),
        ("varscale.stream", "later"),
        ("varscale.seed", "x"),
    ] {
        let error = changed(&|header| header["__metadata__"][key] = value.into());
        assert!(error.to_string().contains("cannot be read"), "{error}");
    }
    let error = changed(&|header| drop(header.shift_remove("__metadata__")));
    assert!(error.to_string().contains("no recipe"), "{error}");
}
