//! tf_keras 2.21 (tf.keras from 2.10 on), and tf.keras 2.9's sequence rule.
//!
//! ```text
//! 2.21: pair = (seed, 0) as two 64-bit integers; key and counter of it as in `keras_tensorflow`
//!
//! 2.9:  call i of an initializer with seed s has the operation seed s + i
//!       pair    = (global seed, or 87654321 without one; operation seed), modulo 2^31 - 1
//!                 (0, 0) is replaced by (0, 2^31 - 1)
//!       key     = first of the pair; counter = (0, second of the pair) + 256 * elements drawn
//!                 before by the same kernel
//! ```
//!
//! Source: tf_keras 2.21, `tf_keras/src/backend.py` (`RandomGenerator`); Keras 2.9,
//! `keras/backend.py` (`make_legacy_seed`); TensorFlow 2.9, `tensorflow/python/framework/
//! random_seed.py` (`get_seed`), `tensorflow/python/eager/context.py` (`internal_operation_seed`),
//! `tensorflow/core/util/guarded_philox_random.h`, `tensorflow/core/kernels/random_op.cc`. Values
//! from there: `philox_random`.
//!
//! 2.21 makes the same values at every call of an initializer. 2.9 does not, and its values depend
//! on what ran before: eager TensorFlow caches one kernel for every operation, pair and dtype, and
//! the kernel's generator goes on. Two initializers with the same seed and dtype share it, so that
//! the second one starts where the first one stopped. `tf.random.set_seed` forgets the kernels.
//!
//! Faults, kept: operation seeds that differ by a multiple of 2^31 - 1 are the same (2.9). So are
//! draw i + 1 of seed s and draw i of seed s + 1 (2.9). A call sets 256 blocks aside for every
//! element, 1024 words for one, and takes the first four of them.

use super::{
    Request,
    keras_tensorflow::{
        check_i64,
        philox_random::{PhiloxRandom, Run},
    },
};

/// What both versions say of a generator.
const NO_GENERATORS: &str = "an integer: tf_keras's initializers take no SeedGenerator";

/// Seeds of 2.21 are 64-bit integers. It has no generators.
pub(super) fn check_seed(seed: i128, generator: bool) -> Result<(), &'static str> {
    if generator { Err(NO_GENERATORS) } else { check_i64(seed) }
}

/// Values `start..` of the flat tensor, as 2.21 draws it. Any range costs what its values cost.
pub(crate) fn run<'a, T>(request: &Request, start: u64, out: &'a mut [T]) -> Run<'a, T> {
    // Every i64 keeps its sign: 32-bit seeds are extended, too.
    let random = PhiloxRandom::stateless(request.seed as u64, 0);
    Run { random, law: request.law, start, out }
}

/// The modulus of 2.9's seeds.
const MODULUS: i128 = (1 << 31) - 1;

/// 2.9 reduces any integer, and counts calls by itself.
pub(super) fn check_legacy_seed(_seed: i128, generator: bool) -> Result<(), &'static str> {
    if generator { Err(NO_GENERATORS) } else { Ok(()) }
}

/// Values `start..` of the flat tensor, as 2.9 draws it. Any range costs what its values cost.
/// `prior_elements`: those that the same kernel drew before, which are of the same distribution,
/// global seed, operation seed and dtype, since `tf.random.set_seed`.
pub(crate) fn run_legacy<'a, T>(
    request: &Request,
    prior_elements: u64,
    start: u64,
    out: &'a mut [T],
) -> Run<'a, T> {
    let random = legacy_random(request, prior_elements);
    Run { random, law: request.law, start, out }
}

/// The generator of one call of an initializer.
fn legacy_random(request: &Request, prior_elements: u64) -> PhiloxRandom {
    /// TensorFlow's `DEFAULT_GRAPH_SEED`.
    const DEFAULT_GLOBAL: u32 = 87_654_321;

    let global = i128::from(request.global_seed.unwrap_or(DEFAULT_GLOBAL)).rem_euclid(MODULUS);
    // Reduced before the addition, which could overflow.
    let operation = request.seed.rem_euclid(MODULUS) + i128::from(request.call);
    let operation = operation.rem_euclid(MODULUS);
    let operation = if (global, operation) == (0, 0) { MODULUS } else { operation };
    let skipped = u128::from(prior_elements) * 256;
    PhiloxRandom {
        key: [global as u32, 0],
        counter: ((operation as u128) << 64).wrapping_add(skipped),
    }
}
