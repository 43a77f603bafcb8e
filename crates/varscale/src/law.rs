//! Laws: distributions with their numbers filled in.

use alloc::string::{String, ToString};

use crate::{Dtype, number::Short};

/// Standard deviation of a standard normal truncated to [−2, 2]: Keras divides by it
/// (`scipy.stats.truncnorm.std(a=-2, b=2)`).
pub(crate) const TRUNCATED_STDDEV: f64 = 0.879_625_661_034_239_8;

/// A number that no distribution can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {argument} {received}: it must be {allowed}")]
pub struct LawError {
    /// `mean`, `stddev`, `minval`, `maxval`, `value`, `gain` or `scale`.
    pub argument: &'static str,
    /// The value received.
    pub received: String,
    /// What is allowed.
    pub allowed: &'static str,
}

/// Values that the dtype cannot hold.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "values up to {} overflow {dtype}, whose largest is {}: use a smaller scale, stddev or range, \
     or a wider dtype",
    Short(*bound),
    Short(dtype.max_value())
)]
pub struct OverflowError {
    /// Largest magnitude that the law can give.
    pub bound: f64,
    /// The dtype asked for.
    pub dtype: Dtype,
}

/// A distribution with its numbers filled in: what the values of one tensor follow.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "law", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Law {
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
    /// Uniform in [low, high].
    Uniform {
        /// Lower bound.
        low: f64,
        /// Upper bound.
        high: f64,
    },
    /// Normal.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        stddev: f64,
    },
    /// Normal, cut off at two standard deviations from its mean.
    TruncatedNormal {
        /// Mean.
        mean: f64,
        /// Standard deviation **before** truncation (σ'); after it, 0.8796 of that.
        stddev: f64,
    },
}

fn finite(argument: &'static str, value: f64) -> Result<f64, LawError> {
    let allowed = "a finite number";
    if value.is_finite() {
        Ok(value)
    } else {
        Err(LawError { argument, received: value.to_string(), allowed })
    }
}

fn not_negative(argument: &'static str, value: f64) -> Result<f64, LawError> {
    let allowed = "a finite number of at least 0";
    if value >= 0.0 && value.is_finite() {
        Ok(value)
    } else {
        Err(LawError { argument, received: value.to_string(), allowed })
    }
}

impl Law {
    pub(crate) fn constant(value: f64) -> Result<Self, LawError> {
        Ok(Self::Constant { value: finite("value", value)? })
    }

    pub(crate) fn identity(gain: f64) -> Result<Self, LawError> {
        Ok(Self::Identity { gain: finite("gain", gain)? })
    }

    pub(crate) fn normal(mean: f64, stddev: f64) -> Result<Self, LawError> {
        Ok(Self::Normal { mean: finite("mean", mean)?, stddev: not_negative("stddev", stddev)? })
    }

    pub(crate) fn truncated_normal(mean: f64, stddev: f64) -> Result<Self, LawError> {
        let (mean, stddev) = (finite("mean", mean)?, not_negative("stddev", stddev)?);
        Ok(Self::TruncatedNormal { mean, stddev })
    }

    pub(crate) fn uniform(low: f64, high: f64) -> Result<Self, LawError> {
        let (low, high) = (finite("minval", low)?, finite("maxval", high)?);
        if low > high {
            let allowed = "at least minval";
            return Err(LawError { argument: "maxval", received: high.to_string(), allowed });
        }
        Ok(Self::Uniform { low, high })
    }

    /// Mean of the values. Of a whole identity matrix this is not known here: 0.
    #[must_use]
    pub fn mean(&self) -> f64 {
        match *self {
            Self::Constant { value } => value,
            Self::Identity { .. } => 0.0,
            Self::Uniform { low, high } => low / 2.0 + high / 2.0,
            Self::Normal { mean, .. } | Self::TruncatedNormal { mean, .. } => mean,
        }
    }

    /// Standard deviation of the values (after truncation); `None` for the identity.
    #[must_use]
    pub fn stddev(&self) -> Option<f64> {
        match *self {
            Self::Constant { .. } => Some(0.0),
            Self::Identity { .. } => None,
            // sqrt(12) / 2, so that high - low cannot overflow.
            Self::Uniform { low, high } => Some((high / 2.0 - low / 2.0) / 1.732_050_807_568_877_2),
            Self::Normal { stddev, .. } => Some(stddev),
            Self::TruncatedNormal { stddev, .. } => Some(stddev * TRUNCATED_STDDEV),
        }
    }

    /// The interval that every value lies in, before rounding to the dtype; `None` for the normal.
    #[must_use]
    pub fn bounds(&self) -> Option<(f64, f64)> {
        match *self {
            Self::Constant { value } => Some((value, value)),
            Self::Identity { gain } => Some((gain.min(0.0), gain.max(0.0))),
            Self::Uniform { low, high } => Some((low, high)),
            Self::Normal { .. } => None,
            Self::TruncatedNormal { mean, stddev } => {
                Some((mean - 2.0 * stddev, mean + 2.0 * stddev))
            }
        }
    }

    /// Checks that no value overflows `dtype`.
    pub(crate) fn check(&self, dtype: Dtype) -> Result<(), OverflowError> {
        // 9.42 > sqrt(2 ln 2^64): the largest radius that 64 random bits give.
        let (low, high) = match (*self, self.bounds()) {
            (Self::Normal { mean, stddev }, _) => (mean - 9.42 * stddev, mean + 9.42 * stddev),
            (_, Some(bounds)) => bounds,
            (_, None) => return Ok(()),
        };
        let bound = high.max(-low);
        if bound <= dtype.max_value() { Ok(()) } else { Err(OverflowError { bound, dtype }) }
    }
}
