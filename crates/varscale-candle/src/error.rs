//! What can go wrong, as an error of its own and as candle's.

use candle_core::DType;
use varscale_model::{PlanError, StoredDtype, WriteError};

use crate::dtype;

/// Why a tensor is not initialized.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Rules, spec and seed make no plan of it.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A dtype of candle's that nothing is drawn in.
    #[error("tensor {tensor:?}: nothing is drawn in {received:?}: use one of {}", dtype::names())]
    Dtype {
        /// Name of the tensor.
        tensor: String,
        /// The dtype that it was asked for in.
        received: DType,
    },
    /// A dtype of the plan's that candle lacks.
    #[error(
        "tensor {tensor:?}: candle has no {}: use one of {}, by the plan or a rule",
        received.name(),
        dtype::names()
    )]
    Stored {
        /// Name of the tensor.
        tensor: String,
        /// The dtype that the plan gives it.
        received: StoredDtype,
    },
    /// A hint that says nothing sensible.
    #[error("tensor {tensor:?}: its hint {received}: {source}")]
    Hint {
        /// Name of the tensor.
        tensor: String,
        /// The hint.
        received: String,
        /// What is wrong with it.
        source: varscale::ArgumentError,
    },
    /// Values that cannot be drawn.
    #[error("tensor {tensor:?}: {source}")]
    Draw {
        /// Name of the tensor.
        tensor: String,
        /// Why.
        source: Box<varscale::Error>,
    },
    /// Integers that cannot be computed.
    #[error(transparent)]
    Integers(#[from] WriteError),
    /// A tensor that is asked for in two shapes.
    #[error("tensor {tensor:?} was asked for in shape {received:?}, and in {before:?} before")]
    TwoShapes {
        /// Its name.
        tensor: String,
        /// The shape received.
        received: Vec<usize>,
        /// The one before.
        before: Vec<usize>,
    },
    /// A shard that its tensor does not have.
    #[error(
        "tensor {tensor:?} of shape {shape:?}: no shard {rank} of {count} along axis {axis}: {allowed}"
    )]
    Shard {
        /// Name of the tensor.
        tensor: String,
        /// Its shape.
        shape: Vec<usize>,
        /// The axis received.
        axis: usize,
        /// Which shard.
        rank: usize,
        /// Of how many.
        count: usize,
        /// What is allowed.
        allowed: &'static str,
    },
    /// What candle refuses.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}

/// As candle's own backends have it: a tensor that there is not is its `CannotFindTensor`, one of
/// another shape its `UnexpectedShape`; all else is wrapped.
impl From<Error> for candle_core::Error {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Candle(error) => error,
            Error::Plan(PlanError::OtherShape { received, expected, .. }) => {
                let (expected, got) = (expected.into(), received.into());
                Self::UnexpectedShape { msg: message, expected, got }.bt()
            }
            Error::Plan(
                PlanError::UnknownTensor { received: path, .. }
                | PlanError::NoInitializer { tensor: path, .. }
                | PlanError::Skipped { tensor: path, .. },
            ) => Self::CannotFindTensor { path }.context(message).bt(),
            error => Self::wrap(error),
        }
    }
}
