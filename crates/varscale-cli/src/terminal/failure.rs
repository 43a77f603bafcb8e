//! Why a command stopped early, and the exit code that says so.

use std::io::{self, Write};

use varscale_model::{CheckpointError, OutputError, PartError, WriteError};

use super::{Exit, interrupt, stdout::escaped};

/// Why a command stopped early.
#[derive(Debug)]
pub enum Failure {
    /// The user's input is wrong.
    Input(String),
    /// The machine did not do its part (disk, memory).
    System(String),
    /// Hardly any memory.
    Memory,
    /// A checkpoint is not what it should be, which was told.
    Differs,
    /// A signal, such as that of Ctrl-C.
    Interrupted,
    /// Whoever read the standard output has seen enough (`| head`): no error.
    ClosedPipe,
}

impl Failure {
    /// Nothing could be written to the standard output.
    pub fn stdout(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::ClosedPipe
        } else {
            Self::System(format!("cannot write the standard output: {error}"))
        }
    }

    /// Tells the user, and returns the exit code of the process.
    pub fn report(&self) -> u8 {
        // `eprintln!` panics where the standard error is closed; the exit code still tells.
        let tell = |message: &str| drop(writeln!(io::stderr(), "error: {}", escaped(message)));
        let (exit, message) = match self {
            Self::Input(message) => (Exit::Input, message.as_str()),
            Self::System(message) => (Exit::System, message.as_str()),
            Self::Memory => (Exit::System, "there is no memory (see ulimit -v)"),
            Self::Interrupted => {
                interrupt::tell_once(|whole| match whole {
                    None => tell("interrupted: no file was written"),
                    Some((whole, all)) => tell(&format!(
                        "interrupted: {whole} of {all} shards are whole, and no other file was \
                         written; --resume writes the rest"
                    )),
                });
                return Exit::Signal(interrupt::signal()).code();
            }
            Self::Differs => return Exit::Differs.code(),
            Self::ClosedPipe => return Exit::Done.code(),
        };
        tell(message);
        exit.code()
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
            CheckpointError::Output(error) => error.into(),
            CheckpointError::Wrong(_) | CheckpointError::OtherCheckpoint(_) => {
                Self::Input(format!("{error} (--force)"))
            }
            CheckpointError::Limit(_) => Self::Input(format!("{error} (--max-shard-size)")),
            _ if error.is_input() => Self::Input(error.to_string()),
            _ => Self::System(error.to_string()),
        }
    }
}

impl From<PartError> for Failure {
    fn from(error: PartError) -> Self {
        Self::Input(error.to_string())
    }
}

impl From<OutputError> for Failure {
    fn from(error: OutputError) -> Self {
        match error {
            OutputError::ClosedPipe => Self::ClosedPipe,
            OutputError::Exists { .. } => Self::Input(format!("{error} (--force)")),
            _ if error.is_input() => Self::Input(error.to_string()),
            _ => Self::System(error.to_string()),
        }
    }
}
