//! One rounding from a float dtype to another.

use varscale::Dtype;

/// Bits of the exponent and of the mantissa.
fn layout(dtype: Dtype) -> Option<(u32, u32)> {
    match dtype {
        Dtype::Float16 => Some((5, 10)),
        Dtype::BFloat16 => Some((8, 7)),
        Dtype::Float32 => Some((8, 23)),
        Dtype::Float64 => Some((11, 52)),
        Dtype::Float8E4M3Fn => Some((4, 3)),
        Dtype::Float8E5M2 => Some((5, 2)),
        _ => None,
    }
}

/// What rounds numbers once to nearest even, to a dtype's bits, where that is known.
pub(super) fn to(dtype: Dtype) -> Option<impl Fn(f64) -> u64 + Copy> {
    let (exponent, mantissa) = layout(dtype)?;
    let (bias, sign) = ((1i64 << (exponent - 1)) - 1, exponent + mantissa);
    // Beyond it is infinity; float8_e4m3fn has NaN there, and numbers up to it.
    let infinity = match dtype {
        Dtype::Float8E4M3Fn => 0x7F,
        _ => ((1 << exponent) - 1) << mantissa,
    };
    Some(move |value: f64| {
        let bits = value.to_bits();
        let magnitude = bits & (u64::MAX >> 1);
        let negative = (bits >> 63) << sign;
        if dtype == Dtype::Float64 {
            return bits;
        }
        if value.is_nan() {
            return negative | if infinity == 0x7F { 0x7F } else { infinity | 1 << (mantissa - 1) };
        }
        // Of subnormal float64s, nothing is left in the others.
        let power = (magnitude >> 52) as i64 - 1023;
        let least = 1 - bias;
        let dropped = 52 - i64::from(mantissa) + (least - power).max(0);
        if dropped > 54 {
            return negative;
        }
        let significand = magnitude & ((1 << 52) - 1) | 1 << 52;
        let (kept, rest) = (significand >> dropped, significand & ((1 << dropped) - 1));
        let half = 1 << (dropped - 1);
        let up = rest > half || rest == half && kept & 1 == 1;
        // The leading 1 and what is carried count the exponent up.
        let rounded = (((power.max(least) - least) as u64) << mantissa) + kept + u64::from(up);
        negative | rounded.min(infinity)
    })
}

#[cfg(test)]
mod tests {
    use half::{bf16, f16};
    use varscale::{F8E4M3, F8E5M2};

    use super::*;

    fn rounded(dtype: Dtype, value: f64) -> u64 {
        to(dtype).unwrap()(value)
    }

    #[test]
    fn every_dtype_is_known_and_its_own_numbers_stay() {
        for &dtype in Dtype::ALL {
            assert!(layout(dtype).is_some(), "{dtype}");
        }
        for bits in 0..=u16::MAX {
            let (half, brain) = (f16::from_bits(bits), bf16::from_bits(bits));
            if !half.is_nan() {
                assert_eq!(rounded(Dtype::Float16, half.to_f64()), u64::from(bits));
            }
            if !brain.is_nan() {
                assert_eq!(rounded(Dtype::BFloat16, brain.to_f64()), u64::from(bits));
            }
        }
        for bits in 0..=u8::MAX {
            let (e4m3, e5m2) = (F8E4M3::from_bits(bits), F8E5M2::from_bits(bits));
            if !e4m3.to_f32().is_nan() {
                assert_eq!(rounded(Dtype::Float8E4M3Fn, e4m3.into()), u64::from(bits));
            }
            if !e5m2.to_f32().is_nan() {
                assert_eq!(rounded(Dtype::Float8E5M2, e5m2.into()), u64::from(bits));
            }
        }
    }

    /// As `half` rounds float32, and the language float64.
    #[test]
    fn rounds_once_to_nearest_even() {
        let mut word = 1u32;
        for _ in 0..1_000_000 {
            word = word.wrapping_mul(0x915F_77F5).wrapping_add(1);
            let single = f32::from_bits(word);
            let double = f64::from_bits(u64::from(word) << 32 | u64::from(word.rotate_left(7)));
            if single.is_nan() || double.is_nan() {
                continue;
            }
            let value = f64::from(single);
            assert_eq!(rounded(Dtype::Float16, value), u64::from(f16::from_f32(single).to_bits()));
            assert_eq!(
                rounded(Dtype::BFloat16, value),
                u64::from(bf16::from_f32(single).to_bits())
            );
            assert_eq!(rounded(Dtype::Float32, double), u64::from((double as f32).to_bits()));
            assert_eq!(rounded(Dtype::Float64, double), double.to_bits());
        }
        // By way of float32, which rounds it to a tie, it would be 1.
        let above_tie = 1.0 + 2f64.powi(-8) + 2f64.powi(-40);
        assert_eq!(rounded(Dtype::BFloat16, above_tie), 0x3F81);
        assert_eq!(rounded(Dtype::Float8E4M3Fn, 464.0), 0x7E);
        assert_eq!(rounded(Dtype::Float8E4M3Fn, -465.0), 0xFF);
        assert_eq!(rounded(Dtype::Float16, 65_520.0), 0x7C00);
        assert_eq!(rounded(Dtype::Float16, -0.0), 0x8000);
    }
}
