//! Initializes a Llama of 100 million parameters in several ways, each in a process of its own: time, and
//! the most memory. `cargo run --release --example speed`.

use std::{env, error::Error, fs, process::Command, time::Instant};

use candle_core::{DType, Device};
use candle_nn::{VarBuilder, VarMap};
use candle_transformers::models::llama::{Config, Llama};
use varscale_candle::{Source, Weights};

const DEVICE: Device = Device::Cpu;

fn config() -> Config {
    Config {
        hidden_size: 768,
        intermediate_size: 2048,
        num_hidden_layers: 8,
        num_attention_heads: 12,
        num_key_value_heads: 12,
        max_position_embeddings: 512,
        vocab_size: 32_000,
        ..Config::config_7b_v2(false)
    }
}

/// Builds the model in one way, and says how many parameters it has.
fn build(way: &str, dtype: DType) -> Result<usize, Box<dyn Error>> {
    let weights =
        Weights::new(&Source::from_toml("include = 'llama'", "".as_ref())?, Some(42.into()))?;
    let map = VarMap::new();
    let vb = match way {
        "zeros" => VarBuilder::zeros(dtype, &DEVICE),
        "candle's VarMap" => VarBuilder::from_varmap(&map, dtype, &DEVICE),
        "var_builder" => weights.var_builder(dtype, &DEVICE),
        _ => weights.trainable(&map, dtype, &DEVICE),
    };
    let model = Llama::load(vb, &config())?;
    drop(model);
    Ok(map.all_vars().iter().map(|variable| variable.elem_count()).sum())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    if let [way, dtype] = &arguments[..] {
        let start = Instant::now();
        let parameters = build(way, dtype.parse()?)?;
        let seconds = start.elapsed().as_secs_f64();
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).map(str::trim);
        println!(
            "{way:16} {dtype:5} {seconds:8.2} s, at most {} ({parameters} variables' values)",
            most.unwrap_or("?")
        );
        return Ok(());
    }
    for dtype in ["f32", "bf16"] {
        for way in ["zeros", "candle's VarMap", "var_builder", "trainable"] {
            Command::new(env::current_exe()?).args([way, dtype]).status()?;
        }
    }
    Ok(())
}
