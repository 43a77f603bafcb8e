//! Rules: what tensors are given by their names.

use std::sync::Arc;

use serde::Deserialize;
use varscale::Seed;

use super::{
    PlanFileError, Template,
    glob::{Glob, Sibling},
    layout::PlanLayout,
    names::{TAKEN, is_taken},
    region::RegionRule,
};
use crate::StoredDtype;

/// What the tensors whose names match a pattern are given. What a rule leaves out is the plan's or
/// the spec's.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    #[serde(rename = "match")]
    pattern: Glob,
    /// Their initializer.
    #[serde(default)]
    pub initializer: Option<Template>,
    /// The tensor whose fans and sizes are theirs, a name in which each wild part stands for what it
    /// matched.
    #[serde(default)]
    pub fans_of: Option<String>,
    /// Their layout.
    #[serde(default)]
    pub layout: Option<PlanLayout>,
    /// Parts of them that are initialized otherwise: later ones go over earlier ones.
    #[serde(default)]
    pub regions: Vec<RegionRule>,
    /// Their dtype.
    #[serde(default)]
    pub dtype: Option<StoredDtype>,
    /// Their seed, where the initializer has none of its own.
    #[serde(default)]
    pub seed: Option<Seed>,
    /// Whether the rule may decide no tensor: one of a file that several models share.
    #[serde(default)]
    pub optional: bool,
    /// Whether they are left out of the checkpoint. Such a rule sets nothing else but a layout, for
    /// those that have their fans of them.
    #[serde(default)]
    pub skip: bool,
    /// The tensor that each of them is, under a second name: named as by `fans_of`, and stored once.
    /// Such a rule sets nothing else.
    #[serde(default)]
    pub tie: Option<String>,
    #[serde(skip)]
    pub(super) place: Place,
    /// Of `fans_of`.
    #[serde(skip)]
    sibling: Option<Sibling>,
    /// Of `tie`.
    #[serde(skip)]
    tied: Option<Sibling>,
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

    /// Names of what its glob captures.
    pub(crate) fn captures(&self) -> &[String] {
        self.pattern.captures()
    }

    /// What its glob captures in a tensor's name: digits.
    pub(crate) fn captured<'n>(&self, name: &'n str) -> Vec<(&str, &'n str)> {
        self.pattern.captured(name)
    }

    /// The tensor that `fans_of` names for another one.
    pub(crate) fn sibling(&self, name: &str) -> Option<String> {
        self.sibling.as_ref()?.of(name, &self.pattern)
    }

    /// The tensor that `tie` names for another one.
    pub fn tied(&self, name: &str) -> Option<String> {
        self.tied.as_ref()?.of(name, &self.pattern)
    }

    /// Checks what its keys are together.
    pub(super) fn check(&mut self) -> Result<(), PlanFileError> {
        let Self { initializer, fans_of, layout, regions, dtype, seed, .. } = &*self;
        let sets = initializer.is_some() || fans_of.is_some() || !regions.is_empty();
        let wrong = |rule: &Self, reason: &str| PlanFileError {
            reason: format!("the rule with match {:?} {reason}", rule.pattern()),
        };
        let refused = |rule, reason: &str| Err(wrong(rule, reason));
        let sets = sets || dtype.is_some() || seed.is_some();
        if self.skip && (sets || self.tie.is_some()) {
            return refused(self, "skips its tensors: it can set nothing of theirs but a layout");
        }
        if self.tie.is_some() && (sets || layout.is_some()) {
            return refused(self, "ties its tensors: what they hold is the other tensor's");
        }
        if fans_of.is_some() && layout.is_some() {
            return refused(self, "has fans_of and a layout: its fans are the other tensor's");
        }
        if fans_of.is_some() && initializer.as_ref().is_some_and(Template::has_axes) {
            return refused(self, "has fans_of and input_axes: its fans are the other tensor's");
        }
        if let Some(name) = self.captures().iter().find(|name| is_taken(name)) {
            return refused(self, &format!("captures {{{name}}}: {TAKEN}"));
        }
        let named = |key: &str, name: &Option<String>| match name {
            None => Ok(None),
            Some(name) => Sibling::new(name, &self.pattern)
                .map(Some)
                .map_err(|error| wrong(self, &format!("has an invalid {key}: {error}"))),
        };
        (self.sibling, self.tied) = (named("fans_of", fans_of)?, named("tie", &self.tie)?);
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
