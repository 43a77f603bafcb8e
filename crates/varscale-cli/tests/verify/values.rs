//! Values that are drawn again and compared.

use std::fs;

use half::bf16;
use safetensors::Dtype;
use serde_json::Value as Json;

use super::{Place, SPEC, Tensors, text};

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
