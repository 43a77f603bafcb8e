//! Checkpoints: a plan carried out, in one safetensors file and a few buffers of memory.

use std::{
    io,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
    time::Instant,
};

use varscale::Slice;

use crate::{
    AtomicFile, Entry, Format, HeaderError, Options, Piece, Plan, PlanSeed, PlannedTensor,
    WriteError, write_pieces,
};

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Number of tensors.
    pub tensors: usize,
    /// Number of values.
    pub parameters: u64,
    /// Size of the values in bytes.
    pub bytes: u64,
    /// Time taken, until the file was on the disk.
    pub seconds: f64,
}

/// Why a plan was not carried out. Nothing is left under the user's name then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The folder or the disk does not take the file.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Values that could not be drawn, or not all of them.
    #[error(transparent)]
    Values(WriteError),
    /// More tensors than the format has room for.
    #[error(transparent)]
    Header(#[from] HeaderError),
}

impl CheckpointError {
    /// As [`Error::is_input`](crate::Error::is_input).
    #[must_use]
    pub fn is_input(&self) -> bool {
        matches!(self, Self::Values(WriteError::Draw { .. }) | Self::Header(_))
    }
}

/// Writes a plan's checkpoint to the safetensors file `path`, replacing what stands there.
///
/// The same plan gives the same bytes, whatever the options. Values go through a few buffers, and
/// the file is written beside `path` and renamed once it is whole and on the disk: after an error,
/// or when `interrupted` is raised, `path` is what it was and nothing else is left. `progress` is
/// told the number of bytes drawn so far.
///
/// # Errors
/// [`CheckpointError`].
///
/// ```
/// use std::sync::atomic::AtomicBool;
/// use varscale_model::{Options, Plan, PlanFile, Spec, write};
///
/// let spec = Spec::from_json(br#"{"w": {"dtype": "F32", "shape": [256, 784]}}"#)?;
/// let file = PlanFile::from_toml(
///     "spec = 'w.json'\nseed = 42\n[[rules]]\nmatch = '*'\ninitializer = 'he_normal'",
/// )?;
/// let plan = Plan::new(&spec, &file, None)?;
/// let path = std::env::temp_dir().join("varscale-doc-test.safetensors");
/// let summary = write(&plan, &path, Options::default(), &AtomicBool::new(false), &mut |_| ())?;
/// assert_eq!(summary.bytes, 4 * 256 * 784);
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write(
    plan: &Plan,
    path: &Path,
    options: Options,
    interrupted: &AtomicBool,
    progress: &mut dyn FnMut(u64),
) -> Result<Summary, CheckpointError> {
    let start = Instant::now();
    let (header, pieces) = prepare(plan)?;
    write_file(path, &header, pieces, options, interrupted, progress)?;
    Ok(summary(plan, start))
}

/// Writes `header` and then the values of `pieces` to the file `path`, as [`write()`] does.
///
/// # Errors
/// [`CheckpointError`].
pub fn write_file(
    path: &Path,
    header: &[u8],
    pieces: impl IntoIterator<Item = Piece>,
    options: Options,
    interrupted: &AtomicBool,
    progress: &mut dyn FnMut(u64),
) -> Result<(), CheckpointError> {
    let failed = |source| CheckpointError::Write { path: path.to_owned(), source };
    let mut file = AtomicFile::create(path).map_err(failed)?;
    file.write(header).map_err(failed)?;
    let written =
        write_pieces(pieces, options, interrupted, progress, &mut |bytes| file.write(bytes));
    written.map_err(|error| match error {
        WriteError::Write(source) => failed(source),
        error => CheckpointError::Values(error),
    })?;
    file.finish(path).map_err(failed)
}

/// Draws everything that [`write()`] draws, and writes nothing.
///
/// # Errors
/// [`CheckpointError`].
pub fn dry_run(
    plan: &Plan,
    options: Options,
    interrupted: &AtomicBool,
    progress: &mut dyn FnMut(u64),
) -> Result<Summary, CheckpointError> {
    let start = Instant::now();
    let (_, pieces) = prepare(plan)?;
    write_pieces(pieces, options, interrupted, progress, &mut |_| Ok(()))
        .map_err(CheckpointError::Values)?;
    Ok(summary(plan, start))
}

fn summary(plan: &Plan, start: Instant) -> Summary {
    Summary {
        tensors: plan.tensors.len(),
        parameters: plan.parameters(),
        bytes: plan.bytes(),
        seconds: start.elapsed().as_secs_f64(),
    }
}

/// Everything in front of the data, and what the data is.
fn prepare(plan: &Plan) -> Result<(Vec<u8>, Vec<Piece>), CheckpointError> {
    let tensors = in_order(plan);
    let header = header(plan, &tensors)?;
    Ok((header, tensors.into_iter().map(piece).collect()))
}

/// The tensors in the order of their data: the widest elements first, so that all are aligned.
fn in_order(plan: &Plan) -> Vec<&PlannedTensor> {
    let mut tensors: Vec<_> = plan.tensors.iter().collect();
    tensors.sort_by_key(|tensor| std::cmp::Reverse(tensor.dtype.size()));
    tensors
}

fn header(plan: &Plan, tensors: &[&PlannedTensor]) -> Result<Vec<u8>, HeaderError> {
    let seed = match plan.seed {
        PlanSeed::Given(_) | PlanSeed::Drawn(_) => "varscale.seed",
        PlanSeed::Global(_) => "varscale.global_seed",
    };
    let metadata = [
        ("varscale.stream", plan.stream.id().to_owned()),
        (seed, plan.seed.value().to_string()),
        ("varscale.plan", plan.to_json().to_string()),
    ];
    let entries: Vec<_> = tensors
        .iter()
        .map(|planned| {
            let PlannedTensor { tensor, dtype, .. } = planned;
            Entry { name: &tensor.name, dtype: *dtype, shape: &tensor.shape }
        })
        .collect();
    Format::SAFETENSORS.header(&entries, &metadata)
}

fn piece(planned: &PlannedTensor) -> Piece {
    let draw = planned.draw.clone();
    let slice = Slice::whole(draw.shape());
    Piece { name: planned.tensor.name.clone(), draw, slice, dtype: planned.dtype }
}
