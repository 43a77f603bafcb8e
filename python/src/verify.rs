//! Verification of checkpoints.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use pyo3::{exceptions::PyValueError, prelude::*};
use varscale_model::{Checkpoint, Error, Options, PlanSeed, Recipe, Share};

use crate::{
    error::failed,
    plan::{Plan, given, told_apart},
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
    sample: Option<&str>,
    threads: usize,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let (seed, seeds) = (given(seed)?, told_apart(seeds)?);
    let share = sample.map(str::parse::<Share>).transpose();
    let share = share.map_err(|error| PyValueError::new_err(error.to_string()))?;
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
    let found = found.map_err(|error: Error| failed(error))?;
    let found = found.map_err(|stated| {
        let stated = stated.map(|seed| format!(" (the checkpoint states {seed})"));
        refused(&format!(
            "The plan has no seed, and every draw is another: give `seed`{}",
            stated.unwrap_or_default()
        ))
    })?;
    let mut report = serde_json::to_value(&found).map_err(|error| refused(&error.to_string()))?;
    report["identical"] = found.is_identical().into();
    Ok(report.to_string())
}
