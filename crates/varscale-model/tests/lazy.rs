//! Lazy plans: tensors that are asked for one by one, with a spec and without.

use std::{collections::HashMap, path::Path, sync::Arc};

use varscale::Layout;
use varscale_model::{LazyPlan, Plan, PlanError, PlanSeed, Source, Spec, SpecTensor};

const SPEC: &str = r#"{
    "embed.weight": {"dtype": "BF16", "shape": [10, 4]},
    "head.weight": {"dtype": "BF16", "shape": [10, 4]},
    "0.fc.weight": {"dtype": "F32", "shape": [8, 4]},
    "0.fc.bias": {"dtype": "F32", "shape": [8]},
    "1.fc.weight": {"dtype": "F64", "shape": [8, 4]},
    "1.fc.bias": {"dtype": "F64", "shape": [8]},
    "steps": {"dtype": "I64", "shape": [3]},
    "rest": {"dtype": "F32", "shape": [3]}
}"#;

const ALONE: &str = r#"
    layout = "torch"
    constants = { std = 0.02 }
    [[rules]]
    match = "{layer}.fc.weight"
    initializer = { class_name = "RandomNormal", config = { stddev = "std / sqrt(layer + fan_in)" } }
    [[rules]]
    match = "{embed,head}.weight"
    initializer = "glorot_uniform"
    [[rules.regions]]
    slice = "0, :"
    initializer = "zeros"
    [[rules]]
    match = "steps"
    initializer = { class_name = "Formula", config = { expression = "2 * i0" } }
"#;

const BIAS: &str = r#"
    [[rules]]
    match = "*.bias"
    fans_of = "*.weight"
    initializer = { class_name = "RandomUniform", config = { minval = "-1 / sqrt(fan_in)", maxval = 0 } }
"#;

const REST: &str = "[[rules]]\nmatch = '*'\ninitializer = 'ones'";

fn spec() -> Spec {
    Spec::from_json(SPEC.as_bytes()).unwrap()
}

fn source(rules: &str) -> Source {
    Source::from_toml(rules, Path::new("")).unwrap()
}

fn lazy(rules: &str) -> LazyPlan {
    LazyPlan::new(&source(rules), Some(42.into())).unwrap()
}

fn asked(name: &str) -> SpecTensor {
    spec().tensors.into_iter().find(|tensor| &*tensor.name == name).unwrap()
}

#[test]
fn a_tensor_alone_is_that_of_every_plan() {
    let rules = format!("{ALONE}{REST}");
    let whole = source(&rules).with_spec(spec());
    let plan: Plan = whole.plan(Some(42.into())).unwrap();
    for lazy in [lazy(&rules), LazyPlan::new(&whole, Some(42.into())).unwrap()] {
        for planned in plan.tensors.iter().rev() {
            let tensor = lazy.tensor(&asked(&planned.name)).unwrap();
            assert_eq!(tensor, *planned);
            assert!(lazy.contains(&planned.name));
        }
        assert_eq!(lazy.seed(), plan.seed);
    }
}

#[test]
fn what_needs_other_tensors_needs_a_spec() {
    let tie = "[[rules]]\nmatch = 'head.weight'\ntie = 'embed.weight'\n";
    let skip = "[[rules]]\nmatch = 'rest'\nskip = true\n";
    let rules = format!("layout = 'torch'\n{tie}{BIAS}{skip}{REST}");
    let open = lazy(&rules);
    for (name, part) in [
        (
            "head.weight",
            "rule 1 (match \"head.weight\"): tensor \"head.weight\" is tied to \"embed",
        ),
        ("0.fc.bias", "tensor \"0.fc.bias\" has the fans of \"0.fc.weight\", and there is no spec"),
    ] {
        let error = open.tensor(&asked(name)).unwrap_err();
        assert!(matches!(error, PlanError::NoSpec { .. }), "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
    assert!(matches!(open.of_spec("steps"), Err(PlanError::NoSpec { .. })));
    let skipped = open.tensor(&asked("rest")).unwrap_err();
    assert_eq!(skipped.to_string(), "tensor \"rest\" is left out by rule 3 (match \"rest\")");

    let whole = source(&rules).with_spec(spec());
    let plan = whole.plan(Some(42.into())).unwrap();
    let lazy = LazyPlan::new(&whole, Some(42.into())).unwrap();
    assert_eq!(lazy.of_spec("head.weight").unwrap(), lazy.of_spec("embed.weight").unwrap());
    let bias = plan.tensors.iter().find(|planned| &*planned.name == "0.fc.bias").unwrap();
    assert_eq!(lazy.tensor(&asked("0.fc.bias")).unwrap(), *bias);
    assert_eq!(lazy.tensor(&asked("rest")).unwrap_err(), skipped);
    assert!(lazy.contains("head.weight") && !lazy.contains("rest") && !lazy.contains("0.fc"));
    let other = SpecTensor { shape: vec![8, 5], ..asked("0.fc.weight") };
    let error = lazy.tensor(&other).unwrap_err().to_string();
    assert_eq!(error, "tensor \"0.fc.weight\" was asked for in shape [8, 5]: the spec says [8, 4]");
    let unknown = SpecTensor { name: "2.fc.weight".into(), ..other };
    let error = lazy.tensor(&unknown).unwrap_err().to_string();
    assert!(error.contains("no tensor is called \"2.fc.weight\": there are"), "{error}");
    // What the streams of frameworks are seeded with depends on all tensors.
    for (top, part) in
        [("stream = 'keras-torch'", "keras-torch"), ("global_seed = 1", "global_seed")]
    {
        let source = source(&format!("{top}\n{REST}"));
        let error = LazyPlan::new(&source, None).unwrap_err();
        assert!(matches!(error, PlanError::NoSpec { .. }), "{error}");
        assert!(error.to_string().contains(part), "{error}");
        LazyPlan::new(&source.with_spec(spec()), None).unwrap();
    }
    assert!(matches!(source(REST).plan(None), Err(PlanError::NoSpec { .. })));
}

#[test]
fn hints_serve_where_nothing_else_does() {
    let hinted = |name: &str| {
        let initializer = Some(Arc::new("he_normal".into()));
        SpecTensor { initializer, ..asked(name) }
    };
    for source in [source(ALONE), source(ALONE).with_spec(spec())] {
        let lazy = LazyPlan::with_hints(&source, Some(42.into())).unwrap();
        let hint = lazy.tensor(&hinted("rest")).unwrap();
        assert_eq!(hint.initializer().class_name(), "HeNormal");
        assert_eq!(hint.seed(), Some(42));
        let ruled = lazy.tensor(&hinted("embed.weight")).unwrap();
        assert_eq!(ruled.initializer().class_name(), "GlorotUniform");
        let error = lazy.tensor(&asked("rest")).unwrap_err();
        assert!(matches!(error, PlanError::NoInitializer { .. }), "{error}");
    }
    let error = LazyPlan::new(&source(ALONE).with_spec(spec()), None).unwrap_err();
    assert!(matches!(error, PlanError::NoInitializer { .. }), "{error}");
    let lazy = LazyPlan::with_hints(&source(ALONE).with_spec(spec()), None).unwrap();
    assert!(matches!(lazy.of_spec("rest"), Err(PlanError::NoInitializer { .. })));
    let other = SpecTensor { shape: vec![4], ..hinted("rest") };
    assert!(matches!(lazy.tensor(&other), Err(PlanError::OtherShape { .. })));
}

/// A tensor that is tied has no hint of its own: which one the other is asked for with, it cannot know.
#[test]
fn what_is_tied_to_a_hinted_tensor_is_not_filled() {
    let tie = "[[rules]]\nmatch = 'head.weight'\ntie = 'embed.weight'\n";
    let source = source(tie).with_spec(spec());
    let lazy = LazyPlan::with_hints(&source, Some(42.into())).unwrap();
    let initializer = Some(Arc::new("he_normal".into()));
    let hinted = SpecTensor { initializer, ..asked("head.weight") };
    lazy.tensor(&SpecTensor { name: "embed.weight".into(), ..hinted.clone() }).unwrap();
    for error in [
        lazy.tensor(&hinted).unwrap_err(),
        lazy.tensor(&asked("head.weight")).unwrap_err(),
        lazy.of_spec("head.weight").unwrap_err(),
    ] {
        let tensor = "embed.weight".to_owned();
        assert_eq!(error, PlanError::NoInitializer { tensor, rule: None });
    }
}

#[test]
fn hints_draw_only_where_names_tell_seeds_apart() {
    let hinted = |name: &str, hint: &str| SpecTensor {
        initializer: Some(Arc::new(hint.into())),
        ..asked(name)
    };
    let rule = "[[rules]]\nmatch = '*.bias'\ninitializer = 'he_normal'";
    for (top, seed) in [
        ("global_seed = 7", None),
        ("global_seed = 7\nstream = 'keras-numpy'", None),
        ("stream = 'keras-numpy'\nseeds = 'by-name'", Some(42.into())),
        ("stream = 'keras-numpy'\nseeds = 'same'", Some(42.into())),
        ("stream = 'keras-numpy'", None),
    ] {
        let source = source(&format!("{top}\n{rule}")).with_spec(spec());
        let lazy = LazyPlan::with_hints(&source, seed).unwrap();
        for name in ["embed.weight", "0.fc.weight"] {
            let error = lazy.tensor(&hinted(name, "he_normal")).unwrap_err();
            assert!(matches!(&error, PlanError::Hint { tensor, .. } if tensor == name), "{error}");
        }
        // Constants take no seed, so that the others' are those of the plan.
        lazy.tensor(&hinted("embed.weight", "zeros")).unwrap();
        let bias = lazy.of_spec("0.fc.bias").unwrap();
        assert_ne!(bias.seed(), None);
        assert_eq!(lazy.tensor(&asked("0.fc.bias")).unwrap(), *bias);
    }
}

#[test]
fn a_model_says_its_axes_where_no_layout_does() {
    let rules = format!(
        "[[rules]]\nmatch = '*.weight'\ninitializer = 'he_normal'\n{BIAS}\n
        [[rules]]\nmatch = 'steps'\ninitializer = 'zeros'"
    );
    let layouts: HashMap<Arc<str>, _> = [("0.fc.weight".into(), Layout::torch())].into();
    for (said, layout, other) in [
        ("", Layout::torch(), Layout::keras()),
        ("layout = 'keras'\n", Layout::keras(), Layout::keras()),
        ("layout = 'axes:1/0'\n", Layout::axes([1], [0]), Layout::axes([1], [0])),
    ] {
        let rules = source(&format!("{said}{rules}"));
        // A plan that has a spec is what is written of it, whatever the model is.
        let whole = (rules.clone().with_spec(spec()), other.clone());
        for (source, layout) in [(rules, layout), whole] {
            let seed = Some(42.into());
            let plan = LazyPlan::of_model(&source, seed, spec(), layouts.clone()).unwrap();
            let planned = |name: &str| plan.of_spec(name).unwrap();
            assert_eq!(*planned("0.fc.weight").layout(), layout);
            assert_eq!(*planned("1.fc.weight").layout(), other);
            // What has the fans of another takes them by its layout.
            let [fan_in, fan_out] = if layout == Layout::keras() { [8, 4] } else { [4, 8] };
            assert_eq!(*planned("0.fc.bias").layout(), Layout::fans(fan_in, fan_out));
            assert_eq!(plan.names().count(), 8);
            let rest = plan.of_spec("rest").unwrap_err();
            assert!(matches!(rest, PlanError::NoInitializer { .. }), "{rest}");
        }
    }
}

#[test]
fn a_seed_is_drawn_once() {
    let drawn = source(REST).with_drawn_seed().unwrap();
    let PlanSeed::Drawn(seed) = drawn.seed(None).unwrap() else { panic!("drawn") };
    assert_eq!(drawn.clone().with_spec(spec()).plan(None).unwrap().seed, PlanSeed::Drawn(seed));
    assert_eq!(LazyPlan::new(&drawn, None).unwrap().seed(), PlanSeed::Drawn(seed));
    assert_eq!(drawn.seed(Some(7.into())).unwrap(), PlanSeed::Given(7));
    let given = source(&format!("seed = 7\n{REST}")).with_drawn_seed().unwrap();
    assert_eq!(given.seed(None).unwrap(), PlanSeed::Given(7));
    let global = source(&format!("global_seed = 7\n{REST}")).with_drawn_seed().unwrap();
    assert_eq!(global.seed(None).unwrap(), PlanSeed::Global(7));
}
