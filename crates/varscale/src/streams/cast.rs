//! Casts, as torch and NumPy round to an element type, without branches so that loops vectorize.

use half::{bf16, f16};

use crate::{dtype::Element, simd::narrow};

/// An element type that torch and NumPy cast to.
pub(crate) trait Cast: Element {
    /// One rounding to nearest even.
    fn from_f32(value: f32) -> Self;
    /// As the frameworks cast: bfloat16 by way of f32, the others with one rounding.
    fn from_f64(value: f64) -> Self;
    /// The value of this type nearest to an f32, as f32 (for f64: the f32).
    fn quantize(value: f32) -> f32;
}

impl Cast for f16 {
    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        narrow::to_f16(value)
    }
    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        narrow::to_f16(to_odd(value))
    }
    #[inline(always)]
    fn quantize(value: f32) -> f32 {
        narrow::nearest_f16(value)
    }
}

impl Cast for bf16 {
    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        narrow::to_bf16(value)
    }
    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        narrow::to_bf16(value as f32)
    }
    #[inline(always)]
    fn quantize(value: f32) -> f32 {
        narrow::nearest_bf16(value)
    }
}

impl Cast for f32 {
    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        value
    }
    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value as f32
    }
    #[inline(always)]
    fn quantize(value: f32) -> f32 {
        value
    }
}

impl Cast for f64 {
    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        f64::from(value)
    }
    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value
    }
    #[inline(always)]
    fn quantize(value: f32) -> f32 {
        value
    }
}

/// An f64 as f32, rounded to odd: rounding that once more, to 16 bits, is one rounding of the f64.
///
/// The places that f32 lacks are cut off, and the last one left is set where any of them was not
/// 0, so that the cast is exact. (Not below 2^-126, where 16-bit floats are 0 either way.)
#[inline(always)]
pub(crate) fn to_odd(value: f64) -> f32 {
    const CUT: u64 = (1 << 29) - 1;

    let bits = value.to_bits();
    let sticky = u64::from(bits & CUT != 0) << 29;
    f64::from_bits((bits & !CUT) | sticky) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f64_to_f16_rounds_once() {
        // Just above and below a tie of f16, by less than f32 can tell.
        for lower in 0..0x7BFF_u16 {
            let (a, b) = (f16::from_bits(lower), f16::from_bits(lower + 1));
            let middle = (a.to_f64() + b.to_f64()) / 2.0;
            let even = if lower % 2 == 0 { a } else { b };
            assert_eq!(<f16 as Cast>::from_f64(middle), even);
            let (below, above) = (middle.to_bits() - 1, middle.to_bits() + 1);
            assert_eq!(<f16 as Cast>::from_f64(f64::from_bits(below)), a);
            assert_eq!(<f16 as Cast>::from_f64(f64::from_bits(above)), b);
            assert_eq!(<f16 as Cast>::from_f64(-f64::from_bits(above)), -b);
        }
    }
}
