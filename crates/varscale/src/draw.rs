//! Draws: one call of an initializer for one tensor, from which any part can be taken.

use alloc::vec::Vec;
use core::ops::Range;

use crate::{
    Dtype, Element, Error, Law, Reader, Slice, memory,
    shape::{ShapeError, element_count},
    stream::Origin,
};

/// One call of an initializer for one tensor: every value is fixed, none is computed yet.
///
/// Any part can be taken, in any order, with any number of threads: a value depends on its index
/// in the global shape only. Where a framework's stream is sequential (`keras-torch`, and normals
/// of `keras-numpy`), a part also costs what stands in front of it: see [`Draw::reader`].
///
/// ```
/// use varscale::{Initializer, Slice};
/// let draw = Initializer::he_normal(42).draw([784, 256])?;
/// let whole: Vec<f32> = draw.to_vec()?;
/// let rows: Vec<f32> = draw.slice_to_vec(&Slice::new([10, 0], [5, 256]))?;
/// assert_eq!(rows, whole[10 * 256..15 * 256]);
/// # Ok::<(), varscale::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Draw {
    shape: Vec<usize>,
    elements: u64,
    law: Law,
    origin: Origin,
    threads: usize,
}

impl Draw {
    pub(crate) fn new(shape: &[usize], law: Law, origin: Origin) -> Result<Self, ShapeError> {
        let elements = element_count(shape)?;
        Ok(Self { shape: shape.to_vec(), elements, law, origin, threads: 0 })
    }

    /// The same draw on `threads` threads: 1 for the calling thread alone, 0 (the default) for
    /// rayon's current pool. The values are the same for every number; small draws use one.
    ///
    /// Other numbers start that many threads at every fill, or as many as it keeps busy: to share
    /// them over many fills, use 0 inside a `rayon::ThreadPool`.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }

    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    /// Global shape.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Number of elements of the global shape.
    #[must_use]
    pub fn elements(&self) -> u64 {
        self.elements
    }

    /// The distribution of the values.
    #[must_use]
    pub fn law(&self) -> &Law {
        &self.law
    }

    /// Checks that no value of this draw overflows `dtype`, as every fill does first.
    ///
    /// # Errors
    /// [`OverflowError`](crate::OverflowError).
    pub fn check(&self, dtype: Dtype) -> Result<(), Error> {
        Ok(self.law.check(dtype)?)
    }

    /// Fills `out` with the whole tensor in row-major order.
    ///
    /// # Errors
    /// [`ShapeError::BufferLength`] unless `out` holds exactly its elements;
    /// [`OverflowError`](crate::OverflowError).
    pub fn fill<T: Element>(&self, out: &mut [T]) -> Result<(), Error> {
        self.fill_range(0..self.elements, out)
    }

    /// Fills `out` with the values of a range of row-major indices in the global shape.
    ///
    /// # Errors
    /// As [`Draw::fill`], and [`ShapeError::RangeBounds`].
    pub fn fill_range<T: Element>(&self, range: Range<u64>, out: &mut [T]) -> Result<(), Error> {
        self.fill_slice_range(&Slice::whole(&self.shape), range, out)
    }

    /// Fills `out` with a slice of the tensor, in row-major order of the slice.
    ///
    /// # Errors
    /// As [`Draw::fill`], and [`ShapeError`] where the slice leaves the shape.
    pub fn fill_slice<T: Element>(&self, slice: &Slice, out: &mut [T]) -> Result<(), Error> {
        let elements = slice.check(&self.shape)?;
        self.fill_slice_range(slice, 0..elements, out)
    }

    /// Fills `out` with a range of a slice, counted in row-major order of the slice.
    ///
    /// # Errors
    /// As [`Draw::fill_slice`], and [`ShapeError::RangeBounds`].
    ///
    /// ```
    /// use varscale::{Initializer, Slice};
    /// let draw = Initializer::he_normal(42).draw([784, 256])?;
    /// let columns = Slice::new([0, 100], [784, 50]);
    /// let mut middle = [0f32; 1000];
    /// draw.fill_slice_range(&columns, 20_000..21_000, &mut middle)?;
    /// assert_eq!(middle, draw.slice_to_vec::<f32>(&columns)?[20_000..21_000]);
    /// # Ok::<(), varscale::Error>(())
    /// ```
    pub fn fill_slice_range<T: Element>(
        &self,
        slice: &Slice,
        range: Range<u64>,
        out: &mut [T],
    ) -> Result<(), Error> {
        let elements = slice.check(&self.shape)?;
        let Range { start, end } = range;
        if start > end || end > elements {
            return Err(ShapeError::RangeBounds { start, end, elements }.into());
        }
        if end - start != out.len() as u64 {
            let expected = end - start;
            return Err(ShapeError::BufferLength { expected, received: out.len() }.into());
        }
        Reader::new(self, slice)?.fill_at(start, out)
    }

    /// The values of a slice from its first to its last, buffer by buffer: for slices that do not
    /// fit one.
    ///
    /// # Errors
    /// [`ShapeError`] where the slice leaves the shape; [`OverflowError`](crate::OverflowError).
    pub fn reader<T: Element>(&self, slice: &Slice) -> Result<Reader<T>, Error> {
        Reader::new(self, slice)
    }

    /// The whole tensor in row-major order.
    ///
    /// # Errors
    /// As [`Draw::fill`], and [`Error::Memory`] where it does not fit.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>, Error> {
        self.slice_to_vec(&Slice::whole(&self.shape))
    }

    /// A slice of the tensor, in row-major order of the slice.
    ///
    /// # Errors
    /// As [`Draw::fill_slice`], and [`Error::Memory`] where it does not fit.
    pub fn slice_to_vec<T: Element>(&self, slice: &Slice) -> Result<Vec<T>, Error> {
        let elements = slice.check(&self.shape)?;
        let mut out = memory::zeros(elements)?;
        self.fill_slice(slice, &mut out)?;
        Ok(out)
    }
}
