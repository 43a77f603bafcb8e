//! Outputs of values: their format, by the name's ending, and where they go.

use std::{
    io::{IsTerminal, stdout},
    path::{Path, PathBuf},
};

use varscale_model::{Format, Output, shown};

use crate::terminal::Failure;

/// Whether an output is replaced.
#[derive(Clone, Copy, Default, clap::Args)]
pub(crate) struct Overwrite {
    /// Replace an output file that exists, which is an error otherwise. It keeps its mode, and a
    /// symbolic link stays
    #[arg(long)]
    force: bool,
}

/// Where values are written, and how.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) output: Output,
    pub(crate) format: &'static Format,
}

impl Target {
    /// From the argument of `--output`. Its name's ending is that of one of the formats; pipes and
    /// other streams, the standard output (`-`) among them, have the first without.
    pub(crate) fn new(
        argument: &Path,
        formats: &'static [&'static Format],
        overwrite: Overwrite,
    ) -> Result<Self, Failure> {
        let output = Output::named(argument).force(overwrite.force);
        if output.path().is_none() && stdout().is_terminal() {
            return Err(Failure::Input(
                "invalid output -: the standard output is a terminal, and values are no text; \
                 name a file, or use a pipe"
                    .to_owned(),
            ));
        }
        let named = output.path().and_then(Format::of);
        let known = |format: &Format| {
            formats.iter().find(|known| known.extension == format.extension).copied()
        };
        match named.and_then(known) {
            Some(format) => Ok(Self { output, format }),
            None if output.is_stream() => Ok(Self { output, format: formats[0] }),
            None => Err(Failure::Input(format!(
                "invalid output \"{}\": use a file name that ends in {}, or - for {} on the standard \
                 output",
                shown(&argument.to_string_lossy()),
                formats
                    .iter()
                    .map(|format| format!(".{}", format.extension))
                    .collect::<Vec<_>>()
                    .join(" or "),
                formats[0].extension,
            ))),
        }
    }

    /// How reports call it.
    pub(crate) fn name(&self) -> Option<String> {
        self.output.path().map(|path| path.display().to_string())
    }

    /// Whether the values go where reports do.
    pub(crate) fn is_stdout(&self) -> bool {
        self.output.is_stdout()
    }
}

/// The formats of whole models.
pub(crate) const MODELS: &[&Format] = &[&Format::SAFETENSORS];

/// The formats of one tensor.
pub(crate) const TENSORS: &[&Format] = &[&Format::NPY, &Format::SAFETENSORS];

/// The argument that stands for the standard input or output.
pub(crate) fn is_dash(path: &Path) -> bool {
    path == Path::new("-")
}

/// The file that the standard input is, so that it is not overwritten.
pub(crate) fn stdin_path() -> PathBuf {
    PathBuf::from("/dev/stdin")
}
