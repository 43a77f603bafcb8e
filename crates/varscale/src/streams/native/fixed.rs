//! Fixed-point words as f64.
//!
//! ```text
//! high = 2^84 unit + 2^32 unit * (high half of word)    exact, by its bits
//! low  = 2^52 unit +      unit * (low half of word)     exact, by its bits
//! return (high - (2^84 unit + 2^52 unit + from)) + low
//! ```
//!
//! The subtraction is exact, so the result is rounded once. It deviates from the
//! obvious `word as f64` because AVX2 and SSE2 have no conversion of 64-bit
//! integers: there a cast falls back to one scalar at a time. The scale and the
//! offset come for free, which keeps AVX-512 as fast as its own instruction.

/// `word * unit - from`, rounded once.
///
/// `unit` is a power of two and `from` a multiple of `2^32 * unit` below
/// `2^66 * unit`; both must be constants for this to be cheap.
#[inline(always)]
pub(crate) fn f64(word: u64, unit: f64, from: f64) -> f64 {
    let top = unit * (1_u128 << 84) as f64;
    let bottom = unit * (1_u64 << 52) as f64;
    let high = f64::from_bits((word >> 32) | top.to_bits());
    let low = f64::from_bits((word & 0xffff_ffff) | bottom.to_bits());
    (high - (top + bottom + from)) + low
}

#[cfg(test)]
mod tests {
    #[test]
    fn matches_the_cast() {
        let mut word = 1_u64;
        for shift in 0..100_000 {
            word = word.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1);
            let w = word >> (shift % 64);
            assert_eq!(super::f64(w, 1.0, 0.0), w as f64, "{w}");
            let offset = i128::from(w) - (1 << 63);
            let from = (1_u64 << 63) as f64;
            assert_eq!(super::f64(w, 1.0, from), offset as f64, "{w}");
            assert_eq!(super::f64(w, 0.5, from * 0.5), offset as f64 * 0.5, "{w}");
        }
    }
}
