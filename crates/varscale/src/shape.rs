//! Shapes, and boxes of them.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

/// What is wrong with a shape or with a slice of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShapeError {
    /// Text that is no shape.
    #[error(
        "invalid shape {received:?}: axis {axis:?} must be an integer from 0 to {max}; write sizes \
         as in \"784,256\", and nothing for the scalar shape",
        max = usize::MAX
    )]
    Text {
        /// The text received.
        received: String,
        /// The part of it that is no size.
        axis: String,
    },
    /// The shape holds more than 2^64 − 1 elements.
    #[error("shape {shape:?} has too many elements: at most 2^64 - 1 are allowed")]
    TooLarge {
        /// The shape received.
        shape: Vec<usize>,
    },
    /// A shape that is no matrix, where one is needed.
    #[error("{class} fills matrices only: shape {shape:?} has rank {}", shape.len())]
    NoMatrix {
        /// The class that needs one.
        class: &'static str,
        /// The shape received.
        shape: Vec<usize>,
    },
    /// A shape with less than two axes, where one side of them stands against the other.
    #[error("{class} fills tensors of rank 2 or more: shape {shape:?} has rank {}", shape.len())]
    NoMatrices {
        /// The class that needs two axes.
        class: &'static str,
        /// The shape received.
        shape: Vec<usize>,
    },
    /// An array that does not broadcast to the shape, by NumPy's rule.
    #[error(
        "an array of shape {array:?} does not broadcast to shape {shape:?}: counted from the last, \
         each of its axes must be 1 or as long as the shape's"
    )]
    Broadcast {
        /// Shape of the array.
        array: Vec<usize>,
        /// The shape received.
        shape: Vec<usize>,
    },
    /// A slice whose offset or extent has another rank than the shape.
    #[error(
        "slice has offsets for {offset} axes and extents for {extent}, but the shape has {rank}: \
         give one of each per axis"
    )]
    SliceRank {
        /// Number of offsets received.
        offset: usize,
        /// Number of extents received.
        extent: usize,
        /// Rank of the shape.
        rank: usize,
    },
    /// A slice that leaves the shape.
    #[error(
        "slice leaves axis {axis}: offset {offset} + extent {extent} is more than its size {size}"
    )]
    SliceBounds {
        /// The axis, counted from 0.
        axis: usize,
        /// Offset received.
        offset: usize,
        /// Extent received.
        extent: usize,
        /// Size of the axis.
        size: usize,
    },
    /// A flat range that leaves the tensor, or the slice of it.
    #[error(
        "invalid range {start}..{end}: it must be in order and end within the {elements} elements of the \
             tensor or slice"
    )]
    RangeBounds {
        /// First index received.
        start: u64,
        /// End received (exclusive).
        end: u64,
        /// Number of elements of the tensor or slice.
        elements: u64,
    },
    /// A buffer of another length than what is drawn into it.
    #[error("buffer holds {received} values, but {expected} are to be drawn")]
    BufferLength {
        /// Number of elements to draw.
        expected: u64,
        /// Length of the buffer.
        received: usize,
    },
}

/// Number of elements of `shape`: 1 for the scalar shape, 0 when any axis is 0.
///
/// # Errors
/// [`ShapeError::TooLarge`] above 2^64 − 1 elements.
///
/// ```
/// assert_eq!(varscale::element_count(&[784, 256])?, 200_704);
/// assert_eq!(varscale::element_count(&[])?, 1);
/// assert_eq!(varscale::element_count(&[usize::MAX, usize::MAX, 0])?, 0);
/// # Ok::<(), varscale::ShapeError>(())
/// ```
pub fn element_count(shape: &[usize]) -> Result<u64, ShapeError> {
    product(shape.iter().copied()).ok_or_else(|| ShapeError::TooLarge { shape: shape.to_vec() })
}

/// A shape, offset or extent from text: sizes separated by commas, nothing for the scalar shape.
///
/// # Errors
/// [`ShapeError::Text`] where a part is no size.
///
/// ```
/// assert_eq!(varscale::parse_shape("784, 256")?, [784, 256]);
/// assert!(varscale::parse_shape("")?.is_empty());
/// assert!(varscale::parse_shape("784,-1").is_err());
/// # Ok::<(), varscale::ShapeError>(())
/// ```
pub fn parse_shape(text: &str) -> Result<Vec<usize>, ShapeError> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    text.split(',')
        .map(str::trim)
        .map(|axis| {
            axis.parse()
                .map_err(|_| ShapeError::Text { received: text.to_owned(), axis: axis.to_owned() })
        })
        .collect()
}

/// The exact product, or `None` above 2^64 − 1. A zero makes it 0 wherever it stands.
pub(crate) fn product(sizes: impl Iterator<Item = usize> + Clone) -> Option<u64> {
    if sizes.clone().any(|size| size == 0) {
        return Some(0);
    }
    sizes.into_iter().try_fold(1u64, |count, size| count.checked_mul(size as u64))
}

/// A box of a global shape: where it starts and how far it reaches, per axis.
///
/// An extent of 0 is valid and holds no elements.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Slice {
    /// First index along each axis.
    pub offset: Vec<usize>,
    /// Number of indices along each axis.
    pub extent: Vec<usize>,
}

impl Slice {
    /// The box that starts at `offset` and reaches `extent` along each axis. It is checked against
    /// a shape when it is drawn.
    pub fn new(offset: impl Into<Vec<usize>>, extent: impl Into<Vec<usize>>) -> Self {
        Self { offset: offset.into(), extent: extent.into() }
    }

    /// The whole of `shape`.
    #[must_use]
    pub fn whole(shape: &[usize]) -> Self {
        Self { offset: alloc::vec![0; shape.len()], extent: shape.to_vec() }
    }

    /// What two boxes of one shape have in common; `None` where that is nothing.
    pub(crate) fn intersection(&self, other: &Self) -> Option<Self> {
        let axes = self.offset.iter().zip(&self.extent).zip(other.offset.iter().zip(&other.extent));
        let common = axes.map(|((&a, &size), (&b, &length))| {
            let (start, end) = (a.max(b), (a + size).min(b + length));
            (start < end).then(|| (start, end - start))
        });
        let (offset, extent) = common.collect::<Option<(Vec<_>, Vec<_>)>>()?;
        Some(Self { offset, extent })
    }

    /// The smallest box with the elements from `start` to `last` of this one, in row-major order,
    /// and which of them is its first.
    pub(crate) fn around(&self, start: u64, last: u64) -> (Self, u64) {
        let (mut part, mut begin) = (self.clone(), 0);
        let mut left = (start, last);
        for axis in 0..self.extent.len() {
            let inner = product(self.extent[axis + 1..].iter().copied()).unwrap_or(1);
            let (first, end) = (left.0 / inner, left.1 / inner);
            part.offset[axis] += first as usize;
            part.extent[axis] = (end - first + 1) as usize;
            begin += first * inner;
            if first != end {
                break;
            }
            left = (left.0 % inner, left.1 % inner);
        }
        (part, begin)
    }

    /// The index along each axis of the whole tensor of one of its elements, in row-major order.
    ///
    /// ```
    /// let rows = varscale::Slice::new([10, 0], [5, 256]);
    /// assert_eq!(rows.index(257), [11, 1]);
    /// ```
    #[must_use]
    pub fn index(&self, element: u64) -> Vec<usize> {
        self.around(element, element).0.offset
    }

    /// Checks that this box lies in `shape`, and counts its elements.
    ///
    /// # Errors
    /// [`ShapeError::SliceRank`], [`ShapeError::SliceBounds`] or [`ShapeError::TooLarge`].
    ///
    /// ```
    /// let rows = varscale::Slice::new([10, 0], [5, 256]);
    /// assert_eq!(rows.check(&[784, 256])?, 1280);
    /// assert!(rows.check(&[12, 256]).is_err());
    /// # Ok::<(), varscale::ShapeError>(())
    /// ```
    pub fn check(&self, shape: &[usize]) -> Result<u64, ShapeError> {
        if self.offset.len() != shape.len() || self.extent.len() != shape.len() {
            return Err(ShapeError::SliceRank {
                offset: self.offset.len(),
                extent: self.extent.len(),
                rank: shape.len(),
            });
        }
        for (axis, ((&offset, &extent), &size)) in
            self.offset.iter().zip(&self.extent).zip(shape).enumerate()
        {
            if offset.checked_add(extent).is_none_or(|end| end > size) {
                return Err(ShapeError::SliceBounds { axis, offset, extent, size });
            }
        }
        element_count(&self.extent)
    }
}
