//! Contents: what a tensor is filled with, drawn or laid out.

use core::fmt;

use super::{law::Law, pattern::Pattern};
use crate::{dtype::Dtype, error::OverflowError};

/// What a tensor is filled with.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(untagged))]
pub enum Content {
    /// Random values, which a stream draws.
    Random(Law),
    /// Values that are laid out.
    Pattern(Pattern),
}

impl Content {
    /// Mean of the values; `None` for the identity.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        match self {
            Self::Random(law) => Some(law.mean()),
            Self::Pattern(pattern) => pattern.mean(),
        }
    }

    /// Standard deviation of the values (after truncation); `None` for the identity.
    #[must_use]
    pub fn stddev(&self) -> Option<f64> {
        match self {
            Self::Random(law) => Some(law.stddev()),
            Self::Pattern(pattern) => pattern.stddev(),
        }
    }

    /// The interval that every value lies in, before rounding to the dtype; `None` for the normal.
    #[must_use]
    pub fn bounds(&self) -> Option<(f64, f64)> {
        match self {
            Self::Random(law) => law.bounds(),
            Self::Pattern(pattern) => Some(pattern.bounds()),
        }
    }

    /// Checks that no value overflows `dtype`.
    pub(crate) fn check(&self, dtype: Dtype) -> Result<(), OverflowError> {
        let (low, high) = match self {
            Self::Random(law) => law.reach(),
            Self::Pattern(pattern) => pattern.bounds(),
        };
        let bound = high.max(-low);
        if bound <= dtype.max_value() { Ok(()) } else { Err(OverflowError { bound, dtype }) }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Random(law) => law.fmt(f),
            Self::Pattern(pattern) => pattern.fmt(f),
        }
    }
}
