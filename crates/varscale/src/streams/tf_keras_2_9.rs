//! tf.keras 2.9, whose calls differ.
//!
//! ```text
//! call i of an initializer with seed s has the operation seed s + i
//! pair    = (global seed, or 87654321 without one; operation seed), modulo 2^31 - 1
//!           (0, 0) is replaced by (0, 2^31 - 1)
//! key     = first of the pair; counter = (0, second of the pair) + 256 * elements drawn before by
//!           the same kernel
//! ```
//!
//! Source: Keras 2.9, `keras/backend.py` (`make_legacy_seed`); TensorFlow 2.9, `tensorflow/python/
//! framework/random_seed.py` (`get_seed`), `tensorflow/python/eager/context.py`
//! (`internal_operation_seed`), `tensorflow/core/util/guarded_philox_random.h`,
//! `tensorflow/core/kernels/random_op.cc`. Values from there: `tensorflow::philox_random`.
//!
//! Values depend on what ran before: eager TensorFlow caches one kernel for every operation, pair and
//! dtype, and the kernel's generator goes on. Two initializers with the same seed and dtype share it,
//! so that the second one starts where the first one stopped. `tf.random.set_seed` forgets the
//! kernels.
//!
//! Faults, kept: operation seeds that differ by a multiple of 2^31 - 1 are the same. So are draw
//! i + 1 of seed s and draw i of seed s + 1. A call sets 256 blocks aside for every element, 1024
//! words for one, and takes the first four of them.

use super::{
    definition::{Definition, in_dtypes},
    tensorflow::{self, NO_GENERATORS, PhiloxRandom, Sample},
    values::{Request, Values},
};
use crate::{bits::python_random::PythonRandom, simd::Level};

/// `tf-keras-2.9`.
pub(crate) struct TfKeras29;

impl Definition for TfKeras29 {
    const NAME: &'static str = "tf-keras-2.9";
    const ID: &'static str = "tf-keras-2.9 (tf.keras 2.9)";
    const COUNTS_DRAWS: bool = true;

    /// It reduces any integer, and counts calls by itself.
    fn check_seed(_seed: i128, generator: bool) -> Result<(), &'static str> {
        if generator { Err(NO_GENERATORS) } else { Ok(()) }
    }

    fn drawn_seed(random: &mut PythonRandom) -> u32 {
        random.tensorflow_seed()
    }

    in_dtypes!([half::f16, half::bf16, f32, f64], values);
}

fn values<T: Sample>(request: &Request, level: Level) -> Values<T> {
    values_after(request, level, 0)
}

/// `prior_elements`: those that the same kernel drew before, which are of the same distribution,
/// global seed, operation seed and dtype, since `tf.random.set_seed`.
pub(crate) fn values_after<T: Sample>(
    request: &Request,
    level: Level,
    prior_elements: u64,
) -> Values<T> {
    tensorflow::values(random(request, prior_elements), request.law, level)
}

/// The generator of one call of an initializer.
fn random(request: &Request, prior_elements: u64) -> PhiloxRandom {
    /// The modulus of seeds.
    const MODULUS: i128 = (1 << 31) - 1;
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
