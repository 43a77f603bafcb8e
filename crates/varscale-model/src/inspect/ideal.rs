//! What values of a law are expected to be, and how far chance takes them from it.

use std::cmp::Ordering;

use varscale::{Dtype, Law};

use super::statistics::Statistics;

/// With this probability, or less, anything healthy is found fault with: of all tensors together.
const FALSE_ALARM: f64 = 1e-5;

/// Fewer values tell nothing of their law.
const FEWEST: u64 = 16;

/// Fewer values tell nothing of their kurtosis, whose estimate is skewed.
const FEWEST_KURTOSIS: u64 = 100_000;

/// Numbers that stand for a law's values where these are rounded.
const POINTS: u32 = 1 << 16;

/// Moments of a law.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ideal {
    pub(super) mean: f64,
    pub(super) stddev: f64,
    /// The fourth, sixth and eighth moment, in standard deviations.
    pub(super) moments: [f64; 3],
    pub(super) is_symmetric: bool,
}

/// How far values are from a law, in standard errors.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize)]
pub struct Deviations {
    /// Of their mean.
    pub mean: Option<f64>,
    /// Of their standard deviation.
    pub stddev: Option<f64>,
    /// Of their kurtosis.
    pub excess_kurtosis: Option<f64>,
}

/// No number of standard errors below it is a finding among so many.
pub(super) fn limit(judged: usize) -> f64 {
    // The probability of more than z, on either side, is below exp(-z² / 2).
    (2.0 * (judged.max(1) as f64 / FALSE_ALARM).ln()).sqrt()
}

/// The excess kurtosis of a law; `None` where all values are equal.
///
/// ```
/// use varscale::{Dtype, Law};
/// let law = Law::TruncatedNormal { mean: 0.0, stddev: 0.5, between: None };
/// let kurtosis = varscale_model::excess_kurtosis(&law).unwrap_or(0.0);
/// // scipy.stats.truncnorm.stats(-2, 2, moments="k")
/// assert!((kurtosis + 0.634_463_282_870_350).abs() < 1e-9);
/// ```
#[must_use]
pub fn excess_kurtosis(law: &Law) -> Option<f64> {
    (law.stddev() > 0.0).then(|| Ideal::of(law, &[]).moments[0] - 3.0)
}

impl Ideal {
    /// Of values that were drawn in the first of these dtypes and then rounded to the others.
    pub(super) fn of(law: &Law, dtypes: &[Dtype]) -> Self {
        if dtypes.iter().any(|dtype| dtype.size() < 4) {
            return Self::rounded(law, dtypes);
        }
        let (mean, stddev) = (law.mean(), law.stddev());
        let moments = match *law {
            Law::Normal { .. } => [3.0, 15.0, 105.0],
            Law::Uniform { .. } => [9.0 / 5.0, 27.0 / 7.0, 9.0],
            _ => moments(mean, stddev, density(law)),
        };
        Self { mean, stddev, moments, is_symmetric: is_symmetric(law) }
    }

    /// What is left of a law in few bits: its values, rounded, and kept within its bounds.
    fn rounded(law: &Law, dtypes: &[Dtype]) -> Self {
        let density = density(law);
        let values = (0..POINTS).map(|k| {
            let (value, weight) = density((f64::from(k) + 0.5) / f64::from(POINTS));
            let mut value = value;
            for (place, &dtype) in dtypes.iter().enumerate() {
                value = nearest(dtype, value);
                if let Some((low, high)) = law.kept(dtype).filter(|_| place == 0) {
                    let (least, largest) = dtype.inside(low, high);
                    value = value.max(least).min(largest);
                }
            }
            (value, weight)
        });
        let values: Vec<_> = values.collect();
        let total: f64 = values.iter().map(|(_, weight)| weight).sum();
        let of = |power: &dyn Fn(f64) -> f64| {
            values.iter().map(|&(value, weight)| power(value) * weight).sum::<f64>() / total
        };
        let is_symmetric = law.mean() == 0.0 && is_symmetric(law);
        let mean = if is_symmetric { 0.0 } else { of(&|value| value) };
        let stddev = of(&|value| (value - mean).powi(2)).sqrt();
        let moments = [4, 6, 8].map(|power| of(&|value| ((value - mean) / stddev).powi(power)));
        Self { mean, stddev, moments, is_symmetric }
    }

    /// How far values are from it, where chance is all that there is but for a rounding by up to
    /// `rounding` of a value.
    pub(super) fn deviations(&self, found: &Statistics, rounding: f64) -> Deviations {
        let (Some(mean), Some(stddev)) = (found.mean, found.stddev) else {
            return Deviations::default();
        };
        let (n, of_value) = (found.finite(), 2.0 * rounding * rounding);
        if n < FEWEST || self.stddev <= 0.0 {
            return Deviations::default();
        }
        let count = n as f64;
        let [fourth, sixth, eighth] = self.moments;
        let less =
            |deviation: f64, slack: f64| deviation.signum() * (deviation.abs() - slack).max(0.0);
        let size = self.mean.abs() + self.stddev;
        let slack = if self.is_symmetric { self.mean.abs() } else { size } * of_value;
        let mean = less(mean - self.mean, slack) / (self.stddev / count.sqrt());
        // Wilson and Hilferty's cube root, which is normal for few values, too; with the degrees of
        // freedom that a law of this kurtosis has.
        let freedom = 2.0 * (count - 1.0) / (fourth - 1.0);
        // Of values that are nearly all one number, more are needed.
        if freedom.is_nan() || freedom < (FEWEST - 1) as f64 {
            return Deviations::default();
        }
        let ratio = stddev / self.stddev * (count / (count - 1.0)).sqrt();
        let ratio = 1.0 + less(ratio - 1.0, of_value + size * of_value * 0.1 / self.stddev);
        let spread = 2.0 / (9.0 * freedom);
        let stddev = ((ratio * ratio).cbrt() - (1.0 - spread)) / spread.sqrt();
        let enough = n >= FEWEST_KURTOSIS && self.is_symmetric;
        let kurtosis = found.excess_kurtosis.filter(|_| enough).map(|kurtosis| {
            let variance =
                eighth - fourth * fourth - 4.0 * fourth * sixth + 4.0 * fourth * fourth * fourth;
            less(kurtosis + 3.0 - fourth, 20.0 * of_value) / (variance.max(0.01) / count).sqrt()
        });
        Deviations { mean: Some(mean), stddev: Some(stddev), excess_kurtosis: kurtosis }
    }
}

fn is_symmetric(law: &Law) -> bool {
    !matches!(law, Law::LogUniform { .. } | Law::TruncatedNormal { between: Some(_), .. })
}

/// Values of a law at places from 0 to 1, each with its weight.
fn density(law: &Law) -> impl Fn(f64) -> (f64, f64) {
    let (low, high) = law.reach();
    move |u| match *law {
        Law::LogUniform { low, high } => (low * (u * (high / low).ln()).exp(), 1.0),
        Law::Normal { mean: center, stddev: wide }
        | Law::TruncatedNormal { mean: center, stddev: wide, .. } => {
            let value = low + u * (high - low);
            let z = (value - center) / wide;
            // From the density's largest, which may be in a tail.
            let peak = (center.clamp(low, high) - center) / wide;
            (value, ((peak * peak - z * z) / 2.0).exp())
        }
        _ => (low + u * (high - low), 1.0),
    }
}

/// The value of a dtype that a number is rounded to: of two that are as near, the even one, for
/// between narrow dtypes they are many.
fn nearest(dtype: Dtype, value: f64) -> f64 {
    let (above, below) = dtype.inside(value, value);
    match (above - value).total_cmp(&(value - below)) {
        Ordering::Less => above,
        Ordering::Equal if below / (above - below) % 2.0 != 0.0 => above,
        _ => below,
    }
}

/// Even moments in standard deviations of values at places from 0 to 1, each with its weight.
fn moments(mean: f64, stddev: f64, at: impl Fn(f64) -> (f64, f64)) -> [f64; 3] {
    const PANELS: u32 = 8192;
    let (mut total, mut sums) = (0.0, [0.0; 3]);
    for k in 0..=PANELS {
        // Simpson's rule.
        let (value, weight) = at(f64::from(k) / f64::from(PANELS));
        let weight = weight * [2.0, 4.0][k as usize % 2] / if k % PANELS == 0 { 2.0 } else { 1.0 };
        let square = ((value - mean) / stddev).powi(2);
        total += weight;
        for (sum, power) in sums.iter_mut().zip([2, 3, 4]) {
            *sum += weight * square.powi(power);
        }
    }
    sums.map(|sum| sum / total)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By scipy: `truncnorm(-1, 2).stats("k")`, and `loguniform(1, 10)`.
    #[test]
    fn kurtoses_match_scipy() {
        let cut = |low, high| Law::TruncatedNormal {
            mean: 1.0,
            stddev: 0.5,
            between: Some((1.0 + 0.5 * low, 1.0 + 0.5 * high)),
        };
        for (law, expected) in [
            (Law::Normal { mean: 0.0, stddev: 1.0 }, 0.0),
            (Law::Uniform { low: 1.0, high: 3.0 }, -1.2),
            (cut(-2.0, 2.0), -0.634_463_282_870_35),
            (cut(-9.0, 9.0), 0.0),
        ] {
            let found = excess_kurtosis(&law).unwrap();
            assert!((found - expected).abs() < 1e-8, "{law}: {found}");
        }
        assert_eq!(excess_kurtosis(&Law::Normal { mean: 1.0, stddev: 0.0 }), None);
    }

    #[test]
    fn ties_go_to_the_even_value() {
        for (value, expected) in [(17.0, 16.0), (19.0, 20.0), (31.0, 32.0), (16.0, 16.0)] {
            for sign in [1.0, -1.0] {
                assert_eq!(nearest(Dtype::Float8E4M3Fn, sign * value), sign * expected);
            }
        }
    }

    #[test]
    fn limits_grow_with_what_is_judged() {
        assert!(limit(1) > 4.7 && limit(1) < limit(1000) && limit(100_000) < 7.0);
    }
}
