//! Keras's own numbers, from the command line: recorded draws of the frameworks, byte for byte.

use std::fs;

use serde_json::Value;

use super::run;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/tests/data/golden");

#[test]
fn recorded_draws_are_drawn_again() {
    let index = fs::read_to_string(format!("{DATA}/index.json")).unwrap();
    let index: Value = serde_json::from_str(&index).unwrap();
    let mut checked = 0;
    for (backend, stream) in [
        ("jax", "keras-jax"),
        ("tensorflow", "keras-tensorflow"),
        ("torch", "keras-torch"),
        ("numpy", "keras-numpy"),
        ("tf_keras", "tf-keras"),
        ("tf_legacy", "tf-keras-2.9"),
    ] {
        let file = fs::read(format!("{DATA}/{backend}.safetensors")).unwrap();
        let tensors = safetensors::SafeTensors::deserialize(&file).unwrap();
        let cases = index["cases"].as_array().unwrap().iter().filter(|case| {
            case["backend"] == backend
                && case["dtype"] == "float32"
                && case["storage"] == "full"
                && !case["seed"].is_null()
                && (backend != "tf_legacy"
                    || (case["global_seed"].is_null() && case["kernel_prior_elements"] == 0))
                && case.get("input_axes").is_none_or(Value::is_null)
        });
        // Every seventh: starting a process takes longer than drawing.
        for case in cases.step_by(7) {
            let text = |key: &str| case[key].as_str().unwrap().to_owned();
            let shape: Vec<String> =
                case["shape"].as_array().unwrap().iter().map(Value::to_string).collect();
            let seed = if case["seed_kind"] == "SeedGenerator" { "--generator" } else { "--seed" };
            let arguments = [
                "--shape",
                &shape.join(","),
                "--scale",
                &case["scale"].to_string(),
                "--mode",
                &text("mode"),
                "--distribution",
                &text("distribution"),
                seed,
                &case["seed"].to_string(),
                "--call",
                &case["call_index"].to_string(),
                "--stream",
                stream,
                "-o",
                "-",
            ]
            .map(ToOwned::to_owned);
            let output = run(&arguments.each_ref().map(String::as_str));
            assert!(output.status.success(), "{arguments:?}: {output:?}");
            let number = |key: &str| case[key].as_u64().unwrap() as usize;
            let (from, length) = (4 * number("offset"), 4 * number("count"));
            let expected = match length {
                0 => &[][..],
                _ => &tensors.tensor("u32").unwrap().data()[from..from + length],
            };
            assert_eq!(&output.stdout[output.stdout.len() - length..], expected, "{arguments:?}");
            checked += 1;
        }
    }
    assert!(checked > 60, "{checked}");
}
