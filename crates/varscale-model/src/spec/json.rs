//! Specs, and indices of shards, as JSON.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
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
pub(crate) enum Json<T = SpecTensor> {
    Tensors(Vec<T>),
    Index(Index),
}

impl Json {
    pub(crate) fn read(json: &[u8]) -> Result<Self, SpecError> {
        let json = json.strip_prefix(BOM).unwrap_or(json);
        if is_index(json) {
            let WrittenIndex { metadata, weight_map: InOrder(shards) } = parsed(json)?;
            only_once(shards.iter().map(|(name, _)| name))?;
            return Ok(Self::Index(Index { metadata: metadata.unwrap_or_default(), shards }));
        }
        let tensors = tensors::<IgnoredAny>(json).map_err(|error| match error {
            SpecError::Json { .. } | SpecError::Tensor { .. } if is_config(json) => {
                SpecError::other("it is a model's configuration, which names no tensors")
            }
            error => error,
        })?;
        Ok(Self::Tensors(tensors.into_iter().map(|(tensor, _)| tensor).collect()))
    }
}

/// An index of shards.
pub(crate) struct Index {
    /// As it stands there: an object, where the index is well-formed.
    pub(crate) metadata: Value,
    /// Name to shard, in the file's order.
    pub(crate) shards: Vec<(String, String)>,
}

/// The tensors of a JSON object, or of the header of a safetensors file, in its order, each with its
/// `data_offsets`.
pub(crate) fn tensors<'de, O: Deserialize<'de>>(
    json: &'de [u8],
) -> Result<Vec<(SpecTensor, Option<O>)>, SpecError> {
    let InOrder::<Entry<O>>(entries) = parsed(json)?;
    only_once(entries.iter().map(|(name, _)| name))?;
    let mut known = HashSet::new();
    entries.into_iter().map(|(name, entry)| entry.tensor(name, &mut known)).collect()
}

/// The metadata of a safetensors file's header, each key once.
pub(crate) fn metadata(header: &[u8]) -> Result<BTreeMap<String, String>, SpecError> {
    #[derive(Deserialize)]
    struct Header {
        #[serde(rename = "__metadata__")]
        metadata: Option<InOrder<String>>,
    }

    let Header { metadata } = parsed(header)?;
    let InOrder(texts) = metadata.unwrap_or(InOrder(Vec::new()));
    let mut metadata = BTreeMap::new();
    for (key, text) in texts {
        if let Some(first) = metadata.insert(key, text) {
            let reason = format!(
                "a key of {} stands there twice, first with {first:?}",
                safetensors::METADATA
            );
            return Err(SpecError::Json { reason });
        }
    }
    Ok(metadata)
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
struct Fields<O> {
    dtype: String,
    shape: Vec<Number>,
    initializer: Option<Arc<Value>>,
    data_offsets: Option<O>,
}

/// Its fields by name: derived code would read a list of them, too.
struct Entry<O>(Fields<O>);

impl<'de, O: Deserialize<'de>> Deserialize<'de> for Entry<O> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ByName<O>(PhantomData<O>);

        impl<'de, O: Deserialize<'de>> Visitor<'de> for ByName<O> {
            type Value = Entry<O>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object such as {\"dtype\": \"F32\", \"shape\": [256, 784]}")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Entry<O>, A::Error> {
                Fields::deserialize(MapAccessDeserializer::new(map)).map(Entry)
            }
        }

        deserializer.deserialize_map(ByName(PhantomData))
    }
}

impl<O> Entry<O> {
    /// The names of dtypes that are `known` are kept once.
    fn tensor(
        self,
        name: String,
        known: &mut HashSet<Arc<str>>,
    ) -> Result<(SpecTensor, Option<O>), SpecError> {
        let Self(Fields { dtype, shape, initializer, data_offsets }) = self;
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
        Ok((SpecTensor { name: name.into(), dtype, shape, initializer }, data_offsets))
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

/// What is read of an index.
#[derive(Deserialize)]
struct WrittenIndex {
    metadata: Option<Value>,
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
