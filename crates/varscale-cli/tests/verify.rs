//! `varscale verify`, as a user runs it.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use half::bf16;
use safetensors::{Dtype, SafeTensors, serialize, tensor::TensorView};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const SPEC: &str = r#"{
    "emb": {"dtype": "F32", "shape": [300, 40]},
    "h.w": {"dtype": "F32", "shape": [200, 301]},
    "h.w16": {"dtype": "BF16", "shape": [64, 33]},
    "h.b": {"dtype": "F32", "shape": [301]},
    "h.steps": {"dtype": "I64", "shape": []},
    "h.mask": {"dtype": "BOOL", "shape": [5]},
    "h.scale": {"dtype": "F8_E8M0", "shape": [3]},
    "head": {"dtype": "F32", "shape": [300, 40]}
}"#;

const RULES: &str = "spec = 's.json'\nseed = 42\n\
    [[rules]]\nmatch = '*.b'\ninitializer = 'zeros'\n\
    [[rules]]\nmatch = '*.scale'\nskip = true\n\
    [[rules]]\nmatch = 'head'\ntie = 'emb'\n\
    [[rules]]\nmatch = '*.{steps,mask}'\ninitializer = 'ones'\n\
    [[rules]]\nmatch = '*'\ninitializer = 'he_normal'\n";

/// What a tensor is stored as.
type Tensors = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

/// The `__metadata__` of a file.
type Texts = std::collections::HashMap<String, String>;

/// A folder with a plan and its checkpoint.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(TempDir::new().unwrap());
        fs::write(place.path("plan.toml"), RULES).unwrap();
        fs::write(place.path("s.json"), SPEC).unwrap();
        let written = place.run(&["init", "plan.toml", "-o", "m.safetensors", "-q"]);
        assert!(written.status.success(), "{}", text(&written.stderr));
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_varscale"));
        command.args(arguments).current_dir(self.0.path()).output().unwrap()
    }

    fn tensors(&self) -> Tensors {
        let bytes = fs::read(self.path("m.safetensors")).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let tensor = |name: String| {
            let view = file.tensor(&name).unwrap();
            (name, (view.dtype(), view.shape().to_vec(), view.data().to_vec()))
        };
        file.names().into_iter().map(|name| tensor(name.to_string())).collect()
    }

    /// Its `__metadata__`.
    fn metadata(&self) -> Texts {
        let bytes = fs::read(self.path("m.safetensors")).unwrap();
        SafeTensors::read_metadata(&bytes).unwrap().1.metadata().clone().unwrap()
    }

    /// Writes a safetensors file as others do, without a recipe.
    fn save(&self, name: &str, tensors: &Tensors) {
        self.save_with(name, tensors, &None);
    }

    fn save_with(&self, name: &str, tensors: &Tensors, metadata: &Option<Texts>) {
        let mut views = Vec::new();
        for (name, (dtype, shape, data)) in tensors {
            views.push((name.clone(), TensorView::new(*dtype, shape.clone(), data).unwrap()));
        }
        let bytes = serialize(views, metadata);
        fs::write(self.path(name), bytes.unwrap()).unwrap();
    }

    /// Its report, as JSON, where it has this exit code.
    #[track_caller]
    fn verify(&self, code: i32, arguments: &[&str]) -> Json {
        let output = self.run(&[&["verify"], arguments, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    #[track_caller]
    fn refuses(&self, arguments: &[&str], parts: &[&str]) {
        let output = self.run(&[&["verify"], arguments].concat());
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert_eq!(text(&output.stdout), "");
        for part in parts {
            assert!(message.contains(part), "{message:?} does not say {part:?}");
        }
        assert!(!message.contains("panic"), "{message}");
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn to_f32(data: &[u8]) -> impl Iterator<Item = f32> {
    data.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
}

#[test]
fn what_init_writes_is_identical() {
    let place = Place::new();
    let report = place.verify(0, &["m.safetensors"]);
    let values = 300 * 40 + 200 * 301 + 64 * 33 + 301 + 1 + 5;
    assert_eq!((&report["identical"], &report["tensors"]), (&true.into(), &6.into()));
    assert_eq!((&report["values"], &report["total"]), (&values.into(), &values.into()));
    assert_eq!(report["form"], "as-written");
    let shown = place.run(&["verify", "m.safetensors", "plan.toml"]);
    let shown = text(&shown.stdout);
    assert!(shown.starts_with("identical: 6 tensors, 74,619 values"), "{shown}");
    assert!(shown.contains("seed 42 (given)"), "{shown}");
    let own = place.run(&["verify", "m.safetensors"]);
    assert!(text(&own.stdout).contains("seed 42 (of the recipe)"), "{own:?}");
    let quiet = place.run(&["verify", "m.safetensors", "-q"]);
    assert_eq!((quiet.status.code(), &quiet.stdout[..]), (Some(0), &b""[..]));
    for threads in ["1", "3"] {
        place.verify(0, &["m.safetensors", "m.safetensors", "--threads", threads]);
    }
}

/// Each change of the checkpoint, and what is found: the key of the report, and what it holds.
#[test]
fn every_difference_is_found_and_named() {
    let place = Place::new();
    /// What parts of the output are, by their names.
    type Texts = &'static [(&'static str, &'static str)];

    type Change = fn(&mut Tensors);
    let cases: [(&str, Change, Texts); 14] = [
        (
            "a bit",
            |all| all.get_mut("h.w").unwrap().2[4 * (301 * 7 + 5)] ^= 1,
            &[
                ("/differing/0/tensor", "\"h.w\""),
                ("/differing/0/index", "[7,5]"),
                ("/differing/0/values", "1"),
                ("/differing/1", "none"),
            ],
        ),
        (
            "the last byte",
            |all| *all.get_mut("h.w16").unwrap().2.last_mut().unwrap() ^= 0x80,
            &[("/differing/0/tensor", "\"h.w16\""), ("/differing/0/index", "[63,32]")],
        ),
        (
            "the sign of a zero",
            |all| all.get_mut("h.b").unwrap().2[4 * 300 + 3] ^= 0x80,
            &[
                ("/differing/0/index", "[300]"),
                ("/differing/0/stored", "-0.0"),
                ("/differing/0/planned", "0.0"),
                ("/differing/0/largest", "0.0"),
            ],
        ),
        (
            "a NaN",
            |all| all.get_mut("h.b").unwrap().2[..4].copy_from_slice(&f32::NAN.to_le_bytes()),
            &[("/differing/0/stored", "\"NaN\""), ("/differing/0/not_finite", "1")],
        ),
        (
            "an integer",
            |all| all.get_mut("h.steps").unwrap().2 = (-3i64).to_le_bytes().to_vec(),
            &[
                ("/differing/0/index", "[]"),
                ("/differing/0/stored", "-3"),
                ("/differing/0/planned", "1"),
                ("/differing/0/largest", "4.0"),
            ],
        ),
        (
            "a truth value",
            |all| all.get_mut("h.mask").unwrap().2[4] = 0,
            &[("/differing/0/tensor", "\"h.mask\""), ("/differing/0/index", "[4]")],
        ),
        (
            "two tensors",
            |all| {
                all.get_mut("h.w").unwrap().2.fill(0);
                all.get_mut("h.b").unwrap().2.fill(1);
            },
            &[
                ("/differing/0/tensor", "\"h.w\""),
                ("/differing/0/values", "60200"),
                ("/differing/1/tensor", "\"h.b\""),
                ("/differing/1/values", "301"),
            ],
        ),
        ("missing", |all| drop(all.remove("h.w16")), &[("/missing", "[\"h.w16\"]")]),
        (
            "added",
            |all| drop(all.insert("lora".into(), (Dtype::U8, vec![2], vec![0; 2]))),
            &[("/added", "[\"lora\"]")],
        ),
        (
            "renamed",
            |all| {
                let w = all.remove("h.w").unwrap();
                all.insert("model.h.w".into(), w);
            },
            &[
                ("/renamed/0", "{\"planned\":\"h.w\",\"stored\":\"model.h.w\"}"),
                ("/missing", "[]"),
                ("/added", "[]"),
                ("/differing", "[]"),
            ],
        ),
        (
            "transposed",
            |all| all.get_mut("h.w").unwrap().1.reverse(),
            &[
                ("/mismatched/0/tensor", "\"h.w\""),
                ("/mismatched/0/stored_shape", "[301,200]"),
                ("/mismatched/0/planned_shape", "[200,301]"),
            ],
        ),
        (
            "another integer type",
            |all| {
                *all.get_mut("h.steps").unwrap() = (Dtype::I32, vec![], vec![1, 0, 0, 0]);
            },
            &[
                ("/mismatched/0/stored_dtype", "\"int32\""),
                ("/mismatched/0/planned_dtype", "\"int64\""),
            ],
        ),
        (
            "a tie that is untied",
            |all| {
                let mut emb = all["emb"].clone();
                emb.2[0] ^= 1;
                all.insert("head".into(), emb);
            },
            &[("/differing/0/tensor", "\"head\""), ("/differing/0/index", "[0,0]")],
        ),
        (
            "unrounded halves",
            |all| {
                let w = all.get_mut("h.w").unwrap();
                w.0 = Dtype::BF16;
                w.2 = to_f32(&w.2).flat_map(|value| value.to_le_bytes()[2..].to_vec()).collect();
            },
            &[("/differing/0/tensor", "\"h.w\""), ("/rounded/0/to", "\"bfloat16\"")],
        ),
    ];
    for (what, change, expected) in cases {
        let mut tensors = place.tensors();
        change(&mut tensors);
        place.save("changed.safetensors", &tensors);
        let report = place.verify(1, &["changed.safetensors", "plan.toml"]);
        assert_eq!(report["identical"], false, "{what}");
        for &(key, value) in expected {
            let found = report.pointer(key).map_or("none".to_owned(), Json::to_string);
            assert_eq!(found, value, "{what}: {key}");
        }
        let quiet = place.run(&["verify", "changed.safetensors", "plan.toml", "-q"]);
        assert_eq!((quiet.status.code(), quiet.stdout.len(), quiet.stderr.len()), (Some(1), 0, 0));
    }
}

#[test]
fn copies_with_the_same_values_are_identical_and_named() {
    let place = Place::new();
    type Change = fn(&mut Tensors);
    let round: Change = |all| {
        for (dtype, _, data) in all.values_mut().filter(|(dtype, ..)| *dtype == Dtype::F32) {
            let values = to_f32(data).map(bf16::from_f32);
            *data = values.flat_map(|value| value.to_le_bytes()).collect();
            *dtype = Dtype::BF16;
        }
    };
    let widen: Change = |all| {
        let (dtype, _, data) = all.get_mut("h.w16").unwrap();
        let values = data.chunks_exact(2).map(|two| bf16::from_le_bytes([two[0], two[1]]));
        *data = values.flat_map(|value| value.to_f32().to_le_bytes()).collect();
        *dtype = Dtype::F32;
    };
    let cases: [(Change, &str, &str, &[&str]); 5] = [
        (|_| (), "[]", "other-order", &["in another order"]),
        (
            round,
            r#"[{"from":"float32","to":"bfloat16","tensors":3}]"#,
            "other-order",
            &["identical after rounding float32 to bfloat16: "],
        ),
        (
            widen,
            r#"[{"from":"bfloat16","to":"float32","tensors":1}]"#,
            "other-order",
            &["identical after widening bfloat16 to float32: "],
        ),
        (
            |all| drop(all.insert("head".into(), all["emb"].clone())),
            "[]",
            "other-order",
            &["7 tensors"],
        ),
        (
            |all| drop(all.insert("h.scale".into(), (Dtype::U8, vec![3], vec![9; 3]))),
            "[]",
            "other-order",
            &["not verified, since the plan skips it: h.scale"],
        ),
    ];
    for (change, rounded, form, parts) in cases {
        let mut tensors = place.tensors();
        change(&mut tensors);
        place.save("copy.safetensors", &tensors);
        let report = place.verify(0, &["copy.safetensors", "plan.toml"]);
        assert_eq!(
            (report["rounded"].to_string(), &report["form"]),
            (rounded.into(), &form.into())
        );
        let shown = place.run(&["verify", "copy.safetensors", "m.safetensors"]);
        for part in parts {
            assert!(text(&shown.stdout).contains(part), "{:?}", text(&shown.stdout));
        }
    }
}

#[test]
fn shards_of_others_are_verified_by_the_plan() {
    let place = Place::new();
    let mut one = place.tensors();
    let two = one.split_off("h.steps");
    let map: BTreeMap<_, _> = one
        .keys()
        .map(|name| (name, "1.safetensors"))
        .chain(two.keys().map(|name| (name, "2.safetensors")))
        .collect();
    fs::create_dir(place.path("copy")).unwrap();
    place.save("copy/1.safetensors", &one);
    place.save("copy/2.safetensors", &two);
    let index = serde_json::json!({"metadata": {}, "weight_map": map});
    fs::write(place.path("copy/model.safetensors.index.json"), index.to_string()).unwrap();
    for path in ["copy", "copy/model.safetensors.index.json"] {
        let report = place.verify(0, &[path, "m.safetensors"]);
        assert_eq!((&report["form"], &report["files"]), (&"other-shards".into(), &2.into()));
    }
    place.refuses(&["copy"], &["recipe", "varscale verify CHECKPOINT PLAN"]);
    fs::remove_file(place.path("copy/2.safetensors")).unwrap();
    place.refuses(&["copy", "plan.toml"], &["2.safetensors", "not there"]);
}

#[test]
fn shards_are_verified_together_and_one_by_one() {
    let place = Place::new();
    fs::create_dir(place.path("d")).unwrap();
    let init =
        ["init", "plan.toml", "-o", "d/model.safetensors", "--max-shard-size", "100KB", "-q"];
    assert!(place.run(&init).status.success());
    let index = place.path("d/model.safetensors.index.json");
    let report = place.verify(0, &["d"]);
    assert_eq!((&report["form"], &report["tensors"]), (&"as-written".into(), &6.into()));
    let map: Json = serde_json::from_slice(&fs::read(&index).unwrap()).unwrap();
    let map = map["weight_map"].as_object().unwrap();
    let of_w = map["h.w"].as_str().unwrap();
    assert!(map["emb"] != map["h.w"]);
    for shard in map.values().filter_map(Json::as_str) {
        let report = place.verify(0, &[&format!("d/{shard}")]);
        assert_eq!(report["values"], report["total"], "{shard}");
    }
    for (checkpoint, plan) in [("d", "m.safetensors"), ("m.safetensors", "d"), ("d", "plan.toml")] {
        place.verify(0, &[checkpoint, plan]);
    }

    // Shards of other names, a sum that is another, a tensor that is.
    let whole = fs::read_to_string(&index).unwrap();
    fs::rename(place.path(&format!("d/{of_w}")), place.path("d/x.safetensors")).unwrap();
    fs::write(&index, whole.replace(of_w, "x.safetensors")).unwrap();
    assert_eq!(place.verify(0, &["d"])["form"], "other-names");
    fs::write(
        &index,
        fs::read_to_string(&index).unwrap().replacen("\"total_size\":", "\"total_size\":1", 1),
    )
    .unwrap();
    let changed = place.verify(1, &["d"])["changed_metadata"].to_string();
    assert!(changed.contains("model.safetensors.index.json"), "{changed}");
    fs::write(&index, whole.replace(of_w, "x.safetensors")).unwrap();
    let mut shard = fs::read(place.path("d/x.safetensors")).unwrap();
    *shard.last_mut().unwrap() ^= 1;
    fs::write(place.path("d/x.safetensors"), shard).unwrap();
    assert_eq!(place.verify(1, &["d"])["differing"][0]["index"].to_string(), "[199,300]");
}

#[test]
fn a_sample_is_some_of_every_tensor_and_always_the_same() {
    let place = Place::new();
    let spec = SPEC.replace("[200, 301]", "[2000, 3010]");
    fs::write(place.path("s.json"), spec).unwrap();
    assert!(
        place.run(&["init", "plan.toml", "-o", "m.safetensors", "-q", "--force"]).status.success()
    );
    let report = |percent: &str| {
        let mut report = place.verify(0, &["m.safetensors", "--sample", percent]);
        report.as_object_mut().unwrap().remove("seconds");
        report
    };
    let some = report("10%");
    assert_eq!(
        (&some["tensors"], &some["sampled"], &some),
        (&6.into(), &true.into(), &report("10%"))
    );
    let share = some["values"].as_f64().unwrap() / some["total"].as_f64().unwrap();
    assert!((0.09..0.12).contains(&share), "{share}");
    let all = report("100%");
    assert_eq!(all["values"], all["total"]);
    let shown = place.run(&["verify", "m.safetensors", "--sample", "10%"]);
    assert!(text(&shown.stdout).contains("% of the values"), "{:?}", text(&shown.stdout));
    for percent in ["0%", "-1%", "101%", "10", "0.1", "x", "", "nan%"] {
        let quoted = format!("{percent:?}");
        place
            .refuses(&["m.safetensors", "--sample", percent], &["--sample", &quoted, "percentage"]);
    }
    let mut tensors = place.tensors();
    tensors.get_mut("h.w").unwrap().2.fill(7);
    place.save("changed.safetensors", &tensors);
    place.verify(1, &["changed.safetensors", "plan.toml", "--sample", "0.1%"]);
}

#[test]
fn what_cannot_be_verified_is_refused() {
    let place = Place::new();
    let whole = fs::read(place.path("m.safetensors")).unwrap();
    fs::write(place.path("cut.safetensors"), &whole[..whole.len() - 1]).unwrap();
    fs::write(place.path("header.safetensors"), &whole[..100]).unwrap();
    fs::write(place.path("long.safetensors"), [&whole[..], b"x"].concat()).unwrap();
    fs::write(place.path("empty.safetensors"), "").unwrap();
    fs::write(place.path("m.gguf"), "GGUF\x03\0\0\0").unwrap();
    fs::write(place.path("m.bin"), b"\x80\x02\x8a\nl\xfc").unwrap();
    fs::create_dir(place.path("folder")).unwrap();
    place.save("others.safetensors", &place.tensors());
    fs::write(place.path("unseeded.toml"), RULES.replace("seed = 42\n", "")).unwrap();
    let cases: [(&[&str], &[&str]); 13] = [
        (&["cut.safetensors"], &["cut.safetensors", "cut", "byte"]),
        (&["header.safetensors"], &["whole safetensors file"]),
        (&["long.safetensors"], &["long.safetensors", "byte"]),
        (&["empty.safetensors"], &["empty"]),
        (&["m.gguf"], &["GGUF", "a checkpoint is"]),
        (&["m.bin"], &["PyTorch", "a checkpoint is"]),
        (&["s.json"], &["spec, which has no values"]),
        (&["folder"], &["folder without safetensors files"]),
        (&["none"], &["none"]),
        (&["others.safetensors"], &["no recipe", "name its plan"]),
        (&["m.safetensors", "unseeded.toml"], &["no seed", "the checkpoint states --seed 42)"]),
        (&["m.safetensors", "none.toml"], &["none.toml"]),
        (&[], &["CHECKPOINT"]),
    ];
    for (arguments, parts) in cases {
        place.refuses(arguments, parts);
    }
    place.verify(0, &["m.safetensors", "unseeded.toml", "--seed", "42"]);
    place.verify(1, &["m.safetensors", "--seed", "43"]);
}

/// Whatever bit of a header is flipped.
#[test]
fn a_bit_of_the_header_is_never_identical() {
    let place = Place::new();
    let whole = fs::read(place.path("m.safetensors")).unwrap();
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    for byte in 0..header {
        let mut changed = whole.clone();
        changed[byte] ^= 1 << (byte % 8);
        fs::write(place.path("changed.safetensors"), changed).unwrap();
        let output = place.run(&["verify", "changed.safetensors", "-q"]);
        let around =
            String::from_utf8_lossy(&whole[byte.saturating_sub(20)..byte + 20]).into_owned();
        assert!(matches!(output.status.code(), Some(1 | 2)), "byte {byte}: {around}");
    }
}

/// What another program saved again has the same values, whatever its name, its metadata and the order
/// of its tensors; metadata of a recipe that was changed is told.
#[test]
fn copies_saved_again_are_identical_under_any_name() {
    let place = Place::new();
    place.digest("m.safetensors", &place.tensors());
    let (whole, tensors) = (fs::read(place.path("m.safetensors")).unwrap(), place.tensors());
    let own = place.metadata();
    let with = |key: &str, text: &str| {
        let mut texts = own.clone();
        texts.insert(key.into(), text.into());
        Some(texts)
    };
    let without = |key: &str| {
        let mut texts = own.clone();
        assert!(texts.remove(key).is_some());
        Some(texts)
    };
    // The header with a space and another order of keys, and the same values.
    let length = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let header: Json = serde_json::from_slice(&whole[8..length]).unwrap();
    let padded = format!("{header}{}", " ".repeat(7));
    let padded = [&(padded.len() as u64).to_le_bytes(), padded.as_bytes(), &whole[length..]];
    let cases: [(&str, Option<Texts>, i32); 8] = [
        ("no metadata", None, 0),
        ("a library's", Some(Texts::from([("format".into(), "np".into())])), 0),
        ("all of it", Some(own.clone()), 0),
        ("more of it", with("comment", "saved again"), 0),
        ("another seed", with("varscale.seed", "43"), 1),
        ("another version", with("varscale.version", "9"), 1),
        ("no seed", without("varscale.seed"), 1),
        ("no tie", without("head"), 1),
    ];
    for name in ["m.safetensors", "copy.safetensors"] {
        let digests: &[&str] = &[name, "--digests", "m.safetensors.sha256"];
        for (what, metadata, code) in &cases {
            place.save_with(name, &tensors, metadata);
            fs::write(place.path("p.toml"), RULES).unwrap();
            for arguments in [&[name, "p.toml"], digests] {
                let output = place.run(&[&["verify"], arguments].concat());
                let shown = text(&output.stdout);
                assert_eq!(output.status.code(), Some(*code), "{what}, {arguments:?}: {output:?}");
                assert_eq!(shown.contains(&format!("metadata was changed: {name}")), *code == 1);
                let again = "not the file of its digest, and the same tensors (saved again?): m";
                let is_again = name == "m.safetensors" && arguments.len() == 3;
                assert_eq!(shown.contains(again), is_again, "{what}: {shown}");
            }
        }
        fs::write(place.path(name), padded.concat()).unwrap();
        place.verify(0, &[name]);
        place.verify(0, digests);
    }
}

#[test]
fn reports_name_files_and_say_each_thing_once() {
    let place = Place::new();
    let tensors = place.tensors();
    let shown = |code, arguments: &[&str]| {
        let output = place.run(&[&["verify"], arguments].concat());
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        text(&output.stdout).to_owned()
    };
    // The file with a tensor that differs, where there are several.
    let mut one = tensors.clone();
    let mut two = one.split_off("h.steps");
    two.get_mut("h.w").unwrap().2[3] ^= 1;
    fs::create_dir(place.path("copy")).unwrap();
    place.save("copy/1.safetensors", &one);
    place.save("copy/2.safetensors", &two);
    let file_of = |name: &String| if one.contains_key(name) { "1" } else { "2" };
    let map: BTreeMap<_, _> =
        tensors.keys().map(|name| (name, format!("{}.safetensors", file_of(name)))).collect();
    let index = serde_json::json!({"metadata": {}, "weight_map": map});
    fs::write(place.path("copy/m.safetensors.index.json"), index.to_string()).unwrap();
    let report = shown(1, &["copy", "plan.toml"]);
    let row = report.lines().find(|line| line.starts_with(" h.w")).unwrap();
    assert!(row.ends_with("2.safetensors"), "{report}");
    assert!(report.contains("1 value of 1 tensor differs"), "{report}");
    assert!(report.contains("\nin 2 files, which are other shards than init writes\n"), "{report}");
    assert!(report.contains("\nwithout a recipe in its metadata\n"), "{report}");
    let json = place.verify(1, &["copy", "plan.toml"]);
    assert_eq!(json["differing"][0]["file"], "2.safetensors");

    // Digests: which files were proved by what, and other dtypes in one line.
    place.digest("m.safetensors", &tensors);
    let whole = shown(0, &["--digests", "m.safetensors.sha256"]);
    assert!(whole.ends_with("\nto the last byte: m.safetensors\n"), "{whole}");
    two.get_mut("h.w").unwrap().2[3] ^= 1;
    place.save("copy/2.safetensors", &two);
    let parts = shown(0, &["copy", "--digests", "m.safetensors.sha256"]);
    let files = "\ntensor by tensor: 1.safetensors\ntensor by tensor: 2.safetensors\n";
    assert!(parts.ends_with(files), "{parts}");
    let mut cast = tensors;
    cast.values_mut().filter(|one| one.0 == Dtype::F32).for_each(|one| one.0 = Dtype::I32);
    place.save("cast.safetensors", &cast);
    let cast = shown(1, &["cast.safetensors", "--digests", "m.safetensors.sha256"]);
    let line = "3 tensors of another dtype: I32 is stored, and F32 stands in the digests \
                (the first is emb)";
    assert_eq!(cast.matches("I32").count(), 1, "{cast}");
    assert!(cast.contains(line), "{cast}");

    // A tensor that is missing changes no order.
    let bytes = fs::read(place.path("m.safetensors")).unwrap();
    let start = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header: serde_json::Map<String, Json> =
        serde_json::from_slice(&bytes[8..start]).unwrap();
    let end = |tensor: &Json| tensor["data_offsets"][1].as_u64();
    let (last, tensor) = header.iter().max_by_key(|(_, tensor)| end(tensor)).unwrap();
    let (last, kept) = (last.clone(), tensor["data_offsets"][0].as_u64().unwrap() as usize);
    header.remove(&last);
    header.remove("__metadata__");
    let header = serde_json::to_vec(&header).unwrap();
    let short =
        [&(header.len() as u64).to_le_bytes()[..], &header, &bytes[start..start + kept]].concat();
    fs::write(place.path("short.safetensors"), short).unwrap();
    let report = shown(1, &["short.safetensors", "plan.toml"]);
    assert!(report.contains(&format!("missing: {last}")), "{report}");
    assert!(!report.contains("order"), "{report}");
}

/// Equal tensors under other names are told by what of these is left.
#[test]
fn equal_tensors_are_renamed_by_their_names() {
    let place = Place::new();
    let one = |name: &str| format!(r#""{name}": {{"dtype": "F32", "shape": [7]}}"#);
    let names = |rename: fn(usize, &str) -> String| {
        let layer = |layer| ["attn.bias", "mlp.bias"].map(|part| rename(layer, part));
        (0..12).flat_map(layer).collect::<Vec<_>>()
    };
    for rename in [
        (|layer, part| format!("model.h.{layer}.{part}")) as fn(usize, &str) -> String,
        |layer, part| format!("h.{layer}.{part}").replace("bias", "b"),
        |layer, part| format!("encoder.layer.{layer}.{part}.0"),
    ] {
        let (planned, stored) = (names(|layer, part| format!("h.{layer}.{part}")), names(rename));
        let spec: Vec<_> = planned.iter().map(|name| one(name)).collect();
        fs::write(place.path("s.json"), format!("{{{}}}", spec.join(","))).unwrap();
        fs::write(
            place.path("zeros.toml"),
            "spec = 's.json'\nseed = 1\n[[rules]]\nmatch = '*'\ninitializer = 'zeros'\n",
        )
        .unwrap();
        let zeros = stored.iter().map(|name| (name.clone(), (Dtype::F32, vec![7], vec![0; 28])));
        place.save("zeros.safetensors", &zeros.collect());
        let report = place.verify(1, &["zeros.safetensors", "zeros.toml"]);
        for (planned, stored) in planned.iter().zip(&stored) {
            let pair = serde_json::json!({"planned": planned, "stored": stored});
            assert!(report["renamed"].as_array().unwrap().contains(&pair), "{pair}: {report}");
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Place {
    /// Writes the digest file of a file.
    fn digest(&self, name: &str, tensors: &Tensors) {
        let dtype = |dtype: Dtype| format!("{dtype:?}");
        let line = |(name, (of, shape, data)): (&String, &(Dtype, Vec<usize>, Vec<u8>))| {
            format!("# {}  {} {shape:?} {name:?}\n", hex(data), dtype(*of))
        };
        let lines: String = tensors.iter().map(line).collect();
        let sum = hex(&fs::read(self.path(name)).unwrap());
        fs::write(self.path(&format!("{name}.sha256")), format!("{sum}  {name}\n{lines}")).unwrap();
    }
}

#[test]
fn digests_prove_files_and_copies_in_other_shards() {
    let place = Place::new();
    place.digest("m.safetensors", &place.tensors());
    let proof = |code: i32, arguments: &[&str]| place.verify(code, arguments)["proofs"][0].clone();
    let of_file = proof(0, &["--digests", "m.safetensors.sha256"]);
    assert_eq!((&of_file["tensors"], &of_file["files"][0]), (&6.into(), &"m.safetensors".into()));

    // A copy that another program saved.
    let copy = |change: fn(&mut Tensors)| {
        let mut tensors = place.tensors();
        change(&mut tensors);
        place.save("copy.safetensors", &tensors);
    };
    let digests = ["copy.safetensors", "--digests", "m.safetensors.sha256"];
    copy(|_| ());
    let proved = proof(0, &digests);
    assert_eq!((&proved["tensors"], &proved["files"]), (&6.into(), &serde_json::json!([])));
    type Change = fn(&mut Tensors);
    let cases: [(Change, &str, &str); 5] = [
        (|all| all.get_mut("h.w").unwrap().2[9] ^= 1, "differing", "[\"h.w\"]"),
        (|all| drop(all.remove("h.w")), "missing", "[\"h.w\"]"),
        (|all| drop(all.insert("x".into(), (Dtype::U8, vec![1], vec![0]))), "added", "[\"x\"]"),
        (|all| all.get_mut("h.w").unwrap().1.reverse(), "mismatched", "h.w"),
        (|all| all.get_mut("h.b").unwrap().0 = Dtype::I32, "mismatched", "I32"),
    ];
    for (change, key, value) in cases {
        copy(change);
        let found = proof(1, &digests);
        assert!(found[key].to_string().contains(value), "{key}: {found}");
    }

    // Of a list of digests without tensors, a file is another one, and no more is known.
    let sums = fs::read_to_string(place.path("m.safetensors.sha256")).unwrap();
    let (own, of_tensors) = sums.split_once('\n').unwrap();
    fs::write(place.path("plain.sha256"), own).unwrap();
    let plain = ["--digests", "plain.sha256"];
    assert_eq!(proof(0, &plain)["files"], serde_json::json!(["m.safetensors"]));
    place.save("m.safetensors", &place.tensors());
    let found = proof(1, &plain);
    assert_eq!(found["differing_files"], serde_json::json!(["m.safetensors"]));
    assert_eq!(found["added"], serde_json::json!([]));
    fs::write(place.path("list.sha256"), format!("{own}\n{own}\n")).unwrap();
    place.refuses(&["--digests", "list.sha256"], &["list.sha256", "line 2", "second file"]);

    // A digest that was changed itself, of the file or of a tensor.
    for (changed, code, key) in [
        (format!("{}\n{of_tensors}", own.replacen(&own[..8], "01234567", 1)), 0, "other_headers"),
        (sums.replacen(&of_tensors[2..10], "01234567", 1), 1, "differing"),
    ] {
        fs::write(place.path("changed.sha256"), changed).unwrap();
        let found = proof(code, &["--digests", "changed.sha256"]);
        assert_ne!(found[key], serde_json::json!([]), "{found}");
    }
    place.refuses(&["--digests", "s.json"], &["s.json", "line 1"]);
    place.refuses(&["--digests", "none"], &["none"]);
    place.refuses(&["m.safetensors.sha256"], &["it is a digest file (verify takes it as digests)"]);
    place.refuses(
        &["plan.toml", "m.safetensors"],
        &["plan.toml", "it is TOML text, such as a plan"],
    );
    place.refuses(
        &["m.safetensors", "--sample", "1%", "--digests", "m.safetensors.sha256"],
        &["--sample"],
    );
    fs::remove_file(place.path("m.safetensors")).unwrap();
    place.refuses(&["--digests", "m.safetensors.sha256"], &["m.safetensors"]);
}
