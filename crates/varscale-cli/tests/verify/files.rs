//! Shards, files that are none, and what is said of files.

use std::{collections::BTreeMap, fs};

use safetensors::Dtype;
use serde_json::Value as Json;

use super::{Place, RULES, text};

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
