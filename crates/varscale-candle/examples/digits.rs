//! A network of four layers learns digits: from weights by rules over names, and beside it from candle's
//! own, which no seed fixes on the CPU.
//!
//! It prints how many of the images that it has not seen it reads in the end, and the loss on them before
//! and after each epoch: `cargo run --release -p varscale-candle --example digits [SEED]...`

use std::{env, error::Error, fs};

use candle_core::{D, DType, Device, Result, Tensor};
use candle_nn::{Linear, Module, Optimizer, SGD, VarBuilder, VarMap, linear, loss::cross_entropy};
use varscale_candle::{Source, Weights};

const RULES: &str = r#"
    layout = "torch"

    [[rules]]
    match = "*.bias"
    initializer = "zeros"

    [[rules]]
    match = "head.weight"
    initializer = "lecun_normal"

    [[rules]]
    match = "*.weight"
    initializer = "he_normal"
"#;

const DEVICE: Device = Device::Cpu;
const EPOCHS: usize = 20;
/// Images that are trained on; the rest tests.
const TRAINED: usize = 1500;
const BATCH: usize = 50;

struct Network {
    hidden: Vec<Linear>,
    head: Linear,
}

impl Network {
    fn new(vb: VarBuilder) -> Result<Self> {
        let sizes = [64, 64, 64, 64];
        let layer = |(number, pair): (usize, &[usize])| {
            linear(pair[0], pair[1], vb.pp(format!("hidden.{number}")))
        };
        let hidden = sizes.windows(2).enumerate().map(layer).collect::<Result<_>>()?;
        Ok(Self { hidden, head: linear(64, 10, vb.pp("head"))? })
    }

    fn forward(&self, images: &Tensor) -> Result<Tensor> {
        let hidden =
            self.hidden.iter().try_fold(images.clone(), |x, layer| layer.forward(&x)?.relu());
        self.head.forward(&hidden?)
    }
}

/// Images of mean 0 and variance about 1, and which digit each is.
fn digits() -> std::result::Result<(Tensor, Tensor), Box<dyn Error>> {
    let text =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/digits.csv"))?;
    let (mut images, mut labels) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let numbers =
            line.split(',').map(str::parse).collect::<std::result::Result<Vec<u8>, _>>()?;
        let (label, pixels) = numbers.split_last().ok_or("an empty line")?;
        labels.push(u32::from(*label));
        images.extend(pixels.iter().map(|&pixel| (f32::from(pixel) - 4.88) / 6.02));
    }
    let count = labels.len();
    Ok((Tensor::from_vec(images, (count, 64), &DEVICE)?, Tensor::from_vec(labels, count, &DEVICE)?))
}

/// The share of the test's images that are read in the end, and the loss before and after each epoch.
fn train(
    vb: VarBuilder,
    map: &VarMap,
    images: &Tensor,
    labels: &Tensor,
) -> Result<(f32, Vec<f32>)> {
    let network = Network::new(vb)?;
    let mut sgd = SGD::new(map.all_vars(), 0.05)?;
    let rest = images.dim(0)? - TRAINED;
    let (test, answers) = (images.narrow(0, TRAINED, rest)?, labels.narrow(0, TRAINED, rest)?);
    let loss = || cross_entropy(&network.forward(&test)?, &answers)?.to_scalar::<f32>();
    let mut losses = vec![loss()?];
    for _ in 0..EPOCHS {
        for first in (0..TRAINED).step_by(BATCH) {
            let output = network.forward(&images.narrow(0, first, BATCH)?)?;
            sgd.backward_step(&cross_entropy(&output, &labels.narrow(0, first, BATCH)?)?)?;
        }
        losses.push(loss()?);
    }
    let read = network.forward(&test)?.argmax(D::Minus1)?.eq(&answers)?;
    Ok((read.to_dtype(DType::F32)?.mean_all()?.to_scalar()?, losses))
}

fn learn(seeds: &[u64]) -> std::result::Result<(), Box<dyn Error>> {
    let (images, labels) = digits()?;
    let rules = Source::from_toml(RULES, "".as_ref())?;
    println!("initializer   seed  accuracy  losses");
    for &seed in seeds {
        let map = VarMap::new();
        let vb = Weights::new(&rules, Some(seed.into()))?.trainable(&map, DType::F32, &DEVICE);
        let (accuracy, losses) = train(vb, &map, &images, &labels)?;
        println!("varscale      {seed:4}  {accuracy:8.3}  {losses:.3?}");
        if accuracy < 0.8 {
            return Err(format!("seed {seed} has not learnt").into());
        }

        let map = VarMap::new();
        let vb = VarBuilder::from_varmap(&map, DType::F32, &DEVICE);
        let (accuracy, losses) = train(vb, &map, &images, &labels)?;
        println!("candle           -  {accuracy:8.3}  {losses:.3?}");
    }
    Ok(())
}

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let mut seeds = env::args()
        .skip(1)
        .map(|seed| seed.parse())
        .collect::<std::result::Result<Vec<u64>, _>>()?;
    if seeds.is_empty() {
        seeds.extend(1..=10);
    }
    learn(&seeds)
}

#[test]
fn a_network_learns() -> std::result::Result<(), Box<dyn Error>> {
    learn(&[1, 2])
}
