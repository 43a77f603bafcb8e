//! Log-uniform values: their logarithm is uniform.
//!
//! ```text
//! value    = g · exp(h · v), v uniform in [−1, 1];  g = √(low · high), h = ln(high / low) / 2
//! mean     = (high − low) / 2h
//! variance = mean · ((low + high) / 2 − mean)
//! ```

use crate::math::{
    elementary::{log, log1p},
    sqrt_f64,
};

/// √(low · high), and half the logarithm of high / low.
pub(crate) fn center(low: f64, high: f64) -> (f64, f64) {
    let ratio = high / low;
    let log_ratio = if ratio < 2.0 {
        log1p((high - low) / low)
    } else if ratio.is_finite() {
        log(ratio)
    } else {
        log(high) - log(low)
    };
    (sqrt_f64(low) * sqrt_f64(high), log_ratio / 2.0)
}

pub(super) fn mean(low: f64, high: f64) -> f64 {
    // By halves: twice h may be more than the difference's exponent has room for.
    (high / 2.0 - low / 2.0) / center(low, high).1
}

pub(super) fn stddev(low: f64, high: f64) -> f64 {
    let ((middle, half), mean) = (center(low, high), mean(low, high));
    let above_mean = if half > 0.5 {
        high / 2.0 + low / 2.0 - mean
    } else {
        // cosh h − sinh h / h, term by term: nothing cancels.
        let (mut sum, mut factor) = (0.0, 1.0);
        for k in 1..9 {
            let k = f64::from(k);
            factor *= half * half / (2.0 * k * (2.0 * k + 1.0));
            sum += 2.0 * k * factor;
        }
        middle * sum
    };
    sqrt_f64(mean) * sqrt_f64(above_mean)
}

#[cfg(test)]
mod tests {
    /// By mpmath, with 50 digits.
    #[test]
    fn moments_are_the_closed_forms() {
        for (low, high, mean, stddev) in [
            (0.001, 0.1, 0.021497576854210967, 0.024969617949318863),
            (1.0, 16.0, 5.410106403333613, 4.088600388023308),
            (1.0, 1.9, 1.402188285198401, 0.2589228193691102),
            (1.0, 2.8, 1.7482187786706198, 0.5151182207780888),
            (1.0, 1.0000000000009095, 1.0000000000004547, 2.6254850544756925e-13),
            (3.0, 3.3, 3.147617606177121, 0.08659598571378184),
            (1e-300, 1e+300, 7.238241365054197e+296, 1.9010211647220607e+298),
            (5e-324, 1.7e308, 1.1690542465897438e+305, 3.1501260637787384e+306),
            (1e-310, 1e-305, 8.685802779168654e-307, 1.894337118733644e-306),
            (1e-05, 1.0, 0.08685802779168655, 0.1894337118733644),
        ] {
            let near = |found: f64, exact: f64| (found / exact - 1.0).abs() < 1e-13;
            assert!(near(super::mean(low, high), mean), "{low:e} {high:e}: mean");
            assert!(near(super::stddev(low, high), stddev), "{low:e} {high:e}: stddev");
        }
    }
}
