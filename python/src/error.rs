//! The library's errors as Python's exceptions, of the classes that Keras raises.

use std::io::{self, ErrorKind};

use pyo3::{
    PyErr,
    exceptions::{
        PyFileExistsError, PyFileNotFoundError, PyIndexError, PyIsADirectoryError, PyMemoryError,
        PyNotADirectoryError, PyOSError, PyPermissionError, PyRuntimeError, PyValueError,
    },
};
use varscale::LayoutError;
use varscale_model::{CheckpointError, OutputError, WriteError};

/// Arguments that were refused, or memory that there is not.
pub(crate) fn refused(error: impl Into<varscale::Error>) -> PyErr {
    match error.into() {
        error @ varscale::Error::Memory { .. } => PyMemoryError::new_err(error.to_string()),
        error @ varscale::Error::Layout(LayoutError::AxisRange { .. }) => {
            PyIndexError::new_err(error.to_string())
        }
        error => PyValueError::new_err(error.to_string()),
    }
}

fn system(source: &io::Error, message: String) -> PyErr {
    match source.kind() {
        ErrorKind::NotFound => PyFileNotFoundError::new_err(message),
        ErrorKind::PermissionDenied => PyPermissionError::new_err(message),
        ErrorKind::IsADirectory => PyIsADirectoryError::new_err(message),
        ErrorKind::NotADirectory => PyNotADirectoryError::new_err(message),
        _ => PyOSError::new_err(message),
    }
}

/// A plan that makes no sense, or that was not carried out.
pub(crate) fn failed(error: impl Into<varscale_model::Error>) -> PyErr {
    let error = error.into();
    let message = error.to_string();
    match &error {
        varscale_model::Error::Read { source, .. } => system(source, message),
        varscale_model::Error::Checkpoint(CheckpointError::Output(error)) => match error {
            OutputError::Write { source, .. } => system(source, message),
            OutputError::Exists { .. } => {
                PyFileExistsError::new_err(format!("{message} (`force=True`)"))
            }
            OutputError::Folder { .. } => PyFileNotFoundError::new_err(message),
            OutputError::Input { .. } | OutputError::Kind { .. } | OutputError::Same { .. } => {
                PyValueError::new_err(message)
            }
            _ => PyOSError::new_err(message),
        },
        varscale_model::Error::Checkpoint(
            CheckpointError::Wrong(_) | CheckpointError::OtherCheckpoint(_),
        ) => PyValueError::new_err(format!("{message} (`force=True`)")),
        varscale_model::Error::Checkpoint(CheckpointError::Limit(_)) => {
            PyValueError::new_err(format!("{message} (`max_shard_size`)"))
        }
        varscale_model::Error::Checkpoint(CheckpointError::Values(WriteError::Memory {
            ..
        })) => PyMemoryError::new_err(message),
        varscale_model::Error::Checkpoint(CheckpointError::Values(WriteError::Threads(_))) => {
            PyRuntimeError::new_err(message)
        }
        _ => PyValueError::new_err(message),
    }
}
