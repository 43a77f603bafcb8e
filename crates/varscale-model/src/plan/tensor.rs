//! Tensors of a plan.

use std::sync::Arc;

use varscale::{Draw, Initializer, Layout, Region, Seed};

use super::kind::Kind;
use crate::StoredDtype;

/// One tensor of a [`Plan`](crate::Plan).
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedTensor {
    /// Its name.
    pub name: Arc<str>,
    /// Its values. A generator's are those of its first call: in a plan, tensors differ by name.
    pub draw: Draw,
    /// Whether its seed is the plan's, and none of a rule or of its initializer.
    pub seed_of_plan: bool,
    /// As it was given or drawn; `None` where nothing is drawn.
    pub(super) seed: Option<Seed>,
    pub(super) kind: Arc<Kind>,
    /// Name of the tensor whose fans are its own, which may be in another shard.
    pub(crate) sibling: Option<Arc<str>>,
}

impl PlannedTensor {
    /// Its global shape.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        self.draw.shape()
    }

    /// What its axes stand for.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.kind.layout
    }

    /// Under the layout `auto`, why it is this one.
    #[must_use]
    pub fn layout_reason(&self) -> Option<&'static str> {
        self.kind.layout_reason
    }

    /// The dtype that it is stored in.
    #[must_use]
    pub fn dtype(&self) -> StoredDtype {
        self.kind.dtype
    }

    /// Size of its values in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.kind.bytes
    }

    /// Its initializer, with its seed.
    #[must_use]
    pub fn initializer(&self) -> Initializer {
        let initializer = self.kind.initializer.clone();
        match &self.seed {
            Some(seed) => initializer.with_seed(seed.clone()),
            None => initializer,
        }
    }

    /// The seed of its values, as it was given or drawn; `None` where nothing is drawn.
    #[must_use]
    pub fn seed(&self) -> Option<i128> {
        self.seed.as_ref().map(Seed::value)
    }

    /// What may be a slip: a stack of matrices of which `torch` reads a convolution.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        let scaling = self.draw.explanation().scaling.as_ref()?;
        if *self.layout() != Layout::torch() || scaling.fans.roles.len() != 3 {
            return None;
        }
        let [_, _, kernel] = self.shape() else { return None };
        Some(format!(
            "layout torch reads a convolution whose kernel has {kernel} places, (out, in, kernel); if \
             these are stacked matrices, such as experts, say layout = \"axes:2/1\" for (experts, out, \
             in) and \"axes:1/2\" for (experts, in, out)"
        ))
    }

    /// Whether most values are subnormal in its dtype, which leaves them fewer significant bits.
    #[must_use]
    pub fn is_subnormal(&self) -> bool {
        match self.dtype() {
            StoredDtype::Drawn(dtype) => {
                let regions = self.draw.regions().iter().map(Region::explanation);
                let mut all = std::iter::once(self.draw.explanation()).chain(regions);
                all.any(|explanation| explanation.content.is_subnormal(dtype))
            }
            StoredDtype::Integer(_) => false,
        }
    }
}
