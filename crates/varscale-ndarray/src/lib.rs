//! [ndarray] arrays filled by [`varscale`].
#![cfg_attr(docsrs, feature(doc_cfg))]

/// The README's example is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod draw;
mod error;

pub use self::{draw::DrawExt, error::Error};
pub use ndarray;
pub use varscale;
