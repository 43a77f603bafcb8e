//! Whole models for [`varscale`]: from a spec (names, shapes, dtypes) and rules to a plan, and from
//! a plan to a checkpoint in one safetensors file, in bounded memory.
//!
//! ```
//! use varscale_model::{Plan, Rules, Spec};
//!
//! let spec = Spec::from_json(
//!     br#"{"fc.weight": {"dtype": "F32", "shape": [256, 784]},
//!          "fc.bias": {"dtype": "F32", "shape": [256]}}"#,
//! )?;
//! let rules = Rules::from_toml(
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
//! let plan = Plan::new(&spec, &rules, None)?;
//! assert_eq!(plan.parameters(), 256 * 784 + 256);
//! let weight: Vec<f32> = plan.tensors[0].draw()?.to_vec()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod beside;
mod checkpoint;
mod error;
mod plan;
mod pour;
mod rules;
mod safetensors;
mod spec;

pub use beside::Beside;
pub use checkpoint::{CheckpointError, Summary, rehearse, write, write_file};
pub use error::Error;
pub use plan::{Plan, PlanError, PlanSeed, PlannedTensor};
pub use pour::{Options, Part, PourError, pour};
pub use rules::{Rule, Rules, RulesError};
pub use safetensors::{HeaderError, safetensors_header};
pub use spec::{Spec, SpecDtypeError, SpecError, SpecTensor};
