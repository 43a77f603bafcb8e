//! Text for people, on the standard output and the standard error.

use std::{
    borrow::Cow,
    io::{self, BufWriter, StdoutLock, Write, stdout},
    path::PathBuf,
};

use varscale_model::shown;

use super::Failure;

/// Prints `text` now. `print!` would panic where the reader has gone.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = stdout().lock();
    out.write_all(escaped(text).as_bytes())
        .and_then(|()| out.flush())
        .map_err(|e| Failure::stdout(&e))
}

/// The standard output for texts that are too long to be held: as [`print`] shows them. What is written
/// at once must be whole characters.
#[derive(Debug)]
pub struct Printer(BufWriter<StdoutLock<'static>>);

impl Printer {
    /// On the standard output.
    #[must_use]
    pub fn new() -> Self {
        Self(BufWriter::new(stdout().lock()))
    }
}

impl Default for Printer {
    fn default() -> Self {
        Self::new()
    }
}

impl Write for Printer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = str::from_utf8(bytes).map_err(io::Error::other)?;
        self.0.write_all(escaped(text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Prints `text` on the standard error; where that is closed, it is lost.
pub fn note(text: &str) {
    let _ = io::stderr().write_all(escaped(text).as_bytes());
}

/// Prints what clap has to say: an error, help or version. A closed pipe is no error.
pub fn print_usage(message: &clap::Error) {
    let plain = message.render().to_string();
    // Arguments are quoted as they are.
    if matches!(escaped(&plain), Cow::Owned(_)) {
        note(&plain);
    } else {
        let _ = message.print();
    }
}

/// Tells which files killed runs had left, which are removed.
pub fn note_leftovers(leftovers: &[PathBuf]) {
    for path in leftovers {
        let path = shown(&path.to_string_lossy()).into_owned();
        note(&format!("removed {path}, which a killed run had left\n"));
    }
}

/// Tells which files of another number of shards are left, that a loader may take.
pub fn note_stale(stale: &[PathBuf]) {
    for path in stale {
        let path = shown(&path.to_string_lossy()).into_owned();
        let what = match path.ends_with(".sha256") {
            true => "has digests that may be of other files, and is left: remove it",
            false => "is of another number of shards, and is left: remove it",
        };
        note(&format!("{path} {what}\n"));
    }
}

/// Lines without control characters of others: names, paths, arguments.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    let lines: Vec<Cow<'_, str>> = text.split('\n').map(shown).collect();
    if lines.iter().all(|line| matches!(line, Cow::Borrowed(_))) {
        return text.into();
    }
    lines.join("\n").into()
}
