//! Digests: SHA-256 of a file and of each tensor in it, taken from the bytes as they are written.

use std::{fs, io, slice};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    CheckpointError, Output, OutputError, PlannedTensor, WrongFile, format::safetensors, hex,
};

/// What the name of a digest file adds to that of the file.
pub(crate) const EXTENSION: &str = ".sha256";

impl Output {
    /// Where the digests of a file go.
    pub(crate) fn digests(&self) -> Self {
        self.beside(&(self.file_name() + EXTENSION))
    }
}

/// SHA-256 of all bytes.
#[derive(Default)]
pub(crate) struct FileDigest(Sha256);

impl FileDigest {
    pub(crate) fn update(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.update(bytes);
        Ok(())
    }
}

/// SHA-256 of each tensor, a line each.
pub(crate) struct TensorDigests<'t> {
    /// Bytes of the header that are still to come.
    header: u64,
    tensors: slice::Iter<'t, &'t PlannedTensor>,
    /// The tensor whose bytes come, and how many more.
    current: Option<(&'t PlannedTensor, u64)>,
    digest: Sha256,
    lines: String,
}

impl<'t> TensorDigests<'t> {
    /// Of tensors that follow so many bytes of header.
    pub(crate) fn new(header: u64, tensors: &'t [&'t PlannedTensor]) -> Self {
        let (tensors, lines) = (tensors.iter(), String::new());
        Self { header, tensors, current: None, digest: Sha256::new(), lines }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) -> io::Result<()> {
        let skipped = self.header.min(bytes.len() as u64);
        self.header -= skipped;
        let mut bytes = &bytes[skipped as usize..];
        while !bytes.is_empty() && self.advance() {
            let Some((_, left)) = &mut self.current else { break };
            let (now, later) = bytes.split_at((*left).min(bytes.len() as u64) as usize);
            self.digest.update(now);
            *left -= now.len() as u64;
            bytes = later;
        }
        Ok(())
    }

    /// Goes on to the next tensor that has bytes left, if there is one.
    fn advance(&mut self) -> bool {
        loop {
            match self.current {
                Some((_, left)) if left > 0 => return true,
                Some((tensor, _)) => {
                    let digest = hex(&self.digest.finalize_reset());
                    let dtype = safetensors::name(tensor.dtype());
                    let (shape, name) = (tensor.shape(), Value::from(&*tensor.name));
                    self.lines += &format!("# {digest}  {dtype} {shape:?} {name}\n");
                }
                None => {}
            }
            self.current = self.tensors.next().map(|&tensor| (tensor, tensor.bytes()));
            if self.current.is_none() {
                return false;
            }
        }
    }
}

/// What the digest file of the file at `output` says.
pub(crate) fn text(
    output: &Output,
    file: FileDigest,
    tensors: Option<TensorDigests<'_>>,
) -> String {
    let name = output.file_name();
    // As sha256sum writes names that would break its lines.
    let escaped = name.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r");
    let mark = if escaped == name { "" } else { "\\" };
    let mut text = format!("{mark}{}  {escaped}\n", hex(&file.0.finalize()));
    if let Some(mut tensors) = tensors {
        tensors.advance();
        text += &tensors.lines;
    }
    text
}

/// Writes the digests of the file at `output` beside it.
fn write(output: &Output, text: &str) -> Result<(), OutputError> {
    let mut sink = output.digests().open(None)?;
    sink.write(text.as_bytes()).map_err(|error| sink.failed(error))?;
    sink.finish()
}

/// Writes them unless they are there. Others are replaced by the output's force alone.
pub(crate) fn keep(output: &Output, text: &str) -> Result<(), CheckpointError> {
    let digests = output.digests();
    let Some(path) = digests.path() else { return Ok(()) };
    match fs::read(path) {
        Ok(found) if found == text.as_bytes() => Ok(()),
        Ok(_) if !output.is_forced() => {
            let difference = "the digests are others".to_owned();
            Err(CheckpointError::Wrong(WrongFile { path: path.to_owned(), difference }))
        }
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(CheckpointError::Read { path: path.to_owned(), source })
        }
        _ => Ok(write(output, text)?),
    }
}
