//! Software against hardware (or the system's function, where the tests' CPU has none).

use super::{Fma, Hardware, Software, fma_f16};
use half::f16;

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

fn agree_f32(a: f32, b: f32, c: f32) {
    let (soft, hard) = (Software::f32(a, b, c), <Hardware>::f32(a, b, c));
    assert!(
        soft.to_bits() == hard.to_bits() || (soft.is_nan() && hard.is_nan()),
        "{a:e} {b:e} {c:e}: {soft:e} {hard:e}"
    );
}

fn agree_f64(a: f64, b: f64, c: f64) {
    for soft in [Software::f64(a, b, c), super::wide::fma(a, b, c)] {
        let hard = <Hardware>::f64(a, b, c);
        assert!(
            soft.to_bits() == hard.to_bits() || (soft.is_nan() && hard.is_nan()),
            "{a:e} {b:e} {c:e}: {soft:e} {hard:e}"
        );
    }
}

/// 10^7 triples: any bits, comparable exponents, sums that nearly cancel, few bits (ties).
#[test]
#[cfg_attr(target_family = "wasm", ignore = "the system's function is not exact there")]
fn f32_equals_hardware() {
    let mut random = Random(1);
    for round in 0..2_500_000u32 {
        let [a, b, c] = core::array::from_fn(|_| f32::from_bits((random.next() >> 32) as u32));
        agree_f32(a, b, c);
        let near = |x: f32| f32::from_bits((x.to_bits() & 0x83FF_FFFF) | 0x3C00_0000);
        let (a, b, c) = (near(a), near(b), near(c));
        agree_f32(a, b, c);
        let product = -a * b;
        agree_f32(a, b, f32::from_bits(product.to_bits().wrapping_add(round % 5).wrapping_sub(2)));
        let few = |x: f32, bits: u32| f32::from_bits(x.to_bits() & (u32::MAX << bits));
        agree_f32(few(a, 12), few(b, 11), few(c, 20) * 2f32.powi(round as i32 % 60 - 30));
    }
}

#[test]
#[cfg_attr(target_family = "wasm", ignore = "the system's function is not exact there")]
fn f64_equals_hardware() {
    let mut random = Random(2);
    for round in 0..2_500_000u64 {
        let [a, b, c] = core::array::from_fn(|_| f64::from_bits(random.next()));
        agree_f64(a, b, c);
        let near = |x: f64| f64::from_bits((x.to_bits() & 0x807F_FFFF_FFFF_FFFF) | 0x3F80 << 48);
        let (a, b, c) = (near(a), near(b), near(c));
        agree_f64(a, b, c);
        let product = -a * b;
        agree_f64(a, b, f64::from_bits(product.to_bits().wrapping_add(round % 5).wrapping_sub(2)));
        let few = |x: f64, bits: u32| f64::from_bits(x.to_bits() & (u64::MAX << bits));
        agree_f64(few(a, 26), few(b, 26), few(c, 45) * 2f64.powi(round as i32 % 120 - 60));
        // Subnormal products and sums.
        let tiny = 2f64.powi(-530 - (round % 20) as i32);
        agree_f64(a * tiny, b * tiny, c * tiny * tiny);
        agree_f64(few(a, 26) * tiny, few(b, 26) * tiny, few(c, 45) * tiny * tiny);
        // Sums around the largest finite number.
        let huge = 2f64.powi(515);
        agree_f64(a * huge, b * huge, c * huge * huge);
    }
}

#[test]
#[cfg_attr(target_family = "wasm", ignore = "the system's function is not exact there")]
fn edges_equal_hardware() {
    let mut f32s = std::vec![0.0, 1.0, 2.0, f32::INFINITY, f32::NAN, f32::MAX, f32::MIN_POSITIVE];
    f32s.extend(
        [1, 2, 3, 0x007F_FFFF, 0x0080_0001, 0x3F80_0001, 0x3F7F_FFFF, 0x5F80_0000, 0x7F7F_FFFE]
            .map(f32::from_bits),
    );
    f32s.extend((1..30).map(|k| 2f32.powi(-k * 5)));
    let mut f64s = std::vec![0.0, 1.0, 2.0, f64::INFINITY, f64::NAN, f64::MAX, f64::MIN_POSITIVE];
    f64s.extend(
        [
            1,
            2,
            3,
            (1 << 52) - 1,
            (1 << 52) + 1,
            0x3FF0_0000_0000_0001,
            0x3FEF_FFFF_FFFF_FFFF,
            0x7FEF_FFFF_FFFF_FFFE,
        ]
        .map(f64::from_bits),
    );
    f64s.extend((-22..22).map(|k| 2f64.powi(k * 48 + 1)));
    triples(&f32s, agree_f32);
    triples(&f64s, agree_f64);
}

fn triples<T: Copy + core::ops::Neg<Output = T>>(list: &[T], agree: fn(T, T, T)) {
    for &a in list {
        for &b in list {
            for &c in list {
                agree(a, b, c);
                agree(-a, b, c);
                agree(a, b, -c);
                agree(-a, b, -c);
            }
        }
    }
}

/// Against integers: every finite f16 is a multiple of 2^-24, so that a · b + c is one of 2^-48.
#[test]
fn f16_is_exact() {
    let mut random = Random(3);
    for _ in 0..4_000_000 {
        let word = random.next();
        let [a, b, c] = [0, 16, 32].map(|shift| f16::from_bits((word >> shift) as u16));
        if [a, b, c].iter().any(|x| !x.is_finite()) {
            continue;
        }
        let [a, b, c] = [a, b, c].map(f16::to_f32);
        let integer = |x: f32| (x * 2f32.powi(24)) as i128;
        let exact = integer(a) * integer(b) + (integer(c) << 24);
        let rounded = f16::from_f32(fma_f16(a, b, c)).to_f32();
        if exact == 0 {
            assert_eq!(rounded, 0.0, "{a:e} {b:e} {c:e}");
            continue;
        }
        // The neighbours on both sides are not nearer, and a tie is even.
        let distance = |x: f32| (integer(x) * (1 << 24) - exact).abs();
        let bits = f16::from_f32(rounded).to_bits();
        if bits & 0x7FFF == 0x7C00 {
            assert!(exact.unsigned_abs() >= 65520u128 << 48, "{a:e} {b:e} {c:e}");
            continue;
        }
        for other in [bits.wrapping_add(1), bits.wrapping_sub(1)] {
            let neighbour = f16::from_bits(other).to_f32();
            if neighbour.is_finite() {
                let (here, there) = (distance(rounded), distance(neighbour));
                assert!(here < there || (here == there && bits & 1 == 0), "{a:e} {b:e} {c:e}");
            }
        }
    }
}
