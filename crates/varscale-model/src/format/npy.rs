//! NumPy's format 1.0: a magic text, a header that is a Python literal, the data.
//!
//! Source: `numpy/lib/_format_impl.py`, NumPy 2.4.

use std::fmt::Write as _;

use varscale::Dtype;

use super::{Entry, HeaderError, bytes_of, dtype_name};
use crate::{
    Integer::{Bool, Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64},
    StoredDtype::{self, Drawn, Integer},
};

pub(super) const EXTENSION: &str = "npy";

/// What NumPy can read: more axes than this it refuses.
const MOST_AXES: usize = 64;

const NAMES: [(StoredDtype, &str); 12] = [
    (Drawn(Dtype::Float16), "<f2"),
    (Drawn(Dtype::Float32), "<f4"),
    (Drawn(Dtype::Float64), "<f8"),
    (Integer(Int8), "|i1"),
    (Integer(Int16), "<i2"),
    (Integer(Int32), "<i4"),
    (Integer(Int64), "<i8"),
    (Integer(UInt8), "|u1"),
    (Integer(UInt16), "<u2"),
    (Integer(UInt32), "<u4"),
    (Integer(UInt64), "<u8"),
    (Integer(Bool), "|b1"),
];

pub(super) fn header(
    tensors: &[Entry<'_>],
    _metadata: &[(&str, String)],
) -> Result<Vec<u8>, HeaderError> {
    let [entry] = tensors else {
        return Err(HeaderError::Tensors { format: EXTENSION, tensors: tensors.len() });
    };
    bytes_of(entry)?;
    let descr = dtype_name(EXTENSION, &NAMES, entry.dtype)?;
    let axes = entry.shape.len();
    if axes > MOST_AXES {
        return Err(HeaderError::Axes { format: EXTENSION, axes, allowed: MOST_AXES });
    }
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (");
    for size in entry.shape {
        // The comma makes (3,) a tuple.
        let _ = write!(text, "{size},");
    }
    text += "), }";
    const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";
    const ALIGNMENT: usize = 64;
    let length = (MAGIC.len() + 2 + text.len() + 1).next_multiple_of(ALIGNMENT) - MAGIC.len() - 2;
    let mut header = MAGIC.to_vec();
    header.extend((length as u16).to_le_bytes());
    header.extend(format!("{text:0$}\n", length - 1).bytes());
    Ok(header)
}
