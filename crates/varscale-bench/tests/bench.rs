//! `varscale-bench`, as a user runs it, with sizes at which only the machinery is tested.

use std::{
    fs,
    process::{Command, Output},
};

use serde_json::Value as Json;
use tempfile::tempdir;

fn bench(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_varscale-bench"));
    command.args(arguments).env_remove("VARSCALE_LEVEL");
    command
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Runs, and reads the record, which must be all that is left.
fn record(command: &mut Command) -> (Json, Output) {
    let folder = tempdir().unwrap();
    let path = folder.path().join("record.json");
    let output = command.arg("--json").arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    (serde_json::from_slice(&fs::read(path).unwrap()).unwrap(), output)
}

fn array<'a>(record: &'a Json, key: &str) -> &'a [Json] {
    record[key].as_array().unwrap()
}

#[test]
fn measures_everything_against_the_store_limit_of_the_run() {
    let (record, output) = record(&mut bench(&["--quick", "--threads", "1,2", "--streams"]));
    let draws = array(&record, "draws");
    for distribution in [
        "truncated_normal",
        "untruncated_normal",
        "uniform",
        "truncated_normal_3",
        "truncated_normal_tail",
        "log_uniform",
        "formula",
    ] {
        for dtype in ["float16", "bfloat16", "float32", "float64", "float8_e4m3fn", "float8_e5m2"] {
            for threads in [1, 2] {
                for size in ["1000", "64x64", "256x256", "1MiB"] {
                    let found = draws.iter().filter(|draw| {
                        draw["stream"] == "native"
                            && draw["distribution"] == distribution
                            && draw["dtype"] == dtype
                            && draw["threads"] == threads
                            && draw["size"] == size
                            && draw["memory"].as_str().unwrap().starts_with("prefaulted, ")
                    });
                    assert!(found.count() >= 1, "{distribution} {dtype} {threads} {size}");
                }
            }
        }
    }
    for draw in draws {
        let seconds = &draw["seconds"];
        let samples = seconds["samples"].as_array().unwrap();
        assert_eq!(samples.len(), 3);
        let median = seconds["median"].as_f64().unwrap();
        assert!(median > 0.0 && samples.contains(&seconds["median"]));
        assert!(seconds["min"].as_f64() <= Some(median) && Some(median) <= seconds["max"].as_f64());
        let rate = draw["values_per_second"].as_f64().unwrap();
        let values = draw["values"].as_f64().unwrap();
        assert!((rate * median / values - 1.0).abs() < 1e-12);

        // The ratio is the fastest store's time over the draw's, in the same place.
        let memory = match draw["memory"].as_str().unwrap() {
            "allocated by the call" => "fresh, ",
            memory => memory,
        };
        let limit = array(&record, "store_limits")
            .iter()
            .find(|limit| {
                limit["bytes"] == draw["bytes"]
                    && limit["threads"] == draw["threads"]
                    && limit["memory"].as_str().unwrap().starts_with(memory)
            })
            .unwrap();
        let stores = array(limit, "stores").iter();
        let fastest = stores.map(|store| store["seconds"]["median"].as_f64().unwrap());
        let ratio = fastest.fold(f64::INFINITY, f64::min) / median;
        assert_eq!(draw["ratio_to_store_limit"].as_f64(), Some(ratio), "{draw}");
    }
    for stream in ["keras-jax", "keras-tensorflow", "keras-torch", "keras-numpy"] {
        assert_eq!(draws.iter().filter(|draw| draw["stream"] == stream).count(), 3);
    }

    assert_eq!(record["versions"]["varscale"], env!("CARGO_PKG_VERSION"));
    assert!(record["versions"]["rustc"].as_str().unwrap().starts_with("rustc 1."));
    assert!(record["machine"]["processors"].as_u64() >= Some(1));
    assert_eq!(record["machine"]["instruction_set"], varscale::instruction_set());
    let table = text(&output.stdout);
    for part in ["Store limit", "truncated_normal", "1MiB", "keras-numpy", "fresh"] {
        assert!(table.contains(part), "{part} is missing in\n{table}");
    }
}

#[test]
fn draws_with_the_level_that_is_asked_for() {
    let arguments = ["--sizes", "1000", "--dtypes", "float32", "--repeats", "1"];
    let (record, _) = record(bench(&arguments).env("VARSCALE_LEVEL", "baseline"));
    assert_eq!(record["machine"]["instruction_set"], "baseline");
    assert!(array(&record, "draws").iter().all(|draw| draw["dtype"] == "float32"));

    let output = bench(&arguments).env("VARSCALE_LEVEL", "avx1024").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = text(&output.stderr);
    assert!(message.contains("VARSCALE_LEVEL \"avx1024\"") && message.contains("baseline"));
}

/// A peer that draws nothing, but speaks the protocol.
#[cfg(unix)]
#[test]
fn measures_peers_in_the_same_run() {
    let folder = tempdir().unwrap();
    let python = folder.path().join("python");
    let script = r#"#!/bin/sh
echo '{"versions": {"none": "1"}, "calls": [{"call": "sleep", "distribution": "uniform", "dtype": "float32"}]}'
while read -r request; do
    case $request in
        *'"call":"sleep"'*'"repeats":1}'*) echo '{"seconds": 0.25}' ;;
        *) echo "{\"error\": \"unexpected\"}" ;;
    esac
done
"#;
    fs::write(&python, script).unwrap();
    fs::set_permissions(&python, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();

    let environment = format!("jax={}", python.display());
    let arguments = ["--quick", "--sizes", "1000", "--peers=jax", "--python", &environment];
    let (record, output) = record(&mut bench(&arguments));
    let peers = array(&record, "peer_draws");
    assert_eq!(peers.len(), 2);
    for (draw, size) in peers.iter().zip(["256x256", "64x64"]) {
        assert_eq!(draw["peer"], "jax");
        assert_eq!(draw["size"], size);
        assert_eq!(draw["seconds"]["median"], 0.25);
        // The same is drawn by the library, into a buffer and with an allocation.
        let own = array(&record, "draws").iter().filter(|own| {
            own["size"] == size && own["distribution"] == "uniform" && own["dtype"] == "float32"
        });
        assert_eq!(own.count(), 2);
    }
    assert_eq!(record["peers"][0]["versions"]["none"], "1");
    assert!(text(&output.stdout).contains("sleep"));
}

#[cfg(unix)]
#[test]
fn a_peer_that_fails_ends_the_run_without_a_record() {
    let folder = tempdir().unwrap();
    let json = folder.path().join("record.json");
    let arguments = ["--quick", "--peers=jax", "--python", "jax=/bin/false", "--json"];
    let output = bench(&arguments).arg(&json).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("peer jax"), "{}", text(&output.stderr));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[cfg(unix)]
#[test]
fn records_go_where_they_are_told_to() {
    use std::os::unix::fs::{FileTypeExt, symlink};
    let quick = ["--quick", "--sizes", "1000", "--dtypes", "float32", "--repeats", "1", "--json"];
    let folder = tempdir().unwrap();
    let run = |json: &str, options: &[&str]| {
        bench(&quick).arg(json).args(options).current_dir(folder.path()).output().unwrap()
    };

    let output = run("-", &["-q"]);
    assert!(output.status.success() && output.stderr.is_empty());
    let record: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(array(&record, "draws").len(), 14);

    symlink("record.json", folder.path().join("link")).unwrap();
    assert!(run("link", &["-q"]).status.success());
    assert!(folder.path().join("link").is_symlink());
    let first = fs::read(folder.path().join("record.json")).unwrap();
    assert_eq!(run("link", &[]).status.code(), Some(2));
    assert_eq!(fs::read(folder.path().join("record.json")).unwrap(), first);
    assert!(run("record.json", &["--force", "-q"]).status.success());

    // A node of its own, which only root makes: a failing test must not cost the real one.
    let null = folder.path().join("null");
    let made = Command::new("mknod").arg(&null).args(["c", "1", "3"]).status().unwrap().success();
    if made {
        run("null", &["--force"]);
        assert!(fs::symlink_metadata(&null).unwrap().file_type().is_char_device());
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2 + usize::from(made));
}

#[test]
fn refuses_bad_input() {
    let folder = tempdir().unwrap();
    let missing = folder.path().join("missing/record.json");
    for (arguments, parts) in [
        (&["--sizes", "0"][..], &["--sizes", "'0'", "64x64"][..]),
        (&["--sizes", "64x"], &["--sizes", "'64x'"]),
        (&["--sizes", "1e13", "--dtypes", "float32"], &["--sizes", "memory"]),
        (&["--threads", "0"], &["--threads", "0"]),
        (&["--repeats", "0"], &["--repeats", "0"]),
        (&["--dtypes", "int8"], &["--dtypes", "int8", "bfloat16"]),
        (&["--distributions", "normal2"], &["--distributions", "normal2", "uniform"]),
        (&["--peers=mlx"], &["--peers", "mlx", "keras-jax"]),
        (&["--python", "jax=python"], &["--peers"]),
        (&["--peers=jax", "--python", "mlx=python"], &["--python", "NAME=PATH"]),
        (&["--peers=jax", "--python", "jax=no/python"], &["no/python", "environments.py"]),
    ] {
        let output = bench(arguments).current_dir(folder.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        for part in parts {
            let message = text(&output.stderr);
            assert!(message.contains(part), "{arguments:?}: {message}");
        }
    }
    let output = bench(&["--quick", "--json"]).arg(missing).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
