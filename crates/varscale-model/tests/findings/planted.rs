//! Faults that are planted.

use std::path::Path;

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use tempfile::TempDir;
use varscale_model::{Basis, Fault};

use super::{Error, inspected, plan, written};

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
type OfExpert = (fn(&mut [f32]), Option<Fault>);

const EXPERTS: &[OfExpert] = &[
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
