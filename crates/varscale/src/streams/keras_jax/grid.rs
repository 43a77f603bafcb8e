//! The four dtypes as JAX computes in them: f64 in itself, the others in f32, where `round` goes to
//! the dtype after each operation.

use core::ops::{Add, Mul, Neg, Sub};

use half::{bf16, f16};

use super::xla;
use crate::simd::{Fma, fma_f16, narrow};

/// Whether the framework's CPU multiplies and adds halves at once: `keras-jax-fp16fma`, or not:
/// `keras-jax`. Changes float16 truncated normal and uniform values only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HalfFma {
    Absent,
    Present,
}

/// The type that a dtype's values are held in.
pub(crate) trait Value:
    Copy
    + Default
    + PartialOrd
    + Neg<Output = Self>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
{
    /// Bits of a mantissa.
    type Bits: Copy + Default + From<u16>;

    /// The NaN that x86 makes of 0 · ∞.
    const NAN: Self;

    fn index(mantissa: Self::Bits) -> usize;
    /// `mantissa` / 2^`width`.
    fn unit(mantissa: Self::Bits, width: u32) -> Self;
    /// A parameter as Keras hands it to JAX, which takes Python's numbers for f32 unless it draws f64.
    fn from_f64(parameter: f64) -> Self;
    fn is_nan(self) -> bool;
    /// For |u| < 1.
    fn erf_inv<M: Fma>(self) -> Self;
    /// For the narrower |u| of truncated normals.
    fn erf_inv_central<M: Fma>(self) -> Self;
}

impl Value for f32 {
    type Bits = u32;

    const NAN: Self = Self::from_bits(0xFFC0_0000);

    #[inline(always)]
    fn index(mantissa: u32) -> usize {
        mantissa as usize
    }

    #[inline(always)]
    fn unit(mantissa: u32, width: u32) -> Self {
        Self::from_bits(mantissa << (23 - width) | 1f32.to_bits()) - 1.0
    }

    #[inline(always)]
    fn from_f64(parameter: f64) -> Self {
        parameter as Self
    }

    #[inline(always)]
    fn is_nan(self) -> bool {
        self.is_nan()
    }

    #[inline(always)]
    fn erf_inv<M: Fma>(self) -> Self {
        xla::erf_inv_f32::<M>(self)
    }

    #[inline(always)]
    fn erf_inv_central<M: Fma>(self) -> Self {
        xla::erf_inv_central_f32::<M>(self)
    }
}

impl Value for f64 {
    type Bits = u64;

    const NAN: Self = Self::from_bits(0xFFF8 << 48);

    #[inline(always)]
    fn index(mantissa: u64) -> usize {
        mantissa as usize
    }

    #[inline(always)]
    fn unit(mantissa: u64, width: u32) -> Self {
        Self::from_bits(mantissa << (52 - width) | 1f64.to_bits()) - 1.0
    }

    #[inline(always)]
    fn from_f64(parameter: f64) -> Self {
        parameter
    }

    #[inline(always)]
    fn is_nan(self) -> bool {
        self.is_nan()
    }

    #[inline(always)]
    fn erf_inv<M: Fma>(self) -> Self {
        xla::erf_inv_f64::<M>(self)
    }

    #[inline(always)]
    fn erf_inv_central<M: Fma>(self) -> Self {
        xla::erf_inv_f64::<M>(self)
    }
}

#[inline(always)]
pub(super) fn clamp<V: Value>(z: V, bound: V) -> V {
    let z = if z < -bound { -bound } else { z };
    if z > bound { bound } else { z }
}

/// Numbers below the smallest normal one as zeros of their sign.
#[inline(always)]
fn flush(value: f32) -> f32 {
    if value.abs() < f32::MIN_POSITIVE { 0f32.copysign(value) } else { value }
}

/// A dtype: a grid of numbers among those of its [`Value`].
pub(crate) trait Grid: Copy + Default {
    type Value: Value;

    /// Bits of the mantissa, without the leading one.
    const MANTISSA: u32;
    /// How many different values a draw has, where they are few, or else 0.
    const VALUES: usize;
    const ONE: Self::Value;
    /// The number after -1.
    const AFTER_MINUS_ONE: Self::Value;
    /// The number before 2.
    const BEFORE_TWO: Self::Value;
    const SQRT_2: Self::Value;
    /// erf(2 / sqrt(2)) as JAX computes it in this dtype.
    const ERF_BOUND: Self::Value;

    fn mantissa(words: [u32; 2]) -> <Self::Value as Value>::Bits;
    /// To the grid, to nearest even.
    fn round(value: Self::Value) -> Self::Value;
    /// What XLA leaves of a result, as it sets the CPU to flush subnormal ones to zero. The instructions for halves do not flush, and
    /// all halves are normal numbers of f32. No result of f64 is subnormal: parameters are roots.
    #[inline(always)]
    fn flush(value: Self::Value) -> Self::Value {
        value
    }
    /// A value on the grid.
    fn store(value: Self::Value) -> Self;
    /// `f` · `spread` + `low`.
    fn affine<M: Fma>(
        f: Self::Value,
        spread: Self::Value,
        low: Self::Value,
        half_fma: HalfFma,
    ) -> Self::Value;

    /// The NaN that uniform values are where `low` and `spread` are infinite.
    #[inline(always)]
    fn nan(_half_fma: HalfFma) -> Self::Value {
        Self::Value::NAN
    }

    #[inline(always)]
    fn parameter(parameter: f64) -> Self::Value {
        Self::flush(Self::round(Self::Value::from_f64(parameter)))
    }
}

impl Grid for f32 {
    type Value = Self;

    const MANTISSA: u32 = 23;
    const VALUES: usize = 0;
    const ONE: Self = 1.0;
    const AFTER_MINUS_ONE: Self = Self::from_bits(0xBF7F_FFFF);
    const BEFORE_TWO: Self = Self::from_bits(0x3FFF_FFFF);
    const SQRT_2: Self = core::f32::consts::SQRT_2;
    const ERF_BOUND: Self = Self::from_bits(0x3F74_5A18);

    #[inline(always)]
    fn mantissa([b0, b1]: [u32; 2]) -> u32 {
        (b0 ^ b1) >> 9
    }

    #[inline(always)]
    fn round(value: Self) -> Self {
        value
    }

    #[inline(always)]
    fn store(value: Self) -> Self {
        value
    }

    #[inline(always)]
    fn flush(value: f32) -> f32 {
        flush(value)
    }

    #[inline(always)]
    fn affine<M: Fma>(f: Self, spread: Self, low: Self, _: HalfFma) -> Self {
        flush(M::f32(f, spread, low))
    }
}

impl Grid for f64 {
    type Value = Self;

    const MANTISSA: u32 = 52;
    const VALUES: usize = 0;
    const ONE: Self = 1.0;
    const AFTER_MINUS_ONE: Self = Self::from_bits(0xBFEF_FFFF_FFFF_FFFF);
    const BEFORE_TWO: Self = Self::from_bits(0x3FFF_FFFF_FFFF_FFFF);
    const SQRT_2: Self = core::f64::consts::SQRT_2;
    const ERF_BOUND: Self = Self::from_bits(0x3FEE_8B43_07D3_627A);

    #[inline(always)]
    fn mantissa([b0, b1]: [u32; 2]) -> u64 {
        (u64::from(b0) << 32 | u64::from(b1)) >> 12
    }

    #[inline(always)]
    fn round(value: Self) -> Self {
        value
    }

    #[inline(always)]
    fn store(value: Self) -> Self {
        value
    }

    #[inline(always)]
    fn affine<M: Fma>(f: Self, spread: Self, low: Self, _: HalfFma) -> Self {
        M::f64(f, spread, low)
    }
}

impl Grid for bf16 {
    type Value = f32;

    const MANTISSA: u32 = 7;
    const VALUES: usize = 128;
    const ONE: f32 = 1.0;
    const AFTER_MINUS_ONE: f32 = -0.996_093_75;
    const BEFORE_TWO: f32 = 1.992_187_5;
    const SQRT_2: f32 = 1.414_062_5;
    const ERF_BOUND: f32 = 0.953_125;

    #[inline(always)]
    fn mantissa([b0, b1]: [u32; 2]) -> u32 {
        ((b0 ^ b1) & 0xFF) >> 1
    }

    #[inline(always)]
    fn round(value: f32) -> f32 {
        narrow::nearest_bf16(value)
    }

    #[inline(always)]
    fn store(value: f32) -> Self {
        narrow::to_bf16(value)
    }

    #[inline(always)]
    fn flush(value: f32) -> f32 {
        flush(value)
    }

    /// XLA computes in f32 and rounds after each operation.
    #[inline(always)]
    fn affine<M: Fma>(f: f32, spread: f32, low: f32, _: HalfFma) -> f32 {
        Self::round(flush(Self::round(flush(f * spread)) + low))
    }
}

impl Grid for f16 {
    type Value = f32;

    const MANTISSA: u32 = 10;
    const VALUES: usize = 1024;
    const ONE: f32 = 1.0;
    const AFTER_MINUS_ONE: f32 = -0.999_511_7;
    const BEFORE_TWO: f32 = 1.999_023_4;
    const SQRT_2: f32 = 1.414_062_5;
    const ERF_BOUND: f32 = 0.954_589_84;

    #[inline(always)]
    fn mantissa([b0, b1]: [u32; 2]) -> u32 {
        ((b0 ^ b1) & 0xFFFF) >> 6
    }

    /// A NaN stays one.
    #[inline(always)]
    fn round(value: f32) -> f32 {
        narrow::nearest_f16(value)
    }

    #[inline(always)]
    fn store(value: f32) -> Self {
        let nan = (value.to_bits() >> 16) as u16 & 0x8000 | 0x7E00;
        // `to_f16` makes infinities of NaNs.
        if value.is_nan() { Self::from_bits(nan) } else { narrow::to_f16(value) }
    }

    #[inline(always)]
    fn nan(half_fma: HalfFma) -> f32 {
        match half_fma {
            HalfFma::Absent => -<f32 as Value>::NAN,
            HalfFma::Present => <f32 as Value>::NAN,
        }
    }

    #[inline(always)]
    fn affine<M: Fma>(f: f32, spread: f32, low: f32, half_fma: HalfFma) -> f32 {
        match half_fma {
            HalfFma::Absent => Self::round(Self::round(f * spread) + low),
            HalfFma::Present => Self::round(fma_f16(f, spread, low)),
        }
    }
}
