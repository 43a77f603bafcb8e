//! Seeds that tensors share: what a framework's stream, which knows no names, makes of them.

use varscale::{Scheme, Seed, Stream};
use varscale_model::{Plan, PlanError, PlanFile, PlanSeed, Seeds, Spec};

const SPEC: &str = r#"{
    "a.w": {"dtype": "F32", "shape": [3, 5]},
    "b.w": {"dtype": "F32", "shape": [3, 5]},
    "b.b": {"dtype": "F32", "shape": [5]}
}"#;

const RULES: &str = "
    [[rules]]
    match = '*.b'
    initializer = 'zeros'
    [[rules]]
    match = '*'
    initializer = 'he_normal'
";

fn plan(head: &str, rules: &str, seed: Option<i128>) -> Result<Plan, PlanError> {
    let spec = Spec::from_json(SPEC.as_bytes()).unwrap();
    let file = PlanFile::from_toml(&format!("spec = 's'\n{head}\n{rules}")).unwrap();
    Plan::new(&spec, &file, seed.map(Seed::from))
}

fn frameworks() -> impl Iterator<Item = Stream> {
    Stream::ALL.iter().copied().filter(|&stream| stream != Stream::Native)
}

fn seeds(plan: &Plan) -> Vec<i128> {
    plan.tensors.iter().filter_map(|planned| planned.seed()).collect()
}

#[test]
fn a_drawn_seed_is_made_one_by_name_and_draws_the_same_again() {
    for stream in frameworks() {
        let drawn = plan(&format!("stream = '{stream}'"), RULES, None).unwrap();
        let PlanSeed::Drawn(seed) = drawn.seed else { panic!("drawn") };
        assert_eq!(drawn.seeds, Some(Seeds::ByName), "{stream}");
        let by_name = |name| i128::from(Stream::seed_by_name(&seed.into(), name));
        assert_eq!(seeds(&drawn), [by_name("a.w"), by_name("b.w")], "{stream}");
        let values = |index: usize| drawn.tensors[index].draw.to_vec::<f32>().unwrap();
        assert_ne!(values(0), values(1), "{stream}");
        // What the report and the plan say is enough.
        let head = format!("stream = '{stream}'\nseeds = 'by-name'");
        let again = plan(&head, RULES, Some(seed)).unwrap();
        assert_eq!(again.tensors, drawn.tensors, "{stream}");
        assert_eq!(serde_json::to_value(&drawn).unwrap()["seeds"], "by-name");
        assert!(drawn.shown_seed().ends_with("(drawn), one by each tensor's name"));
    }
}

#[test]
fn one_seed_for_all_is_refused_unless_it_is_meant() {
    for stream in frameworks() {
        let head = format!("stream = '{stream}'\nseed = 42");
        let error = plan(&head, RULES, None).unwrap_err().to_string();
        for part in ["\"a.w\"", "\"b.w\"", "seed 42 of the plan", stream.name(), "by-name", "same"]
        {
            assert!(error.contains(part), "{error}");
        }
        let same = plan(&format!("{head}\nseeds = 'same'"), RULES, None).unwrap();
        assert_eq!(seeds(&same), [42, 42], "{stream}");
        let by_name = plan(&format!("{head}\nseeds = 'by-name'"), RULES, None).unwrap();
        let [first, second] = seeds(&by_name)[..] else { panic!("two") };
        assert!(first != second && first != 42, "{stream}");
        // Of one tensor there is no other to be told apart from.
        let one = RULES.replace("'*.b'", "'b.*'");
        assert_eq!(seeds(&plan(&head, &one, None).unwrap()), [42], "{stream}");
    }
}

/// A rule's seed, be it the rule's or its initializer's, is one for all that the rule matches.
#[test]
fn a_rules_seed_is_shared_as_the_plans_is() {
    let of_rule = "[[rules]]\nmatch = '*.w'\ninitializer = 'he_normal'\nseed = 9";
    let of_initializer = "[[rules]]\nmatch = '*.w'\n\
                          initializer = { class_name = 'HeNormal', config = { seed = 9 } }";
    let rest = "\n[[rules]]\nmatch = '*'\ninitializer = 'zeros'";
    for stream in frameworks() {
        for rule in [of_rule, of_initializer] {
            let rules = format!("{rule}{rest}");
            let head = format!("stream = '{stream}'\nseed = 1");
            let error = plan(&head, &rules, None).unwrap_err().to_string();
            assert!(error.contains("seed 9 of rule 1 (match \"*.w\")"), "{error}");
            let same = plan(&format!("{head}\nseeds = 'same'"), &rules, None).unwrap();
            assert_eq!(seeds(&same), [9, 9], "{stream}");
            let by_name = plan(&format!("{head}\nseeds = 'by-name'"), &rules, None).unwrap();
            let named = |name| i128::from(Stream::seed_by_name(&9.into(), name));
            assert_eq!(seeds(&by_name), [named("a.w"), named("b.w")], "{stream}");
            // Whatever else the rule matches: a value depends on no other tensor.
            let one = rules.replace("'*.w'", "'a.w'");
            let alone = plan(&format!("{head}\nseeds = 'by-name'"), &one, None).unwrap();
            assert_eq!(seeds(&alone), [named("a.w")], "{stream}");
            let alone = plan(&head, &one, None).unwrap();
            assert_eq!(seeds(&alone), [9], "{stream}");
        }
    }
}

#[test]
fn a_seed_of_the_specs_own_stands() {
    let own = r#", "initializer": {"class_name": "HeNormal", "config": {"seed": 5}}}"#;
    let spec = SPEC.replacen("}", own, 2);
    let file = PlanFile::from_toml(
        "spec = 's'\nstream = 'keras-torch'\n[[rules]]\nmatch = '*.b'\ninitializer = 'zeros'",
    )
    .unwrap();
    let plan = Plan::new(&Spec::from_json(spec.as_bytes()).unwrap(), &file, None).unwrap();
    assert_eq!(seeds(&plan), [5, 5]);
    assert_eq!(
        plan.tensors[0].initializer(),
        Scheme::he_normal().with_seed(5).with_stream(Stream::KerasTorch)
    );
}

#[test]
fn the_choice_is_refused_where_it_plays_no_role() {
    for (head, why) in [
        ("seeds = 'by-name'", "the native stream tells tensors apart by name"),
        ("seeds = 'same'\nseed = 1", "the native stream tells tensors apart by name"),
        ("stream = 'tf-keras-2.9'\nglobal_seed = 7\nseeds = 'by-name'", "one of its own"),
    ] {
        let error = plan(head, RULES, None).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    let native = plan("seed = 42", RULES, None).unwrap();
    assert_eq!((native.seeds, seeds(&native)), (None, vec![42, 42]));
}

/// Names whose digests meet in 31 bits are told, not drawn alike.
#[test]
fn equal_seeds_by_name_are_refused() {
    let seed = Seed::from(42);
    let mut names = std::collections::HashMap::new();
    let (first, second) = (0..)
        .find_map(|index| {
            let name = format!("layers.{index}.weight");
            names.insert(Stream::seed_by_name(&seed, &name), name.clone()).map(|old| (old, name))
        })
        .unwrap();
    let entry = |name: &str| format!(r#""{name}": {{"dtype": "F32", "shape": [3, 5]}}"#);
    let spec = format!("{{{}, {}}}", entry(&first), entry(&second));
    let rules = "spec = 's'\nseed = 42\nstream = 'keras-jax'\nseeds = 'by-name'\n\
                 [[rules]]\nmatch = '*'\ninitializer = 'he_normal'";
    let plan = Plan::new(
        &Spec::from_json(spec.as_bytes()).unwrap(),
        &PlanFile::from_toml(rules).unwrap(),
        None,
    );
    assert!(matches!(plan, Err(PlanError::SameSeed { .. })), "{plan:?}");
}

/// Two rules of one seed share it as one rule's tensors do; and a seed that no tensor takes is not
/// said to be made another by name.
#[test]
fn rules_of_one_seed_share_it() {
    let rule = |pattern: &str, seed: u32| {
        format!("[[rules]]\nmatch = '{pattern}'\ninitializer = 'he_normal'\nseed = {seed}\n")
    };
    let zeros = "[[rules]]\nmatch = '*'\ninitializer = 'zeros'";
    for stream in frameworks() {
        let head = format!("stream = '{stream}'");
        let error = plan(&head, &(rule("a.w", 1) + &rule("b.w", 1) + zeros), None).unwrap_err();
        assert!(matches!(error, PlanError::SharedSeed { .. }), "{error}");
        let apart = plan(&head, &(rule("a.w", 1) + &rule("b.w", 2) + zeros), None).unwrap();
        assert_eq!((seeds(&apart), apart.seeds), (vec![1, 2], None));
    }
}

/// GPT-2's 50 matrices under a framework's stream: as many beginnings.
#[test]
fn the_tensors_of_a_real_model_begin_apart() {
    let examples = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples"));
    let mut file = PlanFile::read(&examples.join("gpt2.toml")).unwrap();
    (file.stream, file.seed) = (Stream::KerasTorch, None);
    let plan = Plan::of(&file, examples, None).unwrap();
    let matrices = plan.tensors.iter().filter(|planned| planned.shape().len() == 2);
    let begins: Vec<Vec<u32>> = matrices
        .map(|planned| {
            let mut first = [0.0_f32; 4];
            planned.draw.fill_range(0..4, &mut first).unwrap();
            first.map(f32::to_bits).to_vec()
        })
        .collect();
    let distinct: std::collections::HashSet<_> = begins.iter().collect();
    assert_eq!((begins.len(), distinct.len()), (50, 50));
}
