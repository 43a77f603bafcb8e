//! The best instruction set of this CPU for a kernel.
//!
//! A kernel is one plain Rust function, compiled once per level. Its values do not depend on the
//! level: it consists of operations that IEEE 754 and integer arithmetic define exactly.
#![allow(unsafe_code)]

#[cfg(all(target_arch = "x86_64", feature = "std"))]
use core::arch::x86_64::{
    __m256i, __m512i, _MM_HINT_ET0, _mm_prefetch, _mm_sfence, _mm256_stream_si256,
    _mm512_stream_si512,
};

use bytemuck::Pod;
#[cfg(all(target_arch = "x86_64", feature = "std"))]
use bytemuck::{pod_align_to, pod_align_to_mut};
use half::{bf16, f16};

use super::round;
#[cfg(all(target_arch = "x86_64", feature = "std"))]
use super::round::x86;
#[cfg(all(target_arch = "x86_64", feature = "std"))]
use crate::math::Hardware;
use crate::math::{Fma, Native};

/// Something to run at the best level. Implementations are `#[inline(always)]`, and so is all that
/// they call: what is not inlined is compiled for the baseline.
pub(crate) trait Kernel {
    type Output;

    /// Runs with `C` for what plain Rust does not say: fused multiply-add, where the kernel has
    /// any, and conversions.
    fn run<C: Cpu>(self) -> Self::Output;
}

/// The instructions of a level that plain Rust does not say.
pub trait Cpu: Fma {
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
    fn store_past_caches<T: Pod>(values: &[T], out: &mut [T]) {
        out.copy_from_slice(values);
    }

    /// As [`round::to_f16`] of each value.
    #[inline(always)]
    fn round_f16(values: &[f32], out: &mut [f16]) {
        round::one_by_one(values, out, round::to_f16);
    }

    /// As [`round::to_bf16`] of each value.
    #[inline(always)]
    fn round_bf16(values: &[f32], out: &mut [bf16]) {
        round::one_by_one(values, out, round::to_bf16);
    }
}

impl Cpu for Native {}

#[cfg(all(target_arch = "x86_64", feature = "std"))]
impl Cpu for Hardware<256> {
    #[inline(always)]
    fn prefetch<T>(out: &[T]) {
        // f64 is drawn too slowly to wait for memory.
        if size_of::<T>() <= 4 {
            for line in out.chunks(super::LINE / size_of::<T>()) {
                // SAFETY: a hint, which touches nothing; SSE is part of x86-64.
                unsafe { _mm_prefetch::<_MM_HINT_ET0>(line.as_ptr().cast()) };
            }
        }
    }

    #[inline(always)]
    fn store_past_caches<T: Pod>(values: &[T], out: &mut [T]) {
        for_vectors(values, out, |value, out: &mut __m256i| {
            // SAFETY: a reference is valid and aligned. Only kernels that `avx2` runs have this
            // `Cpu`: AVX is there, and the fence follows before anybody else reads.
            unsafe { _mm256_stream_si256(out, value) }
        });
    }

    #[inline(always)]
    fn round_f16(values: &[f32], out: &mut [f16]) {
        // SAFETY: as above, of F16C.
        x86::by(values, out, |values| unsafe { x86::to_f16_by_8(values) }, round::to_f16);
    }
}

#[cfg(all(target_arch = "x86_64", feature = "std"))]
impl<const BF16: bool> Cpu for Hardware<512, BF16> {
    const REGISTERS: usize = 32;
    const CONVERTS_U64: bool = true;

    #[inline(always)]
    fn store_past_caches<T: Pod>(values: &[T], out: &mut [T]) {
        for_vectors(values, out, |value, out: &mut __m512i| {
            // SAFETY: a reference is valid and aligned. Only kernels that `avx512` runs have this
            // `Cpu`: AVX-512 is there, and the fence follows before anybody else reads.
            unsafe { _mm512_stream_si512(out, value) }
        });
    }

    #[inline(always)]
    fn round_f16(values: &[f32], out: &mut [f16]) {
        // SAFETY: as above.
        x86::by(values, out, |values| unsafe { x86::to_f16_by_16(values) }, round::to_f16);
    }

    /// With the instruction, of values that are 0 or normal numbers.
    #[inline(always)]
    fn round_bf16(values: &[f32], out: &mut [bf16]) {
        if BF16 {
            // SAFETY: only kernels that `avx512bf16` runs have `BF16`.
            x86::by(values, out, |values| unsafe { x86::to_bf16_by_32(values) }, round::to_bf16);
        } else {
            round::one_by_one(values, out, round::to_bf16);
        }
    }
}

/// Copies `values` by `copy`, as vectors, where both start and end with one.
#[cfg(all(target_arch = "x86_64", feature = "std"))]
#[inline(always)]
fn for_vectors<T: Pod, V: Pod>(values: &[T], out: &mut [T], copy: impl Fn(V, &mut V)) {
    match (pod_align_to(values), pod_align_to_mut(&mut *out)) {
        (([], values, []), ([], out, [])) => {
            for (&value, out) in values.iter().zip(out) {
                copy(value, out);
            }
        }
        _ => out.copy_from_slice(values),
    }
}

/// An instruction set that kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Baseline,
    /// With fused multiply-add and float16 conversions, which all CPUs but a few with AVX2 have.
    #[cfg(all(target_arch = "x86_64", feature = "std"))]
    Avx2,
    #[cfg(all(target_arch = "x86_64", feature = "std"))]
    Avx512,
}

impl Level {
    /// The levels of this CPU, best first.
    pub(crate) fn available() -> impl Iterator<Item = Self> {
        [
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Self::Avx512,
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Self::Avx2,
            Self::Baseline,
        ]
        .into_iter()
        .filter(|level| level.detected())
    }

    /// The level that fills use: the best, or a lower one that the environment asks for.
    pub(crate) fn best() -> Self {
        let best = || Self::available().next().unwrap_or(Self::Baseline);
        #[cfg(feature = "std")]
        {
            static LEVEL: std::sync::OnceLock<Level> = std::sync::OnceLock::new();
            let asked = |name| Self::available().find(|level| level.name() == name);
            *LEVEL.get_or_init(|| {
                std::env::var("VARSCALE_LEVEL").ok().and_then(asked).unwrap_or_else(best)
            })
        }
        #[cfg(not(feature = "std"))]
        best()
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Self::Avx2 => "avx2",
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Self::Avx512 => "avx512",
        }
    }

    fn detected(self) -> bool {
        match self {
            Self::Baseline => true,
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Self::Avx2 => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("fma")
                    && is_x86_feature_detected!("f16c")
            }
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("fma")
            }
        }
    }

    /// Runs `kernel` compiled for this level, or for the baseline where this CPU lacks it.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self {
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            // SAFETY: `detected` has just found every feature that `avx512` is compiled with.
            Self::Avx512 if self.detected() => unsafe { avx512(kernel) },
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            // SAFETY: `detected` has just found every feature that `avx2` is compiled with.
            Self::Avx2 if self.detected() => unsafe { avx2(kernel) },
            _ => kernel.run::<Native>(),
        }
    }
}

/// The instruction set that values are drawn with: `"avx512"`, `"avx2"` or `"baseline"` (what the
/// crate was compiled for, such as SSE2 or NEON). The values do not depend on it.
///
/// It is the best one of this CPU. To measure another, set the environment variable
/// `VARSCALE_LEVEL` to its name before the first draw; names that do not exist or that this CPU
/// lacks are ignored, and so is the variable without the feature `std`.
///
/// ```
/// assert!(["avx512", "avx2", "baseline"].contains(&varscale::instruction_set()));
/// ```
#[must_use]
pub fn instruction_set() -> &'static str {
    Level::best().name()
}

/// Runs `kernel` at the best level.
pub(crate) fn run<K: Kernel>(kernel: K) -> K::Output {
    Level::best().run(kernel)
}

/// As [`run`], of a kernel that rounds to bfloat16, and no subnormal values: compiled for that
/// instruction, too, since a call for each block would cost more than the rounding.
pub(crate) fn run_to_bf16<K: Kernel>(kernel: K) -> K::Output {
    let level = Level::best();
    #[cfg(all(target_arch = "x86_64", feature = "std"))]
    if level == Level::Avx512 && is_x86_feature_detected!("avx512bf16") {
        // SAFETY: `best` and the line above have found every feature.
        return unsafe { avx512bf16(kernel) };
    }
    level.run(kernel)
}

/// Runs `kernel`, and has what it stored past the caches reach memory before anything stored later.
#[cfg(all(target_arch = "x86_64", feature = "std"))]
#[inline(always)]
fn fenced<K: Kernel, C: Cpu>(kernel: K) -> K::Output {
    let output = kernel.run::<C>();
    // SAFETY: SSE is part of x86-64.
    unsafe { _mm_sfence() };
    output
}

#[cfg(all(target_arch = "x86_64", feature = "std"))]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
fn avx512<K: Kernel>(kernel: K) -> K::Output {
    fenced::<K, Hardware<512>>(kernel)
}

#[cfg(all(target_arch = "x86_64", feature = "std"))]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma")]
fn avx512bf16<K: Kernel>(kernel: K) -> K::Output {
    fenced::<K, Hardware<512, true>>(kernel)
}

#[cfg(all(target_arch = "x86_64", feature = "std"))]
#[target_feature(enable = "avx2,fma,f16c")]
fn avx2<K: Kernel>(kernel: K) -> K::Output {
    fenced::<K, Hardware<256>>(kernel)
}
