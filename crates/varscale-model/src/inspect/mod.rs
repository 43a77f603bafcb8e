//! Inspection: what a checkpoint's values are, in one pass.

mod codes;
mod digest;
mod distinct;
mod error;
mod moments;
mod numbers;
mod scan;
mod selection;
mod siblings;
mod statistics;

use std::sync::{Arc, atomic::AtomicBool};

use serde::Serialize;

use self::error::check_memory;
pub use self::{
    error::InspectError, moments::Moments, selection::Selection, siblings::collapsed,
    statistics::Statistics,
};
use crate::Checkpoint;

/// What a checkpoint's values are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// Its tensors, in its order.
    pub tensors: Vec<InspectedTensor>,
}

/// What the values of one tensor are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InspectedTensor {
    /// Its name.
    pub name: Arc<str>,
    /// Its dtype, by the format's name (`BF16`).
    pub dtype: Arc<str>,
    /// Its shape.
    pub shape: Vec<usize>,
    /// `None` of a dtype whose values are not read.
    pub statistics: Option<Statistics>,
}

/// Reads the values of a checkpoint's tensors, each once, and says what they are. The result is the same
/// for every number of threads, 0 for one per processor; `progress` is told the number of bytes counted
/// so far, and `interrupted` stops it.
///
/// # Errors
/// [`InspectError`].
pub fn inspect(
    checkpoint: &Checkpoint,
    selection: &Selection,
    threads: usize,
    interrupted: &AtomicBool,
    progress: &mut dyn FnMut(u64),
) -> Result<Inspection, InspectError> {
    let tensors = selection.of(&checkpoint.tensors)?;
    let scanned = scan::scan(checkpoint, &tensors, threads, interrupted, progress)?;
    let tensors = tensors.iter().zip(&scanned).map(|(tensor, scanned)| InspectedTensor {
        name: tensor.name.clone(),
        dtype: tensor.dtype.clone(),
        shape: tensor.shape.clone(),
        statistics: scanned.statistics,
    });
    Ok(Inspection { tensors: tensors.collect() })
}
