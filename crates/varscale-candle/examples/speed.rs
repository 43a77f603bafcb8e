//! Initializes a Llama of 100 million parameters in several ways, each in a process of its own: time, and
//! the most memory (on Linux). `cargo run --release -p varscale-candle --example speed`

use std::{env, error::Error, fs, process::Command, time::Instant};

use candle_core::{DType, Device, Result};
use candle_nn::{Linear, VarBuilder, VarMap, embedding, linear_no_bias};
use varscale_candle::{Source, Weights};

const DEVICE: Device = Device::Cpu;

const WAYS: [&str; 4] = ["zeros", "candle's VarMap", "var_builder", "trainable"];

const WIDTH: usize = 768;

/// The matrices of a Llama of eight layers.
fn model(vb: VarBuilder) -> Result<Vec<Linear>> {
    let mut layers = vec![linear_no_bias(WIDTH, 32_000, vb.pp("lm_head"))?];
    let embedding = embedding(32_000, WIDTH, vb.pp("model.embed_tokens"))?;
    layers.push(Linear::new(embedding.embeddings().clone(), None));
    for layer in 0..8 {
        let vb = vb.pp(format!("model.layers.{layer}"));
        for name in ["q_proj", "k_proj", "v_proj", "o_proj"] {
            layers.push(linear_no_bias(WIDTH, WIDTH, vb.pp("self_attn").pp(name))?);
        }
        for (name, from, to) in
            [("gate_proj", WIDTH, 2048), ("up_proj", WIDTH, 2048), ("down_proj", 2048, WIDTH)]
        {
            layers.push(linear_no_bias(from, to, vb.pp("mlp").pp(name))?);
        }
    }
    Ok(layers)
}

/// Builds the model in one way, and says how many parameters it has.
fn build(way: &str, dtype: DType, source: &Source) -> std::result::Result<usize, Box<dyn Error>> {
    let weights = Weights::new(source, Some(42.into()))?;
    let map = VarMap::new();
    let vb = match way {
        "zeros" => VarBuilder::zeros(dtype, &DEVICE),
        "candle's VarMap" => VarBuilder::from_varmap(&map, dtype, &DEVICE),
        "var_builder" => weights.var_builder(dtype, &DEVICE),
        _ => weights.trainable(&map, dtype, &DEVICE),
    };
    Ok(model(vb)?.iter().map(|layer| layer.weight().elem_count()).sum())
}

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [way, dtype] = &arguments[..] else {
        println!("{:20}  dtype  parameters  seconds  most MiB", "way");
        for (dtype, way) in
            ["f32", "bf16"].into_iter().flat_map(|dtype| WAYS.map(|way| (dtype, way)))
        {
            Command::new(env::current_exe()?).args([way, dtype]).status()?;
        }
        return Ok(());
    };
    let source = Source::from_toml("include = 'llama'", "".as_ref())?;
    let start = Instant::now();
    let parameters = build(way, dtype.parse()?, &source)?;
    let seconds = start.elapsed().as_secs_f64();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let most =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    let most = most.map_or(Ok(0), str::parse::<u64>)? / 1024;
    println!("{way:20}  {dtype:5}  {parameters:10}  {seconds:7.3}  {most:8}");
    Ok(())
}
