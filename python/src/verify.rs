//! Verification of checkpoints.

use std::{
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use pyo3::{
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
    types::{PyBool, PyFloat, PyString},
};
use varscale_model::{
    Checkpoint, Digests, Error, Options, PlanSeed, Recipe, RecipeError, Share, verify_digests,
};

use crate::{
    arguments::repr,
    error::failed,
    plan::{Plan, given, told_apart},
    threads::watched,
};

/// What is found where a checkpoint is compared with a plan, or with that of its metadata under `seed`
/// and `seeds`: as JSON. `progress` is called with the bytes drawn and the bytes in all, and stops the
/// work by raising.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "those of Python's function")]
pub(crate) fn verify(
    py: Python<'_>,
    checkpoint: PathBuf,
    plan: Option<&Plan>,
    seed: Option<&Bound<'_, PyAny>>,
    seeds: Option<&str>,
    sample: Option<&Bound<'_, PyAny>>,
    threads: usize,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let (seed, seeds) = (given(seed)?, told_apart(seeds)?);
    let share = sample.map(share).transpose()?;
    let interrupted = AtomicBool::new(false);
    let mut raised = None;
    let mut tell = |done: u64, all: u64| {
        let told = Python::attach(|py| {
            py.check_signals()?;
            progress.as_ref().map_or(Ok(()), |told| told.call1(py, (done, all)).map(drop))
        });
        if let Err(error) = told {
            raised.get_or_insert(error);
            interrupted.store(true, Ordering::Relaxed);
        }
    };
    let options = Options { threads, ..Options::default() };
    let found = py.detach(|| {
        let stored = Checkpoint::open(&checkpoint)?;
        let of_metadata;
        let plan = match plan {
            Some(plan) => &plan.0,
            None => {
                let mut recipe = Recipe::read(&checkpoint)?;
                recipe.file.seeds = seeds.or(recipe.file.seeds);
                of_metadata = recipe.plan(seed)?;
                &of_metadata
            }
        };
        let needs_seed = plan.tensors.iter().any(|planned| planned.seed_of_plan);
        if matches!(plan.seed, PlanSeed::Drawn(_)) && needs_seed {
            return Ok(Err(stored.stated_seed()));
        }
        varscale_model::verify(&stored, plan, share, options, &interrupted, &mut tell).map(Ok)
    });
    if let Some(error) = raised {
        return Err(error);
    }
    let refused = |reason: &str| PyValueError::new_err(reason.to_owned());
    let found = found.map_err(|error: Error| match error {
        Error::Recipe { source: RecipeError::Missing(_) | RecipeError::OtherTensors, .. } => {
            refused(&format!("{error}; give its `plan`"))
        }
        error => failed(error),
    })?;
    let found = found.map_err(|stated| {
        let stated = stated.map(|seed| format!(" (the checkpoint states {seed})"));
        refused(&format!(
            "The plan has no seed, and every draw is another: give `seed`{}",
            stated.unwrap_or_default()
        ))
    })?;
    report(serde_json::to_value(&found), found.is_identical())
}

/// A share of all values: a number, or a percentage.
fn share(sample: &Bound<'_, PyAny>) -> PyResult<Share> {
    let allowed = || {
        format!(
            "Argument `sample` must be a number above 0 and up to 1, or a percentage such as \"1%\". \
             Received: {}",
            repr(sample)
        )
    };
    let share = if let Ok(text) = sample.cast::<PyString>() {
        text.to_string_lossy().parse().ok()
    } else if sample.is_instance_of::<PyBool>() || !sample.hasattr("__float__")? {
        return Err(PyTypeError::new_err(allowed()));
    } else {
        Share::new(sample.py().get_type::<PyFloat>().call1((sample,))?.extract()?)
    };
    share.ok_or_else(|| PyValueError::new_err(allowed()))
}

/// What is found where a checkpoint is compared with digest files: as JSON. `progress` is called with
/// the bytes read and the bytes in all, and stops the work by raising.
#[pyfunction]
pub(crate) fn prove(
    py: Python<'_>,
    checkpoint: PathBuf,
    digests: Vec<PathBuf>,
    threads: usize,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let interrupted = AtomicBool::new(false);
    // How much was told, and what was raised then: threads read together, and tell one by one.
    let told = Mutex::new((0, None));
    let proof = py.detach(|| -> PyResult<_> {
        let stored = Checkpoint::open(&checkpoint).map_err(failed)?;
        let digests = digests.iter().map(|path| Digests::read(path));
        let digests = digests.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let all: u64 = stored.files.iter().map(|file| file.length).sum();
        let tell = |done: u64| {
            let Some(progress) = &progress else { return };
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            // What is not its file's digest is read a second time, tensor by tensor.
            let done = done.min(all);
            if done > told.0 && told.1.is_none() {
                told.0 = done;
                told.1 = Python::attach(|py| progress.call1(py, (done, all))).err();
                interrupted.fetch_or(told.1.is_some(), Ordering::Relaxed);
            }
        };
        let work = || verify_digests(&stored, &digests, threads, &interrupted, &tell);
        watched(work, &interrupted)
    });
    if let Some(error) = told.into_inner().unwrap_or_else(PoisonError::into_inner).1 {
        return Err(error);
    }
    let proof = proof?.map_err(failed)?;
    report(serde_json::to_value(&proof), proof.is_identical())
}

fn report(found: serde_json::Result<serde_json::Value>, is_identical: bool) -> PyResult<String> {
    let mut report = found.map_err(|error| PyValueError::new_err(error.to_string()))?;
    report["identical"] = is_identical.into();
    Ok(report.to_string())
}
