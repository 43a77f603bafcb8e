//! The safetensors format: 8 bytes with the length of a JSON header, the header, the data.
//!
//! Source: the format's description in `huggingface/safetensors`, and its Rust implementation.

use std::{collections::BTreeMap, fmt::Write as _, io::Read};

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use varscale::Dtype;

use super::{Entry, HeaderError, bytes_of, dtype_name, too_large};
use crate::{
    Integer::{Bool, Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64},
    SpecError,
    StoredDtype::{self, Drawn, Integer},
    hex,
};

pub(super) const EXTENSION: &str = "safetensors";

/// The header's key that is no tensor: text to text.
pub(crate) const METADATA: &str = "__metadata__";

/// The key of an index that holds the bytes of all values.
pub(crate) const TOTAL_SIZE: &str = "total_size";

/// The key of a shard's number among so many, as in `3/16`.
pub(crate) const SHARD: &str = "varscale.shard";

/// What keys of this library's begin with.
const OWN: &str = "varscale.";

/// The key by which transformers knows a file's format.
const FORMAT: &str = "format";

/// The key of the digest of all other texts in the metadata.
const SEAL: &str = "varscale.metadata_sha256";

/// Most bytes that the format allows a header.
pub(crate) const MAX_HEADER: u64 = 100_000_000;

/// Bytes of the length in front of the header; readers expect the data at a multiple of them.
pub(crate) const PREFIX: usize = 8;

pub(crate) const NAMES: [(StoredDtype, &str); 15] = [
    (Drawn(Dtype::Float16), "F16"),
    (Drawn(Dtype::BFloat16), "BF16"),
    (Drawn(Dtype::Float32), "F32"),
    (Drawn(Dtype::Float64), "F64"),
    (Drawn(Dtype::Float8E4M3Fn), "F8_E4M3"),
    (Drawn(Dtype::Float8E5M2), "F8_E5M2"),
    (Integer(Int8), "I8"),
    (Integer(Int16), "I16"),
    (Integer(Int32), "I32"),
    (Integer(Int64), "I64"),
    (Integer(UInt8), "U8"),
    (Integer(UInt16), "U16"),
    (Integer(UInt32), "U32"),
    (Integer(UInt64), "U64"),
    (Integer(Bool), "BOOL"),
];

/// The format's dtypes that no plan has, and bits per element.
const OTHERS: [(&str, u64); 7] = [
    ("F4", 4),
    ("F6_E2M3", 6),
    ("F6_E3M2", 6),
    ("F8_E8M0", 8),
    ("F8_E4M3FNUZ", 8),
    ("F8_E5M2FNUZ", 8),
    ("C64", 64),
];

/// Bits per element of the dtype that the format calls `name`.
pub(crate) fn bits(name: &str) -> Option<u64> {
    let other = || OTHERS.iter().find(|&&(other, _)| other == name).map(|&(_, bits)| bits);
    dtype(name).map(|dtype| 8 * dtype.size() as u64).or_else(other)
}

/// Names of all its dtypes.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    NAMES.iter().map(|&(_, name)| name).chain(OTHERS.iter().map(|&(name, _)| name))
}

/// The dtype that the format calls `name`.
pub(crate) fn dtype(name: &str) -> Option<StoredDtype> {
    NAMES.iter().find(|&&(_, other)| other == name).map(|&(dtype, _)| dtype)
}

/// The format's name of a dtype: it has all of ours.
pub(crate) fn name(dtype: StoredDtype) -> &'static str {
    NAMES.iter().find(|&&(known, _)| known == dtype).map_or("", |&(_, name)| name)
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

/// `metadata` and this library's version, and the `format` that transformers asks for before it loads a
/// file.
pub(crate) fn texts(metadata: &[(&str, String)]) -> Result<Map<String, Value>, HeaderError> {
    let own = [(FORMAT, "pt"), ("varscale.version", env!("CARGO_PKG_VERSION"))];
    let metadata = metadata.iter().map(|(key, text)| (*key, &text[..]));
    let mut texts = Map::new();
    for (key, text) in own.into_iter().chain(metadata) {
        if texts.insert(key.to_owned(), text.into()).is_some() {
            return Err(reserved(key));
        }
    }
    let seal = seal(texts.iter().filter_map(|(key, text)| Some((&key[..], text.as_str()?))));
    match texts.insert(SEAL.to_owned(), seal.into()) {
        Some(_) => Err(reserved(SEAL)),
        None => Ok(texts),
    }
}

/// The SHA-256 of the texts of metadata, each as the line `["KEY","TEXT"]`, in the order of the keys.
fn seal<'a>(texts: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut sum = Sha256::new();
    for (key, text) in texts.collect::<BTreeMap<_, _>>() {
        sum.update(json!([key, text]).to_string());
        sum.update("\n");
    }
    hex(&sum.finalize())
}

/// Whether texts of metadata are as this library wrote them, also with others beside them: their seal is
/// right. It is where none is this library's. `is_tensor` tells names of tensors, which ties are of.
pub(crate) fn is_sealed<'a>(
    texts: impl Iterator<Item = (&'a str, &'a str)>,
    is_tensor: impl Fn(&str) -> bool,
) -> bool {
    let mut texts: BTreeMap<_, _> = texts.collect();
    let found = texts.remove(SEAL);
    if !texts.keys().any(|key| key.starts_with(OWN)) {
        return found.is_none();
    }
    texts.retain(|key, text| key.starts_with(OWN) || *key == FORMAT || is_tensor(text));
    found == Some(&seal(texts.into_iter()))
}

pub(crate) fn reserved(name: &str) -> HeaderError {
    HeaderError::Reserved { format: EXTENSION, name: name.to_owned() }
}

pub(super) fn header(
    tensors: &[Entry<'_>],
    metadata: &[(&str, String)],
) -> Result<Vec<u8>, HeaderError> {
    let texts = texts(metadata)?;
    // As text, piece by piece: one value of it all takes ten times the memory.
    let mut json = format!("{{\"{METADATA}\":{}", Value::Object(texts));
    let mut offset = 0u64;
    for entry in tensors {
        if entry.name == METADATA {
            return Err(reserved(METADATA));
        }
        let end = offset.checked_add(bytes_of(entry)?).ok_or_else(|| too_large(entry))?;
        let description = json!({
            "dtype": dtype_name(EXTENSION, &NAMES, entry.dtype)?,
            "shape": entry.shape,
            "data_offsets": [offset, end],
        });
        let _ = write!(json, ",{}:{description}", Value::from(entry.name));
        offset = end;
    }
    json += "}";

    let mut json = json.into_bytes();
    json.resize(json.len().next_multiple_of(PREFIX), b' ');
    let bytes = json.len() as u64;
    if bytes > MAX_HEADER {
        return Err(HeaderError::TooLong { format: EXTENSION, bytes, allowed: MAX_HEADER });
    }
    Ok([&bytes.to_le_bytes()[..], &json].concat())
}

/// Of a name as shards have it (`model-00001-of-00004.safetensors`), what is in front of the numbers
/// (`model`).
///
/// ```
/// assert_eq!(varscale_model::whole_name("model-00001-of-00004.safetensors"), Some("model"));
/// assert_eq!(varscale_model::whole_name("model.safetensors"), None);
/// ```
#[must_use]
pub fn whole_name(name: &str) -> Option<&str> {
    let (rest, _) = name.rsplit_once("-of-")?;
    let (stem, _) = rest.rsplit_once('-')?;
    numbers_in(name, stem).map(|_| stem)
}

/// The shard's number and the number of shards that the name of one of `stem` tells.
pub(crate) fn numbers_in(name: &str, stem: &str) -> Option<(usize, usize)> {
    let rest = name.strip_prefix(stem)?.strip_prefix('-')?;
    let rest = rest.strip_suffix(EXTENSION)?.strip_suffix('.')?;
    let (number, count) = rest.split_once("-of-")?;
    let digits = |text: &str| text.len() >= 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits(number) && digits(count) { number.parse().ok().zip(count.parse().ok()) } else { None }
}
