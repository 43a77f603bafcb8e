//! `Constant`: one value, or an array that broadcasts.

use super::{
    content::Content,
    law::finite,
    pattern::Pattern,
    resolve::{Argument, Axes, OfParameters, Resolve, Scaling},
};
use crate::{argument::ArgumentError, error::Error, tensor::Tensor};

/// A number or an array.
#[derive(Debug)]
pub(super) struct Value;

impl OfParameters<1> for Value {}

fn pattern(arguments: &[Argument]) -> Result<Pattern, ArgumentError> {
    Ok(match arguments {
        [Argument::Array(values)] => Pattern::Array { values: values.clone() },
        [Argument::Number(value)] => Pattern::Constant { value: finite("value", *value)? },
        _ => Pattern::Constant { value: finite("value", f64::NAN.into())? },
    })
}

impl Resolve for Value {
    fn check(&self, arguments: &[Argument]) -> Result<(), ArgumentError> {
        pattern(arguments).map(drop)
    }

    fn resolve(
        &self,
        arguments: &[Argument],
        _axes: &Axes,
        tensor: &Tensor,
    ) -> Result<(Option<Scaling>, Content), Error> {
        let pattern = pattern(arguments)?;
        if let Pattern::Array { values } = &pattern {
            values.strides(&tensor.shape)?;
        }
        Ok((None, Content::Pattern(pattern)))
    }
}
