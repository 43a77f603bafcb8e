//! The stream of Keras 3 on torch (CPU, with AVX2): `keras-torch`.
//!
//! Sources: `keras/src/backend/torch/random.py` of Keras 3.15.1; `DistributionTemplates.h`,
//! `DistributionsHelper.h`, `TransformationHelper.h` of torch 2.15.0 (`aten/src/ATen`).
//!
//! ```text
//! words of MT19937((seed + call) mod 2^32); unit = 24 bits of a word, float64: 53 bits of two
//!
//! uniform:     x = unit (16 bits: rounded, and 1 becomes 0); x · (high - low) + low
//! normals of n < 16 elements, every dtype, in f64, pair by pair:
//!              u, v = 53-bit units; r = sqrt(-2 log1p(-v)); (r cos 2πu, r sin 2πu) · stddev + mean (fused)
//! normals of n >= 16 elements: blocks of 16 units d: for j < 8
//!              (d[j], d[j + 8]) = Box-Muller(d[j], d[j + 8]) · stddev + mean (fused)
//!              n mod 16 ≠ 0: once more for the last 16 elements, from 16 new units
//! truncated:   4n normals of stddev 1 and mean 0; of every 4 the first x with -2 < x < 2;
//!              x · stddev + mean
//! ```
//!
//! Faults of the framework that are part of the stream:
//! - The counter is added to the seed: call k of a generator with seed s is call 0 of seed s + k.
//! - Truncated: where none of the 4 normals is inside, the first is taken, outside or not (about
//!   4 of a million values; the farthest seen at 1.49 of the bound).
//! - n mod 16 ≠ 0: the units of the last elements are drawn, and then overwritten.
//! - 16-bit uniforms: bfloat16 has no more than 8 significant bits of the unit, so that values
//!   near the lower limit are far finer spaced than those near the upper one.
//! - Which algorithm draws a normal depends on the tensor's size, and is another one from 16 on.
//!
//! Deviations: the untempered words of many blocks are drawn in sequence, then transformed piece by
//! piece, independently. Of the 4n normals, only those that are looked at are computed. A range
//! that starts at value s costs the blocks of words in front of it: 0.25 ns for each word, of
//! which a value has 1 (truncated 4; float64 twice as many).

mod blocks;
mod box_muller;

use alloc::{boxed::Box, vec, vec::Vec};
use core::marker::PhantomData;

use self::{
    blocks::{Affine, BLOCK, Piece},
    box_muller::{Real, unit_53},
};
use super::{
    cast::Cast,
    definition::{Definition, in_dtypes},
    fdlibm,
    values::{Request, Values},
};
use crate::{
    bits::mt19937::{self, Mt19937, temper},
    dtype::Dtype,
    math,
    schemes::Law,
    simd::{Fma, Level, Native},
};

/// Fewer normals are drawn one pair at a time.
const SMALL: u64 = 16;
/// Blocks of 16 in one of MT19937's, or in two for float64.
const BLOCKS_PER_DRAW: usize = mt19937::BLOCK / BLOCK;
/// MT19937's blocks that are drawn before they are transformed: 2.5 MiB, or twice that for float64.
const DRAWS: usize = 1024;
/// Blocks that are transformed independently of others: 64 KiB of words, or twice that.
const PIECE: usize = 1024;

/// `keras-torch`.
pub(crate) struct KerasTorch;

impl Definition for KerasTorch {
    const NAME: &'static str = "keras-torch";
    const ID: &'static str = "keras-torch (keras 3.15.1, torch 2.15.0)";

    /// Any integer, modulo 2^32; a `SeedGenerator` keeps it in an int32 and raises for others.
    fn check_seed(seed: i128, generator: bool) -> Result<(), &'static str> {
        if generator && i32::try_from(seed).is_err() {
            return Err("a SeedGenerator's integer from -2^31 to 2^31 - 1");
        }
        Ok(())
    }

    in_dtypes!([half::f16, half::bf16, f32, f64], values);
}

fn values<T: Cast>(request: &Request, level: Level) -> Values<T> {
    match T::DTYPE {
        Dtype::Float64 => values_in::<f64, T>(request, level),
        _ => values_in::<f32, T>(request, level),
    }
}

fn values_in<R: Real + 'static, T: Cast>(request: &Request, level: Level) -> Values<T> {
    let mut sequence = Sequence::<R>::new::<T>(request);
    Values::Sequential(Box::new(move |start, out, parallel| {
        sequence.fill(Threads { level, parallel }, start, out);
    }))
}

/// How to compute.
#[derive(Clone, Copy)]
struct Threads {
    level: Level,
    /// Whether independent pieces are transformed in parallel.
    parallel: bool,
}

/// A draw, at the place where it goes on.
struct Sequence<R> {
    real: PhantomData<R>,
    generator: Mt19937,
    /// Blocks of the generator in front of its next one.
    drawn: u64,
    law: Law,
    elements: u64,
    /// Values of a block: 16, or 4 where a value takes 4 normals.
    per_block: usize,
    /// First unit of the block that overwrites the last values.
    tail: Option<u64>,
}

impl<R: Real> Sequence<R> {
    fn new<T: Cast>(request: &Request) -> Self {
        let Request { law, elements, .. } = *request;
        let truncated = matches!(law, Law::TruncatedNormal { .. });
        let units = if truncated { elements.saturating_mul(4) } else { elements };
        let aligned = units - units % BLOCK as u64;
        let blocks_only = matches!(T::DTYPE, Dtype::Float16 | Dtype::BFloat16);
        let tail = if blocks_only { aligned } else { units };
        let has_tail = !matches!(law, Law::Uniform { .. }) && aligned != units;
        Self {
            real: PhantomData,
            generator: Mt19937::new((request.seed as u32).wrapping_add(request.call)),
            drawn: 0,
            law,
            elements,
            per_block: if truncated { BLOCK / 4 } else { BLOCK },
            tail: has_tail.then_some(tail),
        }
    }

    /// Values `start..` of the flat tensor, none of which is in front of one drawn before.
    fn fill<T: Cast>(&mut self, threads: Threads, start: u64, out: &mut [T]) {
        match self.law {
            Law::TruncatedNormal { mean, stddev, .. } if self.elements < SMALL / 4 => {
                let affine = Affine::new::<T>(mean, stddev);
                self.fill_small(threads.level, start, out, |normals, index| {
                    let four: [R; 4] = core::array::from_fn(|k| {
                        // Standard normals, rounded to the element's type.
                        R::from_f64(normals[4 * index + k]).quantize::<T>()
                    });
                    let first = four.into_iter().find(|x| x.is_inside()).unwrap_or(four[0]);
                    affine.value(first)
                });
            }
            Law::Normal { mean, stddev } if self.elements < SMALL => {
                self.fill_small(threads.level, start, out, |normals, index| {
                    R::from_f64(Native::f64(normals[index], stddev, mean)).to_element()
                });
            }
            _ => self.fill_blocks(threads, start, out),
        }
    }

    /// Fills by `value`, which makes an element of the first standard normals and its index.
    fn fill_small<T: Cast>(
        &self,
        level: Level,
        start: u64,
        out: &mut [T],
        value: impl Fn(&[f64; SMALL as usize], usize) -> T,
    ) {
        let mut words = [0; mt19937::BLOCK];
        self.generator.clone().blocks(level, &mut words);
        let normals = small_normals::<T>(&words);
        for (index, slot) in (start as usize..).zip(out) {
            *slot = value(&normals, index);
        }
    }

    fn fill_blocks<T: Cast>(&mut self, threads: Threads, start: u64, out: &mut [T]) {
        let body = match self.tail {
            Some(_) => self.elements - self.per_block as u64,
            None => self.elements,
        };
        let length = body.saturating_sub(start).min(out.len() as u64) as usize;
        let (out, last) = out.split_at_mut(length);
        if !out.is_empty() {
            self.fill_body(threads, start, out);
        }
        if let (Some(tail), false) = (self.tail, last.is_empty()) {
            let words = self.words_at(threads.level, tail);
            let skip = (start + length as u64 - body) as usize;
            threads.run(self.pieces(&words, skip, last));
        }
    }

    fn fill_body<T: Cast>(&mut self, threads: Threads, start: u64, out: &mut [T]) {
        let values = BLOCKS_PER_DRAW * self.per_block;
        let size = |values_wanted: usize| {
            values_wanted.div_ceil(values).min(DRAWS) * R::WORDS * mt19937::BLOCK
        };
        let first = start / values as u64;
        let mut skip = (start % values as u64) as usize;
        self.seek(threads.level, first * R::WORDS as u64);

        let mut front = self.generator.clone();
        let mut words = vec![0; size(skip + out.len())];
        self.draw(threads.level, &mut words);
        let mut next = Vec::new();
        let mut out = out;
        loop {
            let length = out.len().min(words.len() / mt19937::BLOCK / R::WORDS * values - skip);
            let (now, later) = out.split_at_mut(length);
            next.resize(size(later.len()), 0);
            let pieces = self.pieces(&words, skip, now);
            let after = self.generator.clone();
            // The words of the next values are drawn while these are transformed.
            let mut generator = after.clone();
            threads.join(pieces, || generator.blocks(threads.level, &mut next));
            self.generator = generator;
            self.drawn += (next.len() / mt19937::BLOCK) as u64;
            if later.is_empty() {
                // Come back to the front of the draw that the next value stands in.
                let whole = (skip + length) / values * R::WORDS;
                let unused = words.len() / mt19937::BLOCK - whole;
                if unused > 0 {
                    self.generator = front.after(&words[..whole * mt19937::BLOCK]);
                    self.drawn -= unused as u64;
                }
                return;
            }
            core::mem::swap(&mut words, &mut next);
            (front, skip, out) = (after, 0, later);
        }
    }

    fn draw(&mut self, level: Level, words: &mut [u32]) {
        self.generator.blocks(level, words);
        self.drawn += (words.len() / mt19937::BLOCK) as u64;
    }

    /// Goes on to a block of MT19937's.
    fn seek(&mut self, level: Level, block: u64) {
        self.generator.skip(level, block - self.drawn);
        self.drawn = block;
    }

    /// Independent parts of a fill: `out` begins `skip` values behind the first of `words`.
    fn pieces<'a, T: Cast>(
        &self,
        words: &'a [u32],
        skip: usize,
        out: &'a mut [T],
    ) -> impl Iterator<Item = Piece<'a, R, T>> + use<'a, R, T> {
        let (mut words, mut skip, mut out) = (words, skip, out);
        let (blocks, values) = (PIECE * BLOCK * R::WORDS, PIECE * self.per_block);
        let law = self.law;
        core::iter::from_fn(move || {
            // A range may start many pieces behind the first word.
            let passed = skip / values;
            words = words.split_at_checked(passed * blocks)?.1;
            skip -= passed * values;
            let length = (values - skip).min(out.len());
            if length == 0 {
                return None;
            }
            let (now, later) = core::mem::take(&mut out).split_at_mut(length);
            let (these, others) = words.split_at(blocks.min(words.len()));
            let piece = Piece { real: PhantomData, words: these, skip, out: now, law };
            (words, skip, out) = (others, 0, later);
            Some(piece)
        })
    }

    /// The words of the 16 units from `unit` on, which are the last that are drawn.
    fn words_at(&mut self, level: Level, unit: u64) -> Vec<u32> {
        let first = unit.saturating_mul(R::WORDS as u64);
        let within = (first % mt19937::BLOCK as u64) as usize;
        let mut words = vec![0; 2 * mt19937::BLOCK];
        self.seek(level, first / mt19937::BLOCK as u64);
        // They may be asked for again, a part at a time.
        self.generator.clone().blocks(level, &mut words);
        words[within..within + BLOCK * R::WORDS].to_vec()
    }
}

impl Threads {
    fn run<'a, R: Real, T: Cast>(self, pieces: impl Iterator<Item = Piece<'a, R, T>>) {
        #[cfg(feature = "parallel")]
        if self.parallel {
            use rayon::prelude::*;
            let pieces: Vec<_> = pieces.collect();
            return pieces.into_par_iter().for_each(|piece| self.level.run(piece));
        }
        let _ = self.parallel;
        pieces.for_each(|piece| self.level.run(piece));
    }

    /// Transforms `pieces` and does other `work`, at the same time where threads may be used.
    fn join<'a, R: Real, T: Cast>(
        self,
        pieces: impl Iterator<Item = Piece<'a, R, T>> + Send,
        work: impl FnOnce() + Send,
    ) {
        #[cfg(feature = "parallel")]
        if self.parallel {
            rayon::join(work, || self.run(pieces));
            return;
        }
        self.run(pieces);
        work();
    }
}

/// The first 15 standard normals of a small tensor, and one more.
///
/// Of float64, the functions are the system's, as they are the framework's. For the other dtypes a
/// difference in the last place disappears in the rounding.
fn small_normals<T: Cast>(words: &[u32]) -> [f64; SMALL as usize] {
    let mut normals = [0.0; SMALL as usize];
    for (pair, words) in normals.as_chunks_mut::<2>().0.iter_mut().zip(words.as_chunks().0) {
        let [w0, w1, w2, w3] = words.map(temper);
        let (u, v) = (unit_53([w0, w1]), unit_53([w2, w3]));
        let t = core::f64::consts::TAU * u;
        let (log, (sin, cos)) = if T::DTYPE == Dtype::Float64 {
            (math::log1p_f64(-v), (math::sin_f64(t), math::cos_f64(t)))
        } else {
            (fdlibm::log1p(-v), fdlibm::sin_cos(t))
        };
        let r = math::sqrt_f64(-2.0 * log);
        *pair = [r * cos, r * sin];
    }
    normals
}
