//! Rows: a box of a shape as runs of consecutive elements.

use alloc::vec::Vec;

use crate::shape::{Slice, product};

/// A box of a global shape, which was checked: runs of consecutive elements of that shape.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    /// Global row-major index of the first element.
    start: u64,
    /// Elements per run.
    length: u64,
    /// Extent and stride of the axes along which the runs are apart, from the last to the first.
    outer: Vec<(u64, u64)>,
}

impl Rows {
    /// All of a shape with so many elements.
    pub(super) fn whole(elements: u64) -> Self {
        Self { start: 0, length: elements, outer: Vec::new() }
    }

    /// A box that lies in `shape`.
    pub(super) fn new(shape: &[usize], slice: &Slice) -> Self {
        // A run takes in the last axis, and the one before it while it is taken whole.
        let mut outer = shape.len();
        while outer > 0 {
            outer -= 1;
            if slice.extent[outer] != shape[outer] {
                break;
            }
        }
        // Checked when the box was: its extents' product fits.
        let length = product(slice.extent[outer..].iter().copied()).unwrap_or(0);
        // Of an empty shape, strides may wrap; it has no runs.
        let mut rows = Self { start: 0, length, outer: Vec::new() };
        let mut stride = 1u64;
        for axis in (0..shape.len()).rev() {
            let offset = slice.offset[axis] as u64;
            rows.start = rows.start.wrapping_add(offset.wrapping_mul(stride));
            if axis < outer {
                rows.outer.push((slice.extent[axis] as u64, stride));
            }
            stride = stride.wrapping_mul(shape[axis] as u64);
        }
        rows
    }

    /// Whether all its elements follow each other.
    pub(super) fn is_one_run(&self) -> bool {
        self.outer.is_empty()
    }

    /// Calls `fill` with every run of the box's elements from `first` on, and the global row-major
    /// index of its first element.
    pub(super) fn for_runs<T>(
        &self,
        first: u64,
        out: &mut [T],
        mut fill: impl FnMut(u64, &mut [T]),
    ) {
        let (mut at, mut out) = (first, out);
        while !out.is_empty() {
            let length = (self.length - at % self.length).min(out.len() as u64);
            let (now, later) = out.split_at_mut(length as usize);
            fill(self.index(at), now);
            (at, out) = (at + length, later);
        }
    }

    /// Global row-major index of the box's element `at`.
    pub(super) fn index(&self, at: u64) -> u64 {
        let (mut row, mut index) = (at / self.length, self.start + at % self.length);
        for &(extent, stride) in &self.outer {
            index += row % extent * stride;
            row /= extent;
        }
        index
    }

    /// Where a global row-major index lies among the runs, of which there is one at least.
    pub(super) fn find(&self, index: u64) -> Place {
        let Some(mut rest) = index.checked_sub(self.start) else {
            return Place::Before(self.start - index);
        };
        // The last run that begins at or in front of it.
        let (mut row, mut runs) = (0, 1);
        for &(extent, stride) in self.outer.iter().rev() {
            let at = (rest / stride).min(extent - 1);
            rest -= at * stride;
            row = row * extent + at;
            runs *= extent;
        }
        if rest < self.length {
            return Place::Inside { at: row * self.length + rest, left: self.length - rest };
        }
        match row + 1 {
            next if next < runs => Place::Before(self.index(next * self.length) - index),
            _ => Place::After,
        }
    }
}

/// Where an index of a global shape lies, seen from a box of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// So many elements in front of the box, or of its next run.
    Before(u64),
    /// At this element of the box, with so many of its run left.
    Inside { at: u64, left: u64 },
    /// Behind all of it.
    After,
}
