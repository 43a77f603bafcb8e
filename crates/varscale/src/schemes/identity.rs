//! `Identity`: a diagonal of one value, in matrices only.

use super::{content::Content, law::finite, pattern::Pattern, resolve::ByShape};
use crate::shape::ShapeError;

pub(super) const IDENTITY_MATRIX: ByShape<1> = ByShape(
    |[gain]| finite("gain", gain).map(drop),
    |[gain], tensor| {
        let shape = &tensor.shape;
        if shape.len() != 2 {
            return Err(ShapeError::NoMatrix { class: "Identity", shape: shape.clone() }.into());
        }
        Ok(Content::Pattern(Pattern::Identity { gain: gain.get() }))
    },
);
