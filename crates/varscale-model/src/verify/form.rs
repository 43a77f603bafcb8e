//! How a checkpoint's values are spread over files.

use std::{cmp::Reverse, collections::HashSet, path::Path};

use serde::Serialize;
use serde_json::Value;

use crate::{
    Checkpoint, CheckpointFile, Plan,
    format::safetensors::{SHARD, TOTAL_SIZE, is_sealed},
    recipe::RECIPE,
    shown::shown_path,
};

/// How a checkpoint's values are spread over files: it changes none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Form {
    /// As `init` writes them.
    AsWritten,
    /// In the shards that `init` writes, which have other names.
    OtherNames,
    /// In other shards.
    OtherShards,
    /// In one file, in another order.
    OtherOrder,
}

pub(super) fn of(checkpoint: &Checkpoint, plan: &Plan) -> Form {
    let count = checkpoint.files.len();
    if count == 1 {
        let planned = &plan.tensors;
        let mut places: Vec<usize> = (0..planned.len()).collect();
        places.sort_by_key(|&place| Reverse(planned[place].dtype().size()));
        let mut stored: Vec<_> = checkpoint.tensors.iter().collect();
        stored.sort_by_key(|tensor| (tensor.offset, tensor.bytes));
        let known: HashSet<_> = planned.iter().map(|tensor| &tensor.name).collect();
        let there: HashSet<_> = stored.iter().map(|tensor| &tensor.name).collect();
        let planned = places.iter().map(|&at| &planned[at].name);
        // Of those that both have: others are told as such.
        let planned = planned.filter(|name| there.contains(name));
        let stored = stored.iter().map(|tensor| &tensor.name).filter(|name| known.contains(name));
        let same = planned.eq(stored);
        return if same { Form::AsWritten } else { Form::OtherOrder };
    }
    let (mut numbers, mut named) = (Vec::new(), true);
    for file in &checkpoint.files {
        let Some(number) = number(file.metadata.get(SHARD), count) else {
            return Form::OtherShards;
        };
        named &= is_named(&file.path, number, count);
        numbers.push(number);
    }
    numbers.sort_unstable();
    match (numbers.into_iter().eq(1..=count), named) {
        (false, _) => Form::OtherShards,
        (true, false) => Form::OtherNames,
        (true, true) => Form::AsWritten,
    }
}

/// The files whose metadata was this library's and is not as it was written, so that it may give other
/// values; of an index, the sum of all bytes, too. Where there is none, or more beside it, it says
/// nothing wrong.
pub(super) fn changed_metadata(checkpoint: &Checkpoint) -> Vec<String> {
    fn text<'a>((key, text): (&'a String, &'a String)) -> (&'a str, &'a str) {
        (key, text)
    }

    let names: HashSet<&str> = checkpoint.tensors.iter().map(|tensor| &*tensor.name).collect();
    let is_tensor = |name: &str| names.contains(name);
    let mut changed = Vec::new();
    if let Some(index) = &checkpoint.index {
        let metadata = index.metadata.as_object().into_iter().flatten();
        let texts = metadata.filter_map(|(key, text)| Some((&key[..], text.as_str()?)));
        let total = index.metadata.get(TOTAL_SIZE).and_then(Value::as_u64);
        let bytes = checkpoint.tensors.iter().map(|tensor| tensor.bytes).sum();
        let is_own = index.metadata.get(RECIPE).is_some();
        if !is_sealed(texts, is_tensor) || is_own && total != Some(bytes) {
            changed.push(shown_path(&index.path));
        }
    }
    let is_changed = |file: &&CheckpointFile| !is_sealed(file.metadata.iter().map(text), is_tensor);
    let files = checkpoint.files.iter().filter(is_changed);
    changed.extend(files.map(|file| shown_path(&file.path)));
    changed
}

/// The number of a shard of so many.
fn number(shard: Option<&String>, count: usize) -> Option<usize> {
    let (number, of) = shard?.split_once('/')?;
    number.parse().ok().filter(|_| of.parse() == Ok(count))
}

fn is_named(path: &Path, number: usize, count: usize) -> bool {
    let end = format!("-{number:05}-of-{count:05}.safetensors");
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(&end))
}
