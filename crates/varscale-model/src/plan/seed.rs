//! The seed of a plan.

use std::fmt;

use varscale::{Seed, SeedError};

use crate::PlanFile;

/// What the tensors of a [`Plan`](crate::Plan) take that have no seed of their own. Shown as in `42 (given)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanSeed {
    /// This seed, as it was given.
    Given(i128),
    /// This seed, drawn because none was given.
    Drawn(i128),
    /// In the plan's order, the seeds that Keras draws after `keras.utils.set_random_seed` with this
    /// one: as it does for initializers that are made in this order.
    Global(u32),
}

impl PlanSeed {
    /// A seed that is given, or else the file's, or else one that is drawn.
    pub(super) fn new(seed: Option<Seed>, file: &PlanFile) -> Result<Self, SeedError> {
        Ok(match (seed.or_else(|| file.seed.clone()), file.global_seed) {
            (Some(seed), _) if seed.is_unset() => Self::Drawn(seed.value()),
            (Some(seed), _) => Self::Given(seed.value()),
            (None, Some(global)) => Self::Global(global),
            (None, None) => Self::Drawn(Seed::unset()?.value()),
        })
    }

    /// The number itself.
    #[must_use]
    pub fn value(self) -> i128 {
        match self {
            Self::Given(seed) | Self::Drawn(seed) => seed,
            Self::Global(seed) => seed.into(),
        }
    }
}

impl fmt::Display for PlanSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = match self {
            Self::Given(_) => "given",
            Self::Drawn(_) => "drawn",
            Self::Global(_) => "global",
        };
        write!(f, "{} ({origin})", self.value())
    }
}
