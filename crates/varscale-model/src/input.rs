//! Input files, which are read whole.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use crate::{Error, format::safetensors::MAX_HEADER};

/// The bytes of a file of at most 100 MB, the most that a safetensors header may hold.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let file = File::open(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    whole(path, file)
}

/// What is left to read of a file, as [`read`].
pub(crate) fn whole(path: &Path, file: impl Read) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    file.take(MAX_HEADER + 1)
        .read_to_end(&mut bytes)
        .and_then(|length| match length as u64 {
            0..=MAX_HEADER => Ok(bytes),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("it is longer than {MAX_HEADER} bytes"),
            )),
        })
        .map_err(|source| Error::Read { path: path.to_owned(), source })
}
