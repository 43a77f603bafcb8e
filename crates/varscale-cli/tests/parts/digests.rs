//! Digests of what parts and resumed runs write and keep.

use std::{fs, path::PathBuf};

use super::{SHARDS, Workplace, assert_done, assert_fails, text};

#[test]
fn digests_of_what_is_kept_are_written_too() {
    let place = Workplace::new();
    assert_done(&place.init("d", &["--digests"]));
    let whole = place.files("d");
    assert_eq!(whole.len(), 2 * (SHARDS + 1));
    // Without digests so far, with some of them, and with all but a shard and its own.
    place.copy("none");
    place.copy("some");
    for (name, bytes) in whole.iter().skip(SHARDS) {
        fs::write(place.path("some").join(name), bytes).unwrap();
    }
    for folder in ["none", "some"] {
        assert_done(&place.init(folder, &["--resume", "--digests"]));
        assert!(place.files(folder) == whole, "{folder}");
    }
    for digests in [place.shard("some", 3), place.path("some/m.safetensors.index.json")] {
        let digests = PathBuf::from(format!("{}.sha256", digests.display()));
        fs::write(&digests, "x").unwrap();
        let name = digests.file_name().unwrap().to_str().unwrap();
        assert_fails(
            &place.init("some", &["--resume", "--digests"]),
            &[name, "digests are others"],
        );
        assert_done(&place.init("some", &["--resume", "--digests", "--force"]));
        assert!(place.files("some") == whole);
    }
}

#[test]
fn digests_without_their_shard_are_kept_where_they_are_right() {
    let place = Workplace::new();
    assert_done(&place.init("d", &["--digests"]));
    let whole = place.files("d");
    let index = place.path("d/m.safetensors.index.json");
    for file in [place.shard("d", 3), index.clone()] {
        fs::remove_file(&file).unwrap();
        assert_done(&place.init("d", &["--resume", "--digests"]));
        assert!(place.files("d") == whole);
        let digests = PathBuf::from(format!("{}.sha256", file.display()));
        fs::remove_file(&file).unwrap();
        fs::write(&digests, "x").unwrap();
        let refused = place.init("d", &["--resume", "--digests"]);
        assert_fails(&refused, &[digests.file_name().unwrap().to_str().unwrap(), "are others"]);
        assert_done(&place.init("d", &["--resume", "--digests", "--force"]));
        assert!(place.files("d") == whole);
    }
    // Nothing is resumed here.
    fs::remove_file(&index).unwrap();
    fs::remove_file(place.shard("d", 1)).unwrap();
    assert_fails(
        &place.init("d", &["--digests", "--part", "1/7"]),
        &["m-00001-of-00007.safetensors.sha256: it exists"],
    );
}

#[test]
fn digests_that_are_not_written_anew_are_named() {
    let place = Workplace::new();
    let one = |more: &[&str]| {
        let command = ["init", "plan.toml", "-o", "one.safetensors"];
        let output = place.run(&[&command[..], more].concat());
        assert_done(&output);
        text(&output.stderr).to_owned()
    };
    assert_eq!(one(&["--digests"]), "");
    let told = one(&["--force", "--seed", "8"]);
    assert!(told.contains("one.safetensors.sha256 has digests that may be"), "{told}");
    assert!(!one(&["--force", "--seed", "8", "--digests"]).contains("sha256"));

    assert_done(&place.init("d", &["--digests"]));
    let told = text(&place.init("d", &["--force"]).stderr).to_owned();
    assert_eq!(told.matches(".sha256 has digests").count(), SHARDS + 1, "{told}");
    let one = ["init", "plan.toml", "-o", "d/m.safetensors", "--max-shard-size", "1GB"];
    let other = place.run(&[&one[..], &["--digests"]].concat());
    assert_done(&other);
    let told = text(&other.stderr);
    // Those of files that are named are theirs.
    assert_eq!(told.lines().count(), SHARDS + 1, "{told}");
    assert!(!told.contains(".sha256"), "{told}");
}

#[test]
fn digests_of_shards_and_their_index_prove_the_checkpoint() {
    let place = Workplace::new();
    assert_done(&place.init("d", &["--digests"]));
    let digests: Vec<_> =
        place.files("d").into_keys().filter(|name| name.ends_with("256")).collect();
    let verify = |of: &[&str]| {
        let digests: Vec<_> = digests.iter().map(|name| format!("d/{name}")).collect();
        let digests = digests.iter().map(String::as_str);
        place.run(
            &["verify"]
                .into_iter()
                .chain(of.iter().copied())
                .chain(["--digests"])
                .chain(digests)
                .collect::<Vec<_>>(),
        )
    };
    for of in [&[][..], &["d"], &["d/m.safetensors.index.json"]] {
        let output = verify(of);
        assert!(output.status.success(), "{of:?}: {}", text(&output.stdout));
    }
    let index = place.path("d/m.safetensors.index.json");
    let bytes = fs::read(&index).unwrap();
    fs::write(&index, [&bytes[..], b"\n"].concat()).unwrap();
    for of in [&[][..], &["d"]] {
        let output = verify(of);
        assert!(output.status.success() && text(&output.stdout).contains("saved again"));
    }
    let changed = text(&bytes).replacen("0.05", "0.06", 1);
    assert!(changed.as_bytes() != bytes);
    fs::write(&index, changed).unwrap();
    for of in [&[][..], &["d"]] {
        assert_eq!(verify(of).status.code(), Some(1), "{of:?}");
    }
    // Of another checkpoint, it is not one that was saved again.
    fs::write(&index, &bytes).unwrap();
    assert_done(&place.init("e", &["--digests", "--seed", "8"]));
    let of_e = digests.iter().map(|name| format!("e/{name}")).collect::<Vec<_>>();
    let of_e = of_e.iter().map(String::as_str);
    let output =
        place.run(&["verify", "d", "--digests"].into_iter().chain(of_e).collect::<Vec<_>>());
    let told = text(&output.stdout);
    assert!(told.contains("not the file of its digest: m.safetensors.index.json\n"), "{told}");
    assert!(!told.contains("saved again"), "{told}");

    // Alone, it proves no tensor, and with a shard's own the others are told.
    fs::write(&index, &bytes).unwrap();
    let mut shard = fs::read(place.shard("d", 2)).unwrap();
    *shard.last_mut().unwrap() ^= 1;
    fs::write(place.shard("d", 2), shard).unwrap();
    let (of_index, of_shard) =
        ("d/m.safetensors.index.json.sha256", "d/m-00001-of-00007.safetensors.sha256");
    for of in [&[][..], &["d"], &["d/m.safetensors.index.json"]] {
        let verify =
            |more: &[&str]| place.run(&[&["verify"], of, &["--digests", of_index], more].concat());
        assert_fails(&verify(&[]), &[of_index, "name the digest files of its shards, too"]);
        let output = verify(&[of_shard]);
        assert_eq!(output.status.code(), Some(1), "{of:?}");
        let told = text(&output.stdout);
        assert!(told.contains("different") && told.contains("without a digest: "), "{told}");
    }
}
