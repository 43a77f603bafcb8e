//! A network of three layers learns digits, in plain ndarray: from He's initializer, and beside it from
//! ndarray-rand with one law for all shapes.
//!
//! It prints how many of the images that it has not seen it reads in the end, and the loss on them before
//! and after each epoch: `cargo run --release -p varscale-ndarray --example digits [SEED]...`

use std::{convert::Infallible, env, error::Error};

use ndarray::{Array1, Array2, ArrayView2, Axis, Zip, s};
use ndarray_rand::{
    RandomExt,
    rand::{SeedableRng, rngs::StdRng},
    rand_distr::Uniform,
};
use varscale::Scheme;
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

struct Network(Vec<Dense>);

impl Network {
    /// A network whose kernels are made by name and shape.
    fn new<E>(
        mut kernel: impl FnMut(&str, (usize, usize)) -> Result<Array2<f32>, E>,
    ) -> Result<Self, E> {
        let layers = SIZES.windows(2).enumerate().map(|(i, size)| {
            let kernel = kernel(&format!("layers.{i}.kernel"), (size[0], size[1]))?;
            Ok(Dense { kernel, bias: Array1::zeros(size[1]) })
        });
        layers.collect::<Result<_, _>>().map(Self)
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

    /// One step down the gradient of the loss.
    fn learn(&mut self, images: ArrayView2<'_, f32>, digits: &[usize]) {
        let mut activations = self.activations(images);
        let mut gradient = activations.pop().expect("the logits");
        softmax_less_truth(&mut gradient, digits);
        for (layer, input) in self.0.iter_mut().zip(activations).rev() {
            let mut before = gradient.dot(&layer.kernel.t());
            Zip::from(&mut before).and(&input).for_each(|slope, &x| *slope *= f32::from(x > 0.0));
            layer.kernel.scaled_add(-RATE, &input.t().dot(&gradient));
            layer.bias.scaled_add(-RATE, &gradient.sum_axis(Axis(0)));
            gradient = before;
        }
    }

    /// The mean cross-entropy.
    fn loss(&self, images: ArrayView2<'_, f32>, digits: &[usize]) -> f32 {
        let mut logits = self.activations(images).pop().expect("the logits");
        softmax_less_truth(&mut logits, digits)
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

/// Images, and which digit each is.
fn digits() -> Result<(Array2<f32>, Vec<usize>), Box<dyn Error>> {
    let numbers = DIGITS.lines().flat_map(|line| line.split(',')).map(str::parse::<f32>);
    let numbers = numbers.collect::<Result<Vec<_>, _>>()?;
    let table = Array2::from_shape_vec((numbers.len() / 65, 65), numbers)?;
    let images = table.slice(s![.., ..64]).mapv(|darkness| darkness / 16.0);
    Ok((images, table.column(64).iter().map(|&digit| digit as usize).collect()))
}

/// The share of the unseen images that are read in the end, and the loss before and after each epoch.
fn train(mut network: Network, images: &Array2<f32>, digits: &[usize]) -> (f32, Vec<f32>) {
    let (learnt, unseen) = images.view().split_at(Axis(0), LEARNT);
    let mut losses = vec![network.loss(unseen, &digits[LEARNT..])];
    for _ in 0..EPOCHS {
        for (images, digits) in learnt.axis_chunks_iter(Axis(0), BATCH).zip(digits.chunks(BATCH)) {
            network.learn(images, digits);
        }
        losses.push(network.loss(unseen, &digits[LEARNT..]));
    }
    (network.accuracy(unseen, &digits[LEARNT..]), losses)
}

fn learn(seeds: &[u64]) -> Result<(), Box<dyn Error>> {
    let (images, digits) = digits()?;
    println!("initializer   seed  accuracy  losses");
    for &seed in seeds {
        // `varscale init` gives the same values to tensors of these names.
        let he = Scheme::he_normal().with_seed(seed);
        let ours = Network::new(|name, shape| Array2::drawn(shape, he.named(name)))?;
        let (accuracy, losses) = train(ours, &images, &digits);
        println!("varscale      {seed:4}  {accuracy:8.3}  {losses:.3?}");
        if accuracy < 0.8 {
            return Err(format!("seed {seed} has not learnt").into());
        }

        let (law, mut rng) = (Uniform::new(-1.0, 1.0)?, StdRng::seed_from_u64(seed));
        let theirs = Network::new(|_, shape| {
            Ok::<_, Infallible>(Array2::random_using(shape, law, &mut rng))
        })?;
        let (accuracy, losses) = train(theirs, &images, &digits);
        println!("ndarray-rand  {seed:4}  {accuracy:8.3}  {losses:.3?}");
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
