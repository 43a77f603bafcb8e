//! Patterns: values that are laid out, and not drawn.

use core::fmt;

use super::array::Array;
use crate::{math::sqrt_f64, number::short};

/// Values that follow from their place alone: no stream draws them, and no seed changes them.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "law", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Pattern {
    /// Every value is the same.
    Constant {
        /// That value.
        value: f64,
    },
    /// A matrix with `gain` on its diagonal and 0 elsewhere.
    Identity {
        /// The value on the diagonal.
        gain: f64,
    },
    /// The values of an array, broadcast to the shape. (Serialized, its shape stands for it.)
    Array {
        /// The values.
        #[cfg_attr(feature = "serde", serde(rename = "shape", serialize_with = "shape_only"))]
        values: Array,
    },
}

#[cfg(feature = "serde")]
fn shape_only<S: serde::Serializer>(values: &Array, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.shape())
}

impl Pattern {
    /// Smallest and largest value.
    #[must_use]
    pub fn bounds(&self) -> (f64, f64) {
        match self {
            Self::Constant { value } => (*value, *value),
            Self::Identity { gain } => (gain.min(0.0), gain.max(0.0)),
            Self::Array { values } => values.bounds(),
        }
    }

    /// Smallest size of a value that is not 0; 0 where there is none.
    pub(crate) fn least(&self) -> f64 {
        match self {
            Self::Constant { value: size } | Self::Identity { gain: size } => size.abs(),
            Self::Array { values } => values.least(),
        }
    }

    /// Mean of the values; `None` for the identity, whose depends on the shape.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        match self {
            Self::Constant { value } => Some(*value),
            Self::Identity { .. } => None,
            Self::Array { values } => Some(values.mean()),
        }
    }

    /// Standard deviation of the values; `None` for the identity, whose depends on the shape.
    #[must_use]
    pub fn stddev(&self) -> Option<f64> {
        match self {
            Self::Constant { .. } => Some(0.0),
            Self::Identity { .. } => None,
            Self::Array { values } => Some(sqrt_f64(values.variance())),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant { value } => write!(f, "constant {}", short(*value, 6)),
            Self::Identity { gain } => {
                write!(f, "{} on the diagonal, 0 elsewhere", short(*gain, 6))
            }
            Self::Array { values } => values.fmt(f),
        }
    }
}
