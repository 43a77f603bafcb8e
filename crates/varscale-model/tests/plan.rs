//! Plans: how spec, rules and seed resolve, and the real models of `examples/`.

use std::path::Path;

use varscale::{ConfigForm, Content, Dtype, Law, Layout, Pattern, Scheme, Seed, Stream, Tensor};
use varscale_model::{Plan, PlanError, PlanFile, PlanSeed, Spec};

const SPEC: &str = r#"{
    "h.0.w": {"dtype": "F32", "shape": [4, 6]},
    "h.0.b": {"dtype": "BF16", "shape": [6], "initializer": "glorot_uniform"},
    "steps": {"dtype": "I64", "shape": []}
}"#;

fn plan(spec: &str, rules: &str, seed: Option<Seed>) -> Result<Plan, PlanError> {
    let spec = Spec::from_json(spec.as_bytes()).unwrap();
    Plan::new(&spec, &PlanFile::from_toml(&format!("spec = 's'\n{rules}")).unwrap(), seed)
}

fn refused(spec: &str, rules: &str) -> String {
    plan(spec, rules, Some(1.into())).unwrap_err().to_string()
}

fn example(name: &str) -> Plan {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples"));
    Plan::read(&folder.join(name), None).unwrap()
}

#[test]
fn the_first_rule_that_matches_decides() {
    let rules = r#"
        seed = 7
        layout = "torch"
        [[rules]]
        match = "*.w"
        initializer = "he_normal"
        [[rules]]
        match = "h.*"
        layout = "keras"
        seed = 8
        dtype = "float64"
        [[rules]]
        match = "*"
        initializer = "zeros"
        dtype = "float32"
    "#;
    let plan = plan(SPEC, rules, None).unwrap();
    let [weight, bias, steps] = &plan.tensors[..] else { panic!("three tensors") };

    assert_eq!(weight.initializer(), Scheme::he_normal().with_seed(7u64));
    assert_eq!(*weight.layout(), Layout::torch());
    assert_eq!(weight.dtype(), Dtype::Float32.into());
    assert_eq!(weight.draw.explanation().scaling.as_ref().unwrap().fans.fan_in, 6.into());
    assert_eq!((weight.seed(), weight.bytes()), (Some(7), 96));

    // The second rule sets no initializer: the spec's own, with what the rule sets.
    assert_eq!(bias.initializer(), Scheme::glorot_uniform().with_seed(8u64));
    assert_eq!(*bias.layout(), Layout::keras());
    assert_eq!((bias.dtype(), bias.bytes()), (Dtype::Float64.into(), 48));

    assert_eq!((steps.seed(), steps.dtype()), (None, Dtype::Float32.into()));
    assert_eq!((plan.parameters(), plan.bytes()), (31, 148));
    assert_eq!(plan.seed, PlanSeed::Given(7));
}

#[test]
fn seeds_go_from_the_initializer_to_the_rule_to_the_call_to_the_plan() {
    let spec = r#"{
        "own": {"dtype": "F32", "shape": [2], "initializer":
            {"class_name": "HeNormal", "config": {"seed": 1}}},
        "generator": {"dtype": "F32", "shape": [2], "initializer":
            {"class_name": "HeNormal", "config": {"seed":
                {"class_name": "SeedGenerator", "config": {"seed": 5}}}}},
        "rule": {"dtype": "F32", "shape": [2], "initializer": "he_normal"},
        "plan": {"dtype": "F32", "shape": [2], "initializer": "he_normal"}
    }"#;
    let rules = "seed = 3\n[[rules]]\nmatch = '[!p]*'\nseed = 2";
    let seeds = |plan: &Plan| plan.tensors.iter().map(|tensor| tensor.seed()).collect::<Vec<_>>();
    let given = plan(spec, rules, Some(4.into())).unwrap();
    assert_eq!(seeds(&given), [Some(1), Some(5), Some(2), Some(4)]);
    let own = plan(spec, rules, None).unwrap();
    assert_eq!(seeds(&own), [Some(1), Some(5), Some(2), Some(3)]);

    // Tensors with one seed differ by their names; a generator stays at its first call.
    let values = |index: usize| given.tensors[index].draw.to_vec::<f32>().unwrap();
    assert_eq!(values(1), values(1));
    let same = plan(spec, rules, Some(2.into())).unwrap();
    let values = |index: usize| same.tensors[index].draw.to_vec::<f32>().unwrap();
    assert_ne!(values(2), values(3));
}

/// Under every stream, a seed is the integer that was written, wherever it was.
#[test]
fn a_seed_is_kept_as_given() {
    let spec = r#"{"w": {"dtype": "F32", "shape": [2, 3], "initializer": "he_normal"}}"#;
    for &stream in Stream::ALL {
        for seed in [-1_i128, -(1 << 63), 7, (1 << 64) - 1, 1 << 64, -(1 << 90)] {
            let rules = |seed: &str| format!("stream = '{stream}'\n{seed}");
            let own = plan(spec, &rules(&format!("seed = '{seed}'")), None);
            let given = plan(spec, &rules(""), Some(seed.into()));
            assert_eq!(own, given, "{stream} {seed}");
            let rule = format!("seed = 1\n[[rules]]\nmatch = '*'\nseed = '{seed}'");
            let by_rule = plan(spec, &rules(&rule), None);
            match given {
                Ok(given) => {
                    assert_eq!(given.seed, PlanSeed::Given(seed));
                    let tensors = [&given.tensors[0], &by_rule.unwrap().tensors[0]];
                    for tensor in tensors {
                        assert_eq!(tensor.seed(), Some(seed));
                        let he = Scheme::he_normal().with_seed(seed).with_stream(stream);
                        let named = he
                            .draw_call(Tensor::new(tensor.shape()).named(&*tensor.name), 0)
                            .unwrap();
                        assert_eq!(tensor.draw, named, "{stream} {seed}");
                    }
                    let json = serde_json::to_value(&given).unwrap();
                    let shown = |json: &serde_json::Value| json.to_string().replace('"', "");
                    assert_eq!(shown(&json["seed"]), seed.to_string());
                    assert_eq!(json["seed"], json["tensors"][0]["seed"]);
                    assert_eq!(json["seed"], json["tensors"][0]["initializer"]["config"]["seed"]);
                }
                Err(error) => assert!(error.to_string().contains(&seed.to_string()), "{error}"),
            }
        }
    }
}

#[test]
fn a_drawn_seed_stands_in_the_plan() {
    let spec = r#"{"w": {"dtype": "F32", "shape": [2], "initializer": "he_normal"}}"#;
    let (one, other) = (plan(spec, "", None).unwrap(), plan(spec, "", None).unwrap());
    assert!(matches!(one.seed, PlanSeed::Drawn(_)));
    assert_ne!(one.seed, other.seed);
    assert_eq!(one.tensors[0].seed(), Some(one.seed.value()));
    assert_eq!(
        serde_json::to_value(&one).unwrap()["tensors"][0]["initializer"]["config"]["seed"],
        serde_json::to_value(&one).unwrap()["seed"]
    );
    let again = plan(spec, "", Some(one.seed.value().into())).unwrap();
    assert_eq!(again.tensors, one.tensors);
}

#[test]
fn what_fits_not_is_refused_by_name() {
    let one =
        |dtype: &str, shape: &str| format!(r#"{{"w": {{"dtype": "{dtype}", "shape": {shape}}}}}"#);
    let all = |initializer: &str| format!("[[rules]]\nmatch = '*'\ninitializer = {initializer}");
    let cases: [(String, String, &[&str]); 10] = [
        (one("F32", "[2]"), "".into(), &["\"w\"", "no rule matches"]),
        (one("F32", "[2]"), "[[rules]]\nmatch = 'w'".into(), &["\"w\"", "rule 1 (match \"w\")"]),
        (
            one("F32", "[2]"),
            format!("{}\n[[rules]]\nmatch = '*.x'", all("'zeros'")),
            &["rule 2 (match \"*.x\")", "none of the spec's 1 tensors"],
        ),
        (one("F8_E8M0", "[2]"), all("'zeros'"), &["\"w\"", "\"F8_E8M0\"", "\"BF16\"", "skip"]),
        (one("F32", "[2]"), all("'identity'"), &["\"w\"", "[2]", "matrices"]),
        (
            one("F16", "[2]"),
            all("{ class_name = 'Constant', config = { value = 65520 } }"),
            &["\"w\"", "float16"],
        ),
        (
            one("F32", "[2, 3]"),
            format!("layout = 'torch:groups=4'\n{}", all("'he_normal'")),
            &["\"w\"", "4"],
        ),
        (
            one("F32", "[2, 3]"),
            all(r#"{ class_name = "HeNormal", config = { input_axes = [2], output_axes = [0] } }"#),
            &["\"w\"", "axis 2"],
        ),
        (one("F32", "[4611686018427387904]"), all("'zeros'"), &["\"w\"", "2^64 - 1 bytes"]),
        (
            r#"{"a": {"dtype": "F32", "shape": [4611686018427387903]},
                "w": {"dtype": "F32", "shape": [4]}}"#
                .into(),
            all("'zeros'"),
            &["\"w\"", "2^64 - 1 bytes"],
        ),
    ];
    for (spec, rules, parts) in cases {
        let message = refused(&spec, &rules);
        for part in parts {
            assert!(message.contains(part), "{message:?} does not say {part:?}");
        }
    }
}

#[test]
fn bad_initializers_of_the_spec_are_refused_by_name() {
    for (initializer, part) in [
        (r#""he""#, "HeNormal"),
        ("3", "identifier"),
        (
            r#"{"module": "my", "class_name": "function", "config": "f"}"#,
            "the initializer of \"w\" is a function: name one, or give a rule",
        ),
        (r#"{"class_name": "__lambda__", "config": {"value": []}}"#, "is a function"),
        (r#"{"class_name": "HeNormal", "config": {"seed": {}}}"#, "class_name"),
        (r#"{"class_name": "VarianceScaling", "config": {"scale": 0}}"#, "scale 0"),
    ] {
        let spec =
            format!(r#"{{"w": {{"dtype": "F32", "shape": [2], "initializer": {initializer}}}}}"#);
        let message = refused(&spec, "");
        assert!(message.contains("\"w\"") && message.contains(part), "{message}");
    }
}

#[test]
fn json_tells_all_that_values_depend_on() {
    let rules = "seed = 7\n[[rules]]\nmatch = 'h*'\ninitializer = 'he_normal'\n[[rules]]\n\
                 match = 's*'\ninitializer = 'ones'\ndtype = 'float16'";
    let json = serde_json::to_value(plan(SPEC, rules, None).unwrap()).unwrap();
    assert_eq!(json["stream"], Stream::Native.id());
    assert_eq!(json["seed"], 7);
    assert_eq!(
        json["totals"],
        serde_json::json!({"tensors": 3, "skipped": 0, "tied": 0, "parameters": 31, "bytes": 110})
    );
    let weight = &json["tensors"][0];
    let serialized = Scheme::he_normal().with_seed(7).serialize(ConfigForm::Keras3);
    assert_eq!(weight["initializer"], serialized);
    assert_eq!(weight["scaling"]["fan_in"], 4);
    assert_eq!(weight["scaling"]["variance"], 0.5);
    assert_eq!(weight["law"]["law"], "truncated_normal");
    assert_eq!(weight["layout"], "keras");
    let stddev = weight["stddev"].as_f64().unwrap();
    assert!((stddev - 0.5f64.sqrt()).abs() < 1e-12);
    let steps = &json["tensors"][2];
    assert_eq!(steps["seed"], serde_json::Value::Null);
    assert_eq!(steps["dtype"], "float16");
}

#[test]
fn the_examples_are_the_real_models() {
    let totals = |plan: &Plan| (plan.tensors.len(), plan.parameters(), plan.bytes());
    let gpt2 = example("gpt2.toml");
    assert_eq!(totals(&gpt2), (148, 124_439_808, 497_759_232));
    let stddev = |suffix: &str| {
        let mut of = gpt2.tensors.iter().filter(|tensor| tensor.name.ends_with(suffix));
        let first = of.next().unwrap().draw.content().clone();
        assert!(of.all(|tensor| *tensor.draw.content() == first));
        first
    };
    assert_eq!(stddev("mlp.c_fc.weight"), Content::Random(Law::Normal { mean: 0.0, stddev: 0.02 }));
    let residual = Content::Random(Law::Normal { mean: 0.0, stddev: 0.02 / 24f64.sqrt() });
    assert_eq!(stddev("c_proj.weight"), residual);
    assert_eq!(stddev("ln_1.weight"), Content::Pattern(Pattern::Constant { value: 1.0 }));
    assert_eq!(stddev(".bias"), Content::Pattern(Pattern::Constant { value: 0.0 }));

    let resnet = example("resnet50.toml");
    assert_eq!(totals(&resnet), (161, 25_557_032, 102_228_128));
    let conv1 = resnet.tensors[0].draw.explanation().scaling.as_ref().unwrap();
    assert_eq!(conv1.variance, 2.0 / (64.0 * 49.0));
    let ones = Content::Pattern(Pattern::Constant { value: 1.0 });
    assert_eq!(resnet.tensors.iter().filter(|tensor| *tensor.draw.content() == ones).count(), 53);

    assert_eq!(totals(&example("keras-resnet50.toml")), (320, 25_636_712, 102_546_848));
    assert_eq!(totals(&example("llama-3-8b.toml")), (291, 8_030_261_248, 16_060_522_496));
    assert_eq!(totals(&example("mixtral.toml")), (291, 46_702_792_704, 93_405_585_408));
    assert_eq!(totals(&example("mamba.toml")), (242, 129_135_360, 516_541_440));
    assert_eq!(totals(&example("olmo.toml")), (113, 1_176_764_416, 4_707_057_664));
}

/// A rule that decides nothing is refused, whether it matches nothing or others come first.
#[test]
fn rules_that_play_no_role_are_refused_unless_optional() {
    let rule = |pattern: &str, more: &str| {
        format!("[[rules]]\nmatch = '{pattern}'\ninitializer = 'zeros'\n{more}\n")
    };
    let all = rule("*", "");
    for (first, dead, by) in [
        (all.clone(), "*.b", &["rule 2 (match \"*.b\")", "rule 1 (match \"*\")"][..]),
        (all.clone(), "*", &["rule 2 (match \"*\")", "rule 1 (match \"*\")"]),
        (
            rule("h.0.w", "") + &rule("h.0.b", "") + &rule("steps", ""),
            "h.*",
            &["rule 4 (match \"h.*\")", "rule 1 (match \"h.0.w\") and rule 2 (match \"h.0.b\")"],
        ),
        (
            all,
            "h/0/b",
            &["rule 2 (match \"h/0/b\") matches none of the spec's 3 tensors, such as \"h.0.b\" ("],
        ),
    ] {
        let error = refused(&SPEC.replace("I64", "F32"), &(first.clone() + &rule(dead, "")));
        for part in by {
            assert!(error.contains(part), "{error}");
        }
        assert!(error.contains("optional = true"), "{error}");
        let optional = first + &rule(dead, "optional = true");
        assert!(plan(&SPEC.replace("I64", "F32"), &optional, None).is_ok());
    }
}
