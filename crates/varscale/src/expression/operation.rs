//! Operations: the one table of functions, and what operators do.

use crate::math::{
    elementary::{exp, expm1, log, log1p, power},
    floor_f64, sqrt_f64,
    trigonometric::{cos, sin},
};

/// The one constant.
pub(super) const PI: &str = "pi";

/// Something that is done with the last values.
#[derive(Debug, Clone, Copy)]
pub(super) enum Operation {
    Unary(Unary),
    Binary(Binary),
    /// Condition, then, otherwise.
    Where,
}

/// Of one value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unary {
    Negate,
    Function(fn(f64) -> f64),
}

/// Of two values.
#[derive(Debug, Clone, Copy)]
pub(super) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Function(fn(f64, f64) -> f64),
}

/// How many arguments a function takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Count {
    Exactly(usize),
    TwoOrMore,
}

/// Every function by its name: of two or more arguments, what is done with two.
pub(super) const FUNCTIONS: &[(&str, Count, Operation)] = &[
    ("sqrt", Count::Exactly(1), unary(sqrt_f64)),
    ("exp", Count::Exactly(1), unary(exp)),
    ("log", Count::Exactly(1), unary(log)),
    ("expm1", Count::Exactly(1), unary(expm1)),
    ("log1p", Count::Exactly(1), unary(log1p)),
    ("sin", Count::Exactly(1), unary(sin)),
    ("cos", Count::Exactly(1), unary(cos)),
    ("abs", Count::Exactly(1), unary(f64::abs)),
    ("floor", Count::Exactly(1), unary(floor_f64)),
    ("min", Count::TwoOrMore, binary(|a, b| ordered(a, b, if a < b { a } else { b }))),
    ("max", Count::TwoOrMore, binary(|a, b| ordered(a, b, if a > b { a } else { b }))),
    ("where", Count::Exactly(3), Operation::Where),
];

/// Operators that a comparison is made by; those of two characters first.
pub(super) const COMPARISONS: &[(&str, Operation)] = &[
    ("<=", binary(|a, b| truth(a, b, a <= b))),
    (">=", binary(|a, b| truth(a, b, a >= b))),
    ("==", binary(|a, b| truth(a, b, a == b))),
    ("!=", binary(|a, b| truth(a, b, a != b))),
    ("<", binary(|a, b| truth(a, b, a < b))),
    (">", binary(|a, b| truth(a, b, a > b))),
];

pub(super) const SUMS: &[(&str, Operation)] =
    &[("+", Operation::Binary(Binary::Add)), ("-", Operation::Binary(Binary::Subtract))];

pub(super) const PRODUCTS: &[(&str, Operation)] = &[
    ("*", Operation::Binary(Binary::Multiply)),
    ("/", Operation::Binary(Binary::Divide)),
    ("%", binary(modulo)),
];

pub(super) const POWER: Operation = binary(power);

const fn unary(function: fn(f64) -> f64) -> Operation {
    Operation::Unary(Unary::Function(function))
}

const fn binary(function: fn(f64, f64) -> f64) -> Operation {
    Operation::Binary(Binary::Function(function))
}

/// What came of two numbers; none where one of them is none.
fn ordered(a: f64, b: f64, value: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { value }
}

fn truth(a: f64, b: f64, holds: bool) -> f64 {
    ordered(a, b, f64::from(u8::from(holds)))
}

/// Python's: the sign is b's. IEEE 754's remainder is exact.
fn modulo(a: f64, b: f64) -> f64 {
    let rest = a % b;
    if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }
}
