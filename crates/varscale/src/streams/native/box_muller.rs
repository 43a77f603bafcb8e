//! Pairs of standard normals, by Box and Muller.
//!
//! ```text
//! y = (w0 | 1) / 2^32; r = sqrt(-2 ln y)
//! t = (w1 | 1) / 2^32; return (r cos 2 pi t, r sin 2 pi t)
//!
//! ln:      y = 2^e (1 + f), sqrt(1/2) <= 1 + f < sqrt(2), s = f / (2 + f)
//!          -2 ln y = -2 ln 2 e + s (-4 + s^2 q(s^2))
//! sin cos: the nearest multiple of a quarter turn, and |x| <= 1/2 of one more
//! ```
//!
//! Deviations: the -2 and the pi are folded into the polynomials. For e = 0, f is
//! taken from the exact integer distance to 1, or else y -> 1 would cancel.
//! ln 2 is one constant and not a high and a low part: the square root halves
//! the relative error, and nothing but e = -1 adds terms of opposite sign.
//! The quadrant swaps and negates by bits, so the turn is reduced exactly.

use super::constants as k;
use super::fixed;
use crate::math;

/// Relative error 2e-7 in the radius, absolute error 1.27e-7 in sine and cosine.
#[inline(always)]
pub(crate) fn f32(w0: u32, w1: u32) -> (f32, f32) {
    let r = radius_f32(w0);
    let (cos, sin) = direction_f32(w1);
    (r * cos, r * sin)
}

/// Relative error 3.5e-16 in the radius, absolute error 1.8e-16 in sine and cosine.
#[inline(always)]
pub(crate) fn f64(w0: u64, w1: u64) -> (f64, f64) {
    let r = radius_f64(w0);
    let (cos, sin) = direction_f64(w1);
    (r * cos, r * sin)
}

#[inline(always)]
fn radius_f32(word: u32) -> f32 {
    const UNIT: f32 = 1.0 / (1_u64 << 32) as f32;

    // Read as signed, the word is y below one half and y - 1 above.
    let d = ((word | 1) as i32 as f32) * UNIT;
    let y = if d < 0.0 { d + 1.0 } else { d };
    math::sqrt_f32(minus_two_ln_f32(y, d))
}

/// -2 ln y, given y - 1 too.
#[inline(always)]
pub(super) fn minus_two_ln_f32(y: f32, d: f32) -> f32 {
    const SQRT_HALF: u32 = core::f32::consts::FRAC_1_SQRT_2.to_bits();

    let bits = y.to_bits().wrapping_sub(SQRT_HALF);
    let e = (bits as i32) >> 23;
    let m = f32::from_bits((bits & 0x007f_ffff) + SQRT_HALF);
    let f = if e == 0 { d } else { m - 1.0 };
    let s = f / (f + 2.0);
    let w = s * s;
    let [q0, q1, q2] = k::BOX_MULLER_F32_LOG;
    let q = q0 + w * (q1 + w * q2);
    (e as f32) * k::BOX_MULLER_F32_LN2 + s * (w * q - 4.0)
}

#[inline(always)]
fn direction_f32(word: u32) -> (f32, f32) {
    const UNIT: f32 = 1.0 / (1_u64 << 30) as f32;

    // Half a quadrant further, the top two bits are the nearest quadrant.
    let turn = (word | 1).wrapping_add(1 << 29);
    let x = (((turn & 0x3fff_ffff) as i32 - (1 << 29)) as f32) * UNIT;
    let w = x * x;
    let [p0, p1, p2, p3] = k::BOX_MULLER_F32_SIN;
    let sin = x * (p0 + w * (p1 + w * (p2 + w * p3)));
    let [q0, q1, q2] = k::BOX_MULLER_F32_COS;
    let cos = 1.0 + w * (q0 + w * (q1 + w * q2));
    let swap = turn & (1 << 30) != 0;
    let (a, b) = if swap { (sin, cos) } else { (cos, sin) };
    let sign_a = turn.wrapping_add(1 << 30) & (1 << 31);
    let sign_b = turn & (1 << 31);
    let negate = |x: f32, sign: u32| f32::from_bits(x.to_bits() ^ sign);
    (negate(a, sign_a), negate(b, sign_b))
}

#[inline(always)]
fn radius_f64(word: u64) -> f64 {
    const UNIT: f64 = 0.5 / (1_u64 << 63) as f64;

    let y = fixed::f64(word | 1, UNIT, 0.0);
    let d = fixed::f64(word | 1, UNIT, 1.0);
    math::sqrt_f64(minus_two_ln_f64(y, d))
}

/// -2 ln y, given y - 1 too.
#[inline(always)]
pub(super) fn minus_two_ln_f64(y: f64, d: f64) -> f64 {
    const SQRT_HALF: u64 = core::f64::consts::FRAC_1_SQRT_2.to_bits();

    let bits = y.to_bits().wrapping_sub(SQRT_HALF);
    let e = (bits as i64) >> 52;
    let m = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) + SQRT_HALF);
    let f = if e == 0 { d } else { m - 1.0 };
    let s = f / (f + 2.0);
    let w = s * s;
    let [q0, q1, q2, q3, q4, q5] = k::BOX_MULLER_F64_LOG;
    let q = q0 + w * (q1 + w * (q2 + w * (q3 + w * (q4 + w * q5))));
    (e as f64) * k::BOX_MULLER_F64_LN2 + s * (w * q - 4.0)
}

#[inline(always)]
fn direction_f64(word: u64) -> (f64, f64) {
    const UNIT: f64 = 1.0 / (1_u64 << 62) as f64;

    let turn = (word | 1).wrapping_add(1 << 61);
    let x = fixed::f64(turn & 0x3fff_ffff_ffff_ffff, UNIT, 0.5);
    let w = x * x;
    let [p0, p1, p2, p3, p4, p5, p6] = k::BOX_MULLER_F64_SIN;
    let sin = x * (p0 + w * (p1 + w * (p2 + w * (p3 + w * (p4 + w * (p5 + w * p6))))));
    let [q0, q1, q2, q3, q4, q5] = k::BOX_MULLER_F64_COS;
    let cos = 1.0 + w * (q0 + w * (q1 + w * (q2 + w * (q3 + w * (q4 + w * q5)))));
    let swap = turn & (1 << 62) != 0;
    let (a, b) = if swap { (sin, cos) } else { (cos, sin) };
    let sign_a = turn.wrapping_add(1 << 62) & (1 << 63);
    let sign_b = turn & (1 << 63);
    let negate = |x: f64, sign: u64| f64::from_bits(x.to_bits() ^ sign);
    (negate(a, sign_a), negate(b, sign_b))
}

#[cfg(test)]
mod tests {
    use super::super::constants::reference;
    use super::*;

    fn close(value: f64, exact: f64, bound: f64) {
        assert!((value - exact).abs() <= bound, "{value} instead of {exact}");
    }

    #[test]
    fn matches_mpmath() {
        for (w0, w1, r, cos, sin) in reference::BOX_MULLER {
            close(radius_f64(w0), r, 4.0e-16 * r);
            close(direction_f64(w1).0, cos, 2.0e-16);
            close(direction_f64(w1).1, sin, 2.0e-16);
            assert_eq!(f64(w0, w1).0, radius_f64(w0) * direction_f64(w1).0);
            assert_eq!(f64(w0, w1).1, radius_f64(w0) * direction_f64(w1).1);
        }
    }

    /// With h the high half, both radii come from y between h and h + 1 in units
    /// of 2^-32, so their squares differ by 2/h and twice the error of f32, 2e-7.
    /// The angles differ by 2 pi 2^-32, and the f32 polynomials err by 1.27e-7.
    #[test]
    fn precisions_agree() {
        for k in 1..100_000_u64 {
            let word = k.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (k % 32);
            for w in [word, !word] {
                let high = (w >> 32) as u32;
                if high > 0 {
                    let square = radius_f64(w) * radius_f64(w);
                    let narrow = f64::from(radius_f32(high));
                    close(narrow * narrow, square, 2.0 / f64::from(high) + 4.1e-7 * square);
                }
                close(direction_f32(high).0.into(), direction_f64(w).0, 1.29e-7);
                close(direction_f32(high).1.into(), direction_f64(w).1, 1.29e-7);
            }
        }
    }

    #[test]
    fn ends_and_symmetry() {
        assert_eq!(f32(0, 0), (6.660_437, 6.660_437 * direction_f32(0).1));
        assert!(radius_f32(u32::MAX) > 0.0 && radius_f64(u64::MAX) > 0.0);
        for k in 1..100_000_u64 {
            let w = k.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let (cos, sin) = direction_f64(w);
            // !w | 1 is the negation of w | 1.
            assert_eq!(direction_f64(!w), (cos, -sin));
            assert_eq!(direction_f64(w ^ (1 << 63)), (-cos, -sin));
            let (cos, sin) = direction_f32((w >> 32) as u32);
            assert_eq!(direction_f32(!(w >> 32) as u32), (cos, -sin));
        }
    }

    #[test]
    #[ignore = "slow: all 2^31 inputs of each half"]
    fn f32_is_accurate_everywhere() {
        for word in (1..=u32::MAX).step_by(2) {
            let wide = u64::from(word) << 32;
            let r = radius_f64(wide);
            close(radius_f32(word).into(), r, 2.0e-7 * r);
            close(direction_f32(word).0.into(), direction_f64(wide).0, 1.27e-7);
            close(direction_f32(word).1.into(), direction_f64(wide).1, 1.27e-7);
        }
    }
}
