//! Standard normal truncated to any bounds, by inversion.
//!
//! ```text
//! s = word | 1 as signed; u = s / 2^31 (f64: 2^63)
//! x    = base + slope u                              erf(z / sqrt 2), between those of the bounds
//! low  = 1 + x; high = 1 - x                         by the exact distances 1 + u and 1 - u
//! z = M x (C + prod(q + A) / prod(q + B)), q = low high     up to 3.03125 standard deviations
//! z = t N(t) / D(t), t = sqrt(-2 ln high)            from there on; with low where x is negative
//! ```
//!
//! Both rational functions are minimax, relative error 2.3e-7 (f32) and 7e-17 (f64). Nothing cancels:
//! the probability of a tail is a sum of positive numbers. Deviations: M is folded into base and slope.
//! Bounds that lie further on the negative side are mirrored, by negating the word and the result.
//! Where both lie on one side, x is counted from the lower one, so that values close to 0 keep their
//! digits. Where both lie in one tail, its probability is scaled to 1, so that f32 holds it, and the
//! logarithm of the scale is added.

use super::{box_muller, constants as k, fixed};
use crate::{math, schemes::gaussian, simd::Real};

/// What the bounds come to, in the computing type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds<C> {
    /// Whether a value may be in a tail.
    pub(crate) tails: bool,
    /// Whether the result is the negative one.
    pub(crate) mirrored: bool,
    pub(super) base: C,
    pub(super) slope: C,
    /// Whether x is counted from the lower bound, by 1 + u.
    pub(super) from_lower: bool,
    pub(super) low: C,
    pub(super) low_slope: C,
    pub(super) high: C,
    pub(super) high_slope: C,
    /// Below this, `low` or `high` is a tail's.
    pub(super) switch: C,
    /// −2 ln of the scale of a tail.
    pub(super) shift: C,
}

/// M, by which x is multiplied.
pub(crate) trait Factor: Real {
    const FACTOR: f64;
}

impl Factor for f32 {
    const FACTOR: f64 = k::BOUNDED_F32_M as f64;
}

impl Factor for f64 {
    const FACTOR: f64 = k::BOUNDED_F64_M;
}

impl<C: Factor> Bounds<C> {
    /// `lower` and `upper` in standard deviations, in this order.
    pub(crate) fn new(lower: f64, upper: f64) -> Self {
        let mirrored = lower + upper < 0.0;
        let (lower, upper) = if mirrored { (-upper, -lower) } else { (lower, upper) };
        let (from_lower, from) = (lower >= 0.0, C::from_f64);
        let (low, high) = (gaussian::beyond(-lower), gaussian::beyond(upper));
        if gaussian::beyond(lower) < k::BOUNDED_SWITCH {
            let near = gaussian::beyond(lower);
            let scale = 1023 - (near.to_bits() >> 52) as i32;
            let [near, high] = [near, high].map(|tail| gaussian::scaled(tail, scale));
            return Self {
                tails: true,
                mirrored,
                base: from(1.0),
                slope: from(0.0),
                from_lower,
                low: from(2.0),
                low_slope: from(0.0),
                high: from(high),
                high_slope: from((near - high) / 2.0),
                switch: from(f64::INFINITY),
                shift: from(f64::from(scale) * (2.0 * core::f64::consts::LN_2)),
            };
        }
        let (first, last) = (gaussian::within(lower), gaussian::within(upper));
        let slope = (last - first) / 2.0;
        let base = if from_lower { first } else { (first + last) / 2.0 };
        Self {
            tails: low.min(high) < k::BOUNDED_SWITCH,
            mirrored,
            base: from(C::FACTOR * base),
            slope: from(C::FACTOR * slope),
            from_lower,
            low: from(low),
            low_slope: from(slope),
            high: from(high),
            high_slope: from(slope),
            switch: from(k::BOUNDED_SWITCH),
            shift: from(0.0),
        }
    }
}

/// The quantile of a word, negated where the bounds are mirrored; relative error 9e-7. `TAILS`: it may be
/// in a tail.
#[inline(always)]
pub(super) fn f32<const TAILS: bool>(word: u32, bounds: &Bounds<f32>) -> f32 {
    const UNIT: f32 = 1.0 / (1_u64 << 31) as f32;

    let word = if bounds.mirrored { !word } else { word };
    let s = (word | 1) as i32;
    // |s| - 2^31, by bits: of an absolute value LLVM makes a comparison and a masked subtraction.
    let nearer = ((s ^ (s >> 31)) | i32::MIN | 1) as f32 * -UNIT;
    let farther = 2.0 - nearer;
    let (above_lower, below_upper) = if s < 0 { (nearer, farther) } else { (farther, nearer) };
    let u = if bounds.from_lower { above_lower } else { s as f32 * UNIT };

    let x = bounds.base + bounds.slope * u;
    let low = bounds.low + bounds.low_slope * above_lower;
    let high = bounds.high + bounds.high_slope * below_upper;
    let q = low * high;
    let [a0, a1, a2, a3, a4] = k::BOUNDED_F32_A;
    let [b0, b1, b2, b3, b4, b5] = k::BOUNDED_F32_B;
    let numerator = ((q + a0) * (q + a1)) * ((q + a2) * (q + a3)) * (q + a4);
    let denominator = (((q + b0) * (q + b1)) * ((q + b2) * (q + b3))) * ((q + b4) * (q + b5));
    if !TAILS {
        return x * (k::BOUNDED_F32_C + numerator / denominator);
    }
    let tail = if x < 0.0 { low } else { high };
    let in_tail = tail < bounds.switch;
    let t = math::sqrt_f32(box_muller::minus_two_ln_f32(tail, tail - 1.0) + bounds.shift);
    let horner = |[c0, c1, c2, c3, c4]: [f32; 5]| c0 + t * (c1 + t * (c2 + t * (c3 + t * c4)));
    let factor = f32::from_bits(t.to_bits() | (x.to_bits() & (1 << 31)));
    let numerator = if in_tail { horner(k::BOUNDED_F32_N) } else { numerator };
    let denominator = if in_tail { horner(k::BOUNDED_F32_D) } else { denominator };
    let constant = if in_tail { 0.0 } else { k::BOUNDED_F32_C };
    (if in_tail { factor } else { x }) * (constant + numerator / denominator)
}

/// As [`f32()`]; relative error 2e-15.
#[inline(always)]
pub(super) fn f64<const TAILS: bool>(word: u64, bounds: &Bounds<f64>, converts: bool) -> f64 {
    const UNIT: f64 = 1.0 / (1_u64 << 63) as f64;

    let word = if bounds.mirrored { !word } else { word };
    // 2^63 + s: unsigned, so that the distances to both ends are offsets of it.
    let n = (word ^ (1 << 63)) | 1;
    let (above_lower, below_upper, u) = if converts {
        (n as f64 * UNIT, n.wrapping_neg() as f64 * UNIT, (word | 1) as i64 as f64 * UNIT)
    } else {
        let below_upper = fixed::f64(n.wrapping_neg(), UNIT, 0.0);
        (fixed::f64(n, UNIT, 0.0), below_upper, fixed::f64(n, UNIT, 1.0))
    };
    let u = if bounds.from_lower { above_lower } else { u };

    let x = bounds.base + bounds.slope * u;
    let low = bounds.low + bounds.low_slope * above_lower;
    let high = bounds.high + bounds.high_slope * below_upper;
    let q = low * high;
    let [a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13] = k::BOUNDED_F64_A;
    let [b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11, b12, b13, b14] = k::BOUNDED_F64_B;
    let four = |c0, c1, c2, c3| ((q + c0) * (q + c1)) * ((q + c2) * (q + c3));
    let numerator = (four(a0, a1, a2, a3) * four(a4, a5, a6, a7))
        * (four(a8, a9, a10, a11) * ((q + a12) * (q + a13)));
    let denominator = (four(b0, b1, b2, b3) * four(b4, b5, b6, b7))
        * (four(b8, b9, b10, b11) * ((q + b12) * (q + b13) * (q + b14)));
    if !TAILS {
        return x * (k::BOUNDED_F64_C + numerator / denominator);
    }
    let tail = if x < 0.0 { low } else { high };
    let in_tail = tail < bounds.switch;
    let t = math::sqrt_f64(box_muller::minus_two_ln_f64(tail, tail - 1.0) + bounds.shift);
    let horner = |c: [f64; 10]| {
        let [c0, c1, c2, c3, c4, c5, c6, c7, c8, c9] = c;
        let upper = c5 + t * (c6 + t * (c7 + t * (c8 + t * c9)));
        c0 + t * (c1 + t * (c2 + t * (c3 + t * (c4 + t * upper))))
    };
    let factor = f64::from_bits(t.to_bits() | (x.to_bits() & (1 << 63)));
    let numerator = if in_tail { horner(k::BOUNDED_F64_N) } else { numerator };
    let denominator = if in_tail { horner(k::BOUNDED_F64_D) } else { denominator };
    let constant = if in_tail { 0.0 } else { k::BOUNDED_F64_C };
    (if in_tail { factor } else { x }) * (constant + numerator / denominator)
}

#[cfg(test)]
mod tests {
    use super::super::constants::reference;
    use super::*;

    /// A word's value in both precisions.
    struct Both {
        narrow: (Bounds<f32>, f64),
        wide: (Bounds<f64>, f64),
    }

    impl Both {
        fn new(lower: f64, upper: f64) -> Self {
            let (narrow, wide) = (Bounds::new(lower, upper), Bounds::new(lower, upper));
            let sign = if wide.mirrored { -1.0 } else { 1.0 };
            Self { narrow: (narrow, sign), wide: (wide, sign) }
        }

        fn f64(&self, word: u64) -> f64 {
            let (bounds, sign) = &self.wide;
            let [z, same] = [false, true].map(|converts| f64::<true>(word, bounds, converts));
            assert_eq!(z.to_bits(), same.to_bits(), "{word:x}");
            if !bounds.tails {
                assert_eq!(z.to_bits(), f64::<false>(word, bounds, false).to_bits());
            }
            sign * z
        }

        fn f32(&self, word: u32) -> f64 {
            let (bounds, sign) = &self.narrow;
            let z = f32::<true>(word, bounds);
            if !bounds.tails {
                assert_eq!(z.to_bits(), f32::<false>(word, bounds).to_bits());
            }
            sign * f64::from(z)
        }
    }

    /// Relative to the value, and close to 0 between the bounds to the last place of 1.
    fn error(value: f64, exact: f64) -> f64 {
        (value - exact).abs() / exact.abs().max(0.25)
    }

    #[test]
    fn matches_mpmath() {
        for (lower, upper, word, exact) in reference::BOUNDED {
            let error = error(Both::new(lower, upper).f64(word), exact);
            assert!(error < 2.0e-15, "{lower} {upper} {word:x}: {error:e}");
        }
    }

    const BOUNDS: [(f64, f64); 12] = [
        (-3.0, 3.0),
        (-1.0, 1.0),
        (-2.5, 2.5),
        (0.0, 1.0),
        (0.0, f64::INFINITY),
        (2.0, f64::INFINITY),
        (f64::NEG_INFINITY, 1.0),
        (4.0, 6.0),
        (-6.0, -4.0),
        (-1.0, 4.0),
        (-37.5, 37.5),
        (37.0, f64::INFINITY),
    ];

    /// Of f32 from the middle of the words of f64 that begin alike.
    fn check_f32(lower: f64, upper: f64, words: impl Iterator<Item = u32>) -> f64 {
        let both = Both::new(lower, upper);
        words.fold(0.0, |largest: f64, word| {
            largest.max(error(both.f32(word), both.f64((u64::from(word | 1) << 32) - 1)))
        })
    }

    #[test]
    fn precisions_agree() {
        for (lower, upper) in BOUNDS {
            let words = (0..100_000_u32).map(|k| k.wrapping_mul(0x9E37_79B9));
            let ends = (0..1000).flat_map(|k| [k, !k, i32::MAX as u32 - k, (1 << 31) | k]);
            let largest = check_f32(lower, upper, words.chain(ends));
            assert!(largest < 9.0e-7, "[{lower}, {upper}]: {largest:e}");
        }
    }

    #[test]
    #[ignore = "slow: every 17th of all inputs for each pair of bounds"]
    fn f32_is_accurate_everywhere() {
        for (lower, upper) in BOUNDS {
            let largest = check_f32(lower, upper, (1..=u32::MAX).step_by(34));
            std::println!("[{lower}, {upper}]: {largest:e}");
            assert!(largest < 9.0e-7, "[{lower}, {upper}]: {largest:e}");
        }
    }
}
