//! What is wrong with checkpoints.

use crate::{SpecError, format::safetensors, quoted};

/// What is wrong with a file of a checkpoint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoredError {
    /// A file of another kind.
    #[error("{found}: {CHECKPOINT}")]
    Other {
        /// What it is, as in `it is a GGUF file`.
        found: String,
    },
    /// A header that is no JSON object of tensors.
    #[error("its header cannot be read: {reason}")]
    Json {
        /// What stands there, with line and column.
        reason: String,
    },
    /// A header or an index that says nothing sensible, or that does not fit the others.
    #[error(transparent)]
    Header(SpecError),
    /// An index of no tensor.
    #[error("the index names no tensor")]
    EmptyIndex,
    /// A tensor of a dtype that the format does not have.
    #[error(
        "tensor {tensor:?}: unknown dtype {received:?}: the format has {}",
        quoted(safetensors::names())
    )]
    Dtype {
        /// Name of the tensor.
        tensor: String,
        /// The dtype's name received.
        received: String,
    },
    /// A tensor whose elements fill no whole number of bytes, or more than can be counted.
    #[error(
        "tensor {tensor:?}: {dtype} of shape {shape:?} takes no whole number of bytes below 2^64"
    )]
    Bytes {
        /// Name of the tensor.
        tensor: String,
        /// Its dtype.
        dtype: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// A place that is none.
    #[error(
        "tensor {tensor:?}: invalid data_offsets {received}: they are two integers from 0 to \
         2^64 - 1, the first one not above the second"
    )]
    Offsets {
        /// Name of the tensor.
        tensor: String,
        /// What stands there.
        received: String,
    },
    /// A place of another size than the tensor's.
    #[error(
        "tensor {tensor:?}: data_offsets [{begin}, {end}] are {} bytes, and {dtype} of shape \
         {shape:?} takes {bytes}",
        end - begin
    )]
    Size {
        /// Name of the tensor.
        tensor: String,
        /// Its dtype.
        dtype: String,
        /// Its shape.
        shape: Vec<usize>,
        /// Bytes that it takes.
        bytes: u64,
        /// Where it begins in the data.
        begin: u64,
        /// Where it ends.
        end: u64,
    },
    /// Two tensors in one place.
    #[error("tensor {tensor:?} begins at byte {begin} of the data, and {before:?} ends at {end}")]
    Overlap {
        /// Name of the tensor.
        tensor: String,
        /// Where it begins.
        begin: u64,
        /// Name of the one before it.
        before: String,
        /// Where that ends.
        end: u64,
    },
    /// Bytes between tensors.
    #[error(
        "tensor {tensor:?} begins at byte {begin} of the data, and bytes from {end} on belong to no \
         tensor"
    )]
    Hole {
        /// Name of the tensor.
        tensor: String,
        /// Where it begins.
        begin: u64,
        /// Where the ones before it end.
        end: u64,
    },
    /// A file that is too short.
    #[error(
        "tensor {tensor:?} ends at byte {end} of the data, and the file has {data} (it is cut)"
    )]
    Short {
        /// Name of the first tensor that is not whole.
        tensor: String,
        /// Where it ends.
        end: u64,
        /// Bytes of data in the file.
        data: u64,
    },
    /// A file that is too long.
    #[error("its tensors end at byte {end} of the data, and the file has {data}")]
    Long {
        /// Where the last tensor ends.
        end: u64,
        /// Bytes of data in the file.
        data: u64,
    },
}

/// What a checkpoint is, for messages.
const CHECKPOINT: &str = "a checkpoint is a .safetensors file, an index of some \
                          (.safetensors.index.json), or a folder with either";

impl From<SpecError> for StoredError {
    fn from(error: SpecError) -> Self {
        match error {
            SpecError::Other { found } => Self::Other { found },
            SpecError::Json { reason } => Self::Json { reason },
            error => Self::Header(error),
        }
    }
}
