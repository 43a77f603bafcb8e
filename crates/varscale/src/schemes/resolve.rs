//! Resolutions: how the arguments of a class, and a tensor, make what it is filled with.

use alloc::vec::Vec;
use core::fmt;

use super::{
    array::Array,
    content::Content,
    distribution::Distribution,
    fans::{Fans, Mode},
};
use crate::{
    argument::ArgumentError, error::Error, expression::Expression, number::Number, tensor::Tensor,
};

/// A parameter of a class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameter {
    /// Keras's name.
    pub name: &'static str,
    /// Keras's default, which is of the kind that the parameter takes; of one that is required, an
    /// example.
    pub default: Literal,
    /// Whether it must be given.
    pub required: bool,
    /// Whether an [`Array`] can stand for its number.
    pub arrays: bool,
    /// Whether Keras lacks it: it stands behind Keras's, and in configs only where it is not the
    /// default.
    pub extension: bool,
}

impl Parameter {
    pub(crate) const fn number(name: &'static str, default: f64) -> Self {
        Self::literal(name, Literal::number(default))
    }

    pub(crate) const fn literal(name: &'static str, default: Literal) -> Self {
        Self { name, default, required: false, arrays: false, extension: false }
    }

    pub(crate) const fn required(name: &'static str, example: Literal) -> Self {
        Self { required: true, ..Self::literal(name, example) }
    }

    pub(crate) const fn extension(name: &'static str, default: Literal) -> Self {
        Self { extension: true, ..Self::literal(name, default) }
    }

    /// Whether an argument is of the kind that the parameter takes.
    #[must_use]
    pub fn takes(&self, argument: &Argument) -> bool {
        match (argument, self.default) {
            (Argument::Number(_), Literal::Number(_) | Literal::Unset)
            | (Argument::Unset, Literal::Unset)
            | (Argument::Flag(_), Literal::Flag(_))
            | (Argument::Mode(_), Literal::Mode(_))
            | (Argument::Distribution(_), Literal::Distribution(_))
            | (Argument::Expression(_), Literal::Expression(_)) => true,
            (Argument::Array(_), _) => self.arrays,
            _ => false,
        }
    }
}

/// An argument that stands in the table of classes: a default, or what a preset sets.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Literal {
    /// A real number.
    Number(Number),
    /// Of a number that may be left out.
    Unset,
    /// Yes or no.
    Flag(bool),
    /// Which fan divides the scale.
    Mode(Mode),
    /// Which distribution is drawn from.
    Distribution(Distribution),
    /// An expression, which is one name.
    Expression(&'static str),
}

impl Literal {
    pub(crate) const fn number(value: f64) -> Self {
        Self::Number(Number::float(value))
    }
}

impl From<Literal> for Argument {
    fn from(literal: Literal) -> Self {
        match literal {
            Literal::Number(number) => Self::Number(number),
            Literal::Unset => Self::Unset,
            Literal::Flag(flag) => Self::Flag(flag),
            Literal::Mode(mode) => Self::Mode(mode),
            Literal::Distribution(distribution) => Self::Distribution(distribution),
            Literal::Expression(name) => Self::Expression(Expression::name(name)),
        }
    }
}

/// What stands for a parameter.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Argument {
    /// A real number, as it was written.
    Number(Number),
    /// A number that is left out.
    Unset,
    /// Yes or no.
    Flag(bool),
    /// Which fan divides the scale.
    Mode(Mode),
    /// Which distribution is drawn from.
    Distribution(Distribution),
    /// An expression.
    Expression(Expression),
    /// Numbers that broadcast, where the parameter takes them.
    Array(Array),
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Unset => f.write_str("none"),
            Self::Flag(flag) => flag.fmt(f),
            Self::Mode(mode) => mode.fmt(f),
            Self::Distribution(distribution) => distribution.fmt(f),
            Self::Expression(expression) => expression.fmt(f),
            Self::Array(array) => array.fmt(f),
        }
    }
}

/// Keras 3.15's `input_axes` and `output_axes`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Axes {
    pub(crate) input: Option<Vec<isize>>,
    pub(crate) output: Option<Vec<isize>>,
}

/// From fans to a variance.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Scaling {
    /// Roles of the axes, fan_in and fan_out.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub fans: Fans,
    /// The scale.
    pub scale: f64,
    /// Which fan divides it.
    pub mode: Mode,
    /// The number that divides it: that fan, and at least 1.
    pub divisor: f64,
    /// Scale / divisor: the variance of the values.
    pub variance: f64,
}

/// How a class comes from its arguments, which stand in the order of its parameters, to values.
pub(crate) trait Resolve: fmt::Debug + Sync {
    /// Refuses arguments that no tensor can be filled by.
    fn check(&self, arguments: &[Argument]) -> Result<(), ArgumentError>;

    /// What a tensor is filled with, and what its fans contribute where it depends on them. Its
    /// elements are counted.
    fn resolve(
        &self,
        arguments: &[Argument],
        axes: &Axes,
        tensor: &Tensor,
    ) -> Result<(Option<Scaling>, Content), Error>;
}

/// A resolution of so many arguments, which is as many parameters as its class has.
pub(crate) trait OfParameters<const N: usize>: Resolve {}

/// A resolution that gives every shape the same content.
#[derive(Debug)]
pub(crate) struct Everywhere<const N: usize>(
    pub(crate) fn([Number; N]) -> Result<Content, ArgumentError>,
);

/// A resolution that depends on the shape: what refuses numbers for every shape, and the content.
#[derive(Debug)]
pub(crate) struct ByShape<const N: usize>(
    pub(crate) fn([Number; N]) -> Result<(), ArgumentError>,
    pub(crate) fn([Number; N], &Tensor) -> Result<Content, Error>,
);

fn numbers<const N: usize>(arguments: &[Argument]) -> [Number; N] {
    core::array::from_fn(|at| match arguments.get(at) {
        Some(&Argument::Number(number)) => number,
        // Refused as no number: `Scheme::new` lets none but numbers pass.
        _ => f64::NAN.into(),
    })
}

impl<const N: usize> OfParameters<N> for Everywhere<N> {}

impl<const N: usize> Resolve for Everywhere<N> {
    fn check(&self, arguments: &[Argument]) -> Result<(), ArgumentError> {
        (self.0)(numbers(arguments)).map(drop)
    }

    fn resolve(
        &self,
        arguments: &[Argument],
        _axes: &Axes,
        _tensor: &Tensor,
    ) -> Result<(Option<Scaling>, Content), Error> {
        Ok((None, (self.0)(numbers(arguments))?))
    }
}

impl<const N: usize> OfParameters<N> for ByShape<N> {}

impl<const N: usize> Resolve for ByShape<N> {
    fn check(&self, arguments: &[Argument]) -> Result<(), ArgumentError> {
        (self.0)(numbers(arguments))
    }

    fn resolve(
        &self,
        arguments: &[Argument],
        _axes: &Axes,
        tensor: &Tensor,
    ) -> Result<(Option<Scaling>, Content), Error> {
        self.check(arguments)?;
        Ok((None, (self.1)(numbers(arguments), tensor)?))
    }
}
