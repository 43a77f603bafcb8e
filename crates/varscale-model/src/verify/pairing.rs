//! Which stored tensor is compared with which of the plan.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use varscale::Slice;

use super::Files;
use crate::{
    Checkpoint, CheckpointError, Error, Options, Piece, Plan, PlannedTensor, StoredDtype,
    StoredTensor, write_pieces,
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
    files: &mut Files<'_>,
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
    for (place, planned) in missing {
        let may_be = |tensor: &&StoredTensor| {
            tensor.shape == planned.shape() && tensor.dtype() == Ok(planned.dtype())
        };
        let mut head = None;
        let mut found = None;
        for (at, tensor) in left.iter().enumerate().filter(|(_, tensor)| may_be(tensor)) {
            let head = match &mut head {
                Some(head) => head,
                none => none.insert(head_of(planned)?),
            };
            let mut bytes = vec![0; head.len()];
            files.read_at(tensor.file, tensor.offset, &mut bytes)?;
            if bytes == *head {
                found = Some(at);
                break;
            }
        }
        let Some(at) = found else {
            pairing.missing.push(planned.name.to_string());
            continue;
        };
        let tensor = left.remove(at);
        let (planned_name, stored) = (planned.name.to_string(), tensor.name.to_string());
        pairing.renamed.push(Renamed { planned: planned_name, stored });
        pairing.push(place, planned, tensor);
    }
    pairing.added = left.iter().map(|tensor| tensor.name.to_string()).collect();
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
