//! Findings: what is wrong with a checkpoint's values, or looks so.

use std::sync::Arc;

use serde::Serialize;

/// What is wrong, or looks so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Fault {
    /// NaN or infinite values.
    NotFinite,
    /// A matrix of zeros.
    Zero,
    /// A matrix of one value.
    Constant,
    /// A tensor that a sibling is a copy of.
    EqualTensors,
    /// Rows of a tensor that are equal.
    EqualRows,
    /// A standard deviation that is not the law's, or far from those of its siblings.
    Deviation,
    /// A standard deviation that is the law's with fan_in and fan_out exchanged.
    TransposedFan,
    /// A matrix of a shape that is its siblings' the other way round.
    TransposedShape,
    /// A mean that is not the law's.
    Mean,
    /// Another distribution than the law's, by its kurtosis.
    Distribution,
    /// Values beyond the law's bounds, or other than its constant.
    Bounds,
    /// More zeros than the law gives.
    Zeros,
    /// A tensor of the plan that is not there, or has another shape.
    Missing,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// What it is.
    pub fault: Fault,
    /// The tensor; of equal ones the second.
    pub tensor: Arc<str>,
    /// In words.
    pub text: String,
}

impl Finding {
    pub(super) fn new(fault: Fault, tensor: &Arc<str>, text: String) -> Self {
        Self { fault, tensor: tensor.clone(), text }
    }
}
