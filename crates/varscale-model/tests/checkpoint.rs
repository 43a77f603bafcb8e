//! Checkpoints: right, the same whatever the options, and whole or not there.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use safetensors::{Dtype as Stored, SafeTensors};
use tempfile::TempDir;
use varscale::{Dtype, F8E4M3, F8E5M2, Slice};
use varscale_model::{
    CheckpointError, Options, Output, Plan, PlanFile, Spec, StoredDtype, WriteError, dry_run, write,
};

/// Every dtype, distribution and kind of shape, in an order that alignment has to change.
const SPEC: &str = r#"{
    "half": {"dtype": "F16", "shape": [3], "initializer": "he_uniform"},
    "e4m3": {"dtype": "F8_E4M3", "shape": [301], "initializer": "random_normal"},
    "e5m2": {"dtype": "float8_e5m2", "shape": [7, 9], "initializer": "he_uniform"},
    "double": {"dtype": "F64", "shape": [1001, 3], "initializer": "he_normal"},
    "brain": {"dtype": "BF16", "shape": [33, 7, 5], "initializer": "glorot_normal"},
    "single": {"dtype": "F32", "shape": [700, 501], "initializer": "random_normal"},
    "scalar": {"dtype": "F64", "shape": [], "initializer": "ones"},
    "empty": {"dtype": "F32", "shape": [0, 5], "initializer": "he_normal"},
    "square": {"dtype": "F32", "shape": [40, 40], "initializer": "identity"}
}"#;

static CALM: AtomicBool = AtomicBool::new(false);

fn plan() -> Plan {
    let spec = Spec::from_json(SPEC.as_bytes()).unwrap();
    Plan::new(&spec, &PlanFile::from_toml("spec = 's'\nseed = 42").unwrap(), None).unwrap()
}

fn written(plan: &Plan, options: Options) -> Vec<u8> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("model.safetensors");
    write(plan, &Output::new(path.clone()), options, &CALM, &mut |_| ()).unwrap();
    fs::read(path).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn holds_what_the_plan_draws() {
    let plan = plan();
    let bytes = written(&plan, Options::default());
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.len(), plan.tensors.len());
    for planned in &plan.tensors {
        let stored = file.tensor(&planned.name).unwrap();
        assert_eq!(stored.shape(), planned.shape());
        let draw = &planned.draw;
        let whole = Slice::whole(planned.shape());
        macro_rules! bytes {
            ($type:ty) => {
                bytes!($type, |value| value.to_le_bytes())
            };
            ($type:ty, $bytes:expr) => {
                draw.slice_to_vec::<$type>(&whole).unwrap().into_iter().flat_map($bytes).collect()
            };
        }
        let StoredDtype::Drawn(dtype) = planned.dtype() else { panic!("{}", planned.dtype()) };
        let (dtype, drawn): (_, Vec<u8>) = match dtype {
            Dtype::Float16 => (Stored::F16, bytes!(varscale::half::f16)),
            Dtype::BFloat16 => (Stored::BF16, bytes!(varscale::half::bf16)),
            Dtype::Float8E4M3Fn => (Stored::F8_E4M3, bytes!(F8E4M3, |value| [value.to_bits()])),
            Dtype::Float8E5M2 => (Stored::F8_E5M2, bytes!(F8E5M2, |value| [value.to_bits()])),
            Dtype::Float32 => (Stored::F32, bytes!(f32)),
            Dtype::Float64 => (Stored::F64, bytes!(f64)),
            dtype => panic!("{dtype}"),
        };
        assert_eq!(stored.dtype(), dtype);
        assert_eq!(stored.data(), drawn, "{}", planned.name);
        // Aligned within the data, which itself starts at a multiple of 8.
        let (start, _) = header.info(&planned.name).unwrap().data_offsets;
        assert_eq!(start % planned.dtype().size(), 0);
    }
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    assert_eq!(length % 8, 0);

    let metadata = header.metadata().as_ref().unwrap();
    assert_eq!(metadata["format"], "pt");
    assert_eq!(metadata["varscale.seed"], "42");
    assert_eq!(metadata["varscale.stream"], varscale::Stream::Native.id());
    assert_eq!(metadata["varscale.version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn is_the_same_whatever_the_options() {
    let plan = plan();
    let expected = written(&plan, Options::default());
    for threads in 1..=8 {
        let options = Options { threads, ..Options::default() };
        assert!(written(&plan, options) == expected, "{threads} threads");
    }
    for buffer in [0, 1, 2048, 5000, 100_000, 1 << 24] {
        let options = Options { buffer, ..Options::default() };
        assert!(written(&plan, options) == expected, "buffer of {buffer} bytes");
    }
}

#[test]
fn pieces_are_given_to_a_sink_one_at_a_time() {
    let plan = plan();
    let piece = |planned: &varscale_model::PlannedTensor| varscale_model::Piece {
        name: planned.name.to_string(),
        draw: planned.draw.clone(),
        slice: Slice::whole(planned.shape()),
        dtype: planned.dtype(),
    };
    let mut lengths = Vec::new();
    let pieces = plan.tensors.iter().map(piece);
    varscale_model::write_pieces(pieces, Options::default(), &CALM, &mut |_| (), &mut |bytes| {
        lengths.push(bytes.len() as u64);
        Ok(())
    })
    .unwrap();
    let expected = plan.tensors.iter().map(|planned| planned.bytes()).filter(|&bytes| bytes > 0);
    assert!(expected.eq(lengths));
}

#[test]
fn an_empty_plan_is_an_empty_file() {
    let spec = Spec::default();
    let rules = PlanFile::from_toml("spec = 's'\nseed = 1").unwrap();
    let bytes = written(&Plan::new(&spec, &rules, None).unwrap(), Options::default());
    assert!(SafeTensors::deserialize(&bytes).unwrap().is_empty());
}

#[test]
fn replaces_a_file_and_leaves_nothing_else() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("model.safetensors");
    fs::write(&path, "old").unwrap();
    let mut told = Vec::new();
    let plan = plan();
    let output = Output::new(&path).force(true);
    let summary = write(&plan, &output, Options::default(), &CALM, &mut |done| told.push(done));
    let summary = summary.unwrap();
    assert_eq!((summary.tensors, summary.parameters), (9, plan.parameters()));
    assert_eq!(summary.bytes, plan.bytes());
    assert_eq!(told.last(), Some(&plan.bytes()));
    assert!(told.is_sorted());
    assert_eq!(names(folder.path()), ["model.safetensors"]);
    assert!(SafeTensors::deserialize(&fs::read(&path).unwrap()).is_ok());
}

#[cfg(unix)]
#[test]
fn has_the_mode_of_any_new_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("model.safetensors");
    write(&plan(), &Output::new(path.clone()), Options::default(), &CALM, &mut |_| ()).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    let other = folder.path().join("other");
    fs::write(&other, "").unwrap();
    assert_eq!(mode(&path), mode(&other));
}

#[test]
fn an_interrupt_leaves_what_was_there() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("model.safetensors");
    fs::write(&path, "old").unwrap();
    let output = Output::new(&path).force(true);
    let flag = AtomicBool::new(false);
    let options = Options { buffer: 2048, ..Options::default() };
    let mut progress = |done| flag.store(done > 500_000, Ordering::Relaxed);
    let result = write(&plan(), &output, options, &flag, &mut progress);
    assert!(matches!(result, Err(CheckpointError::Values(WriteError::Interrupted))), "{result:?}");
    assert_eq!(names(folder.path()), ["model.safetensors"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");

    // Raised when all is drawn, before the rename.
    let flag = AtomicBool::new(false);
    let whole = plan().bytes();
    let mut progress = |done| flag.store(done == whole, Ordering::Relaxed);
    let result = write(&plan(), &output, options, &flag, &mut progress);
    assert!(matches!(result, Err(CheckpointError::Values(WriteError::Interrupted))), "{result:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");

    let result = dry_run(&plan(), options, &AtomicBool::new(true), &mut |_| ());
    assert!(matches!(result, Err(CheckpointError::Values(WriteError::Interrupted))), "{result:?}");
}

#[test]
fn a_folder_that_takes_nothing_is_named() {
    let folder = TempDir::new().unwrap();
    let missing = folder.path().join("missing/model.safetensors");
    let taken = folder.path().join("folder.safetensors");
    fs::create_dir(&taken).unwrap();
    for path in [missing, taken] {
        let error =
            write(&plan(), &Output::new(path.clone()), Options::default(), &CALM, &mut |_| ())
                .unwrap_err();
        assert!(matches!(error, CheckpointError::Output(_)), "{error:?}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
    assert_eq!(names(folder.path()), ["folder.safetensors"]);
}

#[test]
fn a_rehearsal_draws_as_much() {
    let mut told = 0;
    let summary = dry_run(&plan(), Options::default(), &CALM, &mut |done| told = done).unwrap();
    assert_eq!(told, plan().bytes());
    assert_eq!(summary.bytes, plan().bytes());
}
