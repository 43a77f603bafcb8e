//! The dtypes that burn and plans share.

use burn_core::tensor::{BoolStore, DType};
use varscale::Dtype;
use varscale_model::{Integer, StoredDtype};

/// What is drawn, and what holds constants and formulas.
const SHARED: [(DType, StoredDtype); 13] = [
    (DType::BF16, StoredDtype::Drawn(Dtype::BFloat16)),
    (DType::F16, StoredDtype::Drawn(Dtype::Float16)),
    (DType::F32, StoredDtype::Drawn(Dtype::Float32)),
    (DType::F64, StoredDtype::Drawn(Dtype::Float64)),
    (DType::I8, StoredDtype::Integer(Integer::Int8)),
    (DType::I16, StoredDtype::Integer(Integer::Int16)),
    (DType::I32, StoredDtype::Integer(Integer::Int32)),
    (DType::I64, StoredDtype::Integer(Integer::Int64)),
    (DType::U8, StoredDtype::Integer(Integer::UInt8)),
    (DType::U16, StoredDtype::Integer(Integer::UInt16)),
    (DType::U32, StoredDtype::Integer(Integer::UInt32)),
    (DType::U64, StoredDtype::Integer(Integer::UInt64)),
    (DType::Bool(BoolStore::Native), StoredDtype::Integer(Integer::Bool)),
];

/// A plan's dtype for one of burn's. Of `flex32`, which holds what float32 does and computes in less,
/// and of all stores of truth values there is one.
pub(crate) fn stored(dtype: DType) -> Option<StoredDtype> {
    let dtype = match dtype {
        DType::Flex32 => DType::F32,
        DType::Bool(_) => DType::Bool(BoolStore::Native),
        dtype => dtype,
    };
    SHARED.iter().find(|(known, _)| *known == dtype).map(|&(_, stored)| stored)
}

/// Burn's dtype for one of a plan's.
pub(crate) fn of_burn(stored: StoredDtype) -> Option<DType> {
    SHARED.iter().find(|(_, known)| *known == stored).map(|&(dtype, _)| dtype)
}

/// Burn's names of them, for messages.
pub(crate) fn names() -> String {
    let names: Vec<_> = SHARED.iter().map(|(dtype, _)| dtype.name()).collect();
    names.join(", ")
}
