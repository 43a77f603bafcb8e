//! Shards: a plan's checkpoint in several files of limited size, and the index of them.

mod limit;
mod recipes;

use std::{io, path::Path};

use serde_json::Value;

pub use self::limit::LimitError;
use self::recipes::Recipes;
use crate::{
    ByteSize, Entry, Format, HeaderError, Output, Part, Piece, Plan, PlannedTensor, digests,
    format::safetensors::{self, TOTAL_SIZE, numbers_in, whole_name},
    recipe::{self, ShardOf},
    shown::shown,
    spec::INDEX_EXTENSION,
    write,
};

/// A plan's checkpoint in files that hold at most so many bytes of values each, in the form of Hugging
/// Face's libraries: `model-00001-of-00004.safetensors`, ..., and `model.safetensors.index.json`. What
/// fits into one file is that file, and has no index.
///
/// The tensors stand in the order of the one file, and each goes into the last shard where it fits, or
/// else into a new one; a tensor that is larger than the limit has one for itself. All of it is a
/// function of the plan, the name and the limit.
///
/// ```
/// use varscale_model::{Plan, PlanFile, Shards, Spec};
///
/// let spec = Spec::from_json(
///     br#"{"a": {"dtype": "F32", "shape": [10]}, "b": {"dtype": "F32", "shape": [10]},
///          "c": {"dtype": "F32", "shape": [25]}}"#,
/// )?;
/// let file = PlanFile::from_toml("spec = 's'\n[[rules]]\nmatch = '*'\ninitializer = 'ones'")?;
/// let plan = Plan::new(&spec, &file, None)?;
/// let shards = Shards::new(&plan, "model.safetensors", "80B".parse()?)?;
/// let names: Vec<_> = shards.iter().map(|shard| (shard.name(), shard.bytes())).collect();
/// assert_eq!(names, [
///     ("model-00001-of-00002.safetensors".to_owned(), 80),
///     ("model-00002-of-00002.safetensors".to_owned(), 100),
/// ]);
/// assert_eq!(shards.index_name().as_deref(), Some("model.safetensors.index.json"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Shards<'p> {
    plan: &'p Plan,
    name: String,
    /// The tensors, by their places in the plan, in the files' order.
    tensors: Vec<usize>,
    /// Where each shard ends among them, and its bytes.
    ends: Vec<(usize, u64)>,
    /// Where there are several.
    recipes: Option<Recipes<'p>>,
}

/// Some files of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Files {
    /// Places of the [`Shards`], counted from 0, in their order.
    pub shards: Vec<usize>,
    /// Whether the index is one of them.
    pub index: bool,
}

/// One of the [`Shards`].
#[derive(Debug, Clone, Copy)]
pub struct Shard<'s> {
    shards: &'s Shards<'s>,
    index: usize,
}

/// The name without its ending.
fn stem(whole: &str) -> &str {
    let end = format!(".{}", Format::SAFETENSORS.extension);
    let stem = whole.len().checked_sub(end.len());
    let stem = stem.and_then(|stem| whole.split_at_checked(stem));
    stem.filter(|(_, other)| other.eq_ignore_ascii_case(&end)).map_or(whole, |(stem, _)| stem)
}

/// What `path` is, where it is none that [`Shards`] are named after: a folder, an index, a shard.
///
/// ```
/// use varscale_model::no_whole_name;
/// assert_eq!(no_whole_name("m.safetensors".as_ref()), None);
/// assert_eq!(no_whole_name("m.safetensors.index.json".as_ref()), Some("it is an index".into()));
/// ```
#[must_use]
pub fn no_whole_name(path: &Path) -> Option<String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if path.is_dir() {
        return Some("it is a folder".to_owned());
    }
    if let Some(whole) = whole_name(&name) {
        return Some(format!("it is a shard of {:?}", shown(whole)));
    }
    name.ends_with(INDEX_EXTENSION).then(|| "it is an index".to_owned())
}

impl<'p> Shards<'p> {
    /// Of a file that would be called `name`, such as `model.safetensors`.
    ///
    /// # Errors
    /// [`HeaderError`], where a tensor has a name that the index keeps for itself.
    pub fn new(plan: &'p Plan, name: &str, limit: ByteSize) -> Result<Self, HeaderError> {
        let tensors = write::in_order(plan);
        let sizes: Vec<_> = tensors.iter().map(|&tensor| plan.tensors[tensor].bytes()).collect();
        let ends = ends(&sizes, limit);
        let recipes = (ends.len() > 1).then(|| Recipes::new(plan));
        let shards = Self { plan, name: name.to_owned(), tensors, ends, recipes };
        shards.index_metadata()?;
        Ok(shards)
    }

    /// The one file that holds everything.
    ///
    /// # Errors
    /// [`HeaderError`], as [`Shards::new`].
    pub fn whole(plan: &'p Plan) -> Result<Self, HeaderError> {
        Self::new(plan, "", ByteSize::MAX)
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &'p Plan {
        self.plan
    }

    /// How many there are, at least 1.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The shard of this place, counted from 0.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Shard<'_>> {
        (index < self.len()).then_some(Shard { shards: self, index })
    }

    /// All of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Shard<'_>> {
        (0..self.len()).map(|index| Shard { shards: self, index })
    }

    /// The files that one of several machines writes: a run of shards, balanced by bytes, and the first
    /// part the index, too. A function of the shards and the part alone; see [`Part::of`].
    #[must_use]
    pub fn part(&self, part: Part) -> Files {
        let sizes: Vec<_> = self.iter().map(|shard| shard.bytes()).collect();
        let index = self.len() > 1 && part.number() == 1;
        Files { shards: part.of(&sizes).collect(), index }
    }

    /// Name of the index, where there are several.
    #[must_use]
    pub fn index_name(&self) -> Option<String> {
        (self.len() > 1).then(|| format!("{}{INDEX_EXTENSION}", self.stem()))
    }

    /// Writes the index to `sink`, piece by piece: it may be large.
    ///
    /// # Errors
    /// Those of `sink`.
    pub fn write_index(&self, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        const PIECE: usize = 1 << 16;
        let metadata = self.index_metadata().map_err(io::Error::other)?;
        let mut text = format!("{{\n  \"metadata\": {metadata},\n  \"weight_map\": {{");
        let mut separator = "\n";
        for shard in self.iter() {
            let file = Value::from(shard.name());
            for planned in shard.tensors() {
                text += &format!("{separator}    {}: {file}", Value::from(&*planned.name));
                separator = ",\n";
                if text.len() > PIECE {
                    sink(text.as_bytes())?;
                    text.clear();
                }
            }
        }
        text += "\n  }\n}\n";
        sink(text.as_bytes())
    }

    fn index_metadata(&self) -> Result<Value, HeaderError> {
        let mut texts = safetensors::texts(&recipe::metadata(self.plan))?;
        let total = self.ends.iter().map(|(_, bytes)| bytes).sum::<u64>();
        match self.len() > 1 && texts.insert(TOTAL_SIZE.to_owned(), total.into()).is_some() {
            true => Err(safetensors::reserved(TOTAL_SIZE)),
            false => Ok(Value::Object(texts)),
        }
    }

    /// Whether a file is of the same checkpoint, whose one file is `whole`, in another number of shards.
    pub(crate) fn is_stale(&self, whole: &str, name: &str) -> bool {
        let (count, stem) = (self.len(), stem(whole));
        let name = name.strip_suffix(digests::EXTENSION).unwrap_or(name);
        match numbers_in(name, stem) {
            Some((_, other)) => other != count,
            None if count > 1 => name == whole,
            None => name.strip_suffix(INDEX_EXTENSION) == Some(stem),
        }
    }

    fn stem(&self) -> &str {
        stem(&self.name)
    }
}

impl<'s> Shard<'s> {
    /// Its number, counted from 1.
    #[must_use]
    pub fn number(&self) -> usize {
        self.index + 1
    }

    /// Its file's name: the plain one where it is the only one.
    #[must_use]
    pub fn name(&self) -> String {
        match self.shards.len() {
            1 => self.shards.name.clone(),
            count => file_name(self.shards.stem(), self.number(), count),
        }
    }

    /// Where it is written, beside the file that would be the only one, or there.
    #[must_use]
    pub fn output(&self, whole: &Output) -> Output {
        if self.shards.len() == 1 { whole.clone() } else { whole.beside(&self.name()) }
    }

    /// Size of its values in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.shards.ends[self.index].1
    }

    /// Its tensors, in the file's order.
    pub fn tensors(&self) -> impl ExactSizeIterator<Item = &'s PlannedTensor> + use<'s> {
        let shards = self.shards;
        self.places().iter().map(move |&place| &shards.plan.tensors[place])
    }

    fn places(&self) -> &'s [usize] {
        let start = self.index.checked_sub(1).map_or(0, |before| self.shards.ends[before].0);
        &self.shards.tensors[start..self.shards.ends[self.index].0]
    }

    /// Everything in front of its values.
    ///
    /// # Errors
    /// [`HeaderError`].
    pub fn header(&self) -> Result<Vec<u8>, HeaderError> {
        let entries: Vec<_> = self
            .tensors()
            .map(|planned| Entry {
                name: &planned.name,
                dtype: planned.dtype(),
                shape: planned.shape(),
            })
            .collect();
        let plan = self.shards.plan;
        let metadata = match &self.shards.recipes {
            None => recipe::metadata(plan),
            Some(recipes) => {
                let number = format!("{}/{}", self.number(), self.shards.len());
                let shard = ShardOf { number, whole: recipes.whole().to_owned() };
                let (ties, recipe) = recipes.of(self.places());
                recipe::metadata_of(plan, ties.into_iter(), recipe, Some(&shard))
            }
        };
        Format::SAFETENSORS.header(&entries, &metadata)
    }

    /// Its values.
    pub fn pieces(&self) -> impl Iterator<Item = Piece> + use<'s> {
        self.tensors().map(Piece::of)
    }
}

/// Where shards of tensors of these sizes end, and the bytes of each.
fn ends(sizes: &[u64], limit: ByteSize) -> Vec<(usize, u64)> {
    let mut ends: Vec<(usize, u64)> = Vec::new();
    for (place, &bytes) in sizes.iter().enumerate() {
        match ends.last_mut() {
            Some((end, sum)) if bytes <= limit.get().saturating_sub(*sum) => {
                *end = place + 1;
                *sum += bytes;
            }
            _ => ends.push((place + 1, bytes)),
        }
    }
    if ends.is_empty() {
        ends.push((0, 0));
    }
    ends
}

/// As Hugging Face's libraries name them.
fn file_name(stem: &str, number: usize, count: usize) -> String {
    let extension = Format::SAFETENSORS.extension;
    format!("{stem}-{number:05}-of-{count:05}.{extension}")
}
