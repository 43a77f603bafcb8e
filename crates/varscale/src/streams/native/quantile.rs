//! Standard normal truncated to [-2, 2], by inversion.
//!
//! ```text
//! s = word | 1 as signed; u = s / 2^31 (f64: 2^63); v = G (1 - u^2)
//! return s (C + prod(v + A) / prod(v + B))
//! ```
//!
//! The quantile divided by u is a minimax rational function of u^2, relative
//! error 7e-8 (f32) and 7e-18 (f64), written around the end of the range, where
//! it is steepest. It deviates from the textbook P/Q in three ways. The leading
//! constant is split off and the scale of v makes both remainders monic. Both
//! are multiplied out of their roots, which are all real and negative, so that
//! every operation adds or multiplies positive numbers. And 1 - u^2 is a product
//! of exact integer distances to the ends, so nothing cancels there either.
//!
//! The scale of s lies in v, so that s needs no multiplication.

use super::constants as k;
use super::fixed;

const UNIT: f32 = 1.0 / (1_u64 << 31) as f32;

/// The quantile for u = (word | 1) / 2^31, in [-2, 2]; relative error 4.04e-7.
#[inline(always)]
pub(crate) fn f32(word: u32) -> f32 {
    // Powers of two times G: both are exact.
    const LINEAR: f32 = 2.0 * UNIT * k::QUANTILE_F32_G;
    const SQUARE: f32 = UNIT * UNIT * k::QUANTILE_F32_G;

    let s = (word | 1) as i32;
    // |s| - 2^31, by bits: of an absolute value LLVM makes a comparison and a masked subtraction.
    let sign = word as i32 >> 31;
    let c = ((word as i32 ^ sign) | i32::MIN | 1) as f32;
    let v = c * (c * -SQUARE - LINEAR);
    let [a0, a1, a2] = k::QUANTILE_F32_A;
    let [b0, b1, b2, b3] = k::QUANTILE_F32_B;
    let numerator = ((v + a0) * (v + a1)) * (v + a2);
    let denominator = ((v + b0) * (v + b1)) * ((v + b2) * (v + b3));
    (s as f32) * (k::QUANTILE_F32_C + numerator / denominator)
}

/// The quantile for u = (word | 1) / 2^63, in [-2, 2]; relative error 1e-15. `converts` changes how
/// it is computed, and no bit of it: by conversions of integers, or by [`fixed`].
#[inline(always)]
pub(crate) fn f64(word: u64, converts: bool) -> f64 {
    const END: f64 = (1_u64 << 63) as f64;
    const SQUARE: f64 = k::QUANTILE_F64_G / END / END;

    // 2^63 + s: unsigned, so that the distances to both ends are offsets of it.
    let n = (word ^ (1 << 63)) | 1;
    // The product of the two distances comes first: it is the same for s and -s.
    let (s, v) = if converts {
        let product = (n as f64) * (n.wrapping_neg() as f64);
        ((word | 1) as i64 as f64, product * SQUARE)
    } else {
        let product = fixed::f64(n, 1.0, 0.0) * fixed::f64(n, 1.0, 2.0 * END);
        (fixed::f64(n, 1.0, END), product * -SQUARE)
    };
    let [a0, a1, a2, a3, a4, a5, a6, a7, a8] = k::QUANTILE_F64_A;
    let [b0, b1, b2, b3, b4, b5, b6, b7, b8, b9] = k::QUANTILE_F64_B;
    let numerator = (((v + a0) * (v + a1)) * ((v + a2) * (v + a3)))
        * ((((v + a4) * (v + a5)) * ((v + a6) * (v + a7))) * (v + a8));
    let denominator = (((v + b0) * (v + b1)) * ((v + b2) * (v + b3)))
        * ((((v + b4) * (v + b5)) * ((v + b6) * (v + b7))) * ((v + b8) * (v + b9)));
    s * (k::QUANTILE_F64_C + numerator / denominator)
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use super::super::constants::reference;
    use super::*;

    fn words(count: u64) -> impl Iterator<Item = u64> {
        let ends =
            (0..16).flat_map(|k| [k << 32, (1 << 63) - 1 - (k << 32), (1 << 63) | (k << 32)]);
        ends.chain((1..=count).map(|k| k.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
    }

    fn f64(word: u64) -> f64 {
        let [z, same] = [false, true].map(|converts| super::f64(word, converts));
        assert_eq!(z.to_bits(), same.to_bits(), "{word:x}");
        z
    }

    fn high(word: u64) -> u32 {
        (word >> 32) as u32
    }

    /// The f32 kernel errs by 4.04e-7, and its unit is within 2^-31 of the f64
    /// one, where the quantile has slope 8.84 or less.
    fn assert_agree(word: u64, z: f64) {
        let error = (f64::from(f32(high(word))) - z).abs();
        assert!(error <= 4.1e-7 * z.abs() + 9.0 * f64::from(UNIT), "{word:x}: {error:e}");
    }

    #[test]
    fn matches_mpmath() {
        for (word, z) in reference::QUANTILE {
            let error = (f64(word) / z - 1.0).abs();
            assert!(error <= 9.0e-16, "{word:x}: {error:e}");
            assert_agree(word, z);
        }
    }

    #[test]
    fn precisions_agree() {
        words(100_000).for_each(|word| assert_agree(word, f64(word)));
    }

    #[test]
    fn is_odd() {
        for word in words(100_000) {
            // !w | 1 is the negation of w | 1.
            assert_eq!(f32(!high(word)).to_bits(), (-f32(high(word))).to_bits());
            assert_eq!(f64(!word).to_bits(), (-f64(word)).to_bits());
        }
    }

    /// The quantile falls by 8.8 per unit of u. Ten thousand words from the end
    /// it is 1.9e-14 below 2, nine times what the rounding errors add up to, so
    /// words further away cannot reach 2; the random ones are a precaution.
    #[test]
    fn largest_is_two() {
        assert_eq!(f32(i32::MAX as u32), 2.0);
        assert_eq!(f64(i64::MAX as u64), 2.0);
        for distance in 0..10_000 {
            assert!(f32(i32::MAX as u32 - 2 * distance) <= 2.0);
            assert!(f64(i64::MAX as u64 - 2 * u64::from(distance)) <= 2.0);
        }
        for word in words(100_000) {
            assert!(f32(high(word)).abs() <= 2.0 && f64(word).abs() <= 2.0);
        }
    }

    #[test]
    #[ignore = "slow: all 2^30 positive inputs"]
    fn f32_is_accurate_everywhere() {
        let mut largest = 0.0_f64;
        for word in (1..1_u32 << 31).step_by(2) {
            let z = f32(word);
            assert!(z <= 2.0, "{word:x}: {z}");
            let error = f64::from(z) / f64(u64::from(word) << 32) - 1.0;
            largest = largest.max(error.abs());
        }
        assert!(largest <= 4.04e-7, "{largest:e}");
    }

    /// How evenly all 2^30 positive values of f32 fill bins of equal probability: what a chi-squared
    /// test of many draws can see, as `DESIGN.md` says. Prints the root mean square deviation of a bin.
    #[test]
    #[ignore = "slow: all 2^30 positive inputs"]
    fn bins_are_as_even_as_f32_lets_them_be() {
        const BINS: usize = 1 << 15;
        // The probability beyond an edge is exact in f64. The first word of a bin lies on its edge.
        let edges: Vec<f32> = (0..BINS as u64).map(|bin| f64(bin << 48) as f32).collect();
        let mut counts = vec![0_u32; BINS];
        let mut bin = 0;
        for word in (1..1_u32 << 31).step_by(2) {
            let z = f32(word);
            // Values rise with words, but for the rounding of neighbours.
            while bin + 1 < BINS && z >= edges[bin + 1] {
                bin += 1;
            }
            while z < edges[bin] {
                bin -= 1;
            }
            counts[bin] += 1;
        }
        let rms = |bins: usize| {
            let size = BINS / bins;
            let expected = (size as f64) * ((1 << 30) / BINS) as f64;
            let square = |bin: &[u32]| {
                let count: u32 = bin.iter().sum();
                (f64::from(count) / expected - 1.0).powi(2)
            };
            (counts.chunks(size).map(square).sum::<f64>() / bins as f64).sqrt()
        };
        for bins in [BINS, 1 << 11] {
            std::println!("{} bins of the whole range: {:.2e} rms", 2 * bins, rms(bins));
        }
        assert!((0.9e-3..1.2e-3).contains(&rms(BINS)) && rms(1 << 11) < 1e-4);
    }
}
