//! Initializes the matrices of a Llama of 100 million parameters in several ways, each in a process of its
//! own: time, and the most memory (on Linux). `cargo run --release -p varscale-ndarray --example speed`

use std::{env, error::Error, fs, process::Command, time::Instant};

use ndarray::{Array2, ShapeBuilder};
use ndarray_rand::{RandomExt, rand_distr::Normal};
use varscale::Scheme;
use varscale_ndarray::{DrawnExt, InitializerExt};

const WAYS: [&str; 4] = ["zeros", "ndarray-rand", "drawn", "drawn, column-major"];

/// Name and shape of each matrix of eight layers.
fn matrices() -> impl Iterator<Item = (String, (usize, usize))> {
    const WIDTH: usize = 768;
    let ends = ["embed_tokens", "lm_head"].map(|name| (name.to_owned(), (WIDTH, 32_000)));
    let layers = (0..8).flat_map(|layer| {
        let attention = ["q", "k", "v", "o"].map(|name| (name, (WIDTH, WIDTH)));
        let mlp = [("gate", (WIDTH, 2048)), ("up", (WIDTH, 2048)), ("down", (2048, WIDTH))];
        let all = attention.into_iter().chain(mlp);
        all.map(move |(name, shape)| (format!("layers.{layer}.{name}_proj"), shape))
    });
    ends.into_iter().chain(layers)
}

/// Makes all of them in one way.
fn build(way: &str) -> Result<Vec<Array2<f32>>, Box<dyn Error>> {
    let he = Scheme::he_normal().with_seed(42);
    let all = matrices().map(|(name, shape)| {
        Ok(match way {
            "zeros" => Array2::zeros(shape),
            "ndarray-rand" => {
                let deviation = (2.0 / shape.0 as f32).sqrt();
                Array2::random(shape, Normal::new(0.0, deviation)?)
            }
            "drawn" => Array2::drawn(shape, he.named(name))?,
            _ => Array2::drawn(shape.f(), he.named(name))?,
        })
    });
    all.collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(way) = env::args().nth(1) else {
        println!("{:20}  dtype  parameters  seconds  most MiB", "way");
        for way in WAYS {
            Command::new(env::current_exe()?).arg(way).status()?;
        }
        return Ok(());
    };
    let start = Instant::now();
    let arrays = build(&way)?;
    let seconds = start.elapsed().as_secs_f64();
    let parameters: usize = arrays.iter().map(|array| array.len()).sum();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let most =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    let most = most.map_or(Ok(0), str::parse::<u64>)? / 1024;
    println!("{way:20}  f32    {parameters:10}  {seconds:7.3}  {most:8}");
    Ok(())
}
