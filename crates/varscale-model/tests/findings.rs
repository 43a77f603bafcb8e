//! Findings: every planted fault is found and named, and what is drawn as planned has none.

use std::{path::Path, sync::atomic::AtomicBool};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use tempfile::TempDir;
use varscale::{Class, Element, F8E4M3, F8E5M2, Scheme};
use varscale_model::{
    Basis, Checkpoint, Fault, Inspection, Options, Output, Plan, PlanFile, Selection, Spec,
    inspect, write,
};

type Error = Box<dyn std::error::Error>;

/// Six layers of a model with laws by fans, a constant law, and vectors.
fn spec() -> String {
    let mut tensors = vec![r#""wte": {"dtype": "F32", "shape": [300, 64]}"#.to_owned()];
    for layer in 0..6 {
        for (name, shape) in [
            ("up.weight", "[160, 64]"),
            ("down.weight", "[64, 160]"),
            ("norm.bias", "[64]"),
            ("norm.weight", "[64]"),
        ] {
            tensors.push(format!(r#""h.{layer}.{name}": {{"dtype": "F32", "shape": {shape}}}"#));
        }
    }
    format!("{{{}}}", tensors.join(", "))
}

const RULES: &str = r#"
    spec = "model.json"
    seed = 7
    layout = "torch"
    [[rules]]
    match = "wte"
    initializer = { class_name = "RandomNormal", config = { stddev = 0.02 } }
    [[rules]]
    match = "*.bias"
    initializer = "zeros"
    [[rules]]
    match = "*.norm.weight"
    initializer = "ones"
    [[rules]]
    match = "*"
    initializer = "he_normal"
"#;

fn plan(spec: &str, rules: &str) -> Result<Plan, Error> {
    Ok(Plan::new(&Spec::from_json(spec.as_bytes())?, &PlanFile::from_toml(rules)?, None)?)
}

fn written(plan: &Plan, path: &Path) -> Result<(), Error> {
    let output = Output::new(path).force(true);
    write(plan, &output, Options::default(), &AtomicBool::new(false), &mut |_| ())?;
    Ok(())
}

fn inspected(path: &Path, basis: &Basis) -> Result<Inspection, Error> {
    let checkpoint = Checkpoint::open(path)?;
    let all = Selection::default();
    Ok(inspect(&checkpoint, basis, &all, 2, &AtomicBool::new(false), &mut |_, _| ())?)
}

/// The checkpoint with the values of one tensor changed.
fn planted(
    from: &Path,
    to: &Path,
    change: impl Fn(&mut Vec<(String, Vec<f32>)>),
) -> Result<(), Error> {
    let bytes = std::fs::read(from)?;
    let file = SafeTensors::deserialize(&bytes)?;
    let number = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let values = |view: &TensorView<'_>| view.data().chunks_exact(4).map(number).collect();
    let mut tensors: Vec<(String, Vec<f32>)> =
        file.tensors().iter().map(|(name, view)| (name.clone(), values(view))).collect();
    let shapes: Vec<_> = file.tensors().iter().map(|(_, view)| view.shape().to_vec()).collect();
    change(&mut tensors);
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(_, values)| values.iter().flat_map(|value| value.to_le_bytes()).collect())
        .collect();
    let views = tensors.iter().zip(shapes).zip(&bytes).map(|(((name, _), shape), bytes)| {
        (name.clone(), TensorView::new(Dtype::F32, shape, bytes).expect("sizes fit"))
    });
    Ok(safetensors::serialize_to_file(views, &None, to)?)
}

fn values<'a>(tensors: &'a mut [(String, Vec<f32>)], name: &str) -> &'a mut Vec<f32> {
    let found = tensors.iter_mut().find(|(known, _)| known == name);
    &mut found.expect("it is there").1
}

type Change = fn(&mut Vec<(String, Vec<f32>)>);

/// What is planted into `h.3.up.weight`, and what it is found as: without a plan, and with one.
const PLANTED: &[(&str, Change, Fault, Fault)] = &[
    (
        "double deviation",
        |all| values(all, "h.3.up.weight").iter_mut().for_each(|x| *x *= 2.0),
        Fault::Deviation,
        Fault::Deviation,
    ),
    (
        "copy",
        |all| *values(all, "h.3.up.weight") = values(all, "h.1.up.weight").clone(),
        Fault::EqualTensors,
        Fault::EqualTensors,
    ),
    (
        "1 % NaN",
        |all| values(all, "h.3.up.weight").iter_mut().step_by(100).for_each(|x| *x = f32::NAN),
        Fault::NotFinite,
        Fault::NotFinite,
    ),
    ("zeros", |all| values(all, "h.3.up.weight").fill(0.0), Fault::Zero, Fault::Deviation),
    (
        "one NaN",
        |all| values(all, "h.3.up.weight")[5] = f32::NAN,
        Fault::NotFinite,
        Fault::NotFinite,
    ),
    ("constant", |all| values(all, "h.3.up.weight").fill(0.1), Fault::Constant, Fault::Deviation),
    (
        "transposed fan",
        |all| values(all, "h.3.up.weight").iter_mut().for_each(|x| *x *= (64.0_f32 / 160.0).sqrt()),
        Fault::TransposedFan,
        Fault::TransposedFan,
    ),
    (
        "equal rows",
        |all| values(all, "h.3.up.weight").copy_within(0..64, 10 * 64),
        Fault::EqualRows,
        Fault::EqualRows,
    ),
];

#[test]
fn planted_faults_are_found_and_named() -> Result<(), Error> {
    let folder = TempDir::new()?;
    let (healthy, ill) = (folder.path().join("a.safetensors"), folder.path().join("b.safetensors"));
    let plan = plan(&spec(), RULES)?;
    written(&plan, &healthy)?;
    for basis in [Basis::plan(plan.clone()), Basis::usual_laws()] {
        assert_eq!(inspected(&healthy, &basis)?.findings, []);
    }
    for &(what, change, usual, planned) in PLANTED {
        planted(&healthy, &ill, change)?;
        for (basis, fault) in [(Basis::usual_laws(), usual), (Basis::plan(plan.clone()), planned)] {
            let found = inspected(&ill, &basis)?.findings;
            let named = |one: &varscale_model::Finding| {
                one.fault == fault && &*one.tensor == "h.3.up.weight"
            };
            assert!(found.iter().any(named), "{what}: {found:?}");
            assert!(found.iter().all(|one| &*one.tensor == "h.3.up.weight"), "{what}: {found:?}");
            // Each thing is said once.
            assert_eq!(found.len(), 1, "{what}: {found:?}");
        }
    }
    Ok(())
}

#[test]
fn a_plan_tells_what_chance_does_not() -> Result<(), Error> {
    let folder = TempDir::new()?;
    let (healthy, ill) = (folder.path().join("a.safetensors"), folder.path().join("b.safetensors"));
    let plan = plan(&spec(), RULES)?;
    written(&plan, &healthy)?;
    let cases: &[(&str, Change, Fault, &str)] = &[
        (
            "wte",
            |all| values(all, "wte").iter_mut().for_each(|x| *x += 0.001),
            Fault::Mean,
            "its mean is ",
        ),
        (
            "wte",
            |all| values(all, "wte")[..200].fill(0.0),
            Fault::Zeros,
            "200 of its 19200 values are 0",
        ),
        (
            "h.0.norm.bias",
            |all| values(all, "h.0.norm.bias")[3] = 1.0,
            Fault::Bounds,
            "a value is 1, where all are 0",
        ),
        (
            "h.0.norm.weight",
            |all| values(all, "h.0.norm.weight")[3] = 1.0 + f32::EPSILON * 8.0,
            Fault::Bounds,
            "a value is 1.00000095367431",
        ),
        (
            "h.0.up.weight",
            |all| values(all, "h.0.up.weight").fill(0.0),
            Fault::Deviation,
            "all of its values are 0, and its law's standard deviation is 0.1768",
        ),
    ];
    for &(tensor, change, fault, text) in cases {
        planted(&healthy, &ill, change)?;
        let found = inspected(&ill, &Basis::plan(plan.clone()))?.findings;
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].fault, &*found[0].tensor), (fault, tensor));
        assert!(found[0].text.starts_with(text), "{}", found[0].text);
    }
    Ok(())
}

/// A model's tensors by their number, shape, and whether fans are exchanged, and what is found in them.
type Kinds = &'static [(&'static str, usize, [usize; 2], &'static str)];

const TRANSPOSED: &[(&str, Kinds, usize, Option<Fault>)] = &[
    (
        "a kind, beside 4 times as many",
        &[("h.#.up.w", 2, [256, 64], "fan_out"), ("h.#.k.w", 8, [96, 64], "fan_in")],
        2,
        Some(Fault::TransposedFan),
    ),
    (
        "a kind, beside fewer",
        &[("h.#.up.w", 2, [256, 64], "fan_out"), ("h.#.k.w", 7, [96, 64], "fan_in")],
        0,
        None,
    ),
    (
        "one deviation for all",
        &[
            ("h.#.gate.w", 2, [176, 64], "fan_in"),
            ("h.#.up.w", 2, [176, 64], "fan_in"),
            ("h.#.k.w", 2, [32, 64], "fan_in"),
            ("h.#.v.w", 2, [32, 64], "fan_in"),
            ("h.#.down.w", 2, [64, 176], "fan_out"),
        ],
        0,
        None,
    ),
    (
        "one shape of 8",
        &[
            ("h.0.w", 1, [64, 176], "fan_out"),
            ("h.1#.w", 7, [176, 64], "fan_in"),
            ("h.#.k.w", 8, [96, 128], "fan_in"),
        ],
        1,
        Some(Fault::TransposedShape),
    ),
    (
        "one shape of 3",
        &[("h.0.w", 1, [64, 176], "fan_in"), ("h.1#.w", 2, [176, 64], "fan_in")],
        0,
        None,
    ),
    (
        "two shapes of 8",
        &[("h.0#.w", 2, [64, 176], "fan_in"), ("h.1#.w", 6, [176, 64], "fan_in")],
        0,
        None,
    ),
    (
        "other shapes",
        &[("h.0.w", 1, [64, 176], "fan_in"), ("h.1#.w", 4, [352, 64], "fan_in")],
        0,
        None,
    ),
];

#[test]
fn transposed_kinds_and_shapes_are_found() -> Result<(), Error> {
    let folder = TempDir::new()?;
    let path = folder.path().join("model.safetensors");
    for &(what, kinds, count, fault) in TRANSPOSED {
        let (mut tensors, mut rules) =
            (Vec::new(), String::from("spec = 'm.json'\nlayout = 'torch'\nseed = 3\n"));
        for &(name, count, [rows, columns], mode) in kinds {
            for number in 0..count {
                let name = name.replace('#', &number.to_string());
                tensors
                    .push(format!(r#""{name}": {{"dtype": "F32", "shape": [{rows}, {columns}]}}"#));
                rules += &format!(
                    "[[rules]]\nmatch = '{name}'\ninitializer = {{ class_name = 'VarianceScaling', \
                     config = {{ scale = 2.0, mode = '{mode}', distribution = 'untruncated_normal' }} }}\n"
                );
            }
        }
        written(&plan(&format!("{{{}}}", tensors.join(", ")), &rules)?, &path)?;
        let found = inspected(&path, &Basis::usual_laws())?.findings;
        assert_eq!(found.len(), count, "{what}: {found:?}");
        assert!(found.iter().all(|one| Some(one.fault) == fault), "{what}: {found:?}");
    }
    Ok(())
}

/// What is planted into expert 5 of 8 of a layer, and what it is found as.
const EXPERTS: &[(fn(&mut [f32]), Option<Fault>)] = &[
    (|_| (), None),
    (|expert| expert.fill(0.0), Some(Fault::Zero)),
    (|expert| expert.fill(0.5), Some(Fault::Constant)),
    (|expert| expert.iter_mut().for_each(|x| *x *= 2.0), Some(Fault::Deviation)),
    (|expert| expert.iter_mut().for_each(|x| *x *= 0.5), Some(Fault::Deviation)),
    // Within what trained experts may differ by.
    (|expert| expert.iter_mut().for_each(|x| *x *= 1.1), None),
];

#[test]
fn experts_in_one_tensor_are_compared() -> Result<(), Error> {
    let folder = TempDir::new()?;
    let (healthy, ill) = (folder.path().join("a.safetensors"), folder.path().join("b.safetensors"));
    let tensor =
        |layer| format!(r#""h.{layer}.experts.up": {{"dtype": "F32", "shape": [8, 96, 64]}}"#);
    let spec = (0..4).map(tensor).collect::<Vec<_>>().join(", ");
    let rules = "spec = 'm.json'\nseed = 3\n[[rules]]\nmatch = '*'\n\
                 initializer = { class_name = 'RandomNormal', config = { stddev = 0.02 } }\n";
    written(&plan(&format!("{{{spec}}}"), rules)?, &healthy)?;
    for &(change, fault) in EXPERTS {
        planted(&healthy, &ill, |all| {
            change(&mut values(all, "h.2.experts.up")[5 * 96 * 64..6 * 96 * 64]);
        })?;
        let found = inspected(&ill, &Basis::usual_laws())?.findings;
        let names = found.iter().map(|one| (Some(one.fault), &*one.tensor)).collect::<Vec<_>>();
        match fault {
            None => assert_eq!(found, []),
            fault => assert_eq!(names, [(fault, "h.2.experts.up")], "{found:?}"),
        }
        assert!(found.iter().all(|one| one.text.starts_with("its expert 5 of 8: ")), "{found:?}");
    }
    // Layers in one tensor may scale as they like.
    let layers = spec.replace("experts", "layers");
    written(&plan(&format!("{{{layers}}}"), rules)?, &healthy)?;
    planted(&healthy, &ill, |all| values(all, "h.2.layers.up")[..96 * 64].fill(0.0))?;
    assert_eq!(inspected(&ill, &Basis::usual_laws())?.findings, []);
    Ok(())
}

/// Laws that need numbers of their own.
const WITH_NUMBERS: &[&str] = &[
    "{ class_name = 'LogUniform', config = { minval = 0.001, maxval = 0.1 } }",
    "{ class_name = 'RandomUniform', config = { minval = 0.0, maxval = 1.0 } }",
    "{ class_name = 'RandomNormal', config = { mean = 3.0, stddev = 0.5 } }",
    "{ class_name = 'VarianceScaling', config = { distribution = 'uniform', mode = 'fan_avg' } }",
    "{ class_name = 'Constant', config = { value = 0.3 } }",
];

/// Every class with its defaults, and more, in every dtype: what is drawn has no findings.
#[test]
fn what_is_drawn_as_planned_has_no_findings() -> Result<(), Error> {
    let folder = TempDir::new()?;
    let path = folder.path().join("model.safetensors");
    let names = Class::ALL.iter().map(|class| class.snake_case());
    let usable = |name: &String| Scheme::deserialize(&name.as_str().into()).is_ok();
    let names: Vec<_> = names.filter(usable).map(|name| format!("{name:?}")).collect();
    assert!(names.len() > 12, "{names:?}");
    let initializers = names.iter().map(String::as_str).chain(WITH_NUMBERS.iter().copied());
    for &dtype in varscale::Dtype::ALL {
        let mut tensors = Vec::new();
        let mut rules = String::from("spec = 'm.json'\nlayout = 'torch'\nseed = 3\n");
        for (place, initializer) in initializers.clone().enumerate() {
            tensors.push(format!(r#""t{place}": {{"dtype": "{dtype}", "shape": [512, 400]}}"#));
            rules += &format!("[[rules]]\nmatch = 't{place}'\ninitializer = {initializer}\n");
        }
        let plan = plan(&format!("{{{}}}", tensors.join(", ")), &rules)?;
        written(&plan, &path)?;
        let found = inspected(&path, &Basis::plan(plan))?;
        assert_eq!(found.findings, [], "{dtype}");
        assert!(found.tensors.iter().filter(|one| one.deviations.is_some()).count() > 8);
    }
    Ok(())
}

/// In narrow dtypes laws lose values: what is drawn has no findings, whatever its shape and seed.
#[test]
fn narrow_dtypes_and_small_tensors_have_no_findings() -> Result<(), Error> {
    let folder = TempDir::new()?;
    let path = folder.path().join("model.safetensors");
    let laws = [
        "'he_uniform'",
        "'lecun_uniform'",
        "'glorot_normal'",
        "'random_uniform'",
        "'orthogonal'",
        "{ class_name = 'RandomNormal', config = { mean = 1.0, stddev = 0.02 } }",
        "{ class_name = 'RandomNormal', config = { stddev = 0.02 } }",
        "{ class_name = 'RandomUniform', config = { minval = 0.0, maxval = 0.3 } }",
        "{ class_name = 'LogUniform', config = { minval = 0.001, maxval = 0.1 } }",
    ];
    let shapes = ["2, 2", "4, 4", "3, 8", "16, 17", "403, 496", "3125, 64", "657, 304"];
    for &dtype in varscale::Dtype::ALL {
        for seed in 0..12 {
            let mut tensors = Vec::new();
            let mut rules = format!("spec = 'm.json'\nlayout = 'torch'\nseed = {seed}\n");
            for (law, initializer) in laws.iter().enumerate() {
                for (place, shape) in
                    shapes.iter().enumerate().filter(|&(at, _)| at < 4 || seed < 2)
                {
                    let name = format!("t{law}.{place}.w");
                    tensors
                        .push(format!(r#""{name}": {{"dtype": "{dtype}", "shape": [{shape}]}}"#));
                }
                rules += &format!("[[rules]]\nmatch = 't{law}.*'\ninitializer = {initializer}\n");
            }
            let plan = plan(&format!("{{{}}}", tensors.join(", ")), &rules)?;
            written(&plan, &path)?;
            assert_eq!(inspected(&path, &Basis::plan(plan))?.findings, [], "{dtype}, seed {seed}");
        }
    }
    Ok(())
}

/// The code of an 8-bit dtype's finite value that is nearest, of two that are as near the even one.
fn nearest(number: impl Fn(u8) -> f64, last: u8, value: f64) -> u8 {
    let up = (0..=last).find(|&code| number(code) >= value.abs()).unwrap_or(last);
    let (above, below) = (number(up), number(up.saturating_sub(1)));
    let (to_above, to_below) = (above - value.abs(), value.abs() - below);
    let is_below = to_below < to_above || to_below == to_above && up % 2 == 1;
    (up - u8::from(is_below && up > 0)) | if value < 0.0 { 0x80 } else { 0 }
}

/// A number, and the bytes of its rounding to a dtype.
type Narrow = fn(f64) -> Vec<u8>;

/// Converted to another narrow dtype, values are rounded twice, often from the middle between two, and
/// smallest values are those of one dtype where the digits are those of another.
#[test]
fn converted_checkpoints_have_no_findings() -> Result<(), Error> {
    let folder = TempDir::new()?;
    let path = folder.path().join("model.safetensors");
    let spacious: Narrow = |x| half::bf16::from_f64(x).to_le_bytes().to_vec();
    let fine: Narrow = |x| half::f16::from_f64(x).to_le_bytes().to_vec();
    let e4m3: Narrow = |x| vec![nearest(|code| F8E4M3::from_bits(code).to_f64(), 0x7E, x)];
    let e5m2: Narrow = |x| vec![nearest(|code| F8E5M2::from_bits(code).to_f64(), 0x7B, x)];
    let dtypes = [
        ("BF16", Dtype::BF16, spacious),
        ("F16", Dtype::F16, fine),
        ("F8_E4M3", Dtype::F8_E4M3, e4m3),
        ("F8_E5M2", Dtype::F8_E5M2, e5m2),
    ];
    let laws: Vec<String> = [1e-5, 1e-4, 1e-3, 0.02, 1.0, 20.0]
        .iter()
        .map(|x| format!("{{ class_name = 'RandomNormal', config = {{ stddev = {x} }} }}"))
        .chain(["'he_uniform'", "'glorot_normal'", "'orthogonal'"].map(str::to_owned))
        .collect();
    for (planned, ..) in dtypes {
        let mut tensors = Vec::new();
        let mut rules = String::from("spec = 'm.json'\nlayout = 'torch'\nseed = 3\n");
        // In 8 bits, the smallest laws are refused.
        let skipped = if planned.starts_with("F8") { 3 } else { 0 };
        for (place, initializer) in laws.iter().enumerate().skip(skipped) {
            tensors.push(format!(r#""t{place}": {{"dtype": "{planned}", "shape": [700, 500]}}"#));
            rules += &format!("[[rules]]\nmatch = 't{place}'\ninitializer = {initializer}\n");
        }
        let plan = plan(&format!("{{{}}}", tensors.join(", ")), &rules)?;
        for (stored, dtype, narrow) in dtypes.iter().filter(|(stored, ..)| *stored != planned) {
            written(&plan, &path)?;
            let bytes = std::fs::read(&path)?;
            let file = SafeTensors::deserialize(&bytes)?;
            let number = |bytes: &[u8]| match (planned, bytes) {
                ("BF16", &[a, b]) => half::bf16::from_le_bytes([a, b]).to_f64(),
                (_, &[a, b]) => half::f16::from_le_bytes([a, b]).to_f64(),
                ("F8_E4M3", &[code, ..]) => F8E4M3::from_bits(code).to_f64(),
                (_, bytes) => F8E5M2::from_bits(bytes[0]).to_f64(),
            };
            let all = file.tensors().into_iter().map(|(name, view)| {
                let values = view.data().chunks_exact(view.data().len() / 350_000).map(number);
                (name, values.flat_map(narrow).collect::<Vec<u8>>())
            });
            let all: Vec<_> = all.collect();
            let views = all.iter().map(|(name, bytes)| {
                (name, TensorView::new(*dtype, vec![700, 500], bytes).expect("sizes fit"))
            });
            safetensors::serialize_to_file(views, &None, &path)?;
            let found = inspected(&path, &Basis::plan(plan.clone()))?;
            assert_eq!(found.findings, [], "{planned} to {stored}");
        }
    }
    Ok(())
}

/// Equal rows of few bits, a scale that falls with the depth, and no values at all.
#[test]
fn what_chance_and_usual_scalings_give_has_no_findings() -> Result<(), Error> {
    let folder = TempDir::new()?;
    let path = folder.path().join("model.safetensors");
    let draw = |seed, scale: f32| -> Result<Vec<u8>, Error> {
        let values = Scheme::random_normal(0, 1)?.with_seed(seed).sample::<f32>([1000, 16])?;
        Ok(values.into_iter().flat_map(|value| (value * scale).to_le_bytes()).collect())
    };
    let signs = draw(1, 1.0)?;
    let signs: Vec<u8> = signs
        .chunks_exact(4)
        .flat_map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]).signum().to_le_bytes())
        .collect();
    let (first, second) = (draw(2, 0.02)?, draw(3, 0.01)?);
    let view = |bytes| TensorView::new(Dtype::F32, vec![1000, 16], bytes);
    let tensors = [("signs", view(&signs)?), ("h.1.w", view(&first)?), ("h.2.w", view(&second)?)];
    safetensors::serialize_to_file(tensors, &None, &path)?;
    assert_eq!(inspected(&path, &Basis::usual_laws())?.findings, []);

    let header = r#"{"t":{"dtype":"F32","shape":[4611686018427387904,4611686018427387904,0],"data_offsets":[0,0]}}"#;
    let length = (header.len() as u64).to_le_bytes();
    std::fs::write(&path, [&length[..], header.as_bytes()].concat())?;
    assert_eq!(Checkpoint::open(&path)?.tensors[0].elements(), 0);
    assert_eq!(inspected(&path, &Basis::usual_laws())?.findings, []);
    Ok(())
}

#[test]
fn equal_siblings_of_one_seed_are_as_planned() -> Result<(), Error> {
    let folder = TempDir::new()?;
    let path = folder.path().join("model.safetensors");
    let spec = r#"{"h.0.w": {"dtype": "F32", "shape": [64, 32]},
                   "h.1.w": {"dtype": "F32", "shape": [64, 32]}}"#;
    let rules = "spec = 'm.json'\nlayout = 'torch'\nseed = 3\nstream = 'keras-jax'\n\
                 seeds = 'same'\n[[rules]]\nmatch = '*'\ninitializer = 'he_normal'\n";
    let plan = plan(spec, rules)?;
    written(&plan, &path)?;
    let found = inspected(&path, &Basis::plan(plan))?;
    assert_eq!((found.findings.len(), found.equal.len()), (0, 1));
    assert_eq!(inspected(&path, &Basis::usual_laws())?.findings.len(), 1);
    Ok(())
}

#[test]
fn what_the_plan_ties_is_judged_and_what_it_lacks_is_counted() -> Result<(), Error> {
    let folder = TempDir::new()?;
    let path = folder.path().join("model.safetensors");
    let spec = |names: &[&str]| {
        let one = |name: &&str| format!(r#""{name}": {{"dtype": "F32", "shape": [64, 32]}}"#);
        format!("{{{}}}", names.iter().map(one).collect::<Vec<_>>().join(", "))
    };
    let head = "spec = 'm.json'\nlayout = 'torch'\nseed = 3\n[[rules]]\nmatch = '";
    let all = |law| format!("{head}*'\ninitializer = '{law}'\n");
    written(&plan(&spec(&["wte", "head", "more"]), &all("he_normal"))?, &path)?;
    for (law, findings) in [("he_normal", 0), ("glorot_normal", 2)] {
        let rules =
            format!("{head}head'\ntie = 'wte'\n[[rules]]\nmatch = '*'\ninitializer = '{law}'\n");
        let found = inspected(&path, &Basis::plan(plan(&spec(&["wte", "head"]), &rules)?))?;
        assert_eq!(found.findings.len(), findings, "{law}: {:?}", found.findings);
        let unjudged = found.tensors.iter().filter(|one| one.unjudged.is_some());
        assert_eq!(unjudged.map(|one| &*one.name).collect::<Vec<_>>(), ["more"]);
    }
    Ok(())
}

/// A bias is uniform by the fans of its weight: of its few values alone, no law is named.
#[test]
fn laws_of_short_vectors_are_not_guessed() -> Result<(), Error> {
    let folder = TempDir::new()?;
    let path = folder.path().join("model.safetensors");
    let limit = 0.02 * 3.0_f64.sqrt();
    let values = Scheme::random_uniform(-limit, limit)?.with_seed(1).sample::<f32>([96])?;
    let bytes: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
    let bias = TensorView::new(Dtype::F32, vec![96], &bytes)?;
    safetensors::serialize_to_file([("conv.bias", bias)], &None, &path)?;
    let found = inspected(&path, &Basis::usual_laws())?;
    assert_eq!(found.tensors[0].law.as_deref(), Some("no known law"));
    Ok(())
}

/// Sums of float64's largest values stay finite.
#[test]
fn the_largest_values_have_finite_statistics() -> Result<(), Error> {
    let folder = TempDir::new()?;
    let path = folder.path().join("model.safetensors");
    for scale in [1e200, 1e308, f64::MAX] {
        let values = Scheme::random_uniform(-1, 1)?.with_seed(1).sample::<f64>([64, 64])?;
        let mut values: Vec<f64> = values.into_iter().map(|value| value * scale).collect();
        (values[0], values[1]) = (scale, -scale);
        let bytes: Vec<u8> = values.into_iter().flat_map(f64::to_le_bytes).collect();
        let tensor = TensorView::new(Dtype::F64, vec![64, 64], &bytes)?;
        safetensors::serialize_to_file([("w", tensor)], &None, &path)?;
        let found = inspected(&path, &Basis::usual_laws())?;
        let found = found.tensors[0].statistics.ok_or("they are read")?;
        assert_eq!((found.min, found.max), (Some(-scale), Some(scale)));
        let (mean, stddev) = (found.mean.unwrap_or(f64::NAN), found.stddev.unwrap_or(f64::NAN));
        assert!((mean / scale).abs() < 0.03, "{scale}: {found:?}");
        assert!((stddev / scale * 3.0_f64.sqrt() - 1.0).abs() < 0.03, "{scale}: {found:?}");
    }
    Ok(())
}
