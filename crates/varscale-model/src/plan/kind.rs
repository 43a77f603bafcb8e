//! Kinds of tensors: what tensors of one rule and shape have in common, and is kept once for all.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use varscale::{Draw, Initializer, Layout};

use super::{
    layout::Open,
    region::{KindRegion, RegionKey},
};
use crate::{PlanError, Rule, StoredDtype, plan_file::ByName};

/// What a rule and a shape make of tensors, whatever their names and seeds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kind {
    /// With the seed of the first of them.
    pub(super) initializer: Initializer,
    pub(super) layout: Layout,
    /// Why it is this one, where the tensors' names say so.
    pub(super) layout_reason: Option<&'static str>,
    pub(super) regions: Vec<KindRegion>,
    pub(super) dtype: StoredDtype,
    pub(super) bytes: u64,
}

/// Fan in and fan out of another tensor, unless its name leaves its layout open.
pub(super) type KindFans = Result<[u64; 2], Open>;

/// All that a [`Kind`] depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// By its address: rules stay where they are.
    pub(super) rule: Option<*const Rule>,
    /// The spec's own initializer, as JSON.
    pub(super) own: Option<String>,
    pub(super) dtype: StoredDtype,
    pub(super) shape: Vec<usize>,
    /// Of the rule's expressions, as bits.
    pub(super) numbers: Vec<u64>,
    /// Or why their names tell none.
    pub(super) layout: ByName,
    /// Of another tensor, where they are that one's.
    pub(super) fans: Option<KindFans>,
    /// Where the rule's regions lie, and the numbers of their expressions.
    pub(super) regions: Vec<RegionKey>,
}

/// The kinds of a plan, each with the draw of its first tensor.
#[derive(Debug, Default)]
pub(super) struct Kinds(HashMap<Key, (Arc<Kind>, Draw)>);

impl Kinds {
    /// The kind of `key`, which `make` makes of its first tensor.
    pub(super) fn get(
        &mut self,
        key: Key,
        make: impl FnOnce(&Key) -> Result<(Kind, Draw), PlanError>,
    ) -> Result<(&Arc<Kind>, &Draw), PlanError> {
        let (kind, draw) = match self.0.entry(key) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let (kind, draw) = make(entry.key())?;
                entry.insert((Arc::new(kind), draw))
            }
        };
        Ok((kind, draw))
    }
}
