//! From a spec's tensor and the rule that decides it to a planned tensor.

use std::sync::Arc;

use varscale::{ConfigError, Initializer, Scheme, Seed, Tensor};

use super::{
    PlannedTensor,
    kind::{Key, Kind, Kinds},
};
use crate::{PlanError, PlanFile, Rule, Spec, SpecTensor, StoredDtype, seeds::TensorSeeds};

/// For each tensor, the first rule that matches it. Each rule must be one tensor's, or optional.
pub(super) fn deciding(spec: &Spec, rules: &[Rule]) -> Result<Vec<Option<usize>>, PlanError> {
    let first = |name: &str| rules.iter().position(|rule| rule.matches(name));
    let deciding: Vec<_> = spec.tensors.iter().map(|tensor| first(&tensor.name)).collect();
    for (index, rule) in rules.iter().enumerate() {
        if rule.optional || deciding.contains(&Some(index)) {
            continue;
        }
        let mut others: Vec<usize> = spec
            .tensors
            .iter()
            .zip(&deciding)
            .filter(|(tensor, _)| rule.matches(&tensor.name))
            .filter_map(|(_, &other)| other)
            .collect();
        others.sort_unstable();
        others.dedup();
        // What a plan includes is there to be replaced.
        if rule.is_included() && others.iter().any(|&other| !rules[other].is_same_file(rule)) {
            continue;
        }
        let rule = rule.title();
        if others.is_empty() {
            return Err(PlanError::UnusedRule { rule, tensors: spec.tensors.len() });
        }
        let by: Vec<_> = others.iter().map(|&other| rules[other].title()).collect();
        return Err(PlanError::ShadowedRule { rule, by: by.join(" and ") });
    }
    Ok(deciding)
}

/// An initializer's scheme, and its own seed.
pub(super) type Own = (Scheme, Option<Seed>);

/// The spec's initializer of a tensor, where no rule sets one.
pub(super) fn own(spec: &SpecTensor, rule: Option<&Rule>) -> Result<Option<Own>, PlanError> {
    match (rule, &spec.initializer) {
        (Some(Rule { scheme: Some(_), .. }), _) | (_, None) => Ok(None),
        (_, Some(initializer)) => {
            Scheme::deserialize(initializer).map(Some).map_err(|source| refused(spec, source))
        }
    }
}

fn refused(spec: &SpecTensor, source: varscale::Error) -> PlanError {
    let tensor = spec.name.to_string();
    match source {
        varscale::Error::Config(ConfigError::Function { .. }) => PlanError::Function { tensor },
        source => PlanError::Tensor { tensor, source },
    }
}

pub(super) fn resolve(
    spec: &SpecTensor,
    own: Option<&Own>,
    rule: Option<&Rule>,
    file: &PlanFile,
    seeds: &mut TensorSeeds,
    kinds: &mut Kinds,
) -> Result<PlannedTensor, PlanError> {
    let refused = |source| refused(spec, source);

    let of_rule = rule.and_then(|rule| rule.scheme.clone());
    // A spec's seed is one tensor's own, a rule's is all those's that it matches.
    let own_is_shared = of_rule.is_some();
    let (scheme, seed) = match of_rule {
        Some(scheme) => scheme,
        None => own.cloned().ok_or_else(|| PlanError::NoInitializer {
            tensor: spec.name.to_string(),
            rule: rule.map(Rule::title),
        })?,
    };
    let by_rule = match seed {
        Some(_) if !own_is_shared => None,
        ref seed => seed.clone().or_else(|| rule?.seed.clone()),
    };
    let seed_of_plan = scheme.class().draws && seed.is_none() && by_rule.is_none();
    let seed = match (by_rule, rule) {
        _ if !scheme.class().draws => None,
        (Some(shared), Some(rule)) => Some(seeds.shared(&spec.name, &shared, || rule.title())?),
        // As an integer, so that the initializer's config holds a seed that was drawn, too.
        _ if seed_of_plan => Some(seeds.of_tensor(&spec.name)?),
        _ => seed,
    };

    let key = Key {
        rule: rule.map(std::ptr::from_ref),
        own: spec.initializer.as_ref().filter(|_| own.is_some()).map(ToString::to_string),
        dtype: dtype(spec, rule, file)?,
        shape: spec.shape.clone(),
    };
    let (kind, draw) = kinds.get(key, |key| {
        let initializer = Initializer::new(scheme, seed.clone()).with_stream(file.stream);
        let initializer = match seeds.global() {
            None => initializer,
            Some(global) => initializer.with_global_seed(global),
        };
        let layout = rule.and_then(|rule| rule.layout.clone()).or_else(|| file.layout.clone());
        let layout = layout.unwrap_or_default();
        let tensor = Tensor::new(&key.shape[..]).named(&*spec.name).with_layout(layout.clone());
        let draw = initializer.draw_call(tensor, 0).map_err(refused)?;
        match key.dtype {
            StoredDtype::Drawn(dtype) => draw.check(dtype).map_err(refused)?,
            StoredDtype::Integer(dtype) => dtype.check(&draw).map_err(|received| {
                PlanError::Integer { tensor: spec.name.to_string(), dtype, received }
            })?,
        }
        let bytes = key.dtype.bytes(draw.elements()).ok_or_else(|| too_large(spec))?;
        Ok((Kind { initializer, layout, dtype: key.dtype, bytes }, draw))
    })?;
    let draw = match &seed {
        Some(seed) => draw.again(&spec.name, seed).map_err(refused)?,
        None => draw.clone(),
    };
    let (name, kind) = (Arc::clone(&spec.name), Arc::clone(kind));
    Ok(PlannedTensor { name, draw, seed_of_plan, seed, kind })
}

/// The dtype that a tensor is stored in. One for all tensors is none for integers, such as counts.
fn dtype(
    spec: &SpecTensor,
    rule: Option<&Rule>,
    file: &PlanFile,
) -> Result<StoredDtype, PlanError> {
    if let Some(dtype) = rule.and_then(|rule| rule.dtype) {
        return Ok(dtype);
    }
    match (spec.dtype(), file.dtype) {
        (Ok(StoredDtype::Integer(dtype)), _) => Ok(dtype.into()),
        (_, Some(dtype)) => Ok(dtype.into()),
        (dtype, None) => {
            dtype.map_err(|source| PlanError::Dtype { tensor: spec.name.to_string(), source })
        }
    }
}

pub(super) fn too_large(spec: &SpecTensor) -> PlanError {
    PlanError::TooLarge { tensor: spec.name.to_string(), shape: spec.shape.clone() }
}
