//! Philox4x32-10: counter to random words.
//!
//! Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
//!
//! ```text
//! ten times, with the key raised by (W0, W1) in between:
//!     (hi0, lo0) = M0 · c0;  (hi1, lo1) = M1 · c2
//!     (c0, c1, c2, c3) = (hi1 ^ c1 ^ k0, lo1, hi0 ^ c3 ^ k1, lo0)
//! ```
//!
//! Deviation on x86: every word travels in 64 bits whose upper half is junk, and is masked in front
//! of the products only. That is `vpmuludq`, which reads the lower halves by itself; where LLVM can
//! prove 32 bits it emits the three times slower `vpmullq` instead.

const M0: u32 = 0xD251_1F53;
const M1: u32 = 0xCD9E_8D57;
const W0: u32 = 0x9E37_79B9;
const W1: u32 = 0xBB67_AE85;
const ROUNDS: usize = 10;

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
type Lane = u64;
#[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
type Lane = u32;

/// Both halves of a product, the upper one with junk above its 32 bits where lanes have room.
#[inline(always)]
fn multiply(lane: Lane, multiplier: u32) -> (Lane, Lane) {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    {
        let product = (lane & 0xFFFF_FFFF) * Lane::from(multiplier);
        (product >> 32, product)
    }
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
    {
        let product = u64::from(lane) * u64::from(multiplier);
        ((product >> 32) as Lane, product as Lane)
    }
}

/// Round keys, computed once per fill.
#[derive(Clone, Copy)]
pub struct Key([[Lane; 2]; ROUNDS]);

impl Key {
    #[inline(always)]
    pub(crate) fn new(key: [u32; 2]) -> Self {
        let mut round = [Lane::from(key[0]), Lane::from(key[1])];
        Self(core::array::from_fn(|_| {
            let current = round;
            // Not wrapped to 32 bits where lanes are wider: that upper half is junk, too.
            round = [round[0].wrapping_add(Lane::from(W0)), round[1].wrapping_add(Lane::from(W1))];
            current
        }))
    }
}

#[inline(always)]
fn rounds(counter: [Lane; 4], key: &Key) -> [u32; 4] {
    let [mut c0, mut c1, mut c2, mut c3] = counter;
    for [k0, k1] in key.0 {
        let (hi0, lo0) = multiply(c0, M0);
        let (hi1, lo1) = multiply(c2, M1);
        (c0, c1, c2, c3) = (hi1 ^ c1 ^ k0, lo1, hi0 ^ c3 ^ k1, lo0);
    }
    [c0 as u32, c1 as u32, c2 as u32, c3 as u32]
}

/// The four words of one counter.
#[inline]
pub(crate) fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    rounds(counter.map(Lane::from), &Key::new(key))
}

/// The four words of the counter (low half, high half), for loops that keep words in planes.
#[cfg(feature = "keras-streams")]
#[inline(always)]
pub(crate) fn block(key: &Key, low: u64, high: u64) -> [u32; 4] {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    let counter = [low, low >> 32, high, high >> 32];
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
    let counter = [low as Lane, (low >> 32) as Lane, high as Lane, (high >> 32) as Lane];
    rounds(counter, key)
}

/// The words of the counters (first, call, plane), (first + 1, call, plane), …, four each.
#[inline(always)]
pub(crate) fn words(key: &Key, call: u32, plane: u32, first: u64, out: &mut [u32]) {
    for (index, block) in out.chunks_exact_mut(4).enumerate() {
        let counter = first.wrapping_add(index as u64);
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        let low = counter;
        #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
        let low = counter as u32;
        let words =
            rounds([low, (counter >> 32) as Lane, Lane::from(call), Lane::from(plane)], key);
        block.copy_from_slice(&words);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of Random123 1.14 (`tests/kat_vectors`, `philox4x32 10`).
    #[test]
    fn known_answers() {
        for (counter, key, words) in [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ] {
            assert_eq!(philox4x32(counter, key), words);
        }
    }

    #[test]
    fn runs_of_counters_cross_every_carry() {
        let key = [7, 11];
        for first in [0, 3, u64::from(u32::MAX) - 5, (7 << 32) - 1, u64::MAX - 2] {
            let mut out = [0; 4 * 37];
            words(&Key::new(key), 5, 1, first, &mut out);
            for (index, block) in out.chunks(4).enumerate() {
                let counter = first.wrapping_add(index as u64);
                let expected = philox4x32([counter as u32, (counter >> 32) as u32, 5, 1], key);
                assert_eq!(block, expected);
            }
        }
    }
}
