//! Seeds, draws and explanations, as a user calls them.

use varscale::{
    Error, Initializer, Layout, Scheme, Seed, SeedError, SeedGenerator, ShapeError, Slice, Tensor,
};

#[test]
fn integer_seeds_repeat_and_unset_seeds_are_kept() {
    let he = Scheme::he_normal().with_seed(42);
    assert_eq!(he.sample::<f32>([9]).unwrap(), he.sample::<f32>([9]).unwrap());

    let unset = Scheme::he_normal().with_seed(Seed::unset().unwrap());
    let values = unset.sample::<f32>([9]).unwrap();
    assert_eq!(unset.sample::<f32>([9]).unwrap(), values);
    let drawn = unset.seed().unwrap().value();
    assert!((0..1 << 31).contains(&drawn));
    assert_eq!(Scheme::he_normal().with_seed(drawn).sample::<f32>([9]).unwrap(), values);
    assert_ne!(Seed::unset().unwrap().value(), drawn);
}

#[test]
fn integers_are_kept_as_given_and_taken_modulo_2_64() {
    let he = |seed: i128| Scheme::he_normal().with_seed(seed);
    let sample = |seed| he(seed).sample::<f32>([4]);
    for (seed, same) in [(-1, (1 << 64) - 1), (-(1 << 63), 1 << 63)] {
        assert_eq!(sample(seed).unwrap(), sample(same).unwrap());
        for initializer in [he(seed), he(0).with_seed(seed)] {
            assert_eq!(initializer.seed().map(Seed::value), Some(seed));
        }
        assert_eq!(seed.to_string().parse(), Ok(Seed::from(seed)));
        assert_eq!(SeedGenerator::new(Some(seed)).unwrap().value(), seed);
    }
    for seed in [1 << 64, -(1 << 63) - 1, i128::MAX] {
        let generator: Error = SeedGenerator::new(Some(seed)).unwrap_err().into();
        for error in [sample(seed).unwrap_err(), generator] {
            assert!(error.to_string().contains(&seed.to_string()), "{error}");
        }
    }
    for text in ["", "1.5", "1e3", "170141183460469231731687303715884105728"] {
        let error = text.parse::<Seed>().unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[test]
fn generators_advance_are_shared_and_restored() {
    let generator = SeedGenerator::new(Some(5)).unwrap();
    let (he, glorot) =
        (Scheme::he_normal().with_seed(&generator), Scheme::glorot_uniform().with_seed(&generator));
    let first = he.sample::<f32>([9]).unwrap();
    assert_eq!(generator.counter(), 1);
    let second = glorot.sample::<f32>([9]).unwrap();
    assert_eq!(generator.counter(), 2);
    assert_ne!(first, he.sample::<f32>([9]).unwrap());

    let restored = SeedGenerator::new(Some(5)).unwrap().with_counter(1);
    assert_eq!(Scheme::glorot_uniform().with_seed(&restored).sample::<f32>([9]).unwrap(), second);
    assert_eq!(he.draw_call([9], 0).unwrap().to_vec::<f32>().unwrap(), first);

    let last = SeedGenerator::new(Some(5)).unwrap().with_counter(u32::MAX);
    let error = Scheme::he_normal().with_seed(&last).sample::<f32>([9]).unwrap_err();
    assert_eq!(error, Error::Seed(SeedError::Exhausted));
}

#[test]
fn a_failed_draw_does_not_advance_a_generator() {
    let generator = SeedGenerator::new(Some(5)).unwrap();
    let he = Scheme::he_normal().with_seed(&generator);
    assert!(he.draw([usize::MAX; 3]).is_err());
    assert_eq!(generator.counter(), 0);
    let wide = Scheme::random_normal(0, 1e6).unwrap().with_seed(&generator);
    assert!(wide.sample::<half::f16>([3]).is_err());
    assert_eq!(generator.counter(), 0);
}

#[test]
fn sequences_follow_tf_keras_2_9() {
    let sequence = || Scheme::he_normal().with_seed(Seed::sequence(Some(7)).unwrap());
    let (a, b) = (sequence(), sequence());
    let mut seen: Vec<Vec<f32>> = Vec::new();
    for _ in 0..3 {
        let values = a.sample([9]).unwrap();
        assert_eq!(b.sample::<f32>([9]).unwrap(), values);
        assert!(!seen.contains(&values));
        seen.push(values);
    }
    assert!(!a.seed().unwrap().is_unset());
    assert!(Seed::sequence(None).unwrap().is_unset());
}

#[test]
fn buffers_ranges_and_slices_are_checked() {
    let draw = Scheme::he_normal().with_seed(1).draw([4, 6]).unwrap();
    assert!(matches!(
        draw.fill(&mut [0f32; 23]),
        Err(Error::Shape(ShapeError::BufferLength { expected: 24, received: 23 }))
    ));
    assert!(matches!(
        draw.fill_range(20..25, &mut [0f32; 5]),
        Err(Error::Shape(ShapeError::RangeBounds { start: 20, end: 25, elements: 24 }))
    ));
    #[expect(clippy::reversed_empty_ranges, reason = "the reversed range is the test")]
    let reversed = draw.fill_range(5..3, &mut [0f32; 2]);
    assert!(reversed.is_err());
    assert!(draw.slice_to_vec::<f32>(&Slice::new([0], [4])).is_err());
    // An empty slice outside of the shape is as wrong as a full one.
    assert!(draw.slice_to_vec::<f32>(&Slice::new([5, 0], [0, 6])).is_err());
    assert!(draw.slice_to_vec::<f32>(&Slice::new([usize::MAX, 0], [1, 6])).is_err());
    assert!(draw.slice_to_vec::<f32>(&Slice::new([4, 0], [0, 6])).unwrap().is_empty());

    let whole = draw.to_vec::<f32>().unwrap();
    let mut part = [0f32; 7];
    draw.fill_range(11..18, &mut part).unwrap();
    assert_eq!(part, whole[11..18]);
}

#[test]
fn more_memory_than_there_is_is_an_error() {
    let draw = Scheme::he_normal().with_seed(1).draw([1 << 30, 1 << 30]).unwrap();
    let error = draw.to_vec::<f64>().unwrap_err();
    assert_eq!(error, Error::Memory { bytes: 1 << 63 });
}

/// Where the dtype leaves nothing but zeros of what should be something, that is an error; zeros
/// that were asked for are none.
#[test]
fn underflow_is_refused_as_overflow_is() {
    use varscale::{Distribution::*, Dtype, Mode};
    // Half of the smallest value above 0, which rounds to 0.
    let half = |dtype: Dtype| dtype.min_positive() / 2.0;
    for &dtype in Dtype::ALL.iter().filter(|dtype| dtype.size() < 8) {
        let (lost, kept) = (half(dtype), half(dtype) * 4.0);
        let scaled = |distribution, size: f64| {
            Scheme::variance_scaling(size * size, Mode::FanIn, distribution).unwrap()
        };
        let schemes = |size: f64| {
            [
                Scheme::constant(size).unwrap(),
                Scheme::constant(-size).unwrap(),
                Scheme::identity(size).unwrap(),
                Scheme::random_uniform(-size, size).unwrap(),
                Scheme::random_uniform(size / 2.0, size).unwrap(),
                Scheme::random_normal(0.0, size / 9.43).unwrap(),
                Scheme::truncated_normal(0.0, size / 2.0).unwrap(),
                scaled(Uniform, size / 2.0),
                scaled(TruncatedNormal, size / 2.3),
                scaled(UntruncatedNormal, size / 9.43),
            ]
        };
        for (scheme, kept) in schemes(lost).into_iter().zip(schemes(kept)) {
            let error = scheme.with_seed(1).draw([1, 2]).unwrap().check(dtype).unwrap_err();
            assert!(matches!(error, Error::Underflow(_)), "{error}");
            let message = error.to_string();
            assert!(message.contains(dtype.name()) && message.contains("all 0"), "{message}");
            kept.with_seed(1).draw([1, 2]).unwrap().check(dtype).unwrap();
        }
        let zeros = [Scheme::zeros(), Scheme::constant(0).unwrap(), Scheme::identity(0).unwrap()];
        let flat = [Scheme::random_normal(0, 0).unwrap(), Scheme::random_uniform(0, 0).unwrap()];
        for zero in zeros.into_iter().chain(flat) {
            zero.with_seed(1).draw([1, 2]).unwrap().check(dtype).unwrap();
        }
    }
    // Of a normal, what lies beyond 5 standard deviations is too rare to count.
    for (dtype, stddev) in
        [(Dtype::Float16, 5e-9), (Dtype::BFloat16, 9e-42), (Dtype::Float32, 1.3e-46)]
    {
        let normal = Scheme::random_normal(0, stddev).unwrap().with_seed(1);
        assert!(matches!(normal.draw_in([4], dtype), Err(Error::Underflow(_))), "{dtype}");
    }
    // What is multiplied by a standard deviation of 0.
    let zero = Scheme::truncated_normal(0, 5e-46).unwrap().with_seed(1);
    assert!(matches!(zero.sample::<f32>([4]), Err(Error::Underflow(_))));
    // One element of many.
    let array = varscale::Array::new([3], [1e-60, 0.0, 1.0].map(Into::into)).unwrap();
    let array = Scheme::constant_array(array).with_seed(1);
    assert!(array.sample::<f32>([3]).is_err() && array.sample::<f64>([3]).is_ok());
    let tiny = Scheme::variance_scaling(1e-300, Mode::FanIn, Uniform).unwrap().with_seed(1);
    assert!(tiny.sample::<f32>([2]).is_err() && tiny.sample::<f64>([2]).is_ok());
}

#[test]
fn fans_come_from_the_global_shape() {
    let draw = Scheme::he_normal().with_seed(1).draw([1000, 10]).unwrap();
    let part = draw.slice_to_vec::<f64>(&Slice::new([990, 0], [10, 10])).unwrap();
    let bound = draw.explanation().bounds.unwrap().1;
    assert!((bound - 2.0 * (2.0f64 / 1000.0).sqrt() / 0.879_625_661_034_239_8).abs() < 1e-15);
    assert!(part.iter().all(|value| value.abs() <= bound));
}

#[test]
fn explicit_axes_replace_the_layout() {
    let scheme = Scheme::variance_scaling(1.0, Default::default(), Default::default())
        .unwrap()
        .with_axes(Some(vec![1]), Some(vec![0]))
        .unwrap();
    let tensor = Tensor::new([3, 7]).with_layout(Layout::keras());
    let explanation = scheme.clone().explain(&tensor).unwrap();
    assert_eq!(explanation.scaling.unwrap().fans.fan_in, 7.into());
    // One alone has no effect, as in Keras.
    let one = scheme.with_axes(Some(vec![1]), None).unwrap();
    let explanation = one.with_seed(1).explain(&tensor).unwrap();
    assert_eq!(explanation.scaling.unwrap().fans.fan_in, 3.into());
}

#[test]
fn explanations_are_sentences() {
    let text =
        |initializer: Initializer, tensor: Tensor| initializer.explain(tensor).unwrap().to_string();
    assert_eq!(
        text(
            Scheme::he_normal().with_seed(1),
            Tensor::new([64, 3, 7, 7]).with_layout(Layout::torch())
        ),
        "HeNormal of shape (64, 3, 7, 7): axis 0 (64) is output, axis 1 (3) is input, axis 2 (7) \
         is receptive, axis 3 (7) is receptive; fan_in 147, fan_out 3136; scale 2 / fan_in 147 = \
         variance 0.0136054: normal with mean 0 and stddev 0.132605, truncated to [-0.265209, \
         0.265209], stddev 0.116642"
    );
    assert_eq!(
        text(Scheme::random_normal(0, 0.02).unwrap().with_seed(1), Tensor::new([5])),
        "RandomNormal of shape (5,): normal with mean 0, stddev 0.02, unbounded"
    );
    assert_eq!(
        text(Initializer::new(Scheme::zeros(), None), Tensor::new([])),
        "Zeros of shape (): constant 0"
    );
    assert_eq!(
        text(Scheme::lecun_normal().with_seed(1), Tensor::new([])),
        "LecunNormal of shape (): fan_in 1, fan_out 1; scale 1 / fan_in 1 = variance 1: normal \
         with mean 0 and stddev 1.13685, truncated to [-2.27369, 2.27369], stddev 1"
    );
    let error =
        Initializer::new(Scheme::identity(1).unwrap(), None).explain([2, 3, 4]).unwrap_err();
    assert!(error.to_string().contains("[2, 3, 4] has rank 3"), "{error}");
}

/// Where a framework multiplies by the difference of the limits, which is infinite.
#[test]
#[cfg(feature = "keras-streams")]
fn infinite_ranges_are_refused() {
    let wide = Scheme::random_uniform(-3e38, 3e38).unwrap().with_seed(1);
    for &stream in varscale::Stream::ALL {
        let values = wide.clone().with_stream(stream).sample::<f32>([9]);
        match stream {
            varscale::Stream::Native => assert!(values.unwrap().iter().all(|it| it.is_finite())),
            _ => assert!(matches!(values, Err(Error::Overflow(_))), "{stream}"),
        }
    }
}
