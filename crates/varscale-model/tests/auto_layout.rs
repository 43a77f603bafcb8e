//! `layout = "auto"`: what names tell of axes, and what they leave open.

use varscale_model::{Plan, PlanFile, Spec};

const SCALED: &str = "initializer = 'glorot_uniform'";

fn plan(name: &str, shape: &str, rule: &str) -> Result<Plan, String> {
    let spec = format!(
        "{{{name:?}: {{\"dtype\": \"F32\", \"shape\": {shape}}}, \
         \"bias\": {{\"dtype\": \"F32\", \"shape\": [4], \"initializer\": \"zeros\"}}}}"
    );
    let file =
        format!("spec = 's'\nseed = 1\nlayout = 'auto'\n[[rules]]\nmatch = {name:?}\n{rule}");
    let file = PlanFile::from_toml(&file).map_err(|error| error.to_string())?;
    Plan::new(&Spec::from_json(spec.as_bytes()).unwrap(), &file, None)
        .map_err(|error| error.to_string())
}

#[test]
fn names_that_are_known_tell_their_layout() {
    for (name, shape, layout, because) in [
        ("h.0.fc.weight", "[8, 4]", "torch", Some("torch's Linear")),
        ("weight", "[8, 4]", "torch", Some("torch's Linear")),
        ("conv1.weight", "[8, 4, 3, 3]", "torch", Some("convolutions")),
        ("norm.weight", "[8]", "keras", None),
        ("scale", "[]", "keras", None),
        ("h.0.attn.c_proj.weight", "[8, 8]", "torch", Some("torch's Linear")),
        ("dense/kernel", "[8, 4]", "keras", Some("Dense")),
        ("params.Dense_0.kernel", "[8, 4]", "keras", Some("Dense")),
        ("conv/kernel", "[3, 3, 4, 8]", "keras", Some("convolutions")),
        ("conv/depthwise_kernel", "[3, 3, 4, 2]", "keras-depthwise", Some("multiplier")),
        ("conv/pointwise_kernel", "[1, 1, 4, 8]", "keras", Some("(kernel..., in, out)")),
        ("lstm/recurrent_kernel", "[4, 16]", "keras", Some("recurrent")),
        ("embedding/embeddings", "[100, 4]", "keras", Some("Embedding")),
    ] {
        let plan = plan(name, shape, SCALED).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(plan.tensors[0].layout().to_string(), layout, "{name}");
        let reason = plan.tensors[0].layout_reason();
        assert_eq!(reason.is_some(), because.is_some(), "{name}");
        assert!(reason.unwrap_or_default().contains(because.unwrap_or_default()), "{reason:?}");
        // The values are those of the layout said.
        let said = format!("{SCALED}\nlayout = {layout:?}");
        let said = self::plan(name, shape, &said).unwrap();
        assert_eq!(plan.tensors[0].draw, said.tensors[0].draw, "{name}");
        assert_eq!(said.tensors[0].layout_reason(), None);
    }
}

#[test]
fn what_names_leave_open_is_refused_where_it_matters() {
    for (name, shape, part) in [
        ("conv.weight", "[8, 4, 3]", "experts"),
        ("query/kernel", "[8, 2, 4]", "DenseGeneral"),
        ("h.0.attn.c_attn.weight", "[8, 24]", "transformers"),
        ("w", "[8, 4]", "end in \"w\""),
        ("cls_token", "[1, 1, 8]", "end in \"cls_token\""),
        ("x.weight", "[2, 2, 2, 2, 2, 2]", "weight of 6 axes"),
    ] {
        let normal = |stddev: &str| {
            format!(
                "initializer = {{ class_name = 'RandomNormal', config = {{ stddev = {stddev} }} }}"
            )
        };
        let region =
            "initializer = 'zeros'\nregions = [{ slice = '0:1', initializer = 'he_normal' }]";
        let region = region.replace("0:1", &vec!["0:1"; shape.split(',').count()].join(", "));
        let orthogonal = "initializer = 'orthogonal'";
        for rule in [SCALED, orthogonal, &normal("'1 / fan_in'"), &region] {
            let message = plan(name, shape, rule).unwrap_err();
            for part in [part, name, "auto", "a rule with a layout says it"] {
                assert!(message.contains(part), "{rule}: {message}");
            }
            let own = rule.replace("'he_normal' }", "'he_normal', layout = 'torch' }");
            let own = if own == rule { format!("{rule}\nlayout = 'torch'") } else { own };
            assert!(plan(name, shape, &own).is_ok(), "{own}");
        }
        for rule in ["initializer = 'ones'", &normal("0.02"), &normal("'1 / d0'")] {
            let plan = plan(name, shape, rule).unwrap();
            assert_eq!(plan.tensors[0].layout_reason(), None);
        }
    }
}

/// A sibling's fans are counted by its own name.
#[test]
fn siblings_are_read_by_their_names() {
    let spec = r#"{"a.bias": {"dtype": "F32", "shape": [8]}, "b.bias": {"dtype": "F32", "shape": [8]},
        "a.weight": {"dtype": "F32", "shape": [8, 4]}, "b.weight": {"dtype": "F32", "shape": [8, 4, 3]}}"#;
    let plan = |sibling: &str| {
        let rules = format!(
            "spec = 's'\nlayout = 'auto'\n[[rules]]\nmatch = '{sibling}.bias'\nfans_of = '{sibling}.weight'\n\
             initializer = {{ class_name = 'RandomUniform', config = {{ minval = '-1 / fan_in', maxval = \
             '1 / fan_in' }} }}\n[[rules]]\nmatch = '*'\ninitializer = 'zeros'"
        );
        let file = PlanFile::from_toml(&rules).unwrap();
        Plan::new(&Spec::from_json(spec.as_bytes()).unwrap(), &file, None)
    };
    assert_eq!(plan("a").unwrap().tensors[0].draw.explanation().bounds, Some((-0.25, 0.25)));
    assert!(plan("b").unwrap_err().to_string().contains("\"b.weight\""));
}
