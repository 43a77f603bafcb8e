//! Sums of two f64: twice the precision, of additions and multiplications alone (Dekker 1971).
//!
//! Exact where nothing overflows: factors stay below 2^996.

/// high + low, |low| at most half of a last place of high where it came from one of the functions.
#[derive(Clone, Copy)]
pub(super) struct Double {
    pub(super) high: f64,
    pub(super) low: f64,
}

impl Double {
    /// a + b.
    pub(super) fn sum(a: f64, b: f64) -> Self {
        let high = a + b;
        let of_b = high - a;
        Self { high, low: (a - (high - of_b)) + (b - of_b) }
    }

    /// a + b, where a is 0 or the larger of both.
    pub(super) fn ordered_sum(a: f64, b: f64) -> Self {
        let high = a + b;
        Self { high, low: b - (high - a) }
    }

    /// a · b.
    pub(super) fn product(a: f64, b: f64) -> Self {
        let high = a * b;
        let ((a1, a2), (b1, b2)) = (halves(a), halves(b));
        Self { high, low: ((a1 * b1 - high) + a1 * b2 + a2 * b1) + a2 * b2 }
    }

    /// Of two, to about 2^-102.
    pub(super) fn times(self, other: Self) -> Self {
        let Self { high, low } = Self::product(self.high, other.high);
        Self::ordered_sum(high, low + (self.high * other.low + self.low * other.high))
    }
}

/// The same number as a sum of two with 26 significant bits.
fn halves(x: f64) -> (f64, f64) {
    const SPLIT: f64 = ((1_u64 << 27) + 1) as f64;
    let scaled = SPLIT * x;
    let high = scaled - (scaled - x);
    (high, x - high)
}
