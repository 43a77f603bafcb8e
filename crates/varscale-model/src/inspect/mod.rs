//! Inspection: what a checkpoint's values are, in one pass.

mod codes;
mod digest;
mod distinct;
mod moments;
mod numbers;

pub use self::moments::Moments;
