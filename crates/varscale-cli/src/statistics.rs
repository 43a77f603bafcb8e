//! Summary statistics of drawn values, in one pass.

use rayon::prelude::*;
use serde_json::{Map, Value as Json, json};
use varscale::{Content, Draw, DtypeVisitor, Element, Law, Slice, short};
use varscale_model::Moments;

use crate::histogram::Histogram;

/// Values after which counting stops: enough to see any law, and a matter of seconds.
const ENOUGH: u64 = 1 << 28;

/// Values drawn at a time.
const BUFFER: u64 = 1 << 21;

/// Values that one thread adds up at a time: the order of additions depends on it, and on nothing
/// else.
const PART: usize = 1 << 16;

/// Moments, extremes and histogram of values.
#[derive(Debug, Clone)]
pub(crate) struct Statistics {
    content: Content,
    moments: Moments,
    min: f64,
    max: f64,
    pub(crate) histogram: Option<Histogram>,
}

impl Statistics {
    /// No values yet.
    fn new(content: &Content) -> Self {
        Self {
            content: content.clone(),
            moments: Moments::default(),
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            histogram: match content {
                Content::Random(law) => Histogram::new(law),
                Content::Formula(_) | Content::Orthogonal(_) | Content::Pattern(_) => None,
            },
        }
    }

    fn extend<T: Element>(&mut self, values: &[T]) {
        let numbers = || values.iter().map(|value| value.to_f64());
        let low = numbers().fold(f64::INFINITY, f64::min);
        let high = numbers().fold(f64::NEG_INFINITY, f64::max);
        self.moments.merge(&Moments::of(values, low, high, T::to_f64));
        (self.min, self.max) = (self.min.min(low), self.max.max(high));
        if let Some(histogram) = &mut self.histogram {
            numbers().for_each(|value| histogram.add(value));
        }
    }

    fn merge(&mut self, other: &Self) {
        self.moments.merge(&other.moments);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        if let (Some(histogram), Some(other)) = (&mut self.histogram, &other.histogram) {
            histogram.merge(other);
        }
    }

    /// Number of values.
    pub(crate) fn count(&self) -> u64 {
        self.moments.count()
    }

    /// What each number is called: drawn, and ideal.
    fn rows(&self) -> [(&'static str, Option<f64>, Option<f64>); 5] {
        let (moments, content) = (&self.moments, &self.content);
        let bounds = content.bounds();
        [
            ("mean", moments.mean(), content.mean()),
            ("stddev", moments.stddev(), content.stddev()),
            ("min", Some(self.min), bounds.map(|(low, _)| low)),
            ("max", Some(self.max), bounds.map(|(_, high)| high)),
            ("excess kurtosis", moments.excess_kurtosis(), excess_kurtosis(content)),
        ]
    }

    /// These statistics beside the ideal ones, of so many values.
    pub(crate) fn to_json(&self) -> Json {
        let mut statistics = Map::from_iter([("values".to_owned(), self.count().into())]);
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
        while reader.remaining() > 0 && all.count() < ENOUGH {
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
    use varscale::{Dtype, Scheme};

    use super::*;

    #[test]
    fn every_value_is_counted_once() -> Result<(), varscale::Error> {
        let draw = Scheme::ones().with_seed(0).draw([3, 1 << 20])?;
        let all = Dtype::Float32.visit(Of { draw: &draw, slice: &Slice::whole(draw.shape()) })?;
        let moments = (all.moments.mean(), all.moments.stddev());
        assert_eq!((all.count(), moments), (3 << 20, (Some(1.0), Some(0.0))));
        Ok(())
    }
}
