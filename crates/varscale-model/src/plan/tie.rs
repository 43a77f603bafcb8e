//! Ties: tensors that are other ones under a second name.

use std::{collections::HashMap, sync::Arc};

use super::{PlannedTensor, lookup::Lookup};
use crate::{PlanError, Rule, SpecTensor, format::safetensors};

/// A tensor that is another one under a second name, so that only the other one is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Tie {
    /// The tensor, with the dtype that the other one is stored in.
    pub tensor: SpecTensor,
    /// Name of the one that is stored.
    pub to: Arc<str>,
}

/// Gives tied tensors the dtypes of what they are tied to.
pub(super) fn in_dtypes(ties: &mut [Tie], tensors: &[PlannedTensor]) {
    let mut stored: HashMap<_, _> = ties.iter().map(|tie| (Arc::clone(&tie.to), None)).collect();
    if stored.is_empty() {
        return;
    }
    for planned in tensors {
        if let Some(dtype) = stored.get_mut(&planned.name) {
            *dtype = Some(Arc::<str>::from(safetensors::name(planned.dtype())));
        }
    }
    for tie in ties {
        if let Some(Some(dtype)) = stored.get(&tie.to) {
            tie.tensor.dtype = Arc::clone(dtype);
        }
    }
}

impl Tie {
    /// The tie of a tensor whose rule has one. A tie to a tied tensor is one to what that is tied to.
    pub(super) fn new(
        tensor: &SpecTensor,
        rule: &Rule,
        lookup: &Lookup<'_>,
    ) -> Result<Option<Self>, PlanError> {
        let Some(mut other) = rule.tied(&tensor.name) else { return Ok(None) };
        let refused = |other: String, reason: String| {
            let (rule, tensor) = (rule.title(), tensor.name.to_string());
            PlanError::Tie { rule, tensor, other, reason }
        };
        let mut way = vec![tensor.name.to_string()];
        loop {
            if other == *tensor.name && way.len() == 1 {
                return Err(refused(other, "which it is itself".into()));
            }
            if way.contains(&other) {
                way.push(other.clone());
                let circle: Vec<_> = way.iter().map(|name| format!("{name:?}")).collect();
                let circle = format!("and these go round in a circle: {}", circle.join(" -> "));
                return Err(refused(other, circle));
            }
            let Some(place) = lookup.place(&other) else {
                return Err(refused(other, "which the spec lacks".into()));
            };
            let (kept, rule) = (lookup.tensor(place), lookup.rule(place));
            if rule.is_some_and(|rule| rule.skip) {
                let skipped = format!("which {} skips", rule.map(Rule::title).unwrap_or_default());
                return Err(refused(other, skipped));
            }
            if kept.shape != tensor.shape {
                let (own, others) = (&tensor.shape, &kept.shape);
                let reason = format!("of another shape: {own:?}, and {others:?} there");
                return Err(refused(other, reason));
            }
            let same_dtype = match (tensor.dtype(), kept.dtype()) {
                (Ok(own), Ok(others)) => own == others,
                _ => tensor.dtype == kept.dtype,
            };
            if !same_dtype {
                let (own, others) = (&tensor.dtype, &kept.dtype);
                return Err(refused(other, format!("of another dtype: {own}, and {others} there")));
            }
            match rule.and_then(|rule| rule.tied(&other)) {
                Some(next) => way.push(std::mem::replace(&mut other, next)),
                None => {
                    let tensor = SpecTensor { initializer: None, ..tensor.clone() };
                    return Ok(Some(Self { tensor, to: Arc::clone(&kept.name) }));
                }
            }
        }
    }
}
