//! Any part of a draw is a part of the whole, and carries of the counter are where they belong.

use std::{vec, vec::Vec};

use half::{bf16, f16};

use super::{PhiloxRandom, Run, Sample};
use crate::{bits::philox::philox4x32, schemes::Distribution, simd::Level};

fn draw<T: Sample>(
    level: Level,
    random: PhiloxRandom,
    distribution: Distribution,
    start: u64,
    length: usize,
) -> Vec<T> {
    let mut out = vec![T::default(); length];
    level.run(Run { random, law: distribution.law(0.7), start, out: &mut out });
    out
}

fn slices_equal_the_whole<T: Sample + PartialEq>() {
    const LENGTH: usize = 20_000;
    let random = PhiloxRandom { key: [3, 4], counter: 5 << 64 };
    let mut state = 1_u64;
    let mut below = |bound: usize| {
        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
        (state >> 33) as usize % bound
    };
    for &distribution in Distribution::ALL {
        for origin in [0, (1 << 62) - 7_777, u64::MAX - 20_000] {
            let whole: Vec<T> = draw(Level::Baseline, random, distribution, origin, LENGTH);
            for level in Level::available() {
                for _ in 0..60 {
                    let start = below(LENGTH);
                    let length = below(LENGTH - start + 1).min(below(8_000));
                    let at = origin + start as u64;
                    let part: Vec<T> = draw(level, random, distribution, at, length);
                    assert!(part == whole[start..start + length], "{distribution:?} {start}");
                }
            }
        }
    }
}

#[test]
fn slices_equal_the_whole_in_every_dtype() {
    slices_equal_the_whole::<f16>();
    slices_equal_the_whole::<bf16>();
    slices_equal_the_whole::<f32>();
    slices_equal_the_whole::<f64>();
}

/// The lower half of the counter overflows inside this run.
#[test]
fn counters_carry() {
    let key = [8, 9];
    let random = PhiloxRandom { key, counter: (6 << 64) + u128::from(u64::MAX - 99) };
    for level in Level::available() {
        let values: Vec<f32> = draw(level, random, Distribution::Uniform, 0, 4_000);
        for (block, values) in values.chunks(4).enumerate() {
            let counter = random.counter + block as u128;
            let words = philox4x32([0, 32, 64, 96].map(|shift| (counter >> shift) as u32), key);
            for (value, word) in values.iter().zip(words) {
                let unit = f32::from_bits((word & 0x7F_FFFF) | 0x3F80_0000) - 1.0;
                assert_eq!(*value, unit * 1.4 - 0.7);
            }
        }
    }
}

/// Rejection one by one, as TensorFlow does it, against the tiles.
#[test]
fn truncation_equals_the_sequential_rule() {
    let random = PhiloxRandom { key: [1, 2], counter: 77 << 64 };
    let normal: Vec<f32> = draw(Level::Baseline, random, Distribution::UntruncatedNormal, 0, 1);
    assert!(normal[0].is_finite());
    let values: Vec<f32> = draw(Level::Baseline, random, Distribution::TruncatedNormal, 0, 40_000);
    for (group, values) in values.chunks(4).enumerate() {
        // A group's words are those of an untruncated draw at its counter.
        let place = PhiloxRandom { counter: random.counter + 256 * group as u128, ..random };
        let normals: Vec<f32> =
            draw(Level::Baseline, place, Distribution::UntruncatedNormal, 0, 40);
        let expected: Vec<f32> =
            normals.into_iter().filter(|z| z.abs() < 2.0 * 0.7_f32).take(4).collect();
        assert_eq!(values, expected);
    }
}

/// What TensorFlow returns on a limit of 3e-38: zeros of both signs where a difference is subnormal.
#[test]
fn subnormals_are_zeros() {
    let random = PhiloxRandom { key: [1, 2], counter: 0 };
    for &distribution in Distribution::ALL {
        for (parameter, zeros_only) in [(3e-38, false), (1e-39, true)] {
            let mut values = [1.0_f32; 1000];
            let out = &mut values;
            Level::Baseline.run(Run { random, law: distribution.law(parameter), start: 0, out });
            assert!(values.iter().all(|value| !value.is_subnormal()));
            assert_eq!(values.iter().all(|&value| value == 0.0), zeros_only);
        }
    }
}
