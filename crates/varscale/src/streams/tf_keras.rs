//! tf_keras 2.21 (tf.keras from 2.10 on).
//!
//! ```text
//! pair = (seed, 0) as two 64-bit integers; key and counter of it as in `keras_tensorflow`
//! ```
//!
//! Source: tf_keras 2.21, `tf_keras/src/backend.py` (`RandomGenerator`). Values from there:
//! `tensorflow::philox_random`. Every call of an initializer makes the same values.

use super::{
    definition::{Definition, in_dtypes},
    tensorflow::{self, NO_GENERATORS, PhiloxRandom, Sample, check_i64},
    values::{Request, Values},
};
use crate::simd::Level;

/// `tf-keras`.
pub(crate) struct TfKeras;

impl Definition for TfKeras {
    const NAME: &'static str = "tf-keras";
    const ID: &'static str = "tf-keras (tf_keras 2.21.0, tensorflow 2.21.0)";

    /// Seeds are 64-bit integers. There are no generators.
    fn check_seed(seed: i128, generator: bool) -> Result<(), &'static str> {
        if generator { Err(NO_GENERATORS) } else { check_i64(seed) }
    }

    in_dtypes!([half::f16, half::bf16, f32, f64], values);
}

fn values<T: Sample>(request: &Request, level: Level) -> Values<T> {
    // Every i64 keeps its sign: 32-bit seeds are extended, too.
    let random = PhiloxRandom::stateless(request.seed as u64, 0);
    tensorflow::values(random, request.law, level)
}
