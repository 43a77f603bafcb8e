//! Integers that formulas fill: indices, masks and tables.

use std::sync::atomic::AtomicBool;

use safetensors::SafeTensors;
use varscale_model::{
    CheckpointError, Integer, Options, Output, Plan, PlanError, PlanFile, Recipe, Spec, dry_run,
    write,
};

static CALM: AtomicBool = AtomicBool::new(false);

fn plan(dtype: &str, shape: &[usize], rule: &str) -> Result<Plan, PlanError> {
    let spec = format!(r#"{{"w": {{"dtype": "{dtype}", "shape": {shape:?}}}}}"#);
    let rules = format!("spec = 's'\nseed = 1\n[[rules]]\nmatch = 'w'\n{rule}");
    let file = PlanFile::from_toml(&rules).unwrap_or_else(|error| panic!("{rules}: {error}"));
    Plan::new(&Spec::from_json(spec.as_bytes()).unwrap(), &file, None)
}

fn formula(expression: &str) -> String {
    format!(
        "initializer = {{ class_name = 'Formula', config = {{ expression = '{expression}' }} }}\n"
    )
}

/// The values in a checkpoint of the plan, and in one of its recipe.
fn values(plan: &Plan, dtype: Integer) -> Vec<i64> {
    let folder = tempfile::TempDir::new().unwrap();
    let [first, again] = ["a", "b"].map(|name| folder.path().join(format!("{name}.safetensors")));
    let of = |plan: &Plan, path| write(plan, &path, Options::default(), &CALM, &mut |_| ());
    of(plan, Output::new(&first)).unwrap();
    of(&Recipe::read(&first).unwrap().plan(None).unwrap(), Output::new(&again)).unwrap();
    let bytes = std::fs::read(&first).unwrap();
    assert_eq!(bytes, std::fs::read(&again).unwrap());
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let value = |bytes: &[u8]| {
        let negative = dtype.range().0 < 0 && bytes.last().is_some_and(|&byte| byte > 127);
        let mut all = if negative { [255; 8] } else { [0; 8] };
        all[..bytes.len()].copy_from_slice(bytes);
        i64::from_le_bytes(all)
    };
    file.tensor("w").unwrap().data().chunks_exact(dtype.size()).map(value).collect()
}

#[test]
fn integers_hold_formulas_whose_values_are_whole() {
    let wide =
        |value: fn(i64, i64) -> i64| move |row: usize, at: usize| value(row as i64, at as i64);
    for (dtype, shape, expression, expected) in [
        // position_ids, of text and of a vision tower's patches.
        (Integer::Int64, [1, 3000], "i1", wide(|_, at| at)),
        (Integer::Int32, [3, 7], "d1 * i0 + i1", wide(|row, at| 7 * row + at)),
        (Integer::Int16, [5, 9], "-(i0 + 2) ** 3 * i1", wide(|row, at| -(row + 2).pow(3) * at)),
        // A causal mask, as truth and as bytes.
        (Integer::Bool, [40, 40], "i1 <= i0", wide(|row, at| (at <= row).into())),
        (
            Integer::UInt8,
            [40, 40],
            "where(i1 <= i0, 255, 0)",
            wide(|row, at| 255 * i64::from(at <= row)),
        ),
        // Swin's relative positions, windows of 4.
        (
            Integer::UInt16,
            [16, 16],
            "(floor(i0 / 4) - floor(i1 / 4) + 3) * 7 + i0 % 4 - i1 % 4 + 3",
            wide(|row, at| (row / 4 - at / 4 + 3) * 7 + row % 4 - at % 4 + 3),
        ),
        // To the largest that is exact.
        (Integer::UInt64, [1, 54], "2 ** i1 - 1", wide(|_, at| (1 << at) - 1)),
        (Integer::Int8, [2, 128], "-128 + i1 + i0", wide(|row, at| -128 + at + row)),
        (Integer::UInt32, [1, 2], "4294967295 - i1", wide(|_, at| 4_294_967_295 - at)),
    ] {
        let plan = plan(dtype.name(), &shape, &formula(expression)).unwrap();
        let found = values(&plan, dtype);
        let at = |element: usize| expected(element / shape[1], element % shape[1]);
        let expected: Vec<_> = (0..shape[0] * shape[1]).map(at).collect();
        assert_eq!(found, expected, "{expression} in {}", dtype.name());
        let json = &serde_json::to_value(&plan).unwrap()["tensors"][0];
        assert_eq!(json["law"]["expression"], expression);
        assert_eq!(json["dtype"], dtype.name());
    }
}

#[test]
fn values_that_integers_do_not_hold_are_refused_by_their_place() {
    for (dtype, expression, expected) in [
        ("int64", "i1 / 2", "0.5 at index [0, 1]"),
        ("int32", "2 ** 31 - 900 + i0 * 300 + i1", "2147483648 at index [3, 0]"),
        ("uint8", "i0 * 300 + i1", "256 at index [0, 256]"),
        ("uint8", "299 - i1 - 255", "-1 at index [0, 45]"),
        ("int8", "i1", "128 at index [0, 128]"),
        ("bool", "i0", "2 at index [2, 0]"),
        ("int64", "2 ** 53 + i1", "9007199254740992 at index [0, 0]"),
        ("int64", "1 / (i0 - 2)", "inf at index [2, 0]"),
        ("int64", "1 / (i0 + i1)", "inf at index [0, 0]"),
        ("int64", "log(-1)", "NaN at index [0, 0]"),
    ] {
        let refused = plan(dtype, &[4, 300], &formula(expression)).unwrap_err();
        assert!(matches!(refused, PlanError::Integer { .. }));
        let message = refused.to_string();
        let start = format!("tensor \"w\" of dtype {dtype} cannot hold {expected}: ");
        assert!(message.starts_with(&start), "{message}");
    }
}

/// What is drawn differs from name to name: it is looked at when it is written.
#[test]
fn formulas_of_random_numbers_are_refused_when_they_are_written() {
    let dice = plan("uint8", &[100, 100], &formula("1 + floor(6 * u)")).unwrap();
    let found = values(&dice, Integer::UInt8);
    assert!((1..=6).all(|side| found.iter().filter(|&&value| value == side).count() > 1500));

    let plan = plan("uint8", &[100, 100], &formula("where(i0 < 99, 0, u)")).unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let output = Output::new(folder.path().join("m.safetensors"));
    let written = write(&plan, &output, Options::default(), &CALM, &mut |_| ()).unwrap_err();
    let drawn = dry_run(&plan, Options::default(), &CALM, &mut |_| ()).unwrap_err();
    for error in [written, drawn] {
        assert!(error.is_input() && matches!(error, CheckpointError::Values(_)));
        let message = error.to_string();
        assert!(message.starts_with("tensor \"w\" of dtype uint8 cannot hold 0."), "{message}");
        assert!(message.contains(" at index [99, 0]: "), "{message}");
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[test]
fn regions_of_integers_hold_what_integers_hold() {
    let region = |slice: &str, initializer: &str| {
        format!("[[rules.regions]]\nslice = '{slice}'\n{initializer}")
    };
    let zeros = "initializer = 'zeros'\n";
    let regions = region("1, :", &formula("i1 - 2")) + &region("2:, 1", "initializer = 'ones'\n");
    let plan_of = |rest: &str| plan("int64", &[4, 3], &format!("{zeros}{rest}"));
    let found = values(&plan_of(&regions).unwrap(), Integer::Int64);
    assert_eq!(found, [0, 0, 0, -2, -1, 0, 0, 1, 0, 0, 1, 0]);
    for (initializer, received) in [
        ("initializer = 'he_normal'\n".to_owned(), "HeNormal"),
        (formula("i1 / 2"), "0.5 at index [0, 1]"),
        ("initializer = { class_name = 'Constant', config = { value = 0.25 } }\n".into(), "0.25"),
    ] {
        let message = plan_of(&region("1:3, :", &initializer)).unwrap_err().to_string();
        let expected = format!("int64 cannot hold {received}: ");
        assert!(message.contains(&expected) && message.contains("\"w\""), "{message}");
    }
}
