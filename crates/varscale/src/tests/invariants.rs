//! A value depends on its index and on nothing else.

use super::*;
#[cfg(feature = "parallel")]
use crate::Pool;
use crate::{
    SeedGenerator,
    streams::native::kernel::{Run, Transform},
};

fn runner(shape: &[usize], slice: &Slice, call: u32) {
    Runner { tensor: Tensor::new(shape).named("layer/kernel"), call, slice }.equals_reference();
}

#[test]
fn whole_tensors_equal_the_reference() {
    for shape in [&[][..], &[1], &[3], &[255], &[256], &[257], &[1000], &[7, 5, 11], &[2, 1, 600]] {
        runner(shape, &Slice::whole(shape), 0);
        runner(shape, &Slice::whole(shape), 7);
    }
}

#[test]
fn random_boxes_equal_the_reference() {
    let mut choices = Choices(1);
    for _ in 0..60 {
        let shape: Vec<usize> = (0..choices.below(5)).map(|_| 1 + choices.below(23)).collect();
        let offset: Vec<usize> = shape.iter().map(|&size| choices.below(size)).collect();
        let extent: Vec<usize> =
            shape.iter().zip(&offset).map(|(&size, &at)| choices.below(size - at + 1)).collect();
        runner(&shape, &Slice::new(offset, extent), 0);
    }
}

#[test]
fn single_elements_and_empty_boxes_equal_the_reference() {
    let shape = [9, 10, 11];
    for at in 0..9 {
        runner(&shape, &Slice::new([at, at, at], [1, 1, 1]), 0);
        runner(&shape, &Slice::new([at, at, at], [1, 0, 1]), 0);
    }
    runner(&[0, 4], &Slice::whole(&[0, 4]), 0);
    runner(&[usize::MAX, usize::MAX, 0], &Slice::new([5, 5, 0], [2, 2, 0]), 0);
}

#[test]
fn indices_beyond_32_bits_equal_the_reference() {
    let shape = [1 << 20, 1 << 20];
    // Around 2^32 and 2^34, where the counter's low word wraps, and at the very end.
    for (row, column) in [(1 << 12, 0), ((1 << 14) - 1, (1 << 20) - 3), ((1 << 20) - 2, 1 << 19)] {
        runner(&shape, &Slice::new([row, column], [2, 3]), 0);
    }
    let line = [usize::MAX];
    runner(&line, &Slice::new([usize::MAX - 300], [300]), 0);
}

#[test]
fn runs_across_the_carry_of_the_counter_equal_the_reference() {
    // Index 2^34 lies in row 5; one axis alone could not be that long where usize has 32 bits.
    let shape = [6, 3 << 30];
    runner(&shape, &Slice::new([5, (1 << 30) - 700], [1, 1400]), 0);
}

#[test]
fn every_level_gives_the_same_bits() {
    fn check<T: Reference>() {
        for (name, initializer) in distributions() {
            let draw = initializer.draw([1]).unwrap();
            let transform = Transform::new::<T>(draw.law().unwrap());
            let position = Position::of(&request(&draw, name, 1));
            let draw = |level: Level, start, length, exceeds_caches, from| {
                let mut out = vec![T::default(); length + 64 + from];
                let line = out.as_ptr().align_offset(64);
                let out = &mut out[line + from..][..length];
                level.run(Run { transform, position, start, exceeds_caches, out });
                out.iter().map(|&value| value.bits()).collect::<Vec<_>>()
            };
            for (start, length) in [(0, 4096), (1, 1000), (255, 2), (77, 513), (1 << 33, 3)] {
                let baseline = draw(Level::Baseline, start, length, false, 0);
                for level in Level::available() {
                    for (exceeds_caches, from) in [(false, 0), (true, 0), (true, 1)] {
                        let drawn = draw(level, start, length, exceeds_caches, from);
                        assert_eq!(drawn, baseline, "{name} {level:?} {exceeds_caches} {from}");
                    }
                }
            }
        }
    }
    check::<f16>();
    check::<bf16>();
    check::<F8E4M3>();
    check::<F8E5M2>();
    check::<f32>();
    check::<f64>();
}

#[test]
#[cfg(feature = "parallel")]
#[cfg_attr(target_family = "wasm", ignore = "there are no threads")]
fn one_to_eight_threads_give_the_same_bits() {
    // Enough for eight threads.
    let shape = [2200, 1001];
    let slice = Slice::new([3, 1], [2190, 990]);
    for (name, initializer) in distributions() {
        let draw = initializer.draw(shape).unwrap();
        let both = || (draw.to_vec::<f32>().unwrap(), draw.slice_to_vec::<f32>(&slice).unwrap());
        let one = Pool::new(1).unwrap().install(both);
        for threads in [0, 2, 3, 4, 5, 6, 7, 8] {
            assert!(Pool::new(threads).unwrap().install(both) == one, "{name} on {threads}");
        }
    }
}

#[test]
fn every_order_of_calls_gives_the_same_bits() {
    let initializer = Scheme::he_normal().with_seed(9);
    let names = ["a", "b", "c", "d"];
    let draw = |name: &str| initializer.sample::<f32>(Tensor::new([5, 7]).named(name)).unwrap();
    let expected = names.map(draw);
    let mut order = [0, 1, 2, 3];
    // Heap's algorithm: all 24 orders.
    let mut counts = [0; 4];
    let mut at = 1;
    while at < 4 {
        if counts[at] < at {
            order.swap(if at % 2 == 0 { 0 } else { counts[at] }, at);
            for index in order {
                assert_eq!(draw(names[index]), expected[index]);
            }
            counts[at] += 1;
            at = 1;
        } else {
            counts[at] = 0;
            at += 1;
        }
    }
}

#[test]
fn names_calls_and_seeds_give_other_values() {
    let values = |seed, name: &str, call| {
        let generator = SeedGenerator::new(Some(seed)).unwrap();
        let draw = Scheme::he_normal()
            .with_seed(&generator)
            .draw_call(Tensor::new([64]).named(name), call)
            .unwrap();
        draw.to_vec::<f32>().unwrap()
    };
    let all = [values(1, "", 0), values(1, "", 1), values(1, "w", 0), values(2, "", 0)];
    for (at, one) in all.iter().enumerate() {
        for other in &all[..at] {
            assert!(one.iter().zip(other).filter(|(a, b)| a == b).count() < 2);
        }
    }
}

#[test]
fn an_integer_seed_and_call_0_of_its_generator_agree() {
    let generator = SeedGenerator::new(Some(5)).unwrap();
    let integer = Scheme::he_normal().with_seed(5).sample::<f32>([40]).unwrap();
    assert_eq!(Scheme::he_normal().with_seed(&generator).sample::<f32>([40]).unwrap(), integer);
    assert_eq!(
        Scheme::he_normal().with_seed(5).draw_call([40], 3).unwrap().to_vec::<f32>().unwrap(),
        integer
    );
}

#[test]
fn narrow_values_are_the_f32_value_rounded_once() {
    for (name, initializer) in distributions() {
        let draw = initializer.draw([10_000]).unwrap();
        let wide: Vec<f32> = draw.to_vec().unwrap();
        let half: Vec<f16> = draw.to_vec().unwrap();
        let brain: Vec<bf16> = draw.to_vec().unwrap();
        let e4m3: Vec<F8E4M3> = draw.to_vec().unwrap();
        let e5m2: Vec<F8E5M2> = draw.to_vec().unwrap();
        // Bounds that were given are not passed by rounding.
        for (index, wide) in wide.into_iter().enumerate() {
            let inside = |dtype: Dtype| {
                let given = name.starts_with("cut")
                    || name == "log_uniform"
                    || name.starts_with("uni") && dtype.size() == 1;
                let bounds = draw.law().unwrap().bounds().filter(|_| given);
                let (low, high) = bounds.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
                let (low, high) = dtype.inside(low, high);
                wide.clamp(low as f32, high as f32)
            };
            assert_eq!(half[index], f16::from_f32(inside(Dtype::Float16)), "{name}");
            assert_eq!(brain[index], bf16::from_f32(inside(Dtype::BFloat16)), "{name}");
            assert_eq!(e4m3[index], F8E4M3::narrow(inside(Dtype::Float8E4M3Fn)), "{name}");
            assert_eq!(e5m2[index], F8E5M2::narrow(inside(Dtype::Float8E5M2)), "{name}");
        }
    }
}

#[test]
fn f32_and_f64_draws_agree() {
    for (name, initializer) in distributions() {
        let draw = initializer.draw([100_000]).unwrap();
        let single: Vec<f32> = draw.to_vec().unwrap();
        let double: Vec<f64> = draw.to_vec().unwrap();
        let stddev = draw.law().unwrap().stddev();
        // Rounding of the value and of the shift, and what the 32 bits of a word resolve: in the
        // tail of a normal, of a radius word w, 1 / (w · radius), here with w above 2^32 / 10^6.
        let far = name.starts_with("normal") || name.starts_with("cut");
        let tolerance = if far { 4e-4 } else { 3e-6 };
        for (single, double) in single.into_iter().zip(double) {
            let error = (f64::from(single) - double).abs();
            assert!(error <= tolerance * stddev, "{name}: {single} and {double}");
        }
    }
}

#[test]
fn bounds_hold_after_rounding() {
    fn check<T: Reference>() {
        for stddev in [1.0, 0.05, 0.1, 1.0 / 3.0, 0.011_367, 123.456] {
            let initializer = Scheme::truncated_normal(0.0, stddev).unwrap().with_seed(8);
            let computing = <T::Computing as Real>::from_f64;
            let bound = T::narrow(computing(2.0 * stddev)).to_f64();
            let values: Vec<T> = initializer.sample([100_000]).unwrap();
            assert!(values.iter().all(|value| value.to_f64().abs() <= bound));

            let initializer = Scheme::random_uniform(-stddev / 3.0, stddev).unwrap().with_seed(8);
            let low = T::narrow(computing(-stddev / 3.0)).to_f64();
            let high = T::narrow(computing(stddev)).to_f64();
            let values: Vec<T> = initializer.sample([100_000]).unwrap();
            assert!(values.iter().all(|value| (low..=high).contains(&value.to_f64())));
        }
    }
    check::<f16>();
    check::<bf16>();
    check::<F8E4M3>();
    check::<F8E5M2>();
    check::<f32>();
    check::<f64>();
}

#[test]
fn bounds_that_hold_no_value_of_the_dtype_are_refused() {
    let uniform = |low, high| Scheme::random_uniform(low, high).unwrap().with_seed(8);
    let [e4m3, brain] = [Dtype::Float8E4M3Fn, Dtype::BFloat16];
    for (low, high, narrow) in [
        (0.26, 0.28, "between the bounds 0.26 and 0.28"),
        (-0.0019, 0.0018, "all 0 in float8_e4m3fn"),
        // One value, and so rounded.
        (0.26, 0.26, ""),
        (0.0, 0.0, ""),
        (400.0, 450.0, "overflow float8_e4m3fn"),
    ] {
        let draw = uniform(low, high).draw([9]).unwrap();
        let message = draw.check(e4m3).map_or_else(|error| format!("{error}"), |()| "".into());
        assert_eq!(message.is_empty(), narrow.is_empty(), "{message}");
        assert!(message.contains(narrow), "{message}");
        assert!(draw.check(brain).is_ok());
    }
    let largest = |scheme: Initializer| {
        let values: Vec<F8E4M3> = scheme.sample([10_000]).unwrap();
        values.into_iter().map(F8E4M3::to_f32).fold(0.0, f32::max)
    };
    assert_eq!(largest(uniform(-0.05, 0.05)), 0.046_875);
    assert_eq!(largest(uniform(0.0, 0.06)), 0.058_593_75);
}

#[test]
fn normals_that_rounding_leaves_nothing_of_are_refused() {
    for (mean, stddev, low, high, refused) in [
        (0.0, 1e300, -2.0, 2.0, [true, false]),
        (0.0, 1e300, 1.0, 1.0, [true, false]),
        (0.0, 1e39, 0.0, 1e36, [true, false]),
        (0.0, 3e38, -1e-7, 1e-7, [true, false]),
        (0.0, 3e37, -2.0, 2.0, [false, false]),
        (1e9, 1e9, -2.0, 2.0, [true, false]),
        (-1e5, 1e5, -2.0, 2.0, [true, false]),
        (1e3, 1e3, -2.0, 2.0, [false, false]),
        (1e40, 1e40, -2.0, 2.0, [true, true]),
        (1e3, 1e-3, 999.999, 1000.001, [false, false]),
        (1e9, 1e9, 0.0, f64::INFINITY, [false, false]),
        (1e9, 1e9, 0.0, 0.0, [false, false]),
    ] {
        let bounds = crate::Bounds::Absolute(low, high);
        let scheme = Scheme::truncated_normal_in(mean, stddev, bounds).unwrap();
        let draw = scheme.clone().with_seed(8).draw([2000]).unwrap();
        for (dtype, refused) in [Dtype::Float32, Dtype::Float64].into_iter().zip(refused) {
            let checked = draw.check(dtype);
            let message = "rounding leaves too little of a normal with mean";
            match checked {
                Err(error) => assert!(refused && error.to_string().starts_with(message)),
                Ok(()) => assert!(!refused, "{mean} {stddev} {low} {high} {dtype}"),
            }
        }
        if !refused[0] && low < high {
            let mut values: Vec<f32> = scheme.with_seed(8).sample([2000]).unwrap();
            assert!(values.iter().all(|&value| low <= value.into() && f64::from(value) <= high));
            values.sort_by(f32::total_cmp);
            values.dedup();
            assert!(values.len() > 30, "{mean} {stddev} {low} {high}: {}", values.len());
        }
    }
}

#[test]
fn constants_and_identities() {
    let ones: Vec<f16> = Initializer::new(Scheme::ones(), None).sample([3, 3]).unwrap();
    assert!(ones.iter().all(|&one| one == f16::ONE));
    let third: Vec<f32> =
        Initializer::new(Scheme::constant(1.0 / 3.0).unwrap(), None).sample([5]).unwrap();
    assert_eq!(third, [1.0 / 3.0; 5]);

    for shape in [[4, 4], [2, 5], [5, 2], [1, 1], [0, 3], [300, 300], [1000, 3], [3, 1000]] {
        let draw = Initializer::new(Scheme::identity(2.5).unwrap(), None).draw(shape).unwrap();
        let expected = |row: usize, column: usize| if row == column { 2.5 } else { 0.0 };
        let whole: Vec<f32> = draw.to_vec().unwrap();
        for (index, &value) in whole.iter().enumerate() {
            assert_eq!(value, expected(index / shape[1], index % shape[1]), "{shape:?}");
        }
        for row in 0..shape[0].min(9) {
            for column in 0..shape[1].min(9) {
                let slice = Slice::new([row, column], [1, 1]);
                assert_eq!(draw.slice_to_vec::<f32>(&slice).unwrap(), [expected(row, column)]);
            }
        }
    }
}

#[test]
fn a_position_is_a_key_and_a_call() {
    // The anonymous tensor of seed 0: its digest is FNV's offset basis.
    let basis = [0x6295_c58d, 0x62b8_2175, 0x07bb_0142, 0x6c62_272e];
    let [k0, k1, ..] = philox4x32(basis, [0, 0]);
    let draw = Scheme::he_normal().with_seed(0).draw([1]).unwrap();
    let request = Request { seed: 0, ..request(&draw, "", 9) };
    assert_eq!(Position::of(&request), Position { key: [k0, k1], call: 9 });
}

#[test]
fn dtypes_have_sizes_and_names() {
    for &dtype in Dtype::ALL {
        assert_eq!(dtype.name().parse::<Dtype>(), Ok(dtype));
    }
    assert_eq!(size_of::<bf16>(), <bf16 as Element>::DTYPE.size());
}

#[test]
fn names_and_seeds_give_other_keys() {
    let keys = [(0, ""), (1, ""), (1 << 32, ""), (0, "a"), (0, "b"), (0, "a/b"), (0, "ab")].map(
        |(seed, name): (u64, &str)| {
            let draw = Scheme::he_normal().with_seed(seed).draw(Tensor::new([4]).named(name));
            draw.unwrap().native().unwrap().key
        },
    );
    for (at, key) in keys.iter().enumerate() {
        assert!(!keys[..at].contains(key));
    }
}

#[test]
fn a_native_draw_is_all_that_its_values_depend_on() {
    for (name, initializer) in distributions() {
        let draw = initializer.draw(Tensor::new([300]).named(name)).unwrap();
        let native = draw.native().unwrap();
        let position = Position { key: native.key, call: native.call };
        for (index, value) in draw.to_vec::<f32>().unwrap().into_iter().enumerate() {
            assert_eq!(value, reference::<f32>(&native.law, position, index as u64));
        }
    }
    assert!(Initializer::new(Scheme::ones(), None).draw([3]).unwrap().native().is_none());
}
