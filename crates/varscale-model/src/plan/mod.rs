//! Plans: a spec, rules and a seed, resolved for every tensor.

mod derivation;
mod json;
mod kind;
mod layout;
mod lazy;
mod lookup;
mod names;
mod region;
mod resolve;
mod seed;
mod source;
mod tensor;
mod tie;

use std::path::{Path, PathBuf};

use varscale::{Seed, Stream};

pub use self::{
    derivation::{Computed, Derivation, Fate},
    lazy::LazyPlan,
    region::PlannedRegion,
    seed::PlanSeed,
    source::Source,
    tensor::PlannedTensor,
    tie::Tie,
};
use self::{
    kind::Kinds,
    lookup::Lookup,
    resolve::{deciding, own, resolve, too_large},
};
use crate::{
    Error, PlanError, PlanFile, Seeds, Spec, SpecTensor, quoted,
    recipe::{ShardOf, Writer, initializer_json, plan_json},
    seeds::TensorSeeds,
};

/// A whole model's initialization, resolved: nothing of it is left to chance.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What tensors without a seed of their own take.
    pub seed: PlanSeed,
    /// How tensors that share a seed are told apart, where the stream does not do it itself.
    pub seeds: Option<Seeds>,
    /// The stream of every tensor.
    pub stream: Stream,
    /// The tensors in the spec's order.
    pub tensors: Vec<PlannedTensor>,
    /// The tensors of the spec that rules leave out.
    pub skipped: Vec<SpecTensor>,
    /// The tensors of the spec that are others under a second name, and are not stored.
    pub ties: Vec<Tie>,
    /// The files that it was read from, which [`write()`](crate::write()) does not overwrite.
    pub inputs: Vec<PathBuf>,
    /// Titles of what its file includes, such as `gpt2 (installed)`.
    pub included: Vec<String>,
    /// Constants that no expression reads, whose names may be misspelt.
    pub unread: Vec<String>,
    /// What is written of it.
    pub(crate) recipe: String,
    /// Where it is that of a shard: which one.
    pub(crate) shard: Option<ShardOf>,
}

impl Plan {
    /// The plan that a plan file makes of `spec`. `seed` goes before the file's own, a global one too.
    ///
    /// The first rule that matches a tensor decides. What it leaves out comes from the top of the
    /// plan file, then from the spec. An initializer's own integer seed stands; one without takes
    /// the rule's, then the plan's. [`Seeds`] says what becomes of one that tensors share.
    ///
    /// # Errors
    /// [`PlanError`], which names the tensor or the rule.
    pub fn new(spec: &Spec, file: &PlanFile, seed: Option<Seed>) -> Result<Self, PlanError> {
        Self::with_seed(spec, file, PlanSeed::new(seed, file)?, false)
    }

    /// As [`Plan::new`], with the seed that is resolved; `drawn` is that of a recipe.
    pub(crate) fn with_seed(
        spec: &Spec,
        file: &PlanFile,
        seed: PlanSeed,
        drawn: bool,
    ) -> Result<Self, PlanError> {
        if !file.include.is_empty() {
            return Err(PlanError::Include {
                names: quoted(file.include.iter().map(String::as_str)),
            });
        }
        let mut recipe = Writer::new(
            plan_json(file),
            matches!(seed, PlanSeed::Global(_)),
            spec.elsewhere.clone(),
        );
        let elsewhere = spec.elsewhere.iter().flat_map(|elsewhere| &elsewhere.seeds);
        let mut elsewhere = elsewhere.copied().peekable();
        let lookup = Lookup::new(spec, file, deciding(spec, &file.rules)?)?;
        let (mut seeds, mut kinds) = (TensorSeeds::new(seed, file, drawn)?, Kinds::default());
        let mut end = 0u64;
        let mut tensors = Vec::with_capacity(spec.tensors.len());
        let (mut skipped, mut ties) = (Vec::new(), Vec::new());
        for (place, tensor) in spec.tensors.iter().enumerate() {
            let rule = lookup.rule(place);
            if let Some((_, count)) = elsewhere.next_if(|&(before, _)| before == place) {
                seeds.pass_elsewhere(count);
            }
            if rule.is_some_and(|rule| rule.skip) {
                seeds.pass(tensor)?;
                recipe.left_out(tensor, false);
                skipped.push(SpecTensor { initializer: None, ..tensor.clone() });
                continue;
            }
            if let Some(tie) =
                rule.map(|rule| Tie::new(tensor, rule, &lookup)).transpose()?.flatten()
            {
                seeds.pass(tensor)?;
                recipe.left_out(tensor, true);
                ties.push(tie);
                continue;
            }
            let own = own(tensor, rule)?;
            let planned = resolve(tensor, own.as_ref(), rule, &lookup, &mut seeds, &mut kinds)?;
            recipe.planned(&planned, own.as_ref().map(initializer_json));
            end = end.checked_add(planned.bytes()).ok_or_else(|| too_large(tensor))?;
            tensors.push(planned);
        }
        tie::in_dtypes(&mut ties, &tensors);
        // That of the same seed, given, where one can be: a run that is killed can be resumed by it.
        match seeds.by_draw() {
            Some((seeds, true)) if !drawn => recipe.seeds(seeds),
            None if !drawn => {}
            _ => recipe.drawn(),
        }
        let (seeds, stream, recipe) =
            (seeds.of_plan(), file.stream, recipe.finish(&skipped, ties.iter()));
        let (inputs, included) = (file.files.clone(), file.included.clone());
        let unread = lookup::unread(file);
        Ok(Self {
            seed,
            seeds,
            stream,
            tensors,
            skipped,
            ties,
            inputs,
            included,
            unread,
            recipe,
            shard: None,
        })
    }

    /// The plan of a plan file and of the spec that it names, or of a checkpoint (`.safetensors`), by
    /// its [`Recipe`](crate::Recipe).
    ///
    /// # Errors
    /// [`Error`], which names the file, the tensor or the rule.
    pub fn read(path: &Path, seed: Option<Seed>) -> Result<Self, Error> {
        Self::read_with(path, seed, None)
    }

    /// As [`Plan::read`], with `seeds` in place of the file's.
    ///
    /// # Errors
    /// As [`Plan::read`].
    pub fn read_with(path: &Path, seed: Option<Seed>, seeds: Option<Seeds>) -> Result<Self, Error> {
        Ok(Source::read(path, seeds)?.plan(seed)?)
    }

    /// The plan of a plan file, whose spec and includes are relative to `folder`, and of that spec.
    ///
    /// # Errors
    /// [`Error`], which names the file, the tensor or the rule.
    pub fn of(file: &PlanFile, folder: &Path, seed: Option<Seed>) -> Result<Self, Error> {
        Ok(Source::of(file, folder)?.plan(seed)?)
    }

    /// The seed as reports show it: `42 (given)`, or `42 (drawn), one by each tensor's name`.
    #[must_use]
    pub fn shown_seed(&self) -> String {
        self.with_seeds(self.seed.to_string())
    }

    /// The seed as reports show it of which it is known where it comes from: `42 (of the recipe)`.
    #[must_use]
    pub fn shown_seed_from(&self, origin: &str) -> String {
        self.with_seeds(format!("{} ({origin})", self.seed.value()))
    }

    fn with_seeds(&self, seed: String) -> String {
        match self.seeds {
            Some(Seeds::ByName) => format!("{seed}, one by each tensor's name"),
            Some(Seeds::Same) => format!("{seed}, the same for every tensor"),
            None => seed,
        }
    }

    /// Number of values.
    #[must_use]
    pub fn parameters(&self) -> u64 {
        self.tensors.iter().map(|tensor| tensor.draw.elements()).sum()
    }

    /// Size of all values in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.tensors.iter().map(PlannedTensor::bytes).sum()
    }
}
