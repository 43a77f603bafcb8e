//! From a spec's tensor and the rule that decides it to a planned tensor.

use std::sync::Arc;

use varscale::{ConfigError, Initializer, Layout, Scheme, Seed, Tensor};

use super::{
    PlannedTensor,
    derivation::most_like,
    kind::{Key, Kind, KindFans, Kinds},
    layout::{Open, reads_layout},
    lookup::{Lookup, fill},
    region::{KindRegion, Placed, placed},
};
use crate::{
    PlanError, PlanFile, RegionRule, Rule, Spec, SpecTensor, StoredDtype, Template,
    plan_file::Slot, seeds::TensorSeeds,
};

/// Why a layout is the default one that names leave open.
const OPEN: &str = "names leave it open, and no value depends on it";

/// For each tensor, the first rule that matches it, also of those elsewhere. Each rule must be one
/// tensor's, or optional.
pub(super) fn deciding(spec: &Spec, rules: &[Rule]) -> Result<Vec<Option<usize>>, PlanError> {
    let first = |name: &str| rules.iter().position(|rule| rule.matches(name));
    let deciding: Vec<_> = spec.with_elsewhere().map(|tensor| first(&tensor.name)).collect();
    if spec.elsewhere.is_some() {
        // Other shards' tensors are those of the rest.
        return Ok(deciding);
    }
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
        if others.is_empty() {
            let names = spec.tensors.iter().map(|tensor| &*tensor.name);
            let like = most_like(names, rule.pattern()).map(str::to_owned);
            let (rule, tensors) = (rule.title(), spec.tensors.len());
            return Err(PlanError::UnusedRule { rule, tensors, like });
        }
        let rule = rule.title();
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
        (Some(Rule { initializer: Some(_), .. }), _) | (_, None) => Ok(None),
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
    lookup: &Lookup,
    seeds: &mut TensorSeeds,
    kinds: &mut Kinds,
) -> Result<PlannedTensor, PlanError> {
    let (refused, file) = (|source| refused(spec, source), lookup.file);

    let template = rule.and_then(|rule| rule.initializer.as_ref());
    // A spec's seed is one tensor's own, a rule's is all those's that it matches.
    let own_is_shared = template.is_some();
    let (draws, seed) = match (template, own) {
        (Some(template), _) => (template.draws(), template.seed().cloned()),
        (None, Some((scheme, seed))) => (scheme.draws(), seed.clone()),
        (None, None) => {
            let (tensor, rule) = (spec.name.to_string(), rule.map(Rule::title));
            return Err(PlanError::NoInitializer { tensor, rule });
        }
    };
    let by_rule = match seed {
        Some(_) if !own_is_shared => None,
        ref seed => seed.clone().or_else(|| rule?.seed.clone()),
    };
    let regions = rule.map_or(&[][..], |rule| &rule.regions);
    let draws = draws || regions.iter().any(RegionRule::takes_seed);
    let seed_of_plan = draws && seed.is_none() && by_rule.is_none();
    let seed = match (by_rule, rule) {
        _ if !draws => None,
        (Some(shared), Some(rule)) => Some(seeds.shared(&spec.name, &shared, || rule.title())?),
        // As an integer, so that the initializer's config holds a seed that was drawn, too.
        _ if seed_of_plan => Some(seeds.of_tensor(&spec.name)?),
        _ => seed,
    };

    let (numbers, placed) = match rule {
        Some(rule) => (numbers(spec, rule, lookup)?, placed(spec, rule, lookup)?),
        None => (Vec::new(), Vec::new()),
    };
    let fans = rule.map(|rule| fans(spec, rule, lookup)).transpose()?.flatten();
    let (sibling, fans) = fans.unzip();
    let key = Key {
        rule: rule.map(std::ptr::from_ref),
        own: spec.initializer.as_ref().filter(|_| own.is_some()).map(ToString::to_string),
        dtype: dtype(spec, rule, file)?,
        shape: spec.shape.clone(),
        layout: lookup.by_name(spec, rule),
        numbers: numbers.iter().map(|number| number.to_bits()).collect(),
        fans,
        regions: placed.iter().map(Placed::key).collect(),
    };
    let (kind, draw) = kinds.get(key, |key| {
        let refused = |source| match rule {
            Some(rule) if !numbers.is_empty() => by_values(spec, rule, &numbers, source),
            _ => refused(source),
        };
        let scheme = match (template, own) {
            (Some(template), _) => template.with(&numbers).map_err(refused)?,
            (None, own) => own.map(|(scheme, _)| scheme.clone()).unwrap_or_else(Scheme::zeros),
        };
        let initializer = Initializer::new(scheme, seed.clone()).with_stream(file.stream);
        let initializer = match seeds.global() {
            None => initializer,
            Some(global) => initializer.with_global_seed(global),
        };
        let (layout, layout_reason) = match (&key.fans, &key.layout) {
            (Some(Ok([fan_in, fan_out])), _) => (Layout::fans(*fan_in, *fan_out), None),
            (None, Ok(known)) => known.clone(),
            (Some(Err(_)), _) | (None, Err(_)) => (Layout::default(), Some(OPEN)),
        };
        let tensor = Tensor::new(&key.shape[..]).named(&*spec.name).with_layout(layout.clone());
        let draw = initializer.draw_call(tensor, 0).map_err(refused)?;
        match key.dtype {
            StoredDtype::Drawn(dtype) => draw.check(dtype).map_err(refused)?,
            StoredDtype::Integer(dtype) => dtype.check(&draw).map_err(|received| {
                PlanError::Integer { tensor: spec.name.to_string(), dtype, received }
            })?,
        }
        let dtype = key.dtype;
        let bytes = dtype.bytes(draw.elements()).ok_or_else(|| too_large(spec))?;
        let of = |placed| KindRegion::new(placed, spec, dtype, file.stream, seed.as_ref());
        let regions = placed.into_iter().map(of).collect::<Result<Vec<_>, _>>()?;
        let open = key.layout.as_ref().err().map(|reason| Open::new(spec, rule, reason.clone()));
        let of_whole = match &key.fans {
            Some(fans) => fans.as_ref().err(),
            None => open.as_ref(),
        };
        let of_whole = of_whole.filter(|_| reads_layout(initializer.scheme(), &draw));
        let of_regions = open.as_ref().filter(|_| regions.iter().any(|one| one.reads_layout));
        if let Some(open) = of_whole.or(of_regions) {
            return Err(open.refused());
        }
        Ok((Kind { initializer, layout, layout_reason, regions, dtype, bytes }, draw))
    })?;
    let mut draw = match &seed {
        Some(seed) => draw.again(&spec.name, seed).map_err(refused)?,
        None => draw.clone(),
    };
    for region in &kind.regions {
        draw = region.within(draw, &spec.name, seed.as_ref()).map_err(refused)?;
    }
    let (name, kind) = (Arc::clone(&spec.name), Arc::clone(kind));
    Ok(PlannedTensor { name, draw, seed_of_plan, seed, kind, sibling })
}

/// The numbers of a rule's expressions.
fn numbers(spec: &SpecTensor, rule: &Rule, lookup: &Lookup) -> Result<Vec<f64>, PlanError> {
    let slots = rule.initializer.as_ref().map_or(&[][..], Template::slots);
    let mut numbers = Vec::new();
    if slots.is_empty() {
        return Ok(numbers);
    }
    let names = lookup.names(spec, rule)?;
    for slot in slots {
        fill(slot, &names, rule, spec, &mut numbers)?;
    }
    Ok(numbers)
}

/// The tensor that a rule's `fans_of` names, and its fans.
fn fans(
    spec: &SpecTensor,
    rule: &Rule,
    lookup: &Lookup,
) -> Result<Option<(Arc<str>, KindFans)>, PlanError> {
    let (sibling, fans) = match lookup.sibling(spec, rule)? {
        None => return Ok(None),
        Some((sibling, Err(open))) => return Ok(Some((Arc::clone(&sibling.name), Err(open)))),
        Some((sibling, Ok((_, fans)))) => (sibling, fans),
    };
    match (fans.fan_in.whole(), fans.fan_out.whole()) {
        (Some(fan_in), Some(fan_out)) => {
            Ok(Some((Arc::clone(&sibling.name), Ok([fan_in, fan_out]))))
        }
        _ => Err(PlanError::Sibling {
            rule: rule.title(),
            tensor: spec.name.to_string(),
            sibling: sibling.name.to_string(),
            reason: format!("which are fractions: {} and {}", fans.fan_in, fans.fan_out),
        }),
    }
}

/// What is wrong with a tensor, by the values of its rule's expressions.
fn by_values(
    spec: &SpecTensor,
    rule: &Rule,
    numbers: &[f64],
    source: varscale::Error,
) -> PlanError {
    let slots = rule.initializer.as_ref().map_or(&[][..], Template::slots);
    let mut numbers = numbers.iter();
    let value = |slot: &Slot| match slot.is_formula {
        false => numbers.next().map(|value| slot.shown(*value)),
        true => {
            numbers.by_ref().take(slot.names().count()).for_each(drop);
            None
        }
    };
    let values: Vec<_> = slots.iter().filter_map(value).collect();
    let (rule, tensor, values) = (rule.title(), spec.name.to_string(), values.join(", "));
    PlanError::Values { rule, tensor, values, source: Box::new(source) }
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
