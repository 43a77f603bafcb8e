//! [ndarray] arrays filled by [`varscale`]: Keras's `VarianceScaling` and its family, the same bits on
//! every machine.
//!
//! ```
//! use ndarray::{Array2, s};
//! use varscale::Scheme;
//! use varscale_ndarray::{DrawnExt, FillDrawnExt, InitializerExt};
//!
//! let he = Scheme::he_normal().with_seed(42);
//! let kernel = Array2::<f32>::drawn((784, 256), he.named("fc1.kernel"))?;
//! let shard = Array2::<f32>::drawn_slice((784, 256), s![392.., ..], he.named("fc1.kernel"))?;
//! assert_eq!(shard, kernel.slice(s![392.., ..]));
//!
//! let mut transposed = Array2::<f32>::zeros((256, 784));
//! transposed.view_mut().reversed_axes().fill_drawn(he.named("fc1.kernel"))?;
//! assert_eq!(transposed.t(), kernel);
//! # Ok::<(), varscale_ndarray::Error>(())
//! ```
//!
//! A value depends on the seed, the tensor's name, its shape and the row-major index there, the dtype
//! and the scheme: not on the order of the array in memory, on slices or on other arrays. Arrays of one
//! seed, shape and name are equal, so that each tensor of a model needs a name
//! ([`InitializerExt::named`]).
//!
//! | | |
//! | --- | --- |
//! | [`DrawnExt`] | new arrays, beside `zeros` and `ones` |
//! | [`FillDrawnExt`] | arrays and views in place, of any strides |
//! | [`DrawExt`] | arrays of a [`Draw`](varscale::Draw), such as a plan has |
#![cfg_attr(docsrs, feature(doc_cfg))]

/// The README's examples are tests, and those of `docs/ndarray.md`, to which there is a link.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../README.md")]
    struct Readme;
    #[doc = include_str!("../HOWTO.md")]
    struct HowTo;
}

mod copy;
mod draw;
mod drawn;
mod error;
mod fill;
mod named;
mod selection;

pub use self::{
    draw::DrawExt,
    drawn::{DrawnExt, FillDrawnExt},
    error::Error,
    named::{InitializerExt, Named},
};
pub use {ndarray, varscale};
