//! Several files at once: their bytes are drawn by the same threads, and each has others that write.

use std::{
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
};

use varscale::Pool;

use crate::{
    CheckpointError, Options, Output, Piece, PlannedTensor, Shard, WriteError,
    digests::{self, FileDigest, TensorDigests},
    stream::{Stage, Stream},
};

impl Stream<'_> {
    /// Writes a file, and its digests where there are tensors to name in them. Returns what killed runs
    /// had left of both, which is removed.
    pub(crate) fn write(
        &self,
        output: &Output,
        header: &[u8],
        pieces: impl IntoIterator<Item = Piece>,
        bytes: u64,
        digests: Option<&[&PlannedTensor]>,
        drawn: &mut dyn FnMut(u64),
    ) -> Result<Vec<PathBuf>, CheckpointError> {
        let mut sink = output.open(Some(bytes.saturating_add(header.len() as u64)))?;
        let mut of_file = FileDigest::default();
        let mut of_tensors =
            digests.map(|tensors| TensorDigests::new(header.len() as u64, tensors));
        let mut stages: Vec<Stage<'_>> = Vec::new();
        if let Some(of_tensors) = &mut of_tensors {
            stages.push(Box::new(|bytes| of_file.update(bytes)));
            stages.push(Box::new(|bytes| of_tensors.update(bytes)));
        }
        stages.push(Box::new(|bytes| sink.write(bytes)));
        self.run(header, pieces, drawn, stages).map_err(|error| match error {
            WriteError::Write(source) => sink.failed(source).into(),
            error => CheckpointError::Values(error),
        })?;
        let leftovers = sink.leftovers().to_vec();
        sink.finish()?;
        if of_tensors.is_some() {
            digests::keep(output, &digests::text(output, of_file, of_tensors))?;
        }
        Ok(leftovers)
    }

    fn write_shard(
        &self,
        (shard, output): &(Shard<'_>, Output),
        digests: bool,
        drawn: &mut dyn FnMut(u64),
    ) -> Result<Vec<PathBuf>, CheckpointError> {
        let header = shard.header()?;
        let tensors: Option<Vec<_>> = digests.then(|| shard.tensors().collect());
        self.write(output, &header, shard.pieces(), shard.bytes(), tensors.as_deref(), drawn)
    }
}

/// What a thread that writes files tells.
enum Told {
    Drawn(u64),
    Finished(usize, Vec<PathBuf>),
    Failed(CheckpointError),
}

/// Writes shards, some at once; after the first error, those that are not finished are removed.
/// `progress` is told the number of bytes drawn so far, `finished` each that has its name. Returns what
/// killed runs had left of them.
pub(crate) fn write_shards(
    shards: &[(Shard<'_>, Output)],
    pool: &Pool,
    options: Options,
    interrupted: &AtomicBool,
    progress: &mut dyn FnMut(u64),
    finished: &mut dyn FnMut(&Shard<'_>),
) -> Result<Vec<PathBuf>, CheckpointError> {
    let failed = AtomicBool::new(false);
    let stopped = || interrupted.load(Ordering::Relaxed) || failed.load(Ordering::Relaxed);
    let stream = Stream { pool, buffer: options.buffer, apart: false, stopped: &stopped };
    let (mut done, mut leftovers) = (0, Vec::new());
    let mut drawn = |bytes| {
        done += bytes;
        progress(done);
    };
    let lanes = options.files.clamp(1, shards.len().max(1));
    if lanes == 1 {
        for shard in shards {
            leftovers.extend(stream.write_shard(shard, options.digests, &mut drawn)?);
            finished(&shard.0);
        }
        return Ok(leftovers);
    }
    let next = Mutex::new(shards.iter().enumerate());
    let next = || next.lock().unwrap_or_else(PoisonError::into_inner).next();
    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        let mut first = None;
        for _ in 0..lanes {
            let (tell, stream, next, failed) = (tell.clone(), &stream, &next, &failed);
            let work = move || {
                while let Some((place, shard)) = next() {
                    let mut drawn = |bytes| drop(tell.send(Told::Drawn(bytes)));
                    let told = match stream.write_shard(shard, options.digests, &mut drawn) {
                        Ok(leftovers) => Told::Finished(place, leftovers),
                        Err(error) => {
                            failed.store(true, Ordering::Relaxed);
                            Told::Failed(error)
                        }
                    };
                    let ends = matches!(told, Told::Failed(_));
                    if tell.send(told).is_err() || ends {
                        break;
                    }
                }
            };
            if let Err(error) = thread::Builder::new().spawn_scoped(scope, work) {
                failed.store(true, Ordering::Relaxed);
                let reason = error.to_string();
                let error = varscale::Error::Threads { threads: 1, reason };
                first = Some(CheckpointError::Values(WriteError::Threads(error)));
                break;
            }
        }
        drop(tell);
        for told in told {
            match told {
                Told::Drawn(bytes) => drawn(bytes),
                Told::Finished(place, removed) => {
                    leftovers.extend(removed);
                    finished(&shards[place].0);
                }
                // What follows was stopped by it.
                Told::Failed(error) => first = first.or(Some(error)),
            }
        }
        first.map_or(Ok(leftovers), Err)
    })
}
