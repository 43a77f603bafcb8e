//! Exponentials and logarithms of f64 without the system's library: the same bits everywhere.
//!
//! ```text
//! exp:  x = k ln 2 + r; exp(r) = 1 + r + t, t = r c / (2 - c), c = r - r² P(r²)  (FDLIBM's P)
//! log:  x = 2^k m; s = (m - 1) / (m + 1); log m = 2 s + 2 s³ (1/3 + s²/5 + s⁴/7 + …), as a double
//! a^b:  a whole b up to 512 by squaring and multiplying doubles, 1/2 as √a, other b as exp(b log a)
//! ```
//!
//! Every function is within 1.11 units in the last place: [`Expression`](crate::Expression) says how far,
//! and its tests test it.

use super::{double::Double, imp::sqrt_f64};

/// ln 2 as a sum of two; multiples of the first by less than 2^20 are exact.
const LN2_HIGH: f64 = f64::from_bits(0x3FE6_2E42_FEE0_0000);
const LN2_LOW: f64 = f64::from_bits(0x3DEA_39EF_3579_3C76);

/// Where exp overflows, and where it is 0.
const EXP_END: f64 = 709.79;
const EXP_ZERO: f64 = -746.0;

/// x + low less k times ln 2: k, and what is left as high - low.
#[inline(always)]
pub(crate) fn less_logarithms_of_2(x: f64, low: f64) -> (i32, f64, f64) {
    let k = (x * core::f64::consts::LOG2_E + if x < 0.0 { -0.5 } else { 0.5 }) as i32;
    let power = f64::from(k);
    (k, x - power * LN2_HIGH, power * LN2_LOW - low)
}

/// exp(r) - 1 - r for |r| up to 0.35, of FDLIBM 5.3's `e_exp.c`: see `streams/fdlibm.rs`.
#[inline(always)]
pub(crate) fn exp_tail(r: f64) -> f64 {
    const P: [f64; 5] = [
        f64::from_bits(0x3FC5_5555_5555_553E),
        f64::from_bits(0xBF66_C16C_16BE_BD93),
        f64::from_bits(0x3F11_566A_AF25_DE2C),
        f64::from_bits(0xBEBB_BD41_C5D2_6BF1),
        f64::from_bits(0x3E66_3769_72BE_A4D0),
    ];
    let t = r * r;
    let c = r - t * (P[0] + t * (P[1] + t * (P[2] + t * (P[3] + t * P[4]))));
    (r * c) / (2.0 - c)
}

/// 2^k for normal powers.
#[inline(always)]
fn power_of_2(k: i32) -> f64 {
    f64::from_bits(((1023 + k) as u64) << 52)
}

/// x 2^k, rounded once where it is subnormal.
fn scaled(x: f64, k: i32) -> f64 {
    let k = k.clamp(-2200, 2200);
    let step = k.clamp(-1000, 1000);
    let rest = (k - step).clamp(-1000, 1000);
    // The first steps are exact: they stay clear of subnormal values, or end far beyond.
    (x * power_of_2(step)) * power_of_2(rest) * power_of_2(k - step - rest)
}

/// exp(x + low), low much smaller.
fn exp_of_sum(x: f64, low: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x > EXP_END {
        return f64::INFINITY;
    }
    if x < EXP_ZERO {
        return 0.0;
    }
    let (k, high, low) = less_logarithms_of_2(x, low);
    let sum = Double::ordered_sum(1.0, high);
    let y = sum.high + (sum.low + (exp_tail(high - low) - low));
    // Halved, so that both factors are normal powers, and only the last product is rounded.
    (y * power_of_2(k / 2)) * power_of_2(k - k / 2)
}

/// e^x.
pub(crate) fn exp(x: f64) -> f64 {
    exp_of_sum(x, 0.0)
}

/// e^x - 1, to its last place near 0 as well.
pub(crate) fn expm1(x: f64) -> f64 {
    if x < -38.0 {
        return -1.0;
    }
    if x.is_nan() || x.abs() < 1e-300 {
        return x;
    }
    if x > 44.0 {
        return exp(x) - 1.0;
    }
    let (k, high, low) = less_logarithms_of_2(x, 0.0);
    let tail = exp_tail(high - low) - low;
    let scale = power_of_2(k);
    // scale (1 + high + tail) - 1.
    let one = Double::sum(scale, -1.0);
    let sum = Double::sum(one.high, scale * high);
    sum.high + (sum.low + one.low + scale * tail)
}

/// log x of a positive, finite x, to about 2^-64.
fn log_as_sum(x: f64) -> Double {
    const THIRD: Double = Double {
        high: f64::from_bits(0x3FD5_5555_5555_5555),
        low: f64::from_bits(0x3C75_5555_5555_5555),
    };
    let (x, below) = if x < f64::MIN_POSITIVE { (x * (1_u64 << 54) as f64, 54) } else { (x, 0) };
    let bits = x.to_bits();
    // m in [√½, √2), about.
    let halved = i32::from((bits & 0x000F_FFFF_FFFF_FFFF) >= 0x0006_A09E_667F_3BCD);
    let m = f64::from_bits((bits & 0x000F_FFFF_FFFF_FFFF) | ((1023 - halved as u64) << 52));
    let k = (bits >> 52) as i32 - 1023 + halved - below;

    let (f, d) = (m - 1.0, Double::sum(m, 1.0));
    let high = f / d.high;
    let product = Double::product(high, d.high);
    let s = Double { high, low: (((f - product.high) - product.low) - high * d.low) / d.high };
    let z = s.times(s);
    let t = z.high;
    let series = |n: f64, rest: f64| 1.0 / n + t * rest;
    let rest = [23.0, 21.0, 19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0];
    let rest = t * rest.into_iter().fold(1.0 / 25.0, |rest, n| series(n, rest));
    let series = Double::ordered_sum(THIRD.high, rest);
    let series = Double { low: series.low + THIRD.low, ..series };
    let w = s.times(z.times(series));
    let sum = Double::ordered_sum(s.high, w.high);
    let (high, low) = (2.0 * sum.high, 2.0 * (sum.low + (w.low + s.low)));

    let power = f64::from(k);
    let sum = Double::sum(power * LN2_HIGH, high);
    Double::ordered_sum(sum.high, sum.low + (power * LN2_LOW + low))
}

/// The natural logarithm: -∞ of 0, and no number of what is below.
pub(crate) fn log(x: f64) -> f64 {
    if x == 0.0 {
        f64::NEG_INFINITY
    } else if x < 0.0 {
        f64::NAN
    } else if x.is_finite() {
        log_as_sum(x).high
    } else {
        x
    }
}

/// log(1 + x), to its last place near 0 as well.
pub(crate) fn log1p(x: f64) -> f64 {
    if x <= -1.0 || !x.is_finite() {
        return log(1.0 + x);
    }
    if x.abs() < 1e-300 {
        return x;
    }
    let sum = Double::sum(1.0, x);
    let Double { high, low } = log_as_sum(sum.high);
    let part = sum.low / sum.high;
    let sum = Double::sum(high, part);
    sum.high + (sum.low + (low - part * part * 0.5))
}

/// a^b: 1 where b is 0 or a is 1, no number where a is below 0 and b is not whole; otherwise as IEEE
/// 754's `pow`.
pub(crate) fn power(a: f64, b: f64) -> f64 {
    if b == 0.0 || a == 1.0 {
        return 1.0;
    }
    if a.is_nan() || b.is_nan() {
        return f64::NAN;
    }
    let whole = b.abs() >= (1_u64 << 53) as f64 || b as i64 as f64 == b;
    let odd = whole && b.abs() < (1_u64 << 53) as f64 && b as i64 % 2 != 0;
    if a < 0.0 && !whole {
        return f64::NAN;
    }
    let sign = if a.is_sign_negative() && odd { -1.0 } else { 1.0 };
    let a = a.abs();
    if a == 0.0 || a.is_infinite() || b.is_infinite() {
        if a == 1.0 {
            return 1.0;
        }
        let grows = (a > 1.0) == (b > 0.0);
        return sign * if grows { f64::INFINITY } else { 0.0 };
    }
    if whole && b.abs() <= 512.0 {
        return sign * whole_power(a, b as i32);
    }
    if b == 0.5 {
        return sqrt_f64(a);
    }
    let Double { high, low } = log_as_sum(a);
    if b.abs() > 1e20 {
        return sign * exp_of_sum(b * high, 0.0);
    }
    let exponent = Double::product(b, high);
    sign * exp_of_sum(exponent.high, exponent.low + b * low)
}

/// a^n for a positive, finite a and |n| from 1 to 512.
fn whole_power(a: f64, n: i32) -> f64 {
    let (a, below) = if a < f64::MIN_POSITIVE { (a * (1_u64 << 54) as f64, 54) } else { (a, 0) };
    let exponent = (a.to_bits() >> 52) as i32 - 1023;
    // In [1, 2): its powers stay below 2^512.
    let m = Double {
        high: a * power_of_2(-(exponent / 2)) * power_of_2(exponent / 2 - exponent),
        low: 0.0,
    };
    let count = n.unsigned_abs();
    let mut product = m;
    for bit in (0..count.ilog2()).rev() {
        product = product.times(product);
        if count >> bit & 1 == 1 {
            product = product.times(m);
        }
    }
    let Double { high, low } = product;
    let scale = (exponent - below) * n;
    if n > 0 {
        return scaled(high, scale);
    }
    let inverse = 1.0 / high;
    let back = Double::product(inverse, high);
    scaled(inverse + (((1.0 - back.high) - back.low) - inverse * low) * inverse, scale)
}
