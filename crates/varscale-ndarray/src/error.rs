//! Everything that can go wrong with an array.

/// Everything that can go wrong: what varscale refuses, and what ndarray does.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What [`varscale`] refuses: a shape, a layout, a seed, a dtype that cannot hold the values.
    #[error(transparent)]
    Draw(#[from] varscale::Error),
    /// An array that ndarray cannot have.
    #[error("invalid shape {shape:?}: {source}")]
    Shape {
        /// The shape received.
        shape: Vec<usize>,
        /// What ndarray says.
        source: ndarray::ShapeError,
    },
}
