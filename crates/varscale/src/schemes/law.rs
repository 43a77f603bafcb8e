//! Laws: distributions with their numbers filled in.

use alloc::format;
use core::fmt;

use super::{gaussian, log_uniform};
use crate::{
    argument::ArgumentError,
    dtype::Dtype,
    math::sqrt_f64,
    number::{Number, short},
};

/// Standard deviation of a standard normal truncated to [−2, 2]: Keras divides by it
/// (`scipy.stats.truncnorm.std(a=-2, b=2)`).
pub(crate) const TRUNCATED_STDDEV: f64 = 0.879_625_661_034_239_8;

/// Standard deviations beyond which no normal comes: more than √(2 ln 2^64), the largest radius that
/// 64 random bits give.
const NORMAL_END: f64 = 9.42;

/// A distribution with its numbers filled in: what the values of one tensor follow.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "law", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Law {
    /// Uniform in [low, high].
    Uniform {
        /// Lower bound.
        low: f64,
        /// Upper bound.
        high: f64,
    },
    /// Positive values whose logarithm is uniform, in [low, high].
    LogUniform {
        /// Lower bound, above 0.
        low: f64,
        /// Upper bound, above the lower one.
        high: f64,
    },
    /// Normal.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        stddev: f64,
    },
    /// Normal, cut off at bounds.
    TruncatedNormal {
        /// Mean **before** truncation.
        mean: f64,
        /// Standard deviation **before** truncation (σ'); after it, 0.8796 of that, where the bounds
        /// are Keras's.
        stddev: f64,
        /// The bounds, which no value passes in any dtype; infinite where they are open. `None` is
        /// Keras's, two standard deviations from the mean, rounded to the dtype.
        #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
        between: Option<(f64, f64)>,
    },
}

/// The value of a number, which must be finite.
pub(super) fn finite(argument: &'static str, number: Number) -> Result<f64, ArgumentError> {
    let value = number.get();
    if value.is_finite() {
        return Ok(value);
    }
    Err(ArgumentError::new(argument, number, "a finite number"))
}

pub(super) fn not_negative(argument: &'static str, number: Number) -> Result<f64, ArgumentError> {
    let value = number.get();
    if value >= 0.0 && value.is_finite() {
        return Ok(value);
    }
    Err(ArgumentError::new(argument, number, "a finite number of at least 0"))
}

impl Law {
    pub(crate) fn normal(mean: Number, stddev: Number) -> Result<Self, ArgumentError> {
        Ok(Self::Normal { mean: finite("mean", mean)?, stddev: not_negative("stddev", stddev)? })
    }

    pub(crate) fn truncated_normal(mean: Number, stddev: Number) -> Result<Self, ArgumentError> {
        let (mean, stddev) = (finite("mean", mean)?, not_negative("stddev", stddev)?);
        Ok(Self::TruncatedNormal { mean, stddev, between: None })
    }

    pub(crate) fn uniform(minval: Number, maxval: Number) -> Result<Self, ArgumentError> {
        let (low, high) = (finite("minval", minval)?, finite("maxval", maxval)?);
        if low > high {
            return Err(ArgumentError::new("maxval", maxval, "at least minval"));
        }
        Ok(Self::Uniform { low, high })
    }

    pub(crate) fn log_uniform(minval: Number, maxval: Number) -> Result<Self, ArgumentError> {
        let (low, high) = (finite("minval", minval)?, finite("maxval", maxval)?);
        if low <= 0.0 {
            return Err(ArgumentError::new("minval", minval, "above 0"));
        }
        if high <= low {
            let allowed = format!("above minval, which is {minval}");
            return Err(ArgumentError::new("maxval", maxval, allowed));
        }
        Ok(Self::LogUniform { low, high })
    }

    /// Whether Keras has it, and so its streams do.
    pub(crate) fn is_keras(&self) -> bool {
        !matches!(self, Self::LogUniform { .. } | Self::TruncatedNormal { between: Some(_), .. })
    }

    /// Mean of the values.
    #[must_use]
    pub fn mean(&self) -> f64 {
        match *self {
            Self::Uniform { low, high } => low / 2.0 + high / 2.0,
            Self::LogUniform { low, high } => log_uniform::mean(low, high),
            Self::TruncatedNormal { mean, stddev, between: Some((low, high)) } => {
                let (lower, upper) = gaussian::standard(mean, stddev, low, high);
                // Gauss's rule leaves a rounding of what is 0.
                let symmetric = lower == -upper;
                mean + if symmetric { 0.0 } else { stddev * gaussian::moments(lower, upper).0 }
            }
            Self::Normal { mean, .. } | Self::TruncatedNormal { mean, .. } => mean,
        }
    }

    /// Standard deviation of the values, after truncation.
    #[must_use]
    pub fn stddev(&self) -> f64 {
        match *self {
            // sqrt(12) / 2, so that high - low cannot overflow.
            Self::Uniform { low, high } => (high / 2.0 - low / 2.0) / 1.732_050_807_568_877_2,
            Self::LogUniform { low, high } => log_uniform::stddev(low, high),
            Self::Normal { stddev, .. } => stddev,
            Self::TruncatedNormal { stddev, between: None, .. } => stddev * TRUNCATED_STDDEV,
            Self::TruncatedNormal { mean, stddev, between: Some((low, high)) } => {
                let (lower, upper) = gaussian::standard(mean, stddev, low, high);
                stddev * gaussian::moments(lower, upper).1
            }
        }
    }

    /// The interval that every value lies in, before rounding to the dtype: an end of it is infinite
    /// where a truncated normal is open; `None` for the normal.
    #[must_use]
    pub fn bounds(&self) -> Option<(f64, f64)> {
        match *self {
            Self::Normal { .. } => None,
            Self::TruncatedNormal { between: Some(between), .. } => Some(between),
            Self::Uniform { .. } | Self::LogUniform { .. } | Self::TruncatedNormal { .. } => {
                Some(self.reach())
            }
        }
    }

    /// The bounds that values do not pass by rounding to `dtype`, either: those that a normal or a
    /// log-uniform law was given, and of a uniform law in 8 bits, whose steps are wide. Wider dtypes had theirs rounded.
    #[must_use]
    pub fn kept(&self, dtype: Dtype) -> Option<(f64, f64)> {
        match *self {
            Self::TruncatedNormal { between, .. } => between,
            Self::LogUniform { low, high } => Some((low, high)),
            Self::Uniform { low, high } if dtype.size() == 1 && low < high => Some((low, high)),
            _ => None,
        }
    }

    /// The interval that values of the native stream lie in: where there is no bound, to where its
    /// random bits end, at 9.42 standard deviations of the normal.
    ///
    /// ```
    /// let draw = varscale::Scheme::random_normal(0, 0.5)?.with_seed(1).draw([3])?;
    /// let reach = draw.law().map(|law| law.reach());
    /// assert_eq!(reach, Some((-4.71, 4.71)));
    /// # Ok::<(), varscale::Error>(())
    /// ```
    #[must_use]
    pub fn reach(&self) -> (f64, f64) {
        match *self {
            Self::Uniform { low, high } | Self::LogUniform { low, high } => (low, high),
            Self::Normal { mean, stddev } => {
                (mean - NORMAL_END * stddev, mean + NORMAL_END * stddev)
            }
            Self::TruncatedNormal { mean, stddev, between: None } => {
                (mean - 2.0 * stddev, mean + 2.0 * stddev)
            }
            Self::TruncatedNormal { mean, stddev, between: Some((low, high)) } => {
                // From a bound in one tail, values come as much less far as the density falls faster.
                let end = |near: f64| {
                    let near = (near / stddev).max(0.0);
                    stddev * sqrt_f64(near * near + NORMAL_END * NORMAL_END)
                };
                match stddev {
                    0.0 => (mean.clamp(low, high), mean.clamp(low, high)),
                    _ => (low.max(mean - end(mean - high)), high.min(mean + end(low - mean))),
                }
            }
        }
    }
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |value| short(value, 6);
        let (low, high) = self.bounds().unwrap_or_default();
        let (low, high, spread) = (number(low), number(high), number(self.stddev()));
        match *self {
            Self::Uniform { .. } => write!(f, "uniform in [{low}, {high}], stddev {spread}"),
            Self::LogUniform { .. } => {
                let mean = number(self.mean());
                write!(f, "log-uniform in [{low}, {high}], mean {mean}, stddev {spread}")
            }
            Self::Normal { mean, .. } => {
                write!(f, "normal with mean {}, stddev {spread}, unbounded", number(mean))
            }
            Self::TruncatedNormal { mean, stddev, .. } => write!(
                f,
                "normal with mean {} and stddev {}, truncated to [{low}, {high}], stddev {spread}",
                number(mean),
                number(stddev),
            ),
        }
    }
}
