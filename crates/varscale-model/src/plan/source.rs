//! Sources of plans: a plan file with its spec, or a checkpoint.

use std::path::{Path, PathBuf};

use varscale::Seed;

use super::{Plan, PlanSeed, derivation::Derivation};
use crate::{Error, PlanError, PlanFile, Recipe, Seeds, Spec};

/// All that a plan is made of, but a seed that is given beside.
#[derive(Debug, Clone)]
pub struct Source {
    content: Content,
    inputs: Vec<PathBuf>,
}

#[derive(Debug, Clone)]
enum Content {
    File(Spec, PlanFile),
    Checkpoint(Recipe),
}

impl Source {
    /// What a path names, with `seeds` in place of the file's: a plan file and the spec that it names,
    /// or a checkpoint (`.safetensors`), by its [`Recipe`].
    ///
    /// # Errors
    /// [`Error`], which names the file.
    pub fn read(path: &Path, seeds: Option<Seeds>) -> Result<Self, Error> {
        if Recipe::is_in(path) {
            let mut recipe = Recipe::read(path)?;
            recipe.file.seeds = seeds.or(recipe.file.seeds);
            return Ok(Self { content: Content::Checkpoint(recipe), inputs: Vec::new() });
        }
        let mut file = PlanFile::read(path)?;
        file.seeds = seeds.or(file.seeds);
        let mut source = Self::of(&file, path.parent().unwrap_or(Path::new("")))?;
        source.inputs.push(path.to_owned());
        Ok(source)
    }

    /// A plan file, whose spec and includes are relative to `folder`, and that spec.
    ///
    /// # Errors
    /// [`Error`], which names the file.
    pub fn of(file: &PlanFile, folder: &Path) -> Result<Self, Error> {
        let file = file.clone().with_includes(folder)?;
        let mut spec = Spec::read(&folder.join(&file.spec))?;
        let inputs = std::mem::take(&mut spec.files);
        Ok(Self { content: Content::File(spec, file), inputs })
    }

    /// With one more file that it was read from.
    #[must_use]
    pub fn with_input(mut self, path: PathBuf) -> Self {
        self.inputs.push(path);
        self
    }

    /// The plan. `seed` goes before the file's own.
    ///
    /// # Errors
    /// [`PlanError`], which names the tensor or the rule.
    pub fn plan(&self, seed: Option<Seed>) -> Result<Plan, PlanError> {
        let mut plan = match &self.content {
            Content::File(spec, file) => Plan::new(spec, file, seed)?,
            Content::Checkpoint(recipe) => recipe.plan(seed)?,
        };
        plan.inputs.extend(self.inputs.iter().cloned());
        Ok(plan)
    }

    /// The plan, as one without a seed that drew this one.
    ///
    /// # Errors
    /// [`PlanError`], which names the tensor or the rule.
    pub fn plan_that_drew(&self, seed: i128) -> Result<Plan, PlanError> {
        let mut plan = match &self.content {
            Content::File(spec, file) => Plan::with_seed(spec, file, PlanSeed::Drawn(seed), false)?,
            Content::Checkpoint(recipe) => recipe.plan(Some(seed.into()))?,
        };
        plan.inputs.extend(self.inputs.iter().cloned());
        Ok(plan)
    }

    /// How `plan`, which is this source's, comes to what it says of a tensor.
    ///
    /// # Errors
    /// [`PlanError::UnknownTensor`].
    pub fn explain<'p>(&self, plan: &'p Plan, tensor: &str) -> Result<Derivation<'p>, PlanError> {
        let (spec, file) = match &self.content {
            Content::File(spec, file) => (spec, file),
            Content::Checkpoint(recipe) => (&recipe.spec, &recipe.file),
        };
        Derivation::new(spec, file, plan, tensor)
    }
}
