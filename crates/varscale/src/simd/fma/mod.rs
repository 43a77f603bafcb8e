//! Fused multiply-add a · b + c, rounded once, in hardware or in software with the same results.
//!
//! ```text
//! f32: a · b is exact in f64; s = odd(a · b + c); return f32(s)
//! f16: a · b is exact in f32; s = odd(a · b + c); return f16(s)
//! f64: (ph, pl) = a · b exactly, by halves of 26 bits              Dekker 1971
//!      (th, tl) = c + pl exactly; (vh, vl) = ph + th exactly       Knuth's two-sum
//!      return vh + odd(tl + vl)                                    Boldo, Melquiond 2008
//!      where an exponent is near the ends: integers of 128 bits
//! ```
//!
//! `odd` rounds to odd: an inexact result takes the neighbour whose last bit is set. A second
//! rounding, to two or more bits less, then cannot see a tie that is not one ("Emulation of FMA and
//! correctly rounded sums: proved algorithms using rounding to odd", IEEE Transactions on Computers
//! 57). All but the integers is free of branches on values, so loops over f32 vectorize.

mod wide;

/// How to multiply and add at once; every implementation gives the same bits.
pub(crate) trait Fma: Copy {
    fn f32(a: f32, b: f32, c: f32) -> f32;
    fn f64(a: f64, b: f64, c: f64) -> f64;
}

/// The CPU's instruction: only for code compiled for a CPU that has one, or else it is a call of the
/// system's function, which is as exact and much slower.
#[cfg(any(feature = "std", test))]
#[derive(Clone, Copy)]
pub(crate) struct Hardware;

#[cfg(any(feature = "std", test))]
impl Fma for Hardware {
    #[inline(always)]
    fn f32(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }

    #[inline(always)]
    fn f64(a: f64, b: f64, c: f64) -> f64 {
        a.mul_add(b, c)
    }
}

/// Adds, multiplies and bits.
#[derive(Clone, Copy)]
pub(crate) struct Software;

impl Fma for Software {
    #[inline(always)]
    fn f32(a: f32, b: f32, c: f32) -> f32 {
        // 24 + 24 bits, and exponents far from the ends of f64.
        odd_sum_f64(f64::from(a) * f64::from(b), f64::from(c)) as f32
    }

    #[inline(always)]
    fn f64(a: f64, b: f64, c: f64) -> f64 {
        if in_the_middle(a) && in_the_middle(b) && in_the_middle(c) {
            let (ph, pl) = product(a, b);
            let (th, tl) = two_sum(c, pl);
            let (vh, vl) = two_sum(ph, th);
            vh + odd_sum_f64(tl, vl)
        } else {
            wide::fma(a, b, c)
        }
    }
}

/// The better one for the target that the crate is compiled for.
#[cfg(all(feature = "std", any(target_feature = "fma", target_arch = "aarch64")))]
pub(crate) type Native = Hardware;
/// The better one for the target that the crate is compiled for.
#[cfg(not(all(feature = "std", any(target_feature = "fma", target_arch = "aarch64"))))]
pub(crate) type Native = Software;

/// a · b + c for f16 values held in f32; one rounding of the result to f16 makes it their fused
/// multiply-add.
#[inline(always)]
pub(crate) fn fma_f16(a: f32, b: f32, c: f32) -> f32 {
    // 11 + 11 bits from 2^-48 on, and 24 bits are two more than twice 11.
    odd_sum_f32(a * b, c)
}

/// x + y and what its rounding lost, exactly, unless it overflows.
#[inline(always)]
fn two_sum(x: f64, y: f64) -> (f64, f64) {
    let sum = x + y;
    let part = sum - x;
    (sum, (x - (sum - part)) + (y - part))
}

/// x + y, rounded to odd.
#[inline(always)]
fn odd_sum_f64(x: f64, y: f64) -> f64 {
    let (sum, lost) = two_sum(x, y);
    let bits = sum.to_bits();
    // The exact sum lies between `sum` and the neighbour on the side of `lost`; one of both is odd.
    let towards_zero = (bits ^ lost.to_bits()) >> 63 << 1;
    let neighbour = bits.wrapping_add(1).wrapping_sub(towards_zero);
    // Written so that a NaN, which is what an infinite sum loses, changes nothing, and without
    // short circuits, whose branches keep a long loop from vectorizing.
    let inexact = (lost < 0.0) | (lost > 0.0);
    f64::from_bits(if inexact & (bits & 1 == 0) { neighbour } else { bits })
}

/// As [`odd_sum_f64`], in f32.
#[inline(always)]
fn odd_sum_f32(x: f32, y: f32) -> f32 {
    let sum = x + y;
    let part = sum - x;
    let lost = (x - (sum - part)) + (y - part);
    let bits = sum.to_bits();
    let towards_zero = (bits ^ lost.to_bits()) >> 31 << 1;
    let neighbour = bits.wrapping_add(1).wrapping_sub(towards_zero);
    let inexact = (lost < 0.0) | (lost > 0.0);
    f32::from_bits(if inexact & (bits & 1 == 0) { neighbour } else { bits })
}

/// a · b and what its rounding lost, exactly, for numbers in the middle.
#[inline(always)]
fn product(a: f64, b: f64) -> (f64, f64) {
    let (a1, a0) = halves(a);
    let (b1, b0) = halves(b);
    let high = a * b;
    (high, a0 * b0 - (((high - a1 * b1) - a0 * b1) - a1 * b0))
}

/// Two numbers of 26 bits each that add up to `x`.
#[inline(always)]
fn halves(x: f64) -> (f64, f64) {
    let scaled = x * ((1u64 << 27) + 1) as f64;
    let high = scaled - (scaled - x);
    (high, x - high)
}

/// 2^-300 <= |x| < 2^300: no step of Dekker's product or of the sums leaves the normal numbers.
#[inline(always)]
fn in_the_middle(x: f64) -> bool {
    let exponent = (x.to_bits() >> 52) & 0x7FF;
    exponent.wrapping_sub(1023 - 300) < 600
}

#[cfg(test)]
mod tests;
