//! What files of a checkpoint state of the whole that they are of: its seed, and its recipe's digest.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    Checkpoint, CheckpointFile, Files, Output, Shards,
    recipe::{GLOBAL_SEED, RECIPE, SEED, WHOLE, digest_of},
    shown::{shown, shown_path},
    spec,
};

/// A file of the same name's checkpoint that is of another seed or recipe than the others.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} {found}, and this run is of {planned}: together they are no checkpoint; it goes on only by force",
    shown_path(path)
)]
pub struct OtherCheckpoint {
    /// The file.
    pub path: PathBuf,
    /// What it states.
    pub found: String,
    /// What the others are of.
    pub planned: String,
}

/// What a file's metadata says of the whole that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stated {
    seed: Option<String>,
    whole: Option<String>,
}

impl Stated {
    fn of_shard<'m>(text: impl Fn(&str) -> Option<&'m String>) -> Self {
        let seed = text(SEED).or_else(|| text(GLOBAL_SEED)).cloned();
        Self { seed, whole: text(WHOLE).cloned() }
    }

    fn of_index(metadata: &Value) -> Self {
        let text = |key| metadata.get(key).and_then(Value::as_str);
        let seed = text(SEED).or_else(|| text(GLOBAL_SEED)).map(str::to_owned);
        Self { seed, whole: text(RECIPE).map(digest_of) }
    }

    /// What this one states and what the other does, where they are of two wholes.
    fn differs(&self, other: &Self) -> Option<(String, String)> {
        let both = |own: &Option<String>, other: &Option<String>| match (own, other) {
            (Some(own), Some(other)) if own != other => Some((own.clone(), other.clone())),
            _ => None,
        };
        if let Some((own, other)) = both(&self.seed, &other.seed) {
            return Some((format!("seed {}", shown(&own)), format!("seed {}", shown(&other))));
        }
        let digest = |whole: String| {
            format!("a recipe of digest {}", shown(&whole.chars().take(8).collect::<String>()))
        };
        let (own, other) = both(&self.whole, &other.whole)?;
        Some((digest(own), digest(other)))
    }
}

impl Shards<'_> {
    /// Refuses what is there of the checkpoint beside these files and states another seed or recipe.
    pub(crate) fn check_beside(
        &self,
        files: &Files,
        output: &Output,
    ) -> Result<(), OtherCheckpoint> {
        let plan = self.plan();
        let own = Stated {
            seed: Some(plan.seed.value().to_string()),
            whole: Some(digest_of(&plan.recipe)),
        };
        let check = |path: PathBuf, stated: Stated| match stated.differs(&own) {
            Some((found, planned)) => {
                Err(OtherCheckpoint { path, found: format!("states {found}"), planned })
            }
            None => Ok(()),
        };
        if let Some(path) =
            self.index_name().and_then(|name| Some(output.beside(&name).path()?.to_owned()))
            && !files.index
            && let Some(metadata) = metadata_of_index(&path)
        {
            check(path, Stated::of_index(&metadata))?;
        }
        for (place, shard) in self.iter().enumerate() {
            if files.shards.contains(&place) {
                continue;
            }
            let output = shard.output(output);
            let Some(path) = output.path().filter(|path| path.is_file()) else { continue };
            // What cannot be read says nothing, here.
            if let Ok((_, metadata)) = spec::checkpoint(path) {
                check(path.to_owned(), Stated::of_shard(|key| metadata.get(key)))?;
            }
        }
        Ok(())
    }

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
    metadata_of_index(path)?.get(SEED)?.as_str()?.parse().ok()
}

/// Which file each tensor is in, as an index says; nothing where there is none that can be read.
pub(crate) fn weight_map(path: &Path) -> BTreeMap<String, String> {
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let index = read(path).and_then(|json| serde_json::from_slice::<Index>(&json).ok());
    index.map(|index| index.weight_map).unwrap_or_default()
}

fn metadata_of_index(path: &Path) -> Option<Value> {
    let mut index: Value = serde_json::from_slice(&read(path)?).ok()?;
    Some(index.get_mut("metadata")?.take())
}

/// Of nothing but files: a pipe would wait for its writer.
fn read(path: &Path) -> Option<Vec<u8>> {
    path.is_file().then(|| fs::read(path).ok())?
}

impl Checkpoint {
    /// The files that state another seed or recipe than the index, or else than the first one, what the
    /// first of them states, and what the others do.
    #[must_use]
    pub fn of_other_wholes(&self) -> Option<(Vec<&CheckpointFile>, String, String)> {
        let of_file = |file: &CheckpointFile| Stated::of_shard(|key| file.metadata.get(key));
        let of_index = self.index.as_ref().map(|index| Stated::of_index(&index.metadata));
        let of_index = of_index.filter(|stated| stated.seed.is_some());
        let who = if of_index.is_some() { "the index" } else { "the first file" };
        let own = of_index.or_else(|| self.files.first().map(of_file))?;
        let differing = |file| Some((file, of_file(file).differs(&own)?));
        let found: Vec<_> = self.files.iter().filter_map(differing).collect();
        let (stated, others) = found.first()?.1.clone();
        let files = found.into_iter().map(|(file, _)| file).collect();
        Some((files, stated, format!("{who} {others}")))
    }

    /// The seed that its metadata states, be it that of an index or of its first file.
    #[must_use]
    pub fn stated_seed(&self) -> Option<i128> {
        let of_index = self.index.as_ref().and_then(|index| index.metadata.get(SEED)?.as_str());
        let of_file = || self.files.first()?.metadata.get(SEED).map(String::as_str);
        of_index.or_else(of_file)?.parse().ok()
    }
}
