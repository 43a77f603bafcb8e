//! What is wrong with specs.

use std::io;

use varscale::ShapeError;

use crate::format::safetensors;

/// What is wrong with a spec.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// The file cannot be read to the end.
    #[error("cannot read it: {0}")]
    Read(#[from] io::Error),
    /// A file of another kind.
    #[error("{found}: {}", SPEC)]
    Other {
        /// What it is, as in `it is a GGUF file`.
        found: String,
    },
    /// No JSON object of tensors.
    #[error("{reason}: {}", SPEC)]
    Json {
        /// What stands there, with line and column.
        reason: String,
    },
    /// A tensor that is not described as one.
    #[error("tensor {tensor:?}{key}: {reason}")]
    Tensor {
        /// Its name.
        tensor: String,
        /// Where in its description, as in `, key shape`; may be empty.
        key: String,
        /// What stands there, with line and column.
        reason: String,
    },
    /// A size that is none.
    #[error(
        "tensor {tensor:?}: invalid size {received} of axis {axis}: it must be an integer from 0 \
         to {max}",
        max = usize::MAX
    )]
    Size {
        /// Name of the tensor.
        tensor: String,
        /// The axis, counted from 0.
        axis: usize,
        /// The number received.
        received: String,
    },
    /// Too many elements.
    #[error("tensor {tensor:?}: {source}")]
    Shape {
        /// Name of the tensor.
        tensor: String,
        /// What is wrong with its shape.
        source: ShapeError,
    },
    /// A name that stands there twice.
    #[error("tensor {tensor:?} stands there twice: each name is allowed once")]
    Duplicate {
        /// The name.
        tensor: String,
    },
    /// A file too short for a safetensors header.
    #[error("it is no whole safetensors file: {length} bytes are too few for a header of {header}")]
    Short {
        /// Length of the file in bytes.
        length: u64,
        /// Length in bytes that its header claims, with the 8 bytes that claim it.
        header: u64,
    },
    /// A header longer than the format allows.
    #[error(
        "it is no safetensors file: it claims a header of {header} bytes, and at most {} are \
         allowed",
        safetensors::MAX_HEADER
    )]
    LongHeader {
        /// Length in bytes that the header claims.
        header: u64,
    },
    /// An index and its shards that do not fit each other.
    #[error("tensor {tensor:?}: the index says that it is in {shard:?}, {found}")]
    Shard {
        /// Name of the tensor.
        tensor: String,
        /// The shard that the index names.
        shard: String,
        /// What is the case.
        found: String,
    },
    /// A tensor of a shard that its index does not know.
    #[error("tensor {tensor:?} is in shard {shard:?}, and not in the index")]
    Unlisted {
        /// Name of the tensor.
        tensor: String,
        /// The shard.
        shard: String,
    },
}

/// What a spec is, for messages.
const SPEC: &str = "a spec is a .safetensors file, an index of some (.safetensors.index.json), a \
                    folder with either, or a JSON object of tensor names to \
                    {\"dtype\": \"F32\", \"shape\": [256, 784]}";

impl SpecError {
    pub(super) fn other(found: impl Into<String>) -> Self {
        Self::Other { found: found.into() }
    }
}
