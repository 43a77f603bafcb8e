//! Statistics of one tensor's values.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use super::{
    codes::{self, Counter, Counts},
    distinct::Distinct,
    moments::Moments,
    numbers::{Numbers, Wide},
};
use crate::{Integer, StoredDtype};

/// What the values of a tensor are. Mean, standard deviation, extremes and kurtosis are those of its
/// finite values, and `None` where there are none.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Statistics {
    /// Number of values.
    pub values: u64,
    /// Mean.
    pub mean: Option<f64>,
    /// Standard deviation of these values, not an estimate.
    pub stddev: Option<f64>,
    /// Smallest value.
    pub min: Option<f64>,
    /// Largest value.
    pub max: Option<f64>,
    /// Excess kurtosis, which equal values do not have.
    pub excess_kurtosis: Option<f64>,
    /// Values that are 0.
    pub zeros: u64,
    /// Values that are NaN.
    pub nan: u64,
    /// Values that are −∞.
    pub negative_infinite: u64,
    /// Values that are ∞.
    pub positive_infinite: u64,
    /// Number of distinct values without NaN, of which −0 and 0 are one.
    pub distinct: u64,
    /// Whether that is exact, and no estimate (which is off by 1.6 %, as a standard error).
    pub distinct_is_exact: bool,
}

impl Statistics {
    /// Whether all values are one finite number.
    #[must_use]
    pub fn is_constant(&self) -> bool {
        self.min.is_some() && self.min == self.max && self.finite() == self.values
    }

    /// Number of values that are neither NaN nor infinite.
    #[must_use]
    pub fn finite(&self) -> u64 {
        self.values - self.nan - self.negative_infinite - self.positive_infinite
    }
}

/// What was counted of some of a tensor's values, or of all.
#[derive(Debug, Clone)]
pub(super) enum Counted {
    /// How often each code of at most 16 bits occurs.
    Codes(Counts),
    /// Of wider ones.
    Numbers(Box<Numbers>),
}

impl Counted {
    /// Of a chunk: aligned bytes in native order.
    ///
    /// `limit` is the tensor's: chunks tell each other which values are too many to be kept.
    pub(super) fn of(
        dtype: StoredDtype,
        bytes: &[u8],
        counter: &mut Counter,
        limit: &AtomicU64,
    ) -> Self {
        use varscale::Dtype::{Float32, Float64};
        let wide = |count: fn(&mut Numbers, &[u8])| {
            let distinct = Distinct::within(limit.load(Ordering::Relaxed));
            let mut numbers = Box::new(Numbers { distinct, ..Numbers::default() });
            count(&mut numbers, bytes);
            limit.fetch_min(numbers.distinct.limit(), Ordering::Relaxed);
            Self::Numbers(numbers)
        };
        fn count<T: Wide>(numbers: &mut Numbers, bytes: &[u8]) {
            numbers.extend::<T>(bytemuck::cast_slice(bytes));
        }
        match dtype {
            StoredDtype::Drawn(Float32) => wide(count::<f32>),
            StoredDtype::Drawn(Float64) => wide(count::<f64>),
            StoredDtype::Integer(Integer::Int32) => wide(count::<i32>),
            StoredDtype::Integer(Integer::UInt32) => wide(count::<u32>),
            StoredDtype::Integer(Integer::Int64) => wide(count::<i64>),
            StoredDtype::Integer(Integer::UInt64) => wide(count::<u64>),
            dtype => Self::Codes(counter.count(bytes, dtype.size())),
        }
    }

    /// Counts the values of a later chunk, too.
    pub(super) fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Codes(counts), Self::Codes(others)) => codes::merge(counts, others),
            (Self::Numbers(numbers), Self::Numbers(others)) => numbers.merge(others),
            // Chunks of a tensor have its dtype.
            _ => {}
        }
    }

    /// The moments of all.
    pub(super) fn moments(&self, dtype: StoredDtype) -> Moments {
        match self {
            Self::Codes(counts) => {
                let number = |&(code, count): &(u16, u64)| (codes::number(dtype, code), count);
                let finite = counts.iter().map(number).filter(|(number, _)| number.is_finite());
                let finite: Vec<_> = finite.collect();
                let numbers = finite.iter().map(|&(number, _)| number);
                let low = numbers.clone().fold(f64::INFINITY, f64::min);
                let high = numbers.fold(f64::NEG_INFINITY, f64::max);
                Moments::weighted(&finite, low, high)
            }
            Self::Numbers(numbers) => numbers.moments,
        }
    }

    /// The statistics of all.
    pub(super) fn statistics(&self, dtype: StoredDtype, values: u64) -> Statistics {
        match self {
            Self::Codes(counts) => of_codes(dtype, counts, values),
            Self::Numbers(numbers) => {
                let Numbers { moments, range, zeros, nan, infinite, distinct } = &**numbers;
                let distinct = distinct.count();
                let counts = ([*zeros, *nan, infinite[0], infinite[1]], distinct);
                statistics(values, moments, *range, counts)
            }
        }
    }
}

fn of_codes(dtype: StoredDtype, counts: &Counts, values: u64) -> Statistics {
    let (mut finite, [mut nan, mut below, mut above]) = (Vec::with_capacity(counts.len()), [0; 3]);
    for &(code, count) in counts {
        match codes::number(dtype, code) {
            number if number.is_nan() => nan += count,
            f64::NEG_INFINITY => below += count,
            f64::INFINITY => above += count,
            number => finite.push((number + 0.0, count)),
        }
    }
    finite.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let zeros = finite.iter().filter(|&&(number, _)| number == 0.0).map(|&(_, count)| count);
    let zeros = zeros.sum();
    let distinct = finite.chunk_by(|a, b| a.0 == b.0).count();
    let distinct = distinct as u64 + u64::from(below > 0) + u64::from(above > 0);
    let range = finite.first().zip(finite.last()).map(|(low, high)| (low.0, high.0));
    let (low, high) = range.unwrap_or_default();
    let moments = Moments::weighted(&finite, low, high);
    statistics(values, &moments, range, ([zeros, nan, below, above], (distinct, true)))
}

fn statistics(
    values: u64,
    moments: &Moments,
    range: Option<(f64, f64)>,
    ([zeros, nan, below, above], (distinct, distinct_is_exact)): ([u64; 4], (u64, bool)),
) -> Statistics {
    Statistics {
        values,
        mean: moments.mean(),
        stddev: moments.stddev(),
        min: range.map(|(low, _)| low),
        max: range.map(|(_, high)| high),
        excess_kurtosis: moments.excess_kurtosis(),
        zeros,
        nan,
        negative_infinite: below,
        positive_infinite: above,
        distinct,
        distinct_is_exact,
    }
}
