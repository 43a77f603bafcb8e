//! Specs: what loads, and what every bad one is told.

use varscale_model::{Spec, SpecError};

fn refused(json: &str) -> String {
    Spec::from_json(json.as_bytes()).unwrap_err().to_string()
}

#[track_caller]
fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{message:?} does not say {part:?}");
    }
}

fn file(header: &str) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat()
}

#[test]
fn keeps_the_order_and_the_text() {
    let spec = Spec::from_json(
        br#"{"z": {"dtype": "F32", "shape": []},
             "a": {"shape": [0, 3], "dtype": "F4", "initializer": null},
             "": {"dtype": "float64", "shape": [2], "initializer": "he_normal"}}"#,
    )
    .unwrap();
    let names: Vec<&str> = spec.tensors.iter().map(|tensor| &tensor.name[..]).collect();
    assert_eq!(names, ["z", "a", ""]);
    assert_eq!(spec.tensors[1].shape, [0, 3]);
    assert_eq!(spec.tensors[1].initializer, None);
    assert_eq!(spec.tensors[0].dtype().unwrap(), varscale::Dtype::Float32.into());
    assert_eq!(spec.tensors[2].dtype().unwrap(), varscale::Dtype::Float64.into());
    assert_says(
        &spec.tensors[1].dtype().unwrap_err().to_string(),
        &["\"F4\"", "\"BF16\"", "\"bfloat16\""],
    );
}

#[test]
fn an_empty_spec_is_valid() {
    assert_eq!(Spec::from_json(b"{}").unwrap(), Spec::default());
}

#[test]
fn bad_specs_are_refused_by_name() {
    let cases: [(&str, &[&str]); 16] = [
        ("", &["JSON object", "line 1"]),
        ("[]", &["JSON object", "array"]),
        ("{} {}", &["trailing"]),
        (r#"{"w": ["F32", [2, 3], null, null]}"#, &["\"w\"", "array", "\"shape\": [256, 784]"]),
        (r#"{"w": {"dtype": {}, "shape": [1]}}"#, &["\"w\"", "dtype", "object", "string"]),
        (r#"{"w": 3}"#, &["\"w\"", "3"]),
        (r#"{"w": {"dtype": "F32"}}"#, &["\"w\"", "`shape`"]),
        (r#"{"w": {"dtype": "F32", "shape": [1], "shap": []}}"#, &["\"w\"", "`shap`", "`shape`"]),
        (r#"{"w": {"dtype": "F32", "shape": [1], "shape": [1]}}"#, &["\"w\"", "`shape`"]),
        (r#"{"w": {"dtype": 3, "shape": [1]}}"#, &["\"w\"", "\"dtype\"", "3", "string"]),
        (r#"{"w": {"dtype": "F32", "shape": ["1"]}}"#, &["\"w\"", "shape", "\"1\""]),
        (r#"{"w": {"dtype": "F32", "shape": [2, -1]}}"#, &["\"w\"", "size -1 of axis 1"]),
        (r#"{"w": {"dtype": "F32", "shape": [1.5]}}"#, &["\"w\"", "size 1.5 of axis 0"]),
        (r#"{"w": {"dtype": "F32", "shape": [18446744073709551616]}}"#, &["\"w\"", "axis 0"]),
        (
            r#"{"w": {"dtype": "F32", "shape": [4294967296, 4294967296]}}"#,
            &["\"w\"", "too many elements"],
        ),
        (
            r#"{"w": {"dtype": "F32", "shape": [1]}, "w": {"dtype": "F32", "shape": [1]}}"#,
            &["\"w\"", "twice"],
        ),
    ];
    for (json, parts) in cases {
        assert_says(&refused(json), parts);
    }
}

#[test]
fn reads_the_header_of_a_safetensors_file() {
    let header = r#"{"__metadata__": {"format": "pt"},
        "w": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]}}  "#;
    let file = file(header);
    // The data is not there, and not missed: the file is only said to be that long.
    let spec = Spec::from_safetensors(&file[..], file.len() as u64 + 12).unwrap();
    assert_eq!(spec.tensors.len(), 1);
    assert_eq!(spec.tensors[0].shape, [2, 3]);
}

#[test]
fn bad_headers_are_refused_before_memory_is_taken() {
    let read = |bytes: &[u8]| Spec::from_safetensors(bytes, bytes.len() as u64).unwrap_err();
    assert!(matches!(read(b"1234567"), SpecError::Short { length: 7, .. }));
    assert!(matches!(read(&file("{}")[..9]), SpecError::Short { length: 9, header: 10 }));
    assert!(matches!(read(&[255; 16]), SpecError::LongHeader { header: u64::MAX }));
    assert!(matches!(read(&100_000_001u64.to_le_bytes()), SpecError::LongHeader { .. }));
    assert!(matches!(read(&file("{")), SpecError::Json { .. }));
}
