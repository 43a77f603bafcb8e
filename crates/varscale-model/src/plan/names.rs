//! The numbers that expressions read, tensor by tensor.

use varscale::{Expression, ExpressionError, Fans, Layout};

use super::layout::{Open, is_fan};
use crate::plan_file::{COUNTS, Numbers, Slot, size};

/// The numbers that the expressions of a tensor's rule may name.
#[derive(Debug)]
pub(super) struct Names<'a> {
    pub(super) constants: &'a Numbers,
    pub(super) captured: Vec<(&'a str, f64)>,
    /// Of the tensor, or of the one that it has its fans of.
    pub(super) shape: &'a [usize],
    /// As the layout counts them, where it fits the shape.
    pub(super) fans: Option<Fans>,
    /// Why there is none.
    open: Option<Open>,
}

impl<'a> Names<'a> {
    pub(super) fn new(
        constants: &'a Numbers,
        captured: Vec<(&'a str, f64)>,
        shape: &'a [usize],
        layout: Result<&Layout, Open>,
    ) -> Self {
        let fans = layout.as_ref().ok().and_then(|layout| Fans::new(shape, layout).ok());
        Self { constants, captured, shape, fans, open: layout.err() }
    }

    /// Why an expression has no value that reads these names.
    pub(super) fn open<'n>(&self, mut names: impl Iterator<Item = &'n str>) -> Option<&Open> {
        self.open.as_ref().filter(|_| names.any(is_fan))
    }

    pub(super) fn get(&self, name: &str) -> Option<f64> {
        let captured = || self.captured.iter().find(|(known, _)| *known == name);
        let constant = self.constants.get(name).or_else(|| captured().map(|&(_, value)| value));
        let fans = || self.fans.as_ref().map(|fans| [fans.fan_in.to_f64(), fans.fan_out.to_f64()]);
        constant.or_else(|| match name {
            "rank" => Some(self.shape.len() as f64),
            "elements" => Some(self.shape.iter().map(|&size| size as f64).product()),
            "fan_in" => fans().map(|[fan_in, _]| fan_in),
            "fan_out" => fans().map(|[_, fan_out]| fan_out),
            "fan_avg" => fans().map(|[fan_in, fan_out]| (fan_in + fan_out) / 2.0),
            _ => size(name, self.shape).map(|size| size as f64),
        })
    }

    /// All that have a number.
    pub(super) fn all(&self) -> Vec<String> {
        let captured = self.captured.iter().map(|&(name, _)| name);
        let plain = self.constants.names().chain(captured).map(str::to_owned);
        let sizes = (0..self.shape.len()).map(|axis| format!("d{axis}"));
        let counts = COUNTS.iter().map(|&name| name.to_owned());
        plain.chain(sizes).chain(counts).filter(|name| self.get(name).is_some()).collect()
    }

    /// The value of an expression.
    pub(super) fn evaluate(&self, expression: &Expression) -> Result<f64, ExpressionError> {
        expression.evaluate(&|name| self.get(name)).map_err(|error| error.with_names(self.all()))
    }

    /// The numbers of a slot: the value of its expression, or what is filled into a formula.
    pub(super) fn fill(&self, slot: &Slot, numbers: &mut Vec<f64>) -> Result<(), ExpressionError> {
        if !slot.is_formula {
            numbers.push(self.evaluate(&slot.expression)?);
            return Ok(());
        }
        for name in slot.names() {
            let number = self.get(name).ok_or_else(|| ExpressionError::UnknownName {
                expression: slot.written.clone(),
                received: name.to_owned(),
                known: self.all(),
            })?;
            numbers.push(number);
        }
        Ok(())
    }
}
