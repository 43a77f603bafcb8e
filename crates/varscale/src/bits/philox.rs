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
//! Deviations, all for vectors:
//! - On x86 every word travels in 64 bits whose upper half is junk, and is masked in front of the
//!   products only. That is `vpmuludq`, which reads the lower halves by itself; where LLVM can prove
//!   32 bits it emits the three times slower `vpmullq` instead.
//! - Consecutive counters share three of their words, and so one product of each of the first two
//!   rounds and what it is combined with: [`Counters`]. Their first products differ by M0.
//! - The rounds of several counters take turns, since each round waits for its products.
//! - The last products are turned by 32 bits, which puts both words that they go into in place.

// To the words' own type, where lanes have it.
#![allow(clippy::unnecessary_cast)]

use bytemuck::{Pod, cast_slice_mut};

const M0: u32 = 0xD251_1F53;
const M1: u32 = 0xCD9E_8D57;
const W0: u32 = 0x9E37_79B9;
const W1: u32 = 0xBB67_AE85;
const ROUNDS: usize = 10;

/// Counters of a whole block, whose rounds take turns.
pub(crate) const COUNTERS: usize = 64;

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
pub(crate) struct Key([[Lane; 2]; ROUNDS]);

impl Key {
    // Not inlined: LLVM would see that the first key has 32 bits, and leave out masks.
    #[inline(never)]
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
fn round([c0, c1, c2, c3]: [Lane; 4], [k0, k1]: [Lane; 2]) -> [Lane; 4] {
    let (hi0, lo0) = multiply(c0, M0);
    let (hi1, lo1) = multiply(c2, M1);
    [hi1 ^ c1 ^ k0, lo1, hi0 ^ c3 ^ k1, lo0]
}

#[inline(always)]
fn rounds(counter: [Lane; 4], key: &Key) -> [u32; 4] {
    key.0.into_iter().fold(counter, round).map(|word| word as u32)
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

/// What the counters (…, high, call, plane) share in their first rounds.
#[derive(Clone, Copy)]
pub(crate) struct Counters([Lane; 4]);

impl Counters {
    // Not inlined: LLVM would see which of these bits are zero, and then as above.
    #[inline(never)]
    pub(crate) fn new(Key(key): &Key, high: u32, call: u32, plane: u32) -> Self {
        let (hi1, lo1) = multiply(Lane::from(call), M1);
        let (hi0, lo0) = multiply(hi1 ^ Lane::from(high) ^ key[0][0], M0);
        Self([Lane::from(plane) ^ key[0][1], lo1 ^ key[1][0], hi0 ^ key[1][1], lo0 ^ key[2][1]])
    }

    /// The state of the counter (low, …) after three rounds; `product` is low · M0.
    #[inline(always)]
    fn third_round(&self, product: u64, Key(key): &Key) -> [Lane; 4] {
        let [a, b, c, d] = self.0;
        let (hi0, lo0) = ((product >> 32) as Lane, product as Lane);
        let (hi1, lo1) = multiply(hi0 ^ a, M1);
        let (hi2, lo2) = multiply(hi1 ^ b, M0);
        let (hi3, lo3) = multiply(lo0 ^ c, M1);
        [hi3 ^ lo1 ^ key[2][0], lo3, hi2 ^ d, lo2]
    }
}

/// As the array's own `map`, which LLVM does not unroll beyond four.
#[inline(always)]
fn map<A, B: Copy + Default, const N: usize>(array: [A; N], f: impl Fn(A) -> B) -> [B; N] {
    let mut out = [B::default(); N];
    for (out, value) in out.iter_mut().zip(array) {
        *out = f(value);
    }
    out
}

/// The four words of each of `N` counters, by pairs: the first one in the lower half. `products` are
/// the counters' lower halves times M0.
#[inline(always)]
fn pairs<const N: usize>(shared: &Counters, products: [u64; N], key: &Key) -> [[u64; 2]; N] {
    // Without a loop over the keys, which LLVM would keep where `N` is large.
    let [_, _, _, k3, k4, k5, k6, k7, k8, [k0, k1]] = key.0;
    let states = map(products, |product| shared.third_round(product, key));
    let states = map(states, |state| round(state, k3));
    let states = map(states, |state| round(state, k4));
    let states = map(states, |state| round(state, k5));
    let states = map(states, |state| round(state, k6));
    let states = map(states, |state| round(state, k7));
    let states = map(states, |state| round(state, k8));
    map(states, |[c0, c1, c2, c3]| [last_round(c2, M1, c1 ^ k0), last_round(c0, M0, c3 ^ k1)])
}

/// The upper half of the product, combined with `word`, and above it the lower half.
#[inline(always)]
fn last_round(lane: Lane, multiplier: u32, word: Lane) -> u64 {
    (low_half(lane) * u64::from(multiplier)).rotate_left(32) ^ low_half(word)
}

#[inline(always)]
fn low_half(lane: Lane) -> u64 {
    u64::from(lane as u32)
}

/// What the words of a run of counters are drawn from.
pub(crate) trait Words: Copy {
    /// The words of one counter, as they lie in memory.
    type Block: Pod;

    /// The words of the counters whose lower halves times M0 are `products`.
    fn draw<const N: usize>(&self, key: &Key, products: [u64; N]) -> [Self::Block; N];

    /// Fills `out` with the words of the counters from `first`, which differ in their lower half.
    /// The rounds of `TURNS` counters take turns.
    #[inline(always)]
    fn fill<const TURNS: usize>(&self, key: &Key, first: u64, out: &mut [u64]) {
        let part = COUNTERS / TURNS;
        let out = cast_slice_mut(out);
        // Each product is the one before it and M0.
        let mut product = u64::from(first as u32) * u64::from(M0);
        if let Ok(out) = <&mut [Self::Block; COUNTERS]>::try_from(&mut *out) {
            for index in 0..part {
                let mut products = [product; TURNS];
                for (turn, product) in products.iter_mut().enumerate() {
                    *product += (turn * part) as u64 * u64::from(M0);
                }
                for (turn, block) in self.draw(key, products).into_iter().enumerate() {
                    out[index + turn * part] = block;
                }
                product += u64::from(M0);
            }
        } else {
            for block in out {
                [*block] = self.draw(key, [product]);
                product += u64::from(M0);
            }
        }
    }
}

/// 32 bits each, two in each u64: the first one in the lower half.
impl Words for Counters {
    type Block = [u64; 2];

    #[inline(always)]
    fn draw<const N: usize>(&self, key: &Key, products: [u64; N]) -> [[u64; 2]; N] {
        let words = pairs(self, products, key);
        if cfg!(target_endian = "big") {
            return map(words, |pairs| pairs.map(|pair| pair.rotate_left(32)));
        }
        words
    }
}

/// 64 bits each: those of the first counters above those of the second.
impl Words for [Counters; 2] {
    type Block = [u64; 4];

    #[inline(always)]
    fn draw<const N: usize>(&self, key: &Key, products: [u64; N]) -> [[u64; 4]; N] {
        const LOW: u64 = u32::MAX as u64;
        let [high, low] = [pairs(&self[0], products, key), pairs(&self[1], products, key)];
        let mut words = [[0; 4]; N];
        for (words, ([h0, h1], [l0, l1])) in words.iter_mut().zip(high.into_iter().zip(low)) {
            *words = [
                (h0 << 32) | (l0 & LOW),
                (h0 & !LOW) | (l0 >> 32),
                (h1 << 32) | (l1 & LOW),
                (h1 & !LOW) | (l1 >> 32),
            ];
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

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

    /// Words of a run, and of the run in 64 bits, against one counter at a time.
    fn check_run<const TURNS: usize>(first: u64, counters: usize) {
        let (key, call) = ([7, 11], 5);
        let keys = Key::new(key);
        let shared = [0, 1].map(|plane| Counters::new(&keys, (first >> 32) as u32, call, plane));
        let (mut words, mut wide) = (vec![0u64; 2 * counters], vec![0u64; 4 * counters]);
        shared[1].fill::<TURNS>(&keys, first, &mut words);
        shared.fill::<TURNS>(&keys, first, &mut wide);
        let words: &[[u32; 4]] = bytemuck::cast_slice(&words);
        let wide: &[[u64; 4]] = bytemuck::cast_slice(&wide);
        for (index, (words, wide)) in words.iter().zip(wide).enumerate() {
            let counter = first + index as u64;
            let expected = [0, 1].map(|plane| {
                philox4x32([counter as u32, (counter >> 32) as u32, call, plane], key)
            });
            assert_eq!(*words, expected[1]);
            let both = |k| (u64::from(expected[0][k]) << 32) | u64::from(expected[1][k]);
            assert_eq!(*wide, core::array::from_fn(both));
        }
    }

    #[test]
    fn runs_are_their_counters() {
        for counters in [0, 1, 37, COUNTERS, 4 * COUNTERS] {
            for last in [u64::from(u32::MAX), (7 << 32) - 1, (7 << 32) + 12_345, u64::MAX - 1] {
                check_run::<4>(last + 1 - counters as u64, counters);
                check_run::<8>(last + 1 - counters as u64, counters);
            }
        }
    }
}
