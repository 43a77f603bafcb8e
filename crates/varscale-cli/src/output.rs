//! Output: one tensor as a .safetensors or .npy file, or as npy on the standard output.

use std::{
    fmt::Write as _,
    io::{Write, stdout},
    path::{Path, PathBuf},
};

use varscale::{Dtype, Stream};
use varscale_model::{
    CheckpointError, Options, Part, PourError, pour, safetensors_header, write_file,
};

use crate::terminal::{Failure, interrupt_flag};

/// What numpy can read: more axes than this it refuses.
const MOST_NPY_AXES: usize = 64;

/// Where a tensor is written, and how.
#[derive(Debug)]
pub(crate) enum Target {
    Stdout,
    Npy(PathBuf),
    Safetensors(PathBuf),
}

impl Target {
    /// From the argument of `--output`.
    pub(crate) fn new(path: &Path) -> Result<Self, Failure> {
        if path == Path::new("-") {
            return Ok(Self::Stdout);
        }
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        match extension.to_str() {
            Some("npy") => Ok(Self::Npy(path.to_owned())),
            Some("safetensors") => Ok(Self::Safetensors(path.to_owned())),
            _ => Err(Failure::Input(format!(
                "invalid output {:?}: use a file name that ends in .safetensors or .npy, or - for \
                 npy on the standard output",
                path.display()
            ))),
        }
    }

    /// The start of the file, which stands before the values. `metadata` is for safetensors.
    pub(crate) fn header(
        &self,
        part: &Part,
        stream: Stream,
        metadata: Vec<(&str, String)>,
    ) -> Result<Vec<u8>, Failure> {
        let (shape, dtype) = (&part.slice.extent, part.dtype);
        match self {
            Self::Stdout | Self::Npy(_) => npy(shape, dtype),
            Self::Safetensors(_) => safetensors_header(
                stream,
                metadata,
                [(part.name.as_str(), dtype, shape.as_slice())],
            )
            .map_err(|error| Failure::Input(error.to_string())),
        }
    }

    /// Writes `header` and the values of `part`. A file has its name only once it is whole.
    pub(crate) fn write(&self, header: &[u8], part: Part, options: Options) -> Result<(), Failure> {
        let interrupted = interrupt_flag()?;
        let mut progress = |_| ();
        if let Self::Npy(path) | Self::Safetensors(path) = self {
            write_file(path, header, [part], options, &interrupted, &mut progress)?;
            return Ok(());
        }
        let mut put = |bytes: &[u8]| stdout().write_all(bytes);
        put(header).map_err(|error| Failure::stdout(&error))?;
        pour([part], options, &interrupted, &mut progress, &mut put)
            .and_then(|()| Ok(stdout().flush()?))
            .map_err(|error| match error {
                PourError::Write(error) => Failure::stdout(&error),
                error => CheckpointError::Pour(error).into(),
            })
    }
}

/// The header of numpy's format 1.0 (numpy/lib/_format_impl.py).
fn npy(shape: &[usize], dtype: Dtype) -> Result<Vec<u8>, Failure> {
    let elements = varscale::element_count(shape).map_err(varscale::Error::from)?;
    if elements.checked_mul(dtype.size() as u64).is_none() {
        return Err(Failure::Input(format!(
            "a .npy file cannot hold shape {shape:?} in {dtype}: at most 2^64 - 1 bytes are \
             allowed; write slices of it"
        )));
    }
    let descr = match dtype {
        Dtype::Float16 => "<f2",
        Dtype::Float32 => "<f4",
        Dtype::Float64 => "<f8",
        Dtype::BFloat16 => {
            let message = "invalid dtype \"bfloat16\" of a .npy file: numpy has none; use \
                           --output NAME.safetensors, or another dtype";
            return Err(Failure::Input(message.into()));
        }
    };
    if shape.len() > MOST_NPY_AXES {
        let axes = shape.len();
        return Err(Failure::Input(format!(
            "a .npy file cannot hold a shape of {axes} axes: numpy allows at most \
             {MOST_NPY_AXES}; use --output NAME.safetensors"
        )));
    }
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (");
    for size in shape {
        // The comma makes (3,) a tuple.
        let _ = write!(text, "{size},");
    }
    text += "), }";
    const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";
    const ALIGNMENT: usize = 64;
    let length = (MAGIC.len() + 2 + text.len() + 1).next_multiple_of(ALIGNMENT) - MAGIC.len() - 2;
    let mut header = MAGIC.to_vec();
    header.extend((length as u16).to_le_bytes());
    header.extend(format!("{text:0$}\n", length - 1).bytes());
    Ok(header)
}
