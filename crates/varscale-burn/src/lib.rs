//! Weight initialization for [burn](https://docs.rs/burn) by rules over names: any module, with no change
//! to its code.
//!
//! ```
//! use burn::nn::LinearConfig;
//! use burn::store::ModuleSnapshot;
//! use varscale_burn::{Source, Weights};
//!
//! let rules = Source::from_toml("[[rules]]\nmatch = '*'\ninitializer = 'he_normal'", "".as_ref())?;
//! let mut linear = LinearConfig::new(64, 10).with_bias(false).init(&Default::default());
//! linear.load_from(&mut Weights::new(&rules, Some(42.into()))?)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Every tensor equals the one that `varscale init` writes for its name, shape, dtype and seed, as if burn
//! had loaded that checkpoint by its `PyTorchToBurnAdapter`. So it depends on neither the backend nor on what
//! else the module has.
//!
//! - Rules, plans, checkpoints: [`Source`]. A module is a spec, so that rules need none; [`spec()`] tells it.
//! - Names and axes are torch's: a `Linear`'s weight, (in, out) in burn, is (out, in) for the rules, and
//!   transposed, in either of burn's layouts; `gamma` is `weight`, `beta` is `bias`. Where no layout is said,
//!   it is that of the module's type, unless the source has a spec of its own. [`Weights::rename_f`] maps
//!   names that differ otherwise.
//! - A tensor is drawn in the dtype of its rule, else of the plan, else of the source's spec, else in the
//!   module's own.
//! - A part of a module: [`Weights::filter`], [`Weights::allow_partial`]. Single tensors: [`initializer()`].
//!   Parts of tensors: [`Weights::slice`], [`Named::slice`].

/// The README's examples are tests, and those of `docs/burn.md`, to which there is a link.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../README.md")]
    struct Readme;
    #[doc = include_str!("../HOWTO.md")]
    struct HowTo;
}

mod container;
mod data;
mod dtype;
mod error;
mod initializer;
mod param;
mod spec;
mod walk;
mod weights;

pub use error::Error;
pub use initializer::{Named, initializer};
pub use spec::spec;
pub use varscale::{Seed, Slice};
pub use varscale_model::{LazyPlan, Source, Spec};
pub use weights::Weights;
