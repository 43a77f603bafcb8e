//! Kernels: plain Rust functions that are compiled once per level.

use half::{bf16, f16};

use super::{
    fma::{Fma, Native},
    narrow::{one_by_one, to_bf16, to_f16},
};

/// Bytes of a cache line.
pub(crate) const LINE: usize = 64;

/// Something to run at a level. Implementations are `#[inline(always)]`, and so is all that
/// they call: what is not inlined is compiled for the baseline.
pub(crate) trait Kernel {
    type Output;

    /// Runs with `C` for what plain Rust does not say: fused multiply-add, where the kernel has
    /// any, and conversions.
    fn run<C: Cpu>(self) -> Self::Output;
}

/// The instructions of a level that plain Rust does not say.
pub(crate) trait Cpu: Fma {
    /// Vector registers, or the least that there may be.
    const REGISTERS: usize = 16;

    /// Whether it converts vectors of 64-bit integers to f64.
    const CONVERTS_U64: bool = false;

    /// Asks for memory that is about to be written, where that pays: stores of whole cache lines
    /// need not wait for what they replace, narrower ones must.
    #[inline(always)]
    fn prefetch<T>(_out: &[T]) {}

    /// Copies `values` to memory that nobody reads soon, where that can be done without reading it
    /// first.
    #[inline(always)]
    fn store_past_caches<T: bytemuck::Pod>(values: &[T], out: &mut [T]) {
        out.copy_from_slice(values);
    }

    /// As [`to_f16`] of each value.
    #[inline(always)]
    fn round_f16(values: &[f32], out: &mut [f16]) {
        one_by_one(values, out, to_f16);
    }

    /// As [`to_bf16`] of each value.
    #[inline(always)]
    fn round_bf16(values: &[f32], out: &mut [bf16]) {
        one_by_one(values, out, to_bf16);
    }
}

impl Cpu for Native {}
