//! Plans: a spec, rules and a seed, resolved for every tensor.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use varscale::{ConfigError, ConfigForm, Draw, Initializer, Scheme, Seed, Stream, Tensor};

use crate::{
    Error, PlanError, PlanFile, Rule, Seeds, Spec, SpecTensor, StoredDtype,
    recipe::{Recipe, Writer},
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
    /// The files that it was read from, which [`write()`](crate::write()) does not overwrite.
    pub inputs: Vec<PathBuf>,
    /// What is written of it.
    pub(crate) recipe: String,
}

/// What the tensors of a [`Plan`] take that have no seed of their own. Shown as in `42 (given)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanSeed {
    /// This seed, as it was given.
    Given(i128),
    /// This seed, drawn because none was given.
    Drawn(i128),
    /// In the plan's order, the seeds that Keras draws after `keras.utils.set_random_seed` with this
    /// one: as it does for initializers that are made in this order.
    Global(u32),
}

impl PlanSeed {
    /// The number itself.
    #[must_use]
    pub fn value(self) -> i128 {
        match self {
            Self::Given(seed) | Self::Drawn(seed) => seed,
            Self::Global(seed) => seed.into(),
        }
    }
}

impl fmt::Display for PlanSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = match self {
            Self::Given(_) => "given",
            Self::Drawn(_) => "drawn",
            Self::Global(_) => "global",
        };
        write!(f, "{} ({origin})", self.value())
    }
}

/// One tensor of a [`Plan`].
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedTensor {
    /// Its name, global shape and layout.
    pub tensor: Tensor,
    /// Its initializer, with its seed.
    pub initializer: Initializer,
    /// The dtype that it is stored in.
    pub dtype: StoredDtype,
    /// Its values. A generator's are those of its first call: in a plan, tensors differ by name.
    pub draw: Draw,
    /// Size of its values in bytes.
    pub bytes: u64,
    /// Whether its seed is the plan's, and none of a rule or of its initializer.
    pub seed_of_plan: bool,
}

impl PlannedTensor {
    /// The seed of its values, as it was given or drawn; `None` where nothing is drawn.
    #[must_use]
    pub fn seed(&self) -> Option<i128> {
        self.initializer.seed().map(Seed::value)
    }

    /// Whether most values are subnormal in its dtype, which leaves them fewer significant bits.
    #[must_use]
    pub fn is_subnormal(&self) -> bool {
        match self.dtype {
            StoredDtype::Drawn(dtype) => self.draw.content().is_subnormal(dtype),
            _ => false,
        }
    }

    fn to_json(&self) -> Value {
        let Self { tensor, initializer, dtype, draw, bytes, seed_of_plan: _ } = self;
        let explanation = draw.explanation();
        json!({
            "name": tensor.name,
            "shape": tensor.shape,
            "dtype": dtype,
            "layout": tensor.layout,
            "initializer": initializer.serialize(ConfigForm::Keras3),
            "seed": initializer.seed(),
            "scaling": explanation.scaling,
            "law": explanation.content,
            "stddev": explanation.stddev,
            "bounds": explanation.bounds,
            "subnormal": self.is_subnormal(),
            "elements": explanation.elements,
            "bytes": bytes,
        })
    }
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
        let seed = match (seed.or_else(|| file.seed.clone()), file.global_seed) {
            (Some(seed), _) if seed.is_unset() => PlanSeed::Drawn(seed.value()),
            (Some(seed), _) => PlanSeed::Given(seed.value()),
            (None, Some(global)) => PlanSeed::Global(global),
            (None, None) => PlanSeed::Drawn(Seed::unset()?.value()),
        };
        Self::with_seed(spec, file, seed)
    }

    /// As [`Plan::new`], with the seed that is resolved.
    pub(crate) fn with_seed(
        spec: &Spec,
        file: &PlanFile,
        seed: PlanSeed,
    ) -> Result<Self, PlanError> {
        let mut recipe = Writer::new(file, seed);
        let deciding = deciding(spec, &file.rules)?;
        let mut seeds = TensorSeeds::new(seed, file)?;
        let mut end = 0u64;
        let mut tensors = Vec::with_capacity(spec.tensors.len());
        let mut skipped = Vec::new();
        for (tensor, rule) in spec.tensors.iter().zip(deciding) {
            let rule = rule.map(|index| (index, &file.rules[index]));
            if rule.is_some_and(|(_, rule)| rule.skip) {
                seeds.pass(tensor)?;
                recipe.skipped(tensor);
                skipped.push(SpecTensor { initializer: None, ..tensor.clone() });
                continue;
            }
            let own = own(tensor, rule)?;
            let planned = resolve(tensor, own.as_ref(), rule, file, &mut seeds)?;
            recipe.planned(&planned, own.as_ref());
            end = end.checked_add(planned.bytes).ok_or_else(|| too_large(tensor))?;
            tensors.push(planned);
        }
        let (stream, inputs, recipe) = (file.stream, Vec::new(), recipe.finish(&skipped));
        Ok(Self { seed, seeds: seeds.of_plan(), stream, tensors, skipped, inputs, recipe })
    }

    /// The plan of a plan file and of the spec that it names, or of a checkpoint (`.safetensors`), by
    /// its [`Recipe`].
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
        if Recipe::is_in(path) {
            let mut recipe = Recipe::read(path)?;
            recipe.file.seeds = seeds.or(recipe.file.seeds);
            return Ok(recipe.plan(seed)?);
        }
        let mut file = PlanFile::read(path)?;
        file.seeds = seeds.or(file.seeds);
        let mut plan = Self::of(&file, path.parent().unwrap_or(Path::new("")), seed)?;
        plan.inputs.push(path.to_owned());
        Ok(plan)
    }

    /// The plan of a plan file, whose spec is relative to `folder`, and of that spec.
    ///
    /// # Errors
    /// [`Error`], which names the file, the tensor or the rule.
    pub fn of(file: &PlanFile, folder: &Path, seed: Option<Seed>) -> Result<Self, Error> {
        let spec = Spec::read(&folder.join(&file.spec))?;
        let plan = Self::new(&spec, file, seed)?;
        Ok(Self { inputs: spec.files, ..plan })
    }

    /// The seed as reports show it: `42 (given)`, or `42 (drawn), one by each tensor's name`.
    #[must_use]
    pub fn shown_seed(&self) -> String {
        match self.seeds {
            Some(Seeds::ByName) => format!("{}, one by each tensor's name", self.seed),
            Some(Seeds::Same) => format!("{}, the same for every tensor", self.seed),
            None => self.seed.to_string(),
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
        self.tensors.iter().map(|tensor| tensor.bytes).sum()
    }

    /// The plan as JSON: all that the values depend on, and what they follow from.
    ///
    /// `seed` or `global_seed` (the other one is `null`), `seeds`, `stream`, `version`. Per tensor:
    /// `name`, `shape`, `dtype`, `layout`, `initializer` (Keras 3's serialized object),
    /// `seed` (`null` where nothing is drawn), `scaling` (roles of the axes, fans, scale, mode,
    /// divisor, variance; `null` without), `law`, `stddev` and `bounds` of the values (`null`
    /// without), `subnormal` (whether most values are, in the dtype), `elements`, `bytes`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "stream": self.stream.id(),
            "seed": match self.seed {
                PlanSeed::Given(seed) | PlanSeed::Drawn(seed) => Some(Seed::from(seed)),
                PlanSeed::Global(_) => None,
            },
            "seeds": self.seeds,
            "global_seed": match self.seed {
                PlanSeed::Global(seed) => Some(seed),
                _ => None,
            },
            "tensors": self.tensors.iter().map(PlannedTensor::to_json).collect::<Vec<_>>(),
            "skipped": self.skipped.iter().map(|tensor| {
                let SpecTensor { name, dtype, shape, .. } = tensor;
                json!({"name": name, "dtype": dtype, "shape": shape})
            }).collect::<Vec<_>>(),
            "totals": {
                "tensors": self.tensors.len(),
                "skipped": self.skipped.len(),
                "parameters": self.parameters(),
                "bytes": self.bytes(),
            },
        })
    }
}

/// How messages name a rule.
fn title(index: usize, rule: &Rule) -> String {
    format!("rule {} (match {:?})", index + 1, rule.pattern())
}

/// For each tensor, the first rule that matches it. Each rule must be one tensor's, or optional.
fn deciding(spec: &Spec, rules: &[Rule]) -> Result<Vec<Option<usize>>, PlanError> {
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
        let rule = title(index, rule);
        if others.is_empty() {
            return Err(PlanError::UnusedRule { rule, tensors: spec.tensors.len() });
        }
        let by: Vec<_> = others.iter().map(|&other| title(other, &rules[other])).collect();
        return Err(PlanError::ShadowedRule { rule, by: by.join(" and ") });
    }
    Ok(deciding)
}

/// An initializer's scheme, and its own seed.
type Own = (Scheme, Option<Seed>);

/// The spec's initializer of a tensor, where no rule sets one.
fn own(spec: &SpecTensor, rule: Option<(usize, &Rule)>) -> Result<Option<Own>, PlanError> {
    match (rule, &spec.initializer) {
        (Some((_, Rule { scheme: Some(_), .. })), _) | (_, None) => Ok(None),
        (_, Some(initializer)) => {
            Scheme::deserialize(initializer).map(Some).map_err(|source| refused(spec, source))
        }
    }
}

fn refused(spec: &SpecTensor, source: varscale::Error) -> PlanError {
    let tensor = spec.name.clone();
    match source {
        varscale::Error::Config(ConfigError::Function { .. }) => PlanError::Function { tensor },
        source => PlanError::Tensor { tensor, source },
    }
}

fn resolve(
    spec: &SpecTensor,
    own: Option<&Own>,
    found: Option<(usize, &Rule)>,
    file: &PlanFile,
    seeds: &mut TensorSeeds,
) -> Result<PlannedTensor, PlanError> {
    let refused = |source| refused(spec, source);
    let rule = found.map(|(_, rule)| rule);

    let of_rule = rule.and_then(|rule| rule.scheme.clone());
    // A spec's seed is one tensor's own, a rule's is all those's that it matches.
    let own_is_shared = of_rule.is_some();
    let (scheme, seed) = match of_rule {
        Some(scheme) => scheme,
        None => own.cloned().ok_or_else(|| PlanError::NoInitializer {
            tensor: spec.name.clone(),
            rule: found.map(|(index, rule)| title(index, rule)),
        })?,
    };
    let by_rule = match seed {
        Some(_) if !own_is_shared => None,
        ref seed => seed.clone().or_else(|| rule?.seed.clone()),
    };
    let seed_of_plan = scheme.class().draws && seed.is_none() && by_rule.is_none();
    let seed = match (by_rule, found) {
        _ if !scheme.class().draws => seed,
        (Some(shared), Some((index, rule))) => {
            Some(seeds.shared(&spec.name, &shared, || title(index, rule))?)
        }
        // As an integer, so that the initializer's config holds a seed that was drawn, too.
        _ if seed_of_plan => Some(seeds.of_tensor(&spec.name)?),
        _ => seed,
    };
    let initializer = Initializer::new(scheme, seed).with_stream(file.stream);
    let initializer = match seeds.global() {
        None => initializer,
        Some(global) => initializer.with_global_seed(global),
    };

    let dtype = dtype(spec, rule, file)?;
    let layout = rule.and_then(|rule| rule.layout.clone()).or_else(|| file.layout.clone());
    let layout = layout.unwrap_or_default();
    let tensor = Tensor::new(&spec.shape[..]).named(&spec.name).with_layout(layout);

    let draw = initializer.draw_call(&tensor, 0).map_err(refused)?;
    match dtype {
        StoredDtype::Drawn(dtype) => draw.check(dtype).map_err(refused)?,
        StoredDtype::Integer(dtype) => dtype.check(&draw).map_err(|received| {
            PlanError::Integer { tensor: spec.name.clone(), dtype, received }
        })?,
    }
    let bytes = dtype.bytes(draw.elements()).ok_or_else(|| too_large(spec))?;
    Ok(PlannedTensor { tensor, initializer, dtype, draw, bytes, seed_of_plan })
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
            dtype.map_err(|source| PlanError::Dtype { tensor: spec.name.clone(), source })
        }
    }
}

fn too_large(spec: &SpecTensor) -> PlanError {
    PlanError::TooLarge { tensor: spec.name.clone(), shape: spec.shape.clone() }
}
