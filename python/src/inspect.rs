//! Inspection: what a checkpoint's values are, and what is wrong with them.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use pyo3::{
    exceptions::{PyMemoryError, PyRuntimeError, PyValueError},
    prelude::*,
};
use varscale_model::{Basis, Checkpoint, InspectError, Selection, inspect};

use crate::{error::failed, plan::Plan};

/// The report on a checkpoint as JSON, as the command prints it. `progress` is called with the bytes
/// read and the bytes in all, and stops the work by raising.
#[pyfunction]
#[pyo3(name = "inspect")]
pub(crate) fn inspect_checkpoint(
    py: Python<'_>,
    checkpoint: PathBuf,
    plan: Option<&Bound<'_, Plan>>,
    globs: Vec<String>,
    threads: usize,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let path = checkpoint;
    let selection = Selection::new(&globs).map_err(refused)?;
    let checkpoint = py.detach(|| Checkpoint::open(&path)).map_err(failed)?;
    let basis = match plan {
        Some(plan) => Basis::plan(plan.get().resolved().clone()),
        None => py.detach(|| Basis::recipe(&path, &checkpoint)),
    };
    let interrupted = AtomicBool::new(false);
    let mut raised = None;
    let mut tell = |done: u64, bytes: u64| {
        let told = Python::attach(|py| {
            py.check_signals()?;
            progress.as_ref().map_or(Ok(()), |told| told.call1(py, (done, bytes)).map(drop))
        });
        if let Err(error) = told {
            raised.get_or_insert(error);
            interrupted.store(true, Ordering::Relaxed);
        }
    };
    let found =
        py.detach(|| inspect(&checkpoint, &basis, &selection, threads, &interrupted, &mut tell));
    if let Some(error) = raised {
        return Err(error);
    }
    let found = found.map_err(refused)?;
    serde_json::to_string(&found).map_err(|error| PyValueError::new_err(error.to_string()))
}

fn refused(error: InspectError) -> PyErr {
    let message = error.to_string();
    match error {
        InspectError::File(error) => failed(*error),
        InspectError::Memory { .. } => PyMemoryError::new_err(message),
        InspectError::Threads(_) => PyRuntimeError::new_err(message),
        _ => PyValueError::new_err(message),
    }
}
