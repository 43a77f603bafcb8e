//! Everything that can go wrong between a plan file and a checkpoint.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use crate::{CheckpointError, PlanError, RulesError, SpecError, safetensors::MAX_HEADER};

/// Everything that can go wrong: the user's input, or the machine. See [`Error::is_input`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A plan file or spec that cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A spec that says nothing sensible.
    #[error("{}: {source}", path.display())]
    Spec {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: SpecError,
    },
    /// A plan file that says nothing sensible.
    #[error("{}: {source}", path.display())]
    Rules {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: RulesError,
    },
    /// A spec and rules that do not fit each other.
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
            Self::Rules { .. } => true,
            Self::Plan(error) => error.is_input(),
            Self::Checkpoint(error) => error.is_input(),
        }
    }
}

/// The bytes of a file of at most 100 MB, the most that a safetensors header may hold.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_HEADER + 1).read_to_end(&mut bytes))
        .and_then(|length| match length as u64 {
            0..=MAX_HEADER => Ok(bytes),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("it is longer than {MAX_HEADER} bytes"),
            )),
        })
        .map_err(|source| Error::Read { path: path.to_owned(), source })
}
