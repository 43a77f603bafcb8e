//! Everything that can go wrong between a plan file and a checkpoint.

use std::{io, path::PathBuf};

use crate::{
    CheckpointError, DigestsError, PlanError, PlanFileError, RecipeError, SpecError, StoredError,
    shown::shown_path,
};

/// Everything that can go wrong: the user's input, or the machine. See [`Error::is_input`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A plan file or spec that cannot be read.
    #[error("cannot read {}: {source}", shown_path(path))]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A spec that says nothing sensible.
    #[error("{}: {source}", shown_path(path))]
    Spec {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: SpecError,
    },
    /// A file that is no checkpoint, or a damaged one.
    #[error("{}: {source}", shown_path(path))]
    Stored {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<StoredError>,
    },
    /// A digest file that says nothing sensible.
    #[error("{}: {source}", shown_path(path))]
    Digests {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: DigestsError,
    },
    /// A plan file that says nothing sensible.
    #[error("{}: {source}", shown_path(path))]
    PlanFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: PlanFileError,
    },
    /// What a plan file includes, and cannot be included.
    #[error(transparent)]
    Include(PlanFileError),
    /// A checkpoint whose plan cannot be had.
    #[error("{}: {source}", shown_path(path))]
    Recipe {
        /// The file.
        path: PathBuf,
        /// Why.
        source: RecipeError,
    },
    /// A spec and a plan file that do not fit each other.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A plan that was not carried out.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

impl Error {
    /// Whether the user's input is wrong, a missing file included; otherwise the machine did not
    /// do its part, or the work was interrupted.
    #[must_use]
    pub fn is_input(&self) -> bool {
        use io::ErrorKind::{InvalidInput, IsADirectory, NotADirectory, NotFound};
        match self {
            Self::Read { source, .. } => {
                matches!(source.kind(), NotFound | InvalidInput | IsADirectory | NotADirectory)
            }
            Self::Spec { source, .. } => !matches!(source, SpecError::Read(_)),
            Self::Stored { source, .. } => {
                !matches!(**source, StoredError::Header(SpecError::Read(_)))
            }
            Self::Recipe { source, .. } => !matches!(source, RecipeError::Spec(SpecError::Read(_))),
            Self::Digests { .. } | Self::PlanFile { .. } | Self::Include(_) => true,
            Self::Plan(error) => error.is_input(),
            Self::Checkpoint(error) => error.is_input(),
        }
    }
}
