//! Fill: a slice of a draw into a buffer, in parallel.

use crate::{Element, Slice, kernel::Run, law::Law, shape::product, stream::native::Position};

/// Values that one thread draws at a time: 64 Ki, which fit a second-level cache.
const CHUNK: usize = 1 << 16;

/// Below this number of values a second thread costs more than it brings.
#[cfg(feature = "parallel")]
const PARALLEL: usize = 1 << 18;

/// A draw as the kernel sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) law: &'a Law,
    pub(crate) position: Position,
    pub(crate) shape: &'a [usize],
}

impl Source<'_> {
    /// Fills `out` with the values of `slice` from its element `start` on, in row-major order.
    /// `threads` as in [`Draw::with_threads`](crate::Draw::with_threads).
    pub(crate) fn fill<T: Element>(
        &self,
        slice: &Slice,
        start: u64,
        out: &mut [T],
        threads: usize,
    ) {
        let rows = Rows::new(self.shape, slice);
        for_chunks(out, threads, |first, chunk| rows.fill(self, start + first, chunk));
    }

    /// Fills `out` with the values from row-major index `start` of the global shape.
    fn fill_run<T: Element>(&self, start: u64, out: &mut [T]) {
        let columns = self.shape.last().map_or(1, |&columns| columns as u64);
        let Self { law, position, .. } = *self;
        T::fill(Run { law, position, start, columns, out });
    }
}

/// Calls `fill` with every chunk of `out` and the index of its first element.
fn for_chunks<T: Element>(out: &mut [T], threads: usize, fill: impl Fn(u64, &mut [T]) + Sync) {
    let sequential = |out: &mut [T]| {
        for (index, chunk) in out.chunks_mut(CHUNK).enumerate() {
            fill((index * CHUNK) as u64, chunk);
        }
    };
    #[cfg(feature = "parallel")]
    {
        use rayon::prelude::*;
        if threads != 1 && out.len() >= PARALLEL {
            let parallel = |out: &mut [T]| {
                out.par_chunks_mut(CHUNK)
                    .enumerate()
                    .for_each(|(index, chunk)| fill((index * CHUNK) as u64, chunk));
            };
            if threads == 0 {
                return parallel(out);
            }
            // Without threads to be had, the values are the same on this one.
            if let Ok(pool) = rayon::ThreadPoolBuilder::new().num_threads(threads).build() {
                return pool.install(|| parallel(out));
            }
        }
    }
    let _ = threads;
    sequential(out);
}

/// A slice as runs of consecutive elements of the global shape.
struct Rows<'a> {
    shape: &'a [usize],
    slice: &'a Slice,
    /// Leading axes, along which the runs are apart.
    outer: usize,
    /// Elements per run.
    length: u64,
}

impl<'a> Rows<'a> {
    fn new(shape: &'a [usize], slice: &'a Slice) -> Self {
        // A run takes in the last axis, and the one before it while it is taken whole.
        let mut outer = shape.len();
        while outer > 0 {
            outer -= 1;
            if slice.extent[outer] != shape[outer] {
                break;
            }
        }
        // Checked when the slice was: its extents' product fits.
        let length = product(slice.extent[outer..].iter().copied()).unwrap_or(0);
        Self { shape, slice, outer, length }
    }

    /// Fills `out` with the slice's elements from `first` on.
    fn fill<T: Element>(&self, source: &Source<'_>, first: u64, out: &mut [T]) {
        let (mut row, mut within) = (first / self.length, first % self.length);
        let mut out = out;
        while !out.is_empty() {
            let length = (self.length - within).min(out.len() as u64);
            let (now, later) = out.split_at_mut(length as usize);
            source.fill_run(self.start(row) + within, now);
            (row, within, out) = (row + 1, 0, later);
        }
    }

    /// Global row-major index of the first element of run `row`.
    fn start(&self, mut row: u64) -> u64 {
        let mut start = 0u64;
        let mut stride = 1u64;
        for axis in (0..self.shape.len()).rev() {
            let within = if axis < self.outer {
                let extent = self.slice.extent[axis] as u64;
                let index = row % extent;
                row /= extent;
                index
            } else {
                0
            };
            start += (self.slice.offset[axis] as u64 + within) * stride;
            stride = stride.wrapping_mul(self.shape[axis] as u64);
        }
        start
    }
}
