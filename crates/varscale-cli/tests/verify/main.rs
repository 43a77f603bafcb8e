//! `varscale verify`, as a user runs it.

mod digests;
mod files;
mod values;

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use safetensors::{Dtype, SafeTensors, serialize, tensor::TensorView};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const SPEC: &str = r#"{
    "emb": {"dtype": "F32", "shape": [300, 40]},
    "h.w": {"dtype": "F32", "shape": [200, 301]},
    "h.w16": {"dtype": "BF16", "shape": [64, 33]},
    "h.b": {"dtype": "F32", "shape": [301]},
    "h.steps": {"dtype": "I64", "shape": []},
    "h.mask": {"dtype": "BOOL", "shape": [5]},
    "h.scale": {"dtype": "F8_E8M0", "shape": [3]},
    "head": {"dtype": "F32", "shape": [300, 40]}
}"#;

const RULES: &str = "spec = 's.json'\nseed = 42\n\
    [[rules]]\nmatch = '*.b'\ninitializer = 'zeros'\n\
    [[rules]]\nmatch = '*.scale'\nskip = true\n\
    [[rules]]\nmatch = 'head'\ntie = 'emb'\n\
    [[rules]]\nmatch = '*.{steps,mask}'\ninitializer = 'ones'\n\
    [[rules]]\nmatch = '*'\ninitializer = 'he_normal'\n";

/// What a tensor is stored as.
type Tensors = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

/// The `__metadata__` of a file.
type Texts = std::collections::HashMap<String, String>;

/// A folder with a plan and its checkpoint.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(TempDir::new().unwrap());
        fs::write(place.path("plan.toml"), RULES).unwrap();
        fs::write(place.path("s.json"), SPEC).unwrap();
        let written = place.run(&["init", "plan.toml", "-o", "m.safetensors", "-q"]);
        assert!(written.status.success(), "{}", text(&written.stderr));
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_varscale"));
        command.args(arguments).current_dir(self.0.path()).output().unwrap()
    }

    fn tensors(&self) -> Tensors {
        let bytes = fs::read(self.path("m.safetensors")).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let tensor = |name: String| {
            let view = file.tensor(&name).unwrap();
            (name, (view.dtype(), view.shape().to_vec(), view.data().to_vec()))
        };
        file.names().into_iter().map(|name| tensor(name.to_string())).collect()
    }

    /// Its `__metadata__`.
    fn metadata(&self) -> Texts {
        let bytes = fs::read(self.path("m.safetensors")).unwrap();
        SafeTensors::read_metadata(&bytes).unwrap().1.metadata().clone().unwrap()
    }

    /// Writes a safetensors file as others do, without a recipe.
    fn save(&self, name: &str, tensors: &Tensors) {
        self.save_with(name, tensors, &None);
    }

    fn save_with(&self, name: &str, tensors: &Tensors, metadata: &Option<Texts>) {
        let mut views = Vec::new();
        for (name, (dtype, shape, data)) in tensors {
            views.push((name.clone(), TensorView::new(*dtype, shape.clone(), data).unwrap()));
        }
        let bytes = serialize(views, metadata);
        fs::write(self.path(name), bytes.unwrap()).unwrap();
    }

    /// Its report, as JSON, where it has this exit code.
    #[track_caller]
    fn verify(&self, code: i32, arguments: &[&str]) -> Json {
        let output = self.run(&[&["verify"], arguments, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    #[track_caller]
    fn refuses(&self, arguments: &[&str], parts: &[&str]) {
        let output = self.run(&[&["verify"], arguments].concat());
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert_eq!(text(&output.stdout), "");
        for part in parts {
            assert!(message.contains(part), "{message:?} does not say {part:?}");
        }
        assert!(!message.contains("panic"), "{message}");
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Place {
    /// Writes the digest file of a file.
    fn digest(&self, name: &str, tensors: &Tensors) {
        let dtype = |dtype: Dtype| format!("{dtype:?}");
        let line = |(name, (of, shape, data)): (&String, &(Dtype, Vec<usize>, Vec<u8>))| {
            format!("# {}  {} {shape:?} {name:?}\n", hex(data), dtype(*of))
        };
        let lines: String = tensors.iter().map(line).collect();
        let sum = hex(&fs::read(self.path(name)).unwrap());
        fs::write(self.path(&format!("{name}.sha256")), format!("{sum}  {name}\n{lines}")).unwrap();
    }
}
