//! `Identity`: a diagonal of one value.

use super::{
    content::Content,
    formula::{Argument, Axes, Everywhere, Formula, Scaling},
    law::finite,
    pattern::Pattern,
};
use crate::{argument::ArgumentError, error::Error, shape::ShapeError, tensor::Tensor};

/// Of matrices only.
#[derive(Debug)]
pub(super) struct Identity;

const DIAGONAL: Everywhere<1> =
    Everywhere(|[gain]| Ok(Content::Pattern(Pattern::Identity { gain: finite("gain", gain)? })));

impl Formula for Identity {
    fn check(&self, arguments: &[Argument]) -> Result<(), ArgumentError> {
        DIAGONAL.check(arguments)
    }

    fn resolve(
        &self,
        arguments: &[Argument],
        axes: &Axes,
        tensor: &Tensor,
    ) -> Result<(Option<Scaling>, Content), Error> {
        if tensor.shape.len() != 2 {
            let shape = tensor.shape.clone();
            return Err(ShapeError::NoMatrix { class: "Identity", shape }.into());
        }
        DIAGONAL.resolve(arguments, axes, tensor)
    }
}
