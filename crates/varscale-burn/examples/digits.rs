//! A network of four layers learns digits: from weights by rules over names, and beside it from burn's own.
//!
//! It prints how many of the images that it has not seen it reads in the end, and the loss on them before
//! and after each epoch: `cargo run --release -p varscale-burn --example digits [SEED]...`

use std::{env, error::Error, fs};

use burn::{
    module::Module,
    nn::{Linear, LinearConfig, loss::CrossEntropyLossConfig},
    optim::{GradientsParams, SgdConfig},
    store::ModuleSnapshot,
    tensor::{Device, Int, Tensor, TensorData, activation::relu},
};
use varscale_burn::{Source, Weights};

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

const EPOCHS: usize = 20;
/// Images that are trained on; the rest tests.
const TRAINED: usize = 1500;
const BATCH: usize = 50;

#[derive(Module, Debug)]
struct Network {
    hidden: Vec<Linear>,
    head: Linear,
}

impl Network {
    fn new(device: &Device) -> Self {
        let hidden = (0..3).map(|_| LinearConfig::new(64, 64).init(device)).collect();
        Self { hidden, head: LinearConfig::new(64, 10).init(device) }
    }

    fn forward(&self, images: Tensor<2>) -> Tensor<2> {
        let hidden = self.hidden.iter().fold(images, |x, layer| relu(layer.forward(x)));
        self.head.forward(hidden)
    }
}

/// Images of mean 0 and variance about 1, and which digit each is.
fn digits(device: &Device) -> Result<(Tensor<2>, Tensor<1, Int>), Box<dyn Error>> {
    let text =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/digits.csv"))?;
    let (mut images, mut labels) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let numbers = line.split(',').map(str::parse).collect::<Result<Vec<u8>, _>>()?;
        let (label, pixels) = numbers.split_last().ok_or("an empty line")?;
        labels.push(i32::from(*label));
        images.extend(pixels.iter().map(|&pixel| (f32::from(pixel) - 4.88) / 6.02));
    }
    let count = labels.len();
    let images = Tensor::from_data(TensorData::new(images, [count, 64]), device);
    Ok((images, Tensor::from_data(TensorData::new(labels, [count]), device)))
}

/// The share of the test's images that are read in the end, and the loss before and after each epoch.
fn train(mut network: Network, images: &Tensor<2>, labels: &Tensor<1, Int>) -> (f32, Vec<f32>) {
    let mut sgd = SgdConfig::new().init();
    let cross_entropy = CrossEntropyLossConfig::new().init(&images.device());
    let batch =
        |from: usize, to: usize| (images.clone().slice(from..to), labels.clone().slice(from..to));
    let (test, answers) = batch(TRAINED, images.dims()[0]);
    let loss = |network: &Network| {
        cross_entropy.forward(network.forward(test.clone()), answers.clone()).into_scalar::<f32>()
    };
    let mut losses = vec![loss(&network)];
    for _ in 0..EPOCHS {
        for first in (0..TRAINED).step_by(BATCH) {
            let (images, labels) = batch(first, first + BATCH);
            let loss = cross_entropy.forward(network.forward(images), labels);
            let gradients = GradientsParams::from_grads(loss.backward(), &network);
            network = sgd.step(0.05, network, gradients);
        }
        losses.push(loss(&network));
    }
    let read = network.forward(test.clone()).argmax(1).squeeze::<1>().equal(answers.clone());
    (read.float().mean().into_scalar::<f32>(), losses)
}

fn learn(seeds: &[u64]) -> Result<(), Box<dyn Error>> {
    let device = Device::flex().autodiff();
    let (images, labels) = digits(&device)?;
    let rules = Source::from_toml(RULES, "".as_ref())?;
    println!("initializer   seed  accuracy  losses");
    for &seed in seeds {
        let mut network = Network::new(&device);
        network.load_from(&mut Weights::new(&rules, Some(seed.into()))?)?;
        let (accuracy, losses) = train(network, &images, &labels);
        println!("varscale      {seed:4}  {accuracy:8.3}  {losses:.3?}");
        if accuracy < 0.8 {
            return Err(format!("seed {seed} has not learnt").into());
        }

        device.seed(seed);
        let (accuracy, losses) = train(Network::new(&device), &images, &labels);
        println!("burn          {seed:4}  {accuracy:8.3}  {losses:.3?}");
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut seeds =
        env::args().skip(1).map(|seed| seed.parse()).collect::<Result<Vec<u64>, _>>()?;
    if seeds.is_empty() {
        seeds.extend(1..=10);
    }
    learn(&seeds)
}

#[test]
fn a_network_learns() -> Result<(), Box<dyn Error>> {
    learn(&[1, 2])
}
