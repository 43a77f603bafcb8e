//! The inverse error function as XLA computes it on CPUs with fused multiply-add.
//!
//! JAX 0.10.2: `xla/hlo/builder/lib/math.cc` (`ErfInv32`, `ErfInv64`), where log1p and log are
//! expanded by XLA's CPU compiler; the f64 logarithm is the system's.
//!
//! ```text
//! erf_inv(u): l = log1p(-(u · u)); central, where l > -5 (f64: -6.25): w = -l - 2.5 (f64: 3.125)
//!             tail: w = sqrt(-l) - 3 (f64: 3.25; where l <= -16: 5)
//!             return P(w) · u                           Giles: "Approximating the erfinv function"
//! log1p(x):   |x| < sqrt(2) - 1: x + (x^3 P(x)/Q(x) - x^2/2)                        Cephes, log1pl
//!             otherwise log(1 + x)
//! log(y):     y = 2^e (1 + x), sqrt(1/2) <= 1 + x < sqrt(2)                           Cephes, logf
//!             return x - x^2/2 + x^3 P(x) + e ln 2
//! ```
//!
//! Every polynomial is Horner's, in fused steps, but for the three parts of P in log. Arguments of
//! ±1 never come: |u| <= 1 - 2^-24 (f64: 2^-53), so their infinities are left out.

use super::xla_data as k;
use crate::{
    math::{ln_f64, sqrt_f32, sqrt_f64},
    simd::Fma,
};

/// Horner's rule, written out: a loop over fused steps in software is too long for LLVM to unroll,
/// and what is not unrolled here is not vectorized where it is called.
macro_rules! horner_f32 {
    ($fma:ty, $coefficients:expr, $x:expr, $($i:literal)+) => {{
        let (coefficients, x) = (&$coefficients, $x);
        let p = coefficients[0];
        $(let p = <$fma>::f32(p, x, coefficients[$i]);)+
        p
    }};
}

/// The inverse error function for |u| < 0.99, where the tail is not needed.
#[inline(always)]
pub(crate) fn erf_inv_central_f32<M: Fma>(u: f32) -> f32 {
    let l = log1p_f32::<M>(-(u * u));
    horner_f32!(M, k::ERF_INV_F32_CENTRAL, -2.5 - l, 1 2 3 4 5 6 7 8) * u
}

/// The inverse error function for |u| < 1.
#[inline(always)]
pub(crate) fn erf_inv_f32<M: Fma>(u: f32) -> f32 {
    let l = log1p_f32::<M>(-(u * u));
    let central = l > -5.0;
    let w = if central { -2.5 - l } else { sqrt_f32(-l) - 3.0 };
    // Chosen one by one: twice the polynomial would cost twice the multiplications.
    let mut chosen = k::ERF_INV_F32_TAIL;
    for (slot, coefficient) in chosen.iter_mut().zip(k::ERF_INV_F32_CENTRAL) {
        *slot = if central { coefficient } else { *slot };
    }
    horner_f32!(M, chosen, w, 1 2 3 4 5 6 7 8) * u
}

/// log(1 + x) for -1 < x <= 0.
#[inline(always)]
fn log1p_f32<M: Fma>(x: f32) -> f32 {
    let small = log1p_small_f32::<M>(x);
    let large = log_f32::<M>(1.0 + x);
    if x > -k::LOG1P_F32_SMALL { small } else { large }
}

#[inline(always)]
fn log1p_small_f32<M: Fma>(x: f32) -> f32 {
    let square = x * x;
    let ratio = horner_f32!(M, k::LOG1P_F32_P, x, 1 2 3 4 5 6)
        / horner_f32!(M, k::LOG1P_F32_Q, x, 1 2 3 4 5 6);
    let rest = (x * square) * ratio;
    x + M::f32(-0.5, square, rest)
}

/// The logarithm of a positive normal number.
#[inline(always)]
fn log_f32<M: Fma>(y: f32) -> f32 {
    const HALF: u32 = 126;
    let bits = y.to_bits();
    let fraction = f32::from_bits((bits & 0x007F_FFFF) | HALF << 23);
    let exponent = ((bits >> 23) as i32 - HALF as i32) as f32;
    let below = fraction < core::f32::consts::FRAC_1_SQRT_2;
    let e = if below { exponent - 1.0 } else { exponent };
    let x = (fraction - 1.0) + if below { fraction } else { 0.0 };

    let square = x * x;
    let cube = square * x;
    let [p0, p1, p2] = [
        horner_f32!(M, k::LOG_F32[0], x, 1 2),
        horner_f32!(M, k::LOG_F32[1], x, 1 2),
        horner_f32!(M, k::LOG_F32[2], x, 1 2),
    ];
    let p = M::f32(M::f32(p0, cube, p1), cube, p2);
    let p = M::f32(cube, p, e * k::LN2_F32_LOW);
    let t = M::f32(-square, 0.5, x);
    M::f32(e, k::LN2_F32_HIGH, t + p)
}

/// The inverse error function for |u| < 1.
#[inline(always)]
pub(crate) fn erf_inv_f64<M: Fma>(u: f64) -> f64 {
    let l = log1p_f64::<M>(-(u * u));
    let p = if l > -6.25 {
        horner_f64::<M, 23>(&k::ERF_INV_F64_CENTRAL, -3.125 - l)
    } else if l > -16.0 {
        horner_f64::<M, 19>(&k::ERF_INV_F64_TAIL, sqrt_f64(-l) - 3.25)
    } else {
        horner_f64::<M, 17>(&k::ERF_INV_F64_FAR, sqrt_f64(-l) - 5.0)
    };
    p * u
}

/// log(1 + x) for -1 < x <= 0.
#[inline(always)]
fn log1p_f64<M: Fma>(x: f64) -> f64 {
    if x > -k::LOG1P_F64_SMALL {
        let square = x * x;
        let ratio = horner_f64::<M, 7>(&k::LOG1P_F64_P, x) / horner_f64::<M, 7>(&k::LOG1P_F64_Q, x);
        let rest = (x * square) * ratio;
        x + M::f64(-0.5, square, rest)
    } else {
        ln_f64(1.0 + x)
    }
}

#[inline(always)]
fn horner_f64<M: Fma, const N: usize>(coefficients: &[f64; N], x: f64) -> f64 {
    let mut p = coefficients[0];
    for &coefficient in &coefficients[1..] {
        p = M::f64(p, x, coefficient);
    }
    p
}

/// The error function, for the bound of truncated normals only: a test recomputes them.
#[cfg(test)]
pub(crate) fn erf_f32<M: Fma>(x: f32) -> f32 {
    let z = x * x;
    let p = horner_f32!(M, k::ERF_F32_P, z, 1 2 3 4);
    let q = horner_f32!(M, k::ERF_F32_Q, z, 1 2 3 4 5 6);
    (x * p) / q
}
