//! A network of three layers learns digits, in plain ndarray, from ten seeds.
//!
//! It prints the loss on the images that it learns from, and in the end how many of the others it
//! reads: `cargo run --release -p varscale-ndarray --example digits`.

use std::error::Error;

use ndarray::{Array1, Array2, ArrayView2, Axis, Zip, s};
use varscale::{Initializer, Scheme};
use varscale_ndarray::{DrawnExt, InitializerExt};

/// Images and digits, one a line: `examples/data/README.md` says whose.
const DIGITS: &str = include_str!("../../../examples/data/digits.csv");
const SIZES: [usize; 4] = [64, 64, 32, 10];
const LEARNT: usize = 1500;
const BATCH: usize = 50;
const EPOCHS: usize = 30;
const RATE: f32 = 0.1;

struct Dense {
    kernel: Array2<f32>,
    bias: Array1<f32>,
}

impl Dense {
    /// `varscale init` gives the same values to tensors of these names.
    fn new(
        name: &str,
        inputs: usize,
        outputs: usize,
        initializer: &Initializer,
    ) -> Result<Self, varscale_ndarray::Error> {
        let kernel = Array2::drawn((inputs, outputs), initializer.named(format!("{name}.kernel")))?;
        Ok(Self { kernel, bias: Array1::zeros(outputs) })
    }
}

struct Network(Vec<Dense>);

impl Network {
    fn new(seed: u32) -> Result<Self, varscale_ndarray::Error> {
        let he = Scheme::he_normal().with_seed(seed);
        let layers = SIZES.windows(2).enumerate();
        layers
            .map(|(i, size)| Dense::new(&format!("layers.{i}"), size[0], size[1], &he))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// What goes into each layer, and the logits that come out of the last one.
    fn activations(&self, images: ArrayView2<'_, f32>) -> Vec<Array2<f32>> {
        let mut all = vec![images.to_owned()];
        for (i, layer) in self.0.iter().enumerate() {
            let mut next = all[i].dot(&layer.kernel) + &layer.bias;
            if i + 1 < self.0.len() {
                next.mapv_inplace(|x| x.max(0.0));
            }
            all.push(next);
        }
        all
    }

    /// One step down the gradient of the loss, which is returned.
    fn learn(&mut self, images: ArrayView2<'_, f32>, digits: &[usize]) -> f32 {
        let mut activations = self.activations(images);
        let mut gradient = activations.pop().expect("the logits");
        let loss = softmax_less_truth(&mut gradient, digits);
        for (layer, input) in self.0.iter_mut().zip(activations).rev() {
            let mut before = gradient.dot(&layer.kernel.t());
            Zip::from(&mut before).and(&input).for_each(|slope, &x| *slope *= f32::from(x > 0.0));
            layer.kernel.scaled_add(-RATE, &input.t().dot(&gradient));
            layer.bias.scaled_add(-RATE, &gradient.sum_axis(Axis(0)));
            gradient = before;
        }
        loss
    }

    /// The share of images that are read as what they are.
    fn accuracy(&self, images: ArrayView2<'_, f32>, digits: &[usize]) -> f32 {
        let logits = self.activations(images).pop().expect("the logits");
        let right = logits
            .rows()
            .into_iter()
            .zip(digits)
            .filter(|(row, digit)| row.iter().all(|&logit| logit <= row[**digit]));
        right.count() as f32 / digits.len() as f32
    }
}

/// Turns logits into the gradient of the mean cross-entropy, which is returned.
fn softmax_less_truth(logits: &mut Array2<f32>, digits: &[usize]) -> f32 {
    let mut loss = 0.0;
    for (mut row, &digit) in logits.rows_mut().into_iter().zip(digits) {
        let largest = row.fold(f32::MIN, |a, &b| a.max(b));
        row.mapv_inplace(|logit| (logit - largest).exp());
        row /= row.sum();
        loss -= row[digit].max(f32::MIN_POSITIVE).ln();
        row[digit] -= 1.0;
    }
    *logits /= digits.len() as f32;
    loss / digits.len() as f32
}

fn main() -> Result<(), Box<dyn Error>> {
    let numbers = DIGITS.lines().flat_map(|line| line.split(',')).map(str::parse::<f32>);
    let numbers = numbers.collect::<Result<Vec<_>, _>>()?;
    let table = Array2::from_shape_vec((numbers.len() / 65, 65), numbers)?;
    let images = table.slice(s![.., ..64]).mapv(|darkness| darkness / 16.0);
    let digits: Vec<usize> = table.column(64).iter().map(|&digit| digit as usize).collect();

    for seed in 1..=10 {
        let mut network = Network::new(seed)?;
        print!("seed {seed:2}: loss");
        for epoch in 1..=EPOCHS {
            let batches = images.slice(s![..LEARNT, ..]);
            let batches = batches.axis_chunks_iter(Axis(0), BATCH).zip(digits.chunks(BATCH));
            let losses: Vec<f32> =
                batches.map(|(images, digits)| network.learn(images, digits)).collect();
            if epoch == 1 || epoch % 10 == 0 {
                print!(" {:.3}", losses.iter().sum::<f32>() / losses.len() as f32);
            }
        }
        let accuracy = network.accuracy(images.slice(s![LEARNT.., ..]), &digits[LEARNT..]);
        println!(", {:.1} % read", 100.0 * accuracy);
        if accuracy < 0.85 {
            return Err(format!("seed {seed} has not learnt").into());
        }
    }
    Ok(())
}
