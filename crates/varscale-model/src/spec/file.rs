//! Specs in files and folders.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs::{self, File},
    io::{self, Read},
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use serde_json::Value;

use super::{
    Json, Spec, SpecError, SpecTensor,
    json::{self, Index},
    kind::{self, LONGEST},
};
use crate::{
    Error,
    format::safetensors::{self, SHARD, whole_name},
    input,
};

/// Ends of the names of what a folder is searched for, the first first.
const IN_FOLDERS: [&str; 2] = [INDEX_EXTENSION, ".safetensors"];

/// How the name of an index of shards ends.
pub(crate) const INDEX_EXTENSION: &str = ".safetensors.index.json";

/// The usual name, which goes before others.
const USUAL: &str = "model";

pub(super) fn read(path: &Path) -> Result<Spec, Error> {
    let found = tensors(path, &mut described)?;
    Ok(Spec { tensors: found.tensors, files: found.files, elsewhere: None })
}

/// The tensors of a checkpoint and its metadata: of an index, in the order of the shards' names and of
/// each shard.
pub(crate) fn checkpoint(path: &Path) -> Result<(Spec, BTreeMap<String, String>), Error> {
    /// With its file, which a shard's number goes before, and its place in it.
    struct Placed(SpecTensor, (usize, Arc<Path>), usize);

    impl Named for Placed {
        fn name(&self) -> &Arc<str> {
            &self.0.name
        }
    }

    let mut metadata = BTreeMap::new();
    let mut found = tensors(path, &mut |path| {
        let content = open(path)?;
        if let Content::Header(header) = &content {
            metadata = json::metadata(header).map_err(|source| refused(path, source))?;
        }
        Ok(match parsed(path, &content)? {
            Json::Index(index) => Json::Index(index),
            Json::Tensors(tensors) => {
                let number = metadata.get(SHARD).and_then(|shard| shard.split_once('/'));
                let number = number.and_then(|(number, _)| number.parse().ok());
                // Whatever shards are called, their own numbers tell their order.
                let file = (number.unwrap_or(0), Arc::<Path>::from(path));
                let placed = |(tensor, place)| Placed(tensor, file.clone(), place);
                Json::Tensors(tensors.into_iter().zip(0..).map(placed).collect())
            }
        })
    })?;
    if let Some(index) = found.index {
        let texts = index.as_object().into_iter().flatten();
        let text =
            |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
        metadata = texts.filter_map(text).collect();
    }
    // Numbers of one length, and longer ones after them.
    found.tensors.sort_by(
        |Placed(_, (number, one), place), Placed(_, (other_number, other), other_place)| {
            let (length, other_length) = (one.as_os_str().len(), other.as_os_str().len());
            (number, length, one, place).cmp(&(other_number, other_length, other, other_place))
        },
    );
    let tensors = found.tensors.into_iter().map(|Placed(tensor, ..)| tensor).collect();
    Ok((Spec { tensors, files: found.files, elsewhere: None }, metadata))
}

/// The tensors of a file, of an index and its shards, or of a folder with one of these.
pub(crate) struct Found<T> {
    /// In the order of the file, or of the index.
    pub(crate) tensors: Vec<T>,
    /// The index, if there is one, and then the files of the tensors.
    pub(crate) files: Vec<PathBuf>,
    /// The metadata of an index.
    pub(crate) index: Option<Value>,
}

/// What a tensor is known by.
pub(crate) trait Named {
    fn name(&self) -> &Arc<str>;
}

impl Named for SpecTensor {
    fn name(&self) -> &Arc<str> {
        &self.name
    }
}

/// What `path` names, each file of which is read by `described`.
pub(crate) fn tensors<T: Named>(
    path: &Path,
    described: &mut dyn FnMut(&Path) -> Result<Json<T>, Error>,
) -> Result<Found<T>, Error> {
    let metadata = fs::metadata(path).map_err(|source| unreadable(path, source))?;
    let path = if metadata.is_dir() { in_folder(path)? } else { path.to_owned() };
    match described(&path)? {
        Json::Tensors(tensors) => Ok(Found { tensors, files: vec![path], index: None }),
        Json::Index(index) => of_shards(path, index, described),
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
            (Some(first), Some(_)) if names_of_shards(&names) => {
                let found = format!(
                    "it is a folder with shards, such as {first:?}, and their index ({INDEX_EXTENSION}) \
                     is missing"
                );
                return Err(refused(folder, SpecError::other(found)));
            }
            (Some(first), Some(second)) => {
                let found = format!("it is a folder with {first:?} and {second:?}: name one");
                return Err(refused(folder, SpecError::other(found)));
            }
            (None, _) => {}
        }
    }
    Err(refused(folder, SpecError::other("it is a folder without safetensors files")))
}

/// Whether all safetensors files of a folder without an index are shards.
fn names_of_shards(names: &[String]) -> bool {
    let mut files = names.iter().filter(|name| name.ends_with(IN_FOLDERS[1]));
    !names.iter().any(|name| name.ends_with(INDEX_EXTENSION))
        && files.all(|name| whole_name(name).is_some())
}

/// What a file holds, by its content.
pub(crate) enum Content {
    /// The JSON header of a safetensors file.
    Header(Vec<u8>),
    /// All of a file of JSON.
    Json(Vec<u8>),
}

/// What the file at `path` holds, which is open as `file` and has so many bytes.
pub(crate) fn content(path: &Path, file: &mut File, length: u64) -> Result<Content, Error> {
    let mut head = Vec::new();
    let read = file.by_ref().take(LONGEST as u64).read_to_end(&mut head);
    read.map_err(|source| unreadable(path, source))?;
    if let Some(found) = kind::other(&head) {
        return Err(refused(path, SpecError::other(found)));
    }
    let is_header =
        kind::is_safetensors(&head) || is_called(path, "safetensors") && !kind::is_json(&head);
    let file = head.chain(file);
    if is_header {
        let header = safetensors::read_header(file, length);
        return header.map(Content::Header).map_err(|source| refused(path, source));
    }
    input::whole(path, file).map(Content::Json)
}

/// What a spec's file says of tensors.
fn described(path: &Path) -> Result<Json, Error> {
    parsed(path, &open(path)?)
}

fn open(path: &Path) -> Result<Content, Error> {
    let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
    let (metadata, mut file) = opened.map_err(|source| unreadable(path, source))?;
    // Of a pipe, nobody knows the length.
    let length = if metadata.is_file() { metadata.len() } else { u64::MAX };
    content(path, &mut file, length)
}

fn parsed(path: &Path, content: &Content) -> Result<Json, Error> {
    let json = match content {
        Content::Header(header) => Spec::from_json(header).map(|spec| Json::Tensors(spec.tensors)),
        Content::Json(json) => Json::read(json),
    };
    json.map_err(|source| refused(path, source))
}

fn is_called(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|end| end.eq_ignore_ascii_case(extension))
}

/// The tensors of an index, in its order, as its shards describe them.
fn of_shards<T: Named>(
    index: PathBuf,
    Index { metadata, shards: tensors }: Index,
    described: &mut dyn FnMut(&Path) -> Result<Json<T>, Error>,
) -> Result<Found<T>, Error> {
    let folder = index.parent().unwrap_or(Path::new(""));
    let mut shards: HashMap<&str, HashMap<Arc<str>, T>> = HashMap::new();
    let mut files = vec![index.clone()];
    let wrong = |tensor: &str, shard: &str, found: &str| {
        let (tensor, shard, found) = (tensor.into(), shard.into(), found.into());
        refused(&index, SpecError::Shard { tensor, shard, found })
    };
    for (tensor, shard) in &tensors {
        if shards.contains_key(&shard[..]) {
            continue;
        }
        if !Path::new(shard).components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(wrong(tensor, shard, "which is no file beside it"));
        }
        let path = folder.join(shard);
        match fs::metadata(&path) {
            Err(_) => {
                let all: BTreeSet<_> = tensors.iter().map(|(_, shard)| shard).collect();
                let left = all.iter().filter(|shard| !folder.join(shard).exists()).count();
                let are = if left == 1 { "is" } else { "are" };
                let found = format!(
                    "which is not there: {left} of {} shards {are} missing (varscale missing tells which)",
                    all.len()
                );
                return Err(wrong(tensor, shard, &found));
            }
            // A pipe would wait for its writer.
            Ok(metadata) if !metadata.is_file() => {
                return Err(wrong(tensor, shard, "which is no regular file"));
            }
            Ok(_) => {}
        }
        let Json::Tensors(described) = described(&path)? else {
            return Err(wrong(tensor, shard, "which is an index, too"));
        };
        files.push(path);
        let named = described.into_iter().map(|tensor| (Arc::clone(tensor.name()), tensor));
        shards.insert(shard, named.collect());
    }
    let mut found = Vec::with_capacity(tensors.len());
    for (tensor, shard) in &tensors {
        let entry = shards.get_mut(&shard[..]).and_then(|shard| shard.remove(&tensor[..]));
        found.push(entry.ok_or_else(|| wrong(tensor, shard, "which does not have it"))?);
    }
    // In a fixed order, so that the same one is named each time.
    let mut left: Vec<_> = shards
        .iter()
        .flat_map(|(&shard, left)| left.keys().map(move |name| (name, shard)))
        .collect();
    left.sort_unstable();
    let Some(&(tensor, shard)) = left.first() else {
        return Ok(Found { tensors: found, files, index: Some(metadata) });
    };
    Err(match tensors.iter().find(|(listed, _)| **listed == **tensor) {
        Some((_, other)) => {
            wrong(tensor, other, &format!("and {shard:?} has one of this name, too"))
        }
        None => {
            let (tensor, shard) = (tensor.to_string(), shard.to_owned());
            refused(&index, SpecError::Unlisted { tensor, shard })
        }
    })
}

fn refused(path: &Path, source: SpecError) -> Error {
    Error::Spec { path: path.to_owned(), source }
}

fn unreadable(path: &Path, source: io::Error) -> Error {
    Error::Read { path: path.to_owned(), source }
}
