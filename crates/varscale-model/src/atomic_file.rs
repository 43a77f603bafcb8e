//! Files that have their name only once they are whole: written beside, flushed, renamed.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

use tempfile::NamedTempFile;

/// A file that takes its name, and the place of what has it now, when it is finished; dropped
/// before, it is removed.
///
/// ```
/// use varscale_model::AtomicFile;
/// let path = std::env::temp_dir().join("varscale-atomic-file.txt");
/// let mut file = AtomicFile::create(&path)?;
/// file.write(b"whole")?;
/// assert!(!path.exists());
/// file.finish(&path)?;
/// assert_eq!(std::fs::read(&path)?, b"whole");
/// # std::fs::remove_file(path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct AtomicFile(NamedTempFile<File>);

impl AtomicFile {
    /// A nameless file in the folder of `path`.
    ///
    /// # Errors
    /// What the operating system says of the folder, and where `path` is a folder itself.
    pub fn create(path: &Path) -> io::Result<Self> {
        // Known now; the rename would find out when all is drawn.
        if path.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix(".varscale-").suffix(".tmp");
        // The user's mask decides who reads the file; temporary files are private otherwise.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        // Of a bare file name, the parent is the empty path.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        builder.tempfile_in(folder.unwrap_or(Path::new("."))).map(Self).map_err(|error| {
            // tempfile adds its own file's name, which tells the user nothing.
            let plain = error.get_ref().and_then(|error| error.source()).map(ToString::to_string);
            plain.map_or(error, io::Error::other)
        })
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    /// Waits until all is on the disk, and gives it the name `path`.
    ///
    /// # Errors
    /// What the operating system says; the file is removed then.
    pub fn finish(self, path: &Path) -> io::Result<()> {
        self.0.as_file().sync_all()?;
        self.0.persist(path).map_err(|error| error.error)?;
        Ok(())
    }
}
