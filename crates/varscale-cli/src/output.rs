//! Output: one tensor as a .safetensors or .npy file, or as npy on the standard output.

use std::{
    io::{Write, stdout},
    path::{Path, PathBuf},
};

use varscale_model::{
    CheckpointError, Entry, Format, Options, Piece, WriteError, write_file, write_pieces,
};

use crate::terminal::{Failure, interrupt_flag};

/// Where a tensor is written, and how.
#[derive(Debug)]
pub(crate) enum Target {
    Stdout,
    File(PathBuf, &'static Format),
}

impl Target {
    /// From the argument of `--output`.
    pub(crate) fn new(path: &Path) -> Result<Self, Failure> {
        if path == Path::new("-") {
            return Ok(Self::Stdout);
        }
        match Format::of(path) {
            Some(format) => Ok(Self::File(path.to_owned(), format)),
            None => Err(Failure::Input(format!(
                "invalid output {:?}: use a file name that ends in {}, or - for npy on the standard \
                 output",
                path.display(),
                Format::ALL
                    .iter()
                    .map(|format| format!(".{}", format.extension))
                    .collect::<Vec<_>>()
                    .join(" or "),
            ))),
        }
    }

    /// Writes the values of `piece` behind their header. A file has its name only once it is whole.
    pub(crate) fn write(
        &self,
        piece: Piece,
        metadata: &[(&str, String)],
        options: Options,
    ) -> Result<(), Failure> {
        let format = match self {
            Self::Stdout => &Format::NPY,
            Self::File(_, format) => format,
        };
        let Piece { name, slice, dtype, .. } = &piece;
        let entry = Entry { name, dtype: *dtype, shape: &slice.extent };
        let header =
            format.header(&[entry], metadata).map_err(|error| Failure::Input(error.to_string()))?;

        let interrupted = interrupt_flag()?;
        let mut progress = |_| ();
        if let Self::File(path, _) = self {
            write_file(path, &header, [piece], options, &interrupted, &mut progress)?;
            return Ok(());
        }
        let mut put = |bytes: &[u8]| stdout().write_all(bytes);
        put(&header).map_err(|error| Failure::stdout(&error))?;
        write_pieces([piece], options, &interrupted, &mut progress, &mut put)
            .and_then(|()| Ok(stdout().flush()?))
            .map_err(|error| match error {
                WriteError::Write(error) => Failure::stdout(&error),
                error => CheckpointError::Values(error).into(),
            })
    }
}
