//! What is there of a checkpoint: what is right is kept, what is missing can be drawn.

use std::{
    collections::{BTreeSet, HashSet},
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
    time::Instant,
};

use crate::{
    CheckpointError, Files, Options, Output, OutputError, Part, Shard, Shards, Spec, Summary,
    WriteError,
    digests::{self, FileDigest, TensorDigests},
    format::safetensors::PREFIX,
    shown::shown_path,
    spec,
    stated::weight_map,
    write::{check_apart, write_files},
    write_pieces,
};

/// What is there of some files of a checkpoint.
#[derive(Debug, Default)]
pub struct Found {
    /// What has the right length and header.
    pub right: Files,
    /// What is not there.
    pub missing: Files,
    /// What is there and is something else.
    pub wrong: Files,
    /// What is wrong with it, for each.
    pub faults: Vec<WrongFile>,
}

/// A file that is there and is not what the plan says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} is not what the plan says: {difference}", shown_path(path))]
pub struct WrongFile {
    /// The file.
    pub path: PathBuf,
    /// The first thing that differs, such as a tensor's value, by names and numbers.
    pub difference: String,
}

impl Found {
    /// Looks at lengths and headers, in which the recipe stands, and at the whole index; at no values.
    ///
    /// # Errors
    /// [`CheckpointError::Read`], [`CheckpointError::Header`] or [`CheckpointError::Output`].
    pub fn look(
        shards: &Shards<'_>,
        files: &Files,
        output: &Output,
    ) -> Result<Self, CheckpointError> {
        let mut found = Self::default();
        for &place in &files.shards {
            let Some(shard) = shards.get(place) else { continue };
            let is = at(&shard.output(output), |path| header(&shard, path))?;
            found.with(is).shards.push(place);
        }
        if let Some(name) = shards.index_name().filter(|_| files.index) {
            let is = at(&output.beside(&name), |path| index(shards, path))?;
            found.with(is).index = true;
        }
        Ok(found)
    }

    /// Numbers of those of `count` parts that have something to write.
    #[must_use]
    pub fn parts_left(&self, shards: &Shards<'_>, count: u64) -> Vec<u64> {
        let left = self.missing.shards.iter().chain(&self.wrong.shards);
        let left: HashSet<usize> = left.copied().collect();
        let has_index = self.missing.index || self.wrong.index;
        let is_left = |&number: &u64| {
            let Ok(part) = Part::new(number, count) else { return false };
            let files = shards.part(part);
            files.index && has_index || files.shards.iter().any(|place| left.contains(place))
        };
        // Later parts have nothing to write.
        (1..=count.min(shards.len() as u64)).filter(is_left).collect()
    }

    /// Where a file belongs.
    fn with(&mut self, is: Is) -> &mut Files {
        match is {
            Is::Right => &mut self.right,
            Is::Missing => &mut self.missing,
            Is::Wrong(fault) => {
                self.faults.push(fault);
                &mut self.wrong
            }
        }
    }
}

/// Writes what is missing of some of a checkpoint's files, as
/// [`write_shards()`](crate::write_shards()) does, and keeps what is there and right: its values are drawn
/// again and compared. `progress` is told the number of bytes that were compared or written so far,
/// `finished` each shard that was kept or has its name.
///
/// # Errors
/// [`CheckpointError::Wrong`] for what is there and is wrong, unless the output's force replaces it; else
/// as [`write_shards()`](crate::write_shards()) and [`Found::look`].
pub fn resume_shards(
    shards: &Shards<'_>,
    files: &Files,
    output: &Output,
    options: Options,
    interrupted: &AtomicBool,
    progress: &mut dyn FnMut(u64),
    finished: &mut dyn FnMut(&Shard<'_>),
) -> Result<Summary, CheckpointError> {
    let start = Instant::now();
    check_apart(shards, output, options)?;
    let (mut told, mut leftovers) = (BTreeSet::new(), Vec::new());
    let mut finished = |shard: &Shard<'_>| {
        if told.insert(shard.number()) {
            finished(shard);
        }
    };
    // For each file that another run of the same part may finish meanwhile.
    let mut tries = files.shards.len() + usize::from(files.index);
    loop {
        let (mut kept, mut bytes) = (0, 0);
        let mut compared = |more: u64| progress(bytes + more);
        let (right, left) = separate(shards, files, output, options, interrupted, &mut compared)?;
        for shard in right.shards.iter().filter_map(|&place| shards.get(place)) {
            leftovers.extend(shard.output(output).remove_leftovers());
            finished(&shard);
            (kept, bytes) = (kept + 1, bytes + shard.bytes());
        }
        let mut progress = |more: u64| progress(bytes + more);
        let written = write_files(
            shards,
            &left,
            output,
            options,
            true,
            interrupted,
            &mut progress,
            &mut finished,
        );
        match written {
            Err(CheckpointError::Output(OutputError::Exists { .. })) if tries > 0 => tries -= 1,
            Err(error) => return Err(error),
            Ok(mut summary) => {
                if options.digests && files.index && !left.index {
                    keep_digests_of_index(shards, output)?;
                }
                summary.leftovers.extend(leftovers);
                let seconds = start.elapsed().as_secs_f64();
                return Ok(Summary { kept, seconds, ..summary });
            }
        }
    }
}

/// What is right of these files, and what is to be written.
fn separate(
    shards: &Shards<'_>,
    files: &Files,
    output: &Output,
    options: Options,
    interrupted: &AtomicBool,
    progress: &mut dyn FnMut(u64),
) -> Result<(Files, Files), CheckpointError> {
    let Found { right: found, missing, wrong, faults } = Found::look(shards, files, output)?;
    let refuse =
        |fault| if output.is_forced() { Ok(()) } else { Err(CheckpointError::Wrong(fault)) };
    faults.into_iter().try_for_each(refuse)?;
    let mut right = Files { shards: Vec::new(), index: found.index };
    let mut left = Files {
        shards: [missing.shards, wrong.shards].concat(),
        index: missing.index || wrong.index,
    };
    let mut done = 0;
    for place in found.shards {
        let Some(shard) = shards.get(place) else { continue };
        let mut progress = |more: u64| progress(done + more);
        let (output, mut digests) = (shard.output(output), String::new());
        let values = |path: &Path| {
            digests = values(&shard, path, &output, options, interrupted, &mut progress)?;
            Ok(())
        };
        match at(&output, values)? {
            Is::Right => {
                right.shards.push(place);
                if options.digests {
                    digests::keep(&output, &digests)?;
                }
            }
            Is::Missing => left.shards.push(place),
            Is::Wrong(fault) => {
                refuse(fault)?;
                left.shards.push(place);
            }
        }
        done += shard.bytes();
    }
    left.shards.sort_unstable();
    Ok((right, left))
}

enum Is {
    Right,
    Missing,
    Wrong(WrongFile),
}

/// Why a file is not what it should be.
enum Fault {
    Difference(String),
    Read(io::Error),
    Other(CheckpointError),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

/// What a check says of the file that an output names.
fn at(
    output: &Output,
    check: impl FnOnce(&Path) -> Result<(), Fault>,
) -> Result<Is, CheckpointError> {
    let Some(path) = output.path() else { return Ok(Is::Missing) };
    let checked = fs::metadata(path).map_err(Fault::Read).and_then(|metadata| {
        // Nothing else is opened: a pipe would wait for its writer.
        if metadata.is_file() {
            check(path)
        } else {
            Err(Fault::Difference("it is no file".to_owned()))
        }
    });
    match checked {
        Ok(()) => Ok(Is::Right),
        Err(Fault::Read(error)) if error.kind() == io::ErrorKind::NotFound => Ok(Is::Missing),
        Err(Fault::Read(source)) => Err(CheckpointError::Read { path: path.to_owned(), source }),
        Err(Fault::Other(error)) => Err(error),
        Err(Fault::Difference(difference)) => {
            Ok(Is::Wrong(WrongFile { path: path.to_owned(), difference }))
        }
    }
}

/// Whether the file has the shard's length and header.
fn header(shard: &Shard<'_>, path: &Path) -> Result<(), Fault> {
    let header = shard.header().map_err(|error| Fault::Other(error.into()))?;
    let mut comparison = Comparison::open(path)?;
    if comparison.check(&header)?.is_some() {
        return Err(Fault::Difference(other_header(shard, &header, path)));
    }
    let (received, length) = (comparison.length, shard.bytes() + header.len() as u64);
    match received == length {
        true => Ok(()),
        false => Err(Fault::Difference(format!("it has {received} bytes and not {length}"))),
    }
}

/// What differs of a file whose header is not the shard's.
fn other_header(shard: &Shard<'_>, header: &[u8], path: &Path) -> String {
    let found = match Spec::read(path) {
        Ok(spec) => spec.tensors,
        Err(error) => return error.to_string(),
    };
    let mut tensors = shard.tensors();
    let other = found.iter().find(|found| {
        tensors.next().is_none_or(|planned| {
            found.name != planned.name
                || found.dtype().ok() != Some(planned.dtype())
                || found.shape != planned.shape()
        })
    });
    match (other, tensors.next()) {
        (Some(other), _) => {
            format!("tensor {:?} is another one, or has another dtype or shape", &*other.name)
        }
        (None, Some(missing)) => format!("it has no tensor {:?}", &*missing.name),
        (None, None) => {
            let expected =
                spec::json::metadata(header.get(PREFIX..).unwrap_or_default()).unwrap_or_default();
            let found = spec::checkpoint(path).map(|(_, texts)| texts).unwrap_or_default();
            let mut keys: Vec<_> = expected
                .iter()
                .filter(|&(key, text)| found.get(key) != Some(text))
                .map(|(key, _)| key.as_str())
                .collect();
            keys.sort_unstable();
            // The seed tells more than the recipe that it is part of.
            let key = keys.iter().find(|key| key.ends_with("seed")).or(keys.first());
            key.map_or("its header is another one".to_owned(), |key| {
                format!("its metadata has another {key}")
            })
        }
    }
}

/// Whether the file, whose header is the shard's, has the shard's values. Returns what its digest file
/// says, if it is to have one.
fn values(
    shard: &Shard<'_>,
    path: &Path,
    output: &Output,
    options: Options,
    interrupted: &AtomicBool,
    progress: &mut dyn FnMut(u64),
) -> Result<String, Fault> {
    let header = shard.header().map_err(|error| Fault::Other(error.into()))?;
    let mut comparison = Comparison::open(path)?;
    let mut differs = comparison.check(&header)?;
    let tensors: Vec<_> = shard.tensors().collect();
    let (mut of_file, mut of_tensors) = (FileDigest::default(), TensorDigests::new(0, &tensors));
    of_file.update(&header)?;
    let written = write_pieces(shard.pieces(), options, interrupted, progress, &mut |bytes| {
        differs = comparison.check(bytes)?;
        if options.digests {
            of_file.update(bytes)?;
            of_tensors.update(bytes)?;
        }
        // Ends the draw.
        if differs.is_some() { Err(io::ErrorKind::InvalidData.into()) } else { Ok(()) }
    });
    if let Some(place) = differs {
        return Err(Fault::Difference(other_value(shard, place - header.len() as u64)));
    }
    written.map_err(|error| match error {
        WriteError::Write(error) => Fault::Read(error),
        error => Fault::Other(CheckpointError::Values(error)),
    })?;
    Ok(digests::text(output, of_file, Some(of_tensors)))
}

/// As of shards that are kept.
fn keep_digests_of_index(shards: &Shards<'_>, output: &Output) -> Result<(), CheckpointError> {
    let Some(name) = shards.index_name() else { return Ok(()) };
    let (output, mut digest) = (output.beside(&name), FileDigest::default());
    let written = shards.write_index(&mut |bytes| digest.update(bytes));
    let failed = |source| CheckpointError::Values(WriteError::Write(source));
    written.map_err(failed)?;
    digests::keep(&output, &digests::text(&output, digest, None))
}

/// The value that a byte of a shard's values belongs to.
fn other_value(shard: &Shard<'_>, place: u64) -> String {
    let mut start = 0;
    for planned in shard.tensors() {
        if place < start + planned.bytes() {
            let index = (place - start) / planned.dtype().size() as u64;
            return format!("tensor {:?} differs from value {index} on", &*planned.name);
        }
        start += planned.bytes();
    }
    "its values differ".to_owned()
}

/// Whether the file is the index of the shards.
fn index(shards: &Shards<'_>, path: &Path) -> Result<(), Fault> {
    let mut comparison = Comparison::open(path)?;
    let mut differs = None;
    let written = shards.write_index(&mut |bytes| {
        differs = comparison.check(bytes)?;
        if differs.is_some() { Err(io::ErrorKind::InvalidData.into()) } else { Ok(()) }
    });
    match differs {
        Some(place) => Err(Fault::Difference(other_index(shards, path, place))),
        None if comparison.place < comparison.length => {
            Err(Fault::Difference(format!("the index ends at byte {}", comparison.place)))
        }
        None => Ok(written?),
    }
}

/// What differs of an index that is another one from a byte on.
fn other_index(shards: &Shards<'_>, path: &Path, place: u64) -> String {
    let listed = weight_map(path);
    let files: BTreeSet<_> = listed.values().collect();
    match files.len() {
        0 => format!("the index differs from byte {place} on"),
        count if count == shards.len() => format!("the index differs from byte {place} on"),
        count => format!(
            "the index is of {count} shards, and this limit of their size makes {}",
            shards.len()
        ),
    }
}

/// A file that is compared with what it should hold, from its beginning on.
struct Comparison {
    file: File,
    buffer: Vec<u8>,
    place: u64,
    length: u64,
}

impl Comparison {
    fn open(path: &Path) -> io::Result<Self> {
        const BUFFER: usize = 1 << 18;
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Self { file, buffer: vec![0; BUFFER], place: 0, length })
    }

    /// Where the next bytes of the file begin to differ from these, if they do.
    fn check(&mut self, expected: &[u8]) -> io::Result<Option<u64>> {
        for expected in expected.chunks(self.buffer.len()) {
            let read = &mut self.buffer[..expected.len()];
            let mut filled = 0;
            while filled < read.len() {
                match self.file.read(&mut read[filled..]) {
                    Ok(0) => break,
                    Ok(more) => filled += more,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            if filled < expected.len() || read != expected {
                let same = read[..filled].iter().zip(expected).take_while(|(a, b)| a == b).count();
                return Ok(Some(self.place + same as u64));
            }
            self.place += expected.len() as u64;
        }
        Ok(None)
    }
}
