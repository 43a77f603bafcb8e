//! Keras's own numbers, from the command line: recorded draws of the frameworks, byte for byte.

use std::fs;

use serde_json::{Value, json};

use super::run;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../varscale/tests/data/golden");

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
                && (backend != "tf_legacy" || case["kernel_prior_elements"] == 0)
                && case.get("input_axes").is_none_or(Value::is_null)
        });
        // Every seventh, and those under a global seed: starting a process takes longer than drawing.
        let cases = cases.enumerate().filter(|(index, case)| {
            index % 7 == 0 || case["seed"].is_null() || case["global_seed"].is_u64()
        });
        for (_, case) in cases {
            let text = |key: &str| case[key].as_str().unwrap().to_owned();
            let shape: Vec<String> =
                case["shape"].as_array().unwrap().iter().map(Value::to_string).collect();
            let mut arguments = if case["class_name"].is_string() {
                let config = &case["config"];
                let object = json!({"class_name": case["class_name"], "config": config});
                vec![("--initializer", object.to_string())]
            } else {
                vec![
                    ("--scale", case["scale"].to_string()),
                    ("--mode", text("mode")),
                    ("--distribution", text("distribution")),
                ]
            };
            arguments.extend([
                ("--shape", shape.join(",")),
                ("--stream", stream.to_owned()),
                ("-o", "-".to_owned()),
            ]);
            let (seed, call) = (case["seed"].to_string(), case["call_index"].to_string());
            match (case["seed"].is_null(), case["seed_kind"] == "SeedGenerator") {
                (true, _) => arguments.push(("--seed-index", call)),
                (_, true) => arguments.extend([("--generator", seed), ("--call", call)]),
                (_, false) => arguments.extend([("--seed", seed), ("--call", call)]),
            }
            if case["global_seed"].is_u64() {
                arguments.push(("--global-seed", case["global_seed"].to_string()));
            }
            let words: Vec<&str> =
                arguments.iter().flat_map(|(option, value)| [option, value.as_str()]).collect();
            let output = run(&words);
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
