//! The frameworks' streams against what Keras really drew: every case, bit for bit, at every level.

use std::{
    collections::BTreeMap,
    format, fs, println,
    string::{String, ToString},
};

use safetensors::SafeTensors;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::*;
#[cfg(feature = "parallel")]
use crate::Pool;
use crate::{
    PythonRandom, Seed, SeedGenerator,
    streams::{tf_keras_2_9, values::Values},
};

/// Copied from a run of the frameworks: see the README beside it.
const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/golden");

fn integer(case: &Value, name: &str) -> Option<i128> {
    match &case[name] {
        Value::Null => None,
        number => Some(number.to_string().parse().unwrap()),
    }
}

fn text<'a>(case: &'a Value, name: &str) -> &'a str {
    case[name].as_str().unwrap()
}

fn stream(case: &Value) -> Stream {
    match (text(case, "backend"), text(case, "dtype")) {
        ("jax", "float16") => Stream::KerasJaxFp16Fma,
        ("jax" | "jax_avx2" | "jax_x64", _) => Stream::KerasJax,
        ("tensorflow", _) => Stream::KerasTensorflow,
        ("torch", _) => Stream::KerasTorch,
        ("numpy", _) => Stream::KerasNumpy,
        ("tf_keras", _) => Stream::TfKeras,
        ("tf_legacy", _) => Stream::TfKeras29,
        (backend, _) => panic!("{backend}"),
    }
}

/// The seed of a case, drawn as Keras draws it where there is none.
fn seed(case: &Value) -> i128 {
    if let Some(seed) = integer(case, "seed") {
        return seed;
    }
    let mut random = PythonRandom::new(integer(case, "global_seed").unwrap());
    let draws = 0..=case["call_index"].as_u64().unwrap();
    let seed = draws.fold(0, |_, _| stream(case).drawn_seed(&mut random)).into();
    if case["backend"] != "tf_legacy" {
        assert_eq!(Some(seed), integer(case, "drawn_seed"));
    }
    seed
}

/// The draw of a case, made as a user makes it.
fn draw(case: &Value) -> Draw {
    let axes = |name: &str| {
        let list = case.get(name)?.as_array()?.iter();
        Some(list.map(|axis| axis.as_i64().unwrap() as isize).collect())
    };
    let seed = match text(case, "seed_kind") {
        "SeedGenerator" => Seed::generator(&SeedGenerator::new(Some(seed(case))).unwrap()),
        _ => Seed::from(seed(case)),
    };
    let shape: Vec<usize> =
        case["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
    // A drawn seed is one call's.
    let call = if case["seed"].is_null() { 0 } else { case["call_index"].as_u64().unwrap() };
    let initializer = if case.get("class_name").is_some() {
        let initializer = Initializer::from_config(text(case, "class_name"), &case["config"]);
        initializer.unwrap().with_seed(seed)
    } else {
        let distribution: Distribution = text(case, "distribution").parse().unwrap();
        let mode = text(case, "mode").parse().unwrap();
        let scale = case["scale"].as_f64().unwrap();
        let scheme = Scheme::variance_scaling(scale, mode, distribution).unwrap();
        let scheme = scheme.with_axes(axes("input_axes"), axes("output_axes")).unwrap();
        scheme.with_seed(seed)
    };
    let initializer = match integer(case, "global_seed") {
        Some(global) => initializer.with_global_seed(global.try_into().unwrap()),
        None => initializer,
    };
    initializer.with_stream(stream(case)).draw_call(shape.as_slice(), call as u32).unwrap()
}

/// How many units in the last place float64 normals may be off. Their last bits are those of the
/// system's functions: the recorded ones are of glibc on a CPU with fused multiply-add.
fn tolerance(case: &Value) -> u64 {
    #[cfg(target_arch = "x86_64")]
    let fma = std::arch::is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    let fma = cfg!(target_arch = "aarch64");
    let recorded = cfg!(all(target_os = "linux", target_env = "gnu")) && fma;
    let uniform = matches!(draw(case).law(), Some(Law::Uniform { .. }));
    if recorded || uniform || case["dtype"] != "float64" { 0 } else { 4 }
}

/// An element type that 2.9 draws.
trait Legacy: Sized {
    fn values_after(request: &Request, level: Level, prior: u64) -> Values<Self>;
}

macro_rules! legacy {
    ($($type:ty),*) => {$(
        impl Legacy for $type {
            fn values_after(request: &Request, level: Level, prior: u64) -> Values<Self> {
                tf_keras_2_9::values_after(request, level, prior)
            }
        }
    )*};
}

legacy!(f16, bf16, f32, f64);

/// What is wrong with the values of a case, if anything is.
fn difference<T: Reference + Legacy>(case: &Value, tensors: &SafeTensors<'_>) -> Option<String> {
    let field = |name: &str| case[name].as_u64().unwrap() as usize;
    let (offset, count, size) = (field("offset"), field("count"), size_of::<T>());
    let stored = match count {
        0 => &[],
        _ => {
            let data = tensors.tensor(text(case, "tensor")).unwrap().data();
            &data[offset * size..(offset + count) * size]
        }
    };
    let expected: Vec<u64> = stored
        .chunks_exact(size)
        .map(|bytes| bytes.iter().rev().fold(0, |bits, &byte| (bits << 8) | u64::from(byte)))
        .collect();
    let tolerance = tolerance(case);
    let check = |what: &str, values: Vec<T>| {
        let bits: Vec<u64> = values.into_iter().map(Reference::bits).collect();
        let kept = match text(case, "storage") {
            "full" => bits.clone(),
            _ => [&bits[..count / 2], &bits[bits.len() - count / 2..]].concat(),
        };
        if tolerance > 0 {
            // What is near 0 around another mean has the error of that sum's terms.
            let unit = draw(case).law().unwrap().mean().abs() * f64::EPSILON;
            let near = |(&own, &other): (&u64, &u64)| {
                let distance = (f64::from_bits(own) - f64::from_bits(other)).abs();
                own.abs_diff(other) <= tolerance || distance <= tolerance as f64 * unit
            };
            let same = kept.len() == expected.len() && kept.iter().zip(&expected).all(near);
            return (!same).then(|| format!("{} {what}", case["id"]));
        }
        let sum = bits.iter().fold(0u64, |sum, &bits| sum.wrapping_add(bits));
        let bytes: Vec<u8> =
            bits.iter().flat_map(|bits| bits.to_le_bytes()[..size].to_vec()).collect();
        let hash: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let same =
            kept == expected && text(case, "sum64").parse() == Ok(sum) && case["sha256"] == hash;
        (!same).then(|| format!("{} {what}", case["id"]))
    };
    let draw = draw(case);
    let Source::Stream(stream, request) = draw.source() else { panic!("{}", case["id"]) };
    // What the same kernel drew before decides in 2.9: not what a user of ours can ask for.
    let prior = case["kernel_prior_elements"].as_u64().unwrap_or(0);
    let levels = Level::available().map(|level| {
        let mut values = vec![T::default(); field("n")];
        let opened = match prior {
            0 => *stream.open(&request, level, T::DTYPE).unwrap().downcast().unwrap(),
            _ => T::values_after(&request, level, prior),
        };
        match opened {
            Values::RandomAccess(fill) => fill(0, &mut values, false),
            Values::Sequential(mut fill) => fill(0, &mut values, false),
            Values::Boxes(_) => panic!("{}", case["id"]),
        }
        check(&format!("{level:?}"), values)
    });
    let mut differences = levels.flatten();
    let first = differences.next();
    if first.is_none() && prior == 0 {
        return check("as drawn", draw.to_vec().unwrap());
    }
    first
}

#[test]
fn every_case_is_keras_own() {
    let index: Value =
        serde_json::from_str(&fs::read_to_string(format!("{DATA}/index.json")).unwrap()).unwrap();
    let (mut passed, mut failed) = (BTreeMap::new(), Vec::new());
    for backend in index["backends"].as_object().unwrap().keys() {
        let file = fs::read(format!("{DATA}/{backend}.safetensors")).unwrap();
        let tensors = SafeTensors::deserialize(&file).unwrap();
        let cases = index["cases"].as_array().unwrap();
        for case in cases.iter().filter(|case| case["backend"] == *backend) {
            let dtype = text(case, "dtype");
            let difference = match dtype {
                "float16" => difference::<f16>(case, &tensors),
                "bfloat16" => difference::<bf16>(case, &tensors),
                "float32" => difference::<f32>(case, &tensors),
                _ => difference::<f64>(case, &tensors),
            };
            let count = passed.entry((backend.clone(), dtype)).or_insert((0, 0));
            count.0 += u32::from(difference.is_none());
            count.1 += 1;
            failed.extend(difference);
        }
    }
    for ((backend, dtype), (passed, total)) in passed {
        println!("{backend:10} {dtype:8} {passed} of {total}");
    }
    assert!(failed.is_empty(), "{} cases: {failed:#?}", failed.len());
}

#[test]
fn slices_of_every_stream_equal_the_whole() {
    let mut choices = Choices(7);
    for &stream in Stream::ALL {
        for &distribution in Distribution::ALL {
            for shape in [vec![7, 9, 11], vec![1000], vec![3], vec![2, 5], vec![40, 100]] {
                let scheme =
                    Scheme::variance_scaling(1.0, crate::Mode::FanIn, distribution).unwrap();
                let initializer = scheme.with_seed(3).with_stream(stream);
                let draw = initializer.draw(shape.as_slice()).unwrap();
                let whole: Vec<f32> = draw.to_vec().unwrap();
                for _ in 0..8 {
                    let offset: Vec<usize> =
                        shape.iter().map(|&size| choices.below(size)).collect();
                    let extent: Vec<usize> = shape
                        .iter()
                        .zip(&offset)
                        .map(|(&size, &at)| choices.below(size - at + 1))
                        .collect();
                    let slice = Slice::new(offset, extent);
                    let expected: Vec<f32> = indices(&shape, &slice)
                        .into_iter()
                        .map(|index| whole[index as usize])
                        .collect();
                    let part: Vec<f32> = draw.slice_to_vec(&slice).unwrap();
                    assert_eq!(part, expected, "{stream} {distribution} {shape:?} {slice:?}");
                }
            }
        }
    }
}

#[test]
fn seeds_are_refused_as_the_frameworks_refuse_them() {
    let draw = |stream: Stream, seed: i128, generator: bool| {
        let seed = match generator {
            true => Seed::generator(&SeedGenerator::new(Some(seed)).unwrap()),
            false => Seed::from(seed),
        };
        Scheme::he_normal().with_seed(seed).with_stream(stream).draw([2, 3])
    };
    for (stream, seed, generator, accepted) in [
        (Stream::KerasJax, -1, false, false),
        (Stream::KerasJax, (1 << 32) - 1, false, true),
        (Stream::KerasJax, 1 << 32, false, false),
        (Stream::KerasNumpy, -1, false, false),
        (Stream::KerasNumpy, 1 << 32, false, false),
        (Stream::KerasTorch, -1, false, true),
        (Stream::KerasTorch, 1 << 40, false, true),
        (Stream::KerasTorch, 1 << 31, true, false),
        (Stream::KerasTensorflow, -1, true, true),
        (Stream::KerasTensorflow, 1 << 63, false, false),
        (Stream::TfKeras, 1 << 63, false, false),
        (Stream::TfKeras, 5, true, false),
        (Stream::TfKeras29, (1 << 64) - 1, false, true),
        (Stream::TfKeras29, -(1 << 100), false, true),
        (Stream::KerasTorch, (1 << 64) + 7, false, true),
        (Stream::Native, -(1 << 63), true, true),
        (Stream::Native, (1 << 64) - 1, true, true),
        (Stream::Native, 1 << 64, false, false),
        (Stream::Native, -(1 << 63) - 1, false, false),
    ] {
        let drawn = draw(stream, seed, generator);
        assert_eq!(drawn.is_ok(), accepted, "{stream} {seed} {generator}");
        if let Err(error) = drawn {
            let message = error.to_string();
            assert!(message.contains(&seed.to_string()) && message.contains(stream.name()));
        }
    }
}

#[test]
fn unknown_streams_are_refused() {
    let message = "no-such-stream".parse::<Stream>().unwrap_err().to_string();
    assert!(
        message.contains("no-such-stream") && message.contains("native, keras-jax"),
        "{message}"
    );
    for &stream in Stream::ALL {
        assert_eq!(stream.name().parse(), Ok(stream));
        assert_eq!(stream.id().parse(), Ok(stream));
        // What draws nothing is the same in every stream.
        let ones: Vec<f32> =
            Initializer::new(Scheme::ones(), None).with_stream(stream).sample([2]).unwrap();
        assert_eq!(ones, [1.0, 1.0]);
    }
}

#[test]
fn calls_follow_each_frameworks_rule() {
    let sample = |stream, seed: Seed, call| -> Vec<f32> {
        let initializer = Scheme::he_normal().with_seed(seed).with_stream(stream);
        initializer.draw_call([4, 4], call).unwrap().to_vec().unwrap()
    };
    let generator = |seed| Seed::generator(&SeedGenerator::new(Some(seed)).unwrap());
    // Integer seeds repeat, but under 2.9, where call k of seed s is call 0 of s + k.
    assert_eq!(sample(Stream::KerasJax, 5.into(), 3), sample(Stream::KerasJax, 5.into(), 0));
    assert_eq!(sample(Stream::TfKeras29, 5.into(), 3), sample(Stream::TfKeras29, 8.into(), 0));
    assert_eq!(sample(Stream::TfKeras, 5.into(), 3), sample(Stream::TfKeras, 5.into(), 0));
    let counted = Scheme::he_normal().with_seed(5).with_stream(Stream::TfKeras29);
    for initializer in [counted.clone(), counted.with_seed(5)] {
        for call in 0..3 {
            let values: Vec<f32> = initializer.sample([4, 4]).unwrap();
            assert_eq!(values, sample(Stream::TfKeras29, 5.into(), call));
        }
    }
    // Only there: what another stream draws does not depend on the way to it.
    let back = Scheme::he_normal().with_seed(5).with_stream(Stream::TfKeras29);
    let back = back.with_stream(Stream::Native);
    for _ in 0..2 {
        assert_eq!(back.sample::<f32>([4, 4]).unwrap(), sample(Stream::Native, 5.into(), 0));
    }
    // torch reduces any integer modulo 2^32.
    for seed in [7 - (1_i128 << 32), 7 + (1 << 32), 7 + (1 << 64), 7 + (1 << 120)] {
        assert_eq!(
            sample(Stream::KerasTorch, Seed::from(seed), 0),
            sample(Stream::KerasTorch, 7.into(), 0)
        );
    }
    // torch adds the counter to the seed: a fault of the framework, kept.
    assert_eq!(
        sample(Stream::KerasTorch, generator(5), 3),
        sample(Stream::KerasTorch, 8.into(), 0)
    );
    assert_ne!(
        sample(Stream::KerasJax, generator(5), 1),
        sample(Stream::KerasJax, generator(5), 0)
    );
}

#[test]
#[cfg(feature = "parallel")]
#[cfg_attr(target_family = "wasm", ignore = "there are no threads")]
fn threads_do_not_matter_to_any_stream() {
    for &stream in Stream::ALL {
        for &distribution in Distribution::ALL {
            let scheme = Scheme::variance_scaling(1.0, crate::Mode::FanIn, distribution).unwrap();
            let draw = scheme.with_seed(3).with_stream(stream);
            // Enough for five threads. Not a multiple of 16, for torch's tail.
            let draw = draw.draw([1151, 1147]).unwrap();
            let slice = Slice::new([1, 2], [1150, 1144]);
            let both =
                || (draw.to_vec::<f32>().unwrap(), draw.slice_to_vec::<f32>(&slice).unwrap());
            let one = Pool::new(1).unwrap().install(both);
            for threads in [0, 2, 3, 5] {
                let several = Pool::new(threads).unwrap().install(both);
                assert!(several == one, "{stream} {distribution}");
            }
        }
    }
}
