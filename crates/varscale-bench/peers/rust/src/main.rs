//! Draws with other Rust libraries when told to, and says how long it took: the protocol of
//! `varscale-bench --peers` (`crates/varscale-bench/src/peer.rs`).
//!
//! None of them draws truncated normals. tch is not here: it needs an installation of libtorch, and
//! calls the code that the peer `torch` measures.

use std::{
    error::Error,
    hint::black_box,
    io::{BufRead, stdin},
    time::Instant,
};

use burn::{module::Initializer, tensor::Device as BurnDevice};
use candle_core::{DType, Device, Tensor};
use ndarray::Array2;
use ndarray_rand::{
    RandomExt,
    rand_distr::{Normal, Uniform},
};
use serde_json::{Value, json};

type Outcome = Result<(), Box<dyn Error>>;
type Draw = fn([usize; 2]) -> Outcome;

/// Call, distribution, dtype and what draws.
const CALLS: [(&str, &str, &str, Draw); 6] = [
    ("candle Tensor::randn", "untruncated_normal", "float32", |shape| {
        black_box(Tensor::randn(0f32, stddev(shape), &shape, &Device::Cpu)?);
        Ok(())
    }),
    ("candle Tensor::rand", "uniform", "float32", |shape| {
        let limit = limit(shape);
        let drawn = Tensor::rand(-limit, limit, &shape, &Device::Cpu)?;
        assert_eq!(drawn.dtype(), DType::F32);
        black_box(drawn);
        Ok(())
    }),
    ("burn Initializer::Normal, flex", "untruncated_normal", "float32", |shape| {
        let std = stddev(shape).into();
        burn(&Initializer::Normal { mean: 0.0, std }, shape);
        Ok(())
    }),
    ("burn Initializer::Uniform, flex", "uniform", "float32", |shape| {
        let limit = f64::from(limit(shape));
        burn(&Initializer::Uniform { min: -limit, max: limit }, shape);
        Ok(())
    }),
    ("ndarray-rand Normal", "untruncated_normal", "float32", |shape| {
        let distribution = Normal::new(0f32, stddev(shape))?;
        black_box(Array2::<f32>::random(shape, distribution));
        Ok(())
    }),
    ("ndarray-rand Uniform", "uniform", "float32", |shape| {
        let limit = limit(shape);
        black_box(Array2::<f32>::random(shape, Uniform::new(-limit, limit)?));
        Ok(())
    }),
];

fn burn(initializer: &Initializer, shape: [usize; 2]) {
    // A parameter is drawn when its value is first asked for.
    black_box(initializer.init::<2, _>(shape, &BurnDevice::flex()).val());
}

fn stddev(shape: [usize; 2]) -> f32 {
    (1.0 / shape[0] as f32).sqrt()
}

fn limit(shape: [usize; 2]) -> f32 {
    (3.0 / shape[0] as f32).sqrt()
}

fn main() -> Outcome {
    let calls: Vec<_> = CALLS
        .iter()
        .map(|(call, distribution, dtype, _)| {
            json!({"call": call, "distribution": distribution, "dtype": dtype})
        })
        .collect();
    println!("{}", json!({"versions": versions(), "calls": calls}));
    for line in stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?)?;
        let answer = match time(&request) {
            Ok(seconds) => json!({"seconds": seconds}),
            Err(error) => json!({"error": error.to_string()}),
        };
        println!("{answer}");
    }
    Ok(())
}

/// Seconds that all repeats of a call take.
fn time(request: &Value) -> Result<f64, Box<dyn Error>> {
    let (.., draw) = CALLS
        .iter()
        .find(|(call, distribution, dtype, _)| {
            [("call", call), ("distribution", distribution), ("dtype", dtype)]
                .iter()
                .all(|(key, text)| request[key] == **text)
        })
        .ok_or("no such call")?;
    let size = |axis: usize| request["shape"][axis].as_u64().map(|size| size as usize);
    let shape = [size(0).ok_or("no shape")?, size(1).ok_or("no matrix")?];
    let start = Instant::now();
    for _ in 0..request["repeats"].as_u64().ok_or("no repeats")? {
        draw(shape)?;
    }
    Ok(start.elapsed().as_secs_f64())
}

/// The libraries' versions, from the lock file that this was built with.
fn versions() -> Value {
    let mut versions = serde_json::Map::new();
    let mut name = "";
    for line in include_str!("../Cargo.lock").lines() {
        if let Some(text) = line.strip_prefix("name = ") {
            name = text.trim_matches('"');
        } else if let Some(text) = line.strip_prefix("version = ")
            && ["candle-core", "burn", "ndarray-rand"].contains(&name)
        {
            versions.insert(name.to_owned(), text.trim_matches('"').into());
        }
    }
    Value::Object(versions)
}
