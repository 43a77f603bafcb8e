//! NumPy's normals by the ziggurat: see `keras_numpy`.
//!
//! How many words a normal takes depends on the words (1.2 % take more than one), so the words are
//! parsed in pieces, each of which assumes that a normal starts at its first word. That is nearly
//! always so; else the piece is parsed again with what the one before it left over.

use alloc::{vec, vec::Vec};

use super::{
    unit::{BLOCK, unit},
    ziggurat::{DENSITY, INSIDE, INVERSE_R, R, WIDTH},
};
use crate::{
    bits::pcg64::Pcg64,
    dtype::Dtype,
    math,
    simd::{Fma, Kernel, Level},
    streams::{cast::Cast, fdlibm},
};

/// Words that are parsed independently of others.
const PIECE: usize = 1 << 14;
/// Pieces that are parsed before their values are put together.
const PIECES: usize = 64;

/// What becomes of a standard normal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Affine {
    pub(super) mean: f64,
    pub(super) stddev: f64,
    /// Smallest and largest value kept.
    pub(super) bounds: Option<(f64, f64)>,
}

impl Affine {
    #[inline(always)]
    fn value(self, z: f64) -> f64 {
        // The mean comes first, as in NumPy: 0 + -0 is 0.
        self.mean + self.stddev * z
    }

    #[inline(always)]
    fn keeps(self, value: f64) -> bool {
        self.bounds.is_none_or(|(low, high)| (low <= value) & (value <= high))
    }
}

/// The normals of a draw, at the place where they go on.
#[derive(Debug, Clone)]
pub(crate) struct Normals<T> {
    /// In front of the first word.
    generator: Pcg64,
    affine: Affine,
    /// In words: where the next piece starts, and how many of it belong to the normal before.
    position: u64,
    carry: usize,
    /// Kept for their memory.
    pieces: Vec<Piece<T>>,
    /// Values that are drawn, those from `taken` on not yet handed out.
    ready: Vec<T>,
    taken: usize,
    /// Index in the flat tensor of the next of them.
    next: u64,
}

impl<T: Cast> Normals<T> {
    pub(crate) fn new(generator: Pcg64, affine: Affine) -> Self {
        Self {
            generator,
            affine,
            position: 0,
            carry: 0,
            pieces: Vec::new(),
            ready: Vec::new(),
            taken: 0,
            next: 0,
        }
    }

    /// Values `start..` of the flat tensor, none of which is in front of one drawn before.
    pub(crate) fn fill(&mut self, level: Level, parallel: bool, start: u64, out: &mut [T]) {
        let mut wanted = Wanted { skip: start - self.next, out };
        let passed = wanted.take(&self.ready[self.taken..]);
        self.taken += passed;
        self.next += passed as u64;
        while !wanted.out.is_empty() {
            let words = expected_words(wanted.skip.saturating_add(wanted.out.len() as u64));
            let length = words.min(PIECE as u64);
            let count = words.div_ceil(length).min(PIECES as u64) as usize;
            self.pieces.resize_with(count.max(self.pieces.len()), Piece::default);
            let Self { generator, affine, position, pieces, .. } = self;

            // Independent of each other:
            for_each(&mut pieces[..count], parallel, |index, piece| {
                let generator = generator.advanced(*position + index as u64 * length);
                piece.parse(level, *affine, generator, length as usize, 0);
            });
            // In sequence:
            self.ready.clear();
            self.taken = 0;
            for piece in &mut pieces[..count] {
                if self.carry != 0 {
                    let generator = generator.advanced(*position);
                    piece.parse(level, *affine, generator, length as usize, self.carry);
                }
                self.carry = piece.carry;
                *position += length;
                let values = &piece.values[..piece.count];
                let passed = wanted.take(values);
                self.next += passed as u64;
                self.ready.extend_from_slice(&values[passed..]);
            }
        }
    }
}

/// The values behind the next `skip` ones.
struct Wanted<'a, T> {
    skip: u64,
    out: &'a mut [T],
}

impl<T: Copy> Wanted<'_, T> {
    /// Takes of the next values those that are wanted: returns how many were passed.
    fn take(&mut self, values: &[T]) -> usize {
        let skipped = self.skip.min(values.len() as u64);
        self.skip -= skipped;
        let values = &values[skipped as usize..];
        let length = values.len().min(self.out.len());
        let (now, later) = core::mem::take(&mut self.out).split_at_mut(length);
        now.copy_from_slice(&values[..length]);
        self.out = later;
        skipped as usize + length
    }
}

fn for_each<T: Cast>(
    pieces: &mut [Piece<T>],
    parallel: bool,
    parse: impl Fn(usize, &mut Piece<T>) + Sync,
) {
    #[cfg(feature = "parallel")]
    if parallel {
        use rayon::prelude::*;
        return pieces.par_iter_mut().enumerate().for_each(|(index, piece)| parse(index, piece));
    }
    let _ = parallel;
    pieces.iter_mut().enumerate().for_each(|(index, piece)| parse(index, piece));
}

/// Words that most likely hold so many values: a truncated normal takes 1.061 on average.
fn expected_words(values: u64) -> u64 {
    values.saturating_add(values / 15).saturating_add(64)
}

/// The values of a run of words.
#[derive(Debug, Clone)]
struct Piece<T> {
    values: Vec<T>,
    count: usize,
    /// Words behind the run that its last normal takes.
    carry: usize,
}

impl<T> Default for Piece<T> {
    fn default() -> Self {
        Self { values: Vec::new(), count: 0, carry: 0 }
    }
}

impl<T: Cast> Piece<T> {
    /// `carry`: the words of this run that belong to the normal before it.
    fn parse(
        &mut self,
        level: Level,
        affine: Affine,
        generator: Pcg64,
        words: usize,
        carry: usize,
    ) {
        if self.values.len() < words {
            self.values = vec![T::default(); words];
        }
        let out = &mut self.values[..words];
        (self.count, self.carry) = level.run(Parse { generator, affine, carry, out });
    }
}

/// Parses as many words as `out` holds values: returns the number of values, and of words behind
/// the run that belong to the last of them.
struct Parse<'a, T> {
    generator: Pcg64,
    affine: Affine,
    carry: usize,
    out: &'a mut [T],
}

impl<T: Cast> Kernel for Parse<'_, T> {
    type Output = (usize, usize);

    #[inline(always)]
    fn run<F: Fma>(self) -> (usize, usize) {
        let Self { mut generator, affine, mut carry, out } = self;
        let mut count = 0;
        let mut words = [0; BLOCK];
        let mut fast = Fast::<T>::new();
        let mut remaining = out.len();
        while remaining > 0 {
            let words = &mut words[..remaining.min(BLOCK)];
            generator.fill(words);
            remaining -= words.len();
            fast.transform(words, affine);
            let mut at = carry;
            for &slow in &fast.slow[..fast.slow_count] {
                let slow = usize::from(slow);
                // Else the word belongs to a normal before it.
                if slow >= at {
                    fast.put(at, slow, affine, out, &mut count);
                    let mut source = Source { words, at: slow, behind: generator };
                    let value = affine.value(standard_normal::<T>(&mut source));
                    if affine.keeps(value) {
                        out[count] = T::from_f64(value);
                        count += 1;
                    }
                    at = source.at;
                }
            }
            if at < words.len() {
                fast.put(at, words.len(), affine, out, &mut count);
            }
            carry = at.saturating_sub(words.len());
        }
        (count, carry)
    }
}

/// The words of a block as if a normal started at each of them and took no other.
struct Fast<T> {
    values: [T; BLOCK],
    keep: [bool; BLOCK],
    /// The words whose normals take more.
    slow: [u16; BLOCK],
    slow_count: usize,
}

impl<T: Cast> Fast<T> {
    #[inline(always)]
    fn new() -> Self {
        let (values, keep) = ([T::default(); BLOCK], [false; BLOCK]);
        Self { values, keep, slow: [0; BLOCK], slow_count: 0 }
    }

    #[inline(always)]
    fn transform(&mut self, words: &[u64], affine: Affine) {
        let mut is_slow = [0_u8; BLOCK];
        let slots = self.values.iter_mut().zip(&mut self.keep).zip(&mut is_slow);
        for (&word, ((slot, keep), is_slow)) in words.iter().zip(slots) {
            let (layer, mantissa, z) = candidate(word);
            let value = affine.value(z);
            *slot = T::from_f64(value);
            *keep = affine.keeps(value);
            *is_slow = u8::from(mantissa >= INSIDE[layer]);
        }
        // They are few: eight flags are tested at a time.
        self.slow_count = 0;
        for (index, flags) in is_slow.as_chunks::<8>().0.iter().enumerate() {
            let mut flags = u64::from_le_bytes(*flags);
            while flags != 0 {
                self.slow[self.slow_count] =
                    (8 * index) as u16 + (flags.trailing_zeros() / 8) as u16;
                self.slow_count += 1;
                flags &= flags - 1;
            }
        }
    }

    /// Appends the values of the words `from..to`.
    #[inline(always)]
    fn put(&self, from: usize, to: usize, affine: Affine, out: &mut [T], count: &mut usize) {
        if affine.bounds.is_none() {
            out[*count..*count + (to - from)].copy_from_slice(&self.values[from..to]);
            *count += to - from;
            return;
        }
        for (&value, &keep) in self.values[from..to].iter().zip(&self.keep[from..to]) {
            out[*count] = value;
            *count += usize::from(keep);
        }
    }
}

/// Layer, mantissa and signed abscissa of a word.
#[inline(always)]
fn candidate(word: u64) -> (usize, u64, f64) {
    let layer = (word & 0xFF) as usize;
    let mantissa = (word >> 9) & ((1 << 52) - 1);
    let x = mantissa as i64 as f64 * WIDTH[layer];
    (layer, mantissa, f64::from_bits(x.to_bits() ^ (((word >> 8) & 1) << 63)))
}

/// The words from one of a block on, and those behind it.
struct Source<'a> {
    words: &'a [u64],
    at: usize,
    behind: Pcg64,
}

impl Source<'_> {
    fn word(&mut self) -> u64 {
        let word = match self.words.get(self.at) {
            Some(&word) => word,
            None => self.behind.word(),
        };
        self.at += 1;
        word
    }
}

/// `random_standard_normal`.
///
/// exp stands in a comparison only, where its last place does not matter but for one word in 10^14.
#[inline(never)]
fn standard_normal<T: Cast>(source: &mut Source<'_>) -> f64 {
    loop {
        let (layer, mantissa, x) = candidate(source.word());
        if mantissa < INSIDE[layer] {
            return x;
        }
        if layer == 0 {
            return tail::<T>(source, mantissa);
        }
        let height = (DENSITY[layer - 1] - DENSITY[layer]) * unit(source.word()) + DENSITY[layer];
        if height < fdlibm::exp(-0.5 * x * x) {
            return x;
        }
    }
}

/// Of float64, log1p is the system's, as it is the framework's. For the other dtypes a difference
/// in the last place disappears in the rounding.
fn tail<T: Cast>(source: &mut Source<'_>, mantissa: u64) -> f64 {
    let log1p = if T::DTYPE == Dtype::Float64 { math::log1p_f64 } else { fdlibm::log1p };
    loop {
        let a = -INVERSE_R * log1p(-unit(source.word()));
        let b = -log1p(-unit(source.word()));
        if b + b > a * a {
            return if (mantissa >> 8) & 1 == 1 { -(R + a) } else { R + a };
        }
    }
}
