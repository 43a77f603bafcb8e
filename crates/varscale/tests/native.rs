//! What other executors are told of a draw is what the kernel computes.

use varscale::{Bounds, Draw, Dtype, Element, NativeTransform, Scheme, half};

const SHAPE: [usize; 2] = [300, 130];

/// The words of a tensor: of float64's uniform values, which have 53 bits of 64, the upper 32.
fn words() -> Vec<u32> {
    let uniform = Scheme::random_uniform(-1.0, 1.0).unwrap().with_seed(42).draw(SHAPE).unwrap();
    let values: Vec<f64> = uniform.to_vec().unwrap();
    values.iter().map(|value| (value * f64::from(1_u32 << 31)).floor() as i64 as u32).collect()
}

fn transform(draw: &Draw, dtype: Dtype) -> Option<NativeTransform> {
    draw.native().unwrap().transform(dtype)
}

fn schemes() -> Vec<Scheme> {
    let bounded = |mean: f64, low: f64, high: f64| {
        Scheme::truncated_normal_in(mean, 0.5, Bounds::Absolute(low, high)).unwrap()
    };
    vec![
        Scheme::he_uniform(),
        Scheme::random_uniform(-0.25, 1.5).unwrap(),
        Scheme::glorot_normal(),
        Scheme::truncated_normal(0.3, 0.7).unwrap(),
        bounded(0.0, -1.5, 1.5),
        bounded(0.0, -4.0, 4.0),
        bounded(0.1, 2.5, 9.0),
        bounded(0.1, -9.0, -0.2),
        Scheme::random_normal(0.1, 2.0).unwrap(),
    ]
}

#[test]
fn words_become_the_kernels_values() {
    fn check<T: Element + PartialEq + std::fmt::Debug>(draw: &Draw, round: fn(f32) -> T) {
        let transform = transform(draw, T::DTYPE).unwrap();
        let values = transform.values(&words()).into_iter().map(|standard| {
            let value = standard * transform.scale + transform.shift;
            round(value.max(transform.low).min(transform.high))
        });
        let values: Vec<T> = values.collect();
        assert_eq!(values, draw.to_vec::<T>().unwrap(), "{:?}", transform);
    }
    for scheme in schemes() {
        let draw = scheme.with_seed(42).draw(SHAPE).unwrap();
        check(&draw, |value| value);
        check(&draw, half::f16::from_f32);
        check(&draw, half::bf16::from_f32);
    }
}

#[test]
fn what_float32_does_not_carry_is_not_told() {
    let draw = |scheme: Scheme| scheme.with_seed(1).draw([4, 4]).unwrap();
    let tiny = draw(Scheme::random_normal(0.0, 1e-19).unwrap());
    assert_eq!(transform(&tiny, Dtype::Float32), None);
    let huge = draw(Scheme::random_normal(0.0, 2e37).unwrap());
    assert_eq!(transform(&huge, Dtype::Float32), None);
    let log = draw(Scheme::log_uniform(1e-3, 0.1).unwrap());
    assert_eq!(transform(&log, Dtype::Float32), None);
    let he = draw(Scheme::he_normal());
    for dtype in [Dtype::Float64, Dtype::Float8E4M3Fn, Dtype::Float8E5M2] {
        assert_eq!(transform(&he, dtype), None);
    }
}
