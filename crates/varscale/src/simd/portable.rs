//! Where no instruction set is chosen at run time: all is compiled for the target's own, and kernels
//! are handed back.

use super::kernel::Kernel;

/// Nothing: only x86-64 is asked how its thread computes.
pub(crate) struct Ieee;

impl Ieee {
    pub(crate) fn new() -> Self {
        Self
    }
}

pub(super) fn has_avx2() -> bool {
    false
}

pub(super) fn has_avx512() -> bool {
    false
}

pub(super) fn avx2<K: Kernel>(kernel: K) -> Result<K::Output, K> {
    Err(kernel)
}

pub(super) fn avx512<K: Kernel>(kernel: K) -> Result<K::Output, K> {
    Err(kernel)
}

pub(super) fn avx512_bf16<K: Kernel>(kernel: K) -> Result<K::Output, K> {
    Err(kernel)
}
