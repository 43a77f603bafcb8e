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
        ("dense/kernel:0", "[8, 4]", "keras", Some("Dense")),
        ("patch.weight", "[768, 3, 16, 16]", "torch", Some("convolutions")),
        ("patch/kernel", "[16, 16, 3, 768]", "keras", Some("convolutions")),
        ("conv/kernel", "[1, 7, 64, 8]", "keras", Some("convolutions")),
        ("dense/kernel", "[8, 4]", "keras", Some("Dense")),
        ("params.Dense_0.kernel", "[8, 4]", "keras", Some("Dense")),
        ("conv/kernel", "[3, 3, 4, 8]", "keras", Some("convolutions")),
        ("conv/depthwise_kernel", "[3, 3, 4, 2]", "keras", Some("multiplier")),
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
        ("h.0.attn.c_attn.base_layer.weight", "[8, 24]", "transformers"),
        ("h.0.attn.c_proj.weight", "[8, 8]", "transformers"),
        ("h/0/attn/c_attn/kernel", "[24, 8]", "Flax"),
        ("layers/self_attention/query/kernel", "[64, 2, 4, 8]", "heads"),
        ("attn/qkv_proj/kernel", "[3, 3, 4, 8]", "heads"),
        ("layers/conv/kernel", "[4, 3, 3, 8, 8]", "scanned"),
        ("convs.weight", "[4, 8, 8, 3, 3]", "stacked"),
        ("experts.weight", "[2, 4, 64, 32]", "stacked"),
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
            let reason = plan.tensors[0].layout_reason();
            assert_eq!(reason, Some("names leave it open, and no value depends on it"));
        }
    }
}

/// What is no tensor's fan is not asked for, and what is is, wherever it stands.
#[test]
fn layouts_are_asked_for_where_they_are_read() {
    let config = |class: &str, config: &str| {
        format!("initializer = {{ class_name = '{class}', config = {{ {config} }} }}")
    };
    let region =
        "initializer = 'zeros'\nregions = [{ slice = 'd0/4:, :', initializer = 'he_normal' }]";
    for (rule, is_read) in [
        (config("VarianceScaling", "input_axes = [0], output_axes = [1]"), false),
        (config("VarianceScaling", "mode = 'none', scale = 0.01"), false),
        (config("VarianceScaling", "mode = 'fan_out'"), true),
        ("initializer = 'identity'".into(), false),
        (config("RandomNormal", "stddev = '1 / sqrt(fan_avg)'"), true),
        (region.into(), true),
        (region.replace("he_normal", "ones"), false),
        (region.replace("d0/4", "fan_in/8").replace("he_normal", "ones"), true),
    ] {
        for (name, shape) in [("odd", "[64, 32]"), ("c_attn.weight", "[64, 64]")] {
            let planned = plan(name, shape, &rule);
            assert_eq!(planned.is_err(), is_read, "{rule}: {planned:?}");
        }
    }
    let said = region.replace("'he_normal' }", "'he_normal', layout = 'auto' }");
    assert!(plan("odd", "[64, 32]", &said).unwrap_err().contains("which goes by tensors' names"));
}

/// A sibling's fans are counted by its own name, and where it is tied by the other one's.
#[test]
fn siblings_are_read_by_their_names() {
    let spec = r#"{"a.bias": {"dtype": "F32", "shape": [8]}, "a.weight": {"dtype": "F32", "shape": [8, 4]},
        "b.bias": {"dtype": "F32", "shape": [8]}, "b.weight": {"dtype": "F32", "shape": [8, 4, 3]},
        "c.bias": {"dtype": "F32", "shape": [8]}, "c.weight": {"dtype": "F32", "shape": [8, 4, 3]},
        "a.odd": {"dtype": "F32", "shape": [64, 32]}}"#;
    let spec = Spec::from_json(spec.as_bytes()).unwrap();
    let plan = |name: &str, sibling: &str, rule: &str, rest: &str| {
        let rules = format!(
            "spec = 's'\nseed = 1\nlayout = 'auto'\n[[rules]]\nmatch = '{name}'\nfans_of = '{sibling}'\n\
             {rule}\n{rest}[[rules]]\nmatch = '*'\ninitializer = 'zeros'"
        );
        let file = PlanFile::from_toml(&rules).map_err(|error| error.to_string())?;
        Plan::new(&spec, &file, None).map_err(|error| error.to_string())
    };
    let uniform = |bound: &str| {
        format!(
            "initializer = {{ class_name = 'RandomUniform', config = {{ minval = '-{bound}', maxval = \
             '{bound}' }} }}"
        )
    };
    let bounds = |plan: Result<Plan, String>, name: &str| {
        let plan = plan.unwrap_or_else(|error| panic!("{error}"));
        plan.tensors.iter().find(|one| &*one.name == name).unwrap().draw.explanation().bounds
    };
    let fans = uniform("1 / fan_in");
    assert_eq!(bounds(plan("a.bias", "a.weight", &fans, ""), "a.bias"), Some((-0.25, 0.25)));
    let torch = "[[rules]]\nmatch = 'c.weight'\nlayout = 'torch'\n";
    let tied =
        format!("[[rules]]\nmatch = 'b.weight'\ntie = 'c.weight'\n{torch}initializer = 'ones'\n");
    let skipped = torch.replace("c.weight", "b.weight") + "skip = true\n";
    for rest in [&tied, &skipped] {
        let bounds = bounds(plan("b.bias", "b.weight", &fans, rest), "b.bias");
        assert_eq!(bounds, Some((-1.0 / 12.0, 1.0 / 12.0)), "{rest}");
    }
    let sizes = uniform("1 / d1");
    for rule in ["initializer = 'zeros'", &sizes] {
        assert!(plan("b.bias", "b.weight", rule, "").is_ok(), "{rule}");
    }
    for rule in ["initializer = 'he_normal'", &fans] {
        let message = plan("b.bias", "b.weight", rule, "").unwrap_err();
        for part in ["\"b.weight\"", "a rule with a layout", "rule 1 (match \"b.bias\") takes"] {
            assert!(message.contains(part), "{message}");
        }
    }
    // The fans of a region are its own.
    let region = |region: &str| {
        let region = format!("regions = [{{ slice = '0:10, :', initializer = {region} }}]");
        plan("a.odd", "a.weight", &format!("initializer = 'he_normal'\n{region}"), "")
    };
    assert!(region("'zeros'").is_ok() && region("'he_normal', layout = 'torch'").is_ok());
    for initializer in ["'he_normal'", "'orthogonal'"] {
        let message = region(initializer).unwrap_err();
        assert!(message.contains("a layout of the region says it"), "{message}");
    }
}
