//! Properties that hold for any bytes: the fuzz targets call them, and the tests of this crate
//! replay the corpus through them. A property panics where it does not hold.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use varscale::{
    ConfigForm, Expression, Fans, Initializer, Layout, Mode, Slice, Tensor, element_count,
    parse_shape,
};
use varscale_model::{Plan, PlanFile, Spec};

/// The examples of the repository's documents are tests: of this crate, because a published one
/// cannot reach out of its package.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../../../README.md")]
    struct Readme;
    #[doc = include_str!("../../../docs/executors.md")]
    struct Executors;
    #[doc = include_str!("../../../docs/extending.md")]
    struct Extending;
    #[doc = include_str!("../../../docs/rust.md")]
    struct Rust;
}

/// A fuzz target: its name, which is that of its corpus, and its property.
pub type Target = (&'static str, fn(&[u8]));

/// Every fuzz target.
pub const TARGETS: [Target; 6] = [
    ("config", config),
    ("expression", expression),
    ("layout", layout),
    ("plan", plan),
    ("shape", shape),
    ("spec", spec),
];

/// A config that loads can be written in every form, and loads again from that text as the same
/// initializer, which writes the same text in the form it is found to be in.
pub fn config(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return };
    let initializer = match Initializer::deserialize(&value) {
        Ok(initializer) => initializer,
        Err(error) => return drop(error.to_string()),
    };
    for form in [ConfigForm::Keras3, ConfigForm::Keras3WithoutAxes, ConfigForm::Keras2] {
        let text = initializer.serialize(form).to_string();
        let value = serde_json::from_str::<Value>(&text).expect("what is written is JSON");
        let again = Initializer::deserialize(&value).expect("what is written loads");
        assert_eq!(again.serialize(form).to_string(), text);
        assert_eq!(again.serialize(ConfigForm::of(&value)).to_string(), text);
        assert_eq!(again.explain([4, 6]), initializer.explain([4, 6]));
    }
}

/// An expression that parses is a finite number or none, and the same with its numbers written in it.
pub fn expression(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let expression = match Expression::parse(text) {
        Ok(expression) => expression,
        Err(error) => return drop(error.to_string()),
    };
    for number in [0.0, 1.0, -0.7, 12.0, 1e300] {
        let value = expression.evaluate(&|_| Some(number));
        let bits = value.as_ref().map(|value| value.to_bits()).ok();
        assert!(value.is_ok_and(f64::is_finite) || bits.is_none());
        // Too long or too deep with numbers for names.
        let Ok(written) = expression.with(&|_| Some(number)) else { continue };
        assert!(written.names().is_empty());
        assert_eq!(written.evaluate(&|_| None).map(f64::to_bits).ok(), bits);
    }
}

/// A shape that parses is the same after printing and parsing again, and the slice of all of it
/// has its elements.
pub fn shape(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let shape = match parse_shape(text) {
        Ok(shape) => shape,
        Err(error) => return drop(error.to_string()),
    };
    let printed = shape.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
    assert_eq!(parse_shape(&printed).as_ref(), Ok(&shape));
    assert_eq!(Slice::whole(&shape).check(&shape), element_count(&shape));
}

/// A layout that parses is the same after printing and parsing again. The first line is the
/// layout, the second a shape, whose fans divide its elements, where they are counted, and no scale
/// by less than 1, unless they are fractions.
pub fn layout(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let (layout, shape) = text.split_once('\n').unwrap_or((text, ""));
    let layout = match layout.parse::<Layout>() {
        Ok(layout) => layout,
        Err(error) => return drop(error.to_string()),
    };
    assert_eq!(layout.to_string().parse().as_ref(), Ok(&layout));

    let Ok(shape) = parse_shape(shape) else { return };
    let fans = match Fans::new(&shape, &layout) {
        Ok(fans) => fans,
        Err(error) => return drop(error.to_string()),
    };
    assert_eq!(fans.roles.len(), shape.len());
    let whole = fans.fan_in.whole().zip(fans.fan_out.whole());
    let least = if whole.is_some() { 1.0 } else { f64::MIN_POSITIVE };
    for &mode in Mode::ALL {
        assert!((least..=u64::MAX as f64).contains(&fans.divisor(mode)));
    }
    let elements = element_count(&shape).expect("counted with the fans");
    if let Some((fan_in, fan_out)) = whole
        && elements > 0
        && !layout.to_string().starts_with("fans:")
    {
        assert!(elements.is_multiple_of(fan_in) && elements.is_multiple_of(fan_out));
    }
}

/// A spec that loads is the same after writing and loading again, and in a safetensors file too.
pub fn spec(bytes: &[u8]) {
    // Most bytes claim an impossible header: the interesting ones begin with a possible length.
    if let Err(error) = Spec::from_safetensors(bytes, bytes.len() as u64) {
        drop(error.to_string());
    }
    let spec = match Spec::from_json(bytes) {
        Ok(spec) => spec,
        Err(error) => return drop(error.to_string()),
    };
    let mut written = Map::new();
    for tensor in &spec.tensors {
        let mut entry = json!({"dtype": tensor.dtype, "shape": tensor.shape});
        if let Some(initializer) = &tensor.initializer {
            entry["initializer"] = (**initializer).clone();
        }
        assert_eq!(written.insert(tensor.name.to_string(), entry), None, "each name stands once");
    }
    let written = Value::Object(written).to_string();
    assert_eq!(Spec::from_json(written.as_bytes()).expect("what is written loads"), spec);

    let file = [&(bytes.len() as u64).to_le_bytes(), bytes].concat();
    let length = file.len() as u64;
    assert_eq!(Spec::from_safetensors(&file[..], length).expect("it holds the same spec"), spec);
}

/// A tensor of every rank, dtype and kind of name, and one with an initializer of its own.
static SPEC: LazyLock<Spec> = LazyLock::new(|| {
    let spec = json!({
        "conv.weight": {"dtype": "F32", "shape": [8, 4, 3, 3]},
        "conv.bias": {"dtype": "BF16", "shape": [8]},
        "fc/kernel": {"dtype": "float64", "shape": [784, 256]},
        "step": {"dtype": "I64", "shape": []},
        "empty": {"dtype": "F16", "shape": [0, 3], "initializer": "glorot_uniform"},
    });
    Spec::from_json(spec.to_string().as_bytes()).expect("a spec")
});

/// A plan file that loads, and fits a spec, makes a plan that reports all that its values depend
/// on: initializers, shapes, names and layouts read back from its JSON draw the same.
pub fn plan(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let rules = match PlanFile::from_toml(text) {
        Ok(rules) => rules,
        Err(error) => return drop(error.to_string()),
    };
    let plan = match Plan::new(&SPEC, &rules, None) {
        Ok(plan) => plan,
        Err(error) => return drop(error.to_string()),
    };
    let json =
        serde_json::from_str::<Value>(&serde_json::to_string(&plan).expect("JSON")).expect("JSON");
    for (planned, reported) in plan.tensors.iter().zip(json["tensors"].as_array().expect("a list"))
    {
        let initializer = Initializer::deserialize(&reported["initializer"]).expect("it loads");
        let layout = reported["layout"].as_str().expect("a layout is text").parse::<Layout>();
        let shape = serde_json::from_value::<Vec<usize>>(reported["shape"].clone());
        let tensor = Tensor::new(shape.expect("a shape is a list"))
            .named(reported["name"].as_str().expect("a name is text"))
            .with_layout(layout.expect("it parses"));
        assert_eq!(initializer.draw_call(&tensor, 0), Ok(planned.draw.clone()));
        assert_eq!(reported["dtype"], planned.dtype().to_string());
    }
}
