//! What values are judged by.

use std::path::Path;

use serde::Serialize;

use crate::{Checkpoint, Plan};

/// What values are judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum JudgedBy {
    /// A plan that was given.
    Plan,
    /// The recipe in the checkpoint's metadata.
    Recipe,
    /// What is usual.
    UsualLaws,
}

/// A plan, or none, that values are judged by.
#[derive(Debug, Clone, PartialEq)]
pub struct Basis {
    pub(super) plan: Option<Plan>,
    pub(super) by: JudgedBy,
    /// Why a recipe that is there is not it.
    pub(super) note: Option<String>,
}

impl Basis {
    /// A plan that was given.
    #[must_use]
    pub fn plan(plan: Plan) -> Self {
        Self { plan: Some(plan), by: JudgedBy::Plan, note: None }
    }

    /// What is usual.
    #[must_use]
    pub fn usual_laws() -> Self {
        Self { plan: None, by: JudgedBy::UsualLaws, note: None }
    }

    /// The recipe in the metadata of the checkpoint that `path` names, where it has one that can be
    /// read; or else what is usual.
    #[must_use]
    pub fn recipe(path: &Path, checkpoint: &Checkpoint) -> Self {
        if !checkpoint.has_recipe() {
            return Self::usual_laws();
        }
        match Plan::read(path, None) {
            Ok(plan) => Self { plan: Some(plan), by: JudgedBy::Recipe, note: None },
            Err(error) => Self { note: Some(error.to_string()), ..Self::usual_laws() },
        }
    }
}
