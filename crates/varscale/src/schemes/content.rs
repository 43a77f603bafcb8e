//! Contents: what a tensor is filled with, drawn or laid out.

use core::fmt;

use super::{formula::Formula, law::Law, orthogonal::Orthogonal, pattern::Pattern};
use crate::{
    dtype::Dtype,
    error::{Error, NoValueError, OverflowError, RoundingError, UnderflowError},
};

/// What a tensor is filled with.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(untagged))]
pub enum Content {
    /// Random values, which a stream draws.
    Random(Law),
    /// Matrices, which are drawn as a whole.
    Orthogonal(Orthogonal),
    /// Values that are computed of their indices, and of random numbers where it reads any.
    Formula(Formula),
    /// Values that are laid out.
    Pattern(Pattern),
}

impl Content {
    /// Mean of the values; `None` for the identity and for
    /// formulas.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        match self {
            Self::Random(law) => Some(law.mean()),
            Self::Orthogonal(_) => Some(0.0),
            Self::Formula(_) => None,
            Self::Pattern(pattern) => pattern.mean(),
        }
    }

    /// Standard deviation of the values (after truncation); `None` for the identity and for
    /// formulas.
    #[must_use]
    pub fn stddev(&self) -> Option<f64> {
        match self {
            Self::Random(law) => Some(law.stddev()),
            Self::Orthogonal(matrix) => Some(matrix.stddev()),
            Self::Formula(_) => None,
            Self::Pattern(pattern) => pattern.stddev(),
        }
    }

    /// The interval that every value lies in, before rounding to the dtype; `None` for the normal
    /// and for formulas.
    #[must_use]
    pub fn bounds(&self) -> Option<(f64, f64)> {
        match self {
            Self::Random(law) => law.bounds(),
            Self::Orthogonal(matrix) => Some(matrix.bounds()),
            Self::Formula(_) => None,
            Self::Pattern(pattern) => Some(pattern.bounds()),
        }
    }

    /// Whether most values are subnormal in `dtype`, which leaves them fewer significant bits: their
    /// usual size is below [`Dtype::min_normal`]. Not where they are 0.
    ///
    /// ```
    /// use varscale::{Dtype, Scheme};
    /// let explanation = Scheme::random_normal(0, 1e-6)?.explain([784, 256])?;
    /// assert!(explanation.content.is_subnormal(Dtype::Float16));
    /// assert!(!explanation.content.is_subnormal(Dtype::BFloat16));
    /// # Ok::<(), varscale::Error>(())
    /// ```
    #[must_use]
    pub fn is_subnormal(&self, dtype: Dtype) -> bool {
        let size = match self {
            Self::Random(law) => law.mean().abs() + law.stddev(),
            Self::Orthogonal(matrix) => matrix.stddev(),
            Self::Formula(_) => return false,
            Self::Pattern(pattern) => {
                let (low, high) = pattern.bounds();
                high.max(-low)
            }
        };
        size > 0.0 && size < dtype.min_normal()
    }

    /// Checks that no value overflows `dtype`, and that not every one is lost in it.
    pub(crate) fn check(&self, dtype: Dtype) -> Result<(), Error> {
        let (low, high) = match self {
            Self::Random(law) => law.reach(),
            Self::Orthogonal(matrix) => matrix.bounds(),
            // Each value is checked when it is computed.
            Self::Formula(_) => return Ok(()),
            Self::Pattern(pattern) => pattern.bounds(),
        };
        let bound = high.max(-low);
        if bound > dtype.max_value() {
            return Err(OverflowError { bound, dtype }.into());
        }
        // To nearest even: half of the smallest value is 0, too.
        let is_lost = |size: f64| size > 0.0 && 2.0 * size <= dtype.min_positive();
        let (lost, bound) = match self {
            // A normal's few values beyond 5 standard deviations do not save it; nor is one left that
            // is multiplied by a standard deviation of 0.
            Self::Random(Law::Normal { mean: 0.0, stddev }) => (is_lost(5.0 * stddev), bound),
            Self::Random(Law::TruncatedNormal { mean: 0.0, stddev, .. }) => {
                (is_lost(bound) || dtype.size() >= 4 && is_lost(*stddev), bound)
            }
            Self::Random(_) => (is_lost(bound), bound),
            // As a normal's.
            Self::Orthogonal(matrix) => (is_lost(bound.min(5.0 * matrix.stddev())), bound),
            Self::Formula(_) => (false, bound),
            // Each of them was written by hand.
            Self::Pattern(pattern) => {
                let least = pattern.least();
                (is_lost(least), least)
            }
        };
        if lost {
            return Err(UnderflowError { bound, dtype }.into());
        }
        let Self::Random(law) = self else { return Ok(()) };
        let Some((low, high)) = law.kept(dtype) else { return Ok(()) };
        if let Law::TruncatedNormal { mean, stddev, .. } = *law
            && is_rounded_away(mean, stddev, low, high, dtype)
        {
            return Err(RoundingError { mean, stddev, low, high, dtype }.into());
        }
        match dtype.inside(low, high) {
            (0.0, 0.0) if bound > 0.0 => Err(UnderflowError { bound, dtype }.into()),
            (least, largest) if least > largest => Err(NoValueError { low, high, dtype }.into()),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Random(law) => law.fmt(f),
            Self::Orthogonal(matrix) => matrix.fmt(f),
            Self::Formula(formula) => formula.fmt(f),
            Self::Pattern(pattern) => pattern.fmt(f),
        }
    }
}

/// Whether a normal between bounds, computed as standard normal times `stddev` plus `mean`, has not
/// even a thousand values there: no factor is beyond what computes, subnormal, or cancelled.
fn is_rounded_away(mean: f64, stddev: f64, low: f64, high: f64, dtype: Dtype) -> bool {
    let (largest, least, precision) = match dtype {
        Dtype::Float64 => (f64::MAX, f64::MIN_POSITIVE, f64::EPSILON),
        _ => (f32::MAX.into(), f32::MIN_POSITIVE.into(), f32::EPSILON.into()),
    };
    let size = low.abs().max(high.abs());
    let (widest, farthest) = (stddev.max(mean.abs()), mean.abs() * precision * 1024.0);
    widest > largest || low < high && (size < stddev * least || size < farthest)
}
