//! Files that have their name only once they are whole: written beside, flushed, renamed.
//!
//! The file beside is locked as long as its process lives, by which the next run to the same output
//! tells what a killed one left.

use std::{
    ffi::OsStr,
    fs::{self, File, Metadata},
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use tempfile::NamedTempFile;

use super::{
    error::{Named, OutputError},
    system,
};
use crate::stream::BLOCK;

/// The files that are not whole yet, for [`remove_unfinished`].
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn unfinished() -> MutexGuard<'static, Vec<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes every file that this process has not finished, for one that ends at once. They cannot
/// be finished from then on.
pub fn remove_unfinished() {
    for path in unfinished().drain(..) {
        let _ = fs::remove_file(path);
    }
}

/// A file that takes its name when it is finished; dropped before, it is removed.
#[derive(Debug)]
pub(super) struct AtomicFile {
    file: NamedTempFile<File>,
    path: PathBuf,
    /// Whether writes go past the system's cache.
    direct: bool,
    /// Whether what has the name when all is written is replaced.
    replace: bool,
}

impl AtomicFile {
    /// A file beside `path`, which is no link, and what killed runs had left of it, removed.
    /// `existing` is what is to be replaced, by `force`, as is what takes the name meanwhile.
    pub(super) fn create(
        named: &Named,
        path: &Path,
        existing: Option<Metadata>,
        force: bool,
        length: Option<u64>,
    ) -> Result<(Self, Vec<PathBuf>), OutputError> {
        let failed = |error| named.write(error);
        Self::check(named, path, existing.as_ref())?;
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(named.kind("a folder"));
        };
        let prefix = prefix(name);
        let leftovers = remove_leftovers(folder, &prefix);
        if let Some(length) = length {
            check_space(named, path, length)?;
        }
        let file = create_locked(folder, &prefix, existing.is_some()).map_err(failed)?;
        unfinished().push(file.path().to_owned());
        let direct = length.is_some_and(|length| length >= LARGE)
            && system::set_direct(file.as_file(), true);
        let file = Self { file, path: path.to_owned(), direct, replace: force };
        if let Some(existing) = existing {
            system::keep(file.file.as_file(), &existing).map_err(failed)?;
        }
        Ok((file, leftovers))
    }

    /// Removes what killed runs had left beside `path`.
    pub(super) fn remove_leftovers(path: &Path) -> Vec<PathBuf> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Vec::new();
        };
        remove_leftovers(folder, &prefix(name))
    }

    /// Whether a file could be created.
    pub(super) fn check(
        named: &Named,
        path: &Path,
        existing: Option<&Metadata>,
    ) -> Result<(), OutputError> {
        let folder = path.parent();
        let fixed = folder.and_then(|folder| system::fixed(folder, existing.map(|_| path)));
        fixed.map_or(Ok(()), |reason| Err(named.fixed(reason)))
    }

    /// Whole blocks in whole blocks of memory go to the disk without a copy, where the file is large and
    /// the system does it.
    pub(super) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while self.direct && !bytes.is_empty() {
            let written = match is_whole_blocks(bytes) {
                true => self.file.as_file_mut().write(bytes),
                false => Err(io::ErrorKind::InvalidInput.into()),
            };
            match written {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // From now on all goes through the cache.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                    self.direct = false;
                    system::set_direct(self.file.as_file(), false);
                }
                Err(error) => return Err(error),
            }
        }
        self.file.write_all(bytes)
    }

    /// Waits until all is on the disk, and gives it its name.
    pub(super) fn finish(mut self, named: &Named) -> Result<(), OutputError> {
        let failed = |error| named.write(error);
        self.file.as_file().sync_all().map_err(failed)?;
        self.rename(named)?;
        let folder = self.path.parent().unwrap_or(Path::new("."));
        system::sync_folder(folder).map_err(failed)
    }

    fn rename(&mut self, named: &Named) -> Result<(), OutputError> {
        // Held, so that nothing is removed that has its name.
        let mut unfinished = unfinished();
        let own = self.file.path();
        if !unfinished.iter().any(|path| path == own) {
            return Err(named.write(io::ErrorKind::Interrupted.into()));
        }
        match fs::symlink_metadata(&self.path) {
            Ok(metadata) if !metadata.is_file() => {
                return Err(named.fixed("it has become something else than a file meanwhile"));
            }
            Ok(_) if !self.replace => return Err(named.exists()),
            _ => {}
        }
        if self.replace { fs::rename(own, &self.path) } else { rename_new(own, &self.path) }
            .map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => named.exists(),
                _ => named.write(error),
            })?;
        unfinished.retain(|path| path != own);
        self.file.disable_cleanup(true);
        Ok(())
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        let own = self.file.path();
        unfinished().retain(|path| path != own);
    }
}

/// Smaller files stay in the system's cache, where their readers find them.
const LARGE: u64 = 64 << 20;

fn is_whole_blocks(bytes: &[u8]) -> bool {
    bytes.len().is_multiple_of(BLOCK) && bytes.as_ptr().align_offset(BLOCK) == 0
}

/// Renames unless something has the name by now.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match system::rename_new(from, to) {
        // File systems that cannot do both in one step.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => fs::rename(from, to),
        result => result,
    }
}

/// How the names begin of files beside one called `name`: they hold it, so that what the file system
/// refuses in a name is refused now, unless it is long.
fn prefix(name: &OsStr) -> String {
    const LONGEST: usize = 100;
    match name.to_str() {
        Some(name) if name.len() <= LONGEST => format!(".{name}.varscale-"),
        _ => {
            let mut hasher = DefaultHasher::new();
            name.as_encoded_bytes().hash(&mut hasher);
            format!(".{:016x}.varscale-", hasher.finish())
        }
    }
}

/// How many random characters follow.
const RANDOM: usize = 6;

const SUFFIX: &str = ".tmp";

/// Removes the files of this prefix that no process holds.
fn remove_leftovers(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let is_own = |name: &OsStr| {
        let random = name.as_encoded_bytes().strip_prefix(prefix.as_bytes());
        let random = random.and_then(|rest| rest.strip_suffix(SUFFIX.as_bytes()));
        random.is_some_and(|random| {
            random.len() == RANDOM && random.iter().all(u8::is_ascii_alphanumeric)
        })
    };
    let paths = entries.flatten().filter(|entry| {
        is_own(&entry.file_name()) && entry.file_type().is_ok_and(|kind| kind.is_file())
    });
    let removed = |path: &PathBuf| {
        let Ok(file) = File::options().write(true).open(path) else { return false };
        // Still locked when it is removed: its process may be about to lock it.
        file.try_lock().is_ok() && fs::remove_file(path).is_ok()
    };
    paths.map(|entry| entry.path()).filter(removed).collect()
}

/// A new file, locked before another process takes it for a leftover.
fn create_locked(folder: &Path, prefix: &str, private: bool) -> io::Result<NamedTempFile<File>> {
    const TRIES: usize = 20;
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).rand_bytes(RANDOM).suffix(SUFFIX);
    // The user's mask decides who reads a new file; another has the old one's mode soon.
    system::set_new_mode(&mut builder, private);
    for _ in 0..TRIES {
        let file = builder.tempfile_in(folder).map_err(without_name)?;
        match file.as_file().try_lock() {
            Err(fs::TryLockError::WouldBlock) => continue,
            // File systems without locks: what is left there stays.
            Ok(()) | Err(fs::TryLockError::Error(_)) => {}
        }
        if file.path().exists() {
            return Ok(file);
        }
    }
    Err(io::Error::other("other runs to the same output keep removing its file"))
}

/// tempfile adds its own file's name, which tells the user nothing.
fn without_name(error: io::Error) -> io::Error {
    let Some(code) = error.raw_os_error() else {
        let inner = error.get_ref().and_then(|error| error.source());
        let plain = inner.and_then(|error| error.downcast_ref::<io::Error>());
        return match plain.and_then(io::Error::raw_os_error) {
            Some(code) => io::Error::from_raw_os_error(code),
            None => error.kind().into(),
        };
    };
    io::Error::from_raw_os_error(code)
}

/// Whether there is room on the disk for files beside `path`.
pub(super) fn check_disk(named: &Named, path: &Path, length: u64) -> Result<(), OutputError> {
    match path.parent().and_then(system::free_space) {
        Some(free) if free < length => {
            Err(named.space(length, "the bytes free on its disk are", free))
        }
        _ => Ok(()),
    }
}

fn check_space(named: &Named, path: &Path, length: u64) -> Result<(), OutputError> {
    check_disk(named, path, length)?;
    match system::size_limit() {
        Some(limit) if limit < length => {
            Err(named.space(length, "this process's limit for files (ulimit -f) is", limit))
        }
        _ => Ok(()),
    }
}
