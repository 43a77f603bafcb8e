//! Double-precision log1p, exp, sine and cosine without the system's library.
//!
//! ```text
//! log1p: 1 + x = 2^k (1 + f), s = f / (2 + f); log(1 + f) = f - (f²/2 - s (f²/2 + R(s²)))
//! exp:   x = k ln 2 + r; exp(r) = 1 + r + r c / (2 - c), c = r - r² P(r²)
//! sin, cos: x less the nearest multiple of π/2, as a sum of two; polynomials of the rest
//! ```
//!
//! Algorithms and coefficients of FDLIBM 5.3 (`s_log1p.c`, `e_exp.c`, `k_sin.c`, `k_cos.c`), errors
//! below one unit in the last place: for results that are compared, or rounded to f32 or less.
//!
//! FDLIBM: Copyright (C) 1993, 2004 by Sun Microsystems, Inc. All rights reserved. Developed at
//! SunPro, a Sun Microsystems, Inc. business. Permission to use, copy, modify, and distribute this
//! software is freely granted, provided that this notice is preserved.

use crate::math::{
    elementary::{exp_tail, less_logarithms_of_2},
    trigonometric::{kernel_cos, kernel_sin},
};

const LN2_HIGH: f64 = f64::from_bits(0x3FE6_2E42_FEE0_0000);
const LN2_LOW: f64 = f64::from_bits(0x3DEA_39EF_3579_3C76);

/// log(1 + x) for -1 < x <= 0.
#[inline]
pub(crate) fn log1p(x: f64) -> f64 {
    /// -0.2929: from here on, 1 + x needs no scaling.
    const UNSCALED: u32 = 0xBFD2_BEC3;
    const TINY: f64 = 1.0 / (1_u64 << 54) as f64;
    const SMALL: f64 = 1.0 / (1_u64 << 29) as f64;

    if x > -TINY {
        return x;
    }
    if x > -SMALL {
        return x - x * x * 0.5;
    }
    if ((x.to_bits() >> 32) as u32) <= UNSCALED {
        return scaled_log(0, x, 0.0, false);
    }
    let u = 1.0 + x;
    // What the addition cut off, relative to u: k is not positive here.
    let correction = (x - (u - 1.0)) / u;
    let high = (u.to_bits() >> 32) as u32;
    let k = (high >> 20) as i32 - 1023;
    // Halved from about sqrt(2) on, so that f is close to 0.
    let fraction = high & 0xF_FFFF;
    let (k, exponent) = if fraction < 0x6_A09E { (k, 0x3FF) } else { (k + 1, 0x3FE) };
    let mantissa = u.to_bits() & 0x000F_FFFF_FFFF_FFFF;
    let f = f64::from_bits(mantissa | (exponent << 52)) - 1.0;
    // f in about [-1.5, 1] 2^-20: FDLIBM's test, which decides between two last places.
    let tiny = fraction == 0 || fraction >= 0xF_FFFD;
    scaled_log(k, f, correction, tiny)
}

/// k ln 2 + log(1 + f) + correction.
#[inline(always)]
fn scaled_log(k: i32, f: f64, correction: f64, tiny: bool) -> f64 {
    const L: [f64; 7] = [
        f64::from_bits(0x3FE5_5555_5555_5593),
        f64::from_bits(0x3FD9_9999_9997_FA04),
        f64::from_bits(0x3FD2_4924_9422_9359),
        f64::from_bits(0x3FCC_71C5_1D8E_78AF),
        f64::from_bits(0x3FC7_4664_96CB_03DE),
        f64::from_bits(0x3FC3_9A09_D078_C69F),
        f64::from_bits(0x3FC2_F112_DF3E_5244),
    ];

    let power = f64::from(k);
    let low = power * LN2_LOW + correction;
    let half = 0.5 * f * f;
    if tiny {
        if f == 0.0 {
            return power * LN2_HIGH + low;
        }
        let r = half * (1.0 - 0.666_666_666_666_666_6 * f);
        return power * LN2_HIGH - ((r - low) - f);
    }
    let s = f / (2.0 + f);
    let z = s * s;
    let (z2, z4) = (z * z, (z * z) * (z * z));
    let z6 = z4 * z2;
    let r = z * L[0] + z2 * (L[1] + z * L[2]) + z4 * (L[3] + z * L[4]) + z6 * (L[5] + z * L[6]);
    if k == 0 {
        return f - (half - s * (half + r));
    }
    power * LN2_HIGH - ((half - (s * (half + r) + low)) - f)
}

/// exp(x) for -700 < x <= 0.
#[inline]
pub(crate) fn exp(x: f64) -> f64 {
    let (k, high, low) = less_logarithms_of_2(x, 0.0);
    let y = 1.0 - ((low - exp_tail(high - low)) - high);
    y * f64::from_bits(((1023 + k) as u64) << 52)
}

/// (sin x, cos x) for 0 <= x < 7.
#[inline]
pub(crate) fn sin_cos(x: f64) -> (f64, f64) {
    // π/2 in three parts; multiples of the first two by up to 4 are exact.
    const PART_1: f64 = f64::from_bits(0x3FF9_21FB_5440_0000);
    const PART_2: f64 = f64::from_bits(0x3DD0_B461_1A60_0000);
    const PART_3: f64 = f64::from_bits(0x3BA3_198A_2E03_7073);

    let quadrant = (x * core::f64::consts::FRAC_2_PI + 0.5) as u32;
    let n = f64::from(quadrant);
    let first = x - n * PART_1;
    let second = n * PART_2;
    let r = first - second;
    let w = n * PART_3 - ((first - r) - second);
    let y = r - w;
    let rest = (r - y) - w;
    let (sin, cos) = (kernel_sin(y, rest), kernel_cos(y, rest));
    match quadrant % 4 {
        0 => (sin, cos),
        1 => (cos, -sin),
        2 => (-sin, -cos),
        _ => (-cos, sin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// u53, as torch and NumPy draw it, with many small ones.
    fn units(count: u64) -> impl Iterator<Item = f64> {
        (0..count).map(|index| {
            let word = index.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let shift = 11 + if index % 4 == 0 { index / 4 % 52 } else { 0 };
            (word >> shift) as f64 / (1_u64 << 53) as f64
        })
    }

    #[test]
    fn is_close_to_the_system() {
        let close = |own: f64, libm: f64| {
            assert!((own - libm).abs() <= 2.3e-16 * libm.abs(), "{own:e} instead of {libm:e}");
        };
        for unit in units(2_000_000) {
            close(log1p(-unit), (-unit).ln_1p());
            close(exp(-7.0 * unit), (-7.0 * unit).exp());
            let angle = core::f64::consts::TAU * unit;
            let (sin, cos) = sin_cos(angle);
            close(sin, angle.sin());
            close(cos, angle.cos());
        }
        for quarter in 0..=4 {
            let angle = core::f64::consts::FRAC_PI_2 * f64::from(quarter);
            close(sin_cos(angle).0, angle.sin());
            close(sin_cos(angle).1, angle.cos());
        }
    }
}
