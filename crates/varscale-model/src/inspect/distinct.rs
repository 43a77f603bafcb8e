//! How many distinct values there are: exactly where they are few, else an estimate.

/// Keys that are kept: estimates are off by 1/√KEPT, 1.6 %.
const KEPT: usize = 4096;

/// Places for keys, twice as many as are held before the largest are dropped.
const PLACES: usize = 4 * KEPT;

/// No key: keys that are it count as the one below.
const EMPTY: u64 = u64::MAX;

/// Where every key counts.
pub(super) const NO_LIMIT: u64 = EMPTY - 1;

/// The smallest keys of a set ("k minimum values"), which depend on the set alone and on no order. The
/// keys are scattered evenly, so that how near the last of them lies tells how many there are.
#[derive(Debug, Clone)]
pub(super) struct Distinct {
    /// Hashed by their own low bits, open addressing; not allocated before the first.
    places: Vec<u64>,
    held: usize,
    /// Keys above it are not among the smallest.
    limit: u64,
}

impl Default for Distinct {
    fn default() -> Self {
        Self { places: Vec::new(), held: 0, limit: NO_LIMIT }
    }
}

/// Scatters 32 bits; no two give the same key. (The finalizer of MurmurHash3.)
#[inline(always)]
pub(super) fn key32(mut bits: u32) -> u32 {
    bits ^= bits >> 16;
    bits = bits.wrapping_mul(0x85eb_ca6b);
    bits ^= bits >> 13;
    bits = bits.wrapping_mul(0xc2b2_ae35);
    bits ^ bits >> 16
}

/// Scatters 64 bits; no two give the same key. (As above.)
#[inline(always)]
pub(super) fn key64(mut bits: u64) -> u64 {
    bits ^= bits >> 33;
    bits = bits.wrapping_mul(0xff51_afd7_ed55_8ccd);
    bits ^= bits >> 33;
    bits = bits.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    bits ^ bits >> 33
}

impl Distinct {
    /// None yet, and of keys up to `limit` only, which is one of some of the set.
    pub(super) fn within(limit: u64) -> Self {
        Self { limit, ..Self::default() }
    }

    /// No key above it counts.
    #[inline]
    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    /// Counts a key.
    #[inline]
    pub(super) fn add(&mut self, key: u64) {
        let key = key.min(NO_LIMIT);
        if key <= self.limit {
            self.insert(key);
        }
    }

    fn insert(&mut self, key: u64) {
        if self.places.is_empty() {
            self.places.resize(PLACES, EMPTY);
        }
        // The high bits tell the order, and are all there is of 32-bit keys.
        let mut place = (key ^ key >> 32) as usize % PLACES;
        loop {
            match self.places[place] {
                held if held == key => return,
                EMPTY => break,
                _ => place = (place + 1) % PLACES,
            }
        }
        self.places[place] = key;
        self.held += 1;
        if self.held > PLACES / 2 {
            self.shrink();
        }
    }

    /// Keeps the smallest only.
    fn shrink(&mut self) {
        let mut keys = self.keys();
        self.places.fill(EMPTY);
        self.held = 0;
        if keys.len() > KEPT {
            self.limit = *keys.select_nth_unstable(KEPT - 1).1;
            keys.truncate(KEPT);
        }
        keys.into_iter().for_each(|key| self.insert(key));
    }

    fn keys(&self) -> Vec<u64> {
        self.places.iter().copied().filter(|&key| key != EMPTY).collect()
    }

    /// Counts the keys of `other` too.
    pub(super) fn merge(&mut self, other: &Self) {
        self.limit = self.limit.min(other.limit);
        other.keys().into_iter().for_each(|key| self.add(key));
    }

    /// How many there are, and whether that is exact.
    pub(super) fn count(&self) -> (u64, bool) {
        let mut keys = self.keys();
        // A limit is the place of a key that may have been dropped by a merge: none above it is known.
        keys.retain(|&key| key <= self.limit);
        if self.limit == NO_LIMIT {
            return (keys.len() as u64, true);
        }
        let kept = keys.len().min(KEPT);
        let last = *keys.select_nth_unstable(kept - 1).1;
        let share = (last as f64 + 1.0) / u64::MAX as f64;
        ((kept as f64 / share).round() as u64, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sketch(values: impl Iterator<Item = u64>) -> Distinct {
        let mut sketch = Distinct::default();
        values.for_each(|value| sketch.add(key64(value)));
        sketch
    }

    #[test]
    fn few_are_exact() {
        for count in [0, 1, 100, PLACES as u64 / 2] {
            assert_eq!(sketch((0..3 * count).map(|k| k % count.max(1))).count(), (count, true));
        }
    }

    #[test]
    fn many_are_estimated_whatever_the_order_and_the_parts() {
        for count in [10_000_u64, 1_000_000] {
            let whole = sketch(0..count);
            let (estimate, exact) = whole.count();
            assert!(!exact && (estimate as f64 / count as f64 - 1.0).abs() < 0.05, "{estimate}");
            assert_eq!(sketch((0..count).rev()).count(), (estimate, false));
            let mut parts = sketch(0..count / 3);
            parts.merge(&sketch(count / 4..count / 2));
            parts.merge(&sketch(count / 2..count));
            assert_eq!(parts.count(), (estimate, false));
        }
        let narrow = (0..300_000_u32).map(|k| u64::from(key32(k)) << 32);
        let mut sketch = Distinct::default();
        narrow.for_each(|key| sketch.add(key));
        assert!((sketch.count().0 as f64 / 300_000.0 - 1.0).abs() < 0.05);
    }
}
