//! What is left, and of which limit.

use std::fs;

use serde_json::{Value, json};

use super::{LIMIT, SPEC, Workplace, assert_done, assert_fails, assert_prints, text};

#[test]
fn another_limit_and_a_missing_index_are_named() {
    let place = Workplace::new();
    let limit = ["--max-shard-size", "3000"];
    let told = "the index is of 7 shards, and this limit of their size makes 4";
    let missing = place.missing("whole", &limit);
    assert!(text(&missing.stderr).contains(told), "{}", text(&missing.stderr));
    let init = ["init", "plan.toml", "-o", "whole/m.safetensors", "--resume"];
    assert_fails(&place.run(&[&init[..], &limit].concat()), &[told]);

    fs::remove_file(place.shard("whole", 2)).unwrap();
    let told = "which is not there: 1 of 7 shards is missing (varscale missing tells which)";
    assert_fails(&place.run(&["verify", "whole"]), &[told]);
    fs::remove_file(place.path("whole/m.safetensors.index.json")).unwrap();
    for command in ["plan", "verify"] {
        let told = ["m-00001-of-00007.safetensors", "their index", "is missing"];
        assert_fails(&place.run(&[command, "whole"]), &told);
    }
}

#[test]
fn missing_tells_what_is_left() {
    let place = Workplace::new();
    let limit = &LIMIT[..];
    // Nothing is: no line.
    assert_prints(&place.missing("whole", limit), "");
    assert_prints(&place.missing("whole", &[]), "");
    assert_prints(
        &place.missing("whole", &["--json"]),
        "{\"parts\":7,\"missing\":[],\"wrong\":[]}\n",
    );
    // All is.
    assert_prints(&place.missing("none", limit), "1-7\n");
    assert_prints(&place.missing("none", &[limit, &["--parts", "3"]].concat()), "1-3\n");
    assert_prints(&place.missing("none", &[limit, &["--parts", "9"]].concat()), "1-7\n");
    assert_fails(&place.missing("none", &[]), &["nothing is there", "--max-shard-size"]);

    place.copy("some");
    for number in [3, 5, 6, 7] {
        fs::remove_file(place.shard("some", number)).unwrap();
    }
    for arguments in [limit, &[]] {
        assert_prints(&place.missing("some", arguments), "3,5-7\n");
    }
    // Two shards are a part each, and the others one.
    assert_prints(&place.missing("some", &["--parts", "3"]), "3\n");
    fs::remove_file(place.path("some/m.safetensors.index.json")).unwrap();
    assert_prints(&place.missing("some", &[]), "1,3,5-7\n");

    // Running what is printed, as tasks of an array, makes the whole.
    for task in ["1", "3", "5", "6", "7"] {
        let mut command = place.init_command("some", &["--part", "auto/7", "--resume"]);
        assert_done(&command.env("SLURM_ARRAY_TASK_ID", task).output().unwrap());
    }
    assert_prints(&place.missing("some", &[]), "");
    assert!(place.files("some") == place.whole);

    // What has another length or header is named, and missing.
    place.copy("wrong");
    let path = place.shard("wrong", 2);
    fs::write(&path, &fs::read(&path).unwrap()[..500]).unwrap();
    let path = place.shard("wrong", 4);
    let mut bytes = fs::read(&path).unwrap();
    bytes.push(0);
    fs::write(&path, bytes).unwrap();
    fs::copy(place.shard("wrong", 5), place.shard("wrong", 6)).unwrap();
    let output = place.missing("wrong", limit);
    assert_prints(&output, "2,4,6\n");
    let told = text(&output.stderr);
    assert_eq!(told.lines().count(), 3, "{told}");
    for part in ["m-00002-of", "m-00004-of", "m-00006-of", "bytes and not"] {
        assert!(told.contains(part), "{told}");
    }
    let output = place.missing("wrong", &[limit, &["--json"]].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["missing"], json!([2, 4, 6]));
    assert_eq!(report["wrong"].as_array().unwrap().len(), 3);

    // Only by the name that init got.
    for (name, what) in [
        ("some", "it is a folder"),
        ("some/m.safetensors.index.json", "it is an index"),
        ("some/m-00001-of-00007.safetensors", "it is a shard of \"m\""),
        ("plan.toml", "it is no .safetensors file"),
        ("-", "it is no"),
    ] {
        let output = place.run(&[&["missing", "plan.toml", name], limit].concat());
        assert_fails(&output, &["invalid output", what, "name the file that init got by --output"]);
    }

    // Of one file, too.
    let one = ["init", "plan.toml", "-o", "one.safetensors"];
    assert_prints(
        &place.run(&["missing", "plan.toml", "one.safetensors", "--max-shard-size", "1GB"]),
        "1\n",
    );
    assert_done(&place.run(&one));
    assert_prints(&place.run(&["missing", "plan.toml", "one.safetensors"]), "");
}

/// The shard that an index names for a tensor.
fn shard_of(index: &str, tensor: &str) -> String {
    let index: Value = serde_json::from_str(index).unwrap();
    index["weight_map"][tensor].as_str().unwrap().to_owned()
}

/// The limit is told by what is there, if one way to cut fits it, and by nothing else.
#[test]
fn the_limit_is_told_by_what_is_there() {
    let place = Workplace::new();
    for limit in ["1", "200", "300", "500", "1000", "1500", "3000", "9000", "20000"] {
        let folder = place.path(limit);
        fs::create_dir(&folder).unwrap();
        let output = folder.join("m.safetensors");
        let output = output.to_str().unwrap();
        let init = ["init", "plan.toml", "-o", output, "--max-shard-size", limit, "--json"];
        let done = place.run(&init);
        assert_done(&done);
        let report: Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_prints(&place.run(&["missing", "plan.toml", output]), "");
        let count = report["shards"].as_u64().unwrap();
        for number in 1..=count {
            let name = format!("{limit}/m-{number:05}-of-{count:05}.safetensors");
            if fs::remove_file(place.path(&name)).is_err() {
                continue;
            }
            let given = place.run(&["missing", "plan.toml", output, "--max-shard-size", limit]);
            let told = place.run(&["missing", "plan.toml", output]);
            assert_prints(&told, text(&given.stdout));
            // The index lists all shards, and without it those that are there may not tell.
            let index = place.path(&format!("{limit}/m.safetensors.index.json"));
            let whole = fs::read(&index).unwrap();
            fs::remove_file(&index).unwrap();
            let given = place.run(&["missing", "plan.toml", output, "--max-shard-size", limit]);
            let told = place.run(&["missing", "plan.toml", output]);
            fs::write(&index, whole).unwrap();
            match told.status.success() {
                true => assert_eq!(text(&told.stdout), text(&given.stdout), "{limit} {number}"),
                false => assert_fails(&told, &["cannot tell the shards", "--max-shard-size"]),
            }
        }
    }
    // The index alone, and one that no limit gives.
    fs::create_dir(place.path("index")).unwrap();
    let index = place.path("index/m.safetensors.index.json");
    let whole = text(&place.whole["m.safetensors.index.json"]);
    fs::write(&index, whole).unwrap();
    assert_prints(&place.missing("index", &[]), "1-7\n");
    let (of_i, other) = (format!("\"i\": \"{}", shard_of(whole, "i")), "\"i\": \"m-00001-of-00007");
    assert!(whole.contains(&of_i) && !of_i.starts_with(other), "{whole}");
    let moved = whole.replace(&of_i, &format!("{other}.safetensors"));
    fs::write(&index, moved).unwrap();
    assert_fails(&place.missing("index", &[]), &["another plan", "--max-shard-size"]);
    // Of another plan, and of two numbers of shards.
    place.copy("other");
    fs::write(
        place.path("s.json"),
        SPEC.lines().take(2).collect::<String>() + r#" "d": {"dtype": "F64", "shape": [30]}}"#,
    )
    .unwrap();
    assert_fails(&place.missing("other", &[]), &["another plan"]);
    fs::write(place.path("s.json"), SPEC).unwrap();
    fs::copy(place.shard("other", 1), place.path("other/m-00001-of-00009.safetensors")).unwrap();
    assert_fails(&place.missing("other", &[]), &["some are of 7 and some of 9"]);
}
