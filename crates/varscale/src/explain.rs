//! Explanations: how an initializer arrives at its numbers for a shape.

use alloc::vec::Vec;
use core::fmt;

use crate::{Error, Fans, Initializer, Law, Mode, Tensor, number::Short, shape::element_count};

/// How an initializer arrives at its numbers for one tensor, as data; as a sentence through
/// [`Display`](fmt::Display).
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Explanation {
    /// Keras's class name.
    pub initializer: &'static str,
    /// Global shape.
    pub shape: Vec<usize>,
    /// Number of elements.
    pub elements: u64,
    /// What the fans contribute, where the rule depends on them.
    pub scaling: Option<Scaling>,
    /// The distribution of the values.
    pub law: Law,
    /// Standard deviation of the values, after truncation; `None` for the identity.
    pub stddev: Option<f64>,
    /// The interval that every value lies in, before rounding to the dtype; `None` for the normal.
    pub bounds: Option<(f64, f64)>,
}

/// From fans to a variance.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Scaling {
    /// Roles of the axes, fan_in and fan_out.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub fans: Fans,
    /// The scale.
    pub scale: f64,
    /// Which fan divides it.
    pub mode: Mode,
    /// The number that divides it: that fan, and at least 1.
    pub divisor: f64,
    /// Scale / divisor: the variance of the values.
    pub variance: f64,
}

impl Initializer {
    /// How this initializer arrives at its numbers for `tensor`.
    ///
    /// # Errors
    /// [`Error`] where the shape does not fit the rule or the layout.
    ///
    /// ```
    /// use varscale::Initializer;
    /// let explanation = Initializer::glorot_uniform(1).explain([784, 256])?;
    /// assert_eq!(
    ///     explanation.to_string(),
    ///     "GlorotUniform of shape (784, 256): axis 0 (784) is input, axis 1 (256) is output; \
    ///      fan_in 784, fan_out 256; scale 1 / fan_avg 520 = variance 0.00192308: \
    ///      uniform in [-0.0759555, 0.0759555], stddev 0.0438529"
    /// );
    /// # Ok::<(), varscale::Error>(())
    /// ```
    pub fn explain(&self, tensor: impl Into<Tensor>) -> Result<Explanation, Error> {
        let tensor = tensor.into();
        let elements = element_count(&tensor.shape)?;
        let (fans, law) = self.resolve(&tensor)?;
        let scaling = fans.zip(self.as_variance_scaling()).map(|(fans, rule)| Scaling {
            scale: rule.scale(),
            mode: rule.mode(),
            divisor: fans.divisor(rule.mode()),
            variance: rule.variance(&fans),
            fans,
        });
        Ok(Explanation {
            initializer: self.class_name(),
            shape: tensor.shape,
            elements,
            scaling,
            law,
            stddev: law.stddev(),
            bounds: law.bounds(),
        })
    }
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spread = Short(self.stddev().unwrap_or(0.0));
        match *self {
            Self::Constant { value } => write!(f, "constant {}", Short(value)),
            Self::Identity { gain } => write!(f, "{} on the diagonal, 0 elsewhere", Short(gain)),
            Self::Uniform { low, high } => {
                write!(f, "uniform in [{}, {}], stddev {spread}", Short(low), Short(high))
            }
            Self::Normal { mean, .. } => {
                write!(f, "normal with mean {}, stddev {spread}, unbounded", Short(mean))
            }
            Self::TruncatedNormal { mean, stddev } => write!(
                f,
                "normal with mean {} and stddev {}, truncated to [{}, {}], stddev {spread}",
                Short(mean),
                Short(stddev),
                Short(mean - 2.0 * stddev),
                Short(mean + 2.0 * stddev),
            ),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of shape (", self.initializer)?;
        for (axis, size) in self.shape.iter().enumerate() {
            write!(f, "{}{size}", if axis == 0 { "" } else { ", " })?;
        }
        write!(f, "{}): ", if self.shape.len() == 1 { "," } else { "" })?;
        if let Some(Scaling { fans, scale, mode, divisor, variance }) = &self.scaling {
            for (axis, (role, size)) in fans.roles.iter().zip(&self.shape).enumerate() {
                write!(f, "{}axis {axis} ({size}) is {role}", if axis == 0 { "" } else { ", " })?;
            }
            write!(f, "{}", if fans.roles.is_empty() { "" } else { "; " })?;
            write!(
                f,
                "fan_in {}, fan_out {}; scale {} / {mode} {} = variance {}: ",
                fans.fan_in,
                fans.fan_out,
                Short(*scale),
                Short(*divisor),
                Short(*variance),
            )?;
        }
        self.law.fmt(f)
    }
}
