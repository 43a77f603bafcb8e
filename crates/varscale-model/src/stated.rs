//! The seed that files of a checkpoint state, for a plan that has none.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{Checkpoint, Output, Shards, recipe::SEED, spec};

impl Shards<'_> {
    /// The seed of the first file that is there and states one, and that file: of a run that drew it
    /// and did not end. What else the file holds is not looked at.
    #[must_use]
    pub fn stated_seed(&self, output: &Output) -> Option<(i128, PathBuf)> {
        let shards = self.iter().filter_map(|shard| {
            let path = shard.output(output).path()?.to_owned();
            let (_, metadata) = path.is_file().then(|| spec::checkpoint(&path).ok()).flatten()?;
            Some((metadata.get(SEED)?.parse().ok()?, path))
        });
        let index = || {
            let path = output.beside(&self.index_name()?).path()?.to_owned();
            Some((in_index(&path)?, path))
        };
        { shards }.next().or_else(index)
    }
}

fn in_index(path: &Path) -> Option<i128> {
    let index = path.is_file().then(|| fs::read(path).ok()).flatten()?;
    let index: Value = serde_json::from_slice(&index).ok()?;
    index.get("metadata")?.get(SEED)?.as_str()?.parse().ok()
}

impl Checkpoint {
    /// The seed that its metadata states, be it that of an index or of its first file.
    #[must_use]
    pub fn stated_seed(&self) -> Option<i128> {
        let of_index = self.index.as_ref().and_then(|index| index.metadata.get(SEED)?.as_str());
        let of_file = || self.files.first()?.metadata.get(SEED).map(String::as_str);
        of_index.or_else(of_file)?.parse().ok()
    }
}
