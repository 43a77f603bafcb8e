//! The header of a safetensors file, checked to the last byte.

use std::collections::BTreeMap;

use serde_json::Number;

use super::{StoredError, StoredTensor};
use crate::{
    SpecTensor,
    format::safetensors::{self, PREFIX},
    spec::json,
};

/// The tensors of a header in its order, and its metadata. The file has `length` bytes, and is the one
/// of this place among its checkpoint's.
pub(super) fn read(
    header: &[u8],
    length: u64,
    file: usize,
) -> Result<(Vec<StoredTensor>, BTreeMap<String, String>), StoredError> {
    if header.first() != Some(&b'{') {
        let reason = "it does not begin with {".to_owned();
        return Err(StoredError::Json { reason });
    }
    let metadata = json::metadata(header)?;
    let start = (PREFIX + header.len()) as u64;
    let tensors = json::tensors::<Vec<Number>>(header)?;
    let tensors = tensors.into_iter().map(|(tensor, offsets)| placed(tensor, offsets, file));
    let mut tensors: Vec<_> = tensors.collect::<Result<_, _>>()?;
    contiguous(&tensors, length - start)?;
    for tensor in &mut tensors {
        tensor.offset += start;
    }
    Ok((tensors, metadata))
}

/// A tensor whose place has the size that it asks for. Its offset is that in the data.
fn placed(
    tensor: SpecTensor,
    offsets: Option<Vec<Number>>,
    file: usize,
) -> Result<StoredTensor, StoredError> {
    let SpecTensor { name, dtype, shape, .. } = tensor;
    let Some(bits) = safetensors::bits(&dtype) else {
        return Err(StoredError::Dtype { tensor: name.to_string(), received: dtype.to_string() });
    };
    let elements = varscale::element_count(&shape).ok();
    let all_bits = elements.and_then(|elements| u128::from(elements).checked_mul(bits.into()));
    let whole = all_bits.filter(|bits| bits % 8 == 0);
    let Some(bytes) = whole.and_then(|bits| u64::try_from(bits / 8).ok()) else {
        let (tensor, dtype) = (name.to_string(), dtype.to_string());
        return Err(StoredError::Bytes { tensor, dtype, shape });
    };
    let place = match offsets.as_deref() {
        Some([begin, end]) => begin.as_u64().zip(end.as_u64()),
        _ => None,
    };
    let Some((begin, end)) = place.filter(|(begin, end)| begin <= end) else {
        let list = |offsets: Vec<Number>| {
            let all: Vec<_> = offsets.iter().map(Number::to_string).collect();
            format!("[{}]", all.join(", "))
        };
        let received = offsets.map_or("(none)".to_owned(), list);
        return Err(StoredError::Offsets { tensor: name.to_string(), received });
    };
    if end - begin != bytes {
        let (tensor, dtype) = (name.to_string(), dtype.to_string());
        return Err(StoredError::Size { tensor, dtype, shape, bytes, begin, end });
    }
    Ok(StoredTensor { name, dtype, bits, shape, file, offset: begin, bytes })
}

/// Checks that the tensors follow each other and fill so many bytes.
fn contiguous(tensors: &[StoredTensor], data: u64) -> Result<(), StoredError> {
    let mut in_order: Vec<_> = tensors.iter().collect();
    in_order.sort_by_key(|tensor| (tensor.offset, tensor.bytes));
    let (mut end, mut before) = (0, None);
    for tensor in in_order {
        let (name, begin) = (tensor.name.to_string(), tensor.offset);
        match before {
            Some(before) if begin < end => {
                let before = String::clone(&before);
                return Err(StoredError::Overlap { tensor: name, begin, before, end });
            }
            _ if begin > end => return Err(StoredError::Hole { tensor: name, begin, end }),
            _ => {}
        }
        end = begin + tensor.bytes;
        if end > data {
            return Err(StoredError::Short { tensor: name, end, data });
        }
        before = Some(name);
    }
    if end < data { Err(StoredError::Long { end, data }) } else { Ok(()) }
}
