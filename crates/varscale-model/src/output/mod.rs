//! Outputs: where a command writes. A file has its name only once it is whole, and nothing but a
//! regular file is ever replaced.

mod atomic_file;
mod error;
mod resolve;
mod system;

use std::{
    fs::{self, File, Metadata},
    io::{self, Write},
    path::{Path, PathBuf},
};

use self::{
    atomic_file::AtomicFile,
    error::Named,
    resolve::{Resolved, resolve},
};
pub use self::{atomic_file::remove_unfinished, error::OutputError};

/// Where a command writes, and what it may replace.
///
/// What it names decides how it is written:
///
/// | it is | what happens |
/// | --- | --- |
/// | nothing yet | a new file, under its name once it is whole and on the disk |
/// | a regular file | an error; with [`force`](Self::force), replaced likewise, with its mode |
/// | a symbolic link | its target is written; the link stays |
/// | a terminal, a pipe, another character device, an open descriptor (`/dev/fd/3`) | written to |
/// | a folder, a block device, a socket | an error |
/// | one of the [`inputs`](Self::inputs), by whatever path or link | an error, always |
///
/// ```
/// use varscale_model::Output;
/// let path = std::env::temp_dir().join("varscale-output.txt");
/// # let _ = std::fs::remove_file(&path);
/// let mut sink = Output::new(&path).open(None)?;
/// sink.write(b"whole")?;
/// assert!(!path.exists());
/// sink.finish()?;
/// assert_eq!(std::fs::read(&path)?, b"whole");
/// assert!(Output::new(&path).open(None).is_err());
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Output {
    /// `None` is the standard output.
    path: Option<PathBuf>,
    force: bool,
    inputs: Vec<PathBuf>,
}

impl Output {
    /// What `path` names, which must not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: Some(path.into()), force: false, inputs: Vec::new() }
    }

    /// The standard output.
    #[must_use]
    pub fn stdout() -> Self {
        Self { path: None, force: false, inputs: Vec::new() }
    }

    /// As on a command line: `-` is the standard output, all else a path.
    pub fn named(argument: &Path) -> Self {
        if argument == Path::new("-") { Self::stdout() } else { Self::new(argument) }
    }

    /// Whether an existing file is replaced.
    #[must_use]
    pub fn force(self, force: bool) -> Self {
        Self { force, ..self }
    }

    /// Further files that are read: they are never written, not even by force.
    #[must_use]
    pub fn inputs(mut self, inputs: impl IntoIterator<Item = PathBuf>) -> Self {
        self.inputs.extend(inputs);
        self
    }

    /// Its path; `None` for [`Output::stdout`].
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Name of the file, as messages and digests call it.
    pub(crate) fn file_name(&self) -> String {
        let name = self.path.as_ref().and_then(|path| path.file_name()).unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Whether it is the standard output, by whatever name.
    #[must_use]
    pub fn is_stdout(&self) -> bool {
        self.path.as_ref().is_none_or(|path| matches!(resolve(path), Ok(Resolved::Stdout)))
    }

    /// Whether it is written to as it is: the standard output, a pipe, a terminal, an open
    /// descriptor.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        match self.path.as_deref().map(resolve) {
            None | Some(Ok(Resolved::Stdout | Resolved::Descriptor(_))) => true,
            Some(Ok(Resolved::Path(_, Some(metadata)))) => {
                !metadata.is_file() && system::refused_kind(&metadata).is_none()
            }
            _ => false,
        }
    }

    /// Whether it replaces a file that exists.
    pub(crate) fn is_forced(&self) -> bool {
        self.force
    }

    /// What has another name in the same folder, with the same inputs and rights.
    #[must_use]
    pub fn beside(&self, name: &str) -> Self {
        let path = self.path.as_ref().map_or_else(|| name.into(), |path| path.with_file_name(name));
        Self { path: Some(path), ..self.clone() }
    }

    /// Checks that it may be written: what it names now, and that it is no stream. Nothing is changed.
    ///
    /// # Errors
    /// [`OutputError`].
    pub fn check(&self) -> Result<(), OutputError> {
        let named = self.named_in_messages();
        match self.target(&named)? {
            Target::File(path, existing) => AtomicFile::check(&named, &path, existing.as_ref()),
            Target::Stdout | Target::Descriptor(_) | Target::Device(_) => {
                Err(named.kind("no regular file"))
            }
        }
    }

    /// Checks that there is room for so many bytes in its folder.
    pub(crate) fn check_space(&self, bytes: u64) -> Result<(), OutputError> {
        let named = self.named_in_messages();
        match self.target(&named)? {
            Target::File(path, _) => atomic_file::check_disk(&named, &path, bytes),
            Target::Stdout | Target::Descriptor(_) | Target::Device(_) => Ok(()),
        }
    }

    /// Removes what killed runs had left of it.
    pub(crate) fn remove_leftovers(&self) -> Vec<PathBuf> {
        self.target_path().map_or_else(Vec::new, |path| AtomicFile::remove_leftovers(&path))
    }

    /// What it is past its links, if it is a file or can be one.
    pub(crate) fn target_path(&self) -> Option<PathBuf> {
        match self.path.as_deref().map(resolve) {
            Some(Ok(Resolved::Path(path, _))) => Some(path),
            _ => None,
        }
    }

    /// That it is the same file as another output of the same run.
    pub(crate) fn same(&self, other: &str) -> OutputError {
        self.named_in_messages().same(other)
    }

    /// That it is a stream, and so many files are to be written.
    pub(crate) fn shard(&self) -> OutputError {
        self.named_in_messages().kind("a shard's name, where that of the one file is asked for")
    }

    pub(crate) fn several(&self, files: usize) -> OutputError {
        self.named_in_messages().several(files)
    }

    fn named_in_messages(&self) -> Named {
        self.path.as_deref().map_or_else(Named::stdout, Named::path)
    }

    /// Opens it for so many bytes, where that is known. What is bound to fail at the end fails now.
    ///
    /// # Errors
    /// [`OutputError`].
    pub fn open(&self, length: Option<u64>) -> Result<Sink, OutputError> {
        let named = self.named_in_messages();
        let stream = |file: io::Result<File>| {
            let file = file.map_err(|error| named.write(error))?;
            Ok(Sink { named: named.clone(), open: Open::Stream(file), leftovers: Vec::new() })
        };
        match self.target(&named)? {
            Target::Stdout => self.open_stdout(),
            // Never from its beginning: whoever opened it may have written before.
            Target::Descriptor(path) => stream(File::options().append(true).open(path)),
            Target::Device(path) => stream(File::options().write(true).open(path)),
            Target::File(path, existing) => {
                let (file, leftovers) =
                    AtomicFile::create(&named, &path, existing, self.force, length)?;
                Ok(Sink { named, open: Open::Atomic(file), leftovers })
            }
        }
    }

    /// What it names, where that may be written.
    fn target(&self, named: &Named) -> Result<Target, OutputError> {
        let Some(path) = &self.path else { return Ok(Target::Stdout) };
        let resolved = resolve(path).map_err(|error| match (error.kind(), path.parent()) {
            (io::ErrorKind::IsADirectory, _) => named.kind("a folder"),
            (io::ErrorKind::NotFound, Some(folder)) if is_missing(folder) => named.folder(folder),
            _ => named.write(error),
        })?;
        let (path, metadata) = match resolved {
            Resolved::Stdout => return Ok(Target::Stdout),
            Resolved::Descriptor(path) => {
                self.check_inputs(named, fs::metadata(&path).ok().as_ref(), &path)?;
                return Ok(Target::Descriptor(path));
            }
            Resolved::Path(path, metadata) => (path, metadata),
        };
        self.check_inputs(named, metadata.as_ref(), &path)?;
        match &metadata {
            Some(metadata) if metadata.is_file() && !self.force => Err(named.exists()),
            Some(metadata) if !metadata.is_file() => match system::refused_kind(metadata) {
                Some(kind) => Err(named.kind(kind)),
                None => Ok(Target::Device(path)),
            },
            _ => Ok(Target::File(path, metadata)),
        }
    }

    fn open_stdout(&self) -> Result<Sink, OutputError> {
        let named = Named::stdout();
        // A file of its own: `std`'s looks for line ends, and takes a closed descriptor for success.
        let file = system::stdout().map_err(|error| named.write(error))?;
        if let Ok(metadata) = file.metadata() {
            self.check_inputs(&named, Some(&metadata), Path::new(""))?;
        }
        Ok(Sink { named, open: Open::Stream(file), leftovers: Vec::new() })
    }

    fn check_inputs(
        &self,
        named: &Named,
        metadata: Option<&Metadata>,
        path: &Path,
    ) -> Result<(), OutputError> {
        let Some(metadata) = metadata else { return Ok(()) };
        // Terminals and /dev/null are read and written alike.
        let same = |input: &&PathBuf| metadata.is_file() && system::is_same(input, metadata, path);
        match self.inputs.iter().find(same) {
            Some(input) => Err(named.input(input)),
            None => Ok(()),
        }
    }
}

/// Whether there is no such folder.
fn is_missing(folder: &Path) -> bool {
    fs::metadata(folder).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// What an [`Output`] names.
enum Target {
    Stdout,
    /// An open file of a process.
    Descriptor(PathBuf),
    /// A terminal, a pipe, another character device.
    Device(PathBuf),
    /// A name in a folder, which is no link, and the regular file that has it.
    File(PathBuf, Option<Metadata>),
}

/// An [`Output`] that is open. Dropped before it is finished, a file is removed.
#[derive(Debug)]
pub struct Sink {
    named: Named,
    open: Open,
    leftovers: Vec<PathBuf>,
}

#[derive(Debug)]
enum Open {
    Atomic(AtomicFile),
    Stream(File),
}

impl Sink {
    /// What killed runs had left of this output, which is removed.
    #[must_use]
    pub fn leftovers(&self) -> &[PathBuf] {
        &self.leftovers
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.open {
            Open::Atomic(file) => file.write(bytes),
            Open::Stream(file) => file.write_all(bytes),
        }
    }

    /// An error of [`Sink::write`], with the output's name.
    pub fn failed(&self, error: io::Error) -> OutputError {
        self.named.write(error)
    }

    /// A file: waits until all is on the disk, and gives it its name.
    ///
    /// # Errors
    /// [`OutputError`]; the file is removed then.
    pub fn finish(self) -> Result<(), OutputError> {
        match self.open {
            Open::Atomic(file) => file.finish(&self.named),
            Open::Stream(mut file) => file.flush().map_err(|error| self.named.write(error)),
        }
    }
}
