//! Recipes of shards: each of its own tensors, and what their rules and seeds depend on elsewhere.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use varscale::Scheme;

use crate::{
    Plan, PlanSeed, PlannedTensor, SpecTensor, Tie,
    format::safetensors,
    recipe::{Writer, Written, digest_of},
    spec::Elsewhere,
};

/// What the recipes of a plan's shards are made of.
#[derive(Debug)]
pub(super) struct Recipes<'p> {
    plan: &'p Plan,
    written: Written,
    digest: String,
    /// The place of each tensor among all, in the plan's order, those that are left out included.
    places: Vec<usize>,
    /// The ties to each tensor that has some, with their places.
    ties: HashMap<&'p str, Vec<(usize, &'p Tie)>>,
    /// For each place, which initializer of the spec's own is there.
    initialized: Vec<Option<usize>>,
    /// Under a global seed, how many are drawn in front of each place, and whether one is there.
    seeds: Vec<(usize, bool)>,
    /// Tensors by name, where some are others' siblings.
    named: HashMap<&'p str, SpecTensor>,
}

impl<'p> Recipes<'p> {
    pub(super) fn new(plan: &'p Plan) -> Self {
        // Written by this library.
        let written: Written = serde_json::from_str(&plan.recipe).unwrap_or_default();
        let mut places = Vec::with_capacity(plan.tensors.len());
        let (mut ties, mut tied) = (HashMap::<_, Vec<_>>::new(), plan.ties.iter().peekable());
        let mut skipped = written.skipped.iter();
        let total = plan.tensors.len() + written.skipped.len();
        let all_stored = written.order.is_empty() && written.skipped.is_empty();
        let order = match written.order.is_empty() {
            true => vec![(total, usize::from(all_stored))],
            false => written.order.clone(),
        };
        let sizes = order.into_iter().flat_map(|(count, size)| std::iter::repeat_n(size, count));
        for (place, size) in sizes.enumerate() {
            if size > 0 {
                places.push(place);
                continue;
            }
            let Some(left_out) = skipped.next() else { continue };
            if let Some(tie) = tied.next_if(|tie| tie.tensor.name == left_out.name) {
                ties.entry(&*tie.to).or_default().push((place, tie));
            }
        }
        let initialized = written.initialized.iter();
        let initialized =
            initialized.flat_map(|&(count, which)| std::iter::repeat_n(which, count)).collect();
        let digest = digest_of(&plan.recipe);
        let mut recipes = Self {
            plan,
            written,
            digest,
            places,
            ties,
            initialized,
            seeds: Vec::new(),
            named: HashMap::new(),
        };
        if let PlanSeed::Global(_) = plan.seed {
            recipes.seeds = recipes.global_seeds(total);
        }
        recipes.named = recipes.siblings();
        recipes
    }

    /// The digest of the whole's recipe.
    pub(super) fn whole(&self) -> &str {
        &self.digest
    }

    fn global_seeds(&self, total: usize) -> Vec<(usize, bool)> {
        let draws = |initializer: &Value| matches!(Scheme::deserialize(initializer), Ok((scheme, None)) if scheme.draws());
        let own: Vec<bool> = self.written.initializers.iter().map(|one| draws(one)).collect();
        // Those that are left out: an initializer of theirs takes one all the same.
        let mut taken: Vec<bool> = (0..total)
            .map(|place| {
                let initializer = self.initialized.get(place).copied().flatten();
                initializer.and_then(|which| own.get(which)).is_some_and(|&draws| draws)
            })
            .collect();
        for (planned, &place) in self.plan.tensors.iter().zip(&self.places) {
            taken[place] = planned.seed_of_plan;
        }
        let elsewhere = self.written.elsewhere.iter().flat_map(|elsewhere| &elsewhere.seeds);
        let mut elsewhere = elsewhere.copied().peekable();
        let mut before = 0;
        let of = |(place, taken): (usize, bool)| {
            before += elsewhere.next_if(|&(other, _)| other == place).map_or(0, |(_, count)| count);
            let seeds = (before, taken);
            before += usize::from(taken);
            seeds
        };
        taken.into_iter().enumerate().map(of).collect()
    }

    fn siblings(&self) -> HashMap<&'p str, SpecTensor> {
        let names = self.plan.tensors.iter().filter_map(|planned| planned.sibling.as_deref());
        let names: HashSet<&str> = names.collect();
        if names.is_empty() {
            return HashMap::new();
        }
        let stored = |planned: &PlannedTensor| SpecTensor {
            name: planned.name.clone(),
            dtype: safetensors::name(planned.dtype()).into(),
            shape: planned.shape().to_vec(),
            initializer: None,
        };
        let mut found = HashMap::new();
        for &name in &names {
            found.insert(name, None);
        }
        let planned = self.plan.tensors.iter().filter(|planned| names.contains(&*planned.name));
        found.extend(planned.map(|planned| (&*planned.name, Some(stored(planned)))));
        let left_out = self.plan.skipped.iter().chain(self.plan.ties.iter().map(|tie| &tie.tensor));
        let left_out = left_out.filter(|tensor| names.contains(&*tensor.name));
        found.extend(left_out.map(|tensor| (&*tensor.name, Some(tensor.clone()))));
        for tensor in self.written.elsewhere.iter().flat_map(|elsewhere| &elsewhere.tensors) {
            if let Some(found) = found.get_mut(&*tensor.name) {
                found.get_or_insert_with(|| tensor.clone());
            }
        }
        found.into_iter().filter_map(|(name, tensor)| Some((name, tensor?))).collect()
    }

    /// The ties to the tensors of these places in the plan, and the recipe of both.
    pub(super) fn of(&self, tensors: &[usize]) -> (Vec<&'p Tie>, String) {
        let mut own: Vec<(usize, Result<&'p PlannedTensor, &'p Tie>)> = Vec::new();
        for &tensor in tensors {
            let planned = &self.plan.tensors[tensor];
            own.push((self.places[tensor], Ok(planned)));
            let ties = self.ties.get(&*planned.name).into_iter().flatten();
            own.extend(ties.map(|&(place, tie)| (place, Err(tie))));
        }
        own.sort_unstable_by_key(|&(place, _)| place);

        let elsewhere = Some(Box::new(self.elsewhere(&own)));
        let is_global = matches!(self.plan.seed, PlanSeed::Global(_));
        let mut writer = Writer::new(self.written.plan.clone(), is_global, elsewhere);
        if self.written.drawn {
            writer.drawn();
        }
        for &(place, tensor) in &own {
            let which = self.initialized.get(place).copied().flatten();
            let initializer = which.and_then(|which| self.written.initializers.get(which)).cloned();
            match tensor {
                Ok(planned) => writer.planned(planned, initializer),
                Err(tie) => {
                    writer.left_out(&SpecTensor { initializer, ..tie.tensor.clone() }, true);
                }
            }
        }
        let ties: Vec<_> = own.into_iter().filter_map(|(_, tensor)| tensor.err()).collect();
        let recipe = writer.finish(&[], ties.iter().copied());
        (ties, recipe)
    }

    fn elsewhere(&self, own: &[(usize, Result<&PlannedTensor, &Tie>)]) -> Elsewhere {
        let mut elsewhere = Elsewhere::default();
        if !self.seeds.is_empty() {
            let mut drawn = 0;
            for (index, &(place, _)) in own.iter().enumerate() {
                let (before, taken) = self.seeds[place];
                if before > drawn {
                    elsewhere.seeds.push((index, before - drawn));
                }
                drawn = before + usize::from(taken);
            }
        }
        if !self.named.is_empty() {
            let name = |&(_, tensor): &(usize, Result<&'_ PlannedTensor, &'_ Tie>)| match tensor {
                Ok(planned) => planned.name.clone(),
                Err(tie) => tie.tensor.name.clone(),
            };
            let mut known: HashSet<_> = own.iter().map(name).collect();
            let planned = own.iter().filter_map(|(_, tensor)| tensor.ok());
            for sibling in planned.filter_map(|planned| planned.sibling.as_ref()) {
                if known.insert(sibling.clone()) {
                    elsewhere.tensors.extend(self.named.get(&**sibling).cloned());
                }
            }
        }
        elsewhere
    }
}
