//! The levels of x86-64, and their instructions that plain Rust does not say.
#![allow(unsafe_code)]

use core::arch::asm;
use core::arch::x86_64::{
    __m256i, __m512i, _MM_FROUND_NO_EXC, _MM_FROUND_TO_NEAREST_INT, _MM_HINT_ET0, _mm_prefetch,
    _mm_sfence, _mm256_cvtps_ph, _mm256_stream_si256, _mm512_cvtne2ps_pbh, _mm512_cvtps_ph,
    _mm512_stream_si512,
};

use bytemuck::{Pod, cast, pod_align_to, pod_align_to_mut};
use half::{bf16, f16};

use super::{
    fma::{Fma, Hardware},
    kernel::{Cpu, Kernel, LINE},
    narrow::{one_by_one, to_bf16, to_f16},
};

/// A CPU with fused multiply-add and vectors of so many bits. `BF16`: it also has an instruction that
/// rounds to bfloat16.
#[derive(Clone, Copy)]
struct Vectors<const BITS: usize, const BF16: bool = false>;

impl<const BITS: usize, const BF16: bool> Fma for Vectors<BITS, BF16> {
    #[inline(always)]
    fn f32(a: f32, b: f32, c: f32) -> f32 {
        Hardware::f32(a, b, c)
    }

    #[inline(always)]
    fn f64(a: f64, b: f64, c: f64) -> f64 {
        Hardware::f64(a, b, c)
    }
}

impl Cpu for Vectors<256> {
    #[inline(always)]
    fn prefetch<T>(out: &[T]) {
        // f64 is drawn too slowly to wait for memory.
        if size_of::<T>() <= 4 {
            for line in out.chunks(LINE / size_of::<T>()) {
                // SAFETY: a hint, which touches nothing; SSE is part of x86-64.
                unsafe { _mm_prefetch::<_MM_HINT_ET0>(line.as_ptr().cast()) };
            }
        }
    }

    #[inline(always)]
    fn store_past_caches<T: Pod>(values: &[T], out: &mut [T]) {
        for_vectors(values, out, |value, out: &mut __m256i| {
            // SAFETY: a reference is valid and aligned. Only kernels that `run_avx2` runs have this
            // `Cpu`: AVX is there, and the fence follows before anybody else reads.
            unsafe { _mm256_stream_si256(out, value) }
        });
    }

    #[inline(always)]
    fn round_f16(values: &[f32], out: &mut [f16]) {
        // SAFETY: as above, of F16C.
        by(values, out, |values| unsafe { to_f16_by_8(values) }, to_f16);
    }
}

impl<const BF16: bool> Cpu for Vectors<512, BF16> {
    const REGISTERS: usize = 32;
    const CONVERTS_U64: bool = true;

    #[inline(always)]
    fn store_past_caches<T: Pod>(values: &[T], out: &mut [T]) {
        for_vectors(values, out, |value, out: &mut __m512i| {
            // SAFETY: a reference is valid and aligned. Only kernels that `run_avx512` runs have this
            // `Cpu`: AVX-512 is there, and the fence follows before anybody else reads.
            unsafe { _mm512_stream_si512(out, value) }
        });
    }

    #[inline(always)]
    fn round_f16(values: &[f32], out: &mut [f16]) {
        // SAFETY: as above.
        by(values, out, |values| unsafe { to_f16_by_16(values) }, to_f16);
    }

    /// With the instruction, of values that are 0 or normal numbers.
    #[inline(always)]
    fn round_bf16(values: &[f32], out: &mut [bf16]) {
        if BF16 {
            // SAFETY: only kernels that `run_avx512_bf16` runs have `BF16`.
            by(values, out, |values| unsafe { to_bf16_by_32(values) }, to_bf16);
        } else {
            one_by_one(values, out, to_bf16);
        }
    }
}

/// Copies `values` by `copy`, as vectors, where both start and end with one.
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

/// Rounds `N` values at a time by `several`, and what is left one by one.
#[inline(always)]
fn by<const N: usize, T>(
    values: &[f32],
    out: &mut [T],
    several: impl Fn(&[f32; N]) -> [T; N],
    one: impl Fn(f32) -> T,
) {
    let ((vectors, last), (outs, last_out)) = (values.as_chunks(), out.as_chunks_mut());
    for (vector, out) in vectors.iter().zip(outs) {
        *out = several(vector);
    }
    one_by_one(last, last_out, one);
}

#[inline]
#[target_feature(enable = "f16c")]
fn to_f16_by_8(values: &[f32; 8]) -> [f16; 8] {
    cast(_mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(cast(*values)))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn to_f16_by_16(values: &[f32; 16]) -> [f16; 16] {
    const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
    cast(_mm512_cvtps_ph::<NEAREST>(cast(*values)))
}

/// This instruction takes subnormal numbers for 0.
#[inline]
#[target_feature(enable = "avx512bf16,avx512f")]
fn to_bf16_by_32(values: &[f32; 32]) -> [bf16; 32] {
    let [low, high] = cast(*values);
    cast(_mm512_cvtne2ps_pbh(high, low))
}

/// While it lives, this thread computes as IEEE 754 says. It may have been told otherwise, for the sake of
/// speed: XLA tells its threads to take subnormal numbers for 0, `torch.set_flush_denormal` and whatever
/// was linked with `-ffast-math` tell their callers', and a new thread inherits it.
pub(crate) struct Ieee {
    before: u32,
}

impl Ieee {
    /// Of MXCSR: subnormal results and operands are 0, and results are rounded otherwise than to nearest.
    const OTHERWISE: u32 = 1 << 15 | 1 << 6 | 0b11 << 13;

    #[inline]
    pub(crate) fn new() -> Self {
        let mut before = 0;
        // SAFETY: it writes MXCSR to these four bytes; SSE is part of x86-64.
        unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut before, options(nostack, preserves_flags)) };
        if before & Self::OTHERWISE != 0 {
            Self::set(before & !Self::OTHERWISE);
        }
        Self { before }
    }

    #[cold]
    fn set(mxcsr: u32) {
        // SAFETY: what is set is what Rust takes for granted, or what was there. No number is carried past
        // it in a register: what is computed in between is read from memory and written to it.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const mxcsr, options(nostack)) };
    }
}

impl Drop for Ieee {
    #[inline]
    fn drop(&mut self) {
        if self.before & Self::OTHERWISE != 0 {
            Self::set(self.before);
        }
    }
}

/// Whether this CPU has all that [`avx2`] is compiled with.
pub(super) fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c")
}

/// Whether this CPU has all that [`avx512`] is compiled with.
pub(super) fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("fma")
}

/// Runs `kernel` with AVX2, or hands it back where this CPU lacks it.
pub(super) fn avx2<K: Kernel>(kernel: K) -> Result<K::Output, K> {
    // SAFETY: `has_avx2` has found every feature.
    if has_avx2() { Ok(unsafe { run_avx2(kernel) }) } else { Err(kernel) }
}

/// Runs `kernel` with AVX-512, or hands it back where this CPU lacks it.
pub(super) fn avx512<K: Kernel>(kernel: K) -> Result<K::Output, K> {
    // SAFETY: `has_avx512` has found every feature.
    if has_avx512() { Ok(unsafe { run_avx512(kernel) }) } else { Err(kernel) }
}

/// As [`avx512`], with the instruction that rounds to bfloat16.
pub(super) fn avx512_bf16<K: Kernel>(kernel: K) -> Result<K::Output, K> {
    if has_avx512() && is_x86_feature_detected!("avx512bf16") {
        // SAFETY: the line above has found every feature.
        return Ok(unsafe { run_avx512_bf16(kernel) });
    }
    Err(kernel)
}

/// Runs `kernel`, and has what it stored past the caches reach memory before anything stored later.
#[inline(always)]
fn fenced<K: Kernel, C: Cpu>(kernel: K) -> K::Output {
    let output = kernel.run::<C>();
    // SAFETY: SSE is part of x86-64.
    unsafe { _mm_sfence() };
    output
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    fenced::<K, Vectors<512>>(kernel)
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma")]
fn run_avx512_bf16<K: Kernel>(kernel: K) -> K::Output {
    fenced::<K, Vectors<512, true>>(kernel)
}

#[target_feature(enable = "avx2,fma,f16c")]
fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    fenced::<K, Vectors<256>>(kernel)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scheme;

    /// All that flushes subnormal numbers, and rounds up.
    const FLUSHED: u32 = 0x1f80 | 1 << 15 | 1 << 6 | 0b10 << 13;

    #[test]
    fn threads_that_flush_subnormal_numbers_draw_the_same() {
        let least = f64::from(f32::MIN_POSITIVE);
        let schemes = [
            Scheme::random_normal(0.0, least).unwrap(),
            Scheme::truncated_normal(0.0, least).unwrap(),
            Scheme::random_uniform(-least, least).unwrap(),
            Scheme::constant(least / 8.0).unwrap(),
            Scheme::formula("u * 1e-38").unwrap(),
        ];
        for scheme in schemes {
            let draw = scheme.with_seed(42).draw([33, 65]).unwrap();
            let expected = draw.to_vec::<f32>().unwrap();
            assert!(expected.iter().any(|value| value.is_subnormal()), "{draw:?}");
            let found = std::thread::spawn(move || {
                Ieee::set(FLUSHED);
                let values = draw.to_vec::<f32>().unwrap();
                assert_eq!(Ieee::new().before & Ieee::OTHERWISE, FLUSHED & Ieee::OTHERWISE);
                Ieee::set(0x1f80);
                values
            });
            let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
            assert_eq!(bits(found.join().unwrap()), bits(expected));
        }
    }
}
