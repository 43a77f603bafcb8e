//! `VarianceScaling`: from a shape's fans to a standard deviation or a limit.
//!
//! ```text
//! variance = scale / max(1, fan)
//! truncated normal: stddev √variance after truncation; untruncated normal: stddev √variance
//! uniform: in ±√(3 · variance)
//! ```
//!
//! Source: `keras/src/initializers/random_initializers.py`, Keras 3.15.

use super::{
    content::Content,
    distribution::Distribution,
    fans::{Fans, Mode},
    law::{Law, TRUNCATED_STDDEV},
    resolve::{Argument, Axes, Literal, Parameter, Resolve, Scaling},
};
use crate::{
    argument::ArgumentError, error::Error, layout::Layout, math::sqrt_f64, number::Number,
    tensor::Tensor,
};

/// The parameters that [`Resolve`] reads here.
pub(super) const PARAMETERS: [Parameter; 3] = [
    Parameter::number("scale", 1.0),
    Parameter::literal("mode", Literal::Mode(Mode::FanIn)),
    Parameter::literal("distribution", Literal::Distribution(Distribution::TruncatedNormal)),
];

/// Scale, mode and distribution; or those of a preset, which takes none.
#[derive(Debug)]
pub(super) struct VarianceScaling;

fn read(arguments: &[Argument]) -> Result<(Number, Mode, Distribution), ArgumentError> {
    match *arguments {
        [Argument::Number(scale), Argument::Mode(mode), Argument::Distribution(distribution)] => {
            Ok((scale, mode, distribution))
        }
        _ => Err(ArgumentError::new("arguments", "of another class", "scale, mode, distribution")),
    }
}

impl Resolve for VarianceScaling {
    fn check(&self, arguments: &[Argument]) -> Result<(), ArgumentError> {
        let (scale, ..) = read(arguments)?;
        // Keras accepts NaN and ∞, and draws NaN and ∞.
        if scale.get() > 0.0 && scale.get().is_finite() {
            return Ok(());
        }
        Err(ArgumentError::new("scale", scale, "a positive finite number"))
    }

    fn resolve(
        &self,
        arguments: &[Argument],
        axes: &Axes,
        tensor: &Tensor,
    ) -> Result<(Option<Scaling>, Content), Error> {
        let (scale, mode, distribution) = read(arguments)?;
        // As in Keras, one of them alone has no effect.
        let fans = match (&axes.input, &axes.output) {
            (Some(input), Some(output)) => {
                Fans::count(&tensor.shape, &Layout::axes(input.clone(), output.clone()))
            }
            _ => Fans::count(&tensor.shape, &tensor.layout),
        }?;
        let divisor = fans.divisor(mode);
        let variance = scale.get() / divisor;
        let zero = Number::float(0.0);
        let law = match distribution {
            Distribution::TruncatedNormal => {
                let stddev = sqrt_f64(variance) / TRUNCATED_STDDEV;
                Law::truncated_normal(zero, stddev.into())
            }
            Distribution::UntruncatedNormal => Law::normal(zero, sqrt_f64(variance).into()),
            Distribution::Uniform => {
                let limit = sqrt_f64(3.0 * variance);
                Law::uniform((-limit).into(), limit.into())
            }
        };
        let law = law.map_err(|_| {
            ArgumentError::new("scale", scale, "small enough that 3 * scale / fan is finite")
        })?;
        let scale = scale.get();
        let scaling = Scaling { fans, scale, mode, divisor, variance };
        Ok((Some(scaling), Content::Random(law)))
    }
}
