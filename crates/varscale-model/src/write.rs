//! Checkpoints: a plan carried out, in one safetensors file and a few buffers of memory.

use std::{path::PathBuf, sync::atomic::AtomicBool, time::Instant};

use varscale::Slice;

use crate::{
    Entry, Format, HeaderError, Options, Output, OutputError, Piece, Plan, PlannedTensor,
    WriteError, recipe, write_pieces,
};

/// What was done.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Number of tensors.
    pub tensors: usize,
    /// Number of values.
    pub parameters: u64,
    /// Size of the values in bytes.
    pub bytes: u64,
    /// Time taken, until the file was on the disk.
    pub seconds: f64,
    /// Files that killed runs to the same output had left, which are removed.
    pub leftovers: Vec<PathBuf>,
}

/// Why a plan was not carried out. Nothing is left under the user's name then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The output is not to be written, or the folder or the disk does not take it.
    #[error(transparent)]
    Output(#[from] OutputError),
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
        match self {
            Self::Output(error) => error.is_input(),
            Self::Values(error) => {
                matches!(error, WriteError::Draw { .. } | WriteError::Integer { .. })
            }
            Self::Header(_) => true,
        }
    }
}

/// Writes a plan's checkpoint to `output`, a safetensors file that is none of the plan's inputs.
///
/// The same plan gives the same bytes, whatever the options. Values go through a few buffers, and a
/// file is written beside its name and renamed once it is whole and on the disk: after an error, or
/// when `interrupted` is raised, `output` is what it was and nothing else is left. `progress` is
/// told the number of bytes drawn so far.
///
/// # Errors
/// [`CheckpointError`].
///
/// ```
/// use std::sync::atomic::AtomicBool;
/// use varscale_model::{Options, Output, Plan, PlanFile, Spec, write};
///
/// let spec = Spec::from_json(br#"{"w": {"dtype": "F32", "shape": [256, 784]}}"#)?;
/// let file = PlanFile::from_toml(
///     "spec = 'w.json'\nseed = 42\n[[rules]]\nmatch = '*'\ninitializer = 'he_normal'",
/// )?;
/// let plan = Plan::new(&spec, &file, None)?;
/// let path = std::env::temp_dir().join("varscale-doc-test.safetensors");
/// # let _ = std::fs::remove_file(&path);
/// let output = Output::new(&path);
/// let summary = write(&plan, &output, Options::default(), &AtomicBool::new(false), &mut |_| ())?;
/// assert_eq!(summary.bytes, 4 * 256 * 784);
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write(
    plan: &Plan,
    output: &Output,
    options: Options,
    interrupted: &AtomicBool,
    progress: &mut dyn FnMut(u64),
) -> Result<Summary, CheckpointError> {
    let start = Instant::now();
    let (header, pieces) = prepare(plan)?;
    let output = output.clone().inputs(plan.inputs.iter().cloned());
    let leftovers =
        write_file(&output, &header, pieces, plan.bytes(), options, interrupted, progress)?;
    Ok(Summary { leftovers, ..summary(plan, start) })
}

/// Writes `header` and then the values of `pieces`, of so many bytes, to `output`, as [`write()`]
/// does. Returns the files that killed runs had left of it, which are removed.
///
/// # Errors
/// [`CheckpointError`].
pub fn write_file(
    output: &Output,
    header: &[u8],
    pieces: impl IntoIterator<Item = Piece>,
    bytes: u64,
    options: Options,
    interrupted: &AtomicBool,
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<PathBuf>, CheckpointError> {
    let mut sink = output.open(Some(bytes.saturating_add(header.len() as u64)))?;
    sink.write(header).map_err(|error| sink.failed(error))?;
    let written =
        write_pieces(pieces, options, interrupted, progress, &mut |bytes| sink.write(bytes));
    written.map_err(|error| match error {
        WriteError::Write(source) => sink.failed(source).into(),
        error => CheckpointError::Values(error),
    })?;
    let leftovers = sink.leftovers().to_vec();
    sink.finish()?;
    Ok(leftovers)
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
        leftovers: Vec::new(),
    }
}

/// Everything in front of the data, and what the data is.
fn prepare(plan: &Plan) -> Result<(Vec<u8>, impl Iterator<Item = Piece>), CheckpointError> {
    let tensors = in_order(plan);
    let header = header(plan, &tensors)?;
    Ok((header, tensors.into_iter().map(piece)))
}

/// The tensors in the order of their data: the widest elements first, so that all are aligned.
fn in_order(plan: &Plan) -> Vec<&PlannedTensor> {
    let mut tensors: Vec<_> = plan.tensors.iter().collect();
    tensors.sort_by_key(|tensor| std::cmp::Reverse(tensor.dtype().size()));
    tensors
}

fn header(plan: &Plan, tensors: &[&PlannedTensor]) -> Result<Vec<u8>, HeaderError> {
    let entries: Vec<_> = tensors
        .iter()
        .map(|planned| Entry {
            name: &planned.name,
            dtype: planned.dtype(),
            shape: planned.shape(),
        })
        .collect();
    Format::SAFETENSORS.header(&entries, &recipe::metadata(plan))
}

fn piece(planned: &PlannedTensor) -> Piece {
    let draw = planned.draw.clone();
    let slice = Slice::whole(draw.shape());
    Piece { name: planned.name.to_string(), draw, slice, dtype: planned.dtype() }
}
