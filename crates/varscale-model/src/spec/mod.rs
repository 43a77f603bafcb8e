//! Specs: the names, shapes and dtypes of a model's tensors, with no values.

mod elsewhere;
mod error;
pub(crate) mod file;
pub(crate) mod json;
mod kind;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::error::SpecError;
use self::json::Json;
pub(crate) use self::{
    elsewhere::Elsewhere,
    file::{INDEX_EXTENSION, checkpoint},
};
use crate::{Error, StoredDtype, StoredDtypeError, format::safetensors};

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
    /// The files that it was read from.
    pub files: Vec<PathBuf>,
    /// Of one shard's tensors, what rules refer to in the others.
    pub(crate) elsewhere: Option<Box<Elsewhere>>,
}

/// One tensor of a [`Spec`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpecTensor {
    /// Its name, which also names its values in the stream.
    pub name: Arc<str>,
    /// Its dtype as written: safetensors' name (`F32`) or Keras's (`float32`). See
    /// [`SpecTensor::dtype`].
    pub dtype: Arc<str>,
    /// Its global shape.
    pub shape: Vec<usize>,
    /// Its own initializer: Keras's identifier or serialized object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initializer: Option<Arc<Value>>,
}

impl SpecTensor {
    /// The dtype that [`SpecTensor::dtype`] names. Specs may hold others (`F8_E8M0`) where the plan
    /// replaces them, or skips the tensor.
    ///
    /// # Errors
    /// [`StoredDtypeError`] for every other.
    pub fn dtype(&self) -> Result<StoredDtype, StoredDtypeError> {
        self.dtype.parse()
    }
}

impl Spec {
    /// A spec from JSON: name to `{dtype, shape[, initializer]}`, or the JSON header of a
    /// safetensors file, whose `__metadata__` and `data_offsets` are skipped.
    ///
    /// # Errors
    /// [`SpecError`], which names the tensor.
    pub fn from_json(json: &[u8]) -> Result<Self, SpecError> {
        match Json::read(json)? {
            Json::Tensors(tensors) => Ok(Self { tensors, ..Self::default() }),
            Json::Index(_) => {
                Err(SpecError::other("it is an index of shards, which must stand beside it"))
            }
        }
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
    /// assert_eq!(&*spec.tensors[0].name, "b");
    /// # Ok::<(), varscale_model::SpecError>(())
    /// ```
    pub fn from_safetensors(file: impl io::Read, length: u64) -> Result<Self, SpecError> {
        Self::from_json(&safetensors::read_header(file, length)?)
    }

    /// A spec from a file, by its content: a safetensors file, of which the header is read; JSON; an
    /// index of shards, with the headers of the shards beside it; or a folder with one of these.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Spec`], which name the file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        file::read(path)
    }

    /// The tensors, and then those elsewhere.
    pub(crate) fn with_elsewhere(&self) -> impl Iterator<Item = &SpecTensor> {
        let elsewhere = self.elsewhere.iter().flat_map(|elsewhere| &elsewhere.tensors);
        self.tensors.iter().chain(elsewhere)
    }
}
