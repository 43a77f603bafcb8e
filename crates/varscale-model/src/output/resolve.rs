//! What a path names, past its symbolic links.

use std::{
    fs::{self, Metadata},
    io,
    path::{Path, PathBuf},
};

use super::system;

/// As many as Linux follows.
const MOST_LINKS: usize = 40;

/// What a path names.
pub(super) enum Resolved {
    /// This process's standard output, as in `/dev/stdout`.
    Stdout,
    /// An open file of a process, as in `/dev/fd/3`.
    Descriptor(PathBuf),
    /// A name in a folder, which is no link, and what has it.
    Path(PathBuf, Option<Metadata>),
}

/// Follows links by hand: the last one's target may not exist yet, and what a link to an open file
/// reads as is no path.
pub(super) fn resolve(path: &Path) -> io::Result<Resolved> {
    if path
        .as_os_str()
        .as_encoded_bytes()
        .last()
        .is_some_and(|&end| std::path::is_separator(end.into()))
    {
        // Rust's paths leave the last separator out; it asks for a folder.
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let mut path = path.to_owned();
    for _ in 0..=MOST_LINKS {
        let Some(name) = path.file_name() else {
            return Err(io::ErrorKind::IsADirectory.into());
        };
        // Of a bare file name, the parent is the empty path.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = fs::canonicalize(folder.unwrap_or(Path::new(".")))?;
        let whole = folder.join(name);
        match system::descriptor(&folder, name) {
            Some(true) => return Ok(Resolved::Stdout),
            Some(false) => return Ok(Resolved::Descriptor(whole)),
            None => {}
        }
        match fs::symlink_metadata(&whole) {
            Ok(metadata) if metadata.is_symlink() => path = folder.join(fs::read_link(&whole)?),
            Ok(metadata) => return Ok(Resolved::Path(whole, Some(metadata))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Resolved::Path(whole, None));
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("its symbolic links lead in a circle"))
}
