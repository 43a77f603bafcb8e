//! Readers: the values of a slice, from its first to its last, buffer by buffer.

use alloc::vec::Vec;
use core::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
};

use super::{
    filling::Filling,
    memory,
    pool::is_parallel,
    region::{Overlay, Region, fill_around},
    rows::{Place, Rows},
};
use crate::{
    dtype::Element,
    error::Error,
    shape::{ShapeError, Slice, element_count},
    streams::values::Values,
};

/// Values that one thread draws at a time: 64 Ki, which fit a second-level cache.
const CHUNK: usize = 1 << 16;

/// Bytes that no cache holds, or none that has nothing better to hold.
const EXCEEDS_CACHES: usize = 64 << 20;

/// Values of a sequential stream that are drawn at a time for runs that are apart.
const WINDOW: u64 = 1 << 22;

/// Values of a sequential stream that are drawn or passed between two looks at whether to go on.
const STEP: usize = 1 << 24;

/// The values of a slice of a draw, in row-major order of the slice, from the first to the last:
/// every buffer goes on where the one before it ended.
///
/// The values are those of [`Draw::fill_slice`](crate::Draw::fill_slice), however they are split. Where a framework's stream
/// is sequential, nothing is drawn twice, which
/// [`Draw::fill_slice_range`](crate::Draw::fill_slice_range) has to do.
///
#[cfg_attr(feature = "keras-streams", doc = "```")]
#[cfg_attr(not(feature = "keras-streams"), doc = "```ignore")]
/// use varscale::{Scheme, Slice, Stream};
/// let he = Scheme::he_normal().with_seed(42).with_stream(Stream::KerasTorch);
/// let draw = he.draw([784, 256])?;
/// let slice = Slice::whole(draw.shape());
/// let mut reader = draw.reader::<f32>(&slice)?;
/// let mut values = Vec::new();
/// let mut buffer = [0.0; 1000];
/// while reader.remaining() > 0 {
///     let length = reader.remaining().min(1000) as usize;
///     reader.fill(&mut buffer[..length])?;
///     values.extend_from_slice(&buffer[..length]);
/// }
/// assert_eq!(values, draw.slice_to_vec::<f32>(&slice)?);
/// # Ok::<(), varscale::Error>(())
/// ```
pub struct Reader<T> {
    slice: Slice,
    rows: Rows,
    elements: u64,
    /// Element of the slice that comes next.
    next: u64,
    values: Values<T>,
    overlays: Vec<Overlay<T>>,
    window: Window<T>,
    /// Row-major index of the global shape that a sequential stream has come to.
    passed: u64,
    /// What is read, where values may turn out to be none.
    formulas: Option<(Filling, Vec<Region>)>,
}

/// Of a sequential stream, the values from row-major index `first` of the global shape on, for runs
/// that are apart. Of what is drawn by boxes, those from element `first` of the slice on.
struct Window<T> {
    values: Vec<T>,
    first: u64,
}

impl<T> fmt::Debug for Reader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { elements, next, .. } = self;
        f.debug_struct("Reader").field("elements", elements).field("next", next).finish()
    }
}

impl<T: Element> Reader<T> {
    /// Of a box, which is checked here.
    pub(super) fn new(filling: &Filling, regions: &[Region], slice: &Slice) -> Result<Self, Error> {
        let elements = slice.check(filling.shape())?;
        let rows = Rows::new(filling.shape(), slice);
        Self::open(filling, regions, slice.clone(), rows, elements)
    }

    /// Of all of it.
    pub(super) fn whole(filling: &Filling, regions: &[Region]) -> Result<Self, Error> {
        let (slice, elements) = (Slice::whole(filling.shape()), filling.explanation.elements);
        Self::open(filling, regions, slice, Rows::whole(elements), elements)
    }

    fn open(
        filling: &Filling,
        regions: &[Region],
        slice: Slice,
        rows: Rows,
        elements: u64,
    ) -> Result<Self, Error> {
        let shape = filling.shape();
        let values = filling.open(&Rows::whole(filling.explanation.elements))?;
        let overlays = regions.iter();
        let overlays = overlays.filter_map(|one| Overlay::open(one, shape, &slice).transpose());
        let overlays = overlays.collect::<Result<_, _>>()?;
        let window = Window { values: Vec::new(), first: 0 };
        let has_formula =
            filling.is_formula() || regions.iter().any(|region| region.filling.is_formula());
        let formulas = has_formula.then(|| (filling.clone(), regions.to_vec()));
        Ok(Self { slice, rows, elements, next: 0, values, overlays, window, passed: 0, formulas })
    }

    pub(super) fn elements(&self) -> u64 {
        self.elements
    }

    /// Number of values not yet read.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        self.elements - self.next
    }

    /// Fills `out` with the next values.
    ///
    /// # Errors
    /// [`ShapeError::RangeBounds`] where `out` is longer than what remains; nothing is read then.
    pub fn fill(&mut self, out: &mut [T]) -> Result<(), Error> {
        self.fill_unless(out, &AtomicBool::new(false)).map(drop)
    }

    /// As [`Reader::fill`], unless `interrupted` becomes true: then it returns false soon, whatever
    /// is left to draw or, in a sequential stream, to pass. Some of `out` is filled then, and nothing
    /// remains to be read.
    ///
    /// # Errors
    /// As [`Reader::fill`].
    ///
    #[cfg_attr(feature = "keras-streams", doc = "```")]
    #[cfg_attr(not(feature = "keras-streams"), doc = "```ignore")]
    /// use std::sync::atomic::AtomicBool;
    /// use varscale::{Scheme, Slice, Stream};
    /// let he = Scheme::he_normal().with_seed(42).with_stream(Stream::KerasTorch);
    /// // All but the last values would have to be passed, which takes minutes.
    /// let draw = he.draw([1 << 40])?;
    /// let mut reader = draw.reader::<f32>(&Slice::new([(1 << 40) - 10], [10]))?;
    /// assert!(!reader.fill_unless(&mut [0.0; 10], &AtomicBool::new(true))?);
    /// assert_eq!(reader.remaining(), 0);
    /// # Ok::<(), varscale::Error>(())
    /// ```
    pub fn fill_unless(&mut self, out: &mut [T], interrupted: &AtomicBool) -> Result<bool, Error> {
        let (start, elements) = (self.next, self.elements);
        let end = start.saturating_add(out.len() as u64);
        if end > elements {
            return Err(ShapeError::RangeBounds { start, end, elements }.into());
        }
        self.fill_until(end, elements, out, &|| interrupted.load(Ordering::Relaxed))
    }

    /// Passes the next values without drawing them, where the stream is not sequential.
    ///
    /// # Errors
    /// [`ShapeError::RangeBounds`] where fewer remain; none is passed then.
    ///
    /// ```
    /// use varscale::{Scheme, Slice};
    /// let draw = Scheme::he_normal().with_seed(42).draw([784, 256])?;
    /// let mut reader = draw.reader::<f32>(&Slice::whole(draw.shape()))?;
    /// let mut row = [0.0; 256];
    /// reader.skip(100 * 256)?;
    /// reader.fill(&mut row)?;
    /// assert_eq!(row[..], draw.slice_to_vec::<f32>(&Slice::new([100, 0], [1, 256]))?);
    /// # Ok::<(), varscale::Error>(())
    /// ```
    pub fn skip(&mut self, count: u64) -> Result<(), Error> {
        let (start, elements) = (self.next, self.elements);
        let end = start.saturating_add(count);
        if end > elements {
            return Err(ShapeError::RangeBounds { start, end, elements }.into());
        }
        self.next = end;
        Ok(())
    }

    /// Fills `out` with the next values, up to element `end`. What is drawn by boxes is drawn up to
    /// `ahead`.
    fn fill_until(
        &mut self,
        end: u64,
        ahead: u64,
        out: &mut [T],
        stopped: &(dyn Fn() -> bool + Sync),
    ) -> Result<bool, Error> {
        let (start, elements) = (self.next, self.elements);
        for overlay in &mut self.overlays {
            overlay.prepare(stopped)?;
        }
        let Self { slice, rows, values, overlays, window, passed, formulas, .. } = self;
        let exceeds_caches = size_of_val(out) >= EXCEEDS_CACHES;
        match values {
            Values::RandomAccess(fill) => {
                for_chunks(out, |first, chunk| {
                    rows.for_runs(start + first, chunk, |index, run| {
                        if !stopped() {
                            fill_around(overlays, index, run, exceeds_caches, fill);
                        }
                    });
                });
            }
            Values::Sequential(_) if out.is_empty() => {}
            Values::Sequential(fill) => {
                let parallel = is_parallel(out.len());
                let mut fill = |index: u64, out: &mut [T]| {
                    // One value of every step in front of the first: to pass the others costs time.
                    while index - *passed > STEP as u64 && !stopped() {
                        *passed += STEP as u64;
                        fill(*passed - 1, &mut [T::default()], parallel);
                    }
                    for (step, out) in out.chunks_mut(STEP).enumerate() {
                        if !stopped() {
                            fill(index + (step * STEP) as u64, out, parallel);
                            *passed = index + (step * STEP + out.len()) as u64;
                        }
                    }
                };
                if rows.is_one_run() {
                    fill(rows.index(start), out);
                } else {
                    let last = rows.index(end - 1);
                    rows.for_runs(start, out, |index, run| {
                        if !stopped() {
                            window.fill(index, run, last, &mut fill);
                        }
                    });
                }
            }
            Values::Boxes(_) if out.is_empty() => {}
            Values::Boxes(fill) => {
                if start == 0 && end == elements {
                    fill(slice, out, stopped)?;
                } else {
                    window.read(start, ahead, slice, out, |part, out| fill(part, out, stopped))?;
                }
            }
        }
        if !overlays.is_empty() && !matches!(values, Values::RandomAccess(_)) {
            // What lies below was needed all the same: to come to what follows.
            for_chunks(out, |first, chunk| {
                rows.for_runs(start + first, chunk, |index, run| {
                    fill_around(overlays, index, run, exceeds_caches, &|_, _, _| ());
                });
            });
        }
        let stopped = stopped();
        if let (Some((filling, regions)), false) = (formulas, stopped)
            && let Some(none) = out.iter().position(|value| !value.to_f64().is_finite())
        {
            refusal::<T>(filling, regions, rows.index(start + none as u64))?;
        }
        self.next = if stopped { elements } else { end };
        Ok(!stopped)
    }

    /// As [`Reader::fill`], from element `start` of the slice on, which is not yet read: all of `out`
    /// lies in it.
    pub(super) fn fill_from(&mut self, start: u64, out: &mut [T]) -> Result<(), Error> {
        self.next = start.min(self.elements);
        let end = self.next + out.len() as u64;
        self.fill_until(end, end, out, &|| false).map(drop)
    }
}

impl<T: Element> Window<T> {
    /// Reads elements of a slice from `start` on. Where they are not yet drawn, all up to `ahead` are.
    fn read(
        &mut self,
        start: u64,
        ahead: u64,
        slice: &Slice,
        out: &mut [T],
        fill: impl FnOnce(&Slice, &mut [T]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let last = self.first + self.values.len() as u64;
        if start < self.first || start + out.len() as u64 > last {
            let (part, first) = slice.around(start, ahead - 1);
            *self = Self { values: memory::zeros(element_count(&part.extent)?)?, first };
            fill(&part, &mut self.values)?;
        }
        out.copy_from_slice(&self.values[(start - self.first) as usize..][..out.len()]);
        Ok(())
    }

    /// Fills a run, by way of a window over everything up to the global index `last`.
    fn fill(&mut self, index: u64, run: &mut [T], last: u64, fill: &mut impl FnMut(u64, &mut [T])) {
        let mut done = 0;
        while done < run.len() {
            let at = index + done as u64;
            if at - self.first >= self.values.len() as u64 {
                self.values.resize(WINDOW.min(last - at + 1) as usize, T::default());
                fill(at, &mut self.values);
                self.first = at;
            }
            let ready = &self.values[(at - self.first) as usize..];
            let length = ready.len().min(run.len() - done);
            run[done..done + length].copy_from_slice(&ready[..length]);
            done += length;
        }
    }
}

/// Why a value is none, by its row-major index in the whole tensor.
fn refusal<T: Element>(filling: &Filling, regions: &[Region], index: u64) -> Result<(), Error> {
    for region in regions.iter().rev().filter(|region| region.explanation().elements > 0) {
        let rows = region.rows(filling.shape());
        if let Place::Inside { at, .. } = rows.find(index) {
            return region.filling.refusal(at, &rows, T::DTYPE);
        }
    }
    filling.refusal(index, &Rows::whole(filling.explanation.elements), T::DTYPE)
}

/// Calls `fill` with every chunk of `out` and the index of its first element.
fn for_chunks<T: Element>(out: &mut [T], fill: impl Fn(u64, &mut [T]) + Sync) {
    let parallel = is_parallel(out.len());
    let fill = |(index, chunk): (usize, &mut [T])| fill((index * CHUNK) as u64, chunk);
    #[cfg(feature = "parallel")]
    if parallel {
        use rayon::prelude::*;
        return out.par_chunks_mut(CHUNK).enumerate().for_each(fill);
    }
    let _ = parallel;
    out.chunks_mut(CHUNK).enumerate().for_each(fill);
}
