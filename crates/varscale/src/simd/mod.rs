//! Vectors: kernels in plain Rust, compiled once per instruction set, and rounded to any dtype.
//!
//! Values do not depend on the instruction set: kernels consist of operations that IEEE 754 and
//! integer arithmetic define exactly.

// Only x86-64 chooses when it runs: elsewhere, and where compiled for the instruction, one way is
// enough.
#[cfg_attr(
    any(not(feature = "keras-streams"), target_feature = "fma", not(target_arch = "x86_64")),
    allow(dead_code)
)]
mod fma;
mod kernel;
mod level;
pub(crate) mod narrow;
mod round;
mod work;

#[cfg(not(all(target_arch = "x86_64", feature = "std")))]
mod portable;
#[cfg(all(target_arch = "x86_64", feature = "std"))]
mod x86_64;

#[cfg(any(test, feature = "keras-streams"))]
pub(crate) use self::fma::Native;
#[cfg(feature = "keras-streams")]
pub(crate) use self::fma::{Fma, fma_f16};
#[cfg(all(test, feature = "keras-streams"))]
pub(crate) use self::fma::{Hardware, Software};
#[cfg(not(all(target_arch = "x86_64", feature = "std")))]
pub(crate) use self::portable::Ieee;
#[cfg(all(target_arch = "x86_64", feature = "std"))]
pub(crate) use self::x86_64::Ieee;
pub(crate) use self::{
    kernel::{Cpu, Kernel, LINE},
    level::Level,
    round::{Real, Round},
};
pub use self::{
    level::instruction_set,
    work::{Work, vectorized},
};
