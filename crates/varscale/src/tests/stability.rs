//! Exact bits, forever: the stream `philox4x32-10/v1` never changes these.

use super::*;

/// Six values, and the digest of 70,001 from index 13 on, of every distribution.
fn fingerprint<T: Reference>() -> Vec<(&'static str, Vec<u64>, u128)> {
    distributions()
        .into_iter()
        .map(|(name, initializer)| {
            let draw = initializer.draw(Tensor::new([70_014]).named("stability")).unwrap();
            let values: Vec<T> = draw.to_vec().unwrap();
            let first = values[..6].iter().map(|value| value.bits()).collect();
            (name, first, fnv1a_128(&bytes(&values[13..])))
        })
        .collect()
}

fn check<T: Reference>(expected: &[(&'static str, [u64; 6], u128)]) {
    let found = fingerprint::<T>();
    for (name, first, digest) in &found {
        // To be pasted below, once, when a stream is new.
        std::println!("(\"{name}\", {first:#x?}, {digest:#x}),");
    }
    assert_eq!(found.len(), expected.len());
    for ((name, first, digest), (expected_name, expected_first, expected_digest)) in
        found.iter().zip(expected)
    {
        assert_eq!(name, expected_name);
        assert_eq!(first[..], expected_first[..], "{name} {:?}", T::DTYPE);
        assert_eq!(digest, expected_digest, "{name} {:?}", T::DTYPE);
    }
}

fn digest<T: Reference>(scheme: Scheme, tensor: Tensor) -> u128 {
    let draw = scheme.with_seed(42).draw(tensor.named("stability")).unwrap();
    let values: Vec<T> = draw.to_vec().unwrap();
    fnv1a_128(&bytes(&values))
}

/// The values' bits, little-endian.
fn bytes<T: Reference>(values: &[T]) -> Vec<u8> {
    let bytes = |value: &T| value.bits().to_le_bytes().into_iter().take(T::DTYPE.size());
    values.iter().flat_map(bytes).collect()
}

/// Digests of matrices in several shapes and layouts.
fn check_orthogonal<T: Reference>(expected: [u128; 5]) {
    let shapes = [
        (&[1, 7][..], "keras"),
        (&[70, 41], "keras"),
        (&[41, 70], "torch"),
        (&[150, 150], "keras"),
        (&[3, 20, 2, 9], "axes:1,2/3"),
    ];
    let found = shapes.map(|(shape, layout)| {
        let tensor = Tensor::new(shape).with_layout(layout.parse().unwrap());
        digest::<T>(Scheme::orthogonal(1.5).unwrap(), tensor)
    });
    assert!(found == expected, "{:?}: {found:#x?}", T::DTYPE);
}

/// Digests of formulas: tables, and what is made of random numbers.
fn check_formula<T: Reference>(expected: [u128; 5]) {
    let formulas = [
        ("log(1 + i1)", &[24, 16][..]),
        ("10000 ** (-2 * i0 / 128)", &[64]),
        (
            "where(i1 % 2 == 0, sin(i0 * 10000 ** (-i1 / d1)), cos(i0 * 10000 ** (-i1 / d1)))",
            &[50, 64],
        ),
        ("log(expm1(max(0.001 * 100 ** u, 1e-4)))", &[70_001]),
        ("sqrt(u) * (i0 - i1) / (d0 + exp(i1 / d1)) + abs(log1p(i0) % 0.3)", &[70, 90]),
    ];
    let found = formulas.map(|(expression, shape)| {
        digest::<T>(Scheme::formula(expression).unwrap(), Tensor::new(shape))
    });
    assert!(found == expected, "{:?}: {found:#x?}", T::DTYPE);
}

#[test]
fn formulas() {
    check_formula::<f16>([
        0xf1408df3f02e87dbff3ae44efdeb383d,
        0x2b197cd269246af62d9d15335788dc1a,
        0xe391b6aa4d3ccbe6929f9f6a92bface5,
        0x38ef40a183a3572033b82c7b142c8d5a,
        0x17a35669040fcf4e3a3311472faf97ce,
    ]);
    check_formula::<bf16>([
        0x1f4558cc43ea01469be9a5ce5802658d,
        0xfe7811dbe500110ba534a50689591c7d,
        0xb7d357170f9c766f8894b1b03d3fb78d,
        0xbcd94c80e0db9bb4b407157d3d7082f,
        0xc805c9cdd232ed2dada9eb034d04952e,
    ]);
    check_formula::<f32>([
        0x60b9a68e496a3103f62c4a4c1700949d,
        0x1999d892b2a1d531e3041bac53eca996,
        0xb89619b7c64ea046cc41f29c09b7f72,
        0x9ebebf4a3789deb28542b8e8e86aaa2c,
        0xa5a549603459570d129396ed941f573a,
    ]);
    check_formula::<f64>([
        0xe867879b25b389d74e16bceca0ef204d,
        0x2d03795be9d1c4cd7c92c730854dc526,
        0xc3d7b736972b911aeb3946de5a03dbab,
        0xb6cd7ec8022b69f74382412b5495ebf1,
        0x894166a3f1096d54025594759fec3611,
    ]);
    check_formula::<F8E4M3>([
        0xc2727ff009b14686eedb736e44a19ffd,
        0xa036e2878ceb7b529f264b9599cecd11,
        0x3b46ff3082aaff750d33124f92bcc18e,
        0x275cb1fde9c68380fe63ec89d8b6900c,
        0xa0d6bce76474bafb6641ed550b4437fb,
    ]);
    check_formula::<F8E5M2>([
        0xfb7f7572929729671fd2176064b9396d,
        0x1d3d8f6b363ec301dd425c6496da3d91,
        0xb9ec55f414405f5b4790d451e294bf40,
        0x47a4fe30671049e6594c17edfdbb4cf3,
        0xa5914f1bcfec65e84538eea8738003a7,
    ]);
}

#[test]
fn orthogonal() {
    check_orthogonal::<f16>([
        0x35620ecc460f885e232169ff4d498a94,
        0x468cb6c9f583c1bc073c75ecd0e022ff,
        0x3ddfdf7e397e0fee6255ce8cd2a57a4a,
        0x744974d291cd292ace52a92871626ec4,
        0xf230e53faf6ff3eff7b27260d0df6587,
    ]);
    check_orthogonal::<bf16>([
        0xfd83ed63a43eb9037f23948d53889bae,
        0xf4a7697efbfedf8aea039e7c805e66e,
        0x3f9038b5c8c6ef829b5202df4aab1954,
        0x2bd13a8c056c0817083088d37cf770db,
        0x8dbca3288fc2dfcf91cc83f5776d6f0b,
    ]);
    check_orthogonal::<f32>([
        0x3b4b58382f3b2b0479055a1de3886279,
        0xfbd0d85e8ab5013a8f8895d1e72e0d6c,
        0x1daffffae140e89d9c855449df48af64,
        0x119085509f2a7f1cab38c9a6dc99ab34,
        0x29a39272d217ca34917730b24bf47fa8,
    ]);
    check_orthogonal::<f64>([
        0xb7bd55f7ca4eb42d6cd6fdc19e70c1ff,
        0xaa457dda498dd9f17749706a84396ecd,
        0x4563ce59a14ac24985ee534b31d434e6,
        0x1fa38aace106b5061edcee8602ea08f2,
        0x6a765912894ced0a9063f022528a1809,
    ]);
    check_orthogonal::<F8E4M3>([
        0x4bc09aa8d44ff78cdc545f24b6551647,
        0x71a48d4ef1b17f47c6213cf6fbfd96a2,
        0xd3e753cf68e39724db6d1ed605613e97,
        0x6b586a0520c3a06cead79edb7ed9d802,
        0xd9e2e19f34ec8bf6688d5f6844d7cc42,
    ]);
    check_orthogonal::<F8E5M2>([
        0x6f6a104fd84ff78cb9413a78c66d0ff0,
        0xff17db19666533eee8a4254d9d962976,
        0xeb14463dc5564d466e441bd270b0e97f,
        0x7360900e452cccc9ada6b816d26f79ee,
        0x6d95c66b9cde9961001db4940c879fc,
    ]);
}

#[test]
fn float16() {
    check::<f16>(&[
        (
            "truncated_normal",
            [0x2831, 0x24f4, 0xa0da, 0x1051, 0xabff, 0xa4db],
            0x3761957aa64e0fbcaa659a347b48e15,
        ),
        (
            "truncated_normal_around",
            [0x3843, 0x3828, 0x37d9, 0x3801, 0x3700, 0x37b2],
            0xfae9f9153c8ef46710ead9c4adb7d683,
        ),
        (
            "normal",
            [0x29ca, 0x2c6d, 0x252f, 0x1098, 0x2770, 0xa976],
            0xddad77869c7e14294a771f091b0e6c11,
        ),
        (
            "normal_around",
            [0x385d, 0x388e, 0x3829, 0x3801, 0x383c, 0x3751],
            0xb5455a8d9d7d6ceb82dd52497ebfdeb8,
        ),
        (
            "uniform",
            [0x268a, 0x240a, 0xa008, 0xf38, 0xa94a, 0xa3ed],
            0xa7aed02d3752268b1dac579aff137bf4,
        ),
        (
            "uniform_between",
            [0x3906, 0x38a2, 0x375f, 0x3805, 0x34b2, 0x36c3],
            0x358de71902c5c1a70c6acaf25407b286,
        ),
        (
            "log_uniform",
            [0x2826, 0x254b, 0x1f20, 0x213a, 0x161d, 0x1d05],
            0x1131ee34de87e9bc141a4bc1ad02ac66,
        ),
        (
            "cut_at_3",
            [0x2869, 0x2530, 0xa113, 0x1083, 0xac54, 0xa516],
            0x5aacdfe793c34a168f2917a1d87782f2,
        ),
        (
            "cut_between",
            [0x3836, 0x3827, 0x3803, 0x3810, 0x37a2, 0x37f1],
            0xed08da39c28ed0c1983d6bbf42426f5b,
        ),
        (
            "cut_to_a_tail",
            [0x32ea, 0x32cc, 0x329b, 0x32a9, 0x326f, 0x328f],
            0x2639865fd8509f48baf648963fc08bd8,
        ),
        (
            "cut_to_the_left",
            [0x3734, 0x3722, 0x36ec, 0x3701, 0x3654, 0x36d6],
            0xd6182fd610b81afe20a1d9990039820e,
        ),
    ]);
}

#[test]
fn bfloat16() {
    check::<bf16>(&[
        (
            "truncated_normal",
            [0x3d06, 0x3c9e, 0xbc1b, 0x3a0a, 0xbd80, 0xbc9b],
            0xe6064b8ab2f3e56c264a5d4eb9d261d4,
        ),
        (
            "truncated_normal_around",
            [0x3f08, 0x3f05, 0x3efb, 0x3f00, 0x3ee0, 0x3ef6],
            0x249e4a1591cfb102be649b33da6a4ab2,
        ),
        (
            "normal",
            [0x3d39, 0x3d8e, 0x3ca6, 0x3a13, 0x3cee, 0xbd2f],
            0x476273c3bc9c2dc3a80f81bf8de20226,
        ),
        (
            "normal_around",
            [0x3f0c, 0x3f12, 0x3f05, 0x3f00, 0x3f07, 0x3eea],
            0x735a7110a4dd37ee9ff398e72cc5c117,
        ),
        (
            "uniform",
            [0x3cd1, 0x3c81, 0xbc01, 0x39e7, 0xbd29, 0xbc7e],
            0x273749e7c621dbf0d2cc6e7943041658,
        ),
        (
            "uniform_between",
            [0x3f21, 0x3f14, 0x3eec, 0x3f01, 0x3e96, 0x3ed8],
            0xde108943bba88e8b3ba7117f9c5184f3,
        ),
        (
            "log_uniform",
            [0x3d05, 0x3ca9, 0x3be4, 0x3c27, 0x3ac4, 0x3ba1],
            0x8a3a3e509f38ae4f3bc7956b12403bb8,
        ),
        (
            "cut_at_3",
            [0x3d0d, 0x3ca6, 0xbc22, 0x3a10, 0xbd8b, 0xbca3],
            0xd99386fefc5176f2658efa243d18157a,
        ),
        (
            "cut_between",
            [0x3f07, 0x3f05, 0x3f00, 0x3f02, 0x3ef4, 0x3efe],
            0x34ac89e284feeed27db4d4325c2a6421,
        ),
        (
            "cut_to_a_tail",
            [0x3e5d, 0x3e59, 0x3e53, 0x3e55, 0x3e4e, 0x3e52],
            0xc7d9bfd26182643a42c478e350c920bc,
        ),
        (
            "cut_to_the_left",
            [0x3ee7, 0x3ee4, 0x3ede, 0x3ee0, 0x3ecb, 0x3edb],
            0xd976ad73355c2f0bab3ac67e106ae4e5,
        ),
    ]);
}

#[test]
fn float32() {
    check::<f32>(&[
        (
            "truncated_normal",
            [0x3d0622e3, 0x3c9e7a30, 0xbc1b45aa, 0x3a0a2bca, 0xbd7fedea, 0xbc9b6321],
            0xeb8ddd709735d84b4e3754a9b547ea42,
        ),
        (
            "truncated_normal_around",
            [0x3f08622e, 0x3f04f3d2, 0x3efb25d3, 0x3f00228b, 0x3ee00243, 0x3ef649ce],
            0xa7aa35451ec72daa92b3c81e480187fb,
        ),
        (
            "normal",
            [0x3d394f5e, 0x3d8d91a5, 0x3ca5d5a2, 0x3a12f16c, 0x3cee0972, 0xbd2ebe2e],
            0x28150333a3e5893dcd8884331833cf18,
        ),
        (
            "normal_around",
            [0x3f0b94f6, 0x3f11b235, 0x3f052ead, 0x3f0024bc, 0x3f07704c, 0x3eea283a],
            0xcef03b4ce5da04fc3790201255a39dfd,
        ),
        (
            "uniform",
            [0x3cd133b7, 0x3c813df0, 0xbc01059d, 0x39e6fed0, 0xbd2932d8, 0xbc7daef3],
            0xf4c64b9cd13263f7d8d1ef0e4d1712c8,
        ),
        (
            "uniform_between",
            [0x3f20b014, 0x3f1431ae, 0x3eebd720, 0x3f00905f, 0x3e964039, 0x3ed85caa],
            0xe6ed9a9096f43dc525f274c5e0831c9,
        ),
        (
            "log_uniform",
            [0x3d04c5ac, 0x3ca96743, 0x3be4025f, 0x3c2732c0, 0x3ac396d4, 0x3ba09ca8],
            0x8579d6badfdf476c4b71e75eb67f4501,
        ),
        (
            "cut_at_3",
            [0x3d0d2b67, 0x3ca5f9d3, 0xbc22530f, 0x3a105df4, 0xbd8a8b4b, 0xbca2b967],
            0xfd6889bff3a76830063c53ea5d68e3be,
        ),
        (
            "cut_between",
            [0x3f06cf17, 0x3f04d679, 0x3f006bf5, 0x3f01f12b, 0x3ef447ad, 0x3efe1297],
            0x4f78947cef035e339db367e8f8bf86ca,
        ),
        (
            "cut_to_a_tail",
            [0x3e5d431f, 0x3e59708b, 0x3e535513, 0x3e5526ea, 0x3e4de628, 0x3e51df80],
            0x2a9b639e886e2cbc02fd6d1b1e45323d,
        ),
        (
            "cut_to_the_left",
            [0x3ee68b88, 0x3ee444e4, 0x3edd8ea2, 0x3ee02b49, 0x3eca8e44, 0x3edace3b],
            0x4c69df1e40782f0807de906fa6c6f4b5,
        ),
    ]);
}

#[test]
fn float64() {
    check::<f64>(&[
        (
            "truncated_normal",
            [
                0x3fa0c45c461a9521,
                0x3f93cf460c8e5148,
                0xbf8368b50ab32564,
                0x3f4145792eaeb6b2,
                0xbfaffdbd1872aff2,
                0xbf936c6449a1a948,
            ],
            0xe1306dd55d887ae15e0143d59b1318e5,
        ),
        (
            "truncated_normal_around",
            [
                0x3fe10c45c461a952,
                0x3fe09e7a3064728a,
                0x3fdf64ba57aa66d5,
                0x3fe004515e4babae,
                0x3fdc00485cf1aa02,
                0x3fdec939bb65e56c,
            ],
            0xa17727e11d59ff3b7a860424d2a4ac8,
        ),
        (
            "normal",
            [
                0x3fa729ebcb4a6d32,
                0x3fb1b2349d682995,
                0x3f94bab44544fcf6,
                0x3f425e2d6632e149,
                0x3f9dc12e4f5363d2,
                0xbfa5d7c5ba6512bb,
            ],
            0xef9f81110d85abe83fa76991af29dfc9,
        ),
        (
            "normal_around",
            [
                0x3fe1729ebcb4a6d3,
                0x3fe2364693ad0533,
                0x3fe0a5d5a22a27e8,
                0x3fe004978b598cb8,
                0x3fe0ee09727a9b1f,
                0x3fdd450748b35da9,
            ],
            0x640db40c2065857410c16a3fc5a84bfb,
        ),
        (
            "uniform",
            [
                0x3f9a2676b7f8ea7f,
                0x3f9027bdfcc0c162,
                0xbf8020b38f56edff,
                0x3f3cdfd9e6c8e4c7,
                0xbfa5265b0c254430,
                0xbf8fb5de75f42217,
            ],
            0x40a89ed52720aae365e319918cd4c807,
        ),
        (
            "uniform_between",
            [
                0x3fe416028cbee4a4,
                0x3fe28635af7e1e37,
                0x3fdd7ae3f19a6ad0,
                0x3fe0120be8303d8f,
                0x3fd2c8071868b562,
                0x3fdb0b953d91daac,
            ],
            0xe1b69a26e1a94a3599a5f7e5aee2fb7b,
        ),
        (
            "log_uniform",
            [
                0x3fa098b57ae65f2b,
                0x3f952ce859ded424,
                0x3f7c804bd0de452d,
                0x3f84e658044d827f,
                0x3f5872da887787c5,
                0x3f741394f44ae2b7,
            ],
            0xc27cd1a75a1409be71278e5f3557d2ef,
        ),
        (
            "cut_at_3",
            [
                0x3fa1a56c871b55d2,
                0x3f94bf3a82e8efa5,
                0xbf844a61c0265fc3,
                0x3f420bbe4a48c9b0,
                0xbfb151691764445f,
                0xbf94572d22a9cb56,
            ],
            0xdb9706170189b8f870b0e5c989f85a8f,
        ),
        (
            "cut_between",
            [
                0x3fe0d9e2d4267bdc,
                0x3fe09acf199c5a11,
                0x3fe00d7ea439fe62,
                0x3fe03e255b9af67a,
                0x3fde88f5952f8acb,
                0x3fdfc252ea6f2053,
            ],
            0x5525fe919c062c39b042445ba1e7fd93,
        ),
        (
            "cut_to_a_tail",
            [
                0x3fcba8642841a380,
                0x3fcb2e11965315d8,
                0x3fca6aa265871022,
                0x3fcaa4dd1dbfc200,
                0x3fc9bcc555328e12,
                0x3fca3bf038c09d5d,
            ],
            0xd2f435cda27e2fa621917a9ce97c0244,
        ),
        (
            "cut_to_the_left",
            [
                0x3fdcd170e316f44a,
                0x3fdc889c6bbfce05,
                0x3fdbb1d45f49b55e,
                0x3fdc05691de41b06,
                0x3fd951c8717d68ea,
                0x3fdb59c76697b968,
            ],
            0x1ff7aec17a4ee42c76fe1bbf02c8c0a6,
        ),
    ]);
}

#[test]
fn float8_e4m3fn() {
    check::<F8E4M3>(&[
        (
            "truncated_normal",
            [0x10, 0xa, 0x85, 0x0, 0x98, 0x8a],
            0xbd0172f6c1bc42040ca0369dde04eb98,
        ),
        (
            "truncated_normal_around",
            [0x31, 0x30, 0x30, 0x30, 0x2e, 0x2f],
            0xee30226fe71e793778bf983d951e4d9e,
        ),
        ("normal", [0x14, 0x19, 0xa, 0x0, 0xf, 0x93], 0xddb94918e87723c94afa1136601a3c1c),
        ("normal_around", [0x31, 0x31, 0x30, 0x30, 0x30, 0x2f], 0xf7fbffbb96922192b08de74f35b503a6),
        ("uniform", [0xd, 0x8, 0x84, 0x0, 0x93, 0x88], 0xf9823ed55026461a509a1875fae13a24),
        (
            "uniform_between",
            [0x32, 0x31, 0x2f, 0x30, 0x29, 0x2e],
            0x366a31a4ed67244b2639dd9c0d75f35,
        ),
        ("log_uniform", [0x10, 0xb, 0x4, 0x5, 0x1, 0x3], 0x417a8680793fac162474babe18a5d69e),
        ("cut_at_3", [0x11, 0xa, 0x85, 0x0, 0x99, 0x8a], 0x8ea7b64c25b581540abfb629647867bc),
        ("cut_between", [0x30, 0x30, 0x30, 0x30, 0x30, 0x30], 0x6e1fb61848fa3b8b6616176894f3354f),
        ("cut_to_a_tail", [0x26, 0x26, 0x25, 0x25, 0x25, 0x25], 0x4fe37cfd651376ba60baf6df15bf88bb),
        (
            "cut_to_the_left",
            [0x2e, 0x2e, 0x2e, 0x2e, 0x2d, 0x2e],
            0x9bb304d1cb086e40e324c11251e32c9a,
        ),
    ]);
}

#[test]
fn float8_e5m2() {
    check::<F8E5M2>(&[
        (
            "truncated_normal",
            [0x28, 0x25, 0xa1, 0x10, 0xac, 0xa5],
            0xc2a0f9e03c5caa7f93d7efe5e2006953,
        ),
        (
            "truncated_normal_around",
            [0x38, 0x38, 0x38, 0x38, 0x37, 0x38],
            0x3390a1161c9cafee30c5064fc9c0df90,
        ),
        ("normal", [0x2a, 0x2c, 0x25, 0x11, 0x27, 0xa9], 0xcb80225ba51212acf0c777480b5e2d5a),
        ("normal_around", [0x38, 0x39, 0x38, 0x38, 0x38, 0x37], 0xa25476de3a7ec023ac9c7f603fe4dc3b),
        ("uniform", [0x27, 0x24, 0xa0, 0xf, 0xa9, 0xa4], 0xf084057e750722de31d0daa1981dfc25),
        (
            "uniform_between",
            [0x39, 0x39, 0x37, 0x38, 0x35, 0x37],
            0xad2e8c7e10c946a16a829f5b0e2a694c,
        ),
        ("log_uniform", [0x28, 0x25, 0x1f, 0x21, 0x16, 0x1d], 0x6615086a1893968b56be56e933bbb63a),
        ("cut_at_3", [0x28, 0x25, 0xa1, 0x11, 0xac, 0xa5], 0xca5b08c50e7d47eb3b42c6a4685136a8),
        ("cut_between", [0x38, 0x38, 0x38, 0x38, 0x38, 0x38], 0x42c40de89ef7739a76874abad379f977),
        ("cut_to_a_tail", [0x33, 0x33, 0x33, 0x33, 0x33, 0x33], 0x9391c26ded75e28e23f941700da60d2e),
        (
            "cut_to_the_left",
            [0x37, 0x37, 0x37, 0x37, 0x36, 0x37],
            0x4f0e8434c2e3a0a0beb890beebd3797f,
        ),
    ]);
}
