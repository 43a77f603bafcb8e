//! torch's Box-Muller: pairs of uniforms to pairs of standard normals.
//!
//! ```text
//! u1 = 1 - d1; r = sqrt(-2 log u1); t = 2π d2; return (r cos t, r sin t)
//!
//! float32: log and sincos of cephes, as below, with the fused operations of torch's build
//! float64: the system's log, cos and sin
//! ```
//!
//! Source: `normal_fill_16_AVX2` and `normal_fill_16` of `DistributionTemplates.h`, torch 2.15.0,
//! and for float32 `log256_ps` and `sincos256_ps` of `aten/src/ATen/native/cpu/avx_mathfun.h`,
//! after S. Moshier's cephes. The compiler of torch's wheels fuses what this file writes as
//! `F::f32`; that is part of the stream. Written anew; the coefficients are those of
//! `avx_mathfun.h`, which is marked: AVX implementation of sin, cos, sincos, exp and log, based on
//! `sse_mathfun.h` by Julien Pommier; Copyright (C) 2012 Giovanni Garberoglio, Interdisciplinary
//! Laboratory for Computational Science (LISC), Fondazione Bruno Kessler and University of Trento
//! (zlib licence; this is an altered version).
//!
//! Deviations: negative numbers, zero and subnormals, which no uniform gives, are not treated.

use core::{
    f64::consts::TAU,
    ops::{Add, Mul},
};

use crate::{bits::mt19937::temper, math, simd::Fma, streams::cast::Cast};

/// The type that torch samples in: f32 for all but float64.
pub(crate) trait Real:
    Copy + Default + Send + Sync + Add<Output = Self> + Mul<Output = Self>
{
    /// Words per uniform.
    const WORDS: usize;

    fn from_f64(value: f64) -> Self;
    /// Uniforms in [0, 1) of untempered words.
    fn units(words: &[u32], out: &mut [Self]);
    /// Two standard normals of two uniforms: the cosine's and the sine's.
    fn normals<F: Fma>(d1: Self, d2: Self) -> (Self, Self);
    /// Normal times standard deviation plus mean, rounded once.
    fn scale<F: Fma>(normal: Self, stddev: Self, mean: Self) -> Self;
    /// -2 < value < 2.
    fn is_inside(self) -> bool;
    /// A unit that was rounded to 1 is 0.
    fn below_one(self) -> Self;
    /// The value rounded to the element's type.
    fn quantize<T: Cast>(self) -> Self;
    fn to_element<T: Cast>(self) -> T;
}

impl Real for f32 {
    const WORDS: usize = 1;

    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value as Self
    }

    #[inline(always)]
    fn units(words: &[u32], out: &mut [Self]) {
        for (unit, &word) in out.iter_mut().zip(words) {
            *unit = (temper(word) & 0x00FF_FFFF) as i32 as Self * (1.0 / (1 << 24) as Self);
        }
    }

    #[inline(always)]
    fn normals<F: Fma>(d1: Self, d2: Self) -> (Self, Self) {
        let r = math::sqrt_f32(-2.0 * log::<F>(1.0 - d1));
        let (sin, cos) = sin_cos::<F>(TAU as Self * d2);
        (r * cos, r * sin)
    }

    #[inline(always)]
    fn scale<F: Fma>(normal: Self, stddev: Self, mean: Self) -> Self {
        F::f32(normal, stddev, mean)
    }

    #[inline(always)]
    fn is_inside(self) -> bool {
        self.abs() < 2.0
    }

    #[inline(always)]
    fn below_one(self) -> Self {
        if self < 1.0 { self } else { 0.0 }
    }

    #[inline(always)]
    fn quantize<T: Cast>(self) -> Self {
        T::quantize(self)
    }

    #[inline(always)]
    fn to_element<T: Cast>(self) -> T {
        T::from_f32(self)
    }
}

/// log x, for x in [2^-24, 1].
#[inline(always)]
fn log<F: Fma>(x: f32) -> f32 {
    const P: [f32; 9] = [
        0.070_376_836,
        -0.115_146_1,
        0.116_769_984,
        -0.124_201_41,
        0.142_493_23,
        -0.166_680_57,
        0.200_007_14,
        -0.249_999_94,
        0.333_333_3,
    ];
    /// ln 2 in two parts.
    const Q: [f32; 2] = [-0.000_212_194_44, 0.693_359_4];

    // x = 2^e m, 1/2 <= m < 1.
    let e = (x.to_bits() >> 23) as i32 - 126;
    let m = f32::from_bits((x.to_bits() & 0x007F_FFFF) | 0x3F00_0000);
    let below = m < core::f32::consts::FRAC_1_SQRT_2;
    let e = if below { e - 1 } else { e } as f32;
    let x = (m - 1.0) + if below { m } else { 0.0 };
    let z = x * x;
    let mut y = P[0];
    for p in &P[1..] {
        y = F::f32(y, x, *p);
    }
    y *= x;
    y = F::f32(y, z, e * Q[0]);
    y = F::f32(-z, 0.5, y);
    F::f32(e, Q[1], x + y)
}

/// (sin t, cos t), for t in [0, 2π].
#[inline(always)]
fn sin_cos<F: Fma>(t: f32) -> (f32, f32) {
    const OCTANTS: f32 = 1.273_239_5;
    const ROUND: f32 = (1 << 23) as f32;
    /// -π/4 in three parts.
    const D: [f32; 3] = [-0.785_156_25, -0.000_241_875_65, -3.774_895e-8];
    const S: [f32; 3] = [-0.000_195_152_96, 0.008_332_161, -0.166_666_55];
    const C: [f32; 3] = [2.443_315_7e-5, -0.001_388_731_6, 0.041_666_646];

    // The nearest even octant. The integer part is taken by an addition that rounds to nearest,
    // because a cast, which saturates, does not vectorize.
    let y = t * OCTANTS;
    let shifted = y + ROUND;
    let nearest = shifted.to_bits() as i32 - ROUND.to_bits() as i32;
    let floor = nearest - i32::from(shifted - ROUND > y);
    let octant = (floor + 1) & !1;
    let j = octant as f32;
    let x = F::f32(j, D[2], F::f32(j, D[1], F::f32(j, D[0], t)));
    let z = x * x;
    let c = F::f32(F::f32(C[0], z, C[1]), z, C[2]) * z;
    let c = F::f32(c, z, -(z * 0.5)) + 1.0;
    let s = F::f32(F::f32(S[0], z, S[1]), z, S[2]) * z;
    let s = F::f32(s, x, x);
    let swap = octant & 2 != 0;
    let (sin, cos) = if swap { (c, s) } else { (s, c) };
    let negate =
        |value: f32, sign: i32| f32::from_bits(value.to_bits() ^ (((sign & 4) as u32) << 29));
    (negate(sin, octant), negate(cos, !(octant - 2)))
}

impl Real for f64 {
    const WORDS: usize = 2;

    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value
    }

    #[inline(always)]
    fn units(words: &[u32], out: &mut [Self]) {
        for (unit, words) in out.iter_mut().zip(words.as_chunks::<2>().0) {
            *unit = unit_53(words.map(temper));
        }
    }

    #[inline(always)]
    fn normals<F: Fma>(d1: Self, d2: Self) -> (Self, Self) {
        let r = math::sqrt_f64(-2.0 * math::ln_f64(1.0 - d1));
        let t = TAU * d2;
        (r * math::cos_f64(t), r * math::sin_f64(t))
    }

    #[inline(always)]
    fn scale<F: Fma>(normal: Self, stddev: Self, mean: Self) -> Self {
        F::f64(normal, stddev, mean)
    }

    #[inline(always)]
    fn is_inside(self) -> bool {
        self.abs() < 2.0
    }

    #[inline(always)]
    fn below_one(self) -> Self {
        if self < 1.0 { self } else { 0.0 }
    }

    #[inline(always)]
    fn quantize<T: Cast>(self) -> Self {
        self
    }

    #[inline(always)]
    fn to_element<T: Cast>(self) -> T {
        T::from_f64(self)
    }
}

/// Uniform in [0, 1) of two tempered words, 53 bits.
#[inline(always)]
pub(crate) fn unit_53([high, low]: [u32; 2]) -> f64 {
    let word = (u64::from(high) << 32) | u64::from(low);
    (word & ((1 << 53) - 1)) as i64 as f64 * (1.0 / (1_u64 << 53) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::{Hardware, Software};

    /// Every uniform that float32 draws, with and without the instruction.
    #[test]
    #[cfg_attr(debug_assertions, ignore = "slow without optimization")]
    fn software_fma_gives_the_same() {
        for word in 0..1_u32 << 24 {
            let d = word as f32 / (1 << 24) as f32;
            let (cos, sin) = <f32 as Real>::normals::<Hardware>(d, d);
            let (soft_cos, soft_sin) = <f32 as Real>::normals::<Software>(d, d);
            assert_eq!((cos.to_bits(), sin.to_bits()), (soft_cos.to_bits(), soft_sin.to_bits()));
        }
    }

    #[test]
    fn is_close_to_the_formula() {
        for word in (0..1_u32 << 24).step_by(101) {
            let d = word as f32 / (1 << 24) as f32;
            let (cos, sin) = <f32 as Real>::normals::<Software>(d, d);
            let (exact_cos, exact_sin) = <f64 as Real>::normals::<Software>(d.into(), d.into());
            assert!((f64::from(cos) - exact_cos).abs() < 3e-6, "{d}: {cos} {exact_cos}");
            assert!((f64::from(sin) - exact_sin).abs() < 3e-6, "{d}: {sin} {exact_sin}");
        }
    }
}
