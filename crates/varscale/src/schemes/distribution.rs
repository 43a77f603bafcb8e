//! Distributions, as `VarianceScaling` names them.

use core::{fmt, str::FromStr};

use crate::argument::{ArgumentError, named, serde_as_text};

/// Which distribution [`Scheme::variance_scaling`](crate::Scheme::variance_scaling) draws from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Distribution {
    /// Normal, cut off at two of its standard deviations: Keras's default. As text also `normal`.
    #[default]
    TruncatedNormal,
    /// Normal.
    UntruncatedNormal,
    /// Uniform, symmetric about 0.
    Uniform,
}

impl Distribution {
    /// Every distribution.
    pub const ALL: &[Self] = &[Self::TruncatedNormal, Self::UntruncatedNormal, Self::Uniform];

    /// Keras's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TruncatedNormal => "truncated_normal",
            Self::UntruncatedNormal => "untruncated_normal",
            Self::Uniform => "uniform",
        }
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Distribution {
    type Err = ArgumentError;

    /// As in Keras, distributions are not case-sensitive (modes are).
    fn from_str(text: &str) -> Result<Self, ArgumentError> {
        match text.to_lowercase().as_str() {
            "normal" => Ok(Self::TruncatedNormal),
            lower => named("distribution", Self::ALL, Self::name, lower)
                .map_err(|error| ArgumentError { received: alloc::format!("{text:?}"), ..error }),
        }
    }
}

serde_as_text!(Distribution);
