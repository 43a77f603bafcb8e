//! Rules: what tensors are given by their names.

use serde::Deserialize;
use varscale::{Layout, Scheme, Seed};

use super::{glob::Glob, initializer::scheme};
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
}

impl Rule {
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
