//! The values against the exact distributions: 10^7 values each, at fixed seeds, so that a pass is
//! a pass forever. The bounds are those of one test in about a thousand.

use std::format;

use super::*;

const COUNT: usize = 10_000_000;

/// A standard law: its name, what draws it, its exact CDF, and its even moments.
struct Exact {
    initializer: Initializer,
    cdf: fn(f64) -> f64,
    variance: f64,
    fourth: f64,
    bound: f64,
}

fn normal_cdf(x: f64) -> f64 {
    libm::erfc(-x / core::f64::consts::SQRT_2) / 2.0
}

fn exact() -> [Exact; 3] {
    // E[x^n] of the normal truncated at ±a: (n − 1) E[x^(n−2)] − 2 a^(n−1) φ(a) / mass.
    let mass = normal_cdf(2.0) - normal_cdf(-2.0);
    let edge = 2.0 * (-2.0f64).exp() / core::f64::consts::TAU.sqrt() / mass;
    let variance = 1.0 - 2.0 * edge;
    [
        Exact {
            initializer: Scheme::truncated_normal(0.0, 1.0).unwrap().with_seed(1234),
            cdf: |x| (normal_cdf(x) - normal_cdf(-2.0)) / (normal_cdf(2.0) - normal_cdf(-2.0)),
            variance,
            fourth: 3.0 * variance - 8.0 * edge,
            bound: 2.0,
        },
        Exact {
            initializer: Scheme::random_normal(0.0, 1.0).unwrap().with_seed(1234),
            cdf: normal_cdf,
            variance: 1.0,
            fourth: 3.0,
            bound: f64::INFINITY,
        },
        Exact {
            initializer: Scheme::random_uniform(-1.0, 1.0).unwrap().with_seed(1234),
            cdf: |x| (x + 1.0) / 2.0,
            variance: 1.0 / 3.0,
            fourth: 1.0 / 5.0,
            bound: 1.0,
        },
    ]
}

fn draw<T: Reference>(exact: &Exact) -> Vec<f64> {
    let values: Vec<T> = exact.initializer.sample([COUNT]).unwrap();
    values.into_iter().map(Element::to_f64).collect()
}

/// Largest distance between the empirical and the exact CDF, times √n: 1.95 is exceeded once in a
/// thousand (Kolmogorov).
fn kolmogorov_smirnov(values: &mut [f64], cdf: impl Fn(f64) -> f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let count = values.len() as f64;
    let distance = values.iter().enumerate().fold(0.0f64, |distance, (rank, &value)| {
        let exact = cdf(value);
        distance.max(exact - rank as f64 / count).max((rank + 1) as f64 / count - exact)
    });
    distance * count.sqrt()
}

#[test]
#[ignore = "slow: six draws of 10^7 values"]
fn kolmogorov_smirnov_against_the_exact_cdf() {
    for exact in exact() {
        for mut values in [draw::<f32>(&exact), draw::<f64>(&exact)] {
            let distance = kolmogorov_smirnov(&mut values, exact.cdf);
            assert!(distance < 1.95, "{}: {distance}", exact.initializer.class_name());
        }
    }
}

#[test]
#[ignore = "slow: twelve draws of 10^7 values"]
fn moments_symmetry_and_bound() {
    for exact in exact() {
        check_moments(&exact, &draw::<f32>(&exact));
        check_moments(&exact, &draw::<f64>(&exact));
        check_moments(&exact, &draw::<f16>(&exact));
        check_moments(&exact, &draw::<bf16>(&exact));
    }
}

fn check_moments(exact: &Exact, values: &[f64]) {
    let count = values.len() as f64;
    let moment = |power: i32| values.iter().map(|x| x.powi(power)).sum::<f64>() / count;
    let name = exact.initializer.class_name();
    let near = |what: &str, value: f64, expected: f64, deviation: f64| {
        let deviations = (value - expected) / (deviation / count.sqrt());
        assert!(deviations.abs() < 3.3, "{what} of {name}: {value}, {deviations} deviations off");
    };
    let Exact { variance, fourth, bound, .. } = *exact;
    // The 16-bit rounding adds a twelfth of the square of its steps to the variance: for bf16,
    // with steps of about 2^-8 of the value, 10^-6 of it, a hundredth of a deviation.
    near("mean", moment(1), 0.0, variance.sqrt());
    near("variance", moment(2), variance, (fourth - variance * variance).sqrt());
    let kurtosis = moment(4) / moment(2).powi(2);
    near("kurtosis", kurtosis, fourth / (variance * variance), 24f64.sqrt());
    near("skewness", moment(3) / variance.powf(1.5), 0.0, 15f64.sqrt());
    let positive = values.iter().filter(|&&x| x > 0.0).count() as f64 / count;
    near("positive share", positive, 0.5, 0.5);
    assert!(values.iter().all(|x| x.abs() <= bound));
    assert!(!values.contains(&0.0) || exact.initializer.class_name() != "TruncatedNormal");
}

#[test]
#[ignore = "slow: three draws of 10^7 values"]
fn neighbours_are_independent() {
    for exact in exact() {
        let values = draw::<f32>(&exact);
        // Of pairs, of words of one counter, of neighbouring counters, blocks and chunks; and of
        // the sizes, which Box-Muller's pairs share a radius of.
        for lag in [1, 2, 3, 4, 5, 8, 256, 257, 65_536] {
            for transform in [|x: f64| x, |x: f64| x * x] {
                let mean = transform_mean(&values, transform);
                let product =
                    |(x, y): (&f64, &f64)| (transform(*x) - mean) * (transform(*y) - mean);
                let covariance: f64 = values.iter().zip(&values[lag..]).map(product).sum();
                let variance: f64 = values.iter().map(|x| (transform(*x) - mean).powi(2)).sum();
                let deviations = covariance / variance * (COUNT as f64).sqrt();
                let name = exact.initializer.class_name();
                assert!(deviations.abs() < 4.0, "{name} at lag {lag}: {deviations} deviations");
            }
        }
    }
}

fn transform_mean(values: &[f64], transform: fn(f64) -> f64) -> f64 {
    values.iter().map(|x| transform(*x)).sum::<f64>() / values.len() as f64
}

#[test]
#[ignore = "slow: three draws of 10^7 values"]
fn equal_bins_are_equally_full() {
    const BINS: usize = 4096;
    for exact in exact() {
        let mut counts = vec![0u32; BINS];
        for value in draw::<f32>(&exact) {
            counts[(((exact.cdf)(value) * BINS as f64) as usize).min(BINS - 1)] += 1;
        }
        let expected = (COUNT / BINS) as f64;
        let chi_squared: f64 =
            counts.iter().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum();
        let deviations = (chi_squared - (BINS - 1) as f64) / (2.0 * (BINS - 1) as f64).sqrt();
        assert!(deviations.abs() < 3.3, "{}: {deviations}", exact.initializer.class_name());
    }
}

/// The logarithms are uniform: exact CDF, mean and standard deviation, which are those of the values,
/// too; and no value is beyond the bounds.
#[test]
#[ignore = "slow: ten draws of 10^7 values"]
fn log_uniform_values_follow_the_exact_distribution() {
    fn check<T: Reference>(low: f64, high: f64) {
        let initializer = Scheme::log_uniform(low, high).unwrap().with_seed(1234);
        let name = format!("[{low}, {high}] in {:?}", T::DTYPE);
        let draw = initializer.draw([COUNT]).unwrap();
        let values: Vec<T> = draw.to_vec().unwrap();
        let values: Vec<f64> = values.into_iter().map(Element::to_f64).collect();
        assert!(values.iter().all(|&value| low <= value && value <= high), "{name}");
        let width = (high / low).ln();
        let mut logs: Vec<f64> = values.iter().map(|value| (value / low).ln() / width).collect();
        let count = COUNT as f64;
        let (law, power) = (draw.law().unwrap(), |power: i32| {
            values.iter().map(|value| (value - draw.law().unwrap().mean()).powi(power)).sum::<f64>()
                / count
        });
        let (stddev, fourth) = (law.stddev(), power(4));
        assert!(power(1).abs() < 3.3 * stddev / count.sqrt(), "{name}: {}", power(1));
        let error = 3.3 * ((fourth - stddev.powi(4)) / count).sqrt();
        assert!((power(2) - stddev * stddev).abs() < error, "{name}: {}", power(2));
        if T::DTYPE.size() > 2 {
            let distance = kolmogorov_smirnov(&mut logs, |x| x);
            std::println!("{name}: {distance:.3}");
            assert!(distance < 1.95, "{name}: {distance}");
        }
    }
    for (low, high) in [(0.001, 0.1), (1.0, 16.0), (1.0, 1.25)] {
        check::<f32>(low, high);
        check::<f64>(low, high);
        // In a narrow interval, their steps add to the variance.
        if high > 2.0 * low {
            check::<f16>(low, high);
            check::<bf16>(low, high);
        }
    }
}

/// At bounds of every kind: between the bounds, the exact CDF, mean and standard deviation.
#[test]
#[ignore = "slow: 28 draws of 10^7 values"]
fn normals_cut_anywhere_follow_the_exact_distribution() {
    fn check<T: Reference>(lower: f64, upper: f64) {
        let bounds = crate::Bounds::Standard(lower, upper);
        let scheme = Scheme::truncated_normal_in(0.0, 1.0, bounds).unwrap();
        let values: Vec<T> = scheme.with_seed(1234).sample([COUNT]).unwrap();
        let mut values: Vec<f64> = values.into_iter().map(Element::to_f64).collect();
        let name = format!("[{lower}, {upper}] in {:?}", T::DTYPE);
        assert!(values.iter().all(|&z| lower <= z && z <= upper), "{name}");
        let (mean, stddev) = gaussian::moments(lower, upper);
        let count = COUNT as f64;
        let found = values.iter().sum::<f64>() / count;
        // Rounding to 16 bits is symmetric only about 0.
        let steps = if T::DTYPE.size() == 2 { mean.abs() / 300.0 } else { 0.0 };
        assert!((found - mean).abs() < 3.3 * stddev / count.sqrt() + steps, "{name}: {found}");
        let power = |power| values.iter().map(|z| (z - mean).powi(power)).sum::<f64>() / count;
        let (variance, fourth) = (power(2), power(4));
        let error = 3.3 * ((fourth - variance * variance) / count).sqrt();
        assert!((variance - stddev * stddev).abs() < error + steps * stddev, "{name}: {variance}");
        if T::DTYPE.size() > 2 {
            // By the tail on the side where the values are: the other one has no digits left.
            let tail = |z: f64| libm::erfc(z / core::f64::consts::SQRT_2);
            let [first, last] = [tail(lower), tail(upper)];
            let distance = kolmogorov_smirnov(&mut values, |z| (first - tail(z)) / (first - last));
            std::println!("{name}: {distance:.3}");
            assert!(distance < 1.95, "{name}: {distance}");
        }
    }
    let infinity = f64::INFINITY;
    for (lower, upper) in [
        (-1.0, 1.0),
        (-2.5, 2.5),
        (-3.0, 3.0),
        (0.0, 1.0),
        (2.0, infinity),
        (4.0, 6.0),
        (-infinity, 0.5),
    ] {
        check::<f16>(lower, upper);
        check::<bf16>(lower, upper);
        check::<f32>(lower, upper);
        check::<f64>(lower, upper);
    }
}
