//! Plan files: what one may hold, and what every bad one is told.

use varscale::{Dtype, Layout, Scheme, Seed};
use varscale_model::{PlanFile, PlanLayout};

fn rules(text: &str) -> PlanFile {
    PlanFile::from_toml(text).unwrap()
}

fn refused(text: &str) -> String {
    PlanFile::from_toml(text).unwrap_err().to_string()
}

fn rule(line: &str) -> String {
    format!("spec = 's.json'\n[[rules]]\nmatch = '*'\n{line}\n")
}

#[test]
fn reads_every_key() {
    let rules = rules(
        r#"
        spec = "s.json"
        seed = -1
        dtype = "bfloat16"
        layout = "torch:groups=2"
        [[rules]]
        match = "*"
        layout = "einsum:ab,bc->ac"
        dtype = "float64"
        seed = "18446744073709551615"
        [rules.initializer]
        class_name = "VarianceScaling"
        config = { scale = 2, mode = "fan_out", seed = 3 }
        "#,
    );
    assert_eq!(rules.seed, Some(Seed::from(-1)));
    assert_eq!(rules.dtype, Some(Dtype::BFloat16));
    assert_eq!(rules.layout, Some(PlanLayout::Of(Layout::torch().with_groups(2).unwrap())));
    let rule = &rules.rules[0];
    assert_eq!(rule.seed, Some(Seed::from(u64::MAX)));
    assert_eq!(rule.dtype, Some(Dtype::Float64.into()));
    let config = serde_json::json!({"scale": 2, "mode": "fan_out", "seed": 3});
    let (scheme, seed) = Scheme::from_config("VarianceScaling", &config).unwrap();
    let initializer = rule.initializer.as_ref().unwrap();
    assert_eq!((initializer.scheme(), initializer.seed()), (Some(&scheme), seed.as_ref()));
}

#[test]
fn bad_plans_are_refused_by_key_and_value() {
    let cases: [(String, &[&str]); 20] = [
        ("spec = 3".into(), &["3", "string"]),
        ("spec = 's.json'\nsed = 1".into(), &["`sed`", "`seed`", "`layout`", "line 2"]),
        ("spec = 's.json'\nspec = 's.json'".into(), &["duplicate", "line 2"]),
        ("spec = 's.json'\nseed = 1.5".into(), &["1.5", "an integer from -2^63", "line 2"]),
        ("spec = 's.json'\nseed = 'x'".into(), &["\"x\"", "an integer from -2^63"]),
        ("spec = 's.json'\nseed = '1{}'".replace("{}", &"0".repeat(40)), &["10000000000"]),
        ("spec = 's.json'\nseed = true".into(), &["true", "an integer"]),
        ("spec = 's.json'\ndtype = 'int8'".into(), &["\"int8\"", "\"bfloat16\"", "line 2"]),
        ("spec = 's.json'\nlayout = 'tf'".into(), &["\"tf\"", "\"torch\"", "line 2"]),
        ("spec = 's.json'\n[[rules]]\ninitializer = 'zeros'".into(), &["`match`"]),
        ("spec = 's.json'\n[[rules]]\nmatch = '[a'".into(), &["[a", "line 3"]),
        (rule("initialiser = 'zeros'"), &["`initialiser`", "`initializer`", "line 4"]),
        (rule("initializer = 'he'"), &["\"he\"", "HeNormal", "line 4"]),
        (rule("initializer = 'formula'"), &["Formula lacks \"expression\"", "line 4"]),
        (rule("initializer = 3"), &["3", "identifier"]),
        (rule("initializer = { class_name = 'HeNormal' }"), &["config"]),
        (
            rule("initializer = { class_name = 'HeNormal', config = { gain = 1 } }"),
            &["gain", "HeNormal", "seed"],
        ),
        (
            rule("initializer = { class_name = 'RandomNormal', config = { stddev = nan } }"),
            &["nan", "line 4"],
        ),
        (
            rule("initializer = { class_name = 'RandomNormal', config = { seed = 2020-01-01 } }"),
            &["2020-01-01"],
        ),
        (
            rule("initializer = { class_name = 'RandomNormal', config = { stddev = -1 } }"),
            &["stddev", "-1", "at least 0"],
        ),
    ];
    for (text, parts) in cases {
        let message = refused(&text);
        for part in parts {
            assert!(message.contains(part), "{message:?} does not say {part:?}");
        }
    }
}
