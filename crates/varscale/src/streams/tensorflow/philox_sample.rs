//! TensorFlow's standard values of one block of words, and how tensors are made of them.
//!
//! ```text
//! unit(word):  the low mantissa bits of the dtype as 1.m, less 1; f64: 20 bits and a second word
//! Box-Muller:  u = max(unit(a), 1e-7); v = 2 pi unit(b), a product in f64, rounded to f32
//!              r = sqrt(-2 ln u); (r sin v, r cos v); 16-bit types: in f32, then rounded
//! between:     value * (high - low) + low      scaled: value * stddev + mean
//!              every operation rounded to the dtype, parameters rounded to f32 and then to it;
//!              subnormal f32 numbers are zeros
//! ```
//!
//! Source: TensorFlow 2.21, `xla/tsl/lib/random/random_distributions.h` and
//! `random_distributions_utils.h`; `tensorflow/python/ops/stateless_random_ops.py`.
//!
//! f64 normals take the system's logarithm, sine and cosine, as TensorFlow does: they are its own
//! bits where those functions are glibc's. All else is the same everywhere.
//!
//! Deviation: 16-bit arithmetic runs in f32 on numbers that the dtype has, rounded after every
//! operation. That is what TensorFlow's own 16-bit operations do.

use half::{bf16, f16};

use super::libm_f32;
use crate::{
    math,
    simd::{Round, narrow},
};

/// Blocks computed side by side in one loop.
pub(crate) const LANES: usize = 32;

/// Word k of block i is `words[k][i]`.
pub(crate) type Words = [[u32; LANES]; 4];
/// Value k of block i is `planes[k][i]`; f64 has two.
pub(crate) type Planes<R> = [[R; LANES]; 4];

/// The type that standard values are computed in.
pub(crate) trait Real: Copy + Default {
    fn is_within_two(self) -> bool;
}

impl Real for f32 {
    #[inline(always)]
    fn is_within_two(self) -> bool {
        self.abs() < 2.0
    }
}

impl Real for f64 {
    #[inline(always)]
    fn is_within_two(self) -> bool {
        self.abs() < 2.0
    }
}

/// An element type as TensorFlow samples it.
pub(crate) trait Sample: Round<Computing: Real> {
    /// Values of a block, and of a group.
    const GROUP: usize;
    /// Blocks set aside for a truncated group: TensorFlow counts 256 words a value.
    const STRIDE: u64 = 64 * Self::GROUP as u64;

    /// A mean, standard deviation or limit.
    fn parameter(value: f64) -> Self::Computing;
    /// Standard uniform values.
    fn uniform(words: &Words, out: &mut Planes<Self::Computing>);
    /// Standard normal values.
    fn normal(words: &Words, out: &mut Planes<Self::Computing>);
    /// From a standard uniform value to one in [low, high).
    fn between(low: Self::Computing, high: Self::Computing) -> impl Fn(Self::Computing) -> Self;
    /// From a standard normal value to one with this mean and standard deviation.
    fn scaled(mean: Self::Computing, stddev: Self::Computing) -> impl Fn(Self::Computing) -> Self;
}

/// The numbers 1.m - 1 of the low `bits` bits of every word.
#[inline(always)]
fn unit(word: u32, bits: u32) -> f32 {
    let mantissa = (word << (23 - bits)) & 0x007F_FFFF;
    f32::from_bits(0x3F80_0000 | mantissa) - 1.0
}

#[inline(always)]
fn uniform(bits: u32, words: &Words, out: &mut Planes<f32>) {
    for (out, words) in out.iter_mut().zip(words) {
        for (value, &word) in out.iter_mut().zip(words) {
            *value = unit(word, bits);
        }
    }
}

#[inline(always)]
fn normal(words: &Words, out: &mut Planes<f32>) {
    let [a0, b0, a1, b1] = words;
    let [sin0, cos0, sin1, cos1] = out;
    box_muller(a0, b0, sin0, cos0);
    box_muller(a1, b1, sin1, cos1);
}

#[inline(always)]
fn box_muller(a: &[u32; LANES], b: &[u32; LANES], sin: &mut [f32; LANES], cos: &mut [f32; LANES]) {
    for lane in 0..LANES {
        let u = unit(a[lane], 23);
        let u = if u < 1.0e-7 { 1.0e-7 } else { u };
        let r = math::sqrt_f32(-2.0 * libm_f32::ln(u));
        let v = (core::f64::consts::TAU * f64::from(unit(b[lane], 23))) as f32;
        let (s, c) = libm_f32::sin_cos(v);
        sin[lane] = s * r;
        cos[lane] = c * r;
    }
}

/// TensorFlow flushes subnormal f32 numbers to zeros of their sign, as operands and as results.
#[inline(always)]
pub(crate) fn normal_or_zero(value: f32) -> f32 {
    if value.abs() < f32::MIN_POSITIVE { 0.0_f32.copysign(value) } else { value }
}

macro_rules! sample {
    ($($type:ty, $mantissa:literal, $nearest:expr;)*) => {$(
        impl Sample for $type {
            const GROUP: usize = 4;

            #[inline(always)]
            fn parameter(value: f64) -> f32 {
                $nearest(normal_or_zero(value as f32))
            }

            #[inline(always)]
            fn uniform(words: &Words, out: &mut Planes<f32>) {
                uniform($mantissa, words, out);
            }

            #[inline(always)]
            fn normal(words: &Words, out: &mut Planes<f32>) {
                normal(words, out);
            }

            #[inline(always)]
            fn between(low: f32, high: f32) -> impl Fn(f32) -> Self {
                let range = $nearest(normal_or_zero(high - low));
                #[inline(always)]
                move |value| {
                    let positive = $nearest(normal_or_zero(value * range));
                    Round::round(normal_or_zero(positive + low))
                }
            }

            #[inline(always)]
            fn scaled(mean: f32, stddev: f32) -> impl Fn(f32) -> Self {
                // The addition of a mean of 0 makes 0 of -0.
                #[inline(always)]
                move |value| {
                    let product = $nearest(normal_or_zero($nearest(value) * stddev));
                    Round::round(normal_or_zero(product + mean))
                }
            }
        }
    )*};
}

sample! {
    f16, 10, narrow::nearest_f16;
    bf16, 7, narrow::nearest_bf16;
    f32, 23, core::convert::identity;
}

/// 52 bits of two words as 1.m, less 1.
#[inline(always)]
fn unit_f64(high: u32, low: u32) -> f64 {
    let mantissa = (u64::from(high & 0x000F_FFFF) << 32) | u64::from(low);
    f64::from_bits(0x3FF0_0000_0000_0000 | mantissa) - 1.0
}

impl Sample for f64 {
    const GROUP: usize = 2;

    #[inline(always)]
    fn parameter(value: f64) -> f64 {
        value
    }

    #[inline(always)]
    fn uniform(words: &Words, out: &mut Planes<f64>) {
        for lane in 0..LANES {
            out[0][lane] = unit_f64(words[0][lane], words[1][lane]);
            out[1][lane] = unit_f64(words[2][lane], words[3][lane]);
        }
    }

    #[inline(always)]
    fn normal(words: &Words, out: &mut Planes<f64>) {
        for lane in 0..LANES {
            let u = unit_f64(words[0][lane], words[1][lane]);
            let u = if u < 1.0e-7 { 1.0e-7 } else { u };
            let v = core::f64::consts::TAU * unit_f64(words[2][lane], words[3][lane]);
            let r = math::sqrt_f64(-2.0 * math::ln_f64(u));
            out[0][lane] = math::sin_f64(v) * r;
            out[1][lane] = math::cos_f64(v) * r;
        }
    }

    #[inline(always)]
    fn between(low: f64, high: f64) -> impl Fn(f64) -> Self {
        let range = high - low;
        #[inline(always)]
        move |value| value * range + low
    }

    #[inline(always)]
    fn scaled(mean: f64, stddev: f64) -> impl Fn(f64) -> Self {
        #[inline(always)]
        move |value| value * stddev + mean
    }
}
