//! Tensors of a plan.

use varscale::{Draw, Initializer, Seed, Tensor};

use crate::StoredDtype;

/// One tensor of a [`Plan`].
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedTensor {
    /// Its name, global shape and layout.
    pub tensor: Tensor,
    /// Its initializer, with its seed.
    pub initializer: Initializer,
    /// The dtype that it is stored in.
    pub dtype: StoredDtype,
    /// Its values. A generator's are those of its first call: in a plan, tensors differ by name.
    pub draw: Draw,
    /// Size of its values in bytes.
    pub bytes: u64,
    /// Whether its seed is the plan's, and none of a rule or of its initializer.
    pub seed_of_plan: bool,
}

impl PlannedTensor {
    /// The seed of its values, as it was given or drawn; `None` where nothing is drawn.
    #[must_use]
    pub fn seed(&self) -> Option<i128> {
        self.initializer.seed().map(Seed::value)
    }

    /// Whether most values are subnormal in its dtype, which leaves them fewer significant bits.
    #[must_use]
    pub fn is_subnormal(&self) -> bool {
        match self.dtype {
            StoredDtype::Drawn(dtype) => self.draw.content().is_subnormal(dtype),
            _ => false,
        }
    }
}
