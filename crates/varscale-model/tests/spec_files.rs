//! Files and folders as specs: every kind that is read, and every other is named.

use std::{fs, path::Path};

use tempfile::TempDir;
use varscale_model::{Output, Plan, PlanFile, Spec};

/// A safetensors file with a tensor of shape [2, 3] for each name, whose data is left out.
fn safetensors(names: &[&str]) -> Vec<u8> {
    let entries: serde_json::Map<_, _> = names
        .iter()
        .map(|&name| {
            let entry =
                serde_json::json!({"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]});
            (name.to_owned(), entry)
        })
        .collect();
    let json = serde_json::Value::from(entries).to_string();
    [&(json.len() as u64).to_le_bytes()[..], json.as_bytes()].concat()
}

fn index(tensors: &[(&str, &str)]) -> Vec<u8> {
    let map: serde_json::Map<_, _> =
        tensors.iter().map(|&(name, shard)| (name.to_owned(), shard.into())).collect();
    serde_json::json!({"metadata": {"total_size": 48}, "weight_map": map}).to_string().into()
}

fn place(files: &[(&str, &[u8])]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

fn names(path: &Path) -> Vec<String> {
    let spec = Spec::read(path).unwrap();
    assert!(spec.tensors.iter().all(|tensor| tensor.shape == [2, 3]));
    spec.tensors.into_iter().map(|tensor| tensor.name.to_string()).collect()
}

const INDEX: &str = "model.safetensors.index.json";
const JSON: &[u8] =
    br#"{"b": {"dtype": "F32", "shape": [2, 3]}, "a": {"dtype": "F32", "shape": [2, 3]}}"#;

#[test]
fn files_are_read_by_their_content() {
    let bom = [b"\xef\xbb\xbf", JSON].concat();
    let null = br#"{"__metadata__": null, "b": {"dtype": "F32", "shape": [2, 3]}}"#;
    let any = br#"{"__metadata__": {"a": [1, {}]}, "b": {"dtype": "F32", "shape": [2, 3]}}"#;
    let weight_map = br#"{"weight_map": {"dtype": "F32", "shape": [2, 3]}}"#;
    let stored = safetensors(&["b", "a"]);
    let cases: [(&str, &[u8], &[&str]); 8] = [
        ("s.json", JSON, &["b", "a"]),
        ("s.json", &bom, &["b", "a"]),
        ("s.json", null, &["b"]),
        ("s.json", any, &["b"]),
        ("s.json", weight_map, &["weight_map"]),
        ("s.safetensors", &stored, &["b", "a"]),
        ("S.SAFETENSORS", &stored, &["b", "a"]),
        ("blob", &stored, &["b", "a"]),
    ];
    for (name, content, expected) in cases {
        let folder = place(&[(name, content)]);
        assert_eq!(names(&folder.path().join(name)), expected, "{name}");
    }
}

#[test]
fn a_header_may_be_as_long_as_other_kinds_begin() {
    // Pickles, gzip and UTF-16.
    for length in [0x0280, 0x0380, 0x0480, 0x0580, 0x8b1f, 0xfeff, 0xfffe] {
        let mut file = safetensors(&["b"]);
        file.resize(8 + length, b' ');
        file[..8].copy_from_slice(&(length as u64).to_le_bytes());
        let folder = place(&[("s.safetensors", &file)]);
        assert_eq!(names(&folder.path().join("s.safetensors")), ["b"], "{length:#x}");
    }
}

#[test]
fn an_index_is_read_with_its_shards_and_so_is_a_folder() {
    let (one, two) = (safetensors(&["c", "a"]), safetensors(&["b"]));
    let index = index(&[("a", "1.safetensors"), ("b", "2.safetensors"), ("c", "1.safetensors")]);
    let folder = place(&[
        (INDEX, &index),
        ("1.safetensors", &one),
        ("2.safetensors", &two),
        ("config.json", b"{}"),
        ("model.safetensors", &two),
    ]);
    // In the index's order.
    assert_eq!(names(&folder.path().join(INDEX)), ["a", "b", "c"]);
    assert_eq!(names(folder.path()), ["a", "b", "c"]);

    // Nothing of it is overwritten.
    let rules = "spec = '.'\n[[rules]]\nmatch = '*'\ninitializer = 'zeros'";
    let plan = Plan::of(&PlanFile::from_toml(rules).unwrap(), folder.path(), None).unwrap();
    for name in [INDEX, "1.safetensors", "2.safetensors"] {
        let output = Output::new(folder.path().join(name)).force(true).inputs(plan.inputs.clone());
        let error = output.open(None).unwrap_err().to_string();
        assert!(error.contains("is an input"), "{error}");
    }

    let other = place(&[("diffusion.safetensors.index.json", &index), ("1.safetensors", &one)]);
    fs::write(other.path().join("2.safetensors"), &two).unwrap();
    assert_eq!(names(other.path()), ["a", "b", "c"]);
    assert_eq!(names(place(&[("model.safetensors", &two), ("x.safetensors", &one)]).path()), ["b"]);
    assert_eq!(names(place(&[("any.safetensors", &two), ("x.bin", &one)]).path()), ["b"]);
}

#[test]
fn an_index_that_does_not_fit_its_shards_is_refused_by_name() {
    let shard = safetensors(&["a", "b"]);
    type Shards<'a> = &'a [(&'a str, &'a str)];
    let cases: [(Shards<'_>, &[&str]); 6] = [
        (
            &[("a", "1.safetensors"), ("c", "2.safetensors")],
            &["\"c\"", "\"2.safetensors\"", "not there"],
        ),
        (
            &[("a", "1.safetensors"), ("c", "1.safetensors")],
            &["\"c\"", "\"1.safetensors\"", "not have"],
        ),
        (&[("a", "1.safetensors")], &["\"b\"", "\"1.safetensors\"", "not in the index"]),
        (&[("a", "../1.safetensors")], &["\"a\"", "\"../1.safetensors\"", "beside"]),
        (&[("a", "/dev/zero")], &["\"a\"", "\"/dev/zero\"", "beside"]),
        (&[("a", INDEX)], &["\"a\"", INDEX, "index"]),
    ];
    for (tensors, parts) in cases {
        let folder = place(&[(INDEX, &index(tensors)), ("1.safetensors", &shard)]);
        let message = Spec::read(&folder.path().join(INDEX)).unwrap_err().to_string();
        for part in parts {
            assert!(message.contains(part), "{message:?} does not say {part:?}");
        }
    }
    let twice = br#"{"weight_map": {"a": "1.safetensors", "a": "1.safetensors"}}"#;
    let wrong = br#"{"weight_map": {"a": 3}}"#;
    for (index, part) in [(&twice[..], "twice"), (wrong, "string")] {
        let folder = place(&[(INDEX, index), ("1.safetensors", &shard)]);
        let message = Spec::read(&folder.path().join(INDEX)).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn files_of_other_kinds_are_refused_by_what_they_are() {
    let zip = |name: &str| {
        let length = (name.len() as u16).to_le_bytes();
        [b"PK\x03\x04", &[0; 22][..], &length, &[0; 2], name.as_bytes()].concat()
    };
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 5\n";
    let tar = [&[0; 257][..], b"ustar\0"].concat();
    let config = br#"{"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "n_head": 12}"#;
    let keras = br#"{"module": "keras", "class_name": "Functional", "config": {}}"#;
    let cases: [(&str, Vec<u8>, &str); 21] = [
        ("m.safetensors", pointer.to_vec(), "Git LFS pointer"),
        ("m.json", pointer.to_vec(), "Git LFS pointer"),
        ("m.bin", zip("archive/data.pkl"), "PyTorch"),
        ("m.pt", b"\x80\x02\x8a\nl\xfc".to_vec(), "PyTorch"),
        ("m.pkl", b"\x80\x04\x95".to_vec(), "pickle"),
        ("m.h5", b"\x89HDF\r\n\x1a\n".to_vec(), "HDF5"),
        ("m.keras", zip("metadata.json"), "Keras"),
        ("m.npz", zip("w.npy"), "NumPy"),
        ("m.zip", zip("x"), "zip"),
        ("m.npy", b"\x93NUMPY\x01\0".to_vec(), "NumPy"),
        ("m.gguf", b"GGUF\x03\0\0\0".to_vec(), "GGUF"),
        ("m.safetensors.gz", b"\x1f\x8b\x08".to_vec(), "gzip"),
        ("m.tar", tar, "tar"),
        ("m.safetensors", b"<!DOCTYPE html><html>".to_vec(), "HTML"),
        ("m.json", b"\n <html>".to_vec(), "HTML"),
        ("m.json", b"\xff\xfe{\0".to_vec(), "UTF-16"),
        ("m.json", vec![], "empty"),
        ("m.safetensors", b" \n".to_vec(), "empty"),
        ("config.json", config.to_vec(), "configuration"),
        ("config.json", keras.to_vec(), "configuration"),
        ("m.json", b"[1]".to_vec(), "array"),
    ];
    for (name, content, part) in cases {
        let folder = place(&[(name, &content)]);
        let message = Spec::read(&folder.path().join(name)).unwrap_err().to_string();
        for part in [name, part, "a spec is a .safetensors file", "JSON object of tensor names"] {
            assert!(message.contains(part), "{message:?} does not say {part:?}");
        }
    }
}

#[test]
fn folders_without_one_model_are_refused() {
    let shard = safetensors(&["a"]);
    let two = place(&[("x.safetensors", &shard), ("y.safetensors", &shard)]);
    let none = place(&[("pytorch_model.bin", b"")]);
    for (folder, part) in [(two, "\"x.safetensors\" and \"y.safetensors\""), (none, "without")] {
        let error = Spec::read(folder.path()).unwrap_err();
        assert!(error.is_input() && error.to_string().contains(part), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn shards_that_are_pipes_are_not_waited_for() {
    let index = br#"{"metadata": {}, "weight_map": {"a": "pipe.safetensors"}}"#;
    let folder = place(&[("model.safetensors.index.json", index)]);
    let pipe = folder.path().join("pipe.safetensors");
    assert!(std::process::Command::new("mkfifo").arg(pipe).status().unwrap().success());
    let error = Spec::read(folder.path()).unwrap_err().to_string();
    assert!(error.contains("no regular file"), "{error}");
}

#[test]
fn cut_files_are_refused() {
    let whole = safetensors(&["a"]);
    for length in 1..whole.len() {
        let folder = place(&[("m.safetensors", &whole[..length])]);
        let message = Spec::read(&folder.path().join("m.safetensors")).unwrap_err().to_string();
        assert!(message.contains("whole safetensors file"), "{length}: {message}");
    }
}
