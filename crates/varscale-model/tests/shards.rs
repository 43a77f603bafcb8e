//! Shards: the same tensors as in one file, whatever the limit, and each by its own recipe.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use safetensors::SafeTensors;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use varscale_model::{
    ByteSize, CheckpointError, Options, Output, OutputError, Part, Plan, PlanFile, Shards, Spec,
    Summary, write, write_shards,
};

static CALM: AtomicBool = AtomicBool::new(false);

/// Of every size of elements, in an order that files have to change.
const SPEC: &str = r#"{
    "count": {"dtype": "I64", "shape": [], "initializer": "zeros"},
    "h.0.w": {"dtype": "F32", "shape": [4, 6], "initializer": "he_normal"},
    "h.0.b": {"dtype": "BF16", "shape": [6], "initializer": "random_uniform"},
    "scale": {"dtype": "F8_E8M0", "shape": [6], "initializer": "he_normal"},
    "h.1.w": {"dtype": "F64", "shape": [6, 4], "initializer":
        {"class_name": "VarianceScaling", "config": {"scale": 0.1, "mode": "fan_out", "seed": 3}}},
    "h.1.b": {"dtype": "F16", "shape": [4], "initializer": "random_uniform"},
    "mask": {"dtype": "BOOL", "shape": [3], "initializer": "ones"},
    "ä\n\"": {"dtype": "F32", "shape": [2, 2], "initializer":
        {"class_name": "Constant", "config": {"value": [[1, 2], [3, 0.1]]}}},
    "empty": {"dtype": "F32", "shape": [0, 2], "initializer": "he_normal"},
    "head.weight": {"dtype": "F32", "shape": [8, 4], "initializer": "he_normal"},
    "emb.weight": {"dtype": "F32", "shape": [8, 4], "initializer": "he_normal"},
    "out.weight": {"dtype": "F32", "shape": [4, 3, 2], "initializer": "orthogonal"}
}"#;

/// All that makes one tensor depend on others: seeds in order, by name and shared, siblings, ties, layouts
/// by name, regions, constants, rules that match nothing in most shards, integers and formulas.
const PLANS: &[&str] = &[
    "seed = 42",
    "",
    "seed = 1\nlayout = 'torch'\ndtype = 'bfloat16'",
    "global_seed = 7\nstream = 'keras-jax'",
    "global_seed = 7\nstream = 'keras-numpy'\n[[rules]]\nmatch = 'h.1.b'\nskip = true",
    "global_seed = 7\nstream = 'tf-keras-2.9'\n[[rules]]\nmatch = 'head.weight'\ntie = 'emb.weight'",
    "global_seed = 9\n[[rules]]\nmatch = '*.b'\ninitializer = 'random_normal'\nseed = 4",
    "stream = 'keras-numpy'",
    "seed = 5\nstream = 'keras-numpy'\nseeds = 'by-name'",
    "seed = 5\nstream = 'keras-tensorflow'\nseeds = 'same'",
    "seed = 1\n[[rules]]\nmatch = 'head.weight'\ntie = 'emb.weight'",
    "seed = 1\n[constants]\ns = 0.5\n[[rules]]\nmatch = 'h.{l}.b'\nfans_of = 'h.{l}.w'\ninitializer = { \
     class_name = 'RandomUniform', config = { minval = '-s / sqrt(fan_in * d_1)', maxval = \
     's / sqrt(fan_in * (l + 1))' } }\n[[rules]]\nmatch = 'h.*.w'\ninitializer = 'he_normal'\nlayout = \
     'torch'",
    "seed = 1\n[[rules]]\nmatch = 'h.0.b'\nfans_of = 'head.weight'\ninitializer = 'he_uniform'\n[[rules]]\n\
     match = 'h.1.b'\nfans_of = 'scale'\ninitializer = { class_name = 'VarianceScaling', config = { gain \
     = 'tanh' } }\n[[rules]]\nmatch = 'head.weight'\ntie = 'emb.weight'",
    "seed = 1\n[[rules]]\nmatch = 'h.0.b'\nfans_of = 'head.weight'\ninitializer = 'he_uniform'\n[[rules]]\n\
     match = 'head.weight'\ntie = 'emb.weight'\n[[rules]]\nmatch = 'emb.weight'\nlayout = 'torch'\ninitializer \
     = 'he_normal'",
    "seed = 1\nlayout = 'auto'\n[[rules]]\nmatch = '{*.w,out.weight,empty}'\ninitializer = 'ones'\n[[rules]]\n\
     match = '*.b'\nfans_of = 'emb.weight'\ninitializer = { class_name = 'RandomNormal', config = { stddev \
     = '1 / fan_in' } }",
    "seed = 1\n[[rules]]\nmatch = '{emb,head}.weight'\ninitializer = 'glorot_uniform'\n\
     [[rules.regions]]\nslice = ['0:d0/2, :', 'd0 - 1, :']\ninitializer = 'lecun_normal'\n\
     [[rules.regions]]\nslice = '0, :'\ninitializer = { class_name = 'RandomNormal', config = { seed \
     = 9 } }",
    "seed = 1\n[[rules]]\nmatch = 'count'\ninitializer = { class_name = 'Formula', config = { expression = \
     '7' } }\n[[rules]]\nmatch = 'none'\noptional = true\nskip = true",
];

fn plan(rules: &str) -> Plan {
    let skip = "\n[[rules]]\nmatch = 'scale'\nskip = true\noptional = true";
    let text = format!("spec = 's.json'\n{rules}{skip}");
    let file = PlanFile::from_toml(&text).unwrap_or_else(|error| panic!("{text}\n{error}"));
    // Frameworks draw no orthogonal matrices.
    let spec =
        if rules.contains("stream") { SPEC.replace("orthogonal", "ones") } else { SPEC.into() };
    Plan::new(&Spec::from_json(spec.as_bytes()).unwrap(), &file, None)
        .unwrap_or_else(|error| panic!("{text}\n{error}"))
}

/// In memory where there is such a disk: every file waits until it is on the disk.
fn on_disk() -> TempDir {
    TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap()
}

fn limit(bytes: u64) -> ByteSize {
    ByteSize::new(bytes).unwrap()
}

fn sharded(
    plan: &Plan,
    folder: &Path,
    bytes: u64,
    options: Options,
) -> Result<Summary, CheckpointError> {
    let shards = Shards::new(plan, "model.safetensors", limit(bytes)).unwrap();
    let output = Output::new(folder.join("model.safetensors"));
    let all = shards.part(Part::WHOLE);
    write_shards(&shards, &all, &output, options, &CALM, &mut |_| (), &mut |_| ())
}

fn whole(plan: &Plan) -> Vec<u8> {
    let folder = on_disk();
    let path = folder.path().join("model.safetensors");
    write(plan, &Output::new(&path), Options::default(), &CALM, &mut |_| ()).unwrap();
    fs::read(path).unwrap()
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect()
}

/// dtype, shape and bytes.
type Stored = (safetensors::Dtype, Vec<usize>, Vec<u8>);

fn tensors(file: &[u8]) -> BTreeMap<String, Stored> {
    let file = SafeTensors::deserialize(file).unwrap();
    let stored = |(name, tensor): (String, safetensors::tensor::TensorView<'_>)| {
        (name, (tensor.dtype(), tensor.shape().to_vec(), tensor.data().to_vec()))
    };
    file.tensors().into_iter().map(stored).collect()
}

#[test]
fn shards_hold_what_the_one_file_holds_and_each_draws_itself_again() {
    for rules in PLANS {
        let plan = plan(rules);
        let expected = whole(&plan);
        for bytes in [1, 129, 300, 1 << 20] {
            let folder = on_disk();
            let path = folder.path();
            let case = format!("{rules}\nby {bytes} bytes");
            let summary = sharded(&plan, path, bytes, Options::default()).unwrap();
            let mut written = files(path);
            if summary.shards == 1 {
                assert_eq!(written.len(), 1, "{case}");
                assert!(written["model.safetensors"] == expected, "{case}");
                continue;
            }
            let index = written.remove("model.safetensors.index.json").unwrap();
            let index: Value = serde_json::from_slice(&index).unwrap();
            assert_eq!(index["metadata"]["total_size"], plan.bytes(), "{case}");
            assert_eq!(written.len(), summary.shards, "{case}");
            let mut found = BTreeMap::new();
            for (name, file) in &written {
                let shard = tensors(file);
                for tensor in shard.keys() {
                    assert_eq!(index["weight_map"][tensor], **name, "{case}");
                }
                let values: usize = shard.values().map(|(.., bytes)| bytes.len()).sum();
                let larger = shard.values().filter(|(.., bytes)| !bytes.is_empty()).count() == 1;
                assert!(values as u64 <= bytes || larger, "{case}");
                found.extend(shard);
                // By its own recipe, and byte for byte.
                let again = Plan::read(&path.join(name), None)
                    .unwrap_or_else(|error| panic!("{case}\n{name}: {error}"));
                assert!(whole(&again) == *file, "{case}\n{name}");
            }
            assert_eq!(index["weight_map"].as_object().unwrap().len(), found.len(), "{case}");
            assert!(found == tensors(&expected), "{case}");
            // The index and the folder are the whole plan, in any number of shards.
            for source in [path.to_owned(), path.join("model.safetensors.index.json")] {
                let again = Plan::read(&source, None).unwrap();
                assert_eq!(again.tensors, plan.tensors, "{case}");
                assert!(whole(&again) == expected, "{case}");
                let other = on_disk();
                sharded(&again, other.path(), 150, Options::default()).unwrap();
                let directly = on_disk();
                sharded(&plan, directly.path(), 150, Options::default()).unwrap();
                let (one, other) = (files(other.path()), files(directly.path()));
                assert!(one == other, "{case}");
            }
        }
    }
}

#[test]
fn a_shard_takes_another_seed_as_the_whole_does() {
    let (plan_7, plan_42) = (plan("seed = 7"), plan("seed = 42"));
    let folder = on_disk();
    sharded(&plan_42, folder.path(), 100, Options::default()).unwrap();
    let expected = tensors(&whole(&plan_7));
    for name in files(folder.path()).into_keys().filter(|name| name.ends_with(".safetensors")) {
        let again = whole(&Plan::read(&folder.path().join(name), Some(7.into())).unwrap());
        for (name, tensor) in tensors(&again) {
            assert!(expected[&name] == tensor, "{name}");
        }
        let text = String::from_utf8_lossy(&again).into_owned();
        assert!(!text.contains("varscale.shard"), "it is a shard of no such whole");
    }
}

#[test]
fn shards_are_filled_greedily_in_the_files_order() {
    // Bytes of tensors, of one dtype, and of the shards.
    let cases: &[(&[usize], u64, &[u64])] = &[
        (&[40, 40, 100], 80, &[80, 100]),
        (&[40, 100, 40], 80, &[40, 100, 40]),
        (&[100, 40, 40, 40], 80, &[100, 80, 40]),
        (&[80, 0, 40], 80, &[80, 40]),
        (&[0, 0], 1, &[0]),
        (&[], 1, &[0]),
        (&[4, 4, 4], 4, &[4, 4, 4]),
        (&[4, 4, 4], 11, &[8, 4]),
        (&[4, 4, 4], 12, &[12]),
    ];
    for &(sizes, bytes, expected) in cases {
        let entry = |(place, bytes): (usize, &usize)| {
            format!(r#""t{place}": {{"dtype": "F32", "shape": [{}]}}"#, bytes / 4)
        };
        let entries: Vec<_> = sizes.iter().enumerate().map(entry).collect();
        let spec = Spec::from_json(format!("{{{}}}", entries.join(",")).as_bytes()).unwrap();
        let rules = "spec = 's'\n[[rules]]\nmatch = '*'\noptional = true\ninitializer = 'ones'";
        let plan = Plan::new(&spec, &PlanFile::from_toml(rules).unwrap(), None).unwrap();
        let shards = Shards::new(&plan, "m.safetensors", limit(bytes)).unwrap();
        let found: Vec<_> = shards.iter().map(|shard| shard.bytes()).collect();
        assert_eq!(found, expected, "{sizes:?} by {bytes}");
        assert_eq!(shards.index_name().is_some(), expected.len() > 1);
    }
}

#[test]
fn the_options_change_nothing() {
    let plan = plan("seed = 42");
    let of = |options: Options| {
        let folder = on_disk();
        let options = Options { digests: true, ..options };
        let summary = sharded(&plan, folder.path(), 100, options).unwrap();
        assert!(summary.memory <= options.memory(options.files.max(1)));
        files(folder.path())
    };
    let expected = of(Options::default());
    for threads in [1, 3] {
        for files in [0, 1, 2, 7] {
            for buffer in [0, 1, 4096, 5000, 1 << 20] {
                let options = Options { threads, files, buffer, ..Options::default() };
                assert!(of(options) == expected, "{options:?}");
            }
        }
    }
}

#[test]
fn large_files_are_the_same_past_the_systems_cache() {
    // Beyond 64 MiB, where writes go there, and no whole number of blocks.
    let spec = r#"{"a": {"dtype": "F64", "shape": [5]}, "b": {"dtype": "F32", "shape": [17000001]},
                   "c": {"dtype": "BF16", "shape": [3]}}"#;
    let rules = "spec = 's'\nseed = 1\n[[rules]]\nmatch = '*'\ninitializer = 'random_normal'";
    let spec = Spec::from_json(spec.as_bytes()).unwrap();
    let plan = Plan::new(&spec, &PlanFile::from_toml(rules).unwrap(), None).unwrap();
    let file = whole(&plan);
    let stored = tensors(&file);
    let bytes =
        |values: Vec<f32>| values.into_iter().flat_map(f32::to_le_bytes).collect::<Vec<_>>();
    assert!(stored["b"].2 == bytes(plan.tensors[1].draw.to_vec().unwrap()));
    assert_eq!(stored["c"].2.len(), 6);
}

#[test]
fn digests_are_of_files_and_of_tensors() {
    let hex = |bytes: &[u8]| -> String {
        Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    for bytes in [100, 1 << 20] {
        let folder = on_disk();
        let options = Options { digests: true, ..Options::default() };
        sharded(&plan("seed = 42"), folder.path(), bytes, options).unwrap();
        let written = files(folder.path());
        let (digests, of): (Vec<_>, Vec<_>) =
            written.iter().partition(|(name, _)| name.ends_with(".sha256"));
        assert_eq!(digests.len(), of.len());
        for (name, file) in of {
            let text = String::from_utf8(written[&format!("{name}.sha256")].clone()).unwrap();
            let mut lines = text.lines();
            assert_eq!(lines.next().unwrap(), format!("{}  {name}", hex(file)));
            let lines: Vec<_> = lines.collect();
            if name.ends_with(".json") {
                assert!(lines.is_empty());
                continue;
            }
            let stored = tensors(file);
            assert_eq!(lines.len(), stored.len());
            for (name, (dtype, shape, bytes)) in stored {
                let (name, dtype) = (Value::from(name), format!("{dtype:?}"));
                let line = format!("# {}  {dtype} {shape:?} {name}", hex(&bytes));
                assert!(lines.contains(&&*line), "{line}\n{text}");
            }
        }
    }
}

#[test]
fn the_name_of_a_shard_is_no_name_of_all() {
    let plan = plan("seed = 42");
    let folder = on_disk();
    let shards = Shards::new(&plan, "m.safetensors", limit(100)).unwrap();
    let output = Output::new(folder.path().join("m-00001-of-00005.safetensors"));
    let (all, options) = (shards.part(Part::WHOLE), Options::default());
    let written = write_shards(&shards, &all, &output, options, &CALM, &mut |_| (), &mut |_| ());
    assert!(written.unwrap_err().to_string().contains("shard's name"));
    assert!(files(folder.path()).is_empty());
}

#[test]
fn what_exists_is_refused_before_anything_is_written() {
    let plan = plan("seed = 42");
    let options = Options { digests: true, ..Options::default() };
    let folder = on_disk();
    sharded(&plan, folder.path(), 100, options).unwrap();
    let names: Vec<_> = files(folder.path()).into_keys().collect();
    for name in &names {
        let folder = on_disk();
        fs::write(folder.path().join(name), "old").unwrap();
        let error = sharded(&plan, folder.path(), 100, options).unwrap_err();
        assert!(matches!(error, CheckpointError::Output(OutputError::Exists { .. })), "{error:?}");
        assert!(error.to_string().contains(&**name), "{error}");
        assert_eq!(files(folder.path()).len(), 1, "{name}");
    }
    // By force, all are replaced; what is of another number is told, and left.
    let stale = ["model-00001-of-00099.safetensors", "model.safetensors"];
    for name in stale {
        fs::write(folder.path().join(name), "old").unwrap();
    }
    fs::write(folder.path().join("model-1-of-99.safetensors"), "of somebody else").unwrap();
    fs::write(folder.path().join(&names[0]), "old").unwrap();
    let shards = Shards::new(&plan, "model.safetensors", limit(100)).unwrap();
    let output = Output::new(folder.path().join("model.safetensors")).force(true);
    let all = shards.part(Part::WHOLE);
    let summary =
        write_shards(&shards, &all, &output, options, &CALM, &mut |_| (), &mut |_| ()).unwrap();
    assert_eq!(summary.stale, stale.map(|name| folder.path().join(name)));
    assert_ne!(fs::read(folder.path().join(&names[0])).unwrap(), b"old");
}

#[test]
fn streams_take_one_file_only() {
    let plan = plan("seed = 42");
    let shards = Shards::new(&plan, "-", limit(100)).unwrap();
    let digests = Options { digests: true, ..Options::default() };
    let whole = Shards::whole(&plan).unwrap();
    for (shards, options) in [(&shards, Options::default()), (&whole, digests)] {
        let all = shards.part(Part::WHOLE);
        let error =
            write_shards(shards, &all, &Output::stdout(), options, &CALM, &mut |_| (), &mut |_| ());
        assert!(error.unwrap_err().to_string().contains("are to be written"));
    }
}

#[test]
fn the_first_failure_stops_the_others_and_what_is_finished_stays() {
    let plan = plan("seed = 42");
    let shards = Shards::new(&plan, "model.safetensors", limit(40)).unwrap();
    let index = shards.index_name().unwrap();
    for files_at_once in [1, 3] {
        let folder = on_disk();
        let output = Output::new(folder.path().join("model.safetensors"));
        let options = Options { files: files_at_once, ..Options::default() };
        let (flag, mut whole) = (AtomicBool::new(false), Vec::new());
        let mut finished = |shard: &varscale_model::Shard<'_>| {
            whole.push(shard.name());
            flag.store(whole.len() == 2, Ordering::Relaxed);
        };
        let all = shards.part(Part::WHOLE);
        let result =
            write_shards(&shards, &all, &output, options, &flag, &mut |_| (), &mut finished);
        // Of several at once, all may be finished before the flag is seen.
        let stopped = matches!(result, Err(CheckpointError::Values(_)));
        assert!(stopped || files_at_once > 1, "{result:?}");
        whole.sort_unstable();
        let left = files(folder.path());
        // No hidden file, no index; each is told.
        let left: Vec<_> = left.into_keys().filter(|name| stopped || *name != index).collect();
        assert_eq!(left, whole);
        assert!(!stopped || whole.len() < shards.len());
    }
}

#[test]
fn sizes_are_as_hugging_face_writes_them() {
    let cases = [
        ("1", 1),
        ("5GB", 5_000_000_000),
        ("5GiB", 5 << 30),
        ("5 gb", 5_000_000_000),
        ("10KB", 10_000),
        ("10KiB", 10_240),
        ("1.5MB", 1_500_000),
        ("0.1KiB", 102),
        ("2TB", 2_000_000_000_000),
        ("1TiB", 1 << 40),
        ("7B", 7),
        ("18446744073709551615", u64::MAX),
    ];
    for (text, bytes) in cases {
        assert_eq!(text.parse::<ByteSize>().unwrap().get(), bytes, "{text}");
    }
    for text in [
        "",
        "0",
        "0GB",
        "GB",
        "-1",
        "1.5",
        "1.5B",
        "5 G",
        "5X",
        "1e9",
        "1.GB",
        ".5GB",
        "0.1B",
        "1,5GB",
        "+5GB",
        "18446744073709551616",
        "99999999999TB",
        "٥GB",
        "5GB ",
    ] {
        let error = text.parse::<ByteSize>().unwrap_err();
        assert!(error.to_string().contains(&format!("{text:?}")), "{error}");
    }
}
