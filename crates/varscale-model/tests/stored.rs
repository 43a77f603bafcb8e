//! Checkpoints that are read: whole ones, and files that lie.

use std::{fs, path::Path};

use serde_json::{Value, json};
use tempfile::TempDir;
use varscale_model::{Checkpoint, Error};

/// A safetensors file of a header and so many bytes of data.
fn file(header: &str, data: usize) -> Vec<u8> {
    let bytes: Vec<u8> = (0..data).map(|byte| byte as u8).collect();
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &bytes].concat()
}

/// A description, as text: numbers may be none that JSON's types hold.
fn entry(name: &str, dtype: &str, shape: &str, offsets: &str) -> String {
    format!(r#""{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}"#)
}

fn place(files: &[(&str, Vec<u8>)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

fn refused(path: &Path) -> String {
    let error = Checkpoint::open(path).unwrap_err();
    assert!(error.is_input() && matches!(error, Error::Stored { .. } | Error::Read { .. }));
    error.to_string()
}

#[track_caller]
fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{message:?} does not say {part:?}");
    }
}

const INDEX: &str = "model.safetensors.index.json";

fn index(tensors: &[(&str, &str)]) -> Vec<u8> {
    let map: serde_json::Map<_, _> =
        tensors.iter().map(|&(name, shard)| (name.to_owned(), shard.into())).collect();
    json!({"metadata": {"total_size": 6}, "weight_map": map}).to_string().into()
}

#[test]
fn every_dtype_of_the_format_is_read_and_its_bytes() {
    // Elements of 24 bits are the fewest whole bytes of all.
    let dtypes = [
        ("F4", 4),
        ("F6_E2M3", 6),
        ("F6_E3M2", 6),
        ("F8_E8M0", 8),
        ("F8_E4M3FNUZ", 8),
        ("F8_E5M2FNUZ", 8),
        ("F8_E4M3", 8),
        ("F8_E5M2", 8),
        ("I8", 8),
        ("U8", 8),
        ("BOOL", 8),
        ("I16", 16),
        ("U16", 16),
        ("F16", 16),
        ("BF16", 16),
        ("I32", 32),
        ("U32", 32),
        ("F32", 32),
        ("I64", 64),
        ("U64", 64),
        ("F64", 64),
        ("C64", 64),
    ];
    for (dtype, bits) in dtypes {
        let bytes = bits * 4 / 8;
        let header = format!("{{{}}}", entry("w", dtype, "[2,2]", &format!("[0,{bytes}]")));
        let folder = place(&[("m.safetensors", file(&header, bytes))]);
        let checkpoint = Checkpoint::open(&folder.path().join("m.safetensors")).unwrap();
        let [tensor] = &checkpoint.tensors[..] else { panic!("{dtype}") };
        assert_eq!((&*tensor.dtype, tensor.bits), (dtype, bits as u64));
        assert_eq!((tensor.bytes, tensor.elements()), (bytes as u64, 4));
        let mut read = vec![0; bytes - 1];
        let open = checkpoint.files[tensor.file].open().unwrap();
        open.read_at(tensor.offset + 1, &mut read).unwrap();
        assert!(read.iter().enumerate().all(|(at, &byte)| usize::from(byte) == at + 1), "{dtype}");
        open.read_at(tensor.offset + 2, &mut read).unwrap_err();
    }
}

#[test]
fn what_is_unusual_but_right_is_read() {
    let two = [entry("b", "U8", "[2]", "[1,3]"), entry("a", "U8", "[1]", "[0,1]")].join(",");
    let cases = [
        ("{}".to_owned(), 0, 0),
        ("{}      ".to_owned(), 0, 0),
        (format!("{{\"__metadata__\":null,{two}}}"), 3, 2),
        (format!("{{\"__metadata__\":{{\"a\":\"1\"}},{two}}}"), 3, 2),
        // Empty tensors take no place, wherever they are.
        (format!("{{{two},{}}}", entry("e", "F64", "[0,4294967296,4294967296]", "[1,1]")), 3, 3),
        (format!("{{{}}}", entry("scalar", "F16", "[]", "[0,2]")), 2, 1),
    ];
    for (header, data, tensors) in cases {
        let folder = place(&[("m.safetensors", file(&header, data))]);
        let checkpoint = Checkpoint::open(folder.path()).unwrap();
        assert_eq!(checkpoint.tensors.len(), tensors, "{header}");
    }
}

#[test]
fn files_that_lie_are_refused_by_tensor_and_values() {
    let max = u64::MAX;
    let w = |shape: &str, offsets: &str| format!("{{{}}}", entry("w", "U16", shape, offsets));
    let two = |first: &str, second: &str| {
        format!("{{{},{}}}", entry("a", "U8", "[4]", first), entry("b", "U8", "[2]", second))
    };
    let of = |dtype: &str| format!("{{{}}}", entry("w", dtype, "[3]", "[0,2]"));
    let cases: Vec<(String, usize, &[&str])> = vec![
        (two("[0,4]", "[3,5]"), 5, &["\"b\"", "byte 3", "\"a\"", "4"]),
        (two("[0,4]", "[0,2]"), 4, &["\"a\"", "byte 0", "\"b\"", "2"]),
        (two("[0,4]", "[5,7]"), 7, &["\"b\"", "byte 5", "4", "no tensor"]),
        (two("[1,5]", "[5,7]"), 7, &["\"a\"", "byte 1", "0"]),
        (two("[0,4]", "[4,6]"), 5, &["\"b\"", "byte 6", "has 5", "cut"]),
        (two("[0,4]", "[4,6]"), 0, &["\"a\"", "byte 4", "has 0", "cut"]),
        (two("[0,4]", "[4,6]"), 7, &["byte 6", "has 7"]),
        ("{}".into(), 1, &["byte 0", "has 1"]),
        (w("[2]", "[0,3]"), 4, &["\"w\"", "[0, 3]", "U16", "[2]", "4"]),
        (w("[2]", "[4,0]"), 4, &["\"w\"", "[4, 0]", "not above"]),
        (w("[2]", "[-4,0]"), 4, &["\"w\"", "[-4, 0]"]),
        (w("[2]", "[0,4.0]"), 4, &["\"w\"", "[0, 4.0]"]),
        (w("[2]", "[0,1e99]"), 4, &["\"w\"", "[0, 1e"]),
        (w("[2]", "[0,2,4]"), 4, &["\"w\"", "[0, 2, 4]"]),
        (w("[2]", "[4]"), 4, &["\"w\"", "[4]"]),
        (w("[2]", "[]"), 4, &["\"w\"", "[]"]),
        (w("[2]", "null"), 4, &["\"w\"", "data_offsets (none)"]),
        (w("[2]", "4"), 4, &["\"w\"", "data_offsets"]),
        (w("[2]", "[\"0\",4]"), 4, &["\"w\"", "data_offsets"]),
        (w("[2]", "[0,18446744073709551616]"), 4, &["\"w\"", "1.8446744073709552e+19"]),
        (
            w("[2]", &format!("[{},{max}]", max - 4)),
            4,
            &["\"w\"", "18446744073709551611", "no tensor"],
        ),
        (w("[-1]", "[0,4]"), 4, &["\"w\"", "-1", "axis 0"]),
        (w("[2.0]", "[0,4]"), 4, &["\"w\"", "2.0", "axis 0"]),
        (w("[4294967296,4294967296]", "[0,4]"), 4, &["\"w\"", "many elements"]),
        (w(&format!("[{max}]"), "[0,4]"), 4, &["\"w\"", "U16", "18446744073709551615", "2^64"]),
        (w("2", "[0,4]"), 4, &["\"w\"", "shape"]),
        (of("F4"), 2, &["\"w\"", "F4", "[3]", "whole number of bytes"]),
        (of("F6_E3M2"), 2, &["\"w\"", "F6_E3M2", "[3]", "whole number of bytes"]),
        (of("F24"), 2, &["\"w\"", "\"F24\"", "\"BF16\"", "\"C64\""]),
        (of("float32"), 2, &["\"w\"", "\"float32\"", "\"F32\""]),
        (of(""), 2, &["\"w\"", "\"\""]),
        (format!("{{{0},{0}}}", entry("w", "U8", "[1]", "[0,1]")), 1, &["\"w\"", "twice"]),
        (
            r#"{"w":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#.into(),
            1,
            &["\"w\"", "duplicate field `dtype`"],
        ),
        (
            r#"{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"more":1}}"#.into(),
            1,
            &["\"w\"", "more"],
        ),
        (r#"{"w":{"dtype":"U8","shape":[1]}}"#.into(), 1, &["\"w\"", "(none)"]),
        (r#"{"w":{"shape":[1],"data_offsets":[0,1]}}"#.into(), 1, &["\"w\"", "dtype"]),
        (r#"{"w":[1]}"#.into(), 1, &["\"w\"", "array"]),
        (r#"{"weight_map":{"w":"m.safetensors"}}"#.into(), 1, &["\"weight_map\""]),
        (r#"{"__metadata__":{"a":1}}"#.into(), 0, &["__metadata__", "integer `1`"]),
        (r#"{"__metadata__":[]}"#.into(), 0, &["__metadata__"]),
        (r#"{"__metadata__":{"a":"1","a":"2"}}"#.into(), 0, &["__metadata__", "twice", "\"1\""]),
        (r#"{"__metadata__":{},"__metadata__":{}}"#.into(), 0, &["duplicate field `__metadata__`"]),
        ("{} {}".into(), 0, &["header", "trailing"]),
        ("{\"w\":".into(), 0, &["\"w\"", "EOF"]),
        (" {}".into(), 0, &["header", "begin with {"]),
        ("\u{feff}{}".into(), 0, &["header", "begin with {"]),
        ("[]".into(), 0, &["header", "begin with {"]),
        ("".into(), 0, &["header", "begin with {"]),
    ];
    for (header, data, parts) in cases {
        let folder = place(&[("m.safetensors", file(&header, data))]);
        let message = refused(&folder.path().join("m.safetensors"));
        assert_says(&message, &["m.safetensors: "]);
        assert_says(&message, parts);
    }
}

#[test]
fn headers_that_are_none_are_refused() {
    let good = file(&format!("{{{}}}", entry("w", "U8", "[1]", "[0,1]")), 1);
    let claims = |length: u64| [&length.to_le_bytes()[..], &good[8..]].concat();
    let mut not_utf8 = good.clone();
    not_utf8[10] = 0xff;
    let cases: [(Vec<u8>, &[&str]); 7] = [
        (claims(1000), &["whole safetensors file", "1008"]),
        (claims(100_000_001), &["100000001", "100000000"]),
        (claims(u64::MAX), &["18446744073709551615"]),
        (claims(10), &["EOF"]),
        (claims(0), &["header"]),
        (good[..7].to_vec(), &["whole safetensors file", "7 bytes"]),
        (not_utf8, &["unicode"]),
    ];
    for (content, parts) in cases {
        let folder = place(&[("m.safetensors", content)]);
        assert_says(&refused(folder.path()), parts);
    }
    // Cut anywhere, it is no checkpoint.
    for length in 0..good.len() {
        let folder = place(&[("m.safetensors", good[..length].to_vec())]);
        refused(folder.path());
    }
}

/// 640 begins as a pickle does, 60 and 15392 as HTML.
#[test]
fn no_length_of_a_header_makes_it_another_kind() {
    for length in (2..1000).chain([0x3c20, 0x8b1f, 0xfeff]) {
        let folder =
            place(&[("m.safetensors", file(&format!("{{}}{}", " ".repeat(length - 2)), 0))]);
        let checkpoint = Checkpoint::open(folder.path()).unwrap();
        assert_eq!(checkpoint.tensors, []);
    }
}

#[test]
fn an_index_and_its_shards_must_agree() {
    let shard = |names: &[&str]| {
        let of =
            |(at, name): (usize, &&str)| entry(name, "U8", "[1]", &format!("[{at},{}]", at + 1));
        let entries: Vec<_> = names.iter().enumerate().map(of).collect();
        file(&format!("{{{}}}", entries.join(",")), names.len())
    };
    let (one, two) = (("1.safetensors", shard(&["a", "b"])), ("2.safetensors", shard(&["c"])));
    let right = [("c", "2.safetensors"), ("a", "1.safetensors"), ("b", "1.safetensors")];
    let folder = place(&[(INDEX, index(&right)), one.clone(), two.clone()]);
    for path in [folder.path().to_owned(), folder.path().join(INDEX)] {
        let checkpoint = Checkpoint::open(&path).unwrap();
        let tensors = checkpoint.tensors.iter();
        let named: Vec<_> = tensors
            .map(|t| {
                (&*t.name, checkpoint.files[t.file].path.file_name().unwrap().to_str().unwrap())
            })
            .collect();
        assert_eq!(named, right);
        let found = checkpoint.index.unwrap();
        assert_eq!(
            (found.path, found.metadata),
            (folder.path().join(INDEX), json!({"total_size": 6}))
        );
    }

    let both = ("2.safetensors", shard(&["c", "a"]));
    let spec = br#"{"c": {"dtype": "U8", "shape": [1]}}"#.to_vec();
    type Case<'a> = (Vec<u8>, Vec<(&'a str, Vec<u8>)>, &'a [&'a str]);
    let cases: Vec<Case<'_>> = vec![
        (index(&[]), vec![], &["names no tensor"]),
        (index(&right), vec![one.clone()], &["\"c\"", "\"2.safetensors\"", "not there"]),
        (
            index(&right),
            vec![one.clone(), both],
            &["\"a\"", "\"1.safetensors\"", "\"2.safetensors\"", "too"],
        ),
        (
            index(&right[..2]),
            vec![one.clone(), two.clone()],
            &["\"b\"", "\"1.safetensors\"", "not in the index"],
        ),
        (
            index(&[("d", "2.safetensors")]),
            vec![two.clone()],
            &["\"d\"", "\"2.safetensors\"", "not have"],
        ),
        (index(&[("c", "../2.safetensors")]), vec![], &["\"c\"", "\"../2.safetensors\"", "beside"]),
        (index(&[("c", "/dev/zero")]), vec![], &["\"c\"", "\"/dev/zero\"", "beside"]),
        (index(&[("c", INDEX)]), vec![], &["\"c\"", INDEX, "index, too"]),
        (
            index(&[("c", "2.safetensors")]),
            vec![("2.safetensors", spec)],
            &["2.safetensors", "spec"],
        ),
        (
            index(&[("c", "2.safetensors")]),
            vec![("2.safetensors", two.1[..60].to_vec())],
            &["2.safetensors"],
        ),
        (
            br#"{"weight_map": {"a": "1.safetensors", "a": "2.safetensors"}}"#.to_vec(),
            vec![],
            &["\"a\"", "twice"],
        ),
        (br#"{"weight_map": {"a": 1}}"#.to_vec(), vec![], &["string"]),
    ];
    for (index, shards, parts) in cases {
        let folder = place(&[&[(INDEX, index)][..], &shards[..]].concat());
        assert_says(&refused(folder.path()), parts);
    }
}

#[test]
fn other_files_are_refused_by_what_they_are() {
    let cases: [(&str, &[u8], &str); 7] = [
        ("m.gguf", b"GGUF\x03\0\0\0", "GGUF"),
        (
            "m.npz",
            b"PK\x03\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05\0\0\0w.npy",
            "NumPy archive",
        ),
        ("m.bin", b"\x80\x02\x8a\nl\xfc", "PyTorch"),
        ("m.safetensors", b"version https://git-lfs.github.com/spec/v1", "Git LFS"),
        ("m.safetensors", b"", "empty"),
        ("config.json", br#"{"model_type": "gpt2"}"#, "configuration"),
        ("s.json", br#"{"w": {"dtype": "F32", "shape": [1]}}"#, "spec"),
    ];
    for (name, content, part) in cases {
        let folder = place(&[(name, content.to_vec())]);
        let message = refused(&folder.path().join(name));
        assert_says(&message, &[name, part, "a checkpoint is a .safetensors file"]);
    }
    let empty = TempDir::new().unwrap();
    assert_says(&refused(empty.path()), &["folder without"]);
    assert_says(&refused(&empty.path().join("none")), &["cannot read"]);
    if cfg!(unix) {
        assert_says(&refused(Path::new("/dev/zero")), &["regular file"]);
    }
}

#[test]
fn a_file_that_grew_or_shrank_since_is_not_read() {
    let header = format!("{{{}}}", entry("w", "U8", "[1]", "[0,1]"));
    let folder = place(&[("m.safetensors", file(&header, 1))]);
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    fs::write(&checkpoint.files[0].path, file(&header, 2)).unwrap();
    assert_says(&checkpoint.files[0].open().unwrap_err().to_string(), &["m.safetensors", "now"]);
    assert_eq!(checkpoint.index.map(|index| index.metadata), None::<Value>);
}
