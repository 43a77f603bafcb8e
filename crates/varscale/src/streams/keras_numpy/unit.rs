//! Uniform numbers of words.

/// Words that are drawn and transformed at a time.
pub(super) const BLOCK: usize = 512;

/// Uniform in [0, 1), 53 bits.
#[inline(always)]
pub(super) fn unit(word: u64) -> f64 {
    (word >> 11) as i64 as f64 * (1.0 / (1_u64 << 53) as f64)
}
