//! Everything that can go wrong with a draw.

use crate::{
    DistributionError, DtypeError, FansError, IdentityShapeError, LawError, LayoutError, ModeError,
    OverflowError, ScaleError, SeedError, ShapeError, StreamError,
};

/// Everything that can go wrong: one variant per concept, whose message names the argument, the
/// value received, and what is allowed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A scale that is not positive and finite.
    #[error(transparent)]
    Scale(#[from] ScaleError),
    /// A mode that does not exist.
    #[error(transparent)]
    Mode(#[from] ModeError),
    /// A distribution that does not exist.
    #[error(transparent)]
    Distribution(#[from] DistributionError),
    /// A number that no distribution can have.
    #[error(transparent)]
    Law(#[from] LawError),
    /// A seed out of range, or none to be had.
    #[error(transparent)]
    Seed(#[from] SeedError),
    /// A stream that does not exist, or that has no such values.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// A layout that does not exist.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A shape whose fans cannot be counted.
    #[error(transparent)]
    Fans(#[from] FansError),
    /// A shape, slice, range or buffer that does not fit.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// An identity that is no matrix.
    #[error(transparent)]
    Identity(#[from] IdentityShapeError),
    /// A dtype that does not exist.
    #[error(transparent)]
    Dtype(#[from] DtypeError),
    /// Values that the dtype cannot hold.
    #[error(transparent)]
    Overflow(#[from] OverflowError),
    /// A config that is no initializer's.
    #[cfg(feature = "serde")]
    #[error(transparent)]
    Config(#[from] crate::ConfigError),
    /// More memory than there is.
    #[error("cannot allocate {bytes} bytes: draw slices of the tensor instead")]
    Memory {
        /// Bytes wanted.
        bytes: u128,
    },
}
