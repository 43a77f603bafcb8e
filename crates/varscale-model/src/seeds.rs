//! The seeds of a plan's tensors.

use std::collections::{HashMap, hash_map::Entry};

use varscale::{PythonRandom, Scheme, Seed, Stream};

use crate::{PlanError, PlanFile, PlanSeed, Seeds, SpecTensor};

/// The seeds of tensors that have none of their own, one after the other.
pub(crate) struct TensorSeeds {
    plan: PlanSeed,
    /// Whether a tensor takes it.
    used: bool,
    stream: Stream,
    chosen: Option<Seeds>,
    /// Whether the plan's seed was drawn, which makes it one by each name.
    drawn: bool,
    /// Whether a tensor takes a rule's seed as it is.
    as_it_is: bool,
    /// Of a global seed.
    python: Option<Box<PythonRandom>>,
    /// The first tensor that takes a seed as it is.
    first: HashMap<i128, String>,
    /// The tensor that has a seed by its name.
    named: HashMap<u32, String>,
}

impl TensorSeeds {
    /// `drawn` is that of a recipe.
    ///
    /// # Errors
    /// [`PlanError::Seeds`].
    pub(crate) fn new(plan: PlanSeed, file: &PlanFile, drawn: bool) -> Result<Self, PlanError> {
        let python = match plan {
            PlanSeed::Global(seed) => Some(Box::new(PythonRandom::new(seed.into()))),
            PlanSeed::Given(_) | PlanSeed::Drawn(_) => None,
        };
        if let Some(seeds) = file.seeds {
            if file.stream == Stream::Native {
                let why = "the native stream tells tensors apart by name";
                return Err(PlanError::Seeds { seeds, why });
            }
            if python.is_some() {
                let why = "under global_seed, each tensor takes one of its own";
                return Err(PlanError::Seeds { seeds, why });
            }
        }
        let (stream, chosen) = (file.stream, file.seeds);
        Ok(Self {
            plan,
            used: false,
            stream,
            chosen,
            drawn: drawn || matches!(plan, PlanSeed::Drawn(_)),
            as_it_is: false,
            python,
            first: HashMap::new(),
            named: HashMap::new(),
        })
    }

    /// Keras's global seed, where there is one.
    pub(crate) fn global(&self) -> Option<u32> {
        match self.plan {
            PlanSeed::Global(seed) => Some(seed),
            PlanSeed::Given(_) | PlanSeed::Drawn(_) => None,
        }
    }

    /// What becomes of the plan's seed where the stream knows no names.
    pub(crate) fn of_plan(&self) -> Option<Seeds> {
        match self.plan {
            _ if self.stream == Stream::Native || !self.used => None,
            PlanSeed::Global(_) => None,
            PlanSeed::Given(_) | PlanSeed::Drawn(_) => {
                self.chosen.or(self.drawn.then_some(Seeds::ByName))
            }
        }
    }

    /// What of that comes of a seed that was drawn, and whether it would do for the seeds of rules, too.
    pub(crate) fn by_draw(&self) -> Option<(Seeds, bool)> {
        let seeds = self.of_plan().filter(|_| self.chosen.is_none());
        seeds.map(|seeds| (seeds, !self.as_it_is))
    }

    /// Passes by a tensor that is left out: what Keras draws for it is no other tensor's.
    pub(crate) fn pass(&mut self, tensor: &SpecTensor) -> Result<(), PlanError> {
        let own = tensor.initializer.as_deref().map(Scheme::deserialize);
        match own {
            Some(Ok((scheme, None))) if scheme.draws() && self.python.is_some() => {
                self.of_tensor(&tensor.name).map(drop)
            }
            _ => Ok(()),
        }
    }

    /// Passes by so many seeds of tensors in other shards.
    pub(crate) fn pass_elsewhere(&mut self, count: usize) {
        if let Some(random) = &mut self.python {
            (0..count).for_each(|_| _ = self.stream.drawn_seed(random));
        }
    }

    /// The seed of a tensor that takes the plan's.
    pub(crate) fn of_tensor(&mut self, tensor: &str) -> Result<Seed, PlanError> {
        self.used = true;
        if let Some(random) = &mut self.python {
            return Ok(self.stream.drawn_seed(random).into());
        }
        let seed = self.plan.value().into();
        self.told_apart(tensor, &seed, self.of_plan(), || "the plan".into())
    }

    /// The seed of a tensor that takes one of a rule.
    pub(crate) fn shared(
        &mut self,
        tensor: &str,
        seed: &Seed,
        title: impl FnOnce() -> String,
    ) -> Result<Seed, PlanError> {
        self.as_it_is |= self.chosen.is_none() && seed.as_generator().is_none();
        self.told_apart(tensor, seed, self.chosen, title)
    }

    fn told_apart(
        &mut self,
        tensor: &str,
        seed: &Seed,
        seeds: Option<Seeds>,
        title: impl FnOnce() -> String,
    ) -> Result<Seed, PlanError> {
        if self.stream == Stream::Native || seeds == Some(Seeds::Same) {
            return Ok(seed.clone());
        }
        let second = tensor.to_owned();
        // A generator has no integer to make others of.
        if seeds.is_none() || seed.as_generator().is_some() {
            return match self.first.entry(seed.value()) {
                Entry::Vacant(entry) => {
                    entry.insert(second);
                    Ok(seed.clone())
                }
                Entry::Occupied(entry) => Err(PlanError::SharedSeed {
                    first: entry.get().clone(),
                    second,
                    seed: format!("seed {} of {}", seed.value(), title()),
                    stream: self.stream.name(),
                }),
            };
        }
        let seed = Stream::seed_by_name(seed, tensor);
        match self.named.entry(seed) {
            Entry::Vacant(entry) => {
                entry.insert(second);
                Ok(seed.into())
            }
            Entry::Occupied(entry) => {
                Err(PlanError::SameSeed { first: entry.get().clone(), second, seed })
            }
        }
    }
}
