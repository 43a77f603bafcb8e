//! Formats: what files of tensors look like, one row each.

mod npy;
pub(crate) mod safetensors;

use std::path::Path;

use crate::StoredDtype;

/// A tensor in a file: its name, dtype and shape.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Its name; formats of one tensor have none.
    pub name: &'a str,
    /// Its dtype.
    pub dtype: StoredDtype,
    /// Its shape.
    pub shape: &'a [usize],
}

/// A format: everything that stands in front of the values, which follow each other in row-major
/// order and little-endian bytes.
#[derive(Debug)]
pub struct Format {
    /// Ending of its files' names, in lower case.
    pub extension: &'static str,
    header: MakeHeader,
}

/// Of tensors, which follow each other, and metadata.
type MakeHeader = fn(&[Entry<'_>], &[(&str, String)]) -> Result<Vec<u8>, HeaderError>;

/// Why a format has no header for what is to be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// More bytes of header than readers take.
    #[error("the header takes {bytes} bytes, and {format} allows {allowed}: use fewer tensors")]
    TooLong {
        /// Extension of the format.
        format: &'static str,
        /// Its length in bytes.
        bytes: u64,
        /// Most that are allowed.
        allowed: u64,
    },
    /// More bytes of data than offsets can name.
    #[error("tensor {tensor:?} of shape {shape:?} ends beyond 2^64 - 1 bytes, all that is allowed")]
    TooLarge {
        /// Name of the tensor.
        tensor: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// A name that the format keeps for itself.
    #[error("invalid tensor name {name:?}: a {format} file keeps it for itself")]
    Reserved {
        /// Extension of the format.
        format: &'static str,
        /// The name.
        name: String,
    },
    /// A dtype that the format lacks.
    #[error(
        "invalid dtype {dtype} of a .{format} file: it has {known}; use another dtype, or \
         NAME.safetensors"
    )]
    Dtype {
        /// Extension of the format.
        format: &'static str,
        /// The dtype asked for.
        dtype: StoredDtype,
        /// Those that it has.
        known: String,
    },
    /// More axes than readers take.
    #[error(
        "a .{format} file cannot hold a shape of {axes} axes: at most {allowed} are allowed; use \
         NAME.safetensors"
    )]
    Axes {
        /// Extension of the format.
        format: &'static str,
        /// Number of axes.
        axes: usize,
        /// Most that are allowed.
        allowed: usize,
    },
    /// Another number of tensors than one.
    #[error("a .{format} file holds one tensor: {tensors} are to be written")]
    Tensors {
        /// Extension of the format.
        format: &'static str,
        /// Number of tensors.
        tensors: usize,
    },
}

impl Format {
    /// The safetensors format: any number of named tensors, and metadata.
    pub const SAFETENSORS: Self =
        Self { extension: safetensors::EXTENSION, header: safetensors::header };

    /// NumPy's format: one tensor, without name and metadata.
    pub const NPY: Self = Self { extension: npy::EXTENSION, header: npy::header };

    /// Every format.
    pub const ALL: &[Self] = &[Self::SAFETENSORS, Self::NPY];

    /// The format that the ending of a file's name stands for.
    ///
    /// ```
    /// use varscale_model::Format;
    /// let format = Format::of("model.safetensors".as_ref());
    /// assert_eq!(format.map(|format| format.extension), Some("safetensors"));
    /// assert!(Format::of("model.h5".as_ref()).is_none());
    /// ```
    #[must_use]
    pub fn of(path: &Path) -> Option<&'static Self> {
        let extension = path.extension()?;
        Self::ALL.iter().find(|format| extension.eq_ignore_ascii_case(format.extension))
    }

    /// Everything in front of the values of `tensors`, which follow each other in this order.
    /// `metadata` goes into formats that have a place for it.
    ///
    /// # Errors
    /// [`HeaderError`].
    pub fn header(
        &self,
        tensors: &[Entry<'_>],
        metadata: &[(&str, String)],
    ) -> Result<Vec<u8>, HeaderError> {
        (self.header)(tensors, metadata)
    }
}

/// The name that a format has for a dtype.
fn dtype_name(
    format: &'static str,
    names: &[(StoredDtype, &'static str)],
    dtype: StoredDtype,
) -> Result<&'static str, HeaderError> {
    names.iter().find(|&&(known, _)| known == dtype).map(|&(_, name)| name).ok_or_else(|| {
        let known: Vec<_> = names.iter().map(|(dtype, _)| dtype.name()).collect();
        HeaderError::Dtype { format, dtype, known: known.join(", ") }
    })
}

/// Bytes of a tensor's values.
fn bytes_of(entry: &Entry<'_>) -> Result<u64, HeaderError> {
    let elements = varscale::element_count(entry.shape).ok();
    elements.and_then(|elements| entry.dtype.bytes(elements)).ok_or_else(|| too_large(entry))
}

fn too_large(entry: &Entry<'_>) -> HeaderError {
    HeaderError::TooLarge { tensor: entry.name.to_owned(), shape: entry.shape.to_owned() }
}
