//! Weight initialization for [candle](https://docs.rs/candle-core) by rules over names: any model that
//! takes a `VarBuilder`, those of candle-transformers included, with no change to its code.
//!
//! ```
//! use candle_core::{DType, Device};
//! use candle_transformers::models::bert::{BertModel, Config};
//! use varscale_candle::{Source, var_builder};
//!
//! let config = Config { vocab_size: 100, hidden_size: 32, intermediate_size: 64, ..Config::default() };
//! let rules = Source::from_toml("include = 'bert'", "".as_ref())?;
//! let model = BertModel::load(var_builder(&rules, 42, DType::F32, &Device::Cpu)?, &config)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Every tensor equals the one that `varscale init` writes for its name, shape, dtype and seed. So it
//! depends on neither the order in which a model asks nor on what else it has.
//!
//! - Rules, plans, checkpoints: [`Source`]. What depends on other tensors (`fans_of`, `tie`) and what is
//!   asked for without a shape (`get_unchecked`) needs a spec: [`Source::with_spec`], and [`spec()`] makes
//!   one of the model itself. Without one it is an error that says so.
//! - Names that differ from the rules' are mapped by candle's own `VarBuilder::rename_f`.
//! - Candle stores what torch does: `Linear` (out, in), convolutions (out, in, kernel…), so that `layout =
//!   "torch"` is right, and nothing is transposed. Transposed convolutions are (in, out, kernel…).
//! - A tensor is drawn in the dtype of its rule, else of the plan, else of the spec, else in the one that
//!   it is asked for in, and converted to that, as candle's loaders do with a checkpoint's.
//! - Training: [`Weights::trainable`]. Hints: [`Weights::with_hints`]. Shards: [`Weights::sharded`],
//!   [`Weights::slice`].

/// The README's examples are tests, and those of `docs/candle.md`, to which there is a link.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../README.md")]
    struct Readme;
    #[doc = include_str!("../HOWTO.md")]
    struct HowTo;
}

mod dtype;
mod error;
mod hint;
mod shards;
mod spec;
mod tensor;
mod training;
mod weights;

use candle_core::{DType, Device};
use candle_nn::VarBuilder;

pub use error::Error;
pub use shards::Shards;
pub use spec::spec;
pub use varscale::{Seed, Slice};
pub use varscale_model::{LazyPlan, Source, Spec};
pub use weights::Weights;

/// A `VarBuilder` whose tensors are drawn by these rules, each by its path: [`Weights`] in a line.
///
/// # Errors
/// [`Error::Plan`] for rules that make no plan.
pub fn var_builder(
    source: &Source,
    seed: impl Into<Seed>,
    dtype: DType,
    device: &Device,
) -> Result<VarBuilder<'static>, Error> {
    Ok(Weights::new(source, Some(seed.into()))?.var_builder(dtype, device))
}
