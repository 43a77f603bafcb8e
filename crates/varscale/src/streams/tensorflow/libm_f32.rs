//! glibc's logf, sinf and cosf, without libm: the inputs that Box and Muller's method has.
//!
//! ```text
//! ln x:    x = 2^k z, z in [0.699, 1.398); (1/c, ln c) = entry of a table of 16 for z
//!          r = z (1/c) - 1
//!          ln c + k ln 2 + r + r^2 (A2 + A1 r + A0 r^2)        in f64, rounded once to f32
//! sin cos: n = the nearest multiple of pi/2, y = x - n pi/2
//!          sin y = y + S1 y^3 + S2 y^5 + S3 y^7
//!          cos y = 1 + C1 y^2 + C2 y^4 + C3 y^6 + C4 y^8       in f64, rounded once to f32,
//!          swapped and negated by n
//! ```
//!
//! Source: Arm optimized-routines, `math/logf.c`, `math/logf_data.c`, `math/sinf.c`, `math/cosf.c`,
//! `math/sincosf.h`, `math/sincosf_data.c`, which are glibc's since 2.28 (2.27 for logf). The table
//! and the coefficients are theirs:
//!
//! > Copyright (c) 2017-2018, Arm Limited. SPDX-License-Identifier: MIT
//!
//! The results are good to 0.82 (ln) and 0.57 (sin, cos) units in the last place, so that no other
//! algorithm gives the same bits: the table, the polynomials and the order of operations are kept.
//!
//! Deviations, none of which changes a result on the domains given below (tested on every input of
//! them): the nearest multiple of pi/2 comes from an addition that leaves it in the last bits, and
//! not from a conversion to integer; the special cases of tiny arguments, which the polynomials
//! round to the same values, and of zeros, subnormals, infinities and NaNs are left out; glibc runs
//! a variant with fused multiply-add where the CPU has it, with the same results there. Beyond 2 pi
//! the two variants of glibc differ, in the reduction: the first time in cos(17.278738).

/// 1/c of the 16 intervals, as bits.
const INVERSE: [u64; 16] = [
    0x3FF6_61EC_79F8_F3BE,
    0x3FF5_71ED_4AAF_883D,
    0x3FF4_9539_F0F0_10B0,
    0x3FF3_C995_B0B8_0385,
    0x3FF3_0D19_0C88_64A5,
    0x3FF2_5E22_7B0B_8EA0,
    0x3FF1_BB4A_4A1A_343F,
    0x3FF1_2358_F08A_E5BA,
    0x3FF0_953F_4199_00A7,
    0x3FF0_0000_0000_0000,
    0x3FEE_608C_FD9A_47AC,
    0x3FEC_A4B3_1F02_6AA0,
    0x3FEB_2036_576A_FCE6,
    0x3FE9_C2D1_63A1_AA2D,
    0x3FE8_86E6_0378_41ED,
    0x3FE7_67DC_F553_4862,
];

/// ln c of the 16 intervals, as bits.
const LOG: [u64; 16] = [
    0xBFD5_7BF7_808C_AADE,
    0xBFD2_BEF0_A7C0_6DDB,
    0xBFD0_1EAE_7F51_3A67,
    0xBFCB_31D8_A682_24E9,
    0xBFC6_574F_0AC0_7758,
    0xBFC1_AA2B_C79C_8100,
    0xBFBA_4E76_CE8C_0E5E,
    0xBFB1_973C_5A61_1CCC,
    0xBFA2_52F4_38E1_0C1E,
    0x0000_0000_0000_0000,
    0x3FAA_A5AA_5DF2_5984,
    0x3FBC_5E53_AA36_2EB4,
    0x3FC5_26E5_7720_DB08,
    0x3FCB_C286_0D22_4770,
    0x3FD1_058B_C8A0_7EE1,
    0x3FD4_0430_57B6_EE09,
];

const A0: f64 = f64::from_bits(0xBFD0_0EA3_48B8_8334);
const A1: f64 = f64::from_bits(0x3FD5_575B_0BE0_0B6A);
const A2: f64 = f64::from_bits(0xBFDF_FFFE_F20A_4123);
const S1: f64 = f64::from_bits(0xBFC5_5554_5995_A603);
const S2: f64 = f64::from_bits(0x3F81_1076_0523_0BC4);
const S3: f64 = f64::from_bits(0xBF29_94EB_3774_CF24);
const C1: f64 = f64::from_bits(0xBFDF_FFFF_FD0C_621C);
const C2: f64 = f64::from_bits(0x3FA5_5553_E106_8F19);
const C3: f64 = f64::from_bits(0xBF56_C087_E89A_359D);
const C4: f64 = f64::from_bits(0x3EF9_9343_027B_F8C3);

/// The natural logarithm of a positive normal number, as glibc's logf.
#[inline(always)]
pub(crate) fn ln(x: f32) -> f32 {
    // The low end of the intervals, about 0.699.
    const LOW: u32 = 0x3F33_0000;

    let offset = x.to_bits().wrapping_sub(LOW);
    let i = ((offset >> 19) & 15) as usize;
    let k = (offset as i32) >> 23;
    let z = f64::from(f32::from_bits((offset & 0x007F_FFFF) + LOW));
    let r = z * f64::from_bits(INVERSE[i]) - 1.0;
    let whole = f64::from_bits(LOG[i]) + f64::from(k) * core::f64::consts::LN_2;
    let r2 = r * r;
    let tail = A0 * r2 + (A1 * r + A2);
    (tail * r2 + (whole + r)) as f32
}

/// Sine and cosine of x in [0, f32(2 pi)], as glibc's sinf and cosf.
#[inline(always)]
pub(crate) fn sin_cos(x: f32) -> (f32, f32) {
    // Numbers near it have no fraction bits: adding it rounds to an integer in the last bits.
    const ROUND: f64 = 1.5 * (1_u64 << 52) as f64;

    let x = f64::from(x);
    let shifted = x * core::f64::consts::FRAC_2_PI + ROUND;
    let quadrant = shifted.to_bits();
    let y = x - (shifted - ROUND) * core::f64::consts::FRAC_PI_2;
    let (sin, cos) = kernels(y);
    let swap = quadrant & 1 != 0;
    let (a, b) = if swap { (cos, sin) } else { (sin, cos) };
    let negate = |x: f64, quadrant: u64| f64::from_bits(x.to_bits() ^ ((quadrant & 2) << 62));
    (negate(a, quadrant) as f32, negate(b, quadrant.wrapping_add(1)) as f32)
}

/// Sine and cosine of y in [-pi/4, pi/4].
#[inline(always)]
fn kernels(y: f64) -> (f64, f64) {
    let y2 = y * y;
    let y3 = y * y2;
    let y4 = y2 * y2;
    let sin = (y + y3 * S1) + (y3 * y2) * (S2 + y2 * S3);
    let cos = ((1.0 + y2 * C1) + y4 * C2) + (y4 * y2) * (C3 + y2 * C4);
    (sin, cos)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::f64::consts::PI;

    const UNITS: u32 = 1 << 23;

    const DIGESTS: [u64; 3] = [0xBB20_2CA2_D567_A0DB, 0x8708_703A_0566_2A4A, 0x209F_774B_9FA3_A2B9];

    fn unit(mantissa: u32) -> f32 {
        f32::from_bits(mantissa | 0x3F80_0000) - 1.0
    }

    fn angle(mantissa: u32) -> f32 {
        (2.0 * PI * f64::from(unit(mantissa))) as f32
    }

    /// FNV-1a of the bits: what glibc gives is stored as one number, for other machines.
    fn digest(values: impl Iterator<Item = f32>) -> u64 {
        values.fold(0xCBF2_9CE4_8422_2325, |hash, value| {
            (hash ^ u64::from(value.to_bits())).wrapping_mul(0x0000_0100_0000_01B3)
        })
    }

    /// Every input of TensorFlow's Box-Muller, against digests of glibc 2.36's results.
    #[test]
    fn every_input_of_tensorflow() {
        let digests = [
            digest((1..UNITS).map(|m| ln(unit(m)))),
            digest((0..UNITS).map(|m| sin_cos(angle(m)).0)),
            digest((0..UNITS).map(|m| sin_cos(angle(m)).1)),
        ];
        assert_eq!(digests, DIGESTS);
        assert_eq!(ln(1e-7).to_bits(), 0xC180F1DC);
    }

    /// The same against the functions of this machine, where they are glibc's.
    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn every_input_of_tensorflow_on_glibc() {
        for m in 0..UNITS {
            let u = unit(m).max(1e-7);
            assert_eq!(ln(u).to_bits(), u.ln().to_bits(), "ln {u}");
            let v = angle(m);
            let (sin, cos) = sin_cos(v);
            assert_eq!(sin.to_bits(), v.sin().to_bits(), "sin {v}");
            assert_eq!(cos.to_bits(), v.cos().to_bits(), "cos {v}");
        }
    }

    #[test]
    #[ignore = "slow: the whole domains"]
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn whole_domains_on_glibc() {
        for bits in f32::MIN_POSITIVE.to_bits()..f32::INFINITY.to_bits() {
            let x = f32::from_bits(bits);
            assert_eq!(ln(x).to_bits(), x.ln().to_bits(), "ln {x}");
        }
        for bits in 0..=core::f32::consts::TAU.to_bits() {
            let x = f32::from_bits(bits);
            let (sin, cos) = sin_cos(x);
            assert_eq!(sin.to_bits(), x.sin().to_bits(), "sin {x}");
            assert_eq!(cos.to_bits(), x.cos().to_bits(), "cos {x}");
        }
    }
}
