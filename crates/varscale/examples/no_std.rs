//! A layer's weights on a machine without an operating system: a library without `std`, which needs
//! an allocator for names and shapes, but no memory for values beside what they are drawn into.
//!
//! In its `Cargo.toml`: `varscale = { version = "0.1", default-features = false }`.
#![no_std]

use varscale::{Error, Layout, Scheme, Slice, Tensor};

/// Inputs and outputs of the layer.
pub const SIZES: [usize; 2] = [64, 128];

/// Draws one output's weights, the same that a server draws for the whole layer.
///
/// # Errors
/// Where `output` is not below 128.
pub fn weights_of(output: usize, seed: u32, weights: &mut [f32; SIZES[0]]) -> Result<(), Error> {
    let [inputs, outputs] = SIZES;
    let layer = Tensor::new([outputs, inputs]).named("fc1.weight").with_layout(Layout::torch());
    let draw = Scheme::he_normal().with_seed(seed).draw(layer)?;
    draw.fill_slice(&Slice::new([output, 0], [1, inputs]), weights)
}
