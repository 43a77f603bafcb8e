//! What is drawn as planned, rounded, or usual: no findings.

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use tempfile::TempDir;
use varscale::{Class, Element, F8E4M3, F8E5M2, Scheme};
use varscale_model::{Basis, Checkpoint};

use super::{Error, inspected, plan, written};

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
