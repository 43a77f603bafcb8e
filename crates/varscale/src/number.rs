//! Numbers as the user wrote them: Keras's configs keep `1` and `1.0` apart.

use alloc::string::String;
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

/// A number to six significant digits, as C's `%g` prints it.
#[derive(Clone, Copy)]
pub(crate) struct Short(pub(crate) f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded in decimal through the exponent form, then printed the shorter way.
        let digits: String = alloc::format!("{:.5e}", self.0);
        let rounded: f64 = digits.parse().unwrap_or(self.0);
        let size = rounded.abs();
        if size == 0.0 || (1e-4..1e16).contains(&size) {
            write!(f, "{rounded}")
        } else {
            write!(f, "{rounded:e}")
        }
    }
}
