//! What can go wrong.

use burn_core::tensor::DType;
use varscale::Layout;
use varscale_model::{PlanError, StoredDtype, WriteError};

use crate::dtype;

/// Why a tensor is not initialized.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Rules, spec and seed make no plan of it.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A dtype of burn's that nothing is drawn in.
    #[error("tensor {tensor:?}: nothing is drawn in {}: use one of {}", received.name(), dtype::names())]
    Dtype {
        /// Name of the tensor.
        tensor: String,
        /// The dtype of the module's, or that was asked for.
        received: DType,
    },
    /// A dtype of the plan's that the module's parameter cannot have.
    #[error(
        "tensor {tensor:?} is {kind}, which {} is not: the plan or a rule gives it another of {}",
        received.name(),
        dtype::names()
    )]
    Stored {
        /// Name of the tensor.
        tensor: String,
        /// The dtype that the plan gives it.
        received: StoredDtype,
        /// The kind of the parameter, in burn: `Float`, `Int` or `Bool`.
        kind: &'static str,
    },
    /// A dtype that the device lacks.
    #[error("tensor {tensor:?}: device {device} has no {}: the plan or a rule gives another", received.name())]
    Device {
        /// Name of the tensor.
        tensor: String,
        /// The dtype.
        received: DType,
        /// The device, as burn shows it.
        device: String,
    },
    /// A layout of Keras for a convolution of burn's.
    #[error(
        "tensor {tensor:?}: layout {received} reads a convolution's last two axes as its channels, burn's \
         are the first two: use \"torch\" or \"torch-transpose\", or say none"
    )]
    Layout {
        /// Name of the tensor.
        tensor: String,
        /// The layout of its rule, or of the plan.
        received: Layout,
    },
    /// Two parameters of one name, in different shapes, dtypes or layouts.
    #[error("tensor {tensor:?} is {received} in one place of the module, and {before} in another")]
    Twice {
        /// Its name.
        tensor: String,
        /// Dtype, shape and layout of one.
        received: String,
        /// Dtype, shape and layout of the one before.
        before: String,
    },
    /// A load mapper that makes another shape of what is loaded.
    #[error(
        "tensor {tensor:?}: the parameter's load mapper makes {received:?} of {expected:?}: only that of a \
         Linear may change the shape"
    )]
    Mapped {
        /// Name of the tensor.
        tensor: String,
        /// The shape that it makes.
        received: Vec<usize>,
        /// The shape of what is loaded.
        expected: Vec<usize>,
    },
    /// Parameters that a module visits, and does not map.
    #[error("tensors {tensors:?}: the module's `visit` comes to them, and its `map` does not")]
    Unmapped {
        /// Paths of the parameters.
        tensors: Vec<String>,
    },
    /// Another number of axes than the tensor's type has.
    #[error("tensor {tensor:?}: shape {received:?} is none of a tensor of rank {rank}")]
    Rank {
        /// Name of the tensor.
        tensor: String,
        /// The shape.
        received: Vec<usize>,
        /// The rank of the type.
        rank: usize,
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
    /// A module that is saved into weights.
    #[error(
        "weights are drawn, and nothing is saved into them: use a store of burn's, such as BurnpackStore"
    )]
    ReadOnly,
}
