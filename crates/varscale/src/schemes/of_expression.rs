//! `Formula`, the class: from its argument to a formula.

use alloc::format;

use super::{
    content::Content,
    formula::{Formula, variable},
    resolve::{Argument, Axes, OfParameters, Resolve, Scaling},
};
use crate::{argument::ArgumentError, error::Error, expression::Expression, tensor::Tensor};

/// The resolution of an expression.
#[derive(Debug)]
pub(super) struct OfExpression;

impl OfParameters<1> for OfExpression {}

fn expression(arguments: &[Argument]) -> Result<&Expression, ArgumentError> {
    let allowed = || {
        "over i0, i1, … (indices), d0, d1, … or d_1, d_2, … (axis sizes, from the first or from \
         the last), rank and u (uniform in (0, 1))"
    };
    let [Argument::Expression(expression)] = arguments else {
        return Err(ArgumentError::new("expression", "nothing", allowed()));
    };
    let unknown = expression.names().iter().find(|name| variable(name, usize::MAX).is_none());
    match unknown {
        None => Ok(expression),
        Some(name) => {
            let allowed = format!("{}, and not {name:?}", allowed());
            Err(ArgumentError::new("expression", format!("{:?}", expression.text()), allowed))
        }
    }
}

impl Resolve for OfExpression {
    fn check(&self, arguments: &[Argument]) -> Result<(), ArgumentError> {
        expression(arguments).map(drop)
    }

    fn resolve(
        &self,
        arguments: &[Argument],
        _axes: &Axes,
        tensor: &Tensor,
    ) -> Result<(Option<Scaling>, Content), Error> {
        let formula = Formula { expression: expression(arguments)?.clone() };
        formula.variables(tensor.shape.len())?;
        Ok((None, Content::Formula(formula)))
    }
}
