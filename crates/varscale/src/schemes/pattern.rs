//! Patterns: values that are laid out, and not drawn.

use core::fmt;

use crate::number::short;

/// Values that follow from their place alone: no stream draws them, and no seed changes them.
#[derive(Debug, Clone, Copy, PartialEq)]
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
}

impl Pattern {
    /// Smallest and largest value.
    #[must_use]
    pub fn bounds(&self) -> (f64, f64) {
        match *self {
            Self::Constant { value } => (value, value),
            Self::Identity { gain } => (gain.min(0.0), gain.max(0.0)),
        }
    }

    /// Mean of the values; `None` for the identity, whose depends on the shape.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        match *self {
            Self::Constant { value } => Some(value),
            Self::Identity { .. } => None,
        }
    }

    /// Standard deviation of the values; `None` for the identity, whose depends on the shape.
    #[must_use]
    pub fn stddev(&self) -> Option<f64> {
        match self {
            Self::Constant { .. } => Some(0.0),
            Self::Identity { .. } => None,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Constant { value } => write!(f, "constant {}", short(value, 6)),
            Self::Identity { gain } => {
                write!(f, "{} on the diagonal, 0 elsewhere", short(gain, 6))
            }
        }
    }
}
