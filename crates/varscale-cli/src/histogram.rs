//! Histogram of drawn values against the law they should follow, as text.

use std::{f64::consts::FRAC_1_SQRT_2, fmt::Write};

use varscale::{Law, short};

/// Number of bins.
const BINS: usize = 40;

/// Where the normal's histogram ends, in standard deviations: beyond are 6 values in 100,000,
/// which the last bins take.
const NORMAL_END: f64 = 4.0;

/// Where the truncated normal ends, in standard deviations before truncation.
const TRUNCATED_END: f64 = 2.0;

/// Where a normal that is cut off elsewhere ends, in its own standard deviations: of one tail, 3 values
/// in 1000 are beyond.
const CUT_END: f64 = 5.0;

/// Values counted in equal bins over the range of a law.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    law: Law,
    low: f64,
    /// Width of a bin.
    width: f64,
    counts: [u64; BINS],
}

impl Histogram {
    /// No values yet; `None` where the law has no density.
    pub(crate) fn new(law: &Law) -> Option<Self> {
        let (low, high) = match *law {
            Law::Uniform { low, high } | Law::LogUniform { low, high } => (low, high),
            Law::Normal { mean, stddev } => around(mean, stddev, NORMAL_END),
            Law::TruncatedNormal { mean, stddev, between: None } => {
                around(mean, stddev, TRUNCATED_END)
            }
            // Of an open end, or one far away, the rest.
            Law::TruncatedNormal { between: Some((low, high)), .. } => {
                let (near, far) = around(law.mean(), law.stddev(), CUT_END);
                (low.max(near), high.min(far))
            }
            _ => return None,
        };
        // Divided first: high - low may overflow.
        let width = high / BINS as f64 - low / BINS as f64;
        (width > 0.0).then_some(Self { law: *law, low, width, counts: [0; BINS] })
    }

    /// Counts `value`; beyond the range (rounding, the normal's tails) in the nearest bin.
    pub(crate) fn add(&mut self, value: f64) {
        let bin = (value / self.width - self.low / self.width) as usize;
        self.counts[bin.min(BINS - 1)] += 1;
    }

    /// Counts the values of `other` too.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (count, other) in self.counts.iter_mut().zip(other.counts) {
            *count += other;
        }
    }

    /// Probability that the law gives a value up to the lower edge of `bin`.
    fn cumulative(&self, bin: usize) -> f64 {
        let part = bin as f64 / BINS as f64;
        let deviations = |end: f64| end * (2.0 * part - 1.0);
        match self.law {
            Law::Uniform { .. } => part,
            _ if bin == 0 => 0.0,
            _ if bin == BINS => 1.0,
            Law::LogUniform { low, high } => {
                // Not by quotients, which may overflow.
                let value = self.low + self.width * bin as f64;
                (value.ln() - low.ln()) / (high.ln() - low.ln())
            }
            Law::Normal { .. } => normal(deviations(NORMAL_END)),
            Law::TruncatedNormal { mean, stddev, between: Some((low, high)) } => {
                let value = self.low + self.width * bin as f64;
                let [low, value, high] = [low, value, high].map(|end| (end - mean) / stddev);
                // By the tails on the side where the values are, which keep their digits.
                let sign = if low > 0.0 { -1.0 } else { 1.0 };
                let tail = |z: f64| libm::erfc(-sign * z * FRAC_1_SQRT_2);
                (tail(value) - tail(low)) / (tail(high) - tail(low))
            }
            Law::TruncatedNormal { .. } => {
                let (below, above) = (normal(-TRUNCATED_END), normal(TRUNCATED_END));
                (normal(deviations(TRUNCATED_END)) - below) / (above - below)
            }
            _ => part,
        }
    }

    /// One bar per bin, at most `width` columns wide, with a mark where the law would end it.
    pub(crate) fn render(&self, width: usize) -> String {
        let values: u64 = self.counts.iter().sum();
        let ideal: [f64; BINS] = std::array::from_fn(|bin| {
            values as f64 * (self.cumulative(bin + 1) - self.cumulative(bin))
        });
        // By halves, since the whole width may be infinite.
        let half = |bin: usize| self.width * bin as f64 / 2.0;
        let labels: [String; BINS] =
            std::array::from_fn(|bin| short(self.low + half(bin) + half(bin), 3));
        let margin = labels.iter().map(String::len).max().unwrap_or(0);
        let columns = width.saturating_sub(margin + 1).max(10);
        let most = self.counts.iter().map(|&count| count as f64).chain(ideal).fold(1.0, f64::max);
        let scale = columns as f64 / most;

        let mut text =
            format!("{values} values in {BINS} bins (lower edges); │ marks the ideal count\n");
        for ((label, &count), ideal) in labels.iter().zip(&self.counts).zip(ideal) {
            let bar = bar(count as f64 * scale, ideal * scale, columns);
            let _ = writeln!(text, "{label:>margin$} {bar}");
        }
        text
    }
}

fn around(mean: f64, stddev: f64, end: f64) -> (f64, f64) {
    (mean - end * stddev, mean + end * stddev)
}

/// The standard normal's distribution function.
fn normal(deviations: f64) -> f64 {
    0.5 + 0.5 * libm::erf(deviations * FRAC_1_SQRT_2)
}

/// A bar of `length` columns, to an eighth, with a mark over column `mark`.
fn bar(length: f64, mark: f64, columns: usize) -> String {
    const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let eighths = (length * 8.0).round() as usize;
    let mark = (mark as usize).min(columns - 1);
    let cells = (0..columns).map(|column| match (eighths / 8).cmp(&column) {
        _ if column == mark => '│',
        std::cmp::Ordering::Greater => '█',
        std::cmp::Ordering::Equal => EIGHTHS[eighths % 8],
        std::cmp::Ordering::Less => ' ',
    });
    cells.collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use varscale::Law;

    use super::*;

    fn laws() -> [Law; 6] {
        [
            Law::Uniform { low: -1.0, high: 3.0 },
            Law::LogUniform { low: 0.25, high: 4.0 },
            Law::Normal { mean: 1.0, stddev: 0.5 },
            Law::TruncatedNormal { mean: 0.0, stddev: 1e-3, between: None },
            Law::TruncatedNormal { mean: 1.0, stddev: 1e-2, between: Some((0.97, 1.03)) },
            Law::TruncatedNormal { mean: 0.0, stddev: 1e-2, between: Some((0.04, f64::INFINITY)) },
        ]
    }

    #[test]
    fn probabilities_add_up() {
        for law in laws() {
            let histogram = Histogram::new(&law).unwrap();
            assert_eq!(histogram.cumulative(0), 0.0);
            let middle = law.bounds().map_or(law.mean(), |(low, high)| (low + high) / 2.0);
            let symmetric = (middle - law.mean()).abs() < 1e-12;
            assert!(!symmetric || (histogram.cumulative(BINS / 2) - 0.5).abs() < 1e-12);
            assert!((histogram.cumulative(BINS) - 1.0).abs() < 1e-15);
            assert!((1..=BINS).all(|k| histogram.cumulative(k) > histogram.cumulative(k - 1)));
        }
    }

    #[test]
    fn extremes_are_counted() {
        let mut histogram = Histogram::new(&laws()[0]).unwrap();
        for value in [-1.0, -1.001, 0.999_999, 1.0, 3.0, 3.001, f64::MAX] {
            histogram.add(value);
        }
        assert_eq!((histogram.counts[0], histogram.counts[BINS - 1]), (2, 3));
        assert_eq!((histogram.counts[BINS / 2 - 1], histogram.counts[BINS / 2]), (1, 1));
    }

    #[test]
    fn laws_without_density_have_none() {
        assert!(Histogram::new(&Law::Normal { mean: 1.0, stddev: 0.0 }).is_none());
        assert!(Histogram::new(&Law::Uniform { low: 1.0, high: 1.0 }).is_none());
    }

    #[test]
    fn bars_have_eighths_and_a_mark() {
        assert_eq!(bar(2.25, 5.9, 8), "██▎  │");
        assert_eq!(bar(8.0, 8.0, 8), "███████│");
        assert_eq!(bar(8.0, 2.0, 8), "██│█████");
        assert_eq!(bar(0.0, 0.0, 8), "│");
    }

    #[test]
    fn lines_fit_the_width() {
        for law in laws() {
            let mut histogram = Histogram::new(&law).unwrap();
            (0..1000).for_each(|k| histogram.add(law.mean() + 1e-5 * f64::from(k)));
            let text = histogram.render(60);
            assert_eq!(text.lines().count(), BINS + 1);
            assert!(text.lines().skip(1).all(|line| line.chars().count() <= 60));
        }
    }
}
