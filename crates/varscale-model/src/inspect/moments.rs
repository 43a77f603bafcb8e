//! Moments of many values, in parts that are put together in a fixed order.

/// Running sums: values go to them in turn, so that a part is added up in vectors, and in one order
/// whatever these vectors are.
const LANES: usize = 16;

/// No unit is smaller, so that its inverse is a number.
const SMALLEST_UNIT: f64 = f64::from_bits(23 << 52);

/// Count, mean and central moments of finite values.
///
/// Parts are summed from the middle of their range, in units of it, so that powers neither cancel nor
/// overflow, however far from 0, small or large the values are.
///
/// ```
/// use varscale_model::Moments;
/// let mut moments = Moments::of(&[2.0, 4.0, 4.0, 4.0], 2.0, 4.0, f64::from);
/// moments.merge(&Moments::of(&[5.0, 5.0, 7.0, 9.0], 5.0, 9.0, f64::from));
/// assert_eq!((moments.mean(), moments.stddev()), (Some(5.0), Some(2.0)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Moments {
    count: u64,
    mean: f64,
    /// A power of two, in which deviations from the mean are counted.
    unit: f64,
    /// Sums of the second, third and fourth power of the deviations.
    sums: [f64; 3],
}

/// The next power of two above a finite size; none is below [`SMALLEST_UNIT`].
fn unit_of(size: f64) -> f64 {
    let binade = f64::from_bits(size.to_bits() & (0x7FF << 52));
    // Twice the last binade would be infinite.
    if binade >= f64::MAX / 2.0 { binade } else { (2.0 * binade).max(SMALLEST_UNIT) }
}

impl Moments {
    /// Of `values`, which are finite and from `low` to `high` as `number` reads them.
    #[must_use]
    #[inline(always)]
    pub fn of<T: Copy>(values: &[T], low: f64, high: f64, number: impl Fn(T) -> f64) -> Self {
        if values.is_empty() {
            return Self::default();
        }
        let (origin, unit) = (low / 2.0 + high / 2.0, unit_of(high / 2.0 - low / 2.0));
        let inverse = 1.0 / unit;
        let mut lanes = [[0.0; LANES]; 4];
        let (rows, rest) = values.as_chunks::<LANES>();
        for row in rows {
            for lane in 0..LANES {
                let x = (number(row[lane]) - origin) * inverse;
                let square = x * x;
                lanes[0][lane] += x;
                lanes[1][lane] += square;
                lanes[2][lane] += square * x;
                lanes[3][lane] += square * square;
            }
        }
        for (lane, &value) in rest.iter().enumerate() {
            let x = (number(value) - origin) * inverse;
            let square = x * x;
            let powers = [x, square, square * x, square * square];
            lanes.iter_mut().zip(powers).for_each(|(sums, power)| sums[lane] += power);
        }
        let sums = lanes.map(|lanes| lanes.iter().sum::<f64>());
        Self::from_sums(values.len() as u64, origin, unit, sums)
    }

    /// Of values that occur so many times each, from `low` to `high`.
    #[must_use]
    pub fn weighted(values: &[(f64, u64)], low: f64, high: f64) -> Self {
        let count: u64 = values.iter().map(|&(_, count)| count).sum();
        if count == 0 {
            return Self::default();
        }
        let unit = unit_of(high / 2.0 - low / 2.0);
        let sums = |origin: f64| {
            let mut sums = [0.0; 4];
            for &(value, count) in values {
                let (x, count) = ((value - origin) / unit, count as f64);
                let square = x * x;
                for (sum, power) in sums.iter_mut().zip([x, square, square * x, square * square]) {
                    *sum += count * power;
                }
            }
            sums
        };
        // From the mean itself: one value far away may be most of the range.
        let middle = low / 2.0 + high / 2.0;
        let mean = middle + unit * (sums(middle)[0] / count as f64);
        Self::from_sums(count, mean, unit, sums(mean))
    }

    /// From sums of the powers of deviations from `origin`, in units.
    fn from_sums(count: u64, origin: f64, unit: f64, [s1, s2, s3, s4]: [f64; 4]) -> Self {
        let n = count as f64;
        let m = s1 / n;
        let square = m * m;
        let sums = [
            (s2 - s1 * m).max(0.0),
            s3 - 3.0 * m * s2 + 2.0 * s1 * square,
            (s4 - 4.0 * m * s3 + 6.0 * square * s2 - 3.0 * s1 * square * m).max(0.0),
        ];
        Self { count, mean: origin + unit * m, unit, sums }
    }

    /// In another unit, which is no smaller.
    fn in_unit(self, unit: f64) -> Self {
        let ratio = self.unit / unit;
        let [second, third, fourth] = self.sums;
        let square = ratio * ratio;
        let sums = [second * square, third * square * ratio, fourth * square * square];
        Self { unit, sums, ..self }
    }

    /// Counts the values of `other` too.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *other;
            return;
        }
        // By halves, which do not overflow.
        let half = other.mean / 2.0 - self.mean / 2.0;
        let unit = self.unit.max(other.unit).max(unit_of(half.abs()));
        let (a, b) = (self.in_unit(unit), other.in_unit(unit));
        let (na, nb) = (a.count as f64, b.count as f64);
        let n = na + nb;
        let (wa, wb, d) = (na / n, nb / n, half / unit * 2.0);
        let ([a2, a3, a4], [b2, b3, b4]) = (a.sums, b.sums);
        let between = d * d * na * wb;
        let sums = [
            a2 + b2 + between,
            a3 + b3 + between * d * (wa - wb) + 3.0 * d * (wa * b2 - wb * a2),
            a4 + b4
                + between * d * d * (wa * wa - wa * wb + wb * wb)
                + 6.0 * d * d * (wa * wa * b2 + wb * wb * a2)
                + 4.0 * d * (wa * b3 - wb * a3),
        ];
        let mean = self.mean + half * wb * 2.0;
        *self = Self { count: a.count + b.count, mean, unit, sums };
    }

    /// Number of values.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Mean; `None` of no values.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then_some(self.mean)
    }

    /// Standard deviation, of these values and not an estimate; `None` of no values.
    #[must_use]
    pub fn stddev(&self) -> Option<f64> {
        (self.count > 0).then(|| self.unit * (self.sums[0] / self.count as f64).sqrt())
    }

    /// Excess kurtosis, which equal values do not have.
    #[must_use]
    pub fn excess_kurtosis(&self) -> Option<f64> {
        let [second, _, fourth] = self.sums;
        let kurtosis = fourth / second * (self.count as f64 / second) - 3.0;
        kurtosis.is_finite().then_some(kurtosis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In parts of so many values.
    fn moments(values: &[f64], part: usize) -> Moments {
        let mut all = Moments::default();
        for part in values.chunks(part) {
            let low = part.iter().copied().fold(f64::INFINITY, f64::min);
            let high = part.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            all.merge(&Moments::of(part, low, high, f64::from));
        }
        all
    }

    #[test]
    fn known_values() {
        for part in [1, 3, 8, 100] {
            let found = moments(&[2., 4., 4., 4., 5., 5., 7., 9.], part);
            assert!((found.mean().unwrap() - 5.0).abs() < 1e-14);
            assert!((found.stddev().unwrap() - 2.0).abs() < 1e-14);
            // Fourth powers: 81 + 3 * 1 + 0 + 0 + 16 + 256 = 356, over 8 * 16, less 3.
            let kurtosis = found.excess_kurtosis().unwrap();
            assert!((kurtosis - (356.0 / 128.0 - 3.0)).abs() < 1e-13, "{part}: {kurtosis}");
        }
    }

    #[test]
    fn far_tiny_and_huge_values() {
        for (mean, stddev) in
            [(1e8, 1e-3), (0.0, 1e-300), (0.0, 1e150), (-1e300, 1e298), (0.0, 1.7e308)]
        {
            let values: Vec<f64> = (0..1000).map(|k| mean + stddev * f64::from(k % 2)).collect();
            for part in [7, 1000] {
                let found = moments(&values, part);
                let ratio = found.stddev().unwrap() / stddev;
                assert!((ratio - 0.5).abs() < 1e-4, "{found:?}");
                assert!((found.excess_kurtosis().unwrap() + 2.0).abs() < 1e-3, "{found:?}");
            }
        }
    }

    #[test]
    fn one_value_far_from_the_others() {
        let mut values = vec![1e-3; 1 << 20];
        values.iter_mut().step_by(2).for_each(|value| *value = -1e-3);
        values[77] = 1e4;
        let exact = (1e8 / values.len() as f64 + 1e-6_f64).sqrt();
        let pairs = [(-1e-3, 1 << 19), (1e-3, (1 << 19) - 1), (1e4, 1)];
        for found in [moments(&values, 4096), Moments::weighted(&pairs, -1e-3, 1e4)] {
            assert!((found.stddev().unwrap() / exact - 1.0).abs() < 1e-6, "{found:?}");
        }
    }

    #[test]
    fn equal_values_and_none() {
        let third = 1.0 / 3.0;
        let found = moments(&[third; 10], 3);
        assert_eq!((found.mean(), found.stddev()), (Some(third), Some(0.0)));
        assert_eq!(found.excess_kurtosis(), None);
        let none = Moments::default();
        assert_eq!((none.mean(), none.stddev(), none.excess_kurtosis()), (None, None, None));
    }
}
