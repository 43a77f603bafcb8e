//! Layouts that names leave open, which is refused where a value depends on it.

use varscale::{Content, Draw, Mode, Scheme};

use crate::{PlanError, Rule, SpecTensor, plan_file::has_axes};

/// Whether what a tensor's axes stand for makes a difference to its values.
pub(super) fn reads_layout(scheme: &Scheme, draw: &Draw) -> bool {
    let explanation = draw.explanation();
    match &explanation.scaling {
        Some(scaling) => scaling.mode != Mode::None && !has_axes(scheme),
        None => matches!(explanation.content, Content::Orthogonal(_)),
    }
}

/// Whether an expression's name is one of a layout's numbers.
pub(super) fn is_fan(name: &str) -> bool {
    matches!(name, "fan_in" | "fan_out" | "fan_avg")
}

/// A tensor whose name does not tell its layout.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Open {
    tensor: String,
    shape: Vec<usize>,
    reason: String,
    remedy: String,
}

impl Open {
    /// Of a tensor, which this rule decides.
    pub(super) fn new(tensor: &SpecTensor, rule: Option<&Rule>, reason: String) -> Self {
        let remedy = match rule {
            Some(rule) if rule.fans_of.is_some() => "a layout of the region says it",
            _ => "a rule with a layout says it",
        };
        let (name, shape) = (tensor.name.to_string(), tensor.shape.clone());
        Self { tensor: name, shape, reason, remedy: remedy.to_owned() }
    }

    /// Of one whose fans a rule takes for another.
    pub(super) fn of_sibling(self, rule: &Rule) -> Self {
        let remedy =
            format!("a rule with a layout says it, of which {} takes the fans", rule.title());
        Self { remedy, ..self }
    }

    pub(super) fn refused(&self) -> PlanError {
        let Self { tensor, shape, reason, remedy } = self.clone();
        PlanError::AutoLayout { tensor, shape, reason: format!("{reason}; {remedy}") }
    }
}
