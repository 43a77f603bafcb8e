//! Coefficients of XLA's functions, from the highest power to the lowest.
//!
//! Given as bits where XLA's own decimals round to them. `erf_inv`: M. Giles, "Approximating the
//! erfinv function", GPU Computing Gems 2 (2011), in XLA's `ErfInv32` and `ErfInv64`. `log1p`, `log`:
//! Cephes Mathematical Library, Stephen L. Moshier, in XLA's and Eigen's forms. `erf`: Eigen's.

const fn floats<const N: usize>(bits: [u32; N]) -> [f32; N] {
    let mut values = [0.0; N];
    let mut i = 0;
    while i < N {
        values[i] = f32::from_bits(bits[i]);
        i += 1;
    }
    values
}

const fn doubles<const N: usize>(bits: [u64; N]) -> [f64; N] {
    let mut values = [0.0; N];
    let mut i = 0;
    while i < N {
        values[i] = f64::from_bits(bits[i]);
        i += 1;
    }
    values
}

/// Powers of -l - 2.5.
pub(super) const ERF_INV_F32_CENTRAL: [f32; 9] = floats([
    0x32F1_6588,
    0x34B8_4B36,
    0xB66C_7357,
    0xB693_5AC1,
    0x3965_32DB,
    0xBAA4_5408,
    0xBB88_E4EF,
    0x3E7C_8F63,
    0x3FC0_2E2F,
]);
/// Powers of sqrt(-l) - 3.
pub(super) const ERF_INV_F32_TAIL: [f32; 9] = floats([
    0xB951_F09B,
    0x38D3_B56B,
    0x3AB0_DC72,
    0xBB70_BDE7,
    0x3BBC_127B,
    0xBBF9_C5D7,
    0x3C1A_A57E,
    0x3F80_36DB,
    0x4035_4F7E,
]);

/// sqrt(2) - 1, up to which a rational function of x replaces the logarithm of 1 + x.
pub(super) const LOG1P_F32_SMALL: f32 = f32::from_bits(0x3ED4_13CD);
/// The numerator.
pub(super) const LOG1P_F32_P: [f32; 7] = floats([
    0x383D_E04B,
    0x3EFF_40C5,
    0x40D2_84FA,
    0x41EF_4B9C,
    0x4273_CC76,
    0x4264_73AD,
    0x41A0_5101,
]);
/// The denominator.
pub(super) const LOG1P_F32_Q: [f32; 7] = floats([
    0x3F80_0000,
    0x4171_01AD,
    0x42A6_185B,
    0x435D_C32D,
    0x439A_8CA3,
    0x4358_6D8A,
    0x4270_7982,
]);

/// The parts of the polynomial, for powers 6, 3 and 0 of x.
pub(super) const LOG_F32: [[f32; 3]; 3] = [
    floats([0x3D90_21BB, 0xBDEB_D1B8, 0x3DEF_251A]),
    floats([0xBDFE_5D4F, 0x3E11_E9BF, 0xBE2A_AE50]),
    floats([0x3E4C_CEAC, 0xBE7F_FFFC, 0x3EAA_AAAA]),
];
/// ln 2 in two parts, the upper one with 9 bits so that its product with an exponent is exact.
pub(super) const LN2_F32_HIGH: f32 = 0.693_359_4;
/// The rest of ln 2, negative.
pub(super) const LN2_F32_LOW: f32 = f32::from_bits(0xB95E_8083);

/// sqrt(2) - 1, as above.
pub(super) const LOG1P_F64_SMALL: f64 = f64::from_bits(0x3FDA_8279_99FC_EF32);
/// The numerator.
pub(super) const LOG1P_F64_P: [f64; 7] = doubles([
    0x3F07_BC09_62B3_95CA,
    0x3FDF_E818_A0FE_1A83,
    0x401A_509F_46F4_FA53,
    0x403D_E973_8B8C_B9C9,
    0x404E_798E_B86C_3351,
    0x404C_8E75_9747_9A10,
    0x4034_0A20_2D99_830A,
]);
/// The denominator.
pub(super) const LOG1P_F64_Q: [f64; 7] = doubles([
    0x3FF0_0000_0000_0000,
    0x402E_2035_9E90_3E37,
    0x4054_C30B_5221_3498,
    0x406B_B865_90FC_FB56,
    0x4073_5194_5DC9_08A5,
    0x406B_0DB1_3E48_E066,
    0x404E_0F30_4466_448E,
]);

/// Powers of -l - 3.125.
pub(super) const ERF_INV_F64_CENTRAL: [f64; 23] = [
    -3.64441206401782e-21,
    -1.6850591381820166e-19,
    1.28584807152564e-18,
    1.1157877678025181e-17,
    -1.333171662854621e-16,
    2.0972767875968562e-17,
    6.637638134358324e-15,
    -4.054566272975207e-14,
    -8.151934197605472e-14,
    2.6335093153082323e-12,
    -1.2975133253453532e-11,
    -5.415412054294628e-11,
    1.0512122733215323e-09,
    -4.112633980346984e-09,
    -2.9070369957882005e-08,
    4.2347877827932404e-07,
    -1.3654692000834679e-06,
    -1.3882523362786469e-05,
    0.00018673420803405714,
    -0.000740702534166267,
    -0.006033670871430149,
    0.24015818242558962,
    1.6536545626831027,
];
/// Powers of sqrt(-l) - 3.25.
pub(super) const ERF_INV_F64_TAIL: [f64; 19] = [
    2.2137376921775787e-09,
    9.075656193888539e-08,
    -2.7517406297064545e-07,
    1.8239629214389228e-08,
    1.5027403968909828e-06,
    -4.013867526981546e-06,
    2.9234449089955446e-06,
    1.2475304481671779e-05,
    -4.7318229009055734e-05,
    6.828485145957318e-05,
    2.4031110387097894e-05,
    -0.0003550375203628475,
    0.0009532893797373805,
    -0.0016882755560235047,
    0.002491442096107851,
    -0.003751208507569241,
    0.005370914553590064,
    1.0052589676941592,
    3.0838856104922208,
];
/// Powers of sqrt(-l) - 5.
pub(super) const ERF_INV_F64_FAR: [f64; 17] = [
    -2.7109920616438573e-11,
    -2.555641816996525e-10,
    1.5076572693500548e-09,
    -3.789465440126737e-09,
    7.61570120807834e-09,
    -1.496002662714924e-08,
    2.914795345090108e-08,
    -6.771199775845234e-08,
    2.2900482228026655e-07,
    -9.9298272942317e-07,
    4.526062597223154e-06,
    -1.968177810553167e-05,
    7.599527703001776e-05,
    -0.00021503011930044477,
    -0.00013871931833623122,
    1.0103004648645344,
    4.849906401408584,
];

#[cfg(test)]
/// The numerator, in squares.
#[cfg(test)]
pub(super) const ERF_F32_P: [f32; 5] =
    floats([0x3970_2D51, 0x3B5F_5DA2, 0x3D50_B6EB, 0x3E3D_A740, 0x3F90_6EBA]);
#[cfg(test)]
/// The denominator, in squares.
#[cfg(test)]
pub(super) const ERF_F32_Q: [f32; 7] = floats([
    0xB3FD_3906,
    0x37C5_88DF,
    0x3A85_6D28,
    0x3C66_87D4,
    0x3DE3_4C21,
    0x3EFE_B44A,
    0x3F80_0000,
]);
