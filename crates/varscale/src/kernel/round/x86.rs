//! From f32 to 16 bits by x86's instructions, many values at a time.

use core::arch::x86_64::{
    _MM_FROUND_NO_EXC, _MM_FROUND_TO_NEAREST_INT, _mm256_cvtps_ph, _mm512_cvtne2ps_pbh,
    _mm512_cvtps_ph,
};

use bytemuck::cast;
use half::{bf16, f16};

/// Rounds `N` values at a time by `several`, and what is left one by one.
#[inline(always)]
pub(crate) fn by<const N: usize, T>(
    values: &[f32],
    out: &mut [T],
    several: impl Fn(&[f32; N]) -> [T; N],
    one: impl Fn(f32) -> T,
) {
    let ((vectors, last), (outs, last_out)) = (values.as_chunks(), out.as_chunks_mut());
    for (vector, out) in vectors.iter().zip(outs) {
        *out = several(vector);
    }
    super::one_by_one(last, last_out, one);
}

#[inline]
#[target_feature(enable = "f16c")]
pub(crate) fn to_f16_by_8(values: &[f32; 8]) -> [f16; 8] {
    cast(_mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(cast(*values)))
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn to_f16_by_16(values: &[f32; 16]) -> [f16; 16] {
    const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
    cast(_mm512_cvtps_ph::<NEAREST>(cast(*values)))
}

/// This instruction takes subnormal numbers for 0.
#[inline]
#[target_feature(enable = "avx512bf16,avx512f")]
pub(crate) fn to_bf16_by_32(values: &[f32; 32]) -> [bf16; 32] {
    let [low, high] = cast(*values);
    cast(_mm512_cvtne2ps_pbh(high, low))
}
