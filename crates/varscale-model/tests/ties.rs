//! Ties: tensors that are others under a second name.

use std::{fs, sync::atomic::AtomicBool};

use varscale_model::{Options, Output, Plan, PlanFile, Recipe, Spec, write};

const SPEC: &str = r#"{
    "model.embed.weight": {"dtype": "F32", "shape": [10, 4]},
    "model.lm_head.weight": {"dtype": "float32", "shape": [10, 4]},
    "model.0.w": {"dtype": "F32", "shape": [4, 4]},
    "model.1.w": {"dtype": "F32", "shape": [4, 4]},
    "model.half.w": {"dtype": "F16", "shape": [10, 4]}
}"#;

fn plan(rules: &[(&str, &str)], top: &str) -> Result<Plan, String> {
    let rule = |(glob, rest): &(&str, &str)| format!("[[rules]]\nmatch = '{glob}'\n{rest}\n");
    let rules: String = rules.iter().map(rule).collect();
    let text = format!(
        "spec = 's.json'\nseed = 1\n{top}\n{rules}[[rules]]\nmatch = '*'\ninitializer = 'he_normal'"
    );
    let file = PlanFile::from_toml(&text).map_err(|error| error.to_string())?;
    let spec = Spec::from_json(SPEC.as_bytes()).unwrap();
    Plan::new(&spec, &file, None).map_err(|error| error.to_string())
}

#[test]
fn tied_tensors_are_stored_once() {
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a [(&'a str, &'a str)]);
    let cases: [Case<'_>; 4] = [
        (
            &[("model.lm_head.weight", "tie = 'model.embed.weight'")],
            &[("model.lm_head.weight", "model.embed.weight")],
        ),
        // What is wild stands for what it matched.
        (
            &[("*.lm_head.*", "tie = '*.embed.*'")],
            &[("model.lm_head.weight", "model.embed.weight")],
        ),
        (&[("model.[1].w", "tie = 'model.0.w'")], &[("model.1.w", "model.0.w")]),
        // A tie to a tied tensor is one to what that is.
        (
            &[
                ("model.half.w", "skip = true"),
                ("*.lm_head.*", "tie = '*.embed.*'"),
                ("*.1.w", "tie = '*.0.w'"),
            ],
            &[("model.lm_head.weight", "model.embed.weight"), ("model.1.w", "model.0.w")],
        ),
    ];
    for (rules, ties) in cases {
        let plan = plan(rules, "").unwrap();
        let found: Vec<_> = plan.ties.iter().map(|tie| (&*tie.tensor.name, &*tie.to)).collect();
        assert_eq!(found, ties);
        assert!(plan.tensors.iter().all(|one| !ties.iter().any(|tie| tie.0 == &*one.name)));
        assert_eq!(serde_json::to_value(&plan).unwrap()["totals"]["tied"], ties.len());
        assert_eq!(serde_json::to_value(&plan).unwrap()["tied"][0]["to"], ties[0].1);
    }
}

#[test]
fn chains_end_at_what_is_stored() {
    let spec = r#"{"a": {"dtype": "F32", "shape": [2]}, "b": {"dtype": "F32", "shape": [2]},
                   "c": {"dtype": "F32", "shape": [2]}}"#;
    let file = PlanFile::from_toml(
        "spec = 's.json'\n[[rules]]\nmatch = 'a'\ntie = 'b'\n[[rules]]\nmatch = 'b'\ntie = 'c'\n\
         [[rules]]\nmatch = 'c'\ninitializer = 'ones'",
    );
    let plan = Plan::new(&Spec::from_json(spec.as_bytes()).unwrap(), &file.unwrap(), None).unwrap();
    let ties: Vec<_> = plan.ties.iter().map(|tie| (&*tie.tensor.name, &*tie.to)).collect();
    assert_eq!(ties, [("a", "c"), ("b", "c")]);
}

#[test]
fn ties_that_cannot_be_are_refused() {
    let cases: [(&[(&str, &str)], &str); 11] = [
        (&[("*.lm_head.*", "tie = 'embed'")], "is tied to \"embed\", which the spec lacks"),
        (&[("*.0.w", "tie = '*.0.w'")], "is tied to \"model.0.w\", which it is itself"),
        (
            &[("*.0.w", "tie = '*.1.w'"), ("*.1.w", "tie = '*.0.w'")],
            "in a circle: \"model.0.w\" -> \"model.1.w\" -> \"model.0.w\"",
        ),
        (
            &[("*.0.w", "tie = '*.1.w'"), ("*.1.w", "skip = true")],
            "which rule 2 (match \"*.1.w\") skips",
        ),
        (&[("*.0.w", "tie = '*.embed.weight'")], "of another shape: [4, 4], and [10, 4] there"),
        (&[("*.half.w", "tie = '*.embed.weight'")], "of another dtype: F16, and F32 there"),
        (&[("*.0.w", "tie = '*.1.w'\nskip = true")], "skips its tensors"),
        (&[("*.0.w", "tie = '*.1.w'\ninitializer = 'ones'")], "ties its tensors"),
        (&[("*.0.w", "tie = '*.1.w'\ndtype = 'float16'")], "ties its tensors"),
        (&[("*.0.w", "tie = '*.1.w'\nregions = []\nseed = 1")], "ties its tensors"),
        (&[("*.0.w", "tie = '?.1.w'")], "has an invalid tie: ? of \"?.1.w\" stands for no other"),
    ];
    for (rules, reason) in cases {
        let error = plan(rules, "").unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
}

/// As huggingface's `save_model` writes them.
#[test]
fn checkpoints_name_ties_and_make_their_plan_again() {
    for (top, extra) in [("", ""), ("dtype = 'bfloat16'", ""), ("", "skip = true")] {
        let mut rules = vec![("*.lm_head.*", "tie = '*.embed.*'"), ("*.1.w", "tie = '*.0.w'")];
        if !extra.is_empty() {
            rules.push(("*.half.w", extra));
        }
        let plan = plan(&rules, top).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.safetensors");
        let flag = AtomicBool::new(false);
        write(&plan, &Output::new(&path), Options::default(), &flag, &mut |_| ()).unwrap();
        let bytes = fs::read(&path).unwrap();
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
        assert_eq!(header["__metadata__"]["model.lm_head.weight"], "model.embed.weight");
        assert!(header.get("model.lm_head.weight").is_none());
        let again = Recipe::read(&path).unwrap().plan(None).unwrap();
        assert_eq!((again.tensors, again.ties), (plan.tensors, plan.ties));
    }
}

#[test]
fn a_tie_has_no_name_of_the_metadata() {
    for name in ["format", "varscale.recipe", "varscale.version"] {
        let spec = format!(
            r#"{{"a": {{"dtype": "F32", "shape": [2]}}, "{name}": {{"dtype": "F32", "shape": [2]}}}}"#
        );
        let text = format!(
            "spec = 's.json'\n[[rules]]\nmatch = '{name}'\ntie = 'a'\n\
             [[rules]]\nmatch = '*'\ninitializer = 'ones'"
        );
        let spec = Spec::from_json(spec.as_bytes()).unwrap();
        let plan = Plan::new(&spec, &PlanFile::from_toml(&text).unwrap(), None).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.safetensors");
        let flag = AtomicBool::new(false);
        let error = write(&plan, &Output::new(&path), Options::default(), &flag, &mut |_| ());
        let error = error.unwrap_err().to_string();
        assert!(error.contains(&format!("invalid tensor name {name:?}")), "{error}");
        assert!(!path.exists());
    }
}
