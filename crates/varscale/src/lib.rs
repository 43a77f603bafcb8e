//! Weight initialization at memory speed, the same on every machine: Keras's `VarianceScaling`
//! initializer and its family.
//!
//! ```
//! use varscale::Scheme;
//!
//! let he = Scheme::he_normal().with_seed(42);
//! let kernel: Vec<f32> = he.sample([784, 256])?;
//! println!("{}", he.explain([784, 256])?);
//! # Ok::<(), varscale::Error>(())
//! ```
//!
//! A value depends on (stream, seed, tensor name, call, index in the global shape, law, dtype) and on
//! nothing else: any slice, thread count, CPU and platform gives the same bits. See [`Draw`] for
//! slices, [`Seed`] for seeds, [`Layout`] for what the axes of a shape stand for.
//!
//! Without its default features the crate is `no_std` (with `alloc`): `std` draws unset seeds from
//! the operating system and picks the instruction set at run time, `parallel` fills with several
//! threads, `serde` reads and writes Keras's configs.
#![cfg_attr(not(any(feature = "std", test)), no_std)]
// docs.rs shows which feature each item needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;

/// The README's example is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod argument;
mod bits;
mod draw;
mod dtype;
mod error;
mod expression;
mod float8;
mod initializer;
mod layout;
mod math;
mod number;
mod schemes;
mod seed;
mod shape;
mod simd;
mod streams;
mod tensor;
#[cfg(test)]
mod tests;

pub use half;

pub use argument::ArgumentError;
#[cfg(feature = "keras-streams")]
pub use bits::python_random::PythonRandom;
#[cfg(feature = "parallel")]
pub use draw::Pool;
pub use draw::{Draw, NativeDraw, Reader, ReaderIter, Region};
pub use dtype::{Dtype, DtypeVisitor, Element};
pub use error::{
    ConfigError, Error, FormulaError, NoValueError, OverflowError, RoundingError, StreamError,
    UnderflowError,
};
pub use expression::{Expression, ExpressionError};
pub use float8::{F8E4M3, F8E5M2};
pub use initializer::Initializer;
pub use layout::{Layout, LayoutError, Role};
pub use number::{Number, short};
#[cfg(feature = "serde")]
pub use schemes::config::{ConfigForm, Serialized};
pub use schemes::{
    Argument, Array, Bounds, Class, Content, Distribution, Explanation, Fan, Fans, Formula, Law,
    Literal, Mode, Orthogonal, Parameter, Pattern, Scaling, Scheme,
};
pub use seed::{Seed, SeedError, SeedGenerator};
pub use shape::{ShapeError, Slice, element_count, parse_shape};
pub use simd::instruction_set;
// For the project's other crates, and no part of what is promised.
#[doc(hidden)]
pub use simd::{Work, vectorized};
pub use streams::{NativeBounds, NativeStandard, NativeTransform, Stream};
pub use tensor::Tensor;
