//! The peers: which there are, and how each is started.

use std::{path::PathBuf, process::Command, str::FromStr};

use varscale_cli::terminal::Failure;

use super::peer::Peer;

/// Where this was built from: the repository's root.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The programs.
const PEERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers");

/// Name, the environment of `tools/environments.py` that it runs in, its script in `peers/python`,
/// and the backend where it is Keras.
const PYTHON: [(&str, &str, &str, &str); 8] = [
    ("keras-jax", "jax", "keras_peer.py", "jax"),
    ("keras-tensorflow", "tensorflow", "keras_peer.py", "tensorflow"),
    ("keras-torch", "torch", "keras_peer.py", "torch"),
    ("keras-numpy", "jax", "keras_peer.py", "numpy"),
    ("jax", "jax", "jax_peer.py", ""),
    ("tensorflow", "tensorflow", "tensorflow_peer.py", ""),
    ("torch", "torch", "torch_peer.py", ""),
    ("numpy", "jax", "numpy_peer.py", ""),
];

/// candle, burn and ndarray-rand: one program, since it builds in one go.
const RUST: &str = "rust";

/// The name of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(&'static str);

impl Name {
    pub(super) fn all() -> Vec<Self> {
        PYTHON.iter().map(|peer| peer.0).chain([RUST]).map(Self).collect()
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = Self::all();
        let names: Vec<_> = all.iter().map(|name| name.0).collect();
        all.iter()
            .find(|name| name.0 == text)
            .cloned()
            .ok_or_else(|| format!("it must be one of {}", names.join(", ")))
    }
}

/// The interpreter of an environment, as `NAME=PATH`.
#[derive(Debug, Clone)]
pub(crate) struct Python {
    environment: String,
    interpreter: PathBuf,
}

impl FromStr for Python {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = |name: &str| PYTHON.iter().any(|peer| peer.1 == name);
        match text.split_once('=') {
            Some((name, path)) if known(name) && !path.is_empty() => {
                Ok(Self { environment: name.to_owned(), interpreter: path.into() })
            }
            _ => Err("it must be NAME=PATH, with the name jax, tensorflow or torch".into()),
        }
    }
}

/// Starts peers, all or none. The Rust ones are built first.
pub(super) fn start(names: &[Name], pythons: &[Python]) -> Result<Vec<Peer>, Failure> {
    let commands =
        names.iter().map(|name| command(name, pythons)).collect::<Result<Vec<_>, _>>()?;
    let started = names.iter().zip(commands).map(|(name, mut command)| {
        let peer = Peer::start(name.0, &mut command)?;
        Ok(peer)
    });
    started.collect()
}

fn command(name: &Name, pythons: &[Python]) -> Result<Command, Failure> {
    let Some((_, environment, script, backend)) = PYTHON.iter().find(|peer| peer.0 == name.0)
    else {
        let mut command = Command::new("cargo");
        command.args(["run", "--quiet", "--release"]);
        command.arg(format!("--target-dir={ROOT}/target/peers"));
        command.arg(format!("--manifest-path={PEERS}/rust/Cargo.toml"));
        return Ok(command);
    };
    let given = pythons.iter().rfind(|python| python.environment == *environment);
    let interpreter = match given {
        Some(python) => python.interpreter.clone(),
        None => format!("{ROOT}/target/environments/{environment}/bin/python").into(),
    };
    if !interpreter.is_file() {
        return Err(Failure::Input(format!(
            "peer {} has no interpreter {}: make it with `python3 tools/environments.py \
             {environment}`, or name one with --python {environment}=PATH",
            name.0,
            interpreter.display()
        )));
    }
    let mut command = Command::new(interpreter);
    command.arg(format!("{PEERS}/python/{script}"));
    if !backend.is_empty() {
        command.env("KERAS_BACKEND", backend);
    }
    Ok(command)
}
