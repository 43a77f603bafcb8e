//! Values of 32 and 64 bits, block by block while they are in the first cache.

use bytemuck::Zeroable;
use varscale::{Work, vectorized};

use super::{
    distinct::{Distinct, key32, key64},
    moments::Moments,
};

/// Values that are added up at a time, which the order of additions depends on.
const BLOCK: usize = 4096;

/// What is counted of values.
#[derive(Debug, Clone, Default)]
pub(super) struct Numbers {
    pub(super) moments: Moments,
    /// Of the finite ones.
    pub(super) range: Option<(f64, f64)>,
    pub(super) zeros: u64,
    pub(super) nan: u64,
    /// Negative and positive ones.
    pub(super) infinite: [u64; 2],
    /// Without NaN.
    pub(super) distinct: Distinct,
}

/// A type of 32 or 64 bits.
pub(super) trait Wide: bytemuck::Pod + PartialOrd + Send + Sync {
    /// As many bits as the type has.
    type Key: bytemuck::Pod + Ord;

    /// As a number; integers beyond 2^53 are rounded.
    fn number(self) -> f64;

    /// Whether it is neither NaN nor infinite.
    fn is_finite(self) -> bool;

    /// A scattered key, the same for equal values.
    fn key(self) -> Self::Key;

    /// A key of 64 bits.
    fn widened(key: Self::Key) -> u64;
}

macro_rules! wide {
    ($($type:ident, $key:ident: $finite:expr, |$x:ident| $scattered:expr, $shift:literal;)*) => {$(
        impl Wide for $type {
            type Key = $key;

            #[inline(always)]
            fn number(self) -> f64 {
                self as f64
            }

            #[inline(always)]
            fn is_finite(self) -> bool {
                $finite(self)
            }

            #[inline(always)]
            fn key(self) -> $key {
                let $x = self;
                $scattered
            }

            #[inline(always)]
            fn widened(key: $key) -> u64 {
                u64::from(key) << $shift
            }
        }
    )*};
}

wide! {
    // −0 is 0.
    f32, u32: f32::is_finite, |x| key32((x + 0.0).to_bits()), 32;
    f64, u64: f64::is_finite, |x| key64((x + 0.0).to_bits()), 0;
    i32, u32: |_| true, |x| key32(x as u32), 32;
    u32, u32: |_| true, |x| key32(x), 32;
    i64, u64: |_| true, |x| key64(x as u64), 0;
    u64, u64: |_| true, |x| key64(x), 0;
}

/// Values whose keys are looked at together: mostly, none of them is among the smallest.
const TOGETHER: usize = 32;

/// Values of up to a block, whose keys are written to `keys`, and the least of some to `least`.
struct Block<'a, T: Wide> {
    values: &'a [T],
    keys: &'a mut [T::Key; BLOCK],
    least: &'a mut [T::Key; BLOCK / TOGETHER],
}

/// What is counted of a block of finite values.
struct OfBlock {
    low: f64,
    high: f64,
    zeros: u32,
    moments: Moments,
}

impl<T: Wide> Work for Block<'_, T> {
    /// `None` where some are not finite.
    type Output = Option<OfBlock>;

    #[inline(always)]
    fn run(self) -> Option<OfBlock> {
        const LANES: usize = 16;
        let Self { values, keys, least } = self;
        let &first = values.first()?;
        let zero = T::zeroed();
        let (mut low, mut high) = ([first; LANES], [first; LANES]);
        let (mut zeros, mut others) = ([0_u32; LANES], [0_u32; LANES]);
        let (rows, rest) = values.as_chunks::<LANES>();
        for row in rows {
            for lane in 0..LANES {
                let value = row[lane];
                low[lane] = if value < low[lane] { value } else { low[lane] };
                high[lane] = if value > high[lane] { value } else { high[lane] };
                zeros[lane] += u32::from(value == zero);
                others[lane] += u32::from(!value.is_finite());
            }
        }
        for &value in rest {
            low[0] = if value < low[0] { value } else { low[0] };
            high[0] = if value > high[0] { value } else { high[0] };
            zeros[0] += u32::from(value == zero);
            others[0] += u32::from(!value.is_finite());
        }
        if others.iter().any(|&others| others > 0) {
            return None;
        }
        let least_of = |low: f64, value: T| if value.number() < low { value.number() } else { low };
        let most_of =
            |high: f64, value: T| if value.number() > high { value.number() } else { high };
        let low = low.into_iter().fold(f64::INFINITY, least_of);
        let high = high.into_iter().fold(f64::NEG_INFINITY, most_of);
        let moments = Moments::of(values, low, high, T::number);

        for ((keys, values), least) in
            keys.chunks_mut(TOGETHER).zip(values.chunks(TOGETHER)).zip(least)
        {
            for (key, value) in keys.iter_mut().zip(values) {
                *key = value.key();
            }
            let mut smallest = keys[0];
            for &key in &keys[..values.len()] {
                smallest = if key < smallest { key } else { smallest };
            }
            *least = smallest;
        }
        Some(OfBlock { low, high, zeros: zeros.iter().sum(), moments })
    }
}

impl Numbers {
    /// Counts values.
    pub(super) fn extend<T: Wide>(&mut self, values: &[T]) {
        let mut keys = [T::Key::zeroed(); BLOCK];
        let mut least = [T::Key::zeroed(); BLOCK / TOGETHER];
        for values in values.chunks(BLOCK) {
            let work = Block { values, keys: &mut keys, least: &mut least };
            if let Some(found) = vectorized(work) {
                self.block(values, found, &keys, &least);
                continue;
            }
            self.not_finite(values);
            let values: Vec<T> = values.iter().copied().filter(|x| x.is_finite()).collect();
            let work = Block { values: &values, keys: &mut keys, least: &mut least };
            if let Some(found) = vectorized(work) {
                self.block(&values, found, &keys, &least);
            }
        }
    }

    fn block<T: Wide>(
        &mut self,
        values: &[T],
        OfBlock { low, high, zeros, moments }: OfBlock,
        keys: &[T::Key; BLOCK],
        least: &[T::Key; BLOCK / TOGETHER],
    ) {
        self.zeros += u64::from(zeros);
        self.range = Some(match self.range {
            Some((least, most)) => (low.min(least), high.max(most)),
            None => (low, high),
        });
        self.moments.merge(&moments);
        if low == high {
            return self.distinct.add(T::widened(values[0].key()));
        }
        for (keys, &least) in keys[..values.len()].chunks(TOGETHER).zip(least) {
            if T::widened(least) <= self.distinct.limit() {
                keys.iter().for_each(|&key| self.distinct.add(T::widened(key)));
            }
        }
    }

    fn not_finite<T: Wide>(&mut self, values: &[T]) {
        for value in values.iter().filter(|value| !value.is_finite()) {
            let number = value.number();
            if number.is_nan() {
                self.nan += 1;
            } else {
                self.infinite[usize::from(number > 0.0)] += 1;
                self.distinct.add(T::widened(value.key()));
            }
        }
    }

    /// Counts the values of `other` too.
    pub(super) fn merge(&mut self, other: &Self) {
        self.moments.merge(&other.moments);
        self.range = match (self.range, other.range) {
            (Some((low, high)), Some((least, most))) => Some((low.min(least), high.max(most))),
            (range, other) => range.or(other),
        };
        self.zeros += other.zeros;
        self.nan += other.nan;
        self.infinite = [0, 1].map(|sign| self.infinite[sign] + other.infinite[sign]);
        self.distinct.merge(&other.distinct);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_finite_stays_out_of_the_moments() {
        let mut values: Vec<f32> = (0..10_000_u16).map(|k| f32::from(k % 5) - 2.0).collect();
        values[3] = f32::NAN;
        values[9000] = f32::INFINITY;
        values[9001] = f32::NEG_INFINITY;
        values[9002] = -0.0;
        let mut all = Numbers::default();
        all.extend(&values);
        assert_eq!((all.nan, all.infinite, all.range), (1, [1, 1], Some((-2.0, 2.0))));
        assert_eq!(all.moments.count(), 9997);
        assert_eq!(all.distinct.count(), (7, true));
        let zeros = values.iter().filter(|&&value| value == 0.0).count();
        assert_eq!(all.zeros, zeros as u64);
        assert!(all.moments.mean().unwrap().abs() < 1e-2);

        let mut parts = Numbers::default();
        for part in values.chunks(4096) {
            let mut numbers = Numbers::default();
            numbers.extend(part);
            parts.merge(&numbers);
        }
        assert_eq!((parts.nan, parts.range, parts.zeros), (1, all.range, all.zeros));
        assert_eq!(parts.moments, all.moments);
    }

    #[test]
    fn integers() {
        let mut all = Numbers::default();
        all.extend(&[i64::MIN, 0, 5, 5]);
        assert_eq!((all.zeros, all.range), (1, Some((i64::MIN as f64, 5.0))));
        assert_eq!(all.distinct.count(), (3, true));
    }
}
