//! What the user gets wrong: exit code 2, a message that names it, and no file.

use std::fs;

use tempfile::tempdir;

use crate::{command, error_text, run};

/// Arguments, and what the message must name.
const BAD: [(&[&str], &[&str]); 51] = [
    (&["--scale", "0"], &["scale 0", "positive"]),
    (&["--scale", "-1"], &["scale -1", "positive"]),
    (&["--scale", "nan"], &["scale NaN", "positive"]),
    (&["--scale", "inf"], &["scale inf", "positive"]),
    (&["--scale", "two"], &["--scale", "'two'", "positive"]),
    (&["--scale", "1e308", "--dtype", "float16"], &["float16", "scale"]),
    (&["--mode", "FAN_IN"], &["--mode", "FAN_IN", "fan_geo_avg"]),
    (&["--distribution", "gaussian"], &["--distribution", "gaussian", "truncated_normal"]),
    (&["--initializer", "he"], &["--initializer", "\"he\"", "HeNormal"]),
    (&["--initializer", "{\"class_name\""], &["--initializer", "JSON"]),
    (&["--initializer", "{\"a\": 1}"], &["--initializer", "\"a\"", "class_name"]),
    (&["--initializer", "zeros", "--scale", "1"], &["--initializer", "--scale"]),
    (&["--initializer", "zeros", "--input-axes", "0", "--output-axes", "1"], &["Zeros", "axes"]),
    (&["--initializer", "identity", "--shape", "3"], &["Identity", "[3]"]),
    (&["--seed", "1.5"], &["--seed", "1.5", "2^64 - 1"]),
    (&["--seed", "abc"], &["--seed", "abc", "2^64 - 1"]),
    (&["--seed", "18446744073709551616"], &["seed", "18446744073709551616", "2^64 - 1"]),
    (&["--seed", "1", "--seed-index", "1"], &["--seed"]),
    (&["--global-seed", "1", "--seed-index", "4294967295"], &["--seed-index", "4294967295"]),
    (&["--seed", "-9223372036854775809"], &["seed", "-9223372036854775809", "-2^63"]),
    (&["--generator", "-9223372036854775809"], &["--generator", "-9223372036854775809"]),
    (&["--seed", "1", "--generator", "1"], &["--seed", "--generator"]),
    (&["--seed", "1", "--global-seed", "2"], &["--global-seed 2", "seed of its own"]),
    (&["--generator", "1", "--global-seed", "2"], &["--generator", "--global-seed"]),
    (&["--initializer", "zeros", "--global-seed", "2"], &["--global-seed 2", "draws nothing"]),
    (&["--global-seed", "4294967296"], &["--global-seed", "4294967296", "4294967295"]),
    (&["--seed-index", "1"], &["--global-seed"]),
    (&["--call", "-1"], &["--call", "-1"]),
    (&["--dtype", "int32"], &["--dtype", "int32", "bfloat16"]),
    (&["--dtype", "foo"], &["--dtype", "foo", "bfloat16"]),
    (&["--shape", "-1,3"], &["--shape", "-1"]),
    (&["--shape", "abc"], &["--shape", "abc"]),
    (&["--shape", "2.0,3"], &["--shape", "2.0"]),
    (&["--shape", "18446744073709551615,2"], &["shape", "18446744073709551615", "2^64 - 1"]),
    (&["--input-axes", "2", "--output-axes", "0"], &["input_axes", "axis 2", "-2 to 1"]),
    (&["--input-axes", "0,0", "--output-axes", "1"], &["input_axes", "axis 0", "already"]),
    (&["--input-axes", "0", "--output-axes", "-2"], &["output_axes", "axis -2", "already"]),
    (&["--input-axes", "0,x", "--output-axes", "1"], &["--input-axes", "\"x\"", "integer"]),
    (&["--input-axes", "0"], &["--output-axes"]),
    (&["--stream", "no-such-stream"], &["--stream", "no-such-stream", "native, keras-jax"]),
    (&["--layout", "chw"], &["--layout", "chw", "torch"]),
    (&["--offset", "1,0", "--extent", "3,4"], &["--offset [1, 0]", "--extent [3, 4]", "size 3"]),
    (&["--offset", "4,0"], &["--offset [4, 0]", "size 3"]),
    (&["--extent", "1"], &["--extent [1]", "2 axes"]),
    (&["--threads", "-1"], &["--threads", "-1"]),
    (&["-o", "values.txt"], &["values.txt", ".safetensors", ".npy"]),
    (&["-o", "values.npy", "--dtype", "bfloat16"], &["bfloat16", ".safetensors"]),
    (&["-o", "values.npy", "--dtype", "F8_E4M3"], &["float8_e4m3fn", ".safetensors"]),
    (&["--dtype", "float8_e4m3"], &["--dtype", "float8_e4m3", "float8_e4m3fn"]),
    (
        &[
            "--dtype",
            "float8_e4m3fn",
            "--initializer",
            "{\"class_name\": \"Constant\", \"config\": {\"value\": 450}}",
        ],
        &["450", "overflow float8_e4m3fn", "448"],
    ),
    (
        &["--dtype", "float8_e5m2", "--stream", "keras-jax"],
        &["float8_e5m2", "keras-jax", "float16, bfloat16, float32, float64"],
    ),
];

#[test]
fn bad_input_is_named_and_leaves_nothing() {
    let folder = tempdir().unwrap();
    for (arguments, parts) in BAD {
        let mut arguments = arguments.to_vec();
        for (option, value) in [("--shape", "3,4"), ("-o", "out.safetensors")] {
            if !arguments.contains(&option) {
                arguments.extend([option, value]);
            }
        }
        let output = command(&arguments).current_dir(&folder).output().unwrap();
        let text = error_text(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.starts_with("error: ") && !text.contains("panicked"), "{text}");
        assert!(parts.iter().all(|part| text.contains(part)), "{parts:?}: {text}");
        assert!(output.stdout.is_empty());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "{arguments:?}");
    }
}

#[test]
fn files_too_large_for_their_format_are_bad_input() {
    let shape = "4294967296,4294967295";
    for (shape, output, part) in [
        (shape, "x.safetensors", "2^64 - 1 bytes"),
        (shape, "-", "2^64 - 1 bytes"),
        (&["1"; 65].join(","), "x.npy", "65 axes"),
    ] {
        let output = run(&["--shape", shape, "--layout", "axes:/", "-o", output]);
        assert_eq!(output.status.code(), Some(2));
        assert!(error_text(&output).contains(part), "{}", error_text(&output));
    }
    let reserved = run(&["--shape", "1", "--name", "__metadata__", "-o", "x.safetensors"]);
    assert_eq!(reserved.status.code(), Some(2));
    assert!(error_text(&reserved).contains("__metadata__"));
}
