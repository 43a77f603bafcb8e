//! Weight initialization at memory speed, the same on every machine: Keras's `VarianceScaling`
//! initializer and its family.
//!
//! ```
//! use varscale::Initializer;
//!
//! let he = Initializer::he_normal(42);
//! let kernel: Vec<f32> = he.sample([784, 256])?;
//! println!("{}", he.explain([784, 256])?);
//! # Ok::<(), varscale::Error>(())
//! ```
//!
//! A value depends on (stream, seed, tensor name, index in the global shape, scale, dtype) and on
//! nothing else: any slice, thread count, CPU and platform gives the same bits. See [`Draw`] for
//! slices, [`Seed`] for seeds, [`Layout`] for what the axes of a shape stand for.
//!
//! Without its default features the crate is `no_std` (with `alloc`): `std` draws unset seeds from
//! the operating system and picks the instruction set at run time, `parallel` fills with several
//! threads, `serde` reads and writes Keras's configs.
#![cfg_attr(not(any(feature = "std", test)), no_std)]

extern crate alloc;

/// The README's example is a test.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

#[cfg(feature = "serde")]
mod config;
mod draw;
mod element;
mod error;
mod explain;
mod fans;
mod fill;
mod initializer;
mod kernel;
mod law;
mod layout;
mod math;
mod memory;
mod number;
mod reader;
mod seed;
mod shape;
mod stream;
#[cfg(test)]
mod tests;
mod variance_scaling;

#[cfg(feature = "serde")]
pub use config::{ConfigError, ConfigForm};
pub use draw::Draw;
pub use element::{Dtype, DtypeError, Element};
pub use error::Error;
pub use explain::{Explanation, Scaling};
pub use fans::{Fans, FansError, Mode, ModeError};
pub use half;
pub use initializer::{IdentityShapeError, Initializer, Tensor};
pub use kernel::dispatch::instruction_set;
pub use law::{Law, LawError, OverflowError};
pub use layout::{Layout, LayoutError, Role};
pub use number::Number;
pub use reader::Reader;
pub use seed::{Seed, SeedError, SeedGenerator};
pub use shape::{ShapeError, Slice, element_count, parse_shape};
#[cfg(feature = "keras-streams")]
pub use stream::python_random::PythonRandom;
pub use stream::{NATIVE_STREAM, Stream, StreamError};
pub use variance_scaling::{Distribution, DistributionError, ScaleError, VarianceScaling};
