//! Regions: parts of tensors that rules initialize otherwise.

use std::{fs, path::PathBuf, sync::atomic::AtomicBool};

use varscale::{Draw, Scheme, Slice, Tensor};
use varscale_model::{Options, Output, Plan, PlanError, PlanFile, Recipe, Spec, write};

const SPEC: &str = r#"{
    "h.1.qkv.weight": {"dtype": "F32", "shape": [96, 40]},
    "h.2.qkv.weight": {"dtype": "BF16", "shape": [96, 40]},
    "wte.weight": {"dtype": "F32", "shape": [50, 8]},
    "lstm.bias": {"dtype": "F64", "shape": [64]},
    "experts": {"dtype": "F16", "shape": [4, 16, 24]},
    "ids": {"dtype": "I32", "shape": [9]}
}"#;

/// Every kind: thirds, rows, a list, captures and constants, an identity, a seed of its own.
const RULES: &str = r#"
    seed = 42
    layout = "torch"
    constants = { vocabulary = 45, pad = 3 }
    [[rules]]
    match = "h.{layer}.qkv.weight"
    initializer = "glorot_uniform"
    [[rules.regions]]
    slice = ["0:d0/3, :", "d0/3:2*d0/3, :", "2*d0/3:, :"]
    initializer = "glorot_uniform"
    [[rules.regions]]
    slice = "layer, -2:"
    initializer = { class_name = "Constant", config = { value = "layer / d1" } }
    [[rules]]
    match = "wte.*"
    initializer = { class_name = "RandomNormal", config = { stddev = 0.02 } }
    [[rules.regions]]
    slice = ["vocabulary:, :", "pad, :"]
    initializer = "zeros"
    [[rules]]
    match = "lstm.bias"
    initializer = "zeros"
    [[rules.regions]]
    slice = "d0/4:d0/2"
    initializer = "ones"
    [[rules.regions]]
    slice = "0:d0/4"
    initializer = { class_name = "RandomUniform", config = { seed = 18446744073709551615 } }
    [[rules]]
    match = "experts"
    initializer = "he_normal"
    layout = "axes:2/1"
    seed = 7
    [[rules.regions]]
    slice = "1:3, 0:16, 8:24"
    layout = "axes:1/2"
    initializer = "he_normal"
    [[rules]]
    match = "ids"
    initializer = "zeros"
    [[rules.regions]]
    slice = "2:4"
    initializer = { class_name = "Constant", config = { value = -5 } }
"#;

fn plan(spec: &str, rules: &str) -> Result<Plan, PlanError> {
    let file = PlanFile::from_toml(&format!("spec = 's.json'\n{rules}")).unwrap();
    Plan::new(&Spec::from_json(spec.as_bytes()).unwrap(), &file, None)
}

fn all() -> Plan {
    // TOML's own integers end at 2^63 - 1.
    plan(SPEC, &RULES.replace("18446744073709551615", "'18446744073709551615'")).unwrap()
}

fn draw(scheme: Scheme, name: &str, layout: &str, seed: u64, shape: &[usize]) -> Draw {
    let tensor = Tensor::new(shape).named(name).with_layout(layout.parse().unwrap());
    scheme.with_seed(seed).draw(tensor).unwrap()
}

/// The values of a tensor, and those that it should have.
fn values(plan: &Plan, name: &str, expected: Draw) {
    let planned = plan.tensors.iter().find(|planned| &*planned.name == name).unwrap();
    let values: Vec<f64> = planned.draw.to_vec().unwrap();
    assert_eq!(values, expected.to_vec::<f64>().unwrap(), "{name}");
}

#[test]
fn each_kind_is_drawn_as_core_draws_it() {
    let plan = all();
    for (name, layer) in [("h.1.qkv.weight", 1), ("h.2.qkv.weight", 2)] {
        let draw = |shape: &[usize]| draw(Scheme::glorot_uniform(), name, "torch", 42, shape);
        let mut qkv = draw(&[96, 40]);
        for third in 0..3 {
            qkv = qkv.with_region([32 * third, 0], draw(&[32, 40])).unwrap();
        }
        let value = Scheme::constant(f64::from(layer) / 2.0).unwrap().with_seed(0);
        let value = value.draw([1, 2]).unwrap();
        values(&plan, name, qkv.with_region([layer as usize, 38], value).unwrap());
    }
    let zeros = |shape: &[usize]| draw(Scheme::zeros(), "", "keras", 0, shape);
    let normal = Scheme::random_normal(0, 0.02).unwrap();
    let wte = draw(normal, "wte.weight", "torch", 42, &[50, 8]);
    let wte = wte.with_region([45, 0], zeros(&[5, 8])).unwrap();
    values(&plan, "wte.weight", wte.with_region([3, 0], zeros(&[1, 8])).unwrap());

    let ones = draw(Scheme::ones(), "", "keras", 0, &[16]);
    let uniform = Scheme::random_uniform(-0.05, 0.05).unwrap();
    let uniform = draw(uniform, "lstm.bias", "keras", u64::MAX, &[16]);
    let bias = zeros(&[64]).with_region([16], ones).unwrap().with_region([0], uniform).unwrap();
    values(&plan, "lstm.bias", bias);

    let he = |layout, shape: &[usize]| draw(Scheme::he_normal(), "experts", layout, 7, shape);
    let experts = he("axes:2/1", &[4, 16, 24]);
    let within = he("axes:1/2", &[2, 16, 16]);
    values(&plan, "experts", experts.with_region([1, 0, 8], within).unwrap());
    let ids = Scheme::constant(-5).unwrap().with_seed(0).draw([2]).unwrap();
    values(&plan, "ids", zeros(&[9]).with_region([2], ids).unwrap());
}

#[test]
fn a_region_of_the_rules_own_law_changes_nothing() {
    let normal = "initializer = { class_name = 'RandomNormal', config = { stddev = 0.5 } }";
    let rule = format!("seed = 1\n[[rules]]\nmatch = '*'\n{normal}");
    let spec = r#"{"w": {"dtype": "F32", "shape": [60, 70]}}"#;
    let values = |rules: &str| plan(spec, rules).unwrap().tensors[0].draw.to_vec::<f32>().unwrap();
    let plain = values(&rule);
    let same = format!("{rule}\n[[rules.regions]]\nslice = '7:50, 3:69'\n{normal}");
    assert_eq!(values(&same), plain);
    let other = same.replacen("0.5", "0.25", 1);
    let changed = values(&other);
    for (at, (new, old)) in changed.iter().zip(&plain).enumerate() {
        let inside = (7..50).contains(&(at / 70)) && (3..69).contains(&(at % 70));
        assert_eq!(*new, if inside { *old } else { old / 2.0 });
    }
}

/// Bytes do not depend on buffers and threads, and come again from the recipe.
#[test]
fn checkpoints_are_the_same_in_any_pieces_and_from_their_recipes() {
    let path = |name: &str| -> PathBuf {
        let name = format!("varscale-regions-{}-{name}.safetensors", std::process::id());
        std::env::temp_dir().join(name)
    };
    let bytes = |plan: &Plan, name: &str, options| {
        let output = Output::new(path(name)).force(true);
        write(plan, &output, options, &AtomicBool::new(false), &mut |_| ()).unwrap();
        fs::read(path(name)).unwrap()
    };
    let plan = all();
    let whole = bytes(&plan, "whole", Options::default());
    for options in [(1, 1), (3, 4096)].map(|(threads, buffer)| Options {
        threads,
        buffer,
        ..Options::default()
    }) {
        assert!(bytes(&plan, "pieces", options) == whole, "{options:?}");
    }
    let again = Recipe::read(&path("whole")).unwrap().plan(None).unwrap();
    assert_eq!(serde_json::to_value(&again).unwrap(), serde_json::to_value(&plan).unwrap());
    assert!(bytes(&again, "again", Options::default()) == whole);
    for name in ["whole", "pieces", "again"] {
        fs::remove_file(path(name)).unwrap();
    }
}

#[test]
fn plans_tell_their_regions() {
    let plan = all();
    let qkv = &plan.tensors[0];
    let regions: Vec<_> = qkv.regions().collect();
    assert_eq!(regions.len(), 4);
    assert_eq!(regions[1].slice.to_string(), "d0/3:2*d0/3, :");
    assert_eq!(regions[1].region.offset, [32, 0]);
    assert_eq!(regions[1].region.shape(), [32, 40]);
    let json = serde_json::to_value(&plan).unwrap();
    let region = &json["tensors"][0]["regions"][1];
    assert_eq!(region["slice"], "d0/3:2*d0/3, :");
    assert_eq!(region["offset"], serde_json::json!([32, 0]));
    assert_eq!(region["scaling"]["fan_out"], 32);
    assert_eq!(region["seed"], 42);
    // Drawn in a region only: the tensor's own values take no seed.
    assert_eq!(json["tensors"][3]["seed"], serde_json::Value::Null);
    assert!(plan.tensors[0].draw.slice_to_vec::<f32>(&Slice::new([0, 0], [2, 2])).is_ok());
}

#[test]
fn regions_that_do_not_fit_are_refused_by_rule_tensor_and_slice() {
    let ones = "initializer = 'ones'";
    let cases = [
        ("slice = '0:13, :'", ones, "13 leaves axis 0, whose size is 12"),
        ("slice = '0:4'", ones, "it has 1 axes, and the shape [12, 5] has 2"),
        ("slice = '4:4, :'", ones, "it is empty: along axis 0 it is 4:4"),
        ("slice = '0:d0/5, :'", ones, "d0/5 = 2.4 is no whole number"),
        ("slice = ['0, :', '12, :']", ones, "it leaves axis 0, whose size is 12"),
        (
            "slice = '0, :'",
            "initializer = { class_name = 'Constant', config = { value = 1e39 } }",
            "overflow float32",
        ),
        ("slice = '0, :'", "initializer = 'he_normal'\nlayout = 'axes:7/0'", "names axis 7"),
    ];
    let spec = r#"{"w": {"dtype": "F32", "shape": [12, 5]}}"#;
    for (slice, initializer, reason) in cases {
        let rule = "[[rules]]\nmatch = 'w'\ninitializer = 'zeros'\n[[rules.regions]]";
        let error = plan(spec, &format!("{rule}\n{slice}\n{initializer}")).unwrap_err().to_string();
        let slice = slice.rsplit('\'').nth(1).unwrap();
        for part in ["tensor \"w\"", "rule 1 (match \"w\")", &format!("{slice:?}"), reason] {
            assert!(error.contains(part), "{part} in {error}");
        }
    }
}

#[test]
fn what_no_region_is_is_refused() {
    let region = |region: &str| {
        let rule = "[[rules]]\nmatch = 'w'\ninitializer = 'zeros'\n[[rules.regions]]";
        let file = PlanFile::from_toml(&format!("spec = ''\n{rule}\n{region}"));
        let spec = br#"{"w": {"dtype": "I32", "shape": [12]}}"#;
        match file {
            Err(error) => error.to_string(),
            Ok(file) => {
                Plan::new(&Spec::from_json(spec).unwrap(), &file, None).unwrap_err().to_string()
            }
        }
    };
    let cases = [
        ("slice = '0:2'", "missing field `initializer`"),
        ("initializer = 'ones'", "missing field `slice`"),
        ("slice = []\ninitializer = 'ones'", "an empty list of slices"),
        ("slice = 3\ninitializer = 'ones'", "invalid slice 3: write it in quotes"),
        ("slice = '0:9:2'\ninitializer = 'ones'", "it has a step"),
        ("slice = '0:2'\ninitializer = 'ones'\nseed = 3", "unknown field `seed`"),
        ("slice = '0:layers'\ninitializer = 'ones'", "layers"),
        ("slice = '0:2'\ninitializer = 'he_normal'", "int32 cannot hold"),
        ("slice = '0:2'\ninitializer = { class_name = 'Constant', config = { value = 'x' } }", "x"),
    ];
    for (text, reason) in cases {
        let error = region(text);
        assert!(error.contains(reason), "{reason} in {error}");
    }
    let skips = "spec = ''\n[[rules]]\nmatch = 'w'\nskip = true\n[[rules.regions]]\nslice = '0'\n\
                 initializer = 'ones'";
    assert!(PlanFile::from_toml(skips).unwrap_err().to_string().contains("it can set nothing"));
}

#[test]
fn frameworks_streams_take_constant_regions() {
    let spec = r#"{"w": {"dtype": "F32", "shape": [12, 5]}}"#;
    let rules = |initializer: &str| {
        format!(
            "stream = 'keras-torch'\nseed = 3\n[[rules]]\nmatch = 'w'\ninitializer = 'he_normal'\n\
             [[rules.regions]]\nslice = '1:3, :'\ninitializer = '{initializer}'"
        )
    };
    let values: Vec<f32> = plan(spec, &rules("ones")).unwrap().tensors[0].draw.to_vec().unwrap();
    let plain = rules("ones");
    let plain = plan(spec, &plain[..plain.find("[[rules.regions]]").unwrap()]).unwrap();
    let mut expected: Vec<f32> = plain.tensors[0].draw.to_vec().unwrap();
    expected[5..15].fill(1.0);
    assert_eq!(values, expected);
    let error = plan(spec, &rules("he_normal")).unwrap_err().to_string();
    assert!(error.contains("a region cannot be drawn from stream keras-torch"), "{error}");
}
