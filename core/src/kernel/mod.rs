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

pub(crate) mod box_muller;
mod constants;
pub(crate) mod dispatch;
mod fixed;
pub(crate) mod philox;
pub(crate) mod quantile;
pub(crate) mod round;

use core::ops::{Add, Mul};

use crate::{Element, Law, math::Fma, stream::native::Position};

/// Values per block: 64 counters of four words.
pub(crate) const BLOCK: usize = 256;

/// The type that values are computed in: f32, or f64 for float64.
pub trait Computing: Copy + PartialOrd + Add<Output = Self> + Mul<Output = Self> {
    /// One random word: 32 bits for f32, 64 for f64, with the 32 bits of f32 on top, so that both
    /// draws agree.
    type Word: Copy + Default;

    /// A parameter, rounded to nearest.
    fn from_f64(value: f64) -> Self;
    /// The words of the counters from `first`.
    fn words(key: &philox::Key, call: u32, first: u64, out: &mut [Self::Word]);
    /// Uniform in [−1, 1].
    fn uniform(word: Self::Word) -> Self;
    /// Standard normal truncated to [−2, 2].
    fn truncated_normal(word: Self::Word) -> Self;
    /// Two standard normals.
    fn normal(words: [Self::Word; 2]) -> [Self; 2];
}

impl Computing for f32 {
    type Word = u32;

    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value as Self
    }

    #[inline(always)]
    fn words(key: &philox::Key, call: u32, first: u64, out: &mut [u32]) {
        philox::words(key, call, 0, first, out);
    }

    #[inline(always)]
    fn uniform(word: u32) -> Self {
        (word | 1) as i32 as Self * (1.0 / (1u64 << 31) as Self)
    }

    #[inline(always)]
    fn truncated_normal(word: u32) -> Self {
        quantile::f32(word)
    }

    #[inline(always)]
    fn normal([w0, w1]: [u32; 2]) -> [Self; 2] {
        box_muller::f32(w0, w1).into()
    }
}

impl Computing for f64 {
    type Word = u64;

    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value
    }

    #[inline(always)]
    fn words(key: &philox::Key, call: u32, first: u64, out: &mut [u64]) {
        let mut planes = [[0; BLOCK]; 2];
        for (plane, words) in planes.iter_mut().enumerate() {
            philox::words(key, call, plane as u32, first, &mut words[..out.len()]);
        }
        for ((word, &high), &low) in out.iter_mut().zip(&planes[0]).zip(&planes[1]) {
            *word = (u64::from(high) << 32) | u64::from(low);
        }
    }

    #[inline(always)]
    fn uniform(word: u64) -> Self {
        // 2^63 + s, unsigned, less 2^63: the conversion of s itself does not vectorize everywhere.
        fixed::f64((word ^ (1 << 63)) | 1, 1.0 / (1u64 << 63) as Self, 1.0)
    }

    #[inline(always)]
    fn truncated_normal(word: u64) -> Self {
        quantile::f64(word)
    }

    #[inline(always)]
    fn normal([w0, w1]: [u64; 2]) -> [Self; 2] {
        box_muller::f64(w0, w1).into()
    }
}

/// A law with its parameters in the computing type.
#[derive(Clone, Copy)]
enum Shape<C> {
    Constant { value: C },
    Uniform { scale: C },
    UniformBetween { scale: C, shift: C, low: C, high: C },
    TruncatedNormal { scale: C },
    TruncatedNormalAround { scale: C, shift: C },
    Normal { scale: C, shift: C },
}

/// A run of consecutive values of a tensor.
pub struct Run<'a, T> {
    pub(crate) law: &'a Law,
    pub(crate) position: Position,
    /// Row-major index of the first value in the global shape.
    pub(crate) start: u64,
    /// Row length of the global shape, for the identity's diagonal.
    pub(crate) columns: u64,
    pub(crate) out: &'a mut [T],
}

impl<T: Element> dispatch::Kernel for Run<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<F: Fma>(self) {
        let from = T::Computing::from_f64;
        let shape = match *self.law {
            Law::Constant { value } => Shape::Constant { value: from(value) },
            Law::Identity { gain } => {
                return identity(from(gain), self.start, self.columns, self.out);
            }
            Law::Uniform { low, high } if low == -high => Shape::Uniform { scale: from(high) },
            Law::Uniform { low, high } => Shape::UniformBetween {
                scale: from(high / 2.0 - low / 2.0),
                shift: from(high / 2.0 + low / 2.0),
                low: from(low),
                high: from(high),
            },
            Law::TruncatedNormal { mean: 0.0, stddev } => {
                Shape::TruncatedNormal { scale: from(stddev) }
            }
            Law::TruncatedNormal { mean, stddev } => {
                Shape::TruncatedNormalAround { scale: from(stddev), shift: from(mean) }
            }
            Law::Normal { mean, stddev } => {
                Shape::Normal { scale: from(stddev), shift: from(mean) }
            }
        };
        let blocks = Blocks { position: self.position, start: self.start, out: self.out };
        match shape {
            Shape::Constant { value } => blocks.out.fill(T::round(value)),
            Shape::Uniform { scale } => blocks.fill(each(|w| T::Computing::uniform(w) * scale)),
            Shape::UniformBetween { scale, shift, low, high } => blocks.fill(each(|w| {
                let value = T::Computing::uniform(w) * scale + shift;
                let value = if value < low { low } else { value };
                if value > high { high } else { value }
            })),
            Shape::TruncatedNormal { scale } => {
                blocks.fill(each(|w| T::Computing::truncated_normal(w) * scale));
            }
            Shape::TruncatedNormalAround { scale, shift } => {
                blocks.fill(each(|w| T::Computing::truncated_normal(w) * scale + shift));
            }
            Shape::Normal { scale, shift } => {
                blocks.fill(pairs(|w| T::Computing::normal(w).map(|z| z * scale + shift)));
            }
        }
    }
}

/// A transform of words to values, one by one.
#[inline(always)]
fn each<T: Element>(
    value: impl Fn(<T::Computing as Computing>::Word) -> T::Computing,
) -> impl Fn(&[<T::Computing as Computing>::Word], &mut [T]) {
    #[inline(always)]
    move |words, out| {
        for (slot, &word) in out.iter_mut().zip(words) {
            *slot = T::round(value(word));
        }
    }
}

/// A transform of words to values, two by two.
#[inline(always)]
fn pairs<T: Element>(
    values: impl Fn([<T::Computing as Computing>::Word; 2]) -> [T::Computing; 2],
) -> impl Fn(&[<T::Computing as Computing>::Word], &mut [T]) {
    #[inline(always)]
    move |words, out| {
        for (slots, words) in out.chunks_exact_mut(2).zip(words.chunks_exact(2)) {
            let [first, second] = values([words[0], words[1]]);
            slots[0] = T::round(first);
            slots[1] = T::round(second);
        }
    }
}

struct Blocks<'a, T> {
    position: Position,
    start: u64,
    out: &'a mut [T],
}

impl<T: Element> Blocks<'_, T> {
    /// Fills the run block by block. The head and the tail are drawn into a buffer from the
    /// counters that they touch, so that a run may start and end anywhere.
    #[inline(always)]
    fn fill(self, transform: impl Fn(&[<T::Computing as Computing>::Word], &mut [T])) {
        let key = philox::Key::new(self.position.key);
        let call = self.position.call;
        let mut words = [<T::Computing as Computing>::Word::default(); BLOCK];
        let mut spare = [T::default(); BLOCK];

        let (mut start, mut out) = (self.start, self.out);
        while !out.is_empty() {
            let within = (start % BLOCK as u64) as usize;
            let length = out.len().min(BLOCK - within);
            let (now, later) = out.split_at_mut(length);
            if length == BLOCK {
                T::Computing::words(&key, call, start / 4, &mut words);
                transform(&words, now);
            } else {
                let skip = within % 4;
                let drawn = (skip + length).next_multiple_of(4);
                T::Computing::words(&key, call, start / 4, &mut words[..drawn]);
                transform(&words[..drawn], &mut spare[..drawn]);
                now.copy_from_slice(&spare[skip..skip + length]);
            }
            (start, out) = (start.wrapping_add(length as u64), later);
        }
    }
}

fn identity<T: Element>(gain: T::Computing, start: u64, columns: u64, out: &mut [T]) {
    out.fill(T::round(T::Computing::from_f64(0.0)));
    // Row-major, element d of the diagonal is d · (columns + 1), for d < columns. Past the end of
    // a tall or huge shape that product needs more than 64 bits.
    let (start, step) = (u128::from(start), u128::from(columns) + 1);
    for diagonal in start.div_ceil(step)..u128::from(columns) {
        match usize::try_from(diagonal * step - start).ok().and_then(|index| out.get_mut(index)) {
            Some(slot) => *slot = T::round(gain),
            None => break,
        }
    }
}
