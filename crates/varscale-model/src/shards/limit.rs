//! The limit that shards were written with, from what is there of them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    path::Path,
};

use super::{Shards, ends};
use crate::{
    ByteSize, CheckpointError, Output, Plan, Spec, format::safetensors::numbers_in,
    shown::shown_path, spec::INDEX_EXTENSION, stated::weight_map,
};

/// Shards that do not tell how they were cut.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot tell the shards of {output}: {found}; give the limit of their size")]
pub struct LimitError {
    /// The output as the user named it.
    pub output: String,
    /// What is there.
    pub found: String,
}

impl<'p> Shards<'p> {
    /// The shards that are there, or some of them, where the limit is not known any more: the one file,
    /// those that the index lists, or shards whose number and last tensors a single way of cutting has.
    ///
    /// # Errors
    /// [`CheckpointError::Limit`], where nothing is there, or what is there does not tell.
    pub fn found(plan: &'p Plan, output: &Output) -> Result<Self, CheckpointError> {
        let path = output.path().unwrap_or(Path::new(""));
        let refused = |found: String| LimitError { output: shown_path(path), found };
        let name = path.file_name().unwrap_or_default();
        let Some(name) = name.to_str() else {
            return Err(refused("its name is no UTF-8".to_owned()).into());
        };
        let whole = Self::new(plan, name, ByteSize::MAX)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let entries =
            fs::read_dir(folder.unwrap_or(Path::new("."))).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let shards: Vec<_> = names
            .filter_map(|name| numbers_in(&name, whole.stem()).map(|numbers| (numbers, name)))
            .collect();
        let listed = weight_map(&path.with_file_name(format!("{}{INDEX_EXTENSION}", whole.stem())));
        let in_index = listed.values().filter_map(|name| numbers_in(name, whole.stem()));
        let counts: BTreeSet<_> = shards
            .iter()
            .map(|&((_, count), _)| count)
            .chain(in_index.map(|(_, count)| count))
            .collect();
        let mut counts = counts.into_iter();
        let count = match (counts.next(), counts.next()) {
            (None, _) if path.is_file() => return Ok(whole),
            (None, _) => return Err(refused("nothing is there".to_owned()).into()),
            (Some(count), None) => count,
            (Some(one), Some(other)) => {
                let found = format!("some are of {one} and some of {other}");
                return Err(refused(found).into());
            }
        };
        let mut cut = Cut::new(&whole);
        let last = cut.sizes.len();
        cut.ends_at(count, last);
        cut.ends_before(count - 1, last);
        let places: HashMap<_, _> = (1..)
            .zip(whole.iter().flat_map(|shard| shard.tensors()))
            .map(|(end, planned)| (&*planned.name, end))
            .collect();
        let mut ends: BTreeMap<usize, usize> = BTreeMap::new();
        for (tensor, name) in &listed {
            if let (Some((number, _)), Some(&end)) =
                (numbers_in(name, whole.stem()), places.get(&**tensor))
            {
                let last = ends.entry(number).or_default();
                *last = end.max(*last);
            }
        }
        for (number, end) in ends {
            if cut.least <= cut.most {
                cut.ends_at(number, end);
                cut.ends_before(number, end + 1);
            }
        }
        for ((number, _), name) in shards {
            if cut.least > cut.most || cut.is_known() {
                break;
            }
            let last =
                Spec::read(&path.with_file_name(name)).ok().and_then(|mut spec| spec.tensors.pop());
            if let Some(&end) = last.and_then(|last| places.get(&*last.name)) {
                cut.ends_at(number, end);
                cut.ends_before(number, end + 1);
            }
        }
        if cut.least > cut.most {
            return Err(refused("what is there is of another plan".to_owned()).into());
        }
        match ByteSize::new(cut.least) {
            Some(limit) if cut.is_known() => {
                let found = Self::new(plan, name, limit)?;
                if !listed.is_empty() && !found.are_listed(&listed) {
                    return Err(refused("the index is of another plan".to_owned()).into());
                }
                Ok(found)
            }
            _ => Err(refused("what is there fits several limits".to_owned()).into()),
        }
    }
}

impl Shards<'_> {
    /// Whether an index says where each tensor is, and nothing else.
    fn are_listed(&self, listed: &BTreeMap<String, String>) -> bool {
        let mut count = 0;
        let is_listed = self.iter().all(|shard| {
            let name = shard.name();
            count += shard.tensors().len();
            shard.tensors().all(|planned| listed.get(&*planned.name) == Some(&name))
        });
        is_listed && listed.len() == count
    }
}

/// The limits that may be meant, none where the least is above the most. The larger a limit, the later
/// each shard ends.
struct Cut {
    sizes: Vec<u64>,
    least: u64,
    most: u64,
}

impl Cut {
    fn new(whole: &Shards<'_>) -> Self {
        let sizes = whole.iter().flat_map(|shard| shard.tensors());
        Self { sizes: sizes.map(|planned| planned.bytes()).collect(), least: 1, most: u64::MAX }
    }

    fn ends(&self, limit: u64) -> Vec<(usize, u64)> {
        ends(&self.sizes, ByteSize::new(limit).unwrap_or(ByteSize::MAX))
    }

    fn is_known(&self) -> bool {
        self.ends(self.least) == self.ends(self.most)
    }

    /// The least limit by which shard `number` ends at tensor `end` or later; one more than the most where
    /// there is none.
    fn first(&self, number: usize, end: usize) -> u128 {
        let is_late = |limit: u128| {
            let ends = self.ends(u64::try_from(limit).unwrap_or(u64::MAX));
            let place = number.checked_sub(1);
            place.is_some_and(|place| ends.get(place).is_none_or(|&(at, _)| at >= end))
        };
        let (mut least, mut most) = (u128::from(self.least), u128::from(self.most) + 1);
        while least < most {
            let middle = least.midpoint(most);
            (least, most) = if is_late(middle) { (least, middle) } else { (middle + 1, most) };
        }
        least
    }

    fn ends_at(&mut self, number: usize, end: usize) {
        self.least = u64::try_from(self.first(number, end)).unwrap_or(u64::MAX);
    }

    fn ends_before(&mut self, number: usize, end: usize) {
        let first = self.first(number, end);
        self.most = u64::try_from(first - 1).unwrap_or(0);
    }
}
