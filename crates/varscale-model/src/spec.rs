//! Specs: the names, shapes and dtypes of a model's tensors, with no values.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    fs::File,
    io,
    path::Path,
};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Number, Value};
use serde_path_to_error::{Path as JsonPath, Segment};
use varscale::{Dtype, ShapeError, element_count};

use crate::{Error, format::safetensors, input};

/// Tensor names, shapes and dtypes of a model.
///
/// ```
/// let spec = varscale_model::Spec::from_json(
///     br#"{"fc.weight": {"dtype": "BF16", "shape": [10, 784], "initializer": "he_normal"}}"#,
/// )?;
/// assert_eq!(spec.tensors[0].shape, [10, 784]);
/// # Ok::<(), varscale_model::SpecError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Spec {
    /// The tensors in the file's order, each name once.
    pub tensors: Vec<SpecTensor>,
}

/// One tensor of a [`Spec`].
#[derive(Debug, Clone, PartialEq)]
pub struct SpecTensor {
    /// Its name, which also names its values in the stream.
    pub name: String,
    /// Its dtype as written: safetensors' name (`F32`) or Keras's (`float32`). See
    /// [`SpecTensor::dtype`].
    pub dtype: String,
    /// Its global shape.
    pub shape: Vec<usize>,
    /// Its own initializer: Keras's identifier or serialized object.
    pub initializer: Option<Value>,
}

/// What is wrong with a spec.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// The file cannot be read to the end.
    #[error("cannot read it: {0}")]
    Read(#[from] io::Error),
    /// No JSON object.
    #[error("a spec is a JSON object of name to {{dtype, shape[, initializer]}}: {reason}")]
    Json {
        /// The parser's words, with line and column.
        reason: String,
    },
    /// A tensor that is not described as one.
    #[error("tensor {tensor:?}{key}: {reason}")]
    Tensor {
        /// Its name.
        tensor: String,
        /// Where in its description, as in `, key shape`; may be empty.
        key: String,
        /// The parser's words, with line and column.
        reason: String,
    },
    /// A size that is none.
    #[error(
        "tensor {tensor:?}: invalid size {received} of axis {axis}: it must be an integer from 0 \
         to {max}",
        max = usize::MAX
    )]
    Size {
        /// Name of the tensor.
        tensor: String,
        /// The axis, counted from 0.
        axis: usize,
        /// The number received.
        received: String,
    },
    /// Too many elements.
    #[error("tensor {tensor:?}: {source}")]
    Shape {
        /// Name of the tensor.
        tensor: String,
        /// What is wrong with its shape.
        source: ShapeError,
    },
    /// A name that stands there twice.
    #[error("tensor {tensor:?} stands there twice: each name is allowed once")]
    Duplicate {
        /// The name.
        tensor: String,
    },
    /// A file too short for a safetensors header.
    #[error("it is no safetensors file: {length} bytes are too few for a header of {header} bytes")]
    Short {
        /// Length of the file in bytes.
        length: u64,
        /// Length in bytes that its header claims, with the 8 bytes that claim it.
        header: u64,
    },
    /// A header longer than the format allows.
    #[error(
        "it is no safetensors file: it claims a header of {header} bytes, and at most {} are \
         allowed",
        safetensors::MAX_HEADER
    )]
    LongHeader {
        /// Length in bytes that the header claims.
        header: u64,
    },
}

/// A dtype that no checkpoint is drawn in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid dtype {received:?}: use one of {} (or {}), or set dtype in the plan or in a rule",
    quoted(safetensors::NAMES.iter().map(|&(_, name)| name)),
    quoted(Dtype::ALL.iter().map(|dtype| dtype.name()))
)]
pub struct SpecDtypeError {
    /// The name received.
    pub received: String,
}

/// Names in a message.
fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
}

impl SpecTensor {
    /// The dtype that [`SpecTensor::dtype`] names. Specs may hold others (`I64`) where the plan
    /// replaces them.
    ///
    /// # Errors
    /// [`SpecDtypeError`] for every other.
    pub fn dtype(&self) -> Result<Dtype, SpecDtypeError> {
        safetensors::dtype(&self.dtype)
            .or_else(|| self.dtype.parse().ok())
            .ok_or_else(|| SpecDtypeError { received: self.dtype.clone() })
    }
}

impl Spec {
    /// A spec from JSON: name to `{dtype, shape[, initializer]}`, or the JSON header of a
    /// safetensors file, whose `__metadata__` and `data_offsets` are skipped.
    ///
    /// # Errors
    /// [`SpecError`], which names the tensor.
    pub fn from_json(json: &[u8]) -> Result<Self, SpecError> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let Entries(entries) = serde_path_to_error::deserialize(&mut deserializer)
            .map_err(|error| json_error(error.path(), error.inner()))?;
        deserializer.end().map_err(|error| SpecError::Json { reason: error.to_string() })?;

        let mut names = HashSet::new();
        if let Some((name, _)) = entries.iter().find(|(name, _)| !names.insert(name)) {
            return Err(SpecError::Duplicate { tensor: name.clone() });
        }
        let tensors = entries.into_iter().map(|(name, entry)| entry.tensor(name));
        Ok(Self { tensors: tensors.collect::<Result<_, _>>()? })
    }

    /// A spec from the header of a safetensors file of `length` bytes; no more is read.
    ///
    /// # Errors
    /// [`SpecError`].
    ///
    /// ```
    /// let json = br#"{"b": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}"#;
    /// let mut file = (json.len() as u64).to_le_bytes().to_vec();
    /// file.extend(json);
    /// let spec = varscale_model::Spec::from_safetensors(&file[..], file.len() as u64)?;
    /// assert_eq!(spec.tensors[0].name, "b");
    /// # Ok::<(), varscale_model::SpecError>(())
    /// ```
    pub fn from_safetensors(file: impl io::Read, length: u64) -> Result<Self, SpecError> {
        Self::from_json(&safetensors::read_header(file, length)?)
    }

    /// A spec from a file: the header of one called `*.safetensors`, JSON otherwise.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Spec`], which name the file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let extension = path.extension().unwrap_or_default();
        let spec = if extension.eq_ignore_ascii_case("safetensors") {
            let (file, length) = File::open(path)
                .and_then(|file| file.metadata().map(|metadata| (file, metadata.len())))
                .map_err(|source| Error::Read { path: path.to_owned(), source })?;
            Self::from_safetensors(file, length)
        } else {
            Self::from_json(&input::read(path)?)
        };
        spec.map_err(|source| Error::Spec { path: path.to_owned(), source })
    }
}

/// A tensor's description as it stands in the JSON.
#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object such as {\"dtype\": \"F32\", \"shape\": [256, 784]}"
)]
struct Entry {
    dtype: String,
    shape: Vec<Number>,
    initializer: Option<Value>,
    #[serde(rename = "data_offsets")]
    _data_offsets: Option<IgnoredAny>,
}

impl Entry {
    fn tensor(self, name: String) -> Result<SpecTensor, SpecError> {
        let size = |(axis, number): (usize, &Number)| {
            number.as_u64().and_then(|size| usize::try_from(size).ok()).ok_or_else(|| {
                SpecError::Size { tensor: name.clone(), axis, received: number.to_string() }
            })
        };
        let shape: Vec<usize> =
            self.shape.iter().enumerate().map(size).collect::<Result<_, _>>()?;
        if let Err(source) = element_count(&shape) {
            return Err(SpecError::Shape { tensor: name, source });
        }
        Ok(SpecTensor { name, dtype: self.dtype, shape, initializer: self.initializer })
    }
}

/// The entries in the file's order. A map would keep the last of two with one name.
struct Entries(Vec<(String, Entry)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if name == safetensors::METADATA {
                        map.next_value::<HashMap<String, String>>()?;
                    } else {
                        entries.push((name, map.next_value()?));
                    }
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

/// The parser's error, told as one about a tensor where it stands in one.
fn json_error(path: &JsonPath, error: &serde_json::Error) -> SpecError {
    let reason = error.to_string();
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
