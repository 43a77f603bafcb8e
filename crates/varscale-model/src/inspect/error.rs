//! Why an inspection ended early.

use crate::Error;

/// Why an inspection ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InspectError {
    /// A file that cannot be read.
    #[error(transparent)]
    File(Box<Error>),
    /// The operating system starts no threads.
    #[error(transparent)]
    Threads(varscale::Error),
    /// Less memory than the buffers take.
    #[error("cannot allocate {bytes} bytes for buffers")]
    Memory {
        /// Their size in bytes.
        bytes: usize,
    },
    /// A name or glob that no tensor has.
    #[error("{received:?} matches no tensor: there are {known}")]
    NoTensor {
        /// As it was given.
        received: String,
        /// Some names that there are.
        known: String,
    },
    /// A glob that is none.
    #[error("{0}")]
    Glob(String),
    /// The caller's flag was raised.
    #[error("interrupted")]
    Interrupted,
}

impl From<Error> for InspectError {
    fn from(error: Error) -> Self {
        Self::File(Box::new(error))
    }
}

impl InspectError {
    /// As [`Error::is_input`].
    #[must_use]
    pub fn is_input(&self) -> bool {
        match self {
            Self::File(error) => error.is_input(),
            Self::NoTensor { .. } | Self::Glob(_) => true,
            Self::Threads(_) | Self::Memory { .. } | Self::Interrupted => false,
        }
    }
}

/// Where an allocation fails, the process ends at once; this asks for all at once, touches nothing and
/// gives it back.
pub(super) fn check_memory(bytes: usize) -> Result<(), InspectError> {
    Vec::<u8>::new().try_reserve_exact(bytes).map_err(|_| InspectError::Memory { bytes })
}
