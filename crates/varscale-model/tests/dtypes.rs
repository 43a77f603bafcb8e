//! Dtypes that nothing is drawn in: integers hold constants, and what is skipped is left out.

use std::sync::atomic::AtomicBool;

use safetensors::SafeTensors;
use varscale::{Dtype, Scheme, Slice};
use varscale_model::{
    Entry, Format, Integer, Options, Output, Piece, Plan, PlanError, PlanFile, Spec, StoredDtype,
    write, write_pieces,
};

static CALM: AtomicBool = AtomicBool::new(false);

fn plan(spec: &str, rules: &str) -> Result<Plan, PlanError> {
    let file = PlanFile::from_toml(&format!("spec = 's'\nseed = 1\n{rules}")).unwrap();
    Plan::new(&Spec::from_json(spec.as_bytes()).unwrap(), &file, None)
}

fn one(dtype: &str, initializer: &str) -> Result<Plan, PlanError> {
    let spec =
        format!(r#"{{"w": {{"dtype": "{dtype}", "shape": [3], "initializer": {initializer}}}}}"#);
    plan(&spec, "")
}

fn constant(value: &str) -> String {
    format!(r#"{{"class_name": "Constant", "config": {{"value": {value}}}}}"#)
}

fn stored(plan: &Plan) -> Vec<u8> {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("m.safetensors");
    write(plan, &Output::new(path.clone()), Options::default(), &CALM, &mut |_| ()).unwrap();
    std::fs::read(path).unwrap()
}

/// Both spellings of every integer type.
const NAMES: [(Integer, &str, &str); 9] = [
    (Integer::Int8, "int8", "I8"),
    (Integer::Int16, "int16", "I16"),
    (Integer::Int32, "int32", "I32"),
    (Integer::Int64, "int64", "I64"),
    (Integer::UInt8, "uint8", "U8"),
    (Integer::UInt16, "uint16", "U16"),
    (Integer::UInt32, "uint32", "U32"),
    (Integer::UInt64, "uint64", "U64"),
    (Integer::Bool, "bool", "BOOL"),
];

#[test]
fn integers_hold_zeros_ones_and_constants_within_their_range() {
    assert_eq!(NAMES.map(|(dtype, ..)| dtype), Integer::ALL);
    for (dtype, keras, safetensors) in NAMES {
        let (min, max) = dtype.range();
        let exact = (1 << 53) - 1;
        let (min, max) = (min.max(-exact), max.min(exact));
        for (initializer, value) in [
            ("\"zeros\"".to_owned(), 0),
            ("\"ones\"".to_owned(), 1),
            (constant(&min.to_string()), min),
            (constant(&max.to_string()), max),
        ] {
            for name in [keras, safetensors] {
                let plan = one(name, &initializer).unwrap();
                assert_eq!(plan.tensors[0].dtype(), StoredDtype::Integer(dtype));
                assert_eq!(plan.bytes(), 3 * dtype.size() as u64);
                let bytes = stored(&plan);
                let file = SafeTensors::deserialize(&bytes).unwrap();
                let tensor = file.tensor("w").unwrap();
                assert_eq!(serde_json::to_value(tensor.dtype()).unwrap(), safetensors);
                let expected = value.to_le_bytes()[..dtype.size()].repeat(3);
                assert_eq!(tensor.data(), expected, "{dtype:?} {value}");
            }
        }
        let array = plan(
            &format!(
                r#"{{"w": {{"dtype": "{keras}", "shape": [2, 2], "initializer": {}}}}}"#,
                constant("[0, 1]")
            ),
            "",
        );
        let bytes = stored(&array.unwrap());
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let row: Vec<u8> = [0u64, 1]
            .iter()
            .flat_map(|value| value.to_le_bytes()[..dtype.size()].to_vec())
            .collect();
        assert_eq!(file.tensor("w").unwrap().data(), row.repeat(2));
    }
}

#[test]
fn what_integers_do_not_hold_is_refused_by_name() {
    for (dtype, keras, _) in NAMES {
        let (min, max) = dtype.range();
        let (below, above) = (constant(&(min - 1).to_string()), constant(&(max + 1).to_string()));
        for initializer in [
            "\"he_normal\"",
            &constant("0.5"),
            &constant("[0, 0.5, 1]"),
            // Where it is rounded, another number may be meant.
            &constant("9007199254740993"),
            &below,
            &above,
        ] {
            let message = one(keras, initializer).unwrap_err().to_string();
            for part in ["\"w\"", keras, &max.to_string(), "zeros, ones", "skip = true"] {
                assert!(message.contains(part), "{message:?} does not say {part:?}");
            }
        }
    }
    for dtype in
        ["F8_E8M0", "float8_e4m3", "float8_e4m3fnuz", "F4", "C64", "complex64", "string", ""]
    {
        let message = one(dtype, "\"zeros\"").unwrap_err().to_string();
        for part in ["\"w\"", &format!("{dtype:?}"), "\"bfloat16\"", "\"I64\"", "skip = true"] {
            assert!(message.contains(part), "{message:?} does not say {part:?}");
        }
    }
}

const MIXED: &str = r#"{
    "fc.weight": {"dtype": "F32", "shape": [4, 6], "initializer": "he_normal"},
    "fc.scale": {"dtype": "F8_E8M0", "shape": [4], "initializer": "he_normal"},
    "fc.count": {"dtype": "I64", "shape": [], "initializer": "zeros"},
    "out.weight": {"dtype": "F32", "shape": [6, 2], "initializer": "he_normal"}
}"#;

#[test]
fn a_rule_skips_what_it_matches() {
    let plan = plan(MIXED, "[[rules]]\nmatch = '*.{scale,count}'\nskip = true").unwrap();
    let names: Vec<&str> = plan.tensors.iter().map(|tensor| &tensor.name[..]).collect();
    assert_eq!(names, ["fc.weight", "out.weight"]);
    let json = serde_json::to_value(&plan).unwrap();
    assert_eq!(
        json["skipped"],
        serde_json::json!([
            {"name": "fc.scale", "dtype": "F8_E8M0", "shape": [4]},
            {"name": "fc.count", "dtype": "I64", "shape": []},
        ])
    );
    assert_eq!((&json["totals"]["tensors"], &json["totals"]["skipped"]), (&2.into(), &2.into()));
    let bytes = stored(&plan);
    assert_eq!(SafeTensors::deserialize(&bytes).unwrap().names().len(), 2);
}

#[test]
fn what_is_skipped_changes_no_other_values() {
    let seeds = |rules: &str| {
        let text = format!("spec = 's'\nglobal_seed = 1\nstream = 'keras-jax'\n{rules}");
        let spec = Spec::from_json(MIXED.replace("F8_E8M0", "F32").as_bytes()).unwrap();
        let plan = Plan::new(&spec, &PlanFile::from_toml(&text).unwrap(), None).unwrap();
        let seeds = plan.tensors.iter().map(|tensor| (tensor.name.clone(), tensor.seed()));
        seeds.collect::<Vec<_>>()
    };
    let mut all = seeds("");
    all.remove(1);
    assert_eq!(seeds("[[rules]]\nmatch = 'fc.scale'\nskip = true"), all);
}

#[test]
fn a_rule_that_skips_sets_nothing_but_a_layout() {
    assert!(
        PlanFile::from_toml("spec = 's'\n[[rules]]\nmatch = '*.b'\nskip = true\nlayout = 'torch'")
            .is_ok()
    );
    for key in ["initializer = 'zeros'", "dtype = 'F32'", "tie = 'a.b'", "seed = 1"] {
        let text = format!("spec = 's'\n[[rules]]\nmatch = '*.b'\nskip = true\n{key}");
        let message = PlanFile::from_toml(&text).unwrap_err().to_string();
        assert!(message.contains("\"*.b\"") && message.contains("skips"), "{message}");
    }
}

#[test]
fn one_dtype_for_all_is_none_for_integers() {
    let rules = "dtype = 'bfloat16'\n[[rules]]\nmatch = 'out*'\ndtype = 'F64'";
    let spec = MIXED.replace("F8_E8M0", "F8_E5M2");
    let dtypes: Vec<_> = plan(&spec, rules).unwrap().tensors.iter().map(|t| t.dtype()).collect();
    let half = StoredDtype::Drawn(Dtype::BFloat16);
    assert_eq!(dtypes, [half, half, Integer::Int64.into(), Dtype::Float64.into()]);
    // A rule that names its tensors means them.
    let rules = "dtype = 'bfloat16'\n[[rules]]\nmatch = '*.count'\ndtype = 'float32'";
    assert_eq!(plan(&spec, rules).unwrap().tensors[2].dtype(), Dtype::Float32.into());
}

#[test]
fn numpys_format_has_integers_too() {
    for (dtype, ..) in NAMES {
        let entry = Entry { name: "w", dtype: dtype.into(), shape: &[5000, 3] };
        let header = Format::NPY.header(&[entry], &[]).unwrap();
        let kind = match dtype {
            Integer::Bool => 'b',
            _ if dtype.range().0 < 0 => 'i',
            _ => 'u',
        };
        let order = if dtype.size() == 1 { '|' } else { '<' };
        let descr = format!("'descr': '{order}{kind}{}'", dtype.size());
        assert!(String::from_utf8_lossy(&header).contains(&descr), "{descr}");

        // In more than one buffer.
        let draw = Scheme::ones().with_seed(0).draw([5000, 3]).unwrap();
        let slice = Slice::new([1000, 0], [4000, 3]);
        let piece = Piece { name: "w".into(), draw, slice, dtype: dtype.into() };
        let mut bytes = Vec::new();
        let options = Options { buffer: 1, ..Options::default() };
        write_pieces([piece], options, &CALM, &mut |_| (), &mut |some| {
            bytes.extend_from_slice(some);
            Ok(())
        })
        .unwrap();
        assert_eq!(bytes, 1u64.to_le_bytes()[..dtype.size()].repeat(12_000));
    }
}
