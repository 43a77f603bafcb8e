//! What is there is kept where it is right.

use std::{fs, path::Path, process::Output};

use serde_json::{Value, json};

use super::{Workplace, assert_done, assert_fails, assert_prints, text};

#[test]
fn a_resumed_run_keeps_what_is_right_and_refuses_what_is_wrong() {
    let place = Workplace::new();
    place.copy("r");
    fs::remove_file(place.shard("r", 2)).unwrap();
    fs::remove_file(place.shard("r", 5)).unwrap();
    let kept = place.shard("r", 4);
    let before = fs::metadata(&kept).unwrap().modified().unwrap();
    let output = place.init("r", &["--resume"]);
    assert_prints(&output, text(&output.stdout));
    assert!(text(&output.stdout).contains("5 kept, 2 written"), "{}", text(&output.stdout));
    assert_eq!(fs::metadata(&kept).unwrap().modified().unwrap(), before);
    assert!(place.files("r") == place.whole);
    let output = place.init("r", &["--resume", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["kept"], &report["shards"]), (&json!(7), &json!(0)));

    // The last value of a shard's first tensor; a byte more; another seed; a tensor's name; the index.
    let bytes = fs::read(&kept).unwrap();
    let flipped = |place: usize| {
        let mut bytes = bytes.clone();
        bytes[place] ^= 1;
        bytes
    };
    let last = flipped(bytes.len() - 1);
    let longer = [&bytes[..], b"x"].concat();
    let at =
        |text: &str| bytes.windows(text.len()).position(|part| part == text.as_bytes()).unwrap();
    let (seed, name) = (at("seed\":\"7") + 7, at("\"h\":") + 1);
    let cases: [(Vec<u8>, &str); 6] = [
        (last, "tensor \"h\" differs from value 249 on"),
        (longer, "bytes and not"),
        (flipped(seed), "another varscale.seed"),
        (flipped(name), "tensor \"i\" is another one"),
        (bytes[..bytes.len() - 1].to_vec(), "bytes and not"),
        (Vec::new(), "m-00004-of-00007.safetensors"),
    ];
    let check = |path: &Path, content: &[u8], told: &str| {
        fs::write(path, content).unwrap();
        fs::remove_file(place.shard("r", 7)).unwrap();
        let output = place.init("r", &["--resume"]);
        assert_fails(
            &output,
            &[path.file_name().unwrap().to_str().unwrap(), "not what the plan says", told],
        );
        assert_eq!(fs::read(path).unwrap(), content);
        assert!(!place.shard("r", 7).exists());
        assert_done(&place.init("r", &["--resume", "--force"]));
        assert!(place.files("r") == place.whole);
    };
    for (content, told) in cases {
        check(&kept, &content, told);
    }
    let index = place.path("r/m.safetensors.index.json");
    check(&index, b"{}", "the index differs from byte 1 on");
    let whole = fs::read(&index).unwrap();
    check(&index, &[&whole[..], b"\n"].concat(), "the index ends at byte");
}

#[test]
fn a_single_file_is_resumed_too() {
    let place = Workplace::new();
    let init = |more: &[&str]| {
        place.run(&[&["init", "plan.toml", "-o", "one.safetensors"], more].concat())
    };
    assert_done(&init(&["--resume"]));
    let whole = fs::read(place.path("one.safetensors")).unwrap();
    let report = |output: Output| -> Value {
        assert_done(&output);
        serde_json::from_slice(&output.stdout).unwrap()
    };
    for digests in [&[][..], &["--digests"], &["--digests"]] {
        let again = report(init(&[&["--resume", "--json"], digests].concat()));
        assert_eq!((&again["kept"], &again["shards"]), (&json!(1), &json!(0)));
        assert_eq!(place.path("one.safetensors.sha256").exists(), !digests.is_empty());
    }
    let mut bytes = whole.clone();
    *bytes.last_mut().unwrap() ^= 0x80;
    fs::write(place.path("one.safetensors"), &bytes).unwrap();
    assert_fails(
        &init(&["--resume"]),
        &["one.safetensors is not what the plan says", "tensor \"j\"", "99"],
    );
    assert_done(&init(&["--resume", "--force"]));
    assert!(fs::read(place.path("one.safetensors")).unwrap() == whole);
    // Nothing of a stream is there.
    assert_fails(&place.run(&["init", "plan.toml", "-o", "-", "--resume"]), &["--resume"]);
}
