//! Specs in files and folders.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Read},
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use super::{
    Json, Spec, SpecError, SpecTensor,
    kind::{self, LONGEST},
};
use crate::{Error, input};

/// Ends of the names of what a folder is searched for, the first first.
const IN_FOLDERS: [&str; 2] = [".safetensors.index.json", ".safetensors"];

/// The usual name, which goes before others.
const USUAL: &str = "model";

pub(super) fn read(path: &Path) -> Result<Spec, Error> {
    let metadata = fs::metadata(path).map_err(|source| unreadable(path, source))?;
    if metadata.is_dir() {
        return file(&in_folder(path)?);
    }
    file(path)
}

fn file(path: &Path) -> Result<Spec, Error> {
    match content(path)? {
        Json::Tensors(tensors) => Ok(Spec { tensors, files: vec![path.to_owned()] }),
        Json::Index(shards) => of_shards(path, &shards),
    }
}

/// The one index, or else the one safetensors file, in a folder.
fn in_folder(folder: &Path) -> Result<PathBuf, Error> {
    let failed = |source| unreadable(folder, source);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        names.extend(entry.map_err(failed)?.file_name().into_string());
    }
    names.retain(|name| !name.starts_with('.'));
    names.sort_unstable();
    for end in IN_FOLDERS {
        let mut ending = names.iter().filter(|name| name.ends_with(end));
        let usual = format!("{USUAL}{end}");
        match (ending.next(), ending.next()) {
            _ if names.contains(&usual) => return Ok(folder.join(usual)),
            (Some(name), None) => return Ok(folder.join(name)),
            (Some(first), Some(second)) => {
                let found = format!("it is a folder with {first:?} and {second:?}: name one");
                return Err(refused(folder, SpecError::other(found)));
            }
            (None, _) => {}
        }
    }
    Err(refused(folder, SpecError::other("it is a folder without safetensors files")))
}

/// What a file says of tensors.
fn content(path: &Path) -> Result<Json, Error> {
    let mut head = Vec::new();
    let opened = File::open(path).and_then(|mut file| {
        let metadata = file.metadata()?;
        file.by_ref().take(LONGEST as u64).read_to_end(&mut head)?;
        // Of a pipe, nobody knows the length.
        Ok((file, if metadata.is_file() { metadata.len() } else { u64::MAX }))
    });
    let (file, length) = opened.map_err(|source| unreadable(path, source))?;
    let refused = |source| refused(path, source);
    if let Some(found) = kind::other(&head) {
        return Err(refused(SpecError::other(found)));
    }
    let file = head.chain(file);
    if kind::is_safetensors(&head) || is_called(path, "safetensors") && !kind::is_json(&head) {
        return Spec::from_safetensors(file, length)
            .map(|spec| Json::Tensors(spec.tensors))
            .map_err(refused);
    }
    Json::read(&input::whole(path, file)?).map_err(refused)
}

fn is_called(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|end| end.eq_ignore_ascii_case(extension))
}

/// The spec of an index: its tensors, in its order, as the headers of the shards describe them.
fn of_shards(index: &Path, tensors: &[(String, String)]) -> Result<Spec, Error> {
    let folder = index.parent().unwrap_or(Path::new(""));
    let mut shards: HashMap<&str, HashMap<Arc<str>, SpecTensor>> = HashMap::new();
    let mut files = vec![index.to_owned()];
    let wrong = |tensor: &str, shard: &str, found: &str| {
        let (tensor, shard, found) = (tensor.into(), shard.into(), found.into());
        refused(index, SpecError::Shard { tensor, shard, found })
    };
    for (tensor, shard) in tensors {
        if shards.contains_key(&shard[..]) {
            continue;
        }
        if !Path::new(shard).components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(wrong(tensor, shard, "which is no file beside it"));
        }
        let path = folder.join(shard);
        if !path.exists() {
            return Err(wrong(tensor, shard, "which is not there"));
        }
        let Json::Tensors(spec) = content(&path)? else {
            return Err(wrong(tensor, shard, "which is an index, too"));
        };
        files.push(path);
        let named = spec.into_iter().map(|tensor| (Arc::clone(&tensor.name), tensor));
        shards.insert(shard, named.collect());
    }
    let mut found = Vec::with_capacity(tensors.len());
    for (tensor, shard) in tensors {
        let entry = shards.get_mut(&shard[..]).and_then(|shard| shard.remove(&tensor[..]));
        found.push(entry.ok_or_else(|| wrong(tensor, shard, "which does not have it"))?);
    }
    // In a fixed order, so that the same one is named each time.
    let mut left: Vec<_> = shards
        .iter()
        .flat_map(|(&shard, left)| left.keys().map(move |name| (name, shard)))
        .collect();
    left.sort_unstable();
    match left.first() {
        Some(&(tensor, shard)) => {
            let (tensor, shard) = (tensor.clone(), shard.to_owned());
            Err(refused(index, SpecError::Unlisted { tensor: tensor.to_string(), shard }))
        }
        None => Ok(Spec { tensors: found, files }),
    }
}

fn refused(path: &Path, source: SpecError) -> Error {
    Error::Spec { path: path.to_owned(), source }
}

fn unreadable(path: &Path, source: io::Error) -> Error {
    Error::Read { path: path.to_owned(), source }
}
