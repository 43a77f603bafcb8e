//! Rules: what tensors are given by their names.

use std::sync::Arc;

use serde::Deserialize;
use varscale::{Layout, Scheme, Seed};

use super::{PlanFileError, glob::Glob, initializer::scheme};
use crate::StoredDtype;

/// What the tensors whose names match a pattern are given. What a rule leaves out is the plan's or
/// the spec's.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    #[serde(rename = "match")]
    pattern: Glob,
    /// Their scheme, and the seed where it has one of its own.
    #[serde(rename = "initializer", default, deserialize_with = "scheme")]
    pub scheme: Option<(Scheme, Option<Seed>)>,
    /// Their layout.
    #[serde(default)]
    pub layout: Option<Layout>,
    /// Their dtype.
    #[serde(default)]
    pub dtype: Option<StoredDtype>,
    /// Their seed, where the initializer has none of its own.
    #[serde(default)]
    pub seed: Option<Seed>,
    /// Whether the rule may decide no tensor: one of a file that several models share.
    #[serde(default)]
    pub optional: bool,
    /// Whether they are left out of the checkpoint. Such a rule sets nothing else.
    #[serde(default)]
    pub skip: bool,
    #[serde(skip)]
    pub(super) place: Place,
}

/// Where a rule stands.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    /// In its file, from 1.
    pub(super) number: usize,
    /// The title of its file, where that is included.
    pub(super) included: Option<Arc<str>>,
}

impl Rule {
    /// How messages name it, as in `rule 2 (match "*.bias")`.
    pub(crate) fn title(&self) -> String {
        let Place { number, included } = &self.place;
        let file = included.as_ref().map_or(String::new(), |file| format!(" of {file}"));
        format!("rule {number}{file} (match {:?})", self.pattern())
    }

    /// Whether another file includes the one that it stands in.
    pub(crate) fn is_included(&self) -> bool {
        self.place.included.is_some()
    }

    /// Whether both stand in one file.
    pub(crate) fn is_same_file(&self, other: &Self) -> bool {
        self.place.included == other.place.included
    }

    pub(super) fn check(&self) -> Result<(), PlanFileError> {
        let Self { scheme, layout, dtype, seed, .. } = self;
        let sets = scheme.is_some() || layout.is_some() || dtype.is_some() || seed.is_some();
        if self.skip && sets {
            let reason = format!(
                "the rule with match {:?} skips its tensors: it can set nothing of theirs",
                self.pattern()
            );
            return Err(PlanFileError { reason });
        }
        Ok(())
    }

    /// The glob as written.
    #[must_use]
    pub fn pattern(&self) -> &str {
        self.pattern.text()
    }

    /// Whether the whole of a tensor's name matches the glob.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.pattern.matches(name)
    }
}
