//! Fill: a slice of a draw into a buffer, in parallel.

use alloc::vec::Vec;

#[cfg(feature = "keras-streams")]
use crate::stream::framework::Sequence;
use crate::{Element, Law, Slice, kernel::Run, shape::product, stream::Origin};

/// Values that one thread draws at a time: 64 Ki, which fit a second-level cache.
const CHUNK: usize = 1 << 16;

/// Bytes that no cache holds, or none that has nothing better to hold.
const EXCEEDS_CACHES: usize = 64 << 20;

/// Below this number of values a second thread costs more than it brings, and so does each that is
/// started for fewer.
#[cfg(feature = "parallel")]
const PARALLEL: usize = 1 << 18;

/// Values of a sequential stream that are drawn at a time for runs that are apart.
const WINDOW: u64 = 1 << 22;

/// A draw as the kernel sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) law: &'a Law,
    pub(crate) origin: Origin,
    pub(crate) shape: &'a [usize],
}

/// What a sequential stream needs to go on where it ended.
#[derive(Debug, Clone)]
pub(crate) struct Progress<T> {
    #[cfg(feature = "keras-streams")]
    sequence: Sequence<T>,
    /// The values from row-major index `first` of the global shape on, for runs that are apart.
    window: Vec<T>,
    first: u64,
}

impl<T> Default for Progress<T> {
    fn default() -> Self {
        Self {
            #[cfg(feature = "keras-streams")]
            sequence: Sequence::default(),
            window: Vec::new(),
            first: 0,
        }
    }
}

impl Source<'_> {
    /// Fills `out` with the values of `slice` from its element `start` on, in row-major order;
    /// `progress` is that of the fill before, which ended in front of `start`, or new.
    /// `threads` as in [`Draw::with_threads`](crate::Draw::with_threads).
    pub(crate) fn fill<T: Element>(
        &self,
        slice: &Slice,
        start: u64,
        out: &mut [T],
        threads: usize,
        progress: &mut Progress<T>,
    ) {
        let rows = Rows::new(self.shape, slice);
        let exceeds_caches = size_of_val(out) >= EXCEEDS_CACHES;
        if self.is_random_access() {
            for_chunks(out, threads, |first, chunk| {
                rows.fill(start + first, chunk, |index, run| {
                    self.fill_run(index, run, exceeds_caches, false, &mut Progress::default());
                });
            });
        } else if !out.is_empty() {
            in_pool(threads, out.len(), |parallel| {
                self.fill_in_sequence(&rows, start, out, parallel, progress);
            });
        }
    }

    /// Fills `out` with the values from row-major index `start` of the global shape.
    /// `exceeds_caches`: as part of more than caches hold. `parallel`: on several threads, where the
    /// stream is sequential and sees to that itself.
    fn fill_run<T: Element>(
        &self,
        start: u64,
        out: &mut [T],
        exceeds_caches: bool,
        parallel: bool,
        progress: &mut Progress<T>,
    ) {
        match self.origin {
            Origin::Native(position) => {
                let columns = self.shape.last().map_or(1, |&columns| columns as u64);
                let _ = (parallel, progress);
                T::fill(Run { law: self.law, position, start, columns, exceeds_caches, out });
            }
            #[cfg(feature = "keras-streams")]
            Origin::Framework(framework) => {
                T::fill_framework(&framework, &mut progress.sequence, start, out, parallel);
            }
        }
    }

    fn is_random_access(&self) -> bool {
        match self.origin {
            Origin::Native(_) => true,
            #[cfg(feature = "keras-streams")]
            Origin::Framework(framework) => framework.is_random_access(),
        }
    }

    /// Fills the runs of a stream that draws all that stands in front of a run: one run at once,
    /// runs that are apart by way of a window over everything between the first and the last.
    fn fill_in_sequence<T: Element>(
        &self,
        rows: &Rows<'_>,
        start: u64,
        out: &mut [T],
        parallel: bool,
        progress: &mut Progress<T>,
    ) {
        if rows.outer == 0 {
            return self.fill_run(rows.index(start), out, false, parallel, progress);
        }
        let end = rows.index(start + out.len() as u64 - 1) + 1;
        rows.fill(start, out, |index, run| {
            let mut done = 0;
            while done < run.len() {
                let at = index + done as u64;
                if at - progress.first >= progress.window.len() as u64 {
                    let mut window = core::mem::take(&mut progress.window);
                    window.resize(WINDOW.min(end - at) as usize, T::default());
                    self.fill_run(at, &mut window, false, parallel, progress);
                    (progress.window, progress.first) = (window, at);
                }
                let ready = &progress.window[(at - progress.first) as usize..];
                let length = ready.len().min(run.len() - done);
                run[done..done + length].copy_from_slice(&ready[..length]);
                done += length;
            }
        });
    }
}

/// Calls `fill` with every chunk of `out` and the index of its first element.
fn for_chunks<T: Element>(out: &mut [T], threads: usize, fill: impl Fn(u64, &mut [T]) + Sync) {
    in_pool(threads, out.len(), |parallel| {
        let fill = |(index, chunk): (usize, &mut [T])| fill((index * CHUNK) as u64, chunk);
        #[cfg(feature = "parallel")]
        if parallel {
            use rayon::prelude::*;
            return out.par_chunks_mut(CHUNK).enumerate().for_each(fill);
        }
        let _ = parallel;
        out.chunks_mut(CHUNK).enumerate().for_each(fill);
    });
}

/// Does `work` where it may use `threads` threads, and tells it whether it is to use any but this
/// one.
fn in_pool(threads: usize, elements: usize, work: impl FnOnce(bool) + Send) {
    #[cfg(feature = "parallel")]
    match threads.min(elements / PARALLEL) {
        0 if elements >= PARALLEL => return work(true),
        0 | 1 => (),
        // Without threads to be had, the values are the same on this one.
        threads => {
            if let Ok(pool) = rayon::ThreadPoolBuilder::new().num_threads(threads).build() {
                return pool.install(|| work(true));
            }
        }
    }
    let _ = (threads, elements);
    work(false);
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

    /// Calls `fill` with every run of the slice's elements from `first` on, and the global
    /// row-major index of its first element.
    fn fill<T>(&self, first: u64, out: &mut [T], mut fill: impl FnMut(u64, &mut [T])) {
        let (mut at, mut out) = (first, out);
        while !out.is_empty() {
            let length = (self.length - at % self.length).min(out.len() as u64);
            let (now, later) = out.split_at_mut(length as usize);
            fill(self.index(at), now);
            (at, out) = (at + length, later);
        }
    }

    /// Global row-major index of the slice's element `at`.
    fn index(&self, at: u64) -> u64 {
        self.start(at / self.length) + at % self.length
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
