//! Summary statistics of drawn values, in one pass.

use rayon::prelude::*;
use serde_json::{Map, Value as Json, json};
use varscale::{Content, Draw, DtypeVisitor, Element, Law, Slice, short};

use crate::histogram::Histogram;

/// Values after which counting stops: enough to see any law, and a matter of seconds.
const ENOUGH: u64 = 1 << 28;

/// Values drawn at a time.
const BUFFER: u64 = 1 << 21;

/// Values that one thread adds up at a time: the order of additions depends on it, and on nothing
/// else.
const PART: usize = 1 << 16;

/// Count, moments, extremes and histogram of values.
#[derive(Debug, Clone)]
pub(crate) struct Statistics {
    content: Content,
    /// What values are measured from, and in units of what: near the ideal mean and standard
    /// deviation powers neither cancel nor overflow.
    origin: f64,
    unit: f64,
    pub(crate) count: u64,
    /// Sums of the first four powers.
    sums: [f64; 4],
    min: f64,
    max: f64,
    pub(crate) histogram: Option<Histogram>,
}

impl Statistics {
    /// No values yet.
    fn new(content: &Content) -> Self {
        let largest = content.bounds().map_or(0.0, |(low, high)| high.max(-low));
        let unit = [content.stddev().unwrap_or(0.0), largest].into_iter().find(|&unit| unit > 0.0);
        Self {
            content: content.clone(),
            origin: content.mean().unwrap_or(0.0),
            unit: unit.unwrap_or(1.0),
            count: 0,
            sums: [0.0; 4],
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            histogram: match content {
                Content::Random(law) => Histogram::new(law),
                Content::Formula(_) | Content::Orthogonal(_) | Content::Pattern(_) => None,
            },
        }
    }

    fn extend<T: Element>(&mut self, values: &[T]) {
        for value in values.iter().map(|value| value.to_f64()) {
            let x = (value - self.origin) / self.unit;
            let square = x * x;
            for (sum, power) in self.sums.iter_mut().zip([x, square, square * x, square * square]) {
                *sum += power;
            }
            self.min = self.min.min(value);
            self.max = self.max.max(value);
        }
        if let Some(histogram) = &mut self.histogram {
            values.iter().for_each(|value| histogram.add(value.to_f64()));
        }
        self.count += values.len() as u64;
    }

    fn merge(&mut self, other: &Self) {
        for (sum, other) in self.sums.iter_mut().zip(other.sums) {
            *sum += other;
        }
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.count += other.count;
        if let (Some(histogram), Some(other)) = (&mut self.histogram, &other.histogram) {
            histogram.merge(other);
        }
    }

    /// Mean, standard deviation (of these values, not an estimate) and excess kurtosis, which
    /// equal values do not have.
    fn moments(&self) -> (f64, f64, Option<f64>) {
        if self.min == self.max {
            return (self.min, 0.0, None);
        }
        let [m1, m2, m3, m4] = self.sums.map(|sum| sum / self.count as f64);
        let variance = (m2 - m1 * m1).max(0.0);
        let fourth = m4 - 4.0 * m1 * m3 + 6.0 * m1 * m1 * m2 - 3.0 * m1.powi(4);
        let kurtosis = fourth / (variance * variance) - 3.0;
        let (mean, stddev) = (self.origin + self.unit * m1, self.unit * variance.sqrt());
        (mean, stddev, kurtosis.is_finite().then_some(kurtosis))
    }

    /// What each number is called: drawn, and ideal.
    fn rows(&self) -> [(&'static str, Option<f64>, Option<f64>); 5] {
        let (mean, stddev, kurtosis) = self.moments();
        let content = &self.content;
        let bounds = content.bounds();
        [
            ("mean", Some(mean), content.mean()),
            ("stddev", Some(stddev), content.stddev()),
            ("min", Some(self.min), bounds.map(|(low, _)| low)),
            ("max", Some(self.max), bounds.map(|(_, high)| high)),
            ("excess kurtosis", kurtosis, excess_kurtosis(content)),
        ]
    }

    /// These statistics beside the ideal ones, of so many values.
    pub(crate) fn to_json(&self) -> Json {
        let mut statistics = Map::from_iter([("values".to_owned(), self.count.into())]);
        for (name, drawn, ideal) in self.rows() {
            statistics.insert(name.replace(' ', "_"), json!({"drawn": drawn, "ideal": ideal}));
        }
        statistics.into()
    }

    /// A table of these statistics beside the ideal ones.
    pub(crate) fn render(&self) -> String {
        let cell = |value: Option<f64>| value.map_or("-".to_owned(), |value| short(value, 6));
        let mut text = format!("{:15} {:>14} {:>14}\n", "", "drawn", "ideal");
        for (name, drawn, ideal) in self.rows() {
            text += &format!("{name:15} {:>14} {:>14}\n", cell(drawn), cell(ideal));
        }
        text
    }
}

/// The statistics of the values of a slice, or of so many first ones that they are enough.
pub(crate) struct Of<'a> {
    pub(crate) draw: &'a Draw,
    pub(crate) slice: &'a Slice,
}

impl DtypeVisitor for Of<'_> {
    type Output = Result<Statistics, varscale::Error>;

    fn visit<T: Element>(self) -> Self::Output {
        let mut reader = self.draw.reader::<T>(self.slice)?;
        let empty = Statistics::new(self.draw.content());
        let mut all = empty.clone();
        let length = reader.remaining().min(BUFFER) as usize;
        let mut buffer = Vec::new();
        buffer
            .try_reserve_exact(length)
            .map_err(|_| varscale::Error::Memory { bytes: (length * size_of::<T>()) as u128 })?;
        buffer.resize(length, T::default());
        while reader.remaining() > 0 && all.count < ENOUGH {
            let values = &mut buffer[..reader.remaining().min(BUFFER) as usize];
            reader.fill(values)?;
            let part = |values: &[T]| {
                let mut part = empty.clone();
                part.extend(values);
                part
            };
            let parts: Vec<Statistics> = values.par_chunks(PART).map(part).collect();
            parts.iter().for_each(|part| all.merge(part));
        }
        Ok(all)
    }
}

/// Of the law itself, where it has one.
fn excess_kurtosis(content: &Content) -> Option<f64> {
    match content {
        Content::Random(law) if law.stddev() > 0.0 => match law {
            Law::Uniform { .. } => Some(-1.2),
            Law::Normal { .. } => Some(0.0),
            // scipy.stats.truncnorm.stats(-2, 2, moments="k")
            Law::TruncatedNormal { between: None, .. } => Some(-0.634_463_282_870_350),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use varscale::{Dtype, Pattern, Scheme};

    use super::*;

    fn statistics(values: &[f64], content: Content) -> Statistics {
        let mut all = Statistics::new(&content);
        for part in values.chunks(3) {
            let mut statistics = Statistics::new(&content);
            statistics.extend(part);
            all.merge(&statistics);
        }
        all
    }

    #[test]
    fn moments_of_known_values() {
        let law = Content::Random(Law::Normal { mean: 5.0, stddev: 2.0 });
        let (mean, stddev, kurtosis) = statistics(&[2., 4., 4., 4., 5., 5., 7., 9.], law).moments();
        assert_eq!((mean, stddev), (5.0, 2.0));
        // Fourth powers: 81 + 3 * 1 + 0 + 0 + 16 + 256 = 356, over 8 * 16, less 3.
        assert!((kurtosis.unwrap() - (356.0 / 128.0 - 3.0)).abs() < 1e-14);
    }

    #[test]
    fn moments_survive_far_and_tiny_values() {
        for (mean, stddev) in [(1e8, 1e-3), (0.0, 1e-300), (0.0, 1e150), (-1e300, 1e298)] {
            let values: Vec<f64> = (0..1000).map(|k| mean + stddev * f64::from(k % 2)).collect();
            let moments =
                statistics(&values, Content::Random(Law::Normal { mean, stddev })).moments();
            assert!((moments.1 / stddev - 0.5).abs() < 1e-4, "{moments:?}");
            assert!((moments.2.unwrap() + 2.0).abs() < 1e-3, "{moments:?}");
        }
    }

    #[test]
    fn equal_values_have_no_kurtosis() {
        let third = 1.0 / 3.0;
        let content = Content::Pattern(Pattern::Constant { value: 0.3 });
        let moments = statistics(&[third; 10], content).moments();
        assert_eq!(moments, (third, 0.0, None));
    }

    #[test]
    fn every_value_is_counted_once() -> Result<(), varscale::Error> {
        let draw = Scheme::ones().with_seed(0).draw([3, 1 << 20])?;
        let all = Dtype::Float32.visit(Of { draw: &draw, slice: &Slice::whole(draw.shape()) })?;
        assert_eq!((all.count, all.moments()), (3 << 20, (1.0, 0.0, None)));
        Ok(())
    }
}
