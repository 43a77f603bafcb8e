//! From MT19937's words to torch's values, in whole blocks of 16 units: see `keras_torch`.
//!
//! ```text
//! for each batch of 64 blocks:
//!     units of the tempered words; pairs (d[j], d[j + 8]) of all blocks side by side
//!     Box-Muller of all pairs (truncated: of those that are looked at); back in order, scaled
//! ```

use core::marker::PhantomData;

use super::box_muller::Real;
use crate::{
    schemes::Law,
    simd::{Fma, Kernel},
    streams::cast::Cast,
};

/// Units per block of the framework.
pub(crate) const BLOCK: usize = 16;
const HALF: usize = BLOCK / 2;
/// Blocks that are transformed at a time.
const BATCH: usize = 64;
/// Truncated normals of a batch.
const TRUNCATED: usize = BATCH * BLOCK / 4;

/// Whole blocks of untempered words, and the values that they give from value `skip` on.
pub(crate) struct Piece<'a, R, T> {
    pub(crate) real: PhantomData<R>,
    pub(crate) words: &'a [u32],
    pub(crate) skip: usize,
    pub(crate) out: &'a mut [T],
    pub(crate) law: Law,
}

impl<R: Real, T: Cast> Kernel for Piece<'_, R, T> {
    type Output = ();

    #[inline(always)]
    fn run<F: Fma>(self) {
        let Self { words, skip, out, law, .. } = self;
        match law {
            Law::Uniform { low, high } => {
                let mut uniform = Uniform::<R>::new::<T>(low, high);
                batches::<R, T, F>(words, skip, out, BLOCK, &mut uniform);
            }
            Law::Normal { mean, stddev } => {
                let mut halves = Halves::<R>::new(mean, stddev);
                batches::<R, T, F>(words, skip, out, BLOCK, &mut halves);
            }
            Law::TruncatedNormal { mean, stddev, .. } => {
                let mut chosen = Chosen::<R>::new(Affine::new::<T>(mean, stddev));
                batches::<R, T, F>(words, skip, out, BLOCK / 4, &mut chosen);
            }
            // Refused by `Stream::check_law`.
            Law::LogUniform { .. } => {}
        }
    }
}

/// Words of up to [`BATCH`] whole blocks to their values.
trait Transform<T> {
    fn fill<F: Fma>(&mut self, words: &[u32], out: &mut [T]);
}

/// Transforms up to [`BATCH`] whole blocks at a time.
#[inline(always)]
fn batches<R: Real, T: Cast, F: Fma>(
    words: &[u32],
    skip: usize,
    out: &mut [T],
    per_block: usize,
    transform: &mut impl Transform<T>,
) {
    let mut spare = [T::default(); BATCH * BLOCK];
    let passed = skip / per_block;
    let (mut skip, mut out) = (skip % per_block, out);
    let mut words = &words[passed * BLOCK * R::WORDS..];
    while !out.is_empty() {
        let blocks = (skip + out.len()).div_ceil(per_block).min(BATCH);
        let values = blocks * per_block;
        let (these, others) = words.split_at(blocks * BLOCK * R::WORDS);
        let (now, later) = out.split_at_mut(out.len().min(values - skip));
        if now.len() == values {
            transform.fill::<F>(these, now);
        } else {
            transform.fill::<F>(these, &mut spare[..values]);
            now.copy_from_slice(&spare[skip..skip + now.len()]);
        }
        (words, skip, out) = (others, 0, later);
    }
}

/// high - low and low, as torch multiplies and adds them.
struct Uniform<R> {
    range: R,
    low: R,
    units: [R; BATCH * BLOCK],
}

impl<R: Real> Uniform<R> {
    #[inline(always)]
    fn new<T: Cast>(low: f64, high: f64) -> Self {
        // A factor stays as precise as the computing type, a summand is rounded to the dtype.
        let (range, low) = (R::from_f64(high - low), R::from_f64(low).quantize::<T>());
        Self { range, low, units: [R::default(); BATCH * BLOCK] }
    }
}

impl<R: Real, T: Cast> Transform<T> for Uniform<R> {
    #[inline(always)]
    fn fill<F: Fma>(&mut self, words: &[u32], out: &mut [T]) {
        R::units(words, &mut self.units[..out.len()]);
        for (slot, &unit) in out.iter_mut().zip(&self.units) {
            let unit = unit.quantize::<T>().below_one();
            *slot = ((unit * self.range).quantize::<T>() + self.low).to_element();
        }
    }
}

/// Units j < 8 and j >= 8 of all blocks, and then the normals of their cosines and sines.
struct Halves<R> {
    units: [R; BATCH * BLOCK],
    first: [R; BATCH * HALF],
    second: [R; BATCH * HALF],
    mean: R,
    stddev: R,
}

impl<R: Real> Halves<R> {
    #[inline(always)]
    fn new(mean: f64, stddev: f64) -> Self {
        let half = [R::default(); BATCH * HALF];
        let (mean, stddev) = (R::from_f64(mean), R::from_f64(stddev));
        Self { units: [R::default(); BATCH * BLOCK], first: half, second: half, mean, stddev }
    }
}

impl<R: Real, T: Cast> Transform<T> for Halves<R> {
    #[inline(always)]
    fn fill<F: Fma>(&mut self, words: &[u32], out: &mut [T]) {
        let Self { units, first, second, mean, stddev } = self;
        R::units(words, &mut units[..out.len()]);
        let halves =
            first.as_chunks_mut::<HALF>().0.iter_mut().zip(second.as_chunks_mut::<HALF>().0);
        for (block, (first, second)) in units.as_chunks::<BLOCK>().0.iter().zip(halves) {
            first.copy_from_slice(&block[..HALF]);
            second.copy_from_slice(&block[HALF..]);
        }
        let pairs = out.len() / 2;
        for (first, second) in first[..pairs].iter_mut().zip(&mut second[..pairs]) {
            (*first, *second) = R::normals::<F>(*first, *second);
        }
        let halves = first.as_chunks::<HALF>().0.iter().zip(second.as_chunks::<HALF>().0);
        for (block, (first, second)) in out.as_chunks_mut::<BLOCK>().0.iter_mut().zip(halves) {
            for j in 0..HALF {
                block[j] = R::scale::<F>(first[j], *stddev, *mean).to_element();
                block[j + HALF] = R::scale::<F>(second[j], *stddev, *mean).to_element();
            }
        }
    }
}

/// The first normal inside of every four.
///
/// Value v of a block looks at normals 4v..4v+4, of which each pair (j, j + 8) has one for v = 0
/// or 1 (its cosine) and one for v = 2 or 3 (its sine). The first of the four is nearly always
/// inside: the other pairs are computed for the values that need them, all at a time.
struct Chosen<R> {
    pairs: Pairs<R>,
    normals: [R; TRUNCATED],
    outside: [u8; TRUNCATED],
    pending: [u16; TRUNCATED],
    count: usize,
    affine: Affine<R>,
}

impl<R: Real> Chosen<R> {
    #[inline(always)]
    fn new(affine: Affine<R>) -> Self {
        Self {
            pairs: Pairs::new(),
            normals: [R::default(); TRUNCATED],
            outside: [0; TRUNCATED],
            pending: [0; TRUNCATED],
            count: 0,
            affine,
        }
    }

    #[inline(always)]
    fn first_choice<T: Cast, F: Fma>(&mut self, words: &[u32], values: usize) {
        let Self { pairs, normals, .. } = self;
        for block in 0..values / 4 {
            pairs.gather(2 * block, words, block * BLOCK);
            pairs.gather(2 * block + 1, words, block * BLOCK + 4);
        }
        pairs.compute::<F>(values / 2);
        let halves = pairs.cos.as_chunks::<2>().0.iter().zip(pairs.sin.as_chunks::<2>().0);
        for (block, (cos, sin)) in normals.as_chunks_mut::<4>().0.iter_mut().zip(halves) {
            *block = [cos[0], cos[1], sin[0], sin[1]].map(Real::quantize::<T>);
        }
    }

    /// Lists the values outside, which are few: eight flags are tested at a time.
    #[inline(always)]
    fn find_outside(&mut self, values: usize) {
        self.outside = [0; TRUNCATED];
        for (flag, normal) in self.outside[..values].iter_mut().zip(&self.normals) {
            *flag = u8::from(!normal.is_inside());
        }
        self.count = 0;
        for (index, flags) in self.outside.as_chunks::<8>().0.iter().enumerate() {
            let mut flags = u64::from_le_bytes(*flags);
            while flags != 0 {
                self.pending[self.count] = (8 * index) as u16 + (flags.trailing_zeros() / 8) as u16;
                self.count += 1;
                flags &= flags - 1;
            }
        }
    }

    /// Looks at normal `k` of the values that are still outside.
    #[inline(always)]
    fn choose_again<T: Cast, F: Fma>(&mut self, words: &[u32], k: usize) {
        let Self { pairs, normals, pending, count, .. } = self;
        for (lane, &index) in pending[..*count].iter().enumerate() {
            let index = usize::from(index);
            pairs.gather(lane, words, index / 4 * BLOCK + index % 2 * 4 + k);
        }
        // Whole vectors: what lies behind the last lane is computed for nothing.
        pairs.compute::<F>(count.next_multiple_of(BLOCK).min(TRUNCATED / 2).max(*count));
        let mut left = 0;
        for lane in 0..*count {
            let index = usize::from(pending[lane]);
            let pair = if index % 4 < 2 { &pairs.cos } else { &pairs.sin };
            let normal = pair[lane].quantize::<T>();
            if normal.is_inside() {
                normals[index] = normal;
            } else {
                pending[left] = index as u16;
                left += 1;
            }
        }
        *count = left;
    }
}

impl<R: Real, T: Cast> Transform<T> for Chosen<R> {
    #[inline(always)]
    fn fill<F: Fma>(&mut self, words: &[u32], out: &mut [T]) {
        self.first_choice::<T, F>(words, out.len());
        self.find_outside(out.len());
        for k in 1..4 {
            if self.count > 0 {
                self.choose_again::<T, F>(words, k);
            }
        }
        for (slot, &normal) in out.iter_mut().zip(&self.normals) {
            *slot = self.affine.value(normal);
        }
    }
}

/// Chosen pairs of units, and then their normals.
struct Pairs<R> {
    /// Words: as many per unit as its type takes, at most two.
    first: [u32; 2 * TRUNCATED],
    second: [u32; 2 * TRUNCATED],
    cos: [R; TRUNCATED],
    sin: [R; TRUNCATED],
}

impl<R: Real> Pairs<R> {
    #[inline(always)]
    fn new() -> Self {
        let (words, reals) = ([0; 2 * TRUNCATED], [R::default(); TRUNCATED]);
        Self { first: words, second: words, cos: reals, sin: reals }
    }

    /// Takes the pair of units `unit` and `unit + 8`.
    #[inline(always)]
    fn gather(&mut self, lane: usize, words: &[u32], unit: usize) {
        for word in 0..R::WORDS {
            self.first[lane * R::WORDS + word] = words[unit * R::WORDS + word];
            self.second[lane * R::WORDS + word] = words[(unit + BLOCK / 2) * R::WORDS + word];
        }
    }

    #[inline(always)]
    fn compute<F: Fma>(&mut self, lanes: usize) {
        R::units(&self.first[..lanes * R::WORDS], &mut self.cos[..lanes]);
        R::units(&self.second[..lanes * R::WORDS], &mut self.sin[..lanes]);
        for (cos, sin) in self.cos[..lanes].iter_mut().zip(&mut self.sin[..lanes]) {
            (*cos, *sin) = R::normals::<F>(*cos, *sin);
        }
    }
}

/// What becomes of a truncated standard normal.
#[derive(Clone, Copy)]
pub(crate) struct Affine<R> {
    mean: R,
    stddev: R,
}

impl<R: Real> Affine<R> {
    #[inline(always)]
    pub(crate) fn new<T: Cast>(mean: f64, stddev: f64) -> Self {
        // As in `Uniform`: of both, only a summand is rounded to the dtype.
        Self { mean: R::from_f64(mean).quantize::<T>(), stddev: R::from_f64(stddev) }
    }

    #[inline(always)]
    pub(crate) fn value<T: Cast>(self, normal: R) -> T {
        ((normal * self.stddev).quantize::<T>() + self.mean).to_element()
    }
}
