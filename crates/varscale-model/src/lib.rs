//! Whole models for [`varscale`]: from a spec (names, shapes, dtypes) and rules to a plan, and from
//! a plan to a checkpoint in one safetensors file, in bounded memory.
//!
//! ```
//! use varscale_model::{Plan, PlanFile, Spec};
//!
//! let spec = Spec::from_json(
//!     br#"{"fc.weight": {"dtype": "F32", "shape": [256, 784]},
//!          "fc.bias": {"dtype": "F32", "shape": [256]}}"#,
//! )?;
//! let file = PlanFile::from_toml(
//!     r#"
//!     spec = "model.json"
//!     seed = 42
//!     layout = "torch"
//!     [[rules]]
//!     match = "*.bias"
//!     initializer = "zeros"
//!     [[rules]]
//!     match = "*"
//!     initializer = "he_normal"
//!     "#,
//! )?;
//! let plan = Plan::new(&spec, &file, None)?;
//! assert_eq!(plan.parameters(), 256 * 784 + 256);
//! let weight: Vec<f32> = plan.tensors[0].draw.to_vec()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

/// The README's example is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod byte_size;
mod checkpoint;
mod digests;
mod error;
mod families;
mod format;
mod input;
mod inspect;
mod lanes;
mod output;
mod part;
mod pieces;
mod plan;
mod plan_error;
mod plan_file;
mod recipe;
mod resume;
mod seeds;
mod shards;
mod shown;
mod spec;
mod stated;
mod stored;
mod stream;
mod verify;
mod write;

pub use byte_size::{ByteSize, ByteSizeError};
pub use checkpoint::{
    Checkpoint, CheckpointFile, CheckpointIndex, OpenFile, StoredError, StoredTensor,
};
pub use error::Error;
pub use format::{Entry, Format, HeaderError, safetensors::whole_name};
pub use inspect::{
    Basis, Deviations, Fault, Finding, InspectError, InspectedTensor, Inspection, JudgedBy,
    Moments, NOT_PLANNED, Selection, Statistics, collapsed, excess_kurtosis, inspect,
};
pub use output::{Output, OutputError, Sink, remove_unfinished};
pub use part::{Part, PartArgument, PartError};
pub use pieces::{Options, Piece, WriteError, write_pieces};
pub use plan::{
    Computed, Derivation, Fate, LazyPlan, Plan, PlanSeed, PlannedRegion, PlannedTensor, Source, Tie,
};
pub use plan_error::PlanError;
pub use plan_file::{
    Constant, Constants, PlanFile, PlanFileError, PlanLayout, RegionRule, Rule, Seeds, SliceText,
    Slices, Template,
};
pub use recipe::{Recipe, RecipeError};
pub use resume::{Found, WrongFile, resume_shards};
pub use shards::{Files, LimitError, Shard, Shards, no_whole_name};
pub use shown::shown;
pub use spec::{Spec, SpecError, SpecTensor};
pub use stated::OtherCheckpoint;
pub use stored::{Integer, StoredDtype, StoredDtypeError};
pub use verify::{
    Difference, Digests, DigestsError, Form, Mismatch, Number, Proof, Renamed, Rounded, Share,
    ShareError, TensorDigest, Verification, verify, verify_digests,
};
pub use write::{
    CheckpointError, Summary, dry_run, dry_run_shards, write, write_file, write_shards,
};

/// Names in a message.
fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
}

/// Bytes in hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
