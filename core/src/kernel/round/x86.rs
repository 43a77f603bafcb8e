//! From f32 to 16 bits by x86's instructions, many values at a time.

use core::arch::x86_64::{
    _MM_FROUND_NO_EXC, _MM_FROUND_TO_NEAREST_INT, _mm256_cvtps_ph, _mm512_cvtne2ps_pbh,
    _mm512_cvtps_ph,
};

use bytemuck::cast;
use half::{bf16, f16};

#[target_feature(enable = "f16c")]
pub(crate) fn to_f16_by_8(values: &[f32], out: &mut [f16]) {
    let ((vectors, last), (outs, last_out)) = (values.as_chunks::<8>(), out.as_chunks_mut::<8>());
    for (vector, out) in vectors.iter().zip(outs) {
        *out = cast(_mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(cast(*vector)));
    }
    for (&value, out) in last.iter().zip(last_out) {
        *out = super::to_f16(value);
    }
}

#[target_feature(enable = "avx512f")]
pub(crate) fn to_f16_by_16(values: &[f32], out: &mut [f16]) {
    let ((vectors, last), (outs, last_out)) = (values.as_chunks::<16>(), out.as_chunks_mut::<16>());
    for (vector, out) in vectors.iter().zip(outs) {
        *out = cast(_mm512_cvtps_ph::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(cast(
            *vector,
        )));
    }
    for (&value, out) in last.iter().zip(last_out) {
        *out = super::to_f16(value);
    }
}

/// This instruction takes subnormal numbers for 0.
#[target_feature(enable = "avx512bf16,avx512f")]
pub(crate) fn to_bf16_by_32(values: &[f32], out: &mut [bf16]) {
    let ((vectors, last), (outs, last_out)) = (values.as_chunks::<32>(), out.as_chunks_mut::<32>());
    for (vector, out) in vectors.iter().zip(outs) {
        let [low, high] = cast(*vector);
        *out = cast(_mm512_cvtne2ps_pbh(high, low));
    }
    for (&value, out) in last.iter().zip(last_out) {
        *out = super::to_bf16(value);
    }
}
