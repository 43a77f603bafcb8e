//! Fillings: what one call of an initializer gives a box of its tensor.

use alloc::sync::Arc;

use super::{formula::Field, rows::Rows, source::Source};
use crate::{
    dtype::{Dtype, Element},
    error::Error,
    schemes::Explanation,
    seed::Seed,
    simd::Ieee,
    streams::values::Values,
};

/// Content of a shape, and where its values come from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Filling {
    /// Shape, elements and content, which are counted once, for other names and seeds, too.
    pub(super) explanation: Arc<Explanation>,
    pub(super) source: Source,
}

impl Filling {
    pub(super) fn new(explanation: Explanation, source: Source) -> Self {
        Self { explanation: Arc::new(explanation), source }
    }

    pub(super) fn shape(&self) -> &[usize] {
        &self.explanation.shape
    }

    /// For a tensor of another name, from another seed.
    pub(super) fn again(&self, name: &str, seed: &Seed) -> Result<Self, Error> {
        let explanation = Arc::clone(&self.explanation);
        Ok(Self { explanation, source: self.source.again(name, seed)? })
    }

    pub(super) fn open<T: Element>(&self, places: &Rows) -> Result<Values<T>, Error> {
        let _ieee = Ieee::new();
        self.source.open(self.shape(), places)
    }

    /// Whether values may turn out to be none when they are computed.
    pub(super) fn is_formula(&self) -> bool {
        matches!(self.source, Source::Formula(..))
    }

    /// Why a value is none, by its row-major index.
    pub(super) fn refusal(&self, index: u64, places: &Rows, dtype: Dtype) -> Result<(), Error> {
        let Source::Formula(formula, request) = &self.source else { return Ok(()) };
        let field = Field::new(formula, request.as_ref(), self.shape(), places)?;
        Err(field.refusal(index, dtype).into())
    }
}
