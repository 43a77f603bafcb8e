//! Which stored tensor is compared with which of the plan.

use std::collections::{HashMap, HashSet, hash_map::Entry};

use serde::Serialize;
use sha2::{Digest, Sha256};
use varscale::Slice;

use crate::{
    Checkpoint, CheckpointError, Error, Options, Piece, Plan, PlannedTensor, StoredDtype,
    StoredTensor, checkpoint::OpenFiles, write_pieces,
};

/// A tensor that has another name than the plan's, and its values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Renamed {
    /// The plan's name.
    pub planned: String,
    /// The checkpoint's.
    pub stored: String,
}

/// A tensor that cannot be compared with the plan's of its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Mismatch {
    /// Its name.
    pub tensor: String,
    /// The plan's shape.
    pub planned_shape: Vec<usize>,
    /// The checkpoint's.
    pub stored_shape: Vec<usize>,
    /// The plan's dtype.
    pub planned_dtype: String,
    /// The checkpoint's.
    pub stored_dtype: String,
}

/// A stored tensor, and what it should be.
pub(super) struct Pair<'a> {
    /// Place in the plan; ties come after all others.
    pub(super) place: usize,
    pub(super) planned: &'a PlannedTensor,
    pub(super) stored: &'a StoredTensor,
    /// The stored tensor's.
    pub(super) dtype: StoredDtype,
}

#[derive(Default)]
pub(super) struct Pairing<'a> {
    /// In the order of files and of places in them.
    pub(super) pairs: Vec<Pair<'a>>,
    pub(super) missing: Vec<String>,
    pub(super) added: Vec<String>,
    pub(super) renamed: Vec<Renamed>,
    pub(super) mismatched: Vec<Mismatch>,
    pub(super) not_verified: Vec<String>,
}

/// Bytes at the beginning of tensors that tell whether one may be another under a second name.
const HEAD: u64 = 4096;

pub(super) fn of<'a>(
    checkpoint: &'a Checkpoint,
    plan: &'a Plan,
    files: &mut OpenFiles<'_>,
) -> Result<Pairing<'a>, Error> {
    let mut stored: HashMap<&str, &StoredTensor> =
        checkpoint.tensors.iter().map(|tensor| (&*tensor.name, tensor)).collect();
    let mut pairing = Pairing::default();
    let mut missing = Vec::new();
    let mut named = HashMap::new();
    for (place, planned) in plan.tensors.iter().enumerate() {
        named.insert(&*planned.name, planned);
        match stored.remove(&*planned.name) {
            Some(tensor) => pairing.push(place, planned, tensor),
            None => missing.push((place, planned)),
        }
    }
    for (place, tie) in plan.ties.iter().enumerate() {
        let planned = named.get(&*tie.to);
        if let (Some(planned), Some(tensor)) = (planned, stored.remove(&*tie.tensor.name)) {
            pairing.push(plan.tensors.len() + place, planned, tensor);
        }
    }
    let skipped: HashSet<&str> = plan.skipped.iter().map(|tensor| &*tensor.name).collect();
    let mut left: Vec<_> =
        checkpoint.tensors.iter().filter(|tensor| stored.contains_key(&*tensor.name)).collect();
    left.retain(|tensor| match skipped.contains(&*tensor.name) {
        true => {
            pairing.not_verified.push(tensor.name.to_string());
            false
        }
        false => true,
    });
    let mut unnamed = Unnamed::default();
    for &tensor in &left {
        if let Ok(dtype) = tensor.dtype() {
            unnamed.by_kind.entry((dtype, &tensor.shape)).or_default().push(tensor);
        }
    }
    for (place, planned) in missing {
        let Some(tensor) = unnamed.take(planned, files)? else {
            pairing.missing.push(planned.name.to_string());
            continue;
        };
        let (planned_name, stored) = (planned.name.to_string(), tensor.name.to_string());
        pairing.renamed.push(Renamed { planned: planned_name, stored });
        pairing.push(place, planned, tensor);
    }
    let renamed: HashSet<&str> = pairing.renamed.iter().map(|one| &*one.stored).collect();
    let added = left.iter().filter(|tensor| !renamed.contains(&*tensor.name));
    pairing.added = added.map(|tensor| tensor.name.to_string()).collect();
    pairing.pairs.sort_by_key(|pair| (pair.stored.file, pair.stored.offset));
    Ok(pairing)
}

impl<'a> Pairing<'a> {
    fn push(&mut self, place: usize, planned: &'a PlannedTensor, stored: &'a StoredTensor) {
        let dtype = stored.dtype().ok().filter(|&dtype| match (planned.dtype(), dtype) {
            (StoredDtype::Drawn(_), StoredDtype::Drawn(_)) => true,
            (planned, dtype) => planned == dtype,
        });
        match dtype.filter(|_| planned.shape() == stored.shape) {
            Some(dtype) => self.pairs.push(Pair { place, planned, stored, dtype }),
            None => self.mismatched.push(Mismatch {
                tensor: stored.name.to_string(),
                planned_shape: planned.shape().to_vec(),
                stored_shape: stored.shape.clone(),
                planned_dtype: planned.dtype().to_string(),
                stored_dtype: stored
                    .dtype()
                    .map_or_else(|_| stored.dtype.to_string(), |dtype| dtype.to_string()),
            }),
        }
    }
}

type ByHead<'a> = HashMap<[u8; 32], Vec<&'a StoredTensor>>;

/// Stored tensors that the plan has under no name.
#[derive(Default)]
struct Unnamed<'a> {
    by_kind: HashMap<(StoredDtype, &'a [usize]), Vec<&'a StoredTensor>>,
    /// By dtype and shape, and then by the digest of their first bytes: each is read once.
    by_head: HashMap<(StoredDtype, &'a [usize]), ByHead<'a>>,
}

impl<'a> Unnamed<'a> {
    /// Takes the one that begins as a planned tensor does; of several, such as zeros, the one whose
    /// name is most alike.
    fn take(
        &mut self,
        planned: &'a PlannedTensor,
        files: &mut OpenFiles<'_>,
    ) -> Result<Option<&'a StoredTensor>, Error> {
        let (dtype, shape) = (planned.dtype(), planned.shape());
        let Some(of_kind) = self.by_kind.get(&(dtype, shape)) else { return Ok(None) };
        let head = head_of(planned)?;
        let by_head = match self.by_head.entry((dtype, shape)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let mut by_head: HashMap<_, Vec<_>> = HashMap::new();
                let mut bytes = vec![0; head.len()];
                for &tensor in of_kind {
                    files.read_at(tensor, 0, &mut bytes)?;
                    by_head.entry(Sha256::digest(&bytes).into()).or_default().push(tensor);
                }
                new.insert(by_head)
            }
        };
        let Some(equal) = by_head.get_mut(&<[u8; 32]>::from(Sha256::digest(&head))) else {
            return Ok(None);
        };
        // Comparing all names with all takes minutes where they are 10^5.
        let looked_at = equal.len().min(LOOKED_AT);
        let most = (0..looked_at).rev().max_by_key(|&at| alike(&planned.name, &equal[at].name));
        Ok(most.map(|at| equal.remove(at)))
    }
}

/// Tensors that begin alike whose names are compared with one of the plan's.
const LOOKED_AT: usize = 256;

/// How many parts two names have in common, in one order, and how many bytes at their ends.
fn alike(a: &str, b: &str) -> (usize, usize) {
    let parts = |name| str::split(name, |letter: char| !letter.is_alphanumeric());
    // The longest common subsequence.
    let mut longest = vec![0; parts(b).count() + 1];
    for of_a in parts(a) {
        let mut before = 0;
        for (place, of_b) in parts(b).enumerate() {
            let above = longest[place + 1];
            longest[place + 1] = if of_a == of_b { before + 1 } else { above.max(longest[place]) };
            before = above;
        }
    }
    let equal = |(a, b): &(u8, u8)| a == b;
    let ends = a.bytes().rev().zip(b.bytes().rev()).take_while(equal).count()
        + a.bytes().zip(b.bytes()).take_while(equal).count();
    (longest[longest.len() - 1], ends)
}

/// The first bytes of a tensor's values.
fn head_of(planned: &PlannedTensor) -> Result<Vec<u8>, Error> {
    let shape = planned.shape();
    // A box at the beginning whose values stand next to each other.
    let mut extent = shape.to_vec();
    let mut room = HEAD / planned.dtype().size() as u64;
    for size in extent.iter_mut().rev() {
        *size = (*size as u64).min(room.max(1)) as usize;
        room = if (*size as u64) < room { room / (*size as u64).max(1) } else { 1 };
    }
    for axis in 1..extent.len() {
        // Nothing behind a part of an axis, and in front of it one place alone.
        if extent[axis] < shape[axis] {
            extent[..axis].fill(1);
        }
    }
    if planned.draw.elements() == 0 {
        extent = shape.to_vec();
    }
    let slice = Slice::new(vec![0; shape.len()], extent);
    let piece = Piece {
        name: planned.name.to_string(),
        draw: planned.draw.clone(),
        slice,
        dtype: planned.dtype(),
    };
    let (mut head, options) =
        (Vec::new(), Options { threads: 1, buffer: HEAD as usize, ..Options::default() });
    let never = std::sync::atomic::AtomicBool::new(false);
    write_pieces([piece], options, &never, &mut |_| (), &mut |bytes| {
        head.extend_from_slice(bytes);
        Ok(())
    })
    .map_err(CheckpointError::Values)?;
    Ok(head)
}
