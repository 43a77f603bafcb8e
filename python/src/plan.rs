//! Plans: a model's spec and rules, resolved; and the checkpoint they make.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use pyo3::{
    exceptions::{PyFileExistsError, PyValueError},
    prelude::*,
    types::PyByteArray,
};
use varscale::{Seed, Slice};
use varscale_model::{
    ByteSize, ByteSizeError, CheckpointError, Found, Options, Output, OutputError, Part,
    PartArgument, PartError, Piece, PlanFile, PlanSeed, PlannedTensor, Seeds, Shards, Source, Spec,
    no_whole_name, resume_shards, shown, write_pieces, write_shards,
};

use crate::{draw::Draw, error::failed, generator::integer};

/// How many parts there are, those that are left, and each file that is there and wrong, with what
/// differs.
type Left = (u64, Vec<u64>, Vec<(String, String)>);

/// A whole model's initialization, resolved.
#[pyclass(frozen, module = "varscale._core")]
pub(crate) struct Plan(pub(crate) varscale_model::Plan);

pub(crate) fn given(seed: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Seed>> {
    seed.map(|seed| integer(seed).map(Seed::from)).transpose()
}

pub(crate) fn told_apart(seeds: Option<&str>) -> PyResult<Option<Seeds>> {
    let Some(name) = seeds else { return Ok(None) };
    let found = Seeds::ALL.iter().copied().find(|seeds| seeds.name() == name);
    let names: Vec<_> = Seeds::ALL.iter().map(|seeds| format!("{:?}", seeds.name())).collect();
    let refused = || format!("invalid seeds {name:?}: it must be one of {}", names.join(", "));
    found.ok_or_else(|| PyValueError::new_err(refused())).map(Some)
}

fn spec_of(json: &str) -> PyResult<Spec> {
    Spec::from_json(json.as_bytes()).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// A size as users give it.
fn size(argument: &str, given: &Bound<'_, PyAny>) -> PyResult<ByteSize> {
    let invalid = |error: ByteSizeError| {
        PyValueError::new_err(format!("invalid argument `{argument}`: {error}"))
    };
    given.str()?.to_string_lossy().parse().map_err(invalid)
}

impl Plan {
    fn tensor(&self, index: usize) -> PyResult<&PlannedTensor> {
        let planned = self.0.tensors.get(index);
        planned.ok_or_else(|| PyValueError::new_err("no such tensor"))
    }

    /// The files that `out` is written as, of this size as users give it.
    fn shards(&self, out: &Path, limit: Option<&Bound<'_, PyAny>>) -> PyResult<Shards<'_>> {
        let of_header = |error| failed(CheckpointError::Header(error));
        let Some(limit) = limit else { return Shards::whole(&self.0).map_err(of_header) };
        let limit = size("max_shard_size", limit)?;
        let name = out.file_name().unwrap_or_default().to_str().ok_or_else(|| {
            PyValueError::new_err("`out`: names of shards stand in their index, in UTF-8 alone")
        })?;
        Shards::new(&self.0, name, limit).map_err(of_header)
    }
}

impl Plan {
    /// The files that are there of what `out` names, or those of this size.
    fn found(&self, out: &Path, limit: Option<&Bound<'_, PyAny>>) -> PyResult<Shards<'_>> {
        if let Some(found) = no_whole_name(out) {
            return Err(PyValueError::new_err(format!(
                "invalid argument `out`: {found}: \"{}\"; give the name that `init` got",
                shown(&out.to_string_lossy())
            )));
        }
        match limit {
            Some(_) => self.shards(out, limit),
            None => Shards::found(&self.0, &Output::new(out)).map_err(failed),
        }
    }

    pub(crate) fn resolved(&self) -> &varscale_model::Plan {
        &self.0
    }
}

#[pymethods]
impl Plan {
    /// The plan of a plan file and of the spec that it names, or of a checkpoint; a spec as JSON goes
    /// before theirs.
    #[staticmethod]
    #[pyo3(signature = (path, seed, seeds=None, spec=None))]
    fn read(
        py: Python<'_>,
        path: PathBuf,
        seed: Option<&Bound<'_, PyAny>>,
        seeds: Option<&str>,
        spec: Option<&str>,
    ) -> PyResult<Self> {
        let (seed, seeds) = (given(seed)?, told_apart(seeds)?);
        let spec = spec.map(spec_of).transpose()?;
        py.detach(|| {
            let source = Source::read(&path, seeds).map_err(failed)?;
            match spec {
                Some(spec) => source.plan_of(spec, seed),
                None => source.plan(seed),
            }
            .map_err(failed)
        })
        .map(Self)
    }

    /// The plan of a spec and of a plan file's content, both as JSON; without a spec, of the one that
    /// the content names.
    #[staticmethod]
    fn resolve(
        py: Python<'_>,
        spec: Option<&str>,
        file: &str,
        seed: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let seed = given(seed)?;
        let file = PlanFile::from_json(file)
            .map_err(|error| PyValueError::new_err(format!("invalid plan: {error}")))?;
        let Some(spec) = spec else {
            let here = Path::new("");
            return py
                .detach(|| varscale_model::Plan::of(&file, here, seed).map_err(failed))
                .map(Self);
        };
        let spec = spec_of(spec)?;
        let file = file.with_includes(Path::new("")).map_err(failed)?;
        varscale_model::Plan::new(&spec, &file, seed).map(Self).map_err(failed)
    }

    /// The seed, and whether it was drawn since none was given.
    fn seed(&self) -> (i128, bool) {
        (self.0.seed.value(), matches!(self.0.seed, PlanSeed::Drawn(_)))
    }

    /// The seed that a file of the checkpoint at `out` states, if one is there; of shards of this size,
    /// or without one of those that are `found`.
    #[pyo3(signature = (out, max_shard_size, found=false))]
    fn stated_seed(
        &self,
        out: PathBuf,
        max_shard_size: Option<&Bound<'_, PyAny>>,
        found: bool,
    ) -> PyResult<Option<i128>> {
        let shards = match found {
            true => self.found(&out, max_shard_size)?,
            false => self.shards(&out, max_shard_size)?,
        };
        Ok(shards.stated_seed(&Output::new(out)).map(|(seed, _)| seed))
    }

    /// Which parts of what `out` names have something to write.
    fn missing(
        &self,
        py: Python<'_>,
        out: PathBuf,
        max_shard_size: Option<&Bound<'_, PyAny>>,
        parts: Option<u64>,
    ) -> PyResult<Left> {
        let shards = self.found(&out, max_shard_size)?;
        let output = Output::new(out);
        let found = py.detach(|| Found::look(&shards, &shards.part(Part::WHOLE), &output));
        let found = found.map_err(failed)?;
        let parts = parts.unwrap_or(shards.len() as u64);
        let left = found.parts_left(&shards, parts);
        let name = |path: &Path| path.to_string_lossy().into_owned();
        let wrong = found.faults.into_iter().map(|fault| (name(&fault.path), fault.difference));
        Ok((parts, left, wrong.collect()))
    }

    /// The name of the stream.
    fn stream(&self) -> &'static str {
        self.0.stream.name()
    }

    /// The plan as JSON.
    fn to_json(&self) -> PyResult<String> {
        serde_json::to_string(&self.0).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// Name and dtype of every tensor.
    fn tensors(&self) -> Vec<(String, &'static str)> {
        let row = |planned: &PlannedTensor| (planned.name.to_string(), planned.dtype().name());
        self.0.tensors.iter().map(row).collect()
    }

    /// Name of every tensor that is another one under a second name, and that one's.
    fn ties(&self) -> Vec<(String, String)> {
        self.0.ties.iter().map(|tie| (tie.tensor.name.to_string(), tie.to.to_string())).collect()
    }

    /// The draw of a tensor, counted from 0.
    fn draw(&self, index: usize) -> PyResult<Draw> {
        Ok(Draw(self.tensor(index)?.draw.clone()))
    }

    /// The box of a tensor at `offset` of this extent, as a checkpoint holds it: little-endian and in
    /// the dtype that it is stored in, which may be one that nothing is drawn in.
    fn stored<'py>(
        &self,
        py: Python<'py>,
        index: usize,
        offset: Vec<usize>,
        extent: Vec<usize>,
    ) -> PyResult<Bound<'py, PyByteArray>> {
        let planned = self.tensor(index)?;
        let (draw, dtype) = (planned.draw.clone(), planned.dtype());
        let slice = Slice::new(offset, extent);
        let piece = Piece { name: planned.name.to_string(), draw, slice, dtype };
        let options = Options { threads: 1, buffer: 1 << 20, ..Options::default() };
        let mut bytes = Vec::new();
        let written = py.detach(|| {
            write_pieces([piece], options, &AtomicBool::new(false), &mut |_| (), &mut |some| {
                bytes.extend_from_slice(some);
                Ok(())
            })
        });
        written.map_err(|error| failed(CheckpointError::Values(error)))?;
        Ok(PyByteArray::new(py, &bytes))
    }

    /// Writes the checkpoint; returns how many files of values were written and how many were kept, and
    /// the stale files beside them. `progress` is called with the bytes drawn and the bytes in all, and
    /// stops the work by raising. `out` is replaced by `force` only, and is none of the plan's files. With
    /// `max_shard_size`, shards of at most so many bytes, or a part of them; to resume keeps those that are
    /// there and right.
    #[expect(clippy::too_many_arguments, reason = "as many as there are options")]
    #[pyo3(signature = (out, threads, force, progress, max_shard_size=None, part=None, resume=false, memory=None, digests=false))]
    fn write(
        &self,
        py: Python<'_>,
        out: PathBuf,
        threads: usize,
        force: bool,
        progress: Option<Py<PyAny>>,
        max_shard_size: Option<&Bound<'_, PyAny>>,
        part: Option<&str>,
        resume: bool,
        memory: Option<&Bound<'_, PyAny>>,
        digests: bool,
    ) -> PyResult<(usize, usize, Vec<String>)> {
        let shards = self.shards(&out, max_shard_size)?;
        let interrupted = AtomicBool::new(false);
        let mut raised = None;
        let output = Output::new(out).force(force);
        let options = Options { threads, digests, ..Options::default() };
        let of_values = |error| failed(CheckpointError::Values(error));
        let options = match memory {
            Some(memory) => options.within(size("memory", memory)?).map_err(of_values)?,
            None => options,
        };
        let part = part.map(|part| part.parse::<PartArgument>()?.resolve_here()).transpose();
        let part = part.map_err(|error: PartError| {
            PyValueError::new_err(format!("invalid argument `part`: {error}"))
        })?;
        let files = shards.part(part.unwrap_or(Part::WHOLE));
        let of_part = files.shards.iter().filter_map(|&place| shards.get(place));
        let bytes: u64 = of_part.map(|shard| shard.bytes()).sum();
        let mut tell = |done: u64| {
            let told = Python::attach(|py| {
                py.check_signals()?;
                progress.as_ref().map_or(Ok(()), |told| told.call1(py, (done, bytes)).map(drop))
            });
            if let Err(error) = told {
                raised.get_or_insert(error);
                interrupted.store(true, Ordering::Relaxed);
            }
        };
        let write = if resume { resume_shards } else { write_shards };
        let summary = py.detach(|| {
            write(&shards, &files, &output, options, &interrupted, &mut tell, &mut |_| ())
        });
        match (raised, summary) {
            (Some(error), _) => Err(error),
            (None, Ok(summary)) => {
                let name = |path: &PathBuf| path.to_string_lossy().into_owned();
                let stale = summary.stale.iter().map(name).collect();
                Ok((summary.shards, summary.kept, stale))
            }
            (None, Err(CheckpointError::Output(error @ OutputError::Exists { .. }))) if !resume => {
                Err(PyFileExistsError::new_err(format!(
                    "{error} (`force=True`); `resume=True` keeps it where it is right"
                )))
            }
            (None, Err(error)) => Err(failed(error)),
        }
    }
}
