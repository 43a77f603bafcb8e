//! `varscale sample`, as a user runs it.

mod bad_input;
mod machine;
mod streams;

use std::{
    fs,
    process::{Command, Output},
};

use serde_json::Value as Json;
use tempfile::tempdir;
use varscale::{
    Draw, Element, F8E4M3, F8E5M2, Initializer, Layout, Mode, Scheme, Seed, SeedGenerator, Slice,
    Tensor,
    half::{bf16, f16},
};

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_varscale"));
    command.arg("sample").args(arguments);
    command
}

fn run(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

fn error_text(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What a run without `-o` prints.
fn printed(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", error_text(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// The file that a run writes, which must be all that it leaves.
fn written(arguments: &[&str], extension: &str) -> Vec<u8> {
    let folder = tempdir().unwrap();
    let path = folder.path().join("out").with_extension(extension);
    let output = command(arguments).arg("-o").arg(&path).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", error_text(&output));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    fs::read(path).unwrap()
}

/// Header and data of an npy file of format 1.0.
fn npy(file: &[u8]) -> (&str, &[u8]) {
    assert_eq!(&file[..8], b"\x93NUMPY\x01\x00");
    let end = 10 + usize::from(u16::from_le_bytes([file[8], file[9]]));
    assert_eq!(end % 64, 0);
    let header = std::str::from_utf8(&file[10..end]).unwrap();
    assert!(header.ends_with('\n'));
    (header.trim_end(), &file[end..])
}

/// Header and data of a safetensors file.
fn safetensors(file: &[u8]) -> (Json, &[u8]) {
    let end = 8 + u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    assert_eq!(end % 8, 0);
    (serde_json::from_slice(&file[8..end]).unwrap(), &file[end..])
}

fn slice_bytes<T: Element, const SIZE: usize>(
    draw: &Draw,
    slice: &Slice,
    to_bytes: fn(T) -> [u8; SIZE],
) -> Vec<u8> {
    draw.slice_to_vec(slice).unwrap().into_iter().flat_map(to_bytes).collect()
}

/// The little-endian bytes that a slice should have.
fn expected(draw: &Draw, slice: &Slice, dtype: &str) -> Vec<u8> {
    match dtype {
        "float16" => slice_bytes(draw, slice, f16::to_le_bytes),
        "bfloat16" => slice_bytes(draw, slice, bf16::to_le_bytes),
        "float32" => slice_bytes(draw, slice, f32::to_le_bytes),
        "float8_e4m3fn" => slice_bytes(draw, slice, |value: F8E4M3| [value.to_bits()]),
        "float8_e5m2" => slice_bytes(draw, slice, |value: F8E5M2| [value.to_bits()]),
        _ => slice_bytes(draw, slice, f64::to_le_bytes),
    }
}

fn floats(draw: &Draw) -> Vec<u8> {
    expected(draw, &Slice::whole(draw.shape()), "float32")
}

/// The values of a run, as little-endian bytes.
fn values(arguments: &[&str]) -> Vec<u8> {
    let output = command(arguments).args(["-o", "-"]).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", error_text(&output));
    npy(&output.stdout).1.to_vec()
}

#[test]
fn files_hold_the_draw_in_every_dtype() {
    let draw = Scheme::he_normal().with_seed(-1).draw(Tensor::new([30, 20]).named("a/b")).unwrap();
    for (dtype, descr, name) in [
        ("float16", "<f2", "F16"),
        ("bfloat16", "", "BF16"),
        ("float32", "<f4", "F32"),
        ("float64", "<f8", "F64"),
        ("float8_e4m3fn", "", "F8_E4M3"),
        ("float8_e5m2", "", "F8_E5M2"),
    ] {
        let arguments = ["--shape", "30,20", "--initializer", "he_normal", "--seed", "-1"];
        let arguments = [&arguments[..], &["--name", "a/b", "--dtype", dtype]].concat();
        let data = expected(&draw, &Slice::whole(&[30, 20]), dtype);

        let file = written(&arguments, "safetensors");
        let (header, bytes) = safetensors(&file);
        assert_eq!(bytes, data);
        let tensor = serde_json::json!({
            "dtype": name, "shape": [30, 20], "data_offsets": [0, data.len()],
        });
        assert_eq!(header["a/b"], tensor);
        assert_eq!(header["__metadata__"]["format"], "pt");
        assert_eq!(header["__metadata__"]["varscale.version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(header["__metadata__"]["varscale.stream"], varscale::Stream::Native.id());
        assert_eq!(header["__metadata__"]["varscale.seed"], "-1");
        assert_eq!(written(&arguments, "safetensors"), file);

        if !descr.is_empty() {
            let file = written(&arguments, "npy");
            let (header, bytes) = npy(&file);
            let shape = "'fortran_order': False, 'shape': (30,20,), }";
            assert_eq!(header, format!("{{'descr': '{descr}', {shape}"));
            assert_eq!(bytes, data);
            assert_eq!(values(&arguments), data);
        }
    }
}

#[test]
fn metadata_reproduces_the_slice() {
    let initializer = r#"{"class_name": "VarianceScaling", "config": {"scale": 2.0, "mode":
        "fan_out", "distribution": "uniform", "seed": null}}"#;
    let file = written(
        &[
            "--shape",
            "6,4,5",
            "--initializer",
            initializer,
            "--layout",
            "torch",
            "--name",
            "w",
            "--offset",
            "1,0,2",
            "--extent",
            "3,4,1",
        ],
        "safetensors",
    );
    let (header, bytes) = safetensors(&file);
    let text = |key: &str| header["__metadata__"][key].as_str().unwrap().to_owned();
    let sample: Json = serde_json::from_str(&text("varscale.sample")).unwrap();
    let sizes = |key: &str| -> Vec<usize> { serde_json::from_value(sample[key].clone()).unwrap() };
    assert_eq!(sample["initializer"]["config"]["seed"], Json::Null);
    let seed: Seed = text("varscale.seed").parse().unwrap();
    let layout: Layout = sample["layout"].as_str().unwrap().parse().unwrap();
    let tensor = Tensor::new(sizes("shape")).named("w").with_layout(layout);
    let draw = Initializer::deserialize(&sample["initializer"])
        .unwrap()
        .with_seed(seed)
        .draw_call(tensor, sample["call"].as_u64().unwrap() as u32)
        .unwrap();
    let slice = Slice::new(sizes("offset"), sizes("extent"));
    assert_eq!(bytes, expected(&draw, &slice, sample["dtype"].as_str().unwrap()));
    assert_eq!(header["w"]["shape"], serde_json::json!([3, 4, 1]));
}

#[test]
fn slices_are_parts_of_the_whole() {
    let draw = Scheme::glorot_uniform().with_seed(3).draw([9, 8, 7]).unwrap();
    let base = ["--shape", "9,8,7", "--initializer", "glorot_uniform", "--seed", "3"];
    for (options, offset, extent) in [
        (&["--offset", "2,3,4", "--extent", "5,4,3"][..], [2, 3, 4], [5, 4, 3]),
        (&["--offset", "8,0,1"], [8, 0, 1], [1, 8, 6]),
        (&["--extent", "1,2,3"], [0, 0, 0], [1, 2, 3]),
        (&["--offset", "9,0,0"], [9, 0, 0], [0, 8, 7]),
        (&[], [0, 0, 0], [9, 8, 7]),
    ] {
        let part = values(&[&base[..], options].concat());
        assert_eq!(part, expected(&draw, &Slice::new(offset, extent), "float32"), "{options:?}");
    }
}

#[test]
fn scalars_and_empty_tensors() {
    let scalar = written(&["--shape", "", "--seed", "1"], "npy");
    let draw = Scheme::lecun_normal().with_seed(1).draw([]).unwrap();
    assert_eq!(npy(&scalar).1, floats(&draw));
    assert!(npy(&scalar).0.contains("'shape': ()"));
    let empty = written(&["--shape", "3,0", "--seed", "1"], "safetensors");
    let (header, bytes) = safetensors(&empty);
    assert_eq!((header["tensor"]["shape"].to_string(), bytes.len()), ("[3,0]".into(), 0));

    let text = printed(&["--shape", "", "--seed", "1"]);
    assert!(text.contains("values    1, float32") && !text.contains("bins"), "{text}");
    let text = printed(&["--shape", "3,0", "--seed", "1"]);
    assert!(text.ends_with("no values\n"), "{text}");
}

#[test]
fn threads_do_not_matter() {
    let base = ["--shape", "3,900,1000", "--seed", "9", "--dtype", "float16", "--threads"];
    let [first, others @ ..] = ["1", "2", "5", "0"].map(|threads| {
        let options = [&base[..], &[threads]].concat();
        (values(&options), printed(&options))
    });
    assert_eq!(first.0.len(), 3 * 900 * 1000 * 2);
    assert!(others.iter().all(|other| *other == first));
}

#[test]
fn calls_follow_the_generator() {
    let generator = SeedGenerator::new(Some(5)).unwrap();
    let he = Scheme::he_normal().with_seed(&generator);
    let base = ["--shape", "40", "--initializer", "HeNormal", "--call"];
    for call in ["0", "1", "2", "3"] {
        let with = |seed: &[&str]| values(&[&base[..], &[call], seed].concat());
        assert_eq!(with(&["--generator", "5"]), floats(&he.draw([40]).unwrap()));
        let fixed = Scheme::he_normal().with_seed(5).draw([40]).unwrap();
        assert_eq!(with(&["--seed", "5"]), floats(&fixed));
    }
    let text = printed(&["--shape", "40", "--generator", "5", "--call", "2"]);
    assert!(text.contains("\ngenerator 5, call 2\n"), "{text}");
}

#[test]
fn seeds_of_objects_hold_unless_replaced() {
    let object = r#"{"class_name": "HeNormal", "config": {"seed": 11}}"#;
    let base = ["--shape", "40", "--initializer", object];
    let draw = |seed: i32| floats(&Scheme::he_normal().with_seed(seed).draw([40]).unwrap());
    assert_eq!(values(&base), draw(11));
    assert_eq!(values(&[&base[..], &["--seed", "12"]].concat()), draw(12));
}

#[test]
fn unset_seeds_are_drawn_and_reported() {
    let base = ["--shape", "40", "-o", "-"];
    let (first, second) = (run(&base), run(&base));
    assert_ne!(first.stdout, second.stdout);
    let report = error_text(&first);
    let hint = report.split_once("(drawn: --seed ").expect(&report).1;
    let seed = hint.split_once(' ').unwrap().0;
    assert_eq!(run(&[&base[..], &["--seed", seed]].concat()).stdout, first.stdout);
}

#[test]
fn schemes_are_what_the_options_say() {
    let draw = |scheme: Scheme, layout: Layout| {
        let tensor = Tensor::new([4, 5, 6]).with_layout(layout);
        floats(&scheme.with_seed(1).draw(tensor).unwrap())
    };
    let base = ["--shape", "4,5,6", "--seed", "1"];
    let with = |options: &[&str]| values(&[&base[..], options].concat());
    let scheme = |scale: i32, mode, distribution: &str| {
        Scheme::variance_scaling(scale, mode, distribution.parse().unwrap()).unwrap()
    };
    assert_eq!(with(&[]), draw(Scheme::lecun_normal(), Layout::keras()));
    assert_eq!(
        with(&["--scale", "2", "--mode", "fan_geo_avg", "--distribution", "Uniform"]),
        draw(scheme(2, Mode::FanGeoAvg, "uniform"), Layout::keras())
    );
    assert_eq!(
        with(&["--layout", "torch", "--stream", varscale::Stream::Native.id()]),
        draw(Scheme::lecun_normal(), Layout::torch())
    );
    let axes = Scheme::lecun_normal().with_axes(Some(vec![-3, 1]), Some(vec![2])).unwrap();
    let options = ["--input-axes", "-3,1", "--output-axes", "2"];
    assert_eq!(with(&options), draw(axes, Layout::keras()));
}

#[test]
fn prints_explanation_statistics_and_histogram() {
    let options = ["--shape", "784,256", "--initializer", "glorot_uniform", "--seed", "42"];
    let text = printed(&options);
    let explanation = Scheme::glorot_uniform().with_seed(42).explain([784, 256]).unwrap();
    assert!(text.starts_with(&format!("{explanation}\n\nseed      42\n")), "{text}");
    for part in [
        "\nstream    philox4x32-10/v1\n",
        "\nvalues    200704, float32\n",
        "\nexcess kurtosis",
        "\n200704 values in 40 bins",
        "█",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.lines().skip(1).all(|line| line.chars().count() <= 80));

    let text = printed(&["--shape", "3,3", "--initializer", "identity"]);
    assert!(!text.contains("bins") && !text.contains("seed"), "{text}");
}
