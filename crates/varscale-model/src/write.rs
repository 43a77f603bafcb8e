//! Checkpoints: a plan carried out, in safetensors files and a few buffers of memory.

use std::{
    collections::{HashMap, HashSet},
    ffi::OsStr,
    fs, io, iter,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use varscale::Pool;

use crate::{
    Files, HeaderError, LimitError, Options, OtherCheckpoint, Output, OutputError, Part, Piece,
    Plan, Shard, Shards, WriteError, WrongFile,
    digests::{self, FileDigest},
    lanes,
    shown::shown_path,
    stream::Stream,
    whole_name, write_pieces,
};

/// What was done.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Number of files with values that were written.
    pub shards: usize,
    /// Number of those that were there, and kept.
    pub kept: usize,
    /// Number of tensors.
    pub tensors: usize,
    /// Number of values.
    pub parameters: u64,
    /// Size of the values in bytes.
    pub bytes: u64,
    /// Time taken, until the file was on the disk.
    pub seconds: f64,
    /// Bytes of the buffers that values went through.
    pub memory: u64,
    /// Files that killed runs to the same output had left, which are removed.
    pub leftovers: Vec<PathBuf>,
    /// Files beside the output that belong to the same checkpoint in another number of shards, and digests
    /// of other files of the same names. They are left.
    pub stale: Vec<PathBuf>,
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
    /// A file that is there and is to be kept, and is not what the plan says.
    #[error("{0}; it is replaced only by force")]
    Wrong(#[from] WrongFile),
    /// Shards that are there, of which the limit cannot be told.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// A file of another seed or recipe beside those that are to be written.
    #[error(transparent)]
    OtherCheckpoint(#[from] OtherCheckpoint),
    /// A file that is there and cannot be read.
    #[error("cannot read {}: {source}", shown_path(path))]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl CheckpointError {
    /// As [`Error::is_input`](crate::Error::is_input).
    #[must_use]
    pub fn is_input(&self) -> bool {
        match self {
            Self::Output(error) => error.is_input(),
            Self::Values(error) => {
                matches!(
                    error,
                    WriteError::Draw { .. }
                        | WriteError::Integer { .. }
                        | WriteError::Budget { .. }
                )
            }
            Self::Header(_) | Self::Wrong(_) | Self::Limit(_) | Self::OtherCheckpoint(_) => true,
            Self::Read { .. } => false,
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
    let whole = Shards::whole(plan)?;
    let all = whole.part(Part::WHOLE);
    write_shards(&whole, &all, output, options, interrupted, progress, &mut |_| ())
}

/// Writes some of a checkpoint's files, as [`write()`] does, the index last. `output` names the one file
/// that they are instead of. All names are checked before anything is drawn. `finished` is told each
/// shard that has its name.
///
/// # Errors
/// [`CheckpointError`]. Shards that were finished stay.
pub fn write_shards(
    shards: &Shards<'_>,
    files: &Files,
    output: &Output,
    options: Options,
    interrupted: &AtomicBool,
    progress: &mut dyn FnMut(u64),
    finished: &mut dyn FnMut(&Shard<'_>),
) -> Result<Summary, CheckpointError> {
    write_files(shards, files, output, options, false, interrupted, progress, finished)
}

/// As [`write_shards()`]. With `resumes`, digests may be there already, if they are right.
#[expect(clippy::too_many_arguments, reason = "those of its two callers")]
pub(crate) fn write_files(
    shards: &Shards<'_>,
    files: &Files,
    output: &Output,
    options: Options,
    resumes: bool,
    interrupted: &AtomicBool,
    progress: &mut dyn FnMut(u64),
    finished: &mut dyn FnMut(&Shard<'_>),
) -> Result<Summary, CheckpointError> {
    let start = Instant::now();
    let plan = shards.plan();
    let output = output.clone().inputs(plan.inputs.iter().cloned());
    if !output.is_forced() {
        shards.check_beside(files, &output)?;
    }
    let part: Vec<_> = files.shards.iter().filter_map(|&place| shards.get(place)).collect();
    let index = shards.index_name().filter(|_| files.index);
    let mut summary = summary(&part, start);
    let files: Vec<_> = part.iter().map(|&shard| (shard, shard.output(&output))).collect();
    let index = index.map(|name| output.beside(&name));
    let outputs = || files.iter().map(|(_, output)| output).chain(&index);
    if shards.len() > 1 || options.digests {
        if output.is_stream() {
            let count = outputs().count() * if options.digests { 2 } else { 1 };
            return Err(output.several(count).into());
        }
        if shards.len() > 1 && whole_name(&output.file_name()).is_some() {
            return Err(output.shard().into());
        }
        outputs().try_for_each(Output::check)?;
        check_apart(shards, &output, options)?;
        if options.digests && !resumes {
            outputs().try_for_each(|output| output.digests().check())?;
        }
        if !files.is_empty() {
            // All of them, under the name that they are instead of.
            output.check_space(summary.bytes)?;
        }
    }
    summary.stale = stale(shards, &output);
    if !options.digests && !output.is_stream() {
        let digests = outputs().filter_map(|output| output.digests().target_path());
        summary.stale.extend(digests.filter(|path| path.is_file()));
    }
    let options = Options { files: options.files.clamp(1, files.len().max(1)), ..options };
    let pool = Pool::new(options.threads).map_err(WriteError::Threads);
    let pool = pool.map_err(CheckpointError::Values)?;
    options.check_memory(options.files).map_err(CheckpointError::Values)?;
    summary.memory = options.memory(options.files);
    summary.leftovers =
        lanes::write_shards(&files, &pool, options, interrupted, progress, finished)?;
    if let Some(output) = &index {
        let mut sink = output.open(None)?;
        let mut digest = FileDigest::default();
        let mut write = |bytes: &[u8]| {
            digest.update(bytes)?;
            sink.write(bytes)
        };
        let written = shards.write_index(&mut write);
        written.map_err(|error| sink.failed(error))?;
        summary.leftovers.extend_from_slice(sink.leftovers());
        sink.finish()?;
        if options.digests {
            digests::keep(output, &digests::text(output, digest, None))?;
        }
    }
    Ok(Summary { seconds: start.elapsed().as_secs_f64(), ..summary })
}

/// Refuses links by which two of a checkpoint's files are one.
pub(crate) fn check_apart(
    shards: &Shards<'_>,
    output: &Output,
    options: Options,
) -> Result<(), OutputError> {
    let mut names = HashMap::new();
    let index = shards.index_name().map(|name| output.beside(&name));
    for file in shards.iter().map(|shard| shard.output(output)).chain(index) {
        let digests = options.digests.then(|| file.digests());
        for file in iter::once(file).chain(digests) {
            let Some(target) = file.target_path() else { continue };
            if let Some(other) = names.insert(target, file.file_name()) {
                return Err(file.same(&other));
            }
        }
    }
    Ok(())
}

/// The files beside `output` that belong to a checkpoint of the same name in another number of shards.
fn stale(shards: &Shards<'_>, output: &Output) -> Vec<PathBuf> {
    let Some(path) = output.path().filter(|_| !output.is_stream()) else { return Vec::new() };
    let whole = output.file_name();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let Ok(entries) = fs::read_dir(folder.unwrap_or(Path::new("."))) else { return Vec::new() };
    let is_stale = |name: &OsStr| name.to_str().is_some_and(|name| shards.is_stale(&whole, name));
    let names = entries.flatten().map(|entry| entry.file_name()).filter(|name| is_stale(name));
    let mut paths: Vec<_> = names.map(|name| path.with_file_name(name)).collect();
    paths.sort_unstable();
    // Digests of files that are named are right.
    let named: HashSet<_> = paths.iter().cloned().collect();
    paths.retain(|path| {
        let file = path.to_str().and_then(|path| path.strip_suffix(digests::EXTENSION));
        file.is_none_or(|file| !named.contains(Path::new(file)))
    });
    paths
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
    let pool = Pool::new(options.threads).map_err(WriteError::Threads);
    let pool = pool.map_err(CheckpointError::Values)?;
    options.check_memory(1).map_err(CheckpointError::Values)?;
    let mut done = 0;
    let mut drawn = |bytes| {
        done += bytes;
        progress(done);
    };
    let stopped = || interrupted.load(Ordering::Relaxed);
    let stream = Stream { pool: &pool, buffer: options.buffer, apart: false, stopped: &stopped };
    stream.write(output, header, pieces, bytes, None, &mut drawn)
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
    let whole = Shards::whole(plan)?;
    dry_run_shards(&whole, &whole.part(Part::WHOLE), options, interrupted, progress)
}

/// Draws everything that [`write_shards()`] draws, and writes nothing.
///
/// # Errors
/// [`CheckpointError`].
pub fn dry_run_shards(
    shards: &Shards<'_>,
    files: &Files,
    options: Options,
    interrupted: &AtomicBool,
    progress: &mut dyn FnMut(u64),
) -> Result<Summary, CheckpointError> {
    let start = Instant::now();
    let part: Vec<_> = files.shards.iter().filter_map(|&place| shards.get(place)).collect();
    // What has no header is refused here, too.
    part.iter().try_for_each(|shard| shard.header().map(drop))?;
    let pieces = part.iter().flat_map(Shard::pieces);
    write_pieces(pieces, options, interrupted, progress, &mut |_| Ok(()))
        .map_err(CheckpointError::Values)?;
    Ok(Summary { memory: options.memory(1), ..summary(&part, start) })
}

fn summary(part: &[Shard<'_>], start: Instant) -> Summary {
    Summary {
        shards: part.len(),
        kept: 0,
        tensors: part.iter().map(|shard| shard.tensors().len()).sum(),
        parameters: part.iter().flat_map(Shard::tensors).map(|one| one.draw.elements()).sum(),
        bytes: part.iter().map(Shard::bytes).sum(),
        seconds: start.elapsed().as_secs_f64(),
        memory: 0,
        leftovers: Vec::new(),
        stale: Vec::new(),
    }
}

/// The places of the tensors in the order of their data: the widest elements first, so that all are
/// aligned.
pub(crate) fn in_order(plan: &Plan) -> Vec<usize> {
    let mut places: Vec<_> = (0..plan.tensors.len()).collect();
    places.sort_by_key(|&place| std::cmp::Reverse(plan.tensors[place].dtype().size()));
    places
}
