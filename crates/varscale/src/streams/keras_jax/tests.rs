//! Where golden data does not reach: bounds, parameters at the ends of their range, far indices.

use std::{vec, vec::Vec};

use half::{bf16, f16};

use super::*;
use crate::{schemes::Distribution, simd::Software, tests::Reference};

fn draw<T: Grid>(request: &Request, half_fma: HalfFma, start: u64, length: usize) -> Vec<T> {
    let mut out = vec![T::default(); length];
    fill::<T, Software>(request, half_fma, start, &mut out);
    out
}

#[test]
fn seeds() {
    for seed in [0, 1, i128::from(u32::MAX)] {
        assert_eq!(KerasJax::check_seed(seed, false), Ok(()));
        assert_eq!(KerasJax::check_seed(seed, true), Ok(()));
    }
    for seed in [-1, 1 << 32, 1 << 64, i128::MIN] {
        assert!(
            KerasJax::check_seed(seed, false).is_err() && KerasJax::check_seed(seed, true).is_err()
        );
    }
}

/// `_truncated_normal` takes the error function of 2 / sqrt(2), computed in the dtype.
#[test]
fn bounds_are_the_error_function() {
    assert_eq!(f32::ERF_BOUND, xla::erf_f32::<Software>(2.0 * f32::from_bits(0x3F35_04F3)));
    assert_eq!(bf16::ERF_BOUND, bound_of::<bf16>());
    assert_eq!(f16::ERF_BOUND, bound_of::<f16>());
}

fn bound_of<T: Grid<Value = f32>>() -> f32 {
    T::round(xla::erf_f32::<Software>(T::round(2.0 * T::round(1.0 / T::SQRT_2))))
}

/// Sums of the bits of 4096 values, seed 7, from `keras.src.backend.jax.random` on JAX 0.10.2:
/// results that flush to zero, infinite spreads, NaNs.
#[test]
fn parameters_at_the_ends() {
    ends::<f32>(
        HalfFma::Absent,
        &[
            (Distribution::Uniform, 0.0, 0x0),
            (Distribution::UntruncatedNormal, 0.0, 0x0),
            (Distribution::TruncatedNormal, 0.0, 0x0),
            (Distribution::Uniform, 1e-45, 0x0),
            (Distribution::UntruncatedNormal, 1e-45, 0x0),
            (Distribution::TruncatedNormal, 1e-45, 0x0),
            (Distribution::Uniform, 1e-38, 0x0),
            (Distribution::UntruncatedNormal, 1e-38, 0x0),
            (Distribution::TruncatedNormal, 1e-38, 0x0),
            (Distribution::Uniform, 3e-38, 0x3ED84275D97),
            (Distribution::UntruncatedNormal, 3e-38, 0x2CAE1121AB0),
            (Distribution::TruncatedNormal, 3e-38, 0x2BE257F5ADA),
            (Distribution::Uniform, 2e+38, 0x7F800000000),
            (Distribution::UntruncatedNormal, 2e+38, 0xBCEEF80ED58),
            (Distribution::TruncatedNormal, 2e+38, 0xBCE43835A92),
        ],
    );
    ends::<bf16>(
        HalfFma::Absent,
        &[
            (Distribution::Uniform, 0.0, 0x0),
            (Distribution::UntruncatedNormal, 0.0, 0x0),
            (Distribution::TruncatedNormal, 0.0, 0x0),
            (Distribution::Uniform, 1e-45, 0x0),
            (Distribution::UntruncatedNormal, 1e-45, 0x0),
            (Distribution::TruncatedNormal, 1e-45, 0x0),
            (Distribution::Uniform, 1e-38, 0x0),
            (Distribution::UntruncatedNormal, 1e-38, 0x0),
            (Distribution::TruncatedNormal, 1e-38, 0x0),
            (Distribution::Uniform, 3e-38, 0x3F7A323),
            (Distribution::UntruncatedNormal, 3e-38, 0x2E0FC9A),
            (Distribution::TruncatedNormal, 3e-38, 0x2CFB691),
            (Distribution::Uniform, 2e+38, 0x80A0900),
            (Distribution::UntruncatedNormal, 2e+38, 0xBD8AC61),
            (Distribution::TruncatedNormal, 2e+38, 0xBC71F23),
        ],
    );
    ends::<f16>(
        HalfFma::Absent,
        &[
            (Distribution::Uniform, 0.0, 0x0),
            (Distribution::UntruncatedNormal, 0.0, 0x0),
            (Distribution::TruncatedNormal, 0.0, 0x0),
            (Distribution::Uniform, 1e-07, 0x2F89022),
            (Distribution::UntruncatedNormal, 1e-07, 0x32E198C),
            (Distribution::TruncatedNormal, 1e-07, 0x3269709),
            (Distribution::Uniform, 1e-06, 0x3D08979),
            (Distribution::UntruncatedNormal, 1e-06, 0x3D65B21),
            (Distribution::TruncatedNormal, 1e-06, 0x3D646D6),
            (Distribution::Uniform, 40000.0, 0x7C00800),
            (Distribution::UntruncatedNormal, 40000.0, 0xB3F83A3),
            (Distribution::TruncatedNormal, 40000.0, 0xB39203E),
        ],
    );
    ends::<f16>(
        HalfFma::Present,
        &[
            (Distribution::Uniform, 0.0, 0x0),
            (Distribution::UntruncatedNormal, 0.0, 0x0),
            (Distribution::TruncatedNormal, 0.0, 0x0),
            (Distribution::Uniform, 1e-07, 0x3EB1022),
            (Distribution::UntruncatedNormal, 1e-07, 0x32E198C),
            (Distribution::TruncatedNormal, 1e-07, 0x3269709),
            (Distribution::Uniform, 1e-06, 0x3EB896E),
            (Distribution::UntruncatedNormal, 1e-06, 0x3D65B21),
            (Distribution::TruncatedNormal, 1e-06, 0x3D646E9),
            (Distribution::Uniform, 40000.0, 0x7C20800),
            (Distribution::UntruncatedNormal, 40000.0, 0xB3F83A3),
            (Distribution::TruncatedNormal, 40000.0, 0xB391E3C),
        ],
    );
}

fn ends<T: Grid + Reference>(half_fma: HalfFma, cases: &[(Distribution, f64, u64)]) {
    for &(distribution, parameter, sum) in cases {
        let law = distribution.law(parameter);
        let request = Request { law, seed: 7, call: 0, name: 0, elements: 4096, global_seed: None };
        let values = draw::<T>(&request, half_fma, 0, 4096);
        let bits: u64 = values.iter().map(|value| value.bits()).sum();
        assert_eq!(bits, sum, "{distribution:?} {parameter:e} {half_fma:?}");
    }
}

/// Counters beyond 32 bits, against the definition: value by value.
#[test]
fn far_slices() {
    let request = Request {
        name: 0,
        law: Law::Uniform { low: -1.0, high: 1.0 },
        seed: 42,
        call: 3,
        elements: 1 << 40,
        global_seed: None,
    };
    let start = (1u64 << 32) - 777;
    let run = draw::<f32>(&request, HalfFma::Absent, start, 1500);
    for (index, value) in (start..).zip(run) {
        let [b0, b1] = threefry::threefry2x32([42, 3], [(index >> 32) as u32, index as u32]);
        let f = ((b0 ^ b1) >> 9) as f32 / (1 << 23) as f32;
        assert_eq!(value, 2.0 * f - 1.0);
    }
}
