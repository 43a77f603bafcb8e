//! Checkpoints that are read: what their headers say, checked, and the bytes of their values.

mod error;
mod header;
mod open_files;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::Value;

pub use self::error::StoredError;
pub(crate) use self::open_files::OpenFiles;
use crate::{
    Error, SpecTensor, StoredDtype, StoredDtypeError,
    recipe::RECIPE,
    spec::{
        file::{Content, Named, content, tensors},
        json::Json,
    },
};

/// A checkpoint: a safetensors file, an index with its shards, or a folder with one of these.
///
/// Its headers were checked: every tensor has a place of its own, of the size that its shape and dtype
/// ask for, in a file that holds nothing else; index and shards agree.
///
/// ```
/// use varscale_model::Checkpoint;
///
/// let path = std::env::temp_dir().join("varscale-checkpoint.safetensors");
/// let header = br#"{"w":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}"#;
/// std::fs::write(&path, [&(header.len() as u64).to_le_bytes()[..], header, &[1, 2, 3]].concat())?;
///
/// let checkpoint = Checkpoint::open(&path)?;
/// let tensor = &checkpoint.tensors[0];
/// let mut bytes = [0; 2];
/// checkpoint.files[tensor.file].open()?.read_at(tensor.offset + 1, &mut bytes)?;
/// assert_eq!((&*tensor.name, bytes), ("w", [2, 3]));
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// The tensors in the order of the file, or of the index.
    pub tensors: Vec<StoredTensor>,
    /// The files that hold them.
    pub files: Vec<CheckpointFile>,
    /// The index, if there is one.
    pub index: Option<CheckpointIndex>,
}

/// A tensor of a [`Checkpoint`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTensor {
    /// Its name.
    pub name: Arc<str>,
    /// Its dtype, by the format's name (`BF16`).
    pub dtype: Arc<str>,
    /// Bits of an element; some dtypes have fewer than 8.
    pub bits: u64,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Which of [`Checkpoint::files`] holds it.
    pub file: usize,
    /// Where its first byte is, from the beginning of the file.
    pub offset: u64,
    /// Number of its bytes.
    pub bytes: u64,
}

/// A safetensors file of a [`Checkpoint`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointFile {
    /// Its path.
    pub path: PathBuf,
    /// Its length in bytes.
    pub length: u64,
    /// Its `__metadata__`.
    pub metadata: BTreeMap<String, String>,
}

/// The index of a [`Checkpoint`] of several files.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckpointIndex {
    /// Its path.
    pub path: PathBuf,
    /// Its `metadata`, as it stands there; `null` where there is none.
    pub metadata: Value,
}

impl Checkpoint {
    /// Reads and checks the headers of what `path` names.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Stored`], which name the file.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let mut files = Vec::new();
        let found = tensors(path, &mut |path| described(path, &mut files)).map_err(stored)?;
        let index = found.index.map(|metadata| (found.files[0].clone(), metadata));
        let index = index.map(|(path, metadata)| CheckpointIndex { path, metadata });
        match &index {
            Some(index) if found.tensors.is_empty() => Err(Error::Stored {
                path: index.path.clone(),
                source: Box::new(StoredError::EmptyIndex),
            }),
            _ => Ok(Self { tensors: found.tensors, files, index }),
        }
    }

    /// Whether its metadata holds a recipe, which a copy that another program saved may lack.
    #[must_use]
    pub fn has_recipe(&self) -> bool {
        match &self.index {
            Some(index) => index.metadata.get(RECIPE).is_some(),
            None => self.files.iter().any(|file| file.metadata.contains_key(RECIPE)),
        }
    }
}

/// What a file of a checkpoint says of tensors.
fn described(path: &Path, files: &mut Vec<CheckpointFile>) -> Result<Json<StoredTensor>, Error> {
    let unreadable = |source| Error::Read { path: path.to_owned(), source };
    let refused =
        |source: StoredError| Error::Stored { path: path.to_owned(), source: Box::new(source) };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        // Before it is opened: a pipe would wait for its writer.
        let found = "it is no regular file, whose bytes can be read in any order".to_owned();
        return Err(refused(StoredError::Other { found }));
    }
    let length = metadata.len();
    let mut file = File::open(path).map_err(unreadable)?;
    match content(path, &mut file, length)? {
        Content::Json(json) => match Json::<SpecTensor>::read(&json) {
            Ok(Json::Index(index)) => Ok(Json::Index(index)),
            Ok(Json::Tensors(_)) => {
                let found = "it is a spec, which has no values".to_owned();
                Err(refused(StoredError::Other { found }))
            }
            Err(error) => Err(refused(error.into())),
        },
        Content::Header(json) => {
            let (tensors, metadata) = header::read(&json, length, files.len()).map_err(refused)?;
            files.push(CheckpointFile { path: path.to_owned(), length, metadata });
            Ok(Json::Tensors(tensors))
        }
    }
}

/// What is wrong with a spec, as what is wrong with a checkpoint.
fn stored(error: Error) -> Error {
    match error {
        Error::Spec { path, source } => Error::Stored { path, source: Box::new(source.into()) },
        error => error,
    }
}

impl Named for StoredTensor {
    fn name(&self) -> &Arc<str> {
        &self.name
    }
}

impl StoredTensor {
    /// The dtype that plans know it by.
    ///
    /// # Errors
    /// [`StoredDtypeError`] for those that they do not.
    pub fn dtype(&self) -> Result<StoredDtype, StoredDtypeError> {
        self.dtype.parse()
    }

    /// Number of its values.
    #[must_use]
    pub fn elements(&self) -> u64 {
        // Whether it fits was checked; a part of the product may not where one is 0.
        match self.shape.contains(&0) {
            true => 0,
            false => self.shape.iter().map(|&size| size as u64).product(),
        }
    }
}

impl CheckpointIndex {
    /// Its name, without its folder.
    #[must_use]
    pub fn name(&self) -> String {
        name(&self.path)
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

impl CheckpointFile {
    /// Its name, without its folder.
    #[must_use]
    pub fn name(&self) -> String {
        name(&self.path)
    }

    /// Opens it, to read its values.
    ///
    /// # Errors
    /// [`Error::Read`], also where it has another length by now.
    pub fn open(&self) -> Result<OpenFile, Error> {
        let file = File::open(&self.path).and_then(|file| match file.metadata()?.len() {
            length if length == self.length => Ok(file),
            length => Err(io::Error::other(format!(
                "it has {length} bytes now, and had {} when its header was read",
                self.length
            ))),
        });
        let file = file.map_err(|source| Error::Read { path: self.path.clone(), source })?;
        // Where the system does not take the hint, reading is slower at most.
        #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
        let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Sequential);
        Ok(OpenFile { file, path: self.path.clone() })
    }
}

/// A [`CheckpointFile`] that is open. Threads read it together.
#[derive(Debug)]
pub struct OpenFile {
    file: File,
    path: PathBuf,
}

impl OpenFile {
    /// Fills `bytes` with those of the file from byte `offset` on.
    ///
    /// # Errors
    /// [`Error::Read`], also where the file ends before.
    pub fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<(), Error> {
        read_exact_at(&self.file, offset, bytes)
            .map_err(|source| Error::Read { path: self.path.clone(), source })
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut offset: u64, mut bytes: &mut [u8]) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !bytes.is_empty() {
        match file.seek_read(bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                bytes = &mut bytes[read..];
                offset += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
