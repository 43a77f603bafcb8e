//! Explanations: how an initializer arrives at its numbers for a shape.

use alloc::vec::Vec;
use core::fmt;

use super::{content::Content, resolve::Scaling, scheme::Scheme};
use crate::{error::Error, number::short, shape::element_count, tensor::Tensor};

/// How an initializer arrives at its numbers for one tensor, as data; as a sentence through
/// [`Display`](fmt::Display).
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Explanation {
    /// Keras's class name.
    pub initializer: &'static str,
    /// Global shape.
    pub shape: Vec<usize>,
    /// Number of elements.
    pub elements: u64,
    /// What the fans contribute, where the scheme depends on them.
    pub scaling: Option<Scaling>,
    /// What the tensor is filled with.
    #[cfg_attr(feature = "serde", serde(rename = "law"))]
    pub content: Content,
    /// Standard deviation of the values, after truncation; `None` for the identity.
    pub stddev: Option<f64>,
    /// The interval that every value lies in, before rounding to the dtype; `None` for the normal.
    pub bounds: Option<(f64, f64)>,
}

impl Scheme {
    /// How this scheme arrives at its numbers for `tensor`.
    ///
    /// # Errors
    /// [`Error`] where the shape does not fit the scheme or the layout.
    ///
    /// ```
    /// use varscale::Scheme;
    /// let explanation = Scheme::glorot_uniform().explain([784, 256])?;
    /// assert_eq!(
    ///     explanation.to_string(),
    ///     "GlorotUniform of shape (784, 256): axis 0 (784) is input, axis 1 (256) is output; \
    ///      fan_in 784, fan_out 256; scale 1 / fan_avg 520 = variance 0.00192308: \
    ///      uniform in [-0.0759555, 0.0759555], stddev 0.0438529"
    /// );
    /// # Ok::<(), varscale::Error>(())
    /// ```
    pub fn explain(&self, tensor: impl Into<Tensor>) -> Result<Explanation, Error> {
        self.explain_tensor(tensor.into())
    }

    fn explain_tensor(&self, tensor: Tensor) -> Result<Explanation, Error> {
        let elements = element_count(&tensor.shape)?;
        let (scaling, content) = self.resolve(&tensor)?;
        Ok(Explanation {
            initializer: self.class().name,
            shape: tensor.shape,
            elements,
            scaling,
            stddev: content.stddev(),
            bounds: content.bounds(),
            content,
        })
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
                short(*scale, 6),
                short(*divisor, 6),
                short(*variance, 6),
            )?;
        }
        self.content.fmt(f)
    }
}
