//! Why a command stopped early, and the exit code that says so.

use std::{
    fmt,
    io::{self, Write},
};

use varscale_model::{CheckpointError, WriteError};

/// Why a command stopped early.
#[derive(Debug)]
pub enum Failure {
    /// The user's input is wrong: exit code 2.
    Input(String),
    /// The machine did not do its part (disk, memory): exit code 1.
    System(String),
    /// Ctrl-C: exit code 130.
    Interrupted,
    /// Whoever read the standard output has seen enough (`| head`): no error.
    ClosedPipe,
}

impl Failure {
    /// Nothing could be written to `target`.
    pub fn write(target: impl fmt::Display, error: &io::Error) -> Self {
        Self::System(format!("cannot write {target}: {error}"))
    }

    /// Nothing could be written to the standard output.
    pub fn stdout(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::ClosedPipe
        } else {
            Self::write("the standard output", error)
        }
    }

    /// Tells the user, and returns the exit code of the process.
    pub fn report(&self) -> u8 {
        let (code, message) = match self {
            Self::Input(message) => (2, message.as_str()),
            Self::System(message) => (1, message.as_str()),
            Self::Interrupted => (130, "interrupted: nothing was written"),
            Self::ClosedPipe => return 0,
        };
        // `eprintln!` panics where the standard error is closed; the exit code still tells.
        let _ = writeln!(io::stderr(), "error: {message}");
        code
    }
}

impl From<varscale::Error> for Failure {
    fn from(error: varscale::Error) -> Self {
        match error {
            varscale::Error::Memory { .. } | varscale::Error::Threads { .. } => {
                Self::System(error.to_string())
            }
            _ => Self::Input(error.to_string()),
        }
    }
}

impl From<varscale_model::Error> for Failure {
    fn from(error: varscale_model::Error) -> Self {
        match error {
            varscale_model::Error::Checkpoint(error) => error.into(),
            _ if error.is_input() => Self::Input(error.to_string()),
            _ => Self::System(error.to_string()),
        }
    }
}

impl From<CheckpointError> for Failure {
    fn from(error: CheckpointError) -> Self {
        match error {
            CheckpointError::Values(WriteError::Interrupted) => Self::Interrupted,
            _ if error.is_input() => Self::Input(error.to_string()),
            _ => Self::System(error.to_string()),
        }
    }
}
