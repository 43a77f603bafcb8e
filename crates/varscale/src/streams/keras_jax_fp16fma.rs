//! `keras-jax` on a CPU with half-precision FMA (AVX512-FP16), which changes float16 only: see
//! `keras_jax`.

use super::{
    definition::{Definition, in_dtypes},
    keras_jax::{Grid, HalfFma, KerasJax, values_of},
    values::{Request, Values},
};
use crate::simd::Level;

/// `keras-jax-fp16fma`.
pub(crate) struct KerasJaxFp16Fma;

impl Definition for KerasJaxFp16Fma {
    const NAME: &'static str = "keras-jax-fp16fma";
    const ID: &'static str = "keras-jax-fp16fma (keras 3.15.1, jax 0.10.2)";

    fn check_seed(seed: i128, generator: bool) -> Result<(), &'static str> {
        KerasJax::check_seed(seed, generator)
    }

    in_dtypes!([half::f16, half::bf16, f32, f64], values);
}

fn values<T: Grid + 'static>(request: &Request, level: Level) -> Values<T> {
    values_of(request, level, HalfFma::Present)
}
