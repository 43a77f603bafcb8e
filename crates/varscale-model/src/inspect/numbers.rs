//! Values of 32 and 64 bits, block by block while they are in the first cache.

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
    /// As a number; integers beyond 2^53 are rounded.
    fn number(self) -> f64;

    /// Whether it is neither NaN nor infinite.
    fn is_finite(self) -> bool;

    /// A scattered key, the same for equal values.
    fn key(self) -> u64;
}

macro_rules! wide {
    ($($type:ident: $finite:expr, $key:expr;)*) => {$(
        impl Wide for $type {
            #[inline]
            fn number(self) -> f64 {
                self as f64
            }

            #[inline]
            fn is_finite(self) -> bool {
                let finite: fn($type) -> bool = $finite;
                finite(self)
            }

            #[inline]
            fn key(self) -> u64 {
                let key: fn($type) -> u64 = $key;
                key(self)
            }
        }
    )*};
}

wide! {
    // −0 is 0.
    f32: f32::is_finite, |x| u64::from(key32((x + 0.0).to_bits())) << 32;
    f64: f64::is_finite, |x| key64((x + 0.0).to_bits());
    i32: |_| true, |x| u64::from(key32(x as u32)) << 32;
    u32: |_| true, |x| u64::from(key32(x)) << 32;
    i64: |_| true, |x| key64(x as u64);
    u64: |_| true, key64;
}

impl Numbers {
    /// Counts values.
    pub(super) fn extend<T: Wide>(&mut self, values: &[T]) {
        let mut keys = [0; BLOCK];
        for values in values.chunks(BLOCK) {
            let finite = values.iter().fold(true, |all, value| all & value.is_finite());
            if finite {
                self.block(values, &mut keys);
            } else {
                self.not_finite(values);
                let finite: Vec<T> = values.iter().copied().filter(|x| x.is_finite()).collect();
                self.block(&finite, &mut keys);
            }
        }
    }

    fn block<T: Wide>(&mut self, values: &[T], keys: &mut [u64; BLOCK]) {
        let Some(&first) = values.first() else { return };
        let zero = T::zeroed();
        let (mut low, mut high, mut zeros) = ([first; 8], [first; 8], 0_u32);
        let mut see = |lane: usize, value: T| {
            low[lane] = if value < low[lane] { value } else { low[lane] };
            high[lane] = if value > high[lane] { value } else { high[lane] };
        };
        let (rows, rest) = values.as_chunks::<8>();
        for row in rows {
            row.iter().enumerate().for_each(|(lane, &value)| see(lane, value));
        }
        rest.iter().enumerate().for_each(|(lane, &value)| see(lane, value));
        values.iter().for_each(|&value| zeros += u32::from(value == zero));
        let low = low.map(T::number).into_iter().fold(f64::INFINITY, f64::min);
        let high = high.map(T::number).into_iter().fold(f64::NEG_INFINITY, f64::max);
        self.zeros += u64::from(zeros);
        self.range = Some(match self.range {
            Some((least, most)) => (low.min(least), high.max(most)),
            None => (low, high),
        });
        self.moments.merge(&Moments::of(values, low, high, T::number));

        if low == high {
            return self.distinct.add(first.key());
        }
        for (key, value) in keys.iter_mut().zip(values) {
            *key = value.key();
        }
        // Mostly, none of some is among the smallest.
        for keys in keys[..values.len()].chunks(16) {
            let least = keys.iter().fold(u64::MAX, |least, &key| least.min(key));
            if least <= self.distinct.limit() {
                keys.iter().for_each(|&key| self.distinct.add(key));
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
                self.distinct.add(value.key());
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
