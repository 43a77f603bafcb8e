//! The kernel: from counters to values, in plain Rust that vectorizes.
//!
//! ```text
//! for each block of 64 counters, 256 values:
//!     words  = Philox of the counters              (philox)
//!     values = standard distribution of the words  (quantile, box_muller)
//!     out    = round(values · scale + shift)       (round)
//! ```
//!
//! Only IEEE add, subtract, multiply, divide and square root, integer operations and conversions,
//! in the order written: any vector width gives the same bits.

use core::ops::{Add, Mul};

use bytemuck::{Pod, Zeroable, cast_slice};

use super::{
    bounded::{self, Bounds, Factor},
    box_muller, fixed,
    position::Position,
    quantile,
};
use crate::{
    bits::philox::{self, Words},
    dtype::Element,
    schemes::{Law, gaussian, log_uniform_center},
    simd::{Cpu, Kernel, LINE, Round},
};

/// Counters whose rounds take turns: as many as there are registers for, and twice as many where
/// little follows.
const TURNS: usize = 4;

/// Values that are drawn before they are rounded, or stored past the caches: so many stay in
/// registers. Those that are drawn by pairs do not.
const PART: usize = BLOCK / 2;

/// Values per block: 64 counters of four words.
pub(crate) const BLOCK: usize = 4 * philox::COUNTERS;

/// A computing type as this stream draws in it.
pub(crate) trait Computing: Factor + Add<Output = Self> + Mul<Output = Self> {
    /// One random word: 32 bits for f32, 64 for f64, with the 32 bits of f32 on top, so that both
    /// draws agree.
    type Word: Pod;
    /// What the counters of a run share: one plane of words, or two.
    type Counters: Words;

    /// The counters with these upper words.
    fn counters(key: &philox::Key, high: u32, call: u32) -> Self::Counters;
    /// Uniform in [−1, 1].
    fn uniform(word: Self::Word) -> Self;
    /// Standard normal truncated to [−2, 2].
    fn truncated_normal<C: Cpu>(word: Self::Word) -> Self;
    /// Standard normal truncated to any bounds.
    fn bounded_normal<C: Cpu, const TAILS: bool>(word: Self::Word, bounds: &Bounds<Self>) -> Self;
    /// Two standard normals.
    fn normal(words: [Self::Word; 2]) -> [Self; 2];
}

impl Computing for f32 {
    type Word = u32;
    type Counters = philox::Counters;

    #[inline(always)]
    fn counters(key: &philox::Key, high: u32, call: u32) -> philox::Counters {
        philox::Counters::new(key, high, call, 0)
    }

    #[inline(always)]
    fn uniform(word: u32) -> Self {
        (word | 1) as i32 as Self * (1.0 / (1u64 << 31) as Self)
    }

    #[inline(always)]
    fn truncated_normal<C: Cpu>(word: u32) -> Self {
        quantile::f32(word)
    }

    #[inline(always)]
    fn bounded_normal<C: Cpu, const TAILS: bool>(word: u32, bounds: &Bounds<Self>) -> Self {
        bounded::f32::<TAILS>(word, bounds)
    }

    #[inline(always)]
    fn normal([w0, w1]: [u32; 2]) -> [Self; 2] {
        box_muller::f32(w0, w1).into()
    }
}

impl Computing for f64 {
    type Word = u64;
    type Counters = [philox::Counters; 2];

    #[inline(always)]
    fn counters(key: &philox::Key, high: u32, call: u32) -> [philox::Counters; 2] {
        [0, 1].map(|plane| philox::Counters::new(key, high, call, plane))
    }

    #[inline(always)]
    fn uniform(word: u64) -> Self {
        // 2^63 + s, unsigned, less 2^63: the conversion of s itself does not vectorize everywhere.
        fixed::f64((word ^ (1 << 63)) | 1, 1.0 / (1u64 << 63) as Self, 1.0)
    }

    #[inline(always)]
    fn truncated_normal<C: Cpu>(word: u64) -> Self {
        quantile::f64(word, C::CONVERTS_U64)
    }

    #[inline(always)]
    fn bounded_normal<C: Cpu, const TAILS: bool>(word: u64, bounds: &Bounds<Self>) -> Self {
        bounded::f64::<TAILS>(word, bounds, C::CONVERTS_U64)
    }

    #[inline(always)]
    fn normal([w0, w1]: [u64; 2]) -> [Self; 2] {
        box_muller::f64(w0, w1).into()
    }
}

/// A law with its numbers in the computing type.
#[derive(Clone, Copy)]
pub(crate) enum Transform<C> {
    Uniform { scale: C },
    UniformBetween { scale: C, shift: C, low: C, high: C },
    TruncatedNormal { scale: C },
    TruncatedNormalAround { scale: C, shift: C },
    BoundedNormal { bounds: Bounds<C>, scale: C, shift: C, low: C, high: C },
    Normal { scale: C, shift: C },
}

impl<C: Computing> Transform<C> {
    /// What `law` comes to in values of `T`.
    pub(crate) fn new<T: Element + Round<Computing = C>>(law: &Law) -> Self {
        let from = C::from_f64;
        match *law {
            Law::Uniform { low, high } => {
                let (least, largest) = law
                    .kept(T::DTYPE)
                    .map_or((low, high), |(low, high)| T::DTYPE.inside(low, high));
                if low == -high && largest == high {
                    return Self::Uniform { scale: from(high) };
                }
                Self::UniformBetween {
                    scale: from(high / 2.0 - low / 2.0),
                    shift: from(high / 2.0 + low / 2.0),
                    low: from(least),
                    high: from(largest),
                }
            }
            // Of the exponents: see `log_uniform`.
            Law::LogUniform { low, high } => {
                Self::Uniform { scale: from(log_uniform_center(low, high).1) }
            }
            Law::TruncatedNormal { mean: 0.0, stddev, between: None } => {
                Self::TruncatedNormal { scale: from(stddev) }
            }
            Law::TruncatedNormal { mean, stddev, between: None } => {
                Self::TruncatedNormalAround { scale: from(stddev), shift: from(mean) }
            }
            Law::TruncatedNormal { mean, stddev, between: Some((low, high)) } => {
                let (lower, upper) = gaussian::standard(mean, stddev, low, high);
                let bounds = Bounds::new(lower, upper);
                let scale = from(if bounds.mirrored { -stddev } else { stddev });
                let (low, high) = T::DTYPE.inside(low, high);
                Self::BoundedNormal {
                    bounds,
                    scale,
                    shift: from(mean),
                    low: from(low),
                    high: from(high),
                }
            }
            Law::Normal { mean, stddev } => Self::Normal { scale: from(stddev), shift: from(mean) },
        }
    }
}

/// A run of consecutive values of a tensor.
pub(crate) struct Run<'a, T: Round> {
    pub(crate) transform: Transform<T::Computing>,
    pub(crate) position: Position,
    /// Row-major index of the first value in the global shape.
    pub(crate) start: u64,
    /// Whether `out` is part of more than caches hold.
    pub(crate) exceeds_caches: bool,
    pub(crate) out: &'a mut [T],
}

/// Whether no value that follows `law` is subnormal in f32. Standard values are 2^-46 or more, or 0
/// (`box_muller`), and what a shift leaves of one is a multiple of a last place of the larger of both.
/// Uniform values may be the bounds themselves.
pub(super) fn is_normal(law: &Law) -> bool {
    law.stddev() >= LEAST
        && is_far(law.mean())
        && law.bounds().is_none_or(|(low, high)| is_far(low) && is_far(high))
}

/// The least number that leaves what is computed of it far from subnormal.
const LEAST: f64 = 1.0 / (1u64 << 60) as f64;

/// Whether a number is 0, or as large as that.
pub(super) fn is_far(value: f64) -> bool {
    value == 0.0 || value.abs() >= LEAST
}

impl<T: Round<Computing: Computing>> Kernel for Run<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<C: Cpu>(self) {
        let Self { transform, position, start, exceeds_caches, out } = self;
        // Only uniform values are drawn fast enough to wait for memory.
        let past_caches = exceeds_caches
            && matches!(transform, Transform::Uniform { .. } | Transform::UniformBetween { .. });
        let blocks = Blocks { position, start, past_caches, out };
        match transform {
            Transform::Uniform { scale } => {
                blocks.fill::<C, { 2 * TURNS }, PART>(each(|w| T::Computing::uniform(w) * scale))
            }
            Transform::UniformBetween { scale, shift, low, high } => {
                blocks.fill::<C, TURNS, PART>(each(|w| {
                    let value = T::Computing::uniform(w) * scale + shift;
                    let value = if value < low { low } else { value };
                    if value > high { high } else { value }
                }))
            }
            Transform::TruncatedNormal { scale } => {
                let value = each(|w| T::Computing::truncated_normal::<C>(w) * scale);
                // Two planes of rounds and more turns of them need the registers.
                if C::REGISTERS == 32 && size_of::<T::Computing>() == 8 {
                    blocks.fill::<C, { 2 * TURNS }, PART>(value);
                } else {
                    blocks.fill::<C, TURNS, PART>(value);
                }
            }
            Transform::TruncatedNormalAround { scale, shift } => {
                blocks.fill::<C, TURNS, PART>(each(|w| {
                    T::Computing::truncated_normal::<C>(w) * scale + shift
                }));
            }
            Transform::BoundedNormal { bounds, scale, shift, low, high } => {
                if bounds.tails {
                    let value = bounded_values::<_, C, true>(bounds, scale, shift, low, high);
                    blocks.fill::<C, TURNS, PART>(each(value));
                } else {
                    let value = bounded_values::<_, C, false>(bounds, scale, shift, low, high);
                    blocks.fill::<C, TURNS, PART>(each(value));
                }
            }
            Transform::Normal { scale, shift } => {
                blocks.fill::<C, TURNS, BLOCK>(pairs(|w| {
                    T::Computing::normal(w).map(|z| z * scale + shift)
                }));
            }
        }
    }
}

/// A transform of words to values, one by one.
#[inline(always)]
fn each<C: Computing>(value: impl Fn(C::Word) -> C) -> impl Fn(&[C::Word], &mut [C]) {
    #[inline(always)]
    move |words, out| {
        for (slot, &word) in out.iter_mut().zip(words) {
            *slot = value(word);
        }
    }
}

/// The transform of a normal truncated to any bounds.
#[inline(always)]
fn bounded_values<T: Computing, C: Cpu, const TAILS: bool>(
    bounds: Bounds<T>,
    scale: T,
    shift: T,
    low: T,
    high: T,
) -> impl Fn(T::Word) -> T {
    // Of a closure that is not inlined, LLVM makes code for the baseline.
    #[inline(always)]
    move |word| {
        let value = T::bounded_normal::<C, TAILS>(word, &bounds) * scale + shift;
        let value = if value < low { low } else { value };
        if value > high { high } else { value }
    }
}

/// A transform of words to values, two by two.
#[inline(always)]
fn pairs<C: Computing>(values: impl Fn([C::Word; 2]) -> [C; 2]) -> impl Fn(&[C::Word], &mut [C]) {
    #[inline(always)]
    move |words, out| {
        for (slots, words) in out.chunks_exact_mut(2).zip(words.chunks_exact(2)) {
            let [first, second] = values([words[0], words[1]]);
            slots[0] = first;
            slots[1] = second;
        }
    }
}

struct Blocks<'a, T> {
    position: Position,
    start: u64,
    /// Whether values are stored past the caches.
    past_caches: bool,
    out: &'a mut [T],
}

/// On cache lines of their own: vectors that cross two cost twice as much.
#[repr(align(64))]
struct Aligned<T, const N: usize>([T; N]);

impl<T: Round<Computing: Computing>> Blocks<'_, T> {
    /// Fills the run block by block. The head and the tail are drawn into a buffer from the
    /// counters that they touch, so that a run may start and end anywhere. The rounds of `TURNS`
    /// counters take turns; what does not go straight to its place is drawn by `PART` values.
    #[inline(always)]
    fn fill<C: Cpu, const TURNS: usize, const PART: usize>(
        self,
        transform: impl Fn(&[<T::Computing as Computing>::Word], &mut [T::Computing]),
    ) {
        let key = philox::Key::new(self.position.key);
        let counters =
            |first: u64| T::Computing::counters(&key, (first >> 32) as u32, self.position.call);
        // 64 bits hold one word, or two.
        let size = size_of::<<T::Computing as Computing>::Word>();
        let mut words = Aligned([0u64; BLOCK]);
        let mut values = Aligned([T::Computing::zeroed(); BLOCK]);
        // Not a part of `values`, which LLVM would not keep in registers.
        let mut part = Aligned([T::Computing::zeroed(); PART]);

        let (mut start, mut out) = (self.start, self.out);
        let mut shared = counters(start / 4);
        while !out.is_empty() {
            let within = (start % BLOCK as u64) as usize;
            let length = out.len().min(BLOCK - within);
            let (now, later) = out.split_at_mut(length);
            let first = start / 4;
            if first as u32 == 0 {
                shared = counters(first);
            }
            if length == BLOCK {
                let past_caches = self.past_caches && now.as_ptr().addr() % LINE == 0;
                if let (false, Some(next)) = (past_caches, later.get(..BLOCK)) {
                    C::prefetch(next);
                }
                let words = &mut words.0[..BLOCK * size / 8];
                shared.fill::<TURNS>(&key, first, words);
                if let (false, Some(now)) = (past_caches, T::as_computing(now)) {
                    transform(cast_slice(words), now);
                } else {
                    let words: &[<T::Computing as Computing>::Word] = cast_slice(words);
                    let (parts, _) = now.as_chunks_mut::<PART>();
                    for (words, now) in words.as_chunks::<PART>().0.iter().zip(parts) {
                        transform(words, &mut part.0);
                        match T::as_computing(now) {
                            Some(now) => C::store_past_caches(&part.0, now),
                            None => T::round_all::<C>(&part.0, now),
                        }
                    }
                }
            } else {
                let skip = within % 4;
                let drawn = (skip + length).next_multiple_of(4);
                let words = &mut words.0[..drawn * size / 8];
                shared.fill::<TURNS>(&key, first, words);
                transform(cast_slice(words), &mut values.0[..drawn]);
                T::round_all::<C>(&values.0[skip..skip + length], now);
            }
            (start, out) = (start.wrapping_add(length as u64), later);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subnormal_values_are_foreseen() {
        assert!(is_normal(&Law::Uniform { low: -0.5, high: 0.5 }));
        assert!(is_normal(&Law::Uniform { low: 0.0, high: 1.0 }));
        assert!(is_normal(&Law::TruncatedNormal { mean: 0.0, stddev: 0.02, between: None }));
        assert!(!is_normal(&Law::Uniform { low: 1e-40, high: 1.0 }));
        assert!(!is_normal(&Law::Normal { mean: 0.0, stddev: 1e-30 }));
        assert!(!is_normal(&Law::Normal { mean: 1e-30, stddev: 1.0 }));
    }
}
