//! The f64 fused multiply-add for every pair of exponents, in integers of 128 bits.
//!
//! ```text
//! p = a · b (106 bits) and c, both moved up to bit 124; the smaller one shifted down, its lost
//! bits kept as one sticky bit; added or subtracted; rounded to nearest even
//! ```
//!
//! The sticky bit is enough: where any bit is lost, the operands are 18 or more places apart, so
//! that the difference keeps 123 bits.

/// The top bit of both operands, with room for a carry above.
const TOP: u32 = 124;

/// a · b + c, rounded once.
#[cold]
#[inline(never)]
pub(super) fn fma(a: f64, b: f64, c: f64) -> f64 {
    // Zeros, infinities and NaNs: two roundings are one. (A product that is not zero, plus a zero,
    // is not: it may round twice.)
    if !a.is_finite() || !b.is_finite() || !c.is_finite() || a == 0.0 || b == 0.0 {
        return if a.is_finite() && b.is_finite() && !c.is_finite() { c } else { a * b + c };
    }
    let product = Number::product(&Number::new(a), &Number::new(b));
    if c == 0.0 { product.round() } else { product.add(Number::new(c)) }
}

/// ± significand · 2^exponent, not zero, with the significand's top bit at `TOP`.
#[derive(Clone, Copy)]
struct Number {
    negative: bool,
    significand: u128,
    exponent: i32,
}

impl Number {
    fn new(x: f64) -> Self {
        let bits = x.to_bits();
        let biased = (bits >> 52 & 0x7FF) as i32;
        let fraction = bits & ((1 << 52) - 1);
        let significand = if biased == 0 { fraction } else { fraction | 1 << 52 };
        Self::normal(bits >> 63 != 0, u128::from(significand), biased.max(1) - 1075)
    }

    fn normal(negative: bool, significand: u128, exponent: i32) -> Self {
        let shift = significand.leading_zeros() as i32 - (127 - TOP as i32);
        Self { negative, significand: significand << shift, exponent: exponent - shift }
    }

    fn product(a: &Self, b: &Self) -> Self {
        // Their 53 bits stand at the top.
        const DOWN: u32 = TOP - 52;
        let significand = (a.significand >> DOWN) * (b.significand >> DOWN);
        let exponent = a.exponent + b.exponent + 2 * DOWN as i32;
        Self::normal(a.negative != b.negative, significand, exponent)
    }

    fn add(self, other: Self) -> f64 {
        let (large, small) =
            if (self.exponent, self.significand) >= (other.exponent, other.significand) {
                (self, other)
            } else {
                (other, self)
            };
        let moved = shift_down(small.significand, (large.exponent - small.exponent) as u32);
        if large.negative == small.negative {
            Self { significand: large.significand + moved, ..large }.round()
        } else if large.significand == moved {
            0.0
        } else {
            Self { significand: large.significand - moved, ..large }.round()
        }
    }

    fn round(self) -> f64 {
        let top = self.exponent + 127 - self.significand.leading_zeros() as i32;
        if top > 1023 {
            return self.signed(f64::INFINITY.to_bits());
        }
        // The place of the last kept bit; subnormal numbers keep fewer than 53.
        let place = (top - 52).max(-1074);
        let shift = place - self.exponent;
        // With two bits below it, the first lost one and the sticky one.
        let wide = self.significand << 2;
        let wide = if shift < 0 { wide << -shift } else { shift_down(wide, shift as u32) };
        let (kept, lost) = ((wide >> 2) as u64, wide & 3);
        let up = lost == 3 || (lost == 2 && kept & 1 == 1);
        // The leading one of a normal number adds itself to the exponent, and so does a carry.
        self.signed((((place + 1074) as u64) << 52) + kept + u64::from(up))
    }

    fn signed(self, magnitude: u64) -> f64 {
        f64::from_bits(magnitude | u64::from(self.negative) << 63)
    }
}

/// `significand` / 2^`shift`, whose last bit is set where any bit is lost.
fn shift_down(significand: u128, shift: u32) -> u128 {
    match shift {
        0 => significand,
        1..128 => (significand >> shift) | u128::from(significand << (128 - shift) != 0),
        _ => u128::from(significand != 0),
    }
}
