//! Everything that can go wrong with an array.

/// Everything that can go wrong: what varscale refuses, and what no array can be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What varscale refuses: a shape, a layout, a seed, a dtype that cannot hold the values.
    #[error(transparent)]
    Draw(#[from] varscale::Error),
    /// A shape that no array can have.
    #[error("no array has shape {shape:?}: {source}")]
    Shape {
        /// The shape received.
        shape: Vec<usize>,
        /// What ndarray says.
        source: ndarray::ShapeError,
    },
    /// A draw of another rank than the array's type has.
    #[error("a draw of shape {shape:?} does not fit an array of rank {rank}")]
    Rank {
        /// Shape of the draw.
        shape: Vec<usize>,
        /// Rank of the array's type.
        rank: usize,
    },
    /// An array of another shape than what is drawn into it.
    #[error("the array has shape {received:?}, but {expected:?} is to be drawn")]
    ArrayShape {
        /// Shape to draw.
        expected: Vec<usize>,
        /// Shape of the array.
        received: Vec<usize>,
    },
    /// A slice of another number of axes than the shape has.
    #[error("a slice of {axes} axes does not fit shape {shape:?}: give one entry for each axis")]
    SliceRank {
        /// Axes that the slice is of, new ones not counted.
        axes: usize,
        /// The shape.
        shape: Vec<usize>,
    },
    /// A slice or an index that leaves its axis.
    #[error("{received} leaves axis {axis}, which has {size} indices")]
    SliceBounds {
        /// The axis, counted from 0, new ones not counted.
        axis: usize,
        /// The entry for this axis, as in `s![]`.
        received: String,
        /// Size of the axis.
        size: usize,
    },
    /// A slice that goes nowhere.
    #[error("invalid slice {received} of axis {axis}: its step must not be 0")]
    SliceStep {
        /// The axis, counted from 0, new ones not counted.
        axis: usize,
        /// The entry for this axis, as in `s![]`.
        received: String,
    },
}
