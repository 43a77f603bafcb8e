//! Specs, and indices of shards, as JSON.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    marker::PhantomData,
    sync::Arc,
};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::{Number, Value};
use serde_path_to_error::{Path as JsonPath, Segment};
use varscale::element_count;

use super::{SpecError, SpecTensor, kind::BOM};
use crate::format::safetensors;

/// What a JSON text is: tensors in the file's order, or where to find them.
pub(super) enum Json {
    Tensors(Vec<SpecTensor>),
    /// Name to shard, in the file's order.
    Index(Vec<(String, String)>),
}

impl Json {
    pub(super) fn read(json: &[u8]) -> Result<Self, SpecError> {
        let json = json.strip_prefix(BOM).unwrap_or(json);
        if is_index(json) {
            let Index { weight_map: InOrder(shards) } = parsed(json)?;
            only_once(shards.iter().map(|(name, _)| name))?;
            return Ok(Self::Index(shards));
        }
        let InOrder::<Entry>(entries) = parsed(json).map_err(|error| match is_config(json) {
            true => SpecError::other("it is a model's configuration, which names no tensors"),
            false => error,
        })?;
        only_once(entries.iter().map(|(name, _)| name))?;
        let mut known = HashSet::new();
        let tensors = entries.into_iter().map(|(name, entry)| entry.tensor(name, &mut known));
        Ok(Self::Tensors(tensors.collect::<Result<_, _>>()?))
    }
}

fn only_once<'a>(mut names: impl Iterator<Item = &'a String>) -> Result<(), SpecError> {
    let mut seen = HashSet::new();
    match names.find(|name| !seen.insert(*name)) {
        Some(name) => Err(SpecError::Duplicate { tensor: name.clone() }),
        None => Ok(()),
    }
}

/// A tensor's description as it stands in the JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    dtype: String,
    shape: Vec<Number>,
    initializer: Option<Arc<Value>>,
    #[serde(rename = "data_offsets")]
    _data_offsets: Option<IgnoredAny>,
}

/// Its fields by name: derived code would read a list of them, too.
struct Entry(Fields);

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ByName;

        impl<'de> Visitor<'de> for ByName {
            type Value = Entry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object such as {\"dtype\": \"F32\", \"shape\": [256, 784]}")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Entry, A::Error> {
                Fields::deserialize(MapAccessDeserializer::new(map)).map(Entry)
            }
        }

        deserializer.deserialize_map(ByName)
    }
}

impl Entry {
    /// The names of dtypes that are `known` are kept once.
    fn tensor(self, name: String, known: &mut HashSet<Arc<str>>) -> Result<SpecTensor, SpecError> {
        let Self(Fields { dtype, shape, initializer, .. }) = self;
        let size = |(axis, number): (usize, &Number)| {
            number.as_u64().and_then(|size| usize::try_from(size).ok()).ok_or_else(|| {
                SpecError::Size { tensor: name.clone(), axis, received: number.to_string() }
            })
        };
        let shape: Vec<usize> = shape.iter().enumerate().map(size).collect::<Result<_, _>>()?;
        if let Err(source) = element_count(&shape) {
            return Err(SpecError::Shape { tensor: name, source });
        }
        let dtype = known.get(&*dtype).cloned().unwrap_or_else(|| {
            let dtype = Arc::from(dtype);
            known.insert(Arc::clone(&dtype));
            dtype
        });
        Ok(SpecTensor { name: name.into(), dtype, shape, initializer })
    }
}

/// The values of an object in the file's order. A map would keep the last of two with one name.
struct InOrder<T>(Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for InOrder<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Pairs<T> {
            type Value = InOrder<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<InOrder<T>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if name == safetensors::METADATA {
                        map.next_value::<IgnoredAny>()?;
                    } else {
                        pairs.push((name, map.next_value()?));
                    }
                }
                Ok(InOrder(pairs))
            }
        }

        deserializer.deserialize_map(Pairs(PhantomData))
    }
}

/// An index of shards, of which this is read.
#[derive(Deserialize)]
struct Index {
    weight_map: InOrder<String>,
}

/// Whether the text is an index of shards: a tensor's description may have the name of its key.
fn is_index(json: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Probe {
        weight_map: HashMap<String, IgnoredAny>,
    }

    serde_json::from_slice::<Probe>(json).is_ok_and(|probe| !probe.weight_map.contains_key("shape"))
}

/// Whether the text is a model's configuration, by the keys of transformers, diffusers and Keras.
fn is_config(json: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Probe {
        model_type: Option<IgnoredAny>,
        architectures: Option<IgnoredAny>,
        #[serde(rename = "_class_name")]
        diffusers: Option<IgnoredAny>,
        class_name: Option<IgnoredAny>,
    }

    serde_json::from_slice::<Probe>(json).is_ok_and(|probe| {
        let Probe { model_type, architectures, diffusers, class_name } = probe;
        [model_type, architectures, diffusers, class_name].iter().any(Option::is_some)
    })
}

/// Reads all of `json`, or says what is wrong with it.
fn parsed<'de, T: Deserialize<'de>>(json: &'de [u8]) -> Result<T, SpecError> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let value = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| refused(error.path(), error.inner()))?;
    deserializer.end().map_err(|error| SpecError::Json { reason: plain(&error) })?;
    Ok(value)
}

/// The parser's error, told as one about a tensor where it stands in one.
fn refused(path: &JsonPath, error: &serde_json::Error) -> SpecError {
    let reason = plain(error);
    let mut segments = path.iter();
    match (segments.next(), segments.next()) {
        (Some(Segment::Map { key: tensor }), key) => SpecError::Tensor {
            tensor: tensor.clone(),
            key: key.map(|key| format!(", key {:?}", key.to_string())).unwrap_or_default(),
            reason,
        },
        _ => SpecError::Json { reason },
    }
}

/// The parser's words, in those of JSON.
fn plain(error: &serde_json::Error) -> String {
    error.to_string().replacen("invalid type: sequence", "invalid type: array", 1).replacen(
        "invalid type: map",
        "invalid type: object",
        1,
    )
}
