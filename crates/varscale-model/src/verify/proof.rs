//! Proofs by digests: no value is drawn.

use std::{
    collections::{HashMap, HashSet},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Instant,
};

use rayon::prelude::*;
use serde::Serialize;
use sha2::{Digest, Sha256};
use varscale::Pool;

use super::{
    Mismatch,
    digests::{Digests, DigestsError, TensorDigest},
    form,
};
use crate::{Checkpoint, CheckpointError, Error, OpenFile, StoredTensor, WriteError, hex, input};

/// What digests say of a checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Proof {
    /// Tensors whose values are those of the digests.
    pub tensors: usize,
    /// Bytes of their values.
    pub bytes: u64,
    /// Files that are the digests' to the last byte.
    pub files: Vec<String>,
    /// The other files, whose tensors were compared one by one.
    pub by_tensors: Vec<String>,
    /// Files that are not their digests', and have the same tensors with the right values, or an index
    /// of such: another program saved them again. They are no difference.
    pub other_headers: Vec<String>,
    /// Files that are not their digests', where no digests of tensors tell more, or an index of which
    /// these tell that it is another one.
    pub differing_files: Vec<String>,
    /// Files, of which one may be the index, whose metadata was changed after they were written.
    pub changed_metadata: Vec<String>,
    /// Tensors with other values.
    pub differing: Vec<String>,
    /// Tensors of another shape or dtype.
    pub mismatched: Vec<Mismatch>,
    /// Tensors of the digests that the checkpoint lacks.
    pub missing: Vec<String>,
    /// Tensors of the checkpoint that the digests lack.
    pub added: Vec<String>,
    /// Time taken.
    pub seconds: f64,
}

impl Proof {
    /// Whether every tensor is there with the values of the digests, and no other is.
    #[must_use]
    pub fn is_identical(&self) -> bool {
        self.differing_files.is_empty()
            && self.changed_metadata.is_empty()
            && self.differing.is_empty()
            && self.mismatched.is_empty()
            && self.missing.is_empty()
            && self.added.is_empty()
    }
}

/// Bytes that are read at a time, by each thread.
const BUFFER: usize = 1 << 20;

/// Compares a checkpoint with digests: each file with those of its name, and where that is not the
/// same file, each tensor, so that a copy in other shards proves, too. `progress` is told the bytes read
/// so far.
///
/// # Errors
/// [`Error::Read`], [`Error::Digests`] where two digest files are of one tensor, or all that there are
/// is the index's, or [`Error::Checkpoint`] when `interrupted` is raised.
pub fn verify_digests(
    checkpoint: &Checkpoint,
    digests: &[Digests],
    threads: usize,
    interrupted: &AtomicBool,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Proof, Error> {
    let start = Instant::now();
    let pool = Pool::new(threads).map_err(|error| values(WriteError::Threads(error)))?;
    let read = AtomicU64::new(0);
    let hash = |file: &OpenFile, offset: u64, length: u64| {
        let (mut sum, mut buffer) = (Sha256::new(), vec![0; BUFFER.min(length as usize)]);
        let mut done = 0;
        while done < length {
            if interrupted.load(Ordering::Relaxed) {
                return Err(values(WriteError::Interrupted));
            }
            let bytes = &mut buffer[..(length - done).min(BUFFER as u64) as usize];
            file.read_at(offset + done, bytes)?;
            sum.update(&*bytes);
            done += bytes.len() as u64;
            progress(read.fetch_add(bytes.len() as u64, Ordering::Relaxed) + bytes.len() as u64);
        }
        Ok(hex(&sum.finalize()))
    };

    let mut proof =
        Proof { changed_metadata: form::changed_metadata(checkpoint), ..Proof::default() };
    let name = |file: usize| checkpoint.files[file].name();
    // An index has a digest of its own, and no tensors.
    let index = checkpoint.index.as_ref().map(|index| (&index.path, index.name()));
    let is_of_index = |one: &&Digests| index.as_ref().is_some_and(|(_, name)| one.file == *name);
    let (of_index, digests): (Vec<&Digests>, Vec<&Digests>) = digests.iter().partition(is_of_index);
    let mut other_index = None;
    if let (Some(one), Some((path, name))) = (of_index.last(), &index) {
        if digests.is_empty() {
            let (path, source) = (one.path.clone(), DigestsError::OfIndex);
            return Err(Error::Digests { path, source });
        }
        match hex(&Sha256::digest(input::read(path)?)) == one.sha256 {
            true => proof.files.push(name.clone()),
            false => other_index = Some(name.clone()),
        }
    }
    let by_file: HashMap<&str, &Digests> = digests.iter().map(|&one| (&*one.file, one)).collect();
    let named: Vec<_> = (0..checkpoint.files.len())
        .filter_map(|file| Some((file, *by_file.get(&*name(file))?)))
        .collect();
    let proved = pool.install(|| {
        let of_file = |&(file, digests): &(usize, &Digests)| {
            let reader = checkpoint.files[file].open()?;
            let sum = hash(&reader, 0, checkpoint.files[file].length)?;
            Ok((file, sum == digests.sha256))
        };
        named.par_iter().map(of_file).collect::<Result<HashMap<_, _>, Error>>()
    })?;
    let is_proved = |file: usize| proved.get(&file) == Some(&true);

    let mut expected: HashMap<&str, &TensorDigest> = HashMap::new();
    for &one in &digests {
        for tensor in &one.tensors {
            if expected.insert(&tensor.name, tensor).is_some_and(|other| other != tensor) {
                let source = DigestsError::Duplicate { tensor: tensor.name.clone() };
                return Err(Error::Digests { path: one.path.clone(), source });
            }
        }
    }
    // What has no digests of tensors is proved as a whole, or is not.
    let is_other =
        |file: usize| proved.get(&file) == Some(&false) && by_file[&*name(file)].tensors.is_empty();
    let is_known = |name: &str| expected.contains_key(name);
    let other: HashSet<usize> = (0..checkpoint.files.len())
        .filter(|&file| {
            let mut own = checkpoint.tensors.iter().filter(|tensor| tensor.file == file);
            is_other(file) && !own.any(|tensor| is_known(&tensor.name))
        })
        .collect();
    for file in 0..checkpoint.files.len() {
        let found = match (is_proved(file), other.contains(&file)) {
            (true, _) => &mut proof.files,
            (false, true) => &mut proof.differing_files,
            (false, false) => &mut proof.by_tensors,
        };
        found.push(name(file));
    }
    let mut to_hash: Vec<(&StoredTensor, &TensorDigest)> = Vec::new();
    for tensor in &checkpoint.tensors {
        let digest = expected.remove(&*tensor.name);
        if is_proved(tensor.file) {
            proof.tensors += 1;
            proof.bytes += tensor.bytes;
            continue;
        }
        match digest {
            None if other.contains(&tensor.file) => {}
            None => proof.added.push(tensor.name.to_string()),
            Some(digest) if *digest.dtype == *tensor.dtype && digest.shape == tensor.shape => {
                to_hash.push((tensor, digest));
            }
            Some(digest) => proof.mismatched.push(Mismatch {
                tensor: tensor.name.to_string(),
                planned_shape: digest.shape.clone(),
                stored_shape: tensor.shape.clone(),
                planned_dtype: digest.dtype.clone(),
                stored_dtype: tensor.dtype.to_string(),
            }),
        }
    }
    let lacks = |tensor: &&TensorDigest| expected.contains_key(&*tensor.name);
    let listed = digests.iter().flat_map(|one| &one.tensors);
    proof.missing = listed.filter(lacks).map(|tensor| tensor.name.clone()).collect();

    to_hash.sort_by_key(|(tensor, _)| (tensor.file, tensor.offset));
    let same = pool.install(|| {
        let of_tensor = |&(tensor, digest): &(&StoredTensor, &TensorDigest)| {
            let reader = checkpoint.files[tensor.file].open()?;
            Ok(hash(&reader, tensor.offset, tensor.bytes)? == digest.sha256)
        };
        to_hash.par_iter().map(of_tensor).collect::<Result<Vec<_>, Error>>()
    })?;
    for ((tensor, _), same) in to_hash.into_iter().zip(same) {
        match same {
            true => {
                proof.tensors += 1;
                proof.bytes += tensor.bytes;
            }
            false => proof.differing.push(tensor.name.to_string()),
        }
    }
    for (file, digests) in named {
        let own: HashSet<&str> = digests.tensors.iter().map(|tensor| &*tensor.name).collect();
        let stored = checkpoint.tensors.iter().filter(|tensor| tensor.file == file);
        let stored: HashSet<&str> = stored.map(|tensor| &*tensor.name).collect();
        // Of other tensors, it is another shard that has this one's name.
        if !is_proved(file)
            && !other.contains(&file)
            && own == stored
            && proof.differing.iter().all(|one| !own.contains(&**one))
        {
            proof.other_headers.push(digests.file.clone());
        }
    }
    if let Some(name) = other_index {
        // Of other tensors, it is another checkpoint's.
        match proof.is_identical() {
            true => proof.other_headers.push(name),
            false => proof.differing_files.push(name),
        }
    }
    proof.seconds = start.elapsed().as_secs_f64();
    Ok(proof)
}

fn values(error: WriteError) -> Error {
    CheckpointError::Values(error).into()
}
