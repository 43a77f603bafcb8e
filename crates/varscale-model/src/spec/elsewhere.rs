//! What one shard's tensors need to know of the others.

use serde::{Deserialize, Serialize};

use super::SpecTensor;

/// What the rules and seeds of one shard's tensors depend on in the model's other shards.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Elsewhere {
    /// The tensors that `fans_of` names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tensors: Vec<SpecTensor>,
    /// `(place, count)`: under a global seed, so many are drawn for other shards' tensors before the
    /// tensor of this place takes one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) seeds: Vec<(usize, usize)>,
}
