//! Why an output is not written.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::shown::shown_path;

/// Why an output is not written. What it names is what it was then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// It is read, too.
    #[error("cannot write {output}: it is an input ({})", shown_path(input))]
    Input {
        /// The output as the user named it.
        output: String,
        /// The input that it is.
        input: PathBuf,
    },
    /// It exists.
    #[error("cannot write {output}: it exists, and is replaced only by force")]
    Exists {
        /// The output as the user named it.
        output: String,
    },
    /// A link to another file of the same run, or the same link as that.
    #[error("cannot write {output}: by its link, it is the same file as {}", crate::shown(other))]
    Same {
        /// The output as the user named it.
        output: String,
        /// The other file's name.
        other: String,
    },
    /// A folder that is not there.
    #[error("cannot write {output}: there is no folder {}", shown_path(folder))]
    Folder {
        /// The output as the user named it.
        output: String,
        /// The folder.
        folder: PathBuf,
    },
    /// Something that no values are written to.
    #[error("cannot write {output}: it is {kind}")]
    Kind {
        /// The output as the user named it.
        output: String,
        /// What it is, such as `a folder`.
        kind: &'static str,
    },
    /// A file that this user cannot replace.
    #[error("cannot write {output}: {reason}")]
    Fixed {
        /// The output as the user named it.
        output: String,
        /// What keeps it.
        reason: &'static str,
    },
    /// A stream, where several files are to be written.
    #[error(
        "cannot write {output}: it is no file, and {files} are to be written; name one, whose folder \
         holds them"
    )]
    Several {
        /// The output as the user named it.
        output: String,
        /// How many.
        files: usize,
    },
    /// More bytes than there is room for.
    #[error("cannot write {output}: it takes {length} bytes, and {limit} {room}")]
    Space {
        /// The output as the user named it.
        output: String,
        /// Its length in bytes.
        length: u64,
        /// What sets the limit: the disk, or the process's own.
        limit: &'static str,
        /// What that limit is, in bytes.
        room: u64,
    },
    /// The operating system does not do it.
    #[error("cannot write {output}: {source}")]
    Write {
        /// The output as the user named it.
        output: String,
        /// Why.
        source: io::Error,
    },
    /// Whoever read the standard output has gone, as in `| head`.
    #[error("the reader of the standard output has gone")]
    ClosedPipe,
}

impl OutputError {
    /// As [`Error::is_input`](crate::Error::is_input).
    #[must_use]
    pub fn is_input(&self) -> bool {
        matches!(
            self,
            Self::Input { .. }
                | Self::Exists { .. }
                | Self::Same { .. }
                | Self::Folder { .. }
                | Self::Kind { .. }
                | Self::Several { .. }
        )
    }
}

/// An output as the user named it: what messages say.
#[derive(Debug, Clone)]
pub(super) struct Named {
    name: String,
    stdout: bool,
}

impl Named {
    pub(super) fn path(path: &Path) -> Self {
        Self { name: shown_path(path), stdout: false }
    }

    pub(super) fn stdout() -> Self {
        Self { name: "the standard output".to_owned(), stdout: true }
    }

    pub(super) fn input(&self, input: &Path) -> OutputError {
        OutputError::Input { output: self.name.clone(), input: input.to_owned() }
    }

    pub(super) fn exists(&self) -> OutputError {
        OutputError::Exists { output: self.name.clone() }
    }

    pub(super) fn same(&self, other: &str) -> OutputError {
        OutputError::Same { output: self.name.clone(), other: other.to_owned() }
    }

    pub(super) fn folder(&self, folder: &Path) -> OutputError {
        OutputError::Folder { output: self.name.clone(), folder: folder.to_owned() }
    }

    pub(super) fn kind(&self, kind: &'static str) -> OutputError {
        OutputError::Kind { output: self.name.clone(), kind }
    }

    pub(super) fn several(&self, files: usize) -> OutputError {
        OutputError::Several { output: self.name.clone(), files }
    }

    pub(super) fn fixed(&self, reason: &'static str) -> OutputError {
        OutputError::Fixed { output: self.name.clone(), reason }
    }

    pub(super) fn space(&self, length: u64, limit: &'static str, room: u64) -> OutputError {
        OutputError::Space { output: self.name.clone(), length, limit, room }
    }

    pub(super) fn write(&self, source: io::Error) -> OutputError {
        if self.stdout && source.kind() == io::ErrorKind::BrokenPipe {
            OutputError::ClosedPipe
        } else {
            OutputError::Write { output: self.name.clone(), source }
        }
    }
}
