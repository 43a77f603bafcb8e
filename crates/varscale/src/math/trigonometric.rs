//! Sine and cosine of f64 without the system's library: the same bits everywhere.
//!
//! ```text
//! x · 2/π, in integers of 256 bits: the quadrant, and the rest to more than 128 bits
//! y = rest · π/2, as a sum of two; polynomials of y
//! ```
//!
//! Polynomials of FDLIBM 5.3 (`k_sin.c`, `k_cos.c`): see `streams/fdlibm.rs`.

use super::double::Double;

const HALF_PI: Double = Double {
    high: f64::from_bits(0x3FF9_21FB_5444_2D18),
    low: f64::from_bits(0x3C91_A626_3314_5C07),
};

/// The binary digits of 2/π behind the point, and one word of 0 before it.
const TWO_OVER_PI: [u64; 22] = [
    0x0000_0000_0000_0000,
    0xA2F9_836E_4E44_1529,
    0xFC27_57D1_F534_DDC0,
    0xDB62_9599_3C43_9041,
    0xFE51_63AB_DEBB_C561,
    0xB724_6E3A_424D_D2E0,
    0x0649_2EEA_09D1_921C,
    0xFE1D_EB1C_B129_A73E,
    0xE882_35F5_2EBB_4484,
    0xE99C_7026_B45F_7E41,
    0x3991_D639_8353_39F4,
    0x9C84_5F8B_BDF9_283B,
    0x1FF8_97FF_DE05_980F,
    0xEF2F_118B_5A0A_6D1F,
    0x6D36_7ECF_27CB_09B7,
    0x4F46_3F66_9E5F_EA2D,
    0x7527_BAC7_EBE5_F17B,
    0x3D07_39F7_8A52_92EA,
    0x6BFB_5FB1_1F8D_5D08,
    0x5603_3046_FC7B_6BAB,
    0xF0CF_BC20_9AF4_361D,
    0xA9E3_9161_5EE6_1B08,
];

/// |x| = n π/2 + y, y at most π/4 in size: n modulo 4 and y, for finite x of at least 2^-2.
fn reduced(x: f64) -> (u64, Double) {
    let bits = x.abs().to_bits();
    // |x| = m 2^e.
    let (m, e) = ((bits & 0x000F_FFFF_FFFF_FFFF) | (1 << 52), (bits >> 52) as i32 - 1075);
    // Digit j of 2/π times 2^e counts 2^(e - j), of which multiples of 4 are left out.
    let first = (e - 2 + 64) as usize;
    let (word, shift) = (first / 64, first % 64);
    let digits = |at: usize| {
        let next = TWO_OVER_PI[word + at + 1] as u128;
        (((u128::from(TWO_OVER_PI[word + at]) << 64 | next) << shift) >> 64) as u64
    };
    // m times four words of digits, modulo 2^256: |x| · 2/π modulo 4, times 2^254.
    let (mut product, mut carry) = ([0_u64; 4], 0_u128);
    for at in (0..4).rev() {
        let sum = u128::from(m) * u128::from(digits(at)) + carry;
        (product[at], carry) = (sum as u64, sum >> 64);
    }
    let quadrant = product[0] >> 62;
    // The rest, in units of 2^-128: from -1/2 on, as a signed number.
    let rest =
        (u128::from(product[0]) << 64 | u128::from(product[1])) << 2 | u128::from(product[2] >> 62);
    let negative = rest >> 127 == 1;
    let below = product[2] << 2 | product[3] >> 62;
    let (size, below) = if negative { (!rest, !below) } else { (rest, below) };
    let zeros = size.leading_zeros();
    // No f64 comes closer to a multiple of π/2 than 2^-62 or so.
    let size =
        if zeros == 0 { size } else { size << zeros | u128::from(below) >> (64 - zeros.min(64)) };
    let unit = |bits: u32| 1.0 / (1_u128 << bits) as f64;
    let scale = if negative { -unit(zeros) } else { unit(zeros) };
    let high = (size >> 75) as u64 as f64 * unit(53) * scale;
    let low = (size << 53 >> 75) as u64 as f64 * unit(106) * scale;
    (quadrant + u64::from(negative), Double { high, low }.times(HALF_PI))
}

/// sin(x + quadrants · π/2).
fn sin_from(x: f64, quadrants: u64) -> f64 {
    if !x.is_finite() {
        return f64::NAN;
    }
    let (quadrant, y) = if x.abs() <= core::f64::consts::FRAC_PI_4 {
        (0, Double { high: x.abs(), low: 0.0 })
    } else {
        reduced(x)
    };
    // sin(-z) = -sin z, and cos(-z) = cos z.
    let negative = x.is_sign_negative() && quadrants == 0;
    let quadrant = quadrant + quadrants;
    let size = if quadrant.is_multiple_of(2) {
        kernel_sin(y.high, y.low)
    } else {
        kernel_cos(y.high, y.low)
    };
    if (quadrant / 2 % 2 == 1) != negative { -size } else { size }
}

/// sin x; no number of ±∞.
pub(crate) fn sin(x: f64) -> f64 {
    sin_from(x, 0)
}

/// cos x; no number of ±∞.
pub(crate) fn cos(x: f64) -> f64 {
    sin_from(x, 1)
}

/// sin(x + rest) for |x| <= π/4.
pub(crate) fn kernel_sin(x: f64, rest: f64) -> f64 {
    const S: [f64; 6] = [
        f64::from_bits(0xBFC5_5555_5555_5549),
        f64::from_bits(0x3F81_1111_1110_F8A6),
        f64::from_bits(0xBF2A_01A0_19C1_61D5),
        f64::from_bits(0x3EC7_1DE3_57B1_FE7D),
        f64::from_bits(0xBE5A_E5E6_8A2B_9CEB),
        f64::from_bits(0x3DE5_D93A_5ACF_D57C),
    ];

    let z = x * x;
    let cube = z * x;
    let r = S[1] + z * (S[2] + z * (S[3] + z * (S[4] + z * S[5])));
    x - ((z * (0.5 * rest - cube * r) - rest) - cube * S[0])
}

/// cos(x + rest) for |x| <= π/4.
pub(crate) fn kernel_cos(x: f64, rest: f64) -> f64 {
    const C: [f64; 6] = [
        f64::from_bits(0x3FA5_5555_5555_554C),
        f64::from_bits(0xBF56_C16C_16C1_5177),
        f64::from_bits(0x3EFA_01A0_19CB_1590),
        f64::from_bits(0xBE92_7E4F_809C_52AD),
        f64::from_bits(0x3E21_EE9E_BDB4_B1C4),
        f64::from_bits(0xBDA8_FAE9_BE88_38D4),
    ];

    let z = x * x;
    let r = z * (C[0] + z * (C[1] + z * (C[2] + z * (C[3] + z * (C[4] + z * C[5])))));
    let half = 0.5 * z;
    let w = 1.0 - half;
    w + (((1.0 - w) - half) + (z * r - x * rest))
}
