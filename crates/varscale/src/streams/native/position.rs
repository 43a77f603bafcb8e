//! Where a tensor's words lie.
//!
//! ```text
//! d    = FNV-1a-128 of the tensor name's UTF-8 bytes
//! key  = first two words of Philox4x32-10(counter = d, key = seed)
//! word = word (i mod 4) of Philox4x32-10(counter = (⌊i/4⌋ low, ⌊i/4⌋ high, call, plane), key)
//! ```
//!
//! `i` is the row-major index in the global shape. 128-bit and 64-bit numbers are split into words
//! from the low end.

use crate::{bits::philox::philox4x32, streams::values::Request};

/// Where the words of one draw of one tensor lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) key: [u32; 2],
    pub(crate) call: u32,
}

impl Position {
    pub(crate) fn of(request: &Request) -> Self {
        Self { key: key(request.seed, request.name), call: request.call }
    }
}

/// The key of a seed, modulo 2^64, and the digest of a name.
fn key(seed: i128, name: u128) -> [u32; 2] {
    let seed = seed as u64;
    let counter = [0, 32, 64, 96].map(|shift| (name >> shift) as u32);
    let [k0, k1, ..] = philox4x32(counter, [seed as u32, (seed >> 32) as u32]);
    [k0, k1]
}

/// See [`Stream::seed_by_name`](crate::Stream::seed_by_name).
pub(crate) fn seed_by_name(seed: i128, name: &str) -> u32 {
    key(seed, fnv1a_128(name.as_bytes()))[0] >> 1
}

/// Fowler, Noll and Vo's FNV-1a with 128 bits
/// (<http://www.isthe.com/chongo/tech/comp/fnv/>, RFC 9923).
pub(crate) fn fnv1a_128(bytes: &[u8]) -> u128 {
    const OFFSET_BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = (1 << 88) + 0x13b;
    bytes.iter().fold(OFFSET_BASIS, |hash, &byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test vectors of RFC 9923, appendix C.
    #[test]
    fn fnv_known_answers() {
        assert_eq!(fnv1a_128(b""), 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        assert_eq!(fnv1a_128(b"a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
        assert_eq!(fnv1a_128(b"foobar"), 0x343e_1662_793c_64bf_6f0d_3597_ba44_6f18);
    }
}
