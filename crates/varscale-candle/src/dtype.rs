//! The dtypes that candle and plans share.

use candle_core::DType;
use varscale::Dtype;
use varscale_model::{Integer, StoredDtype};

/// What is drawn, and what holds constants and formulas.
const SHARED: [(DType, StoredDtype); 10] = [
    (DType::BF16, StoredDtype::Drawn(Dtype::BFloat16)),
    (DType::F16, StoredDtype::Drawn(Dtype::Float16)),
    (DType::F32, StoredDtype::Drawn(Dtype::Float32)),
    (DType::F64, StoredDtype::Drawn(Dtype::Float64)),
    (DType::F8E4M3, StoredDtype::Drawn(Dtype::Float8E4M3Fn)),
    (DType::U8, StoredDtype::Integer(Integer::UInt8)),
    (DType::U32, StoredDtype::Integer(Integer::UInt32)),
    (DType::I16, StoredDtype::Integer(Integer::Int16)),
    (DType::I32, StoredDtype::Integer(Integer::Int32)),
    (DType::I64, StoredDtype::Integer(Integer::Int64)),
];

/// A plan's dtype for one of candle's.
pub(crate) fn stored(dtype: DType) -> Option<StoredDtype> {
    SHARED.iter().find(|(known, _)| *known == dtype).map(|&(_, stored)| stored)
}

/// Candle's dtype for one of a plan's.
pub(crate) fn of_candle(stored: StoredDtype) -> Option<DType> {
    SHARED.iter().find(|(_, known)| *known == stored).map(|&(dtype, _)| dtype)
}

/// Candle's names of them, for messages.
pub(crate) fn names() -> String {
    let names: Vec<_> = SHARED.iter().map(|(dtype, _)| dtype.as_str()).collect();
    names.join(", ")
}
