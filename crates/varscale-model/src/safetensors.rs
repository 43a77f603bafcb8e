//! The safetensors format: 8 bytes with the length of a JSON header, the header, the data.
//!
//! Source: the format's description in `huggingface/safetensors`, and its Rust implementation.

use std::io::Read;

use serde_json::{Map, Value, json};
use varscale::{Dtype, Stream};

use crate::SpecError;

/// The header's key that is no tensor: text to text.
pub(crate) const METADATA: &str = "__metadata__";

/// Most bytes that the format allows a header.
pub(crate) const MAX_HEADER: u64 = 100_000_000;

/// Bytes of the length in front of the header; readers expect the data at a multiple of them.
const PREFIX: usize = 8;

const NAMES: [(Dtype, &str); 4] = [
    (Dtype::Float16, "F16"),
    (Dtype::BFloat16, "BF16"),
    (Dtype::Float32, "F32"),
    (Dtype::Float64, "F64"),
];

/// The dtype that the format calls `name`.
pub(crate) fn dtype(name: &str) -> Option<Dtype> {
    NAMES.iter().find(|&&(_, other)| other == name).map(|&(dtype, _)| dtype)
}

fn dtype_name(dtype: Dtype) -> &'static str {
    NAMES.iter().find(|&&(other, _)| other == dtype).map_or("", |&(_, name)| name)
}

/// The JSON header of a file of `length` bytes.
pub(crate) fn read_header(mut file: impl Read, length: u64) -> Result<Vec<u8>, SpecError> {
    let prefix = PREFIX as u64;
    if length < prefix {
        return Err(SpecError::Short { length, header: prefix });
    }
    let mut bytes = [0; PREFIX];
    file.read_exact(&mut bytes)?;
    let header = u64::from_le_bytes(bytes);
    if header > MAX_HEADER {
        return Err(SpecError::LongHeader { header });
    }
    if header > length - prefix {
        return Err(SpecError::Short { length, header: prefix + header });
    }
    let mut json = Vec::new();
    file.take(header).read_to_end(&mut json)?;
    Ok(json)
}

/// A header that the format has no room for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// More bytes of header than readers take.
    #[error(
        "the header takes {bytes} bytes, and safetensors allows {MAX_HEADER}: use fewer tensors"
    )]
    TooLong {
        /// Its length in bytes.
        bytes: u64,
    },
    /// More bytes of data than offsets can name.
    #[error("tensor {tensor:?} of shape {shape:?} ends beyond 2^64 - 1 bytes, all that is allowed")]
    TooLarge {
        /// Name of the tensor.
        tensor: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// A name that the format keeps for itself.
    #[error("invalid tensor name {METADATA:?}: a safetensors file keeps it for itself")]
    Reserved,
}

/// Everything in front of the data of `tensors` (name, dtype, shape), which follow each other in
/// this order. To `metadata` it adds this library's version, the stream's id, and the `format` that
/// transformers asks for before it loads a file.
///
/// # Errors
/// [`HeaderError`].
pub fn safetensors_header<'a>(
    stream: Stream,
    metadata: impl IntoIterator<Item = (&'a str, String)>,
    tensors: impl IntoIterator<Item = (&'a str, Dtype, &'a [usize])>,
) -> Result<Vec<u8>, HeaderError> {
    let mut texts = Map::new();
    texts.insert("format".into(), "pt".into());
    texts.insert("varscale.version".into(), env!("CARGO_PKG_VERSION").into());
    texts.insert("varscale.stream".into(), stream.id().into());
    texts.extend(metadata.into_iter().map(|(key, text)| (key.to_owned(), text.into())));

    let mut header = Map::new();
    header.insert(METADATA.into(), texts.into());
    let mut offset = 0u64;
    for (name, dtype, shape) in tensors {
        if name == METADATA {
            return Err(HeaderError::Reserved);
        }
        let bytes = varscale::element_count(shape)
            .ok()
            .and_then(|elements| elements.checked_mul(dtype.size() as u64));
        let too_large =
            || HeaderError::TooLarge { tensor: name.to_owned(), shape: shape.to_owned() };
        let end = bytes.and_then(|bytes| offset.checked_add(bytes)).ok_or_else(too_large)?;
        let description = json!({
            "dtype": dtype_name(dtype),
            "shape": shape,
            "data_offsets": [offset, end],
        });
        header.insert(name.to_owned(), description);
        offset = end;
    }

    let mut json = Value::Object(header).to_string().into_bytes();
    json.resize(json.len().next_multiple_of(PREFIX), b' ');
    let length = json.len() as u64;
    if length > MAX_HEADER {
        return Err(HeaderError::TooLong { bytes: length });
    }
    Ok([&length.to_le_bytes()[..], &json].concat())
}
