//! The standard normal's density, tails and moments, for laws that bounds cut off: in basic operations
//! only, so that a law's numbers are the same everywhere.

/// Standard deviations from which on a tail's probability is no normal f64.
pub(crate) const END: f64 = 37.5;

/// e^x for x in [−745, 0], to 2 units in the last place where that is a normal number.
fn exp(x: f64) -> f64 {
    // ln 2 in two parts: the multiples of the first are exact.
    const HIGH: f64 = 0.693_147_180_369_123_8;
    const LOW: f64 = 1.908_214_929_270_587_7e-10;
    let halvings = (x * -core::f64::consts::LOG2_E + 0.5) as i32;
    let f = (x + f64::from(halvings) * HIGH) + f64::from(halvings) * LOW;
    // |f| is at most ln 2 / 2: the term after the last is below 2^-56.
    let mut sum = 1.0;
    for n in (1..=14).rev() {
        sum = 1.0 + f / f64::from(n) * sum;
    }
    scaled(sum, -halvings)
}

/// `value` · 2^`power`.
pub(crate) fn scaled(mut value: f64, mut power: i32) -> f64 {
    while power < -1000 {
        (value, power) = (value * f64::from_bits(23 << 52), power + 1000);
    }
    value * f64::from_bits(((1023 + power) as u64) << 52)
}

/// √(2π) times the density at `z`: e^(−z²/2).
fn bell(z: f64) -> f64 {
    // The square of the first 26 bits is exact.
    let high = f64::from_bits(z.to_bits() & !0x07ff_ffff);
    if z.abs() > 38.5 { 0.0 } else { exp(high * high / -2.0) * exp((z - high) * (z + high) / -2.0) }
}

const SQRT_2_PI: f64 = 2.506_628_274_631_000_7;

/// The probability of [−z, z], with z's sign: erf(z / √2).
pub(crate) fn within(z: f64) -> f64 {
    if z.abs() >= 1.0 {
        return if z > 0.0 { 1.0 - beyond(z) } else { beyond(-z) - 1.0 };
    }
    // All terms of this series are of one sign: z (1 + z²/3 + z⁴/15 + …).
    let (mut term, mut sum) = (z, z);
    for n in 1..20 {
        term *= z * z / f64::from(2 * n + 1);
        sum += term;
    }
    2.0 / SQRT_2_PI * bell(z) * sum
}

/// Twice the probability of [z, ∞): erfc(z / √2), to 1e-15.
pub(crate) fn beyond(z: f64) -> f64 {
    if z < 1.0 {
        return if z > -1.0 { 1.0 - within(z) } else { 2.0 - beyond(-z) };
    }
    // Laplace's continued fraction, from behind: z + 1/(z + 2/(z + 3/(z + …))).
    let terms = 30 + (600.0 / (z * z)) as i32;
    let fraction = (1..=terms).rev().fold(z, |fraction, n| z + f64::from(n) / fraction);
    2.0 / SQRT_2_PI * bell(z) / fraction
}

/// Bounds in standard deviations from the mean. A normal without any is its mean, wherever they are.
pub(crate) fn standard(mean: f64, stddev: f64, low: f64, high: f64) -> (f64, f64) {
    if stddev == 0.0 { (-1.0, 1.0) } else { ((low - mean) / stddev, (high - mean) / stddev) }
}

/// Mean and standard deviation of a standard normal truncated to [`lower`, `upper`].
///
/// By Gauss's rule, not by the textbook's differences, which cancel in a tail and between bounds that
/// are close.
pub(crate) fn moments(lower: f64, upper: f64) -> (f64, f64) {
    /// Five points on [−1, 1], and their weights.
    const POINTS: [(f64, f64); 5] = [
        (0.0, 0.568_888_888_888_888_9),
        (-0.538_469_310_105_683_1, 0.478_628_670_499_366_47),
        (0.538_469_310_105_683_1, 0.478_628_670_499_366_47),
        (-0.906_179_845_938_664, 0.236_926_885_056_189_08),
        (0.906_179_845_938_664, 0.236_926_885_056_189_08),
    ];
    const PANELS: i32 = 64;
    // Where the density is largest, and how far it matters from there: 2^-53 of it is left.
    let peak = 0.0_f64.clamp(lower, upper);
    let reach = 37.0 / (peak.abs() / 2.0 + crate::math::sqrt_f64(peak * peak / 4.0 + 18.5));
    let (start, end) = (lower.max(peak - reach), upper.min(peak + reach));
    let half = (end - start) / f64::from(2 * PANELS);
    let sums = |center: f64| {
        let (mut total, mut first, mut second) = (0.0, 0.0, 0.0);
        for panel in 0..PANELS {
            for (at, weight) in POINTS {
                let offset = half * (f64::from(2 * panel + 1) + at) - (peak - start);
                // The density over that of the peak.
                let mass = weight * exp((offset * (offset / -2.0 - peak)).clamp(-700.0, 0.0));
                let offset = offset - center;
                (total, first) = (total + mass, first + mass * offset);
                second += mass * offset * offset;
            }
        }
        (first / total, second / total)
    };
    let (mean, _) = sums(0.0);
    let (_, variance) = sums(mean);
    (peak + mean, crate::math::sqrt_f64(variance))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By mpmath: z, erfc(z / √2).
    #[test]
    fn tails_match_mpmath() {
        for (z, exact) in [
            (0.0, 1.0),
            (0.001, 0.9992021155721779),
            (0.5, 0.6170750774519738),
            (0.999, 0.3177946912826366),
            (1.0, 0.3173105078629141),
            (1.25, 0.2112995473337105),
            (2.0, 0.04550026389635842),
            (3.0, 0.002699796063260189),
            (5.0, 5.733031437583878e-07),
            (12.0, 3.552964224155358e-33),
            (37.5, 9.21070601916391e-308),
        ] {
            let error = (beyond(z) / exact - 1.0).abs();
            assert!(error < 2.0e-15, "{z}: {error:e}");
            assert!((within(z) + exact - 1.0).abs() < 3.0e-16, "{z}");
            assert_eq!(within(-z), -within(z));
        }
        assert_eq!((beyond(f64::INFINITY), beyond(f64::NEG_INFINITY)), (0.0, 2.0));
        assert!(beyond(END) > f64::MIN_POSITIVE);
    }

    /// By mpmath: bounds, mean, standard deviation.
    #[test]
    fn moments_match_mpmath() {
        for (lower, upper, mean, stddev) in [
            (-2.0, 2.0, 0.0, 0.8796256610342398),
            (-3.0, 3.0, 0.0, 0.9865783925581086),
            (-1.0, 1.0, 0.0, 0.539560093754897),
            (0.0, 1.0, 0.4598622292864265, 0.2822265488016875),
            (0.0, f64::INFINITY, 0.7978845608028654, 0.602810274989087),
            (2.0, f64::INFINITY, 2.373215532822841, 0.33805191970181336),
            (f64::NEG_INFINITY, 1.0, -0.2875999709391784, 0.7935277473262075),
            (4.0, 6.0, 4.225546931806198, 0.21577107739547127),
            (-6.0, -4.0, -4.225546931806198, 0.21577107739547127),
            (-37.5, 37.5, 0.0, 1.0),
            (30.0, f64::INFINITY, 30.033259667433676, 0.033223056931746826),
            (12.0, 12.001, 12.000498999960767, 0.00028867409047046195),
            (-0.25, 0.5, 0.11925055896410056, 0.2144353537378783),
        ] {
            let found = moments(lower, upper);
            assert!(
                (found.0 - mean).abs() <= 1.0e-13 * mean.abs().max(stddev),
                "{lower} {upper}: {found:?}"
            );
            assert!((found.1 / stddev - 1.0).abs() < 1.0e-12, "{lower} {upper}: {found:?}");
        }
    }
}
