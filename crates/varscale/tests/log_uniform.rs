//! `LogUniform`, as a user draws it.

use varscale::{
    Dtype, DtypeVisitor, Element, Error, Law, Pool, Scheme, Slice, Stream, StreamError, Tensor,
};

#[test]
fn bounds_are_above_0_and_in_order() {
    for (low, high, message) in [
        (0.0, 1.0, "invalid minval 0.0: it must be above 0"),
        (-1.0, 1.0, "invalid minval -1.0: it must be above 0"),
        (f64::NAN, 1.0, "invalid minval NaN: it must be a finite number"),
        (1.0, f64::INFINITY, "invalid maxval inf: it must be a finite number"),
        (1.0, 1.0, "invalid maxval 1.0: it must be above minval, which is 1.0"),
        (2.0, 1.0, "invalid maxval 1.0: it must be above minval, which is 2.0"),
    ] {
        assert_eq!(Scheme::log_uniform(low, high).unwrap_err().to_string(), message);
    }
}

/// Also where they are far apart, close together, next to nothing, or no values of the dtype.
#[test]
fn no_value_is_beyond_the_bounds_in_any_dtype() {
    struct Check(f64, f64);

    impl DtypeVisitor for Check {
        type Output = Result<(), Error>;

        fn visit<T: Element>(self) -> Self::Output {
            let Self(low, high) = self;
            let draw = Scheme::log_uniform(low, high)?.with_seed(7).draw([20_000])?;
            let values: Vec<T> = draw.to_vec()?;
            for value in values.iter().map(|value| value.to_f64()) {
                assert!(low <= value && value <= high, "{value:e} of {low:e} to {high:e}");
            }
            Ok(())
        }
    }

    let (least, most) = (f64::from_bits(1), f64::MAX);
    for (low, high) in [
        (0.001, 0.1),
        (1.0, 16.0),
        (1.0 / 3.0, 2.0 / 3.0),
        (3.0, 3.3),
        (1.0, 1.0f64.next_up()),
        (1e-7, 1e-3),
        (1e-60, 1.0),
        (300.3, 447.9),
        (least, most),
        (least, 2.0 * least),
        (most / 4.0, most),
    ] {
        for dtype in Dtype::ALL {
            let (inner, outer) = dtype.inside(low, high);
            let drawn = dtype.visit(Check(low, high));
            match drawn {
                Ok(()) => assert!(inner <= outer && high <= dtype.max_value()),
                Err(Error::Overflow(_)) => assert!(high > dtype.max_value()),
                Err(Error::Underflow(_)) => assert!(high < dtype.min_positive()),
                Err(Error::NoValue(_)) => assert!(inner > outer),
                Err(error) => panic!("{dtype}: {error}"),
            }
        }
    }
}

#[test]
fn any_part_on_any_threads_is_the_wholes() {
    let named = |shape: [usize; 2]| Tensor::new(shape).named("w");
    let scheme = Scheme::log_uniform(0.001, 0.1).unwrap();
    let draw = scheme.clone().with_seed(3).draw(named([700, 900])).unwrap();
    let whole: Vec<f32> = draw.to_vec().unwrap();
    let columns: Vec<f32> = draw.slice_to_vec(&Slice::new([1, 5], [600, 3])).unwrap();
    let expected = (1..601).flat_map(|row| whole[row * 900 + 5..][..3].to_vec());
    assert!(columns.into_iter().eq(expected));
    for threads in [1, 2, 5] {
        let again = Pool::new(threads).unwrap().install(|| draw.to_vec::<f32>().unwrap());
        assert_eq!(again, whole);
    }
    // A region of the same law changes nothing.
    let region = scheme.with_seed(3).draw(named([10, 20])).unwrap();
    assert_eq!(draw.with_region([30, 40], region).unwrap().to_vec::<f32>().unwrap(), whole);
}

#[test]
fn explanations_name_the_law() {
    let scheme = Scheme::log_uniform(0.001, 0.1).unwrap();
    assert_eq!(
        scheme.explain([3]).unwrap().to_string(),
        "LogUniform of shape (3,): log-uniform in [0.001, 0.1], mean 0.0214976, stddev 0.0249696"
    );
    let explanation = scheme.explain([3]).unwrap();
    assert_eq!(explanation.bounds, Some((0.001, 0.1)));
    let draw = scheme.clone().with_seed(1).draw([3]).unwrap();
    assert!(matches!(draw.law(), Some(Law::LogUniform { .. })));
    for stream in Stream::ALL.iter().filter(|stream| **stream != Stream::Native) {
        let refused = scheme.clone().with_seed(1).with_stream(*stream).draw([3]).unwrap_err();
        assert!(matches!(refused, Error::Stream(StreamError::Law { .. })), "{refused}");
    }
}

#[cfg(feature = "serde")]
#[test]
fn configs_come_back() {
    use serde_json::json;
    let config =
        json!({"class_name": "LogUniform", "config": {"minval": 1, "maxval": 16.0, "seed": 3}});
    let initializer = varscale::Initializer::deserialize(&config).unwrap();
    assert_eq!(initializer.scheme(), &Scheme::log_uniform(1, 16.0).unwrap());
    assert_eq!(initializer.serialize(varscale::ConfigForm::of(&config)), config);
    let explanation = serde_json::to_value(initializer.explain([3]).unwrap()).unwrap();
    assert_eq!(explanation["law"], json!({"law": "log_uniform", "low": 1.0, "high": 16.0}));
}
