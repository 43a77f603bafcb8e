//! Expressions in plans: constants, captures, sizes, fans, those of siblings, and gains.

use serde_json::{Value, json};
use varscale::{Content, Law};
use varscale_model::{Plan, PlanFile, PlannedTensor, Spec};

const SPEC: &str = r#"{
    "h.0.fc.weight": {"dtype": "F32", "shape": [32, 8]},
    "h.0.fc.bias": {"dtype": "F32", "shape": [32]},
    "h.11.fc.weight": {"dtype": "F32", "shape": [32, 8]},
    "h.11.fc.bias": {"dtype": "F32", "shape": [32]}
}"#;

fn plan(plan: &str) -> Result<Plan, String> {
    let spec = Spec::from_json(SPEC.as_bytes()).unwrap();
    let rest = "[[rules]]\nmatch = '*'\ninitializer = 'zeros'\noptional = true";
    let file = PlanFile::from_toml(&format!("spec = 's'\nseed = 1\n{plan}\n{rest}"));
    let file = file.map_err(|error| error.to_string())?;
    Plan::new(&spec, &file, None).map_err(|error| error.to_string())
}

/// The plan of a rule that matches `pattern`, with these constants and this initializer.
fn rule(constants: &str, pattern: &str, rest: &str) -> Result<Plan, String> {
    plan(&format!("constants = {{ {constants} }}\n[[rules]]\nmatch = '{pattern}'\n{rest}"))
}

fn law(planned: &PlannedTensor) -> &Law {
    match planned.draw.content() {
        Content::Random(law) => law,
        other => panic!("{other:?}"),
    }
}

/// Rounded once more than an expression's value.
fn close(left: f64, right: f64) -> bool {
    (left - right).abs() <= 1e-15 * right.abs()
}

#[test]
fn numbers_are_expressions() {
    let normal = |stddev: &str| {
        format!(
            "initializer = {{ class_name = 'RandomNormal', config = {{ stddev = '{stddev}' }} }}"
        )
    };
    // Of layers 0 and 11.
    let cases = [
        ("layers = 12", "*.{layer}.fc.weight", "0.02 / sqrt(2 * layers)", [0.02 / 24f64.sqrt(); 2]),
        (
            "",
            "h.{layer}.*.weight",
            "0.02 / sqrt(2 * (layer + 1))",
            [2.0, 24.0].map(|n: f64| 0.02 / n.sqrt()),
        ),
        ("b = 'a / 2', a = '4 * c', c = 1", "*.weight", "b", [2.0; 2]),
        ("base = 4", "*.weight", "1 / sqrt(d_1 / base)", [0.5f64.sqrt(); 2]),
        (
            "",
            "*.weight",
            "d0 + 100 * d1 + 10000 * rank + 1e6 * elements",
            [2560000.0 + 256e6 - 2560000.0 + 20832.0; 2],
        ),
        ("", "*.weight", "fan_in + 100 * fan_out + 1e6 * fan_avg", [8.0 * 100.0 + 32.0 + 20e6; 2]),
        ("", "*.weight", "1/3", [1.0 / 3.0; 2]),
    ];
    for (constants, pattern, expression, expected) in cases {
        let plan = rule(constants, pattern, &normal(expression)).unwrap();
        for (place, expected) in [0, 2].into_iter().zip(expected) {
            let stddev = law(&plan.tensors[place]).stddev();
            assert!(close(stddev, expected), "{expression}: {stddev}, not {expected}");
        }
    }
}

/// Every kind of place that a number has.
#[test]
fn every_number_of_an_initializer_may_be_one() {
    let cases: [(Value, Value); 11] = [
        (
            json!(["RandomUniform", {"minval": "-a", "maxval": "b"}]),
            json!(["RandomUniform", {"minval": -2.0, "maxval": 4.0}]),
        ),
        (
            json!(["RandomUniform", {"minval": 3, "maxval": "b"}]),
            json!(["RandomUniform", {"minval": 3, "maxval": 4.0}]),
        ),
        (json!(["Constant", {"value": "a / 8"}]), json!(["Constant", {"value": 0.25}])),
        (
            json!(["Constant", {"value": [["a", 1, 1, 1, 1, 1, 1, "-b"]]}]),
            json!(["Constant", {"value": [[2.0, 1, 1, 1, 1, 1, 1, -4.0]]}]),
        ),
        (
            json!(["VarianceScaling", {"scale": "1 / b", "mode": "fan_out", "seed": 3}]),
            json!(["VarianceScaling", {"scale": 0.25, "mode": "fan_out", "seed": 3}]),
        ),
        (
            json!(["VarianceScaling", {"gain": "1 / a"}]),
            json!(["VarianceScaling", {"scale": 0.25}]),
        ),
        (json!(["VarianceScaling", {"gain": 3}]), json!(["VarianceScaling", {"scale": 9.0}])),
        (
            json!(["VarianceScaling", {"scale": "a", "mode": "none"}]),
            json!(["VarianceScaling", {"scale": 2.0, "mode": "none"}]),
        ),
        (
            json!(["LogUniform", {"minval": 3, "maxval": "b"}]),
            json!(["LogUniform", {"minval": 3, "maxval": 4.0}]),
        ),
        (
            json!(["LogUniform", {"minval": "a / b", "maxval": 16}]),
            json!(["LogUniform", {"minval": 0.5, "maxval": 16}]),
        ),
        (
            json!(["Formula", {"expression": "a + i0 * u"}]),
            json!(["Formula", {"expression": "2 + i0 * u"}]),
        ),
    ];
    let of = |constants: Value, initializer: &Value| {
        let file = json!({"spec": "", "seed": 1, "constants": constants, "rules": [
            {"match": "*.weight", "initializer":
                {"class_name": initializer[0], "config": initializer[1]}},
            {"match": "*", "initializer": "zeros"},
        ]});
        let file = PlanFile::from_json(&file.to_string()).unwrap();
        Plan::new(&Spec::from_json(SPEC.as_bytes()).unwrap(), &file, None).unwrap()
    };
    for (expressions, numbers) in cases {
        let plan = of(json!({"b": "2 * a", "a": 2}), &expressions);
        assert_eq!(plan.tensors, of(json!({}), &numbers).tensors, "{expressions}");
    }
}

#[test]
fn gains_are_torchs() {
    for (gain, scale) in [
        ("linear", 1.0),
        ("conv_transpose2d", 1.0),
        ("sigmoid", 1.0),
        ("tanh", 25.0 / 9.0),
        ("relu", 2.0),
        ("leaky_relu", 2.0 / (1.0 + 0.01 * 0.01)),
        ("leaky_relu(0.2)", 2.0 / (1.0 + 0.2 * 0.2)),
        ("leaky_relu( slope )", 2.0 / (1.0 + 5.0)),
        ("selu", 0.5625),
        ("0.5", 0.25),
        ("1 / slope", 0.2),
    ] {
        let initializer = format!(
            "initializer = {{ class_name = 'VarianceScaling', config = {{ gain = '{gain}' }} }}"
        );
        let plan = rule("slope = 'sqrt(5)'", "*.weight", &initializer).unwrap();
        let found = plan.tensors[0].draw.explanation().scaling.as_ref().unwrap().scale;
        assert!(close(found, scale), "{gain}: {found}, not {scale}");
    }
}

/// torch's default of a bias: in ±1/√fan_in of its weight.
#[test]
fn fans_are_a_siblings() {
    let uniform = "initializer = { class_name = 'RandomUniform', config = \
                   { minval = '-1 / sqrt(fan_in)', maxval = '1 / sqrt(fan_in)' } }";
    let scaling = "initializer = { class_name = 'VarianceScaling', config = \
                   { scale = '1 / 3', distribution = 'uniform' } }";
    for (pattern, sibling) in [
        ("*.bias", "*.weight"),
        ("h.{layer}.*.bias", "h.{layer}.*.weight"),
        ("*.{fc,proj}.[b]ias", "*.{fc,proj}.weight"),
    ] {
        for initializer in [uniform, scaling] {
            let text = format!(
                "layout = 'torch'\n[[rules]]\nmatch = '{pattern}'\nfans_of = '{sibling}'\n{initializer}"
            );
            let plan = plan(&text).unwrap();
            let Law::Uniform { low, high } = *law(&plan.tensors[1]) else { panic!("uniform") };
            assert!(close(high, 8f64.sqrt().recip()) && low == -high, "{high}");
            let layout = plan.tensors[1].layout().to_string();
            assert_eq!(layout, "fans:8/32", "{initializer}");
        }
    }
}

#[test]
fn what_has_no_number_is_refused() {
    let normal = |stddev: &str| {
        format!(
            "initializer = {{ class_name = 'RandomNormal', config = {{ stddev = \"{stddev}\" }} }}"
        )
    };
    let class = |name: &str, config: &str| {
        format!("initializer = {{ class_name = '{name}', config = {{ {config} }} }}")
    };
    let scaling = |config: &str| class("VarianceScaling", config);
    let cases: Vec<(&str, &str, String, &[&str])> = vec![
        ("", "*.weight", normal("0.02 /"), &["stddev", "invalid expression", "0.02 /", "line 6"]),
        (
            "layers = 1",
            "*.{l}.*.weight",
            normal("1 / depth"),
            &[
                "rule 1 (match \"*.{l}.*.weight\")",
                "stddev",
                "\"1 / depth\"",
                "\"depth\"",
                "layers, l, d0",
                "fan_in",
            ],
        ),
        ("", "*.weight", normal("d2"), &["tensor \"h.0.fc.weight\"", "\"d2\"", "d0, d1, rank"]),
        ("", "*.weight", normal("i0"), &["\"i0\"", "stands for no number"]),
        (
            "",
            "{h.{l},x}.{a,fc}.weight",
            normal("1 / l"),
            &["tensor \"h.0.fc.weight\"", "\"1 / l\" is inf"],
        ),
        (
            "n = 2",
            "*.weight",
            normal("1 - n"),
            &[
                "tensor \"h.0.fc.weight\"",
                "stddev -1",
                "at least 0",
                "rule 1",
                "stddev = \"1 - n\" is -1",
            ],
        ),
        ("", "*", class("LogUniform", "maxval = '1 / d0'"), &["LogUniform lacks \"minval\""]),
        (
            "",
            "*.fc.weight",
            class("LogUniform", "minval = 'd0', maxval = 0.5"),
            &[
                "tensor \"h.0.fc.weight\"",
                "maxval 0.5: it must be above minval",
                "minval = \"d0\" is",
            ],
        ),
        ("", "*", class("Formula", ""), &["Formula lacks \"expression\"", "such as \"u\""]),
        ("l = 2", "*.{l}.*.weight", normal("l"), &["captures {l}", "constant"]),
        ("", "*.{d0}.*.weight", normal("1"), &["captures {d0}", "taken"]),
        ("d_1 = 1", "*", normal("1"), &["\"d_1\"", "taken", "axis size"]),
        ("relu = 1", "*", normal("1"), &["\"relu\"", "taken", "a gain"]),
        ("'a b' = 1", "*", normal("1"), &["\"a b\"", "letters"]),
        ("a = true", "*", normal("1"), &["constant a = true", "expression"]),
        ("a = 9007199254740993", "*", normal("1"), &["9007199254740993", "2^53"]),
        ("a = nan", "*", normal("1"), &["constant a = nan"]),
        ("a = '1 +'", "*", normal("1"), &["constant a: invalid expression"]),
        ("a = 'b', b = 'c', c = 'b'", "*", normal("1"), &["a -> b -> c -> b", "circle"]),
        ("a = 'a'", "*", normal("1"), &["a -> a"]),
        ("a = 'x', b = 1", "*", normal("1"), &["constant a", "\"x\"", "there are a, b"]),
        ("a = '1 / 0'", "*", normal("1"), &["constant a", "\"1 / 0\" is inf"]),
        ("", "*", scaling("scale = 1, gain = 2"), &["give scale or gain, not both"]),
        ("", "*", scaling("scale = 1, gain = 'relu'"), &["give scale or gain, not both"]),
        ("", "*", scaling("gain = 'swish'"), &["gain", "\"swish\""]),
        ("", "*", scaling("gain = 'leaky_relu(x)'"), &["gain", "\"x\""]),
        ("", "*", scaling("gain = 0"), &["scale", "positive"]),
        ("", "*", scaling("scale = 'x', mode = 'fan'"), &["\"fan\"", "fan_in"]),
        ("", "*", scaling("scale = 'x', scael = 1"), &["\"scael\""]),
        ("", "*.bias", format!("fans_of = '*.*'\n{}", normal("1")), &["fans_of", "* of \"*.*\""]),
        (
            "",
            "*.bias",
            format!("fans_of = '*.w'\n{}", normal("1")),
            &["tensor \"h.0.fc.bias\"", "\"h.0.fc.w\"", "lacks"],
        ),
        (
            "",
            "*.bias",
            format!("fans_of = '*.weight'\nlayout = 'torch'\n{}", normal("1")),
            &["fans_of and a layout"],
        ),
        ("", "*.bias", "fans_of = '*.weight'\nskip = true".into(), &["skips"]),
        (
            "",
            "*.bias",
            format!("fans_of = '*.weight'\n{}", scaling("input_axes = [0], output_axes = [1]")),
            &["input_axes"],
        ),
    ];
    for (constants, pattern, rest, parts) in cases {
        let Err(message) = rule(constants, pattern, &rest) else { panic!("{rest}") };
        for part in parts {
            assert!(message.contains(part), "{message:?} does not say {part:?}");
        }
    }
}

/// What no tensor of the rule needs is not evaluated, and unused constants may stand: plans tell them.
#[test]
fn constants_that_nothing_uses_may_stand() {
    let zeros = "initializer = 'zeros'";
    assert!(rule("layers = 12, heads = 'layers / 3'", "*.weight", zeros).is_ok());
    let normal = "initializer = { class_name = 'RandomNormal', config = { stddev = 'std' } }";
    let region = "\nregions = [{ slice = 'first, :', initializer = 'ones' }]";
    let cases: [(&str, &str, &[&str]); 4] = [
        ("std = 0.1", "", &[]),
        ("std = 's', s = 0.1, sdt = 0.2", "", &["sdt"]),
        ("std = 0.1, layers = 12, heads = 'layers / 3'", "", &["heads"]),
        ("std = 0.1, first = 1, second = 2", region, &["second"]),
    ];
    for (constants, region, unread) in cases {
        let plan = rule(constants, "*.weight", &format!("{normal}{region}")).unwrap();
        assert_eq!(plan.unread, unread, "{constants}");
    }
}
