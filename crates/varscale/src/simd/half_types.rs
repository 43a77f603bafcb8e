//! From f32 to 16 bits, to nearest even, without branches so that loops vectorize: as the 16-bit
//! type (`to_…`), or as the f32 of the same value (`nearest_…`).
//!
//! `half` converts one value at a time (a table of cases or a call), which a loop cannot vectorize.
//! All functions equal it for every f32 but NaN (tested). Of NaN, `nearest_f16` makes one.

use half::{bf16, f16};

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

/// As above where the result is normal; below 2^-14 a float addition aligns the mantissa to the
/// subnormal grid and rounds it.
#[inline(always)]
pub(crate) fn to_f16(value: f32) -> f16 {
    const SMALLEST_NORMAL: u32 = (127 - 14) << 23;
    const OVERFLOW: u32 = (127 + 16) << 23;
    const ALIGN: u32 = ((127 - 15) + (23 - 10) + 1) << 23;

    let bits = value.to_bits();
    let sign = bits & 0x8000_0000;
    let size = bits ^ sign;
    let odd = (size >> 13) & 1;
    let normal = size.wrapping_sub((127 - 15) << 23).wrapping_add(0xFFF + odd) >> 13;
    let subnormal = (f32::from_bits(size) + f32::from_bits(ALIGN)).to_bits().wrapping_sub(ALIGN);
    let finite = if size < SMALLEST_NORMAL { subnormal } else { normal };
    let rounded = if size >= OVERFLOW { 0x7C00 } else { finite };
    f16::from_bits((rounded | (sign >> 16)) as u16)
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
    use crate::simd::{Cpu, Kernel, Level};

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

    /// By the instructions of a level, where it has any.
    #[derive(Clone, Copy)]
    struct ByInstruction<'a>(&'a [f32]);

    impl Kernel for ByInstruction<'_> {
        type Output = [Vec<u16>; 2];

        #[inline(always)]
        fn run<C: Cpu>(self) -> Self::Output {
            let mut halves = vec![f16::ZERO; self.0.len()];
            let mut brains = vec![bf16::ZERO; self.0.len()];
            C::round_f16(self.0, &mut halves);
            C::round_bf16(self.0, &mut brains);
            [
                halves.iter().map(|x| x.to_bits()).collect(),
                brains.iter().map(|x| x.to_bits()).collect(),
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
            let expected: [Vec<u16>; 2] = [
                values.iter().map(|&value| to_f16(value).to_bits()).collect(),
                values.iter().map(|&value| to_bf16(value).to_bits()).collect(),
            ];
            let kernel = ByInstruction(values);
            for level in Level::available() {
                assert!(level.run(kernel) == expected, "{level:?}");
            }
            assert!(Level::best().run_to_bf16(kernel) == expected);
        }
    }
}
