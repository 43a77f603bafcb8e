//! Keras 3 on TensorFlow: from a seed to the place in TensorFlow's Philox stream.
//!
//! ```text
//! pair  = (seed, call), each modulo 2^31 - 2, not negative
//! words = Philox4x32-10(counter = pair as four words, key = (0x3ec8f720, 0x02461e29))
//! key   = words 0 and 1; counter = (0, 0, word 2, word 3)
//! ```
//!
//! Source: Keras 3.15.1, `keras/src/backend/tensorflow/random.py` (`_cast_seed`) and
//! `keras/src/random/seed_generator.py`; TensorFlow 2.21,
//! `tensorflow/core/kernels/stateless_random_ops.cc` (`GenerateKey`). Values from there:
//! `philox_random`.
//!
//! An integer seed is call 0. A generator makes the pairs (seed, 0), (seed, 1), ...
//!
//! Faults of Keras, kept: seeds that differ by a multiple of 2^31 - 2 give the same values (-1 and
//! 2147483645), and so do calls. The limits of a uniform distribution are rounded to f32 in f64, too
//! (`tf.cast` of a Python number), so that values are up to 6e-8 of it off, and may lie outside.

mod libm_f32;
pub(super) mod philox_random;
pub(super) mod philox_sample;
#[cfg(test)]
mod tests;

use self::{
    philox_random::{PhiloxRandom, Run},
    philox_sample::normal_or_zero,
};
use super::Request;
use crate::Law;

/// Seeds are 64-bit integers, of generators too.
pub(super) fn check_seed(seed: i128, _generator: bool) -> Result<(), &'static str> {
    check_i64(seed)
}

/// TensorFlow's range of seeds: what fits a tensor of 64-bit integers.
pub(super) fn check_i64(seed: i128) -> Result<(), &'static str> {
    i64::try_from(seed).map(drop).map_err(|_| "an integer from -2^63 to 2^63 - 1")
}

/// Values `start..` of the flat tensor. Any range costs what its values cost.
pub(crate) fn run<'a, T>(request: &Request, start: u64, out: &'a mut [T]) -> Run<'a, T> {
    let single = |limit| normal_or_zero(limit as f32).into();
    let law = match request.law {
        Law::Uniform { low, high } => Law::Uniform { low: single(low), high: single(high) },
        law => law,
    };
    let random = PhiloxRandom::stateless(reduced(request.seed), reduced(request.call.into()));
    Run { random, law, start, out }
}

/// Keras's `floormod(seed, 2^31 - 2)`.
fn reduced(seed: i128) -> u64 {
    seed.rem_euclid((1 << 31) - 2) as u64
}
