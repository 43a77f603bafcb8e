//! TensorFlow's sampling, which the streams of Keras 3 on TensorFlow and of tf_keras share: each of
//! them has its own way from a seed to a key and a counter.

mod libm_f32;
mod philox_random;
mod philox_sample;
#[cfg(test)]
mod tests;

pub(super) use self::{
    philox_random::{PhiloxRandom, Run},
    philox_sample::{Sample, normal_or_zero},
};
use super::values::Values;
use crate::{schemes::Law, simd::Level};

/// The values from a key and a counter on. Any range costs what its values cost.
pub(super) fn values<T: Sample>(random: PhiloxRandom, law: Law, level: Level) -> Values<T> {
    Values::random_access(move |start, out, _| level.run(Run { random, law, start, out }))
}

/// TensorFlow's range of seeds: what fits a tensor of 64-bit integers.
pub(super) fn check_i64(seed: i128) -> Result<(), &'static str> {
    i64::try_from(seed).map(drop).map_err(|_| "an integer from -2^63 to 2^63 - 1")
}

/// What tf_keras says of a generator.
pub(super) const NO_GENERATORS: &str = "an integer: tf_keras's initializers take no SeedGenerator";
