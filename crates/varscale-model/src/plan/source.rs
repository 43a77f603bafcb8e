//! Sources of plans: a plan file with its spec, rules without one, or a checkpoint.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use varscale::{Layout, Seed};

use super::{
    Plan, PlanSeed,
    derivation::{Derivation, unknown},
};
use crate::{Error, PlanError, PlanFile, Recipe, Seeds, Spec, SpecTensor};

/// All that a plan is made of, but a seed that is given beside.
#[derive(Debug, Clone)]
pub struct Source {
    content: Content,
    inputs: Vec<PathBuf>,
}

#[derive(Debug, Clone)]
enum Content {
    File(Spec, PlanFile),
    /// Of which there is no plan before they get a spec.
    Rules(PlanFile),
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

    /// A plan file, whose spec and includes are relative to `folder`, and that spec, if it names one.
    ///
    /// # Errors
    /// [`Error`], which names the file.
    pub fn of(file: &PlanFile, folder: &Path) -> Result<Self, Error> {
        let file = file.clone().with_includes(folder)?;
        if file.spec.as_os_str().is_empty() {
            return Ok(Self { content: Content::Rules(file), inputs: Vec::new() });
        }
        let mut spec = Spec::read(&folder.join(&file.spec))?;
        let inputs = std::mem::take(&mut spec.files);
        Ok(Self { content: Content::File(spec, file), inputs })
    }

    /// A plan file's text. What it names is relative to `folder`; it need not name a spec.
    ///
    /// # Errors
    /// [`Error::Include`] for invalid text, and as [`Source::of`].
    ///
    /// ```
    /// use varscale_model::{Source, Spec};
    ///
    /// let rules = Source::from_toml("include = 'bert'", "".as_ref())?;
    /// let spec = br#"{"encoder.layer.0.output.dense.weight": {"dtype": "F32", "shape": [8, 32]}}"#;
    /// let plan = rules.with_spec(Spec::from_json(spec)?).plan(Some(42.into()))?;
    /// assert_eq!(plan.tensors[0].initializer().class_name(), "RandomNormal");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_toml(text: &str, folder: &Path) -> Result<Self, Error> {
        Self::of(&PlanFile::from_toml(text).map_err(Error::Include)?, folder)
    }

    /// With this spec in place of its own, if it has one: of a checkpoint, under the checkpoint's rules.
    #[must_use]
    pub fn with_spec(self, spec: Spec) -> Self {
        let file = match self.content {
            Content::File(_, file) | Content::Rules(file) => file,
            Content::Checkpoint(Recipe { file, seed: PlanSeed::Global(_), .. }) => file,
            Content::Checkpoint(Recipe { file, seed, .. }) => {
                PlanFile { seed: Some(seed.value().into()), ..file }
            }
        };
        Self { content: Content::File(spec, file), ..self }
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
            Content::Rules(_) => return Err(PlanError::no_spec("the plan is of a whole model")),
        };
        plan.inputs.extend(self.inputs.iter().cloned());
        Ok(plan)
    }

    /// The plan of another model's spec, or of a part of this one's. Rules may draw any tensor; a
    /// checkpoint, only what it holds, since other names have other values.
    ///
    /// # Errors
    /// As [`Source::plan`]; [`PlanError::UnknownTensor`] and [`PlanError::OtherTensor`] for what a
    /// checkpoint does not hold, or not so.
    pub fn plan_of(self, spec: Spec, seed: Option<Seed>) -> Result<Plan, PlanError> {
        let held = match &self.content {
            Content::Checkpoint(recipe) => Some(recipe.spec.clone()),
            Content::File(..) | Content::Rules(_) => None,
        };
        let plan = self.with_spec(spec).plan(seed)?;
        if let Some(held) = held {
            check_held(&plan, &held)?;
        }
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
            Content::Rules(_) => return Err(PlanError::no_spec("the plan is of a whole model")),
        };
        plan.inputs.extend(self.inputs.iter().cloned());
        Ok(plan)
    }

    /// The source, where it names no seed with one that is drawn: all its plans take the same.
    ///
    /// # Errors
    /// [`PlanError::Seed`] where the system has no random numbers.
    pub fn with_drawn_seed(mut self) -> Result<Self, PlanError> {
        match &mut self.content {
            Content::File(_, file) | Content::Rules(file) => {
                if file.seed.is_none() && file.global_seed.is_none() {
                    file.seed = Some(Seed::unset()?);
                }
            }
            Content::Checkpoint(_) => {}
        }
        Ok(self)
    }

    /// What the tensors of its plan take that have no seed of their own. `seed` goes before its own.
    ///
    /// # Errors
    /// As [`Source::with_drawn_seed`].
    pub fn seed(&self, seed: Option<Seed>) -> Result<PlanSeed, PlanError> {
        Ok(match (&self.content, seed) {
            (Content::Checkpoint(recipe), None) => recipe.seed,
            (_, seed) => PlanSeed::new(seed, self.file())?,
        })
    }

    /// With what the axes of these tensors stand for, where neither rule nor plan says it.
    pub(super) fn with_layouts(mut self, layouts: HashMap<Arc<str>, Layout>) -> Self {
        if let Content::File(_, file) = &mut self.content {
            file.layouts = layouts.into();
        }
        self
    }

    /// The rules, where they have no spec.
    pub(super) fn without_spec(&self) -> Option<&PlanFile> {
        match &self.content {
            Content::Rules(file) => Some(file),
            Content::File(..) | Content::Checkpoint(_) => None,
        }
    }

    /// With zeros for the tensors of its spec for which nothing says how they are filled, and those.
    pub(super) fn with_zeros(&self) -> (Self, Vec<SpecTensor>) {
        let mut source = self.clone();
        let mut open = Vec::new();
        if let Content::File(spec, file) = &mut source.content {
            for tensor in &mut spec.tensors {
                let rule = file.rule(&tensor.name);
                // Fans of another tensor are refused without an initializer, as in every plan.
                let of_rule = rule.is_some_and(|rule| {
                    let other = rule.tie.is_some() || rule.fans_of.is_some();
                    rule.initializer.is_some() || rule.skip || other
                });
                if !of_rule && tensor.initializer.is_none() {
                    open.push(tensor.clone());
                    tensor.initializer = Some(Arc::new("zeros".into()));
                }
            }
        }
        (source, open)
    }

    /// The plan file with what it includes, of a checkpoint that in its recipe.
    #[must_use]
    pub fn file(&self) -> &PlanFile {
        match &self.content {
            Content::File(_, file) | Content::Rules(file) => file,
            Content::Checkpoint(recipe) => &recipe.file,
        }
    }

    /// How `plan`, which is this source's, comes to what it says of a tensor.
    ///
    /// # Errors
    /// [`PlanError::UnknownTensor`].
    pub fn explain<'p>(&self, plan: &'p Plan, tensor: &str) -> Result<Derivation<'p>, PlanError> {
        let (spec, file) = match &self.content {
            Content::File(spec, file) => (spec, file),
            Content::Checkpoint(recipe) => (&recipe.spec, &recipe.file),
            Content::Rules(file) => (&Spec::default(), file),
        };
        Derivation::new(spec, file, plan, tensor)
    }
}

/// Whether a checkpoint of this spec holds all that a plan draws.
fn check_held(plan: &Plan, held: &Spec) -> Result<(), PlanError> {
    let by_name: HashMap<_, _> = held.tensors.iter().map(|one| (&*one.name, one)).collect();
    for tensor in &plan.tensors {
        let Some(one) = by_name.get(&*tensor.name) else {
            return Err(unknown(held.tensors.iter().map(|one| &*one.name), &tensor.name));
        };
        if one.shape != tensor.shape() || one.dtype() != Ok(tensor.dtype()) {
            return Err(PlanError::OtherTensor {
                tensor: tensor.name.to_string(),
                received: format!("{} {:?}", tensor.dtype(), tensor.shape()),
                held: format!("{} {:?}", one.dtype, one.shape),
            });
        }
    }
    Ok(())
}
