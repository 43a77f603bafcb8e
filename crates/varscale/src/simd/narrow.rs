//! From f32 to 16 and 8 bits, to nearest even, without branches so that loops vectorize: as the
//! narrow type (`to_…`), or as the f32 of the same value (`nearest_…`).
//!
//! `half` converts one value at a time (a table of cases or a call), which a loop cannot vectorize.
//! All functions to 16 bits equal it for every f32 but NaN (tested). Of NaN, `nearest_f16` makes one.

use half::{bf16, f16};

use crate::float8::{F8E4M3, F8E5M2};

/// Rounds every value by `one`.
#[inline(always)]
pub(crate) fn one_by_one<T>(values: &[f32], out: &mut [T], one: impl Fn(f32) -> T) {
    for (out, &value) in out.iter_mut().zip(values) {
        *out = one(value);
    }
}

#[inline(always)]
pub(crate) fn to_bf16(value: f32) -> bf16 {
    bf16::from_bits((rounded_to_bf16(value) >> 16) as u16)
}

#[inline(always)]
#[cfg(feature = "keras-streams")]
pub(crate) fn nearest_bf16(value: f32) -> f32 {
    f32::from_bits(rounded_to_bf16(value) & 0xFFFF_0000)
}

/// Adds just under half of the last kept place, plus one where that place is odd.
#[inline(always)]
fn rounded_to_bf16(value: f32) -> u32 {
    let bits = value.to_bits();
    let odd = (bits >> 16) & 1;
    bits.wrapping_add(0x7FFF + odd)
}

#[inline(always)]
pub(crate) fn to_f16(value: f32) -> f16 {
    f16::from_bits(rounded::<15, 10>(value, 0x7C00) as u16 | sign(value, 16) as u16)
}

#[inline(always)]
pub(crate) fn to_f8_e5m2(value: f32) -> F8E5M2 {
    F8E5M2::from_bits(rounded::<15, 2>(value, 0x7C) as u8 | sign(value, 8) as u8)
}

/// Of what is beyond the largest and of NaN it makes NaN.
#[inline(always)]
pub(crate) fn to_f8_e4m3(value: f32) -> F8E4M3 {
    F8E4M3::from_bits(rounded::<7, 3>(value, 0x7F) as u8 | sign(value, 8) as u8)
}

/// The sign as the first of so many bits.
#[inline(always)]
fn sign(value: f32, bits: u32) -> u32 {
    value.to_bits() >> 31 << (bits - 1)
}

/// The bits of a size in a type with this bias of exponents and so many bits of mantissa, at most
/// `beyond`: as above where the result is normal; below, a float addition aligns the mantissa to the
/// subnormal grid and rounds it.
#[inline(always)]
fn rounded<const BIAS: u32, const MANTISSA: u32>(value: f32, beyond: i32) -> i32 {
    let cut = 23 - MANTISSA;
    let smallest_normal = (128 - BIAS) << 23;
    let align = ((127 - BIAS) + cut + 1) << 23;

    let size = value.to_bits() & 0x7FFF_FFFF;
    let odd = (size >> cut) & 1;
    let half = (1 << (cut - 1)) - 1;
    let normal = size.wrapping_sub((127 - BIAS) << 23).wrapping_add(half + odd) >> cut;
    let subnormal = (f32::from_bits(size) + f32::from_bits(align)).to_bits().wrapping_sub(align);
    let rounded = if size < smallest_normal { subnormal } else { normal };
    // As signed: not every CPU has vectors of the other minimum.
    (rounded as i32).min(beyond)
}

#[inline(always)]
#[cfg(feature = "keras-streams")]
pub(crate) fn nearest_f16(value: f32) -> f32 {
    const SMALLEST_NORMAL: f32 = 1.0 / (1 << 14) as f32;

    let size = value.abs();
    let odd = (size.to_bits() >> 13) & 1;
    let normal = f32::from_bits(size.to_bits().wrapping_add(0xFFF + odd) & !0x1FFF);
    // In [1/2, 1) the numbers of f32 are as far apart as these of float16.
    let subnormal = (size + 0.5) - 0.5;
    let finite = if size < SMALLEST_NORMAL { subnormal } else { normal };
    // Halfway from the largest float16 to the power of two above.
    let rounded = if size >= 65_520.0 { f32::INFINITY } else { finite };
    rounded.copysign(value)
}

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use super::*;
    use crate::simd::{Cpu, Kernel, Level, Round};

    fn agree(bits: u32) {
        let value = f32::from_bits(bits);
        if !value.is_nan() {
            let (b, h) = (bf16::from_f32(value), f16::from_f32(value));
            assert_eq!(to_bf16(value), b, "bf16 of {value:e}");
            assert_eq!(to_f16(value), h, "f16 of {value:e}");
            #[cfg(feature = "keras-streams")]
            {
                assert_eq!(nearest_bf16(value).to_bits(), b.to_f32().to_bits(), "{value:e}");
                assert_eq!(nearest_f16(value).to_bits(), h.to_f32().to_bits(), "{value:e}");
            }
        }
    }

    #[test]
    #[cfg(feature = "keras-streams")]
    fn nan_stays_nan() {
        assert!(nearest_f16(f32::NAN).is_nan() && nearest_f16(-f32::NAN).is_nan());
    }

    #[test]
    fn equals_half_around_every_16_bit_value() {
        for upper in 0..=u16::MAX {
            for lower in
                [0, 1, 0x0FFF, 0x1000, 0x1001, 0x2FFF, 0x3000, 0x7FFF, 0x8000, 0x8001, 0xFFFF]
            {
                agree((u32::from(upper) << 16) | lower);
            }
        }
    }

    #[test]
    #[ignore = "slow: every f32"]
    fn equals_half_everywhere() {
        (0..=u32::MAX).for_each(agree);
    }

    /// Checks `to` for every f32 with the floats of 8 bits from 0 to the largest as the oracle, in
    /// steps of `step`, and around each midpoint: up to it (ties to even) belongs to the lower one.
    fn nearest_of_8_bits<T: Copy + Into<f64>>(
        to: impl Fn(f32) -> T,
        bits: impl Fn(T) -> u8,
        from: impl Fn(u8) -> T,
        largest: u8,
        step: u32,
    ) {
        let check = |size: u32, expected: u8| {
            for value in [f32::from_bits(size), -f32::from_bits(size)] {
                let sign = if value.is_sign_negative() { 0x80 } else { 0 };
                assert_eq!(bits(to(value)), expected | sign, "{value:e}");
            }
        };
        let mut size = 0;
        for lower in 0..=largest {
            let (at, next) = (from(lower).into(), from(lower + 1).into());
            // Beyond the largest, the step goes on.
            let next = if lower < largest { next } else { 2.0 * at - from(lower - 1).into() };
            let middle = ((at + next) / 2.0) as f32;
            assert_eq!(f64::from(middle), (at + next) / 2.0);
            let middle = middle.to_bits();
            check(middle - 1, lower);
            check(middle, lower + lower % 2);
            check(middle + 1, lower + 1);
            while size < middle {
                check(size, lower);
                size += step;
            }
            if size == middle {
                size += step;
            }
        }
        while size <= f32::INFINITY.to_bits() {
            check(size, largest + 1);
            size += step;
        }
        check(f32::INFINITY.to_bits(), largest + 1);
    }

    fn check_8_bits(step: u32) {
        nearest_of_8_bits(to_f8_e4m3, F8E4M3::to_bits, F8E4M3::from_bits, 0x7E, step);
        nearest_of_8_bits(to_f8_e5m2, F8E5M2::to_bits, F8E5M2::from_bits, 0x7B, step);
    }

    #[test]
    fn eight_bits_are_the_nearest() {
        check_8_bits(0x1_0001);
        check_8_bits(997);
    }

    #[test]
    #[ignore = "slow: every f32, twice"]
    fn eight_bits_are_the_nearest_everywhere() {
        check_8_bits(1);
    }

    /// By the instructions of a level, where it has any.
    #[derive(Clone, Copy)]
    struct ByInstruction<'a>(&'a [f32]);

    impl Kernel for ByInstruction<'_> {
        type Output = [Vec<u16>; 4];

        #[inline(always)]
        fn run<C: Cpu>(self) -> Self::Output {
            let mut halves = vec![f16::ZERO; self.0.len()];
            let mut brains = vec![bf16::ZERO; self.0.len()];
            C::round_f16(self.0, &mut halves);
            C::round_bf16(self.0, &mut brains);
            let mut e4m3 = vec![F8E4M3::default(); self.0.len()];
            let mut e5m2 = vec![F8E5M2::default(); self.0.len()];
            F8E4M3::round_all::<C>(self.0, &mut e4m3);
            F8E5M2::round_all::<C>(self.0, &mut e5m2);
            [
                halves.iter().map(|x| x.to_bits()).collect(),
                brains.iter().map(|x| x.to_bits()).collect(),
                e4m3.iter().map(|x| x.to_bits().into()).collect(),
                e5m2.iter().map(|x| x.to_bits().into()).collect(),
            ]
        }
    }

    #[test]
    fn instructions_equal_bits() {
        let values: Vec<f32> = (0..=u16::MAX)
            .flat_map(|upper| {
                [0, 0x0FFF, 0x1000, 0x1001, 0x3000, 0x7FFF, 0x8000, 0x8001, 0xFFFF]
                    .map(|lower| f32::from_bits((u32::from(upper) << 16) | lower))
            })
            .filter(|value| *value == 0.0 || value.is_normal())
            .collect();
        for values in [&values[..], &values[..31], &values[..1], &values[..0]] {
            let expected: [Vec<u16>; 4] = [
                values.iter().map(|&value| to_f16(value).to_bits()).collect(),
                values.iter().map(|&value| to_bf16(value).to_bits()).collect(),
                values.iter().map(|&value| to_f8_e4m3(value).to_bits().into()).collect(),
                values.iter().map(|&value| to_f8_e5m2(value).to_bits().into()).collect(),
            ];
            let kernel = ByInstruction(values);
            for level in Level::available() {
                assert!(level.run(kernel) == expected, "{level:?}");
            }
            assert!(Level::best().run_to_bf16(kernel) == expected);
        }
    }
}
