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

use super::{
    definition::{Definition, in_dtypes},
    tensorflow::{self, PhiloxRandom, Sample, check_i64, normal_or_zero},
    values::{Request, Values},
};
use crate::{schemes::Law, simd::Level};

/// `keras-tensorflow`.
pub(crate) struct KerasTensorflow;

impl Definition for KerasTensorflow {
    const NAME: &'static str = "keras-tensorflow";
    const ID: &'static str = "keras-tensorflow (keras 3.15.1, tensorflow 2.21.0)";

    /// Seeds are 64-bit integers, of generators too.
    fn check_seed(seed: i128, _generator: bool) -> Result<(), &'static str> {
        check_i64(seed)
    }

    in_dtypes!([half::f16, half::bf16, f32, f64], values);
}

fn values<T: Sample>(request: &Request, level: Level) -> Values<T> {
    let single = |limit| normal_or_zero(limit as f32).into();
    let law = match request.law {
        Law::Uniform { low, high } => Law::Uniform { low: single(low), high: single(high) },
        law => law,
    };
    let random = PhiloxRandom::stateless(reduced(request.seed), reduced(request.call.into()));
    tensorflow::values(random, law, level)
}

/// Keras's `floormod(seed, 2^31 - 2)`.
fn reduced(seed: i128) -> u64 {
    seed.rem_euclid((1 << 31) - 2) as u64
}
