//! Proofs by digests, and copies that other programs saved.

use std::fs;

use safetensors::Dtype;
use serde_json::Value as Json;

use super::{Place, RULES, Tensors, Texts, text};

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
