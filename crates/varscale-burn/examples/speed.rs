//! Initializes a Llama of 100 million parameters in several ways, each in a process of its own: time, and
//! the most memory (on Linux). `cargo run --release -p varscale-burn --example speed`

use std::{env, error::Error, fs, process::Command, time::Instant};

use burn::{
    module::{Module, ModuleVisitor, Param},
    nn::{Embedding, EmbeddingConfig, Linear, LinearConfig, LinearLayout},
    store::ModuleSnapshot,
    tensor::{Device, FloatDType, Tensor},
};
use varscale_burn::{Source, Weights};

const WAYS: [&str; 4] = ["burn, Row", "burn, Col", "load_from, Row", "load_from, Col"];

const WIDTH: usize = 768;

#[derive(Module, Debug)]
struct Attention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    o_proj: Linear,
}

#[derive(Module, Debug)]
struct Mlp {
    gate_proj: Linear,
    up_proj: Linear,
    down_proj: Linear,
}

#[derive(Module, Debug)]
struct Layer {
    self_attn: Attention,
    mlp: Mlp,
}

#[derive(Module, Debug)]
struct Model {
    embed_tokens: Embedding,
    layers: Vec<Layer>,
}

/// The matrices of a Llama of eight layers.
#[derive(Module, Debug)]
struct Llama {
    model: Model,
    lm_head: Linear,
}

impl Llama {
    fn new(layout: LinearLayout, device: &Device) -> Self {
        let linear = |from, to| {
            LinearConfig::new(from, to).with_bias(false).with_layout(layout).init(device)
        };
        let square = || linear(WIDTH, WIDTH);
        let layer = |_| Layer {
            self_attn: Attention {
                q_proj: square(),
                k_proj: square(),
                v_proj: square(),
                o_proj: square(),
            },
            mlp: Mlp {
                gate_proj: linear(WIDTH, 2048),
                up_proj: linear(WIDTH, 2048),
                down_proj: linear(2048, WIDTH),
            },
        };
        let embed_tokens = EmbeddingConfig::new(32_000, WIDTH).init(device);
        let model = Model { embed_tokens, layers: (0..8).map(layer).collect() };
        Self { model, lm_head: linear(WIDTH, 32_000) }
    }
}

/// Burn draws a parameter when it is used.
struct Drawn;

impl ModuleVisitor for Drawn {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        param.val();
    }
}

/// Builds the model in one way, and says how many parameters it has.
fn build(way: &str, dtype: &str) -> Result<usize, Box<dyn Error>> {
    let mut device = Device::flex();
    device.configure(if dtype == "f32" { FloatDType::F32 } else { FloatDType::BF16 })?;
    let layout = if way.ends_with("Col") { LinearLayout::Col } else { LinearLayout::Row };
    let mut llama = Llama::new(layout, &device);
    if way.starts_with("burn") {
        llama.visit(&mut Drawn);
    } else {
        let rules = Source::from_toml("include = 'llama'", "".as_ref())?;
        llama.load_from(&mut Weights::new(&rules, Some(42.into()))?)?;
    }
    Ok(llama.num_params())
}

fn main() -> Result<(), Box<dyn Error>> {
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
    let start = Instant::now();
    let parameters = build(way, dtype)?;
    let seconds = start.elapsed().as_secs_f64();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let most =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    let most = most.map_or(Ok(0), str::parse::<u64>)? / 1024;
    println!("{way:20}  {dtype:5}  {parameters:10}  {seconds:7.3}  {most:8}");
    Ok(())
}
