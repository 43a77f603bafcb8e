//! MT19937, seeded by one word (torch) or by many (CPython).
//!
//! Matsumoto, Nishimura: "Mersenne twister" (1998), `init_genrand` and `genrand_int32` of their
//! mt19937ar.c (2002), which is also torch's `MT19937RNGEngine.h`.
//!
//! ```text
//! x[0] = seed; x[i] = 1812433253 (x[i-1] ^ x[i-1] >> 30) + i
//! x[k+624] = x[k+397] ^ y >> 1 ^ (if x[k+1] odd: 0x9908b0df), y = upper bit of x[k], others of x[k+1]
//! word k = temper(x[k+624])
//! ```
//!
//! Deviations: words are handed out 624 at a time and not yet tempered, because the recurrence is
//! all that must run in sequence: the caller tempers where it transforms, in parallel, and only
//! what it uses. Each block is written next to the one before it and not over it. The loop is cut
//! where its source reaches into the new block, 227 words back, so that every part vectorizes.

use crate::simd::{Fma, Kernel, Level};

/// Words per block.
pub(crate) const BLOCK: usize = 624;
const MIDDLE: usize = 397;
const DISTANCE: usize = BLOCK - MIDDLE;

/// The generator, in front of its next block.
#[derive(Debug, Clone)]
pub(crate) struct Mt19937 {
    block: [u32; BLOCK],
}

impl Mt19937 {
    /// `init_genrand`.
    pub(crate) fn new(seed: u32) -> Self {
        let mut block = [0; BLOCK];
        let mut last = seed;
        for (index, word) in block.iter_mut().enumerate() {
            if index > 0 {
                last = (last ^ (last >> 30)).wrapping_mul(1_812_433_253).wrapping_add(index as u32);
            }
            *word = last;
        }
        Self { block }
    }

    /// `init_by_array`. An empty key is taken for a single zero.
    pub(crate) fn from_key(key: &[u32]) -> Self {
        let key = if key.is_empty() { &[0] } else { key };
        let mut state = Self::new(19_650_218).block;
        let mut i = 1;
        for turn in 0..BLOCK.max(key.len()) {
            let j = turn % key.len();
            state[i] = mixed(&state, i, 1_664_525).wrapping_add(key[j]).wrapping_add(j as u32);
            i = following(&mut state, i);
        }
        for _ in 1..BLOCK {
            state[i] = mixed(&state, i, 1_566_083_941).wrapping_sub(i as u32);
            i = following(&mut state, i);
        }
        state[0] = 1 << 31;
        Self { block: state }
    }

    /// The next blocks, untempered, as many as `out` holds.
    pub(crate) fn blocks(&mut self, level: Level, out: &mut [u32]) {
        level.run(Blocks { generator: self, out });
    }

    /// The generator behind whole blocks that it drew, which are all of its state.
    pub(crate) fn after(&self, drawn: &[u32]) -> Self {
        match drawn.as_chunks().0.last() {
            Some(&block) => Self { block },
            None => self.clone(),
        }
    }

    /// Leaves out blocks: a quarter of a nanosecond per word.
    pub(crate) fn skip(&mut self, level: Level, blocks: u64) {
        level.run(Skip { generator: self, blocks });
    }
}

struct Blocks<'a> {
    generator: &'a mut Mt19937,
    out: &'a mut [u32],
}

impl Kernel for Blocks<'_> {
    type Output = ();

    #[inline(always)]
    fn run<F: Fma>(self) {
        let mut last = &self.generator.block;
        for block in self.out.as_chunks_mut().0 {
            follow(last, block);
            last = block;
        }
        self.generator.block = *last;
    }
}

struct Skip<'a> {
    generator: &'a mut Mt19937,
    blocks: u64,
}

impl Kernel for Skip<'_> {
    type Output = ();

    #[inline(always)]
    fn run<F: Fma>(self) {
        let mut next = [0; BLOCK];
        for _ in 0..self.blocks / 2 {
            follow(&self.generator.block, &mut next);
            follow(&next, &mut self.generator.block);
        }
        if self.blocks % 2 == 1 {
            follow(&self.generator.block, &mut next);
            self.generator.block = next;
        }
    }
}

/// The block after another.
#[inline(always)]
fn follow(last: &[u32; BLOCK], next: &mut [u32; BLOCK]) {
    recur(&mut next[..DISTANCE], &last[MIDDLE..], &last[..=DISTANCE]);
    let (done, rest) = next.split_at_mut(DISTANCE);
    recur(&mut rest[..DISTANCE], done, &last[DISTANCE..=2 * DISTANCE]);
    let (done, rest) = next.split_at_mut(2 * DISTANCE);
    recur(&mut rest[..BLOCK - 1 - 2 * DISTANCE], &done[DISTANCE..], &last[2 * DISTANCE..]);
    next[BLOCK - 1] = next[MIDDLE - 1] ^ twist(last[BLOCK - 1], next[0]);
}

/// `out[k] = middle[k] ^ twist(first[k], first[k + 1])`.
#[inline(always)]
fn recur(out: &mut [u32], middle: &[u32], first: &[u32]) {
    let pairs = first.iter().zip(&first[1..]);
    for ((out, &middle), (&first, &second)) in out.iter_mut().zip(middle).zip(pairs) {
        *out = middle ^ twist(first, second);
    }
}

#[inline(always)]
fn twist(first: u32, second: u32) -> u32 {
    let y = (first & 0x8000_0000) | (second & 0x7FFF_FFFF);
    (y >> 1) ^ ((second & 1).wrapping_neg() & 0x9908_B0DF)
}

/// A step of `init_by_array`, before its addition.
fn mixed(state: &[u32; BLOCK], i: usize, multiplier: u32) -> u32 {
    let last = state[i - 1];
    state[i] ^ (last ^ (last >> 30)).wrapping_mul(multiplier)
}

/// The index after `i`, where `init_by_array` wraps around to 1 and carries over.
fn following(state: &mut [u32; BLOCK], i: usize) -> usize {
    if i + 1 < BLOCK {
        return i + 1;
    }
    state[0] = state[BLOCK - 1];
    1
}

/// The output function.
#[inline(always)]
pub(crate) fn temper(mut word: u32) -> u32 {
    word ^= word >> 11;
    word ^= (word << 7) & 0x9D2C_5680;
    word ^= (word << 15) & 0xEFC6_0000;
    word ^ (word >> 18)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// C++ requires the 10,000th word of `std::mt19937` with its default seed, 5489.
    #[test]
    fn known_answer() {
        for level in Level::available() {
            let mut words = [0; 17 * BLOCK];
            Mt19937::new(5489).blocks(level, &mut words);
            assert_eq!(temper(words[0]), 3_499_211_612);
            assert_eq!(temper(words[9_999]), 4_123_659_995);
        }
    }

    #[test]
    fn skip_equals_draw() {
        for level in Level::available() {
            for skipped in [0, 1, 2, 7] {
                let mut words = [0; 9 * BLOCK];
                Mt19937::new(1).blocks(level, &mut words);
                let mut generator = Mt19937::new(1);
                generator.skip(level, skipped);
                let mut after = [0; 2 * BLOCK];
                generator.blocks(level, &mut after[..BLOCK]);
                generator.blocks(level, &mut after[BLOCK..]);
                assert_eq!(after, words[skipped as usize * BLOCK..][..2 * BLOCK]);
            }
        }
    }
}
