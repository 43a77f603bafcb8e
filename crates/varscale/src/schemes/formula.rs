//! Formulas: values as an expression of their indices, of axis sizes, and of a uniform word.

use alloc::{format, string::String, vec::Vec};
use core::fmt;

use super::law::Law;
use crate::{error::Error, expression::Expression};

/// Values that follow from their indices by an expression, which may read a random number, too.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "law", rename = "formula"))]
#[non_exhaustive]
pub struct Formula {
    /// The expression.
    pub expression: Expression,
}

/// What a name in a formula stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Variable {
    /// Of an element, the index along an axis.
    Index(usize),
    /// The size of an axis.
    Size(usize),
    Rank,
    /// Of an element, a random number in (0, 1).
    Uniform,
}

impl Formula {
    /// What u is drawn by: in float64, whatever the dtype of the values.
    pub(crate) const UNIFORM: Law = Law::Uniform { low: 0.0, high: 1.0 };

    /// Whether it reads random numbers.
    #[must_use]
    pub fn draws(&self) -> bool {
        draws(&self.expression)
    }

    /// What each of its names stands for.
    pub(crate) fn variables(&self, rank: usize) -> Result<Vec<Variable>, Error> {
        let names = self.expression.names().iter();
        let variable = |name: &String| {
            variable(name, rank)
                .ok_or_else(|| self.expression.unknown(name).with_names(known(rank)).into())
        };
        names.map(variable).collect()
    }
}

impl fmt::Display for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "formula {}", self.expression)
    }
}

/// Whether a formula of this expression reads random numbers.
pub(super) fn draws(expression: &Expression) -> bool {
    expression.names().iter().any(|name| name == "u")
}

pub(super) fn variable(name: &str, rank: usize) -> Option<Variable> {
    let number = |digits: &str| {
        let number = digits.parse::<usize>().ok()?;
        // `i01` is no other name of `i1`.
        (format!("{number}") == digits).then_some(number)
    };
    let axis = |digits| number(digits).filter(|&axis| axis < rank);
    match name {
        "u" => Some(Variable::Uniform),
        "rank" => Some(Variable::Rank),
        _ => {
            let index = name.strip_prefix('i').and_then(axis).map(Variable::Index);
            let last = || name.strip_prefix("d_").and_then(number)?.checked_sub(1);
            let last = || Some(Variable::Size(rank.checked_sub(1)?.checked_sub(last()?)?));
            let size = || name.strip_prefix('d').and_then(axis).map(Variable::Size);
            index.or_else(last).or_else(size)
        }
    }
}

/// The names that there are in a tensor of this rank.
fn known(rank: usize) -> Vec<String> {
    let of = |prefix: &'static str, first| {
        (first..first + rank).map(move |axis| format!("{prefix}{axis}"))
    };
    let fixed = ["rank", "u"].map(String::from);
    of("i", 0).chain(of("d", 0)).chain(of("d_", 1)).chain(fixed).collect()
}
