//! `VarianceScaling` and its six presets: from a shape's fans to a standard deviation or a limit.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::{fmt, str::FromStr};

use crate::{
    Fans, Law, Layout, Mode, Number,
    law::{LawError, TRUNCATED_STDDEV},
    math::sqrt_f64,
};

/// Which distribution [`VarianceScaling`] draws from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum Distribution {
    /// Normal, cut off at two of its standard deviations: Keras's default. As text also `normal`.
    #[default]
    TruncatedNormal,
    /// Normal.
    UntruncatedNormal,
    /// Uniform, symmetric about 0.
    Uniform,
}

/// A distribution that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid distribution {received:?}: use \"truncated_normal\" (or \"normal\"), \
     \"untruncated_normal\" or \"uniform\""
)]
pub struct DistributionError {
    /// The text received.
    pub received: String,
}

impl Distribution {
    /// Every distribution.
    pub const ALL: [Self; 3] = [Self::TruncatedNormal, Self::UntruncatedNormal, Self::Uniform];

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
    type Err = DistributionError;

    /// As in Keras, distributions are not case-sensitive (modes are).
    fn from_str(text: &str) -> Result<Self, DistributionError> {
        let lower = text.to_lowercase();
        if lower == "normal" {
            return Ok(Self::TruncatedNormal);
        }
        Self::ALL
            .into_iter()
            .find(|distribution| distribution.name() == lower)
            .ok_or_else(|| DistributionError { received: text.to_string() })
    }
}

/// A scale that is not a positive finite number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid scale {received}: it must be a positive finite number")]
pub struct ScaleError {
    /// The scale received.
    pub received: String,
}

/// Keras's class names for the presets, with what each fixes.
const PRESETS: [(&str, f64, Mode, Distribution); 6] = [
    ("GlorotUniform", 1.0, Mode::FanAvg, Distribution::Uniform),
    ("GlorotNormal", 1.0, Mode::FanAvg, Distribution::TruncatedNormal),
    ("HeUniform", 2.0, Mode::FanIn, Distribution::Uniform),
    ("HeNormal", 2.0, Mode::FanIn, Distribution::TruncatedNormal),
    ("LecunUniform", 1.0, Mode::FanIn, Distribution::Uniform),
    ("LecunNormal", 1.0, Mode::FanIn, Distribution::TruncatedNormal),
];

/// The rule of Keras's `VarianceScaling`: variance = scale / fan.
///
/// With the fan n that `mode` names, at least 1: the truncated normal draws with a standard
/// deviation of √(scale / n) after truncation, the untruncated normal with √(scale / n), the
/// uniform in ±√(3 · scale / n). Source: `keras/src/initializers/random_initializers.py`, 3.15.
///
/// ```
/// use varscale::{Distribution, Initializer, Mode, VarianceScaling};
/// let rule = VarianceScaling::new(2.0, Mode::FanOut, Distribution::Uniform)?;
/// let values: Vec<f32> = Initializer::variance_scaling(rule, 42).sample([784, 256])?;
/// # Ok::<(), varscale::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct VarianceScaling {
    class: &'static str,
    pub(crate) scale: Number,
    mode: Mode,
    distribution: Distribution,
    pub(crate) input_axes: Option<Vec<isize>>,
    pub(crate) output_axes: Option<Vec<isize>>,
}

impl Default for VarianceScaling {
    /// Keras's defaults: scale 1.0, fan_in, truncated normal.
    fn default() -> Self {
        Self::of_class("VarianceScaling", 1.0, Mode::default(), Distribution::default())
    }
}

impl VarianceScaling {
    /// The class name of the general rule, which is no preset.
    pub(crate) const CLASS: &'static str = "VarianceScaling";

    fn of_class(class: &'static str, scale: f64, mode: Mode, distribution: Distribution) -> Self {
        let scale = scale.into();
        Self { class, scale, mode, distribution, input_axes: None, output_axes: None }
    }

    /// The rule with the given scale (positive and finite), mode and distribution.
    ///
    /// # Errors
    /// [`ScaleError`] for a scale that is not positive and finite. Keras accepts NaN and ∞, and
    /// draws NaN and ∞.
    pub fn new(
        scale: impl Into<Number>,
        mode: Mode,
        distribution: Distribution,
    ) -> Result<Self, ScaleError> {
        let scale = scale.into();
        if !(scale.get() > 0.0 && scale.get().is_finite()) {
            return Err(ScaleError { received: scale.to_string() });
        }
        Ok(Self { scale, ..Self::of_class(Self::CLASS, 1.0, mode, distribution) })
    }

    /// The preset with Keras's class name: `GlorotUniform`, `GlorotNormal`, `HeUniform`,
    /// `HeNormal`, `LecunUniform` or `LecunNormal`.
    #[must_use]
    pub fn preset(class_name: &str) -> Option<Self> {
        PRESETS.iter().find(|(class, ..)| *class == class_name).map(
            |&(class, scale, mode, distribution)| Self::of_class(class, scale, mode, distribution),
        )
    }

    /// The same rule with Keras 3.15's `input_axes` and `output_axes` (negative ones count from
    /// the end), which replace the layout where both are given. As in Keras, one alone is kept in
    /// the config and has no effect.
    #[must_use]
    pub fn with_axes(
        self,
        input_axes: Option<Vec<isize>>,
        output_axes: Option<Vec<isize>>,
    ) -> Self {
        Self { input_axes, output_axes, ..self }
    }

    /// Keras's class name: `VarianceScaling` or a preset's.
    #[must_use]
    pub fn class_name(&self) -> &'static str {
        self.class
    }

    /// The scale that the fan divides.
    #[must_use]
    pub fn scale(&self) -> f64 {
        self.scale.get()
    }

    /// Which fan divides it.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Which distribution is drawn from.
    #[must_use]
    pub fn distribution(&self) -> Distribution {
        self.distribution
    }

    /// The layout of this rule's own axes, where it has both.
    pub(crate) fn own_layout(&self) -> Option<Layout> {
        let (input, output) = (self.input_axes.as_ref()?, self.output_axes.as_ref()?);
        Some(Layout::axes(input.clone(), output.clone()))
    }

    /// Scale / divisor: the variance of the values drawn.
    pub(crate) fn variance(&self, fans: &Fans) -> f64 {
        self.scale.get() / fans.divisor(self.mode)
    }

    pub(crate) fn law(&self, fans: &Fans) -> Result<Law, LawError> {
        let variance = self.variance(fans);
        match self.distribution {
            Distribution::TruncatedNormal => {
                Law::truncated_normal(0.0, sqrt_f64(variance) / TRUNCATED_STDDEV)
            }
            Distribution::UntruncatedNormal => Law::normal(0.0, sqrt_f64(variance)),
            Distribution::Uniform => {
                let limit = sqrt_f64(3.0 * variance);
                Law::uniform(-limit, limit)
            }
        }
        .map_err(|_| LawError {
            argument: "scale",
            received: format!("{}", self.scale),
            allowed: "small enough that 3 * scale / fan is finite",
        })
    }
}
