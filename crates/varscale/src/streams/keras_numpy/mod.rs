//! The stream of Keras 3 on NumPy: `keras-numpy`.
//!
//! Sources: `keras/src/backend/numpy/random.py` of Keras 3.15.1; `random_standard_normal` of
//! `numpy/random/src/distributions/distributions.c`, NumPy 2.4.6.
//!
//! ```text
//! words of PCG64(SeedSequence([seed, call])); unit = 53 bits of a word; all in f64, then cast
//!
//! uniform:    low + (high - low) · unit
//! normal:     mean + stddev · z, z by the ziggurat of 256 layers:
//!     repeat: word = mantissa (52 bits) · sign · layer (8 bits); x = ± mantissa · width[layer]
//!         mantissa < inside[layer]:      return x
//!         layer 0, the tail: repeat: a = -log1p(-unit) / R, b = -log1p(-unit); if 2b > a²:
//!                                        return ±(R + a), by bit 8 of the mantissa
//!         density(layer) + (density(layer - 1) - density(layer)) · unit < exp(-x²/2): return x
//! truncated:  of the normals, in their order, those with mean - 2 stddev <= x <= mean + 2 stddev
//! ```
//!
//! Faults of the framework that are part of the stream:
//! - Values are drawn in f64 and then cast: a 16-bit value can exceed the bound by its rounding.
//! - The tables of the ziggurat are not correctly computed (see `ziggurat`).
//! - A bfloat16 is rounded twice, first to float32.
//!
//! Uniform values are computed from any index directly; of the normals, everything in front of the
//! range is drawn as well.

mod normals;
mod unit;
mod ziggurat;

use alloc::boxed::Box;

use self::{
    normals::{Affine, Normals},
    unit::{BLOCK, unit},
};
use super::{
    cast::Cast,
    definition::{Definition, in_dtypes},
    values::{Request, Values},
};
use crate::{
    bits::pcg64::Pcg64,
    schemes::Law,
    simd::{Fma, Kernel, Level},
};

/// `keras-numpy`.
pub(crate) struct KerasNumpy;

impl Definition for KerasNumpy {
    const NAME: &'static str = "keras-numpy";
    const ID: &'static str = "keras-numpy (keras 3.15.1, numpy 2.4.6)";

    /// The integers of an uint32: for others NumPy raises an `OverflowError`.
    fn check_seed(seed: i128, _generator: bool) -> Result<(), &'static str> {
        u32::try_from(seed).map(drop).map_err(|_| "an integer from 0 to 2^32 - 1")
    }

    in_dtypes!([half::f16, half::bf16, f32, f64], values);
}

fn values<T: Cast>(request: &Request, level: Level) -> Values<T> {
    let generator = Pcg64::new([request.seed as u32, request.call]);
    let (mean, stddev) = match request.law {
        Law::Uniform { low, high } => {
            return Values::random_access(move |start, out, _| {
                level.run(Uniform { generator: generator.advanced(start), low, high, out });
            });
        }
        Law::Normal { mean, stddev } | Law::TruncatedNormal { mean, stddev, .. } => (mean, stddev),
        // Refused by `Stream::check_law`.
        Law::LogUniform { .. } => return Values::random_access(|_, _, _| {}),
    };
    let affine = Affine { mean, stddev, bounds: request.law.bounds() };
    let mut normals = Normals::new(generator, affine);
    Values::Sequential(Box::new(move |start, out, parallel| {
        normals.fill(level, parallel, start, out);
    }))
}

/// Uniform values of the flat tensor, for the dispatcher.
struct Uniform<'a, T> {
    generator: Pcg64,
    low: f64,
    high: f64,
    out: &'a mut [T],
}

impl<T: Cast> Kernel for Uniform<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<F: Fma>(mut self) {
        let (low, range) = (self.low, self.high - self.low);
        let mut words = [0; BLOCK];
        for block in self.out.chunks_mut(BLOCK) {
            let words = &mut words[..block.len()];
            self.generator.fill(words);
            for (slot, &word) in block.iter_mut().zip(&*words) {
                *slot = T::from_f64(low + range * unit(word));
            }
        }
    }
}
