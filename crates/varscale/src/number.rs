//! Numbers as the user wrote them (Keras's configs keep `1` and `1.0` apart), and for people.

use alloc::{
    format,
    string::{String, ToString},
};
use core::fmt;

/// A real argument, which remembers whether it was written as an integer.
///
/// `i32` and `f64` convert, so that constructors take both `2` and `2.0`, as Python's do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Number(pub(crate) Repr);

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Repr {
    Integer(i64),
    Float(f64),
}

impl Number {
    pub(crate) const fn float(float: f64) -> Self {
        Self(Repr::Float(float))
    }

    /// The value.
    #[must_use]
    pub fn get(self) -> f64 {
        match self.0 {
            Repr::Integer(integer) => integer as f64,
            Repr::Float(float) => float,
        }
    }
}

impl From<f64> for Number {
    fn from(float: f64) -> Self {
        Self(Repr::Float(float))
    }
}

impl From<i32> for Number {
    fn from(integer: i32) -> Self {
        Self(Repr::Integer(integer.into()))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Repr::Integer(integer) => integer.fmt(f),
            Repr::Float(float) => fmt::Debug::fmt(&float, f),
        }
    }
}

/// An f64 has no more significant digits.
const DIGITS: usize = 17;

/// `value` to `digits` significant digits, 1 to 17, as C's `%g` prints it: what messages and tables
/// show.
///
/// ```
/// use varscale::short;
/// assert_eq!(short(1.0 / 3.0, 6), "0.333333");
/// assert_eq!(short(-1.23456e-7, 4), "-1.235e-7");
/// ```
#[must_use]
pub fn short(value: f64, digits: usize) -> String {
    // Rounded in decimal through the exponent form, then printed the shorter way.
    let text = format!("{value:.*e}", digits.clamp(1, DIGITS) - 1);
    let rounded: f64 = text.parse().unwrap_or(value);
    if rounded.is_infinite() && value.is_finite() {
        // Rounded up to what no float64 is.
        return text;
    }
    let size = rounded.abs();
    if size == 0.0 {
        "0".to_string()
    } else if (1e-4..1e16).contains(&size) {
        rounded.to_string()
    } else {
        format!("{rounded:e}")
    }
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn prints_as_c_does() {
        for (value, digits, text) in [
            (-0.0, 4, "0"),
            (0.1, 0, "0.1"),
            (0.1, usize::MAX, "0.1"),
            (1.0 / 3.0, 6, "0.333333"),
            (f64::MAX, 4, "1.798e308"),
            (-f64::MAX, 17, "-1.7976931348623157e308"),
            (f64::NEG_INFINITY, 4, "-inf"),
            (123_456_789.0, 3, "123000000"),
            (-1.234_56e-7, 4, "-1.235e-7"),
            (1e300, 6, "1e300"),
        ] {
            assert_eq!(short(value, digits), text);
        }
    }
}
