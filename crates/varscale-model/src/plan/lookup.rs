//! What the rules of a plan refer to: constants, captures, and other tensors.

use std::{
    cell::OnceCell,
    collections::{HashMap, HashSet},
};

use varscale::{Expression, ExpressionError, Fans, Layout};

use super::{layout::Open, names::Names};
use crate::{
    PlanError, PlanFile, Rule, SliceText, Spec, SpecTensor, Template,
    plan_file::{ByName, COUNTS, Numbers, Slot, size},
};

/// What the rules of a plan refer to.
pub(super) struct Lookup<'a> {
    pub(super) file: &'a PlanFile,
    spec: &'a Spec,
    constants: Numbers,
    /// For each tensor, the rule that decides it.
    pub(super) deciding: Vec<Option<usize>>,
    places: OnceCell<HashMap<&'a str, usize>>,
}

impl<'a> Lookup<'a> {
    pub(super) fn new(
        spec: &'a Spec,
        file: &'a PlanFile,
        deciding: Vec<Option<usize>>,
    ) -> Result<Self, PlanError> {
        let constants = file.constants.values()?;
        let mut decides = vec![false; file.rules.len()];
        for &index in deciding.iter().flatten() {
            decides[index] = true;
        }
        // What is for many models may name constants that only some need.
        for (rule, decides) in file.rules.iter().zip(decides) {
            if decides || !(rule.optional || rule.is_included() || spec.elsewhere.is_some()) {
                check(rule, &constants)?;
            }
        }
        Ok(Self { file, spec, constants, deciding, places: OnceCell::new() })
    }

    /// The rule that decides a tensor.
    pub(super) fn rule(&self, place: usize) -> Option<&'a Rule> {
        self.deciding.get(place).copied().flatten().map(|index| &self.file.rules[index])
    }

    /// The place of the tensor of this name.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        let places = self.places.get_or_init(|| {
            self.spec.with_elsewhere().map(|tensor| &*tensor.name).zip(0..).collect()
        });
        places.get(name).copied()
    }

    pub(super) fn tensor(&self, place: usize) -> &'a SpecTensor {
        let elsewhere = place.checked_sub(self.spec.tensors.len());
        match (elsewhere, &self.spec.elsewhere) {
            (Some(place), Some(elsewhere)) => &elsewhere.tensors[place],
            _ => &self.spec.tensors[place],
        }
    }

    /// The layout of a tensor that this rule decides, and why, where its name says so; or why there is
    /// none.
    pub(super) fn by_name(&self, tensor: &SpecTensor, rule: Option<&Rule>) -> ByName {
        match rule.and_then(|rule| rule.layout.as_ref()).or(self.file.layout.as_ref()) {
            Some(layout) => layout.of(&tensor.name, &tensor.shape),
            None => Ok((self.file.layouts.get(&tensor.name).cloned().unwrap_or_default(), None)),
        }
    }

    /// The layout of a tensor that this rule decides.
    pub(super) fn layout(&self, tensor: &SpecTensor, rule: Option<&Rule>) -> Result<Layout, Open> {
        let open = |reason| Open::new(tensor, rule, reason);
        self.by_name(tensor, rule).map(|(layout, _)| layout).map_err(open)
    }

    /// The layout of the tensor at a place: of one that is tied, that of the other one, which has its
    /// shape and may be in another shard.
    fn layout_at(&self, place: usize) -> Result<Layout, Open> {
        let mut rule = self.rule(place);
        let mut kept = self.tensor(place).clone();
        // As many steps as there are rules end in a circle, which is refused elsewhere.
        for _ in &self.file.rules {
            let Some(other) = rule.and_then(|rule| rule.tied(&kept.name)) else { break };
            rule = self.file.rules.iter().find(|rule| rule.matches(&other));
            kept.name = other.into();
        }
        self.layout(&kept, rule)
    }

    /// The tensor that a rule's `fans_of` names, and its layout and fans.
    pub(super) fn sibling(
        &self,
        tensor: &SpecTensor,
        rule: &Rule,
    ) -> Result<Option<(&'a SpecTensor, Sibling)>, PlanError> {
        let Some(name) = rule.sibling(&tensor.name) else { return Ok(None) };
        let refused = |reason: String| PlanError::Sibling {
            rule: rule.title(),
            tensor: tensor.name.to_string(),
            sibling: name.clone(),
            reason,
        };
        let place = self.place(&name).ok_or_else(|| refused("which the spec lacks".into()))?;
        let sibling = self.tensor(place);
        let layout = match self.layout_at(place) {
            Ok(layout) => layout,
            Err(open) => return Ok(Some((sibling, Err(open.of_sibling(rule))))),
        };
        let fans = Fans::new(&sibling.shape, &layout);
        let fans = fans.map_err(|error| refused(format!("of which there are none: {error}")))?;
        Ok(Some((sibling, Ok((layout, fans)))))
    }

    /// The numbers that the expressions of `rule` may name for a tensor.
    pub(super) fn names<'t>(
        &'t self,
        tensor: &'t SpecTensor,
        rule: &'t Rule,
    ) -> Result<Names<'t>, PlanError> {
        let (shape, layout) = match self.sibling(tensor, rule)? {
            Some((sibling, of)) => (&sibling.shape[..], of.map(|(layout, _)| layout)),
            None => (&tensor.shape[..], self.layout(tensor, Some(rule))),
        };
        self.names_of(tensor, rule, shape, layout.as_ref().map_err(Clone::clone))
    }

    /// As [`Lookup::names`], with the sizes and fans of a shape.
    pub(super) fn names_of<'t>(
        &'t self,
        tensor: &'t SpecTensor,
        rule: &'t Rule,
        shape: &'t [usize],
        layout: Result<&Layout, Open>,
    ) -> Result<Names<'t>, PlanError> {
        let mut captured = Vec::new();
        for (name, digits) in rule.captured(&tensor.name) {
            // f64 holds no whole number beyond exactly.
            let number = digits.parse().ok().filter(|&number: &u64| number <= 1 << 53);
            let number = number.ok_or_else(|| PlanError::Capture {
                rule: rule.title(),
                tensor: tensor.name.to_string(),
                capture: name.to_owned(),
                received: digits.to_owned(),
            })?;
            captured.push((name, number as f64));
        }
        Ok(Names::new(&self.constants, captured, shape, layout))
    }
}

/// The layout and the fans of another tensor.
pub(super) type Sibling = Result<(Layout, Fans), Open>;

/// Refuses names that stand for nothing, whatever the tensor, and those that stand for two things.
fn check(rule: &Rule, constants: &Numbers) -> Result<(), PlanError> {
    if let Some(name) = rule.captures().iter().find(|name| constants.get(name).is_some()) {
        return Err(PlanError::Shadow { rule: rule.title(), name: name.clone() });
    }
    let known = |name: &str| {
        let captured = rule.captures().iter().any(|known| known == name);
        captured || COUNTS.contains(&name) || constants.get(name).is_some() || is_size(name)
    };
    let unknown = |names: Vec<&str>, written: &str| {
        let received = names.into_iter().find(|name| !known(name))?.to_owned();
        let captures = rule.captures().iter().map(String::as_str);
        let counts = ["d0", "d_1", "..."].into_iter().chain(COUNTS);
        let names = constants.names().chain(captures).chain(counts).map(str::to_owned);
        let expression = written.to_owned();
        Some(ExpressionError::UnknownName { expression, received, known: names.collect() })
    };
    for slot in slots(rule) {
        if let Some(source) = unknown(slot.names().collect(), &slot.written) {
            return Err(expression(rule, None, &slot.key, source));
        }
    }
    for one in slices(rule) {
        if let Some(source) =
            unknown(one.names().iter().map(|name| &name[..]).collect(), one.text())
        {
            return Err(expression(rule, None, "slice", source));
        }
    }
    Ok(())
}

/// The constants that no expression reads: of a misspelt one, an included default stays as it is.
pub(super) fn unread(file: &PlanFile) -> Vec<String> {
    let rules = file.rules.iter();
    let of_rules = rules.clone().flat_map(slots).flat_map(Slot::names).map(str::to_owned);
    let of_slices = rules.flat_map(slices).flat_map(Expression::names).cloned();
    let of_constants = file.constants.expressions().flat_map(|one| one.names().to_vec());
    let read: HashSet<String> = of_rules.chain(of_slices).chain(of_constants).collect();
    file.constants.names().filter(|name| !read.contains(*name)).map(str::to_owned).collect()
}

/// The expressions of a rule's initializers.
fn slots(rule: &Rule) -> impl Iterator<Item = &Slot> {
    let regions = rule.regions.iter().map(|region| &region.initializer);
    rule.initializer.iter().chain(regions).flat_map(Template::slots)
}

/// The expressions of a rule's slices.
fn slices(rule: &Rule) -> impl Iterator<Item = &Expression> {
    rule.regions.iter().flat_map(|region| &region.slices.0).flat_map(SliceText::expressions)
}

/// Whether some shape has the size that the name stands for.
fn is_size(name: &str) -> bool {
    size(name, &[1; 64]).is_some()
}

/// Fills a slot of a rule's initializer with a tensor's numbers.
pub(super) fn fill(
    slot: &Slot,
    names: &Names<'_>,
    rule: &Rule,
    tensor: &SpecTensor,
    numbers: &mut Vec<f64>,
) -> Result<(), PlanError> {
    if let Some(open) = names.open(slot.names()) {
        return Err(open.refused());
    }
    let filled = names.fill(slot, numbers);
    filled.map_err(|source| expression(rule, Some(tensor), &slot.key, source))
}

/// What is wrong with an expression of a rule.
fn expression(
    rule: &Rule,
    tensor: Option<&SpecTensor>,
    key: &str,
    source: ExpressionError,
) -> PlanError {
    let (included, rule) = (rule.is_included(), rule.title());
    let (key, source) = (key.to_owned(), Box::new(source));
    if let (true, ExpressionError::UnknownName { received, .. }) = (included, &*source) {
        return PlanError::MissingConstant { rule, name: received.clone(), key, source };
    }
    PlanError::Expression {
        rule,
        tensor: tensor.map(|tensor| tensor.name.to_string()),
        key,
        source,
    }
}
