//! A peer: a process that draws with another library when it is told to, and says how long it took.
//!
//! ```text
//! it begins:  {"versions": {"torch": "2.15.0"}, "calls": [{"call": "nn.init.normal_",
//!              "distribution": "untruncated_normal", "dtype": "float32"}, ...]}
//! request:    {"call": "nn.init.normal_", "distribution": "untruncated_normal",
//!              "dtype": "float32", "shape": [64, 64], "repeats": 10}
//! answer:     {"seconds": 0.0005}        for all repeats, or {"error": "..."}
//! ```

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Seek, Write},
    process::{Child, ChildStdout, Command, Stdio},
};

use serde_json::{Value as Json, json};
use varscale::Dtype;
use varscale_cli::terminal::Failure;

use super::{case::Tensor, distribution::Distribution};

/// A running peer.
pub(super) struct Peer {
    pub(super) name: String,
    pub(super) versions: Json,
    pub(super) calls: Vec<Call>,
    process: Child,
    answers: BufReader<ChildStdout>,
    complaints: File,
}

/// Something that a peer can draw.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) distribution: Distribution,
    pub(super) dtype: Dtype,
}

impl Peer {
    /// Starts `command`, and waits until it is ready.
    pub(super) fn start(name: &str, command: &mut Command) -> Result<Self, Failure> {
        let program = command.get_program().to_owned();
        let failed =
            |error| Failure::System(format!("peer {name} does not start {program:?}: {error}"));
        // A file, since nobody would empty a pipe.
        let complaints = tempfile::tempfile().map_err(failed)?;
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(complaints.try_clone().map_err(failed)?)
            .spawn()
            .map_err(failed)?;
        let answers = process.stdout.take().expect("piped above");
        let answers = BufReader::new(answers);
        let (versions, calls) = (Json::Null, Vec::new());
        let mut peer =
            Self { name: name.to_owned(), versions, calls, process, answers, complaints };
        let hello = peer.read()?;
        peer.versions = hello["versions"].clone();
        for call in hello["calls"].as_array().into_iter().flatten() {
            let text = |key: &str| call[key].as_str().unwrap_or_default();
            peer.calls.push(Call {
                name: text("call").to_owned(),
                distribution: text("distribution").parse().map_err(|e| peer.failure(&e))?,
                dtype: text("dtype").parse().map_err(|e| peer.failure(&e))?,
            });
        }
        Ok(peer)
    }

    /// Seconds that `repeats` calls take.
    pub(super) fn time(
        &mut self,
        call: &str,
        tensor: &Tensor,
        repeats: u32,
    ) -> Result<f64, Failure> {
        let request = json!({
            "call": call,
            "distribution": tensor.distribution.name(),
            "dtype": tensor.dtype.name(),
            "shape": tensor.size.shape(tensor.dtype),
            "repeats": repeats,
        });
        let input = self.process.stdin.as_mut().expect("piped at the start");
        if let Err(error) = writeln!(input, "{request}").and_then(|()| input.flush()) {
            return Err(self.failure(&error));
        }
        let answer = self.read()?;
        let seconds = answer["seconds"].as_f64();
        seconds.ok_or_else(|| self.failure(&format!("to {request} it answers {answer}")))
    }

    fn read(&mut self) -> Result<Json, Failure> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(0) => {
                let mut text = String::new();
                let read = self.complaints.rewind();
                let _ = read.and_then(|()| self.complaints.read_to_string(&mut text));
                let last = text.lines().rfind(|line| !line.trim().is_empty());
                Err(self.failure(&last.unwrap_or("it ended without a word")))
            }
            Ok(_) => serde_json::from_str(&line)
                .map_err(|error| self.failure(&format!("it answers {line:?}: {error}"))),
            Err(error) => Err(self.failure(&error)),
        }
    }

    fn failure(&self, error: &dyn std::fmt::Display) -> Failure {
        Failure::System(format!("peer {}: {error}", self.name))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Its input ends, and so does it; a peer that does not listen is stopped.
        drop(self.process.stdin.take());
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
