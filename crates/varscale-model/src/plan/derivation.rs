//! Derivations: how a plan comes to what it says of one tensor.

use varscale::Expression;

use super::{Plan, PlannedTensor, Tie, lookup::Lookup, names::Names, resolve::deciding};
use crate::{
    PlanError, PlanFile, PlanSeed, Rule, Spec, SpecTensor, StoredDtype, Template, plan_file::Slot,
};

/// How a plan comes to what it says of one tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Derivation<'p> {
    /// What becomes of it.
    pub fate: Fate<'p>,
    /// The rule that decides it, as in `rule 2 (match "*.bias")`.
    pub rule: Option<String>,
    /// The rules before that one, which do not match it.
    pub passed: Vec<String>,
    /// What the rule captures in its name.
    pub captures: Vec<(String, f64)>,
    /// The tensor whose fans are its own.
    pub fans_of: Option<String>,
    /// The expressions of its initializer.
    pub expressions: Vec<Computed>,
    /// Those of each of its regions: of the initializer, and then of the slice.
    pub regions: Vec<Vec<Computed>>,
    /// Where each of these comes from: initializer, layout, dtype, seed.
    pub origins: Vec<(&'static str, String)>,
}

/// What becomes of a tensor of a spec.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Fate<'p> {
    /// It is drawn and stored.
    Planned(&'p PlannedTensor),
    /// It is left out.
    Skipped(&'p SpecTensor),
    /// It is another one under a second name.
    Tied(&'p Tie),
}

/// An expression, and how its value comes about.
#[derive(Debug, Clone, PartialEq)]
pub struct Computed {
    /// What it stands for, such as `stddev`.
    pub key: String,
    /// As it is written.
    pub written: String,
    /// The names that it reads, with their values.
    pub names: Vec<(String, f64)>,
    /// Its value; a formula has one for each index.
    pub value: Option<f64>,
}

impl Computed {
    fn new(key: &str, written: &str, expression: &Expression, names: &Names<'_>) -> Self {
        let number = |name: &String| Some((name.clone(), names.get(name)?));
        Self {
            key: key.to_owned(),
            written: written.to_owned(),
            names: expression.names().iter().filter_map(number).collect(),
            value: names.evaluate(expression).ok(),
        }
    }

    fn of_slots(template: &Template, names: &Names<'_>) -> Vec<Self> {
        let of = |slot: &Slot| {
            let computed = Self::new(&slot.key, &slot.written, &slot.expression, names);
            let value = computed.value.filter(|_| !slot.is_formula);
            Self { value: value.map(|value| slot.value(value)), ..computed }
        };
        template.slots().iter().map(of).collect()
    }
}

impl<'p> Derivation<'p> {
    pub(super) fn new(
        spec: &Spec,
        file: &PlanFile,
        plan: &'p Plan,
        name: &str,
    ) -> Result<Self, PlanError> {
        let lookup = Lookup::new(spec, file, deciding(spec, &file.rules)?)?;
        let fate = plan.fate(name);
        let (Some(place), Some(fate)) = (lookup.place(name), fate) else {
            return Err(unknown(spec.tensors.iter().map(|tensor| &*tensor.name), name));
        };
        let (tensor, rule) = (lookup.tensor(place), lookup.rule(place));
        let passed = lookup.deciding[place].map_or(&file.rules[..], |index| &file.rules[..index]);
        let mut derivation = Self {
            fate,
            rule: rule.map(Rule::title),
            passed: passed.iter().map(Rule::title).collect(),
            captures: Vec::new(),
            fans_of: None,
            expressions: Vec::new(),
            regions: Vec::new(),
            origins: Vec::new(),
        };
        if let Some(rule) = rule {
            let captured = rule.captured(name).into_iter();
            let number =
                |(name, digits): (&str, &str)| Some((name.to_owned(), digits.parse().ok()?));
            derivation.captures = captured.filter_map(number).collect();
            if let Fate::Planned(planned) = fate {
                derivation.add(planned, tensor, rule, &lookup)?;
            }
        }
        if let Fate::Planned(planned) = fate {
            derivation.origins = origins(planned, tensor, rule, plan, file);
        }
        Ok(derivation)
    }

    /// The expressions of the rule that decides a tensor.
    fn add(
        &mut self,
        planned: &PlannedTensor,
        tensor: &SpecTensor,
        rule: &Rule,
        lookup: &Lookup<'_>,
    ) -> Result<(), PlanError> {
        self.fans_of = rule.sibling(&tensor.name);
        if let Some(template) = &rule.initializer {
            self.expressions = Computed::of_slots(template, &lookup.names(tensor, rule)?);
        }
        let layout = lookup.layout(tensor, Some(rule));
        let layout = layout.as_ref().map_err(Clone::clone);
        let whole = lookup.names_of(tensor, rule, &tensor.shape, layout)?;
        let rules = rule.regions.iter();
        let slices =
            rules.flat_map(|region| region.slices.0.iter().map(move |slice| (region, slice)));
        for ((region, slice), placed) in slices.zip(planned.regions()) {
            let shape = placed.region.shape();
            let names = lookup.names_of(tensor, rule, shape, Ok(placed.layout))?;
            let mut computed = Computed::of_slots(&region.initializer, &names);
            let named = slice.expressions().filter(|one| !one.names().is_empty());
            computed.extend(named.map(|one| Computed::new("slice", one.text(), one, &whole)));
            self.regions.push(computed);
        }
        Ok(())
    }
}

impl Plan {
    /// What becomes of the tensor of this name.
    fn fate(&self, name: &str) -> Option<Fate<'_>> {
        let planned = self.tensors.iter().find(|planned| &*planned.name == name);
        let skipped = || self.skipped.iter().find(|tensor| &*tensor.name == name);
        let tied = || self.ties.iter().find(|tie| &*tie.tensor.name == name);
        let planned = planned.map(Fate::Planned).or_else(|| skipped().map(Fate::Skipped));
        planned.or_else(|| tied().map(Fate::Tied))
    }
}

/// Where what a tensor is planned with comes from.
fn origins(
    planned: &PlannedTensor,
    tensor: &SpecTensor,
    rule: Option<&Rule>,
    plan: &Plan,
    file: &PlanFile,
) -> Vec<(&'static str, String)> {
    const RULE: &str = "the rule";
    const PLAN: &str = "the plan";
    const SPEC: &str = "the spec";
    let template = rule.and_then(|rule| rule.initializer.as_ref());
    let initializer = if template.is_some() { RULE } else { SPEC };
    let layout = match rule {
        Some(rule) if rule.fans_of.is_some() => "the tensor that fans_of names",
        Some(rule) if rule.layout.is_some() => RULE,
        _ if file.layout.is_some() => PLAN,
        _ => "the default",
    };
    let dtype = match (rule, tensor.dtype()) {
        (Some(Rule { dtype: Some(_), .. }), _) => RULE,
        (_, Ok(StoredDtype::Integer(_))) => SPEC,
        _ if file.dtype.is_some() => PLAN,
        _ => SPEC,
    };
    let own = template.map_or_else(|| initializer_has_seed(tensor), |one| one.seed().is_some());
    let seed = match plan.seed {
        _ if planned.seed().is_none() => "nothing is drawn".to_owned(),
        _ if own => "the initializer".to_owned(),
        _ if rule.is_some_and(|rule| rule.seed.is_some()) => RULE.to_owned(),
        PlanSeed::Given(_) => format!("the plan, given{}", by_name(plan)),
        PlanSeed::Drawn(_) => format!("the plan, drawn{}", by_name(plan)),
        PlanSeed::Global(seed) => {
            format!("what Keras draws in the plan's order after set_random_seed({seed})")
        }
    };
    [
        ("initializer", initializer.to_owned()),
        (
            "layout",
            match planned.layout_reason() {
                Some(because) => format!("{layout}, auto: {because}"),
                None => layout.to_owned(),
            },
        ),
        ("dtype", dtype.to_owned()),
        ("seed", seed),
    ]
    .into()
}

fn by_name(plan: &Plan) -> &'static str {
    match plan.seeds {
        Some(crate::Seeds::ByName) => ", made one by the tensor's name",
        _ => "",
    }
}

fn initializer_has_seed(tensor: &SpecTensor) -> bool {
    let config = tensor.initializer.as_ref().and_then(|one| one.get("config"));
    config.and_then(|config| config.get("seed")).is_some_and(|seed| !seed.is_null())
}

/// The name most like a pattern.
pub(super) fn most_like<'s>(
    names: impl Iterator<Item = &'s str>,
    pattern: &str,
) -> Option<&'s str> {
    let likeness = |name: &str| strsim::jaro_winkler(name, pattern);
    names
        .map(|name| (likeness(name), name))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// The error of a name that is none, with those most like it.
pub(super) fn unknown<'s>(names: impl Iterator<Item = &'s str>, name: &str) -> PlanError {
    const MOST: usize = 5;
    let mut near: Vec<(f64, &str)> = Vec::new();
    for known in names {
        let likeness = strsim::jaro_winkler(known, name);
        let at = near.partition_point(|(other, _)| *other >= likeness);
        if likeness > 0.7 && at < MOST {
            near.insert(at, (likeness, known));
            near.truncate(MOST);
        }
    }
    let near = near.into_iter().map(|(_, name)| name.to_owned()).collect();
    PlanError::UnknownTensor { received: name.to_owned(), near }
}
