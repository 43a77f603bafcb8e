//! Recipes: what a checkpoint's metadata says of its plan, and the plan that comes of it.
//!
//! What the header says of tensors is not said again, so that a recipe stays small: see
//! `docs/recipe.md`.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    mem,
    path::Path,
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use varscale::{ConfigForm, Scheme, Seed, Stream};

use crate::{
    Error, Format, Plan, PlanError, PlanFile, PlanFileError, PlanSeed, PlannedTensor, RegionRule,
    Rule, Seeds, Spec, SpecError, SpecTensor, Template, Tie,
    format::safetensors,
    hex,
    spec::{self, Elsewhere, INDEX_EXTENSION},
};

/// Keys of the metadata.
pub(crate) const STREAM: &str = "varscale.stream";
pub(crate) const SEED: &str = "varscale.seed";
pub(crate) const GLOBAL_SEED: &str = "varscale.global_seed";
pub(crate) const RECIPE: &str = "varscale.recipe";
pub(crate) const WHOLE: &str = "varscale.whole";

/// All that a plan is made of, as read from a checkpoint.
///
/// ```
/// use std::sync::atomic::AtomicBool;
/// use varscale_model::{Options, Output, Plan, PlanFile, Recipe, Spec, write};
///
/// let spec = Spec::from_json(br#"{"w": {"dtype": "F32", "shape": [2, 3]}}"#)?;
/// let file = PlanFile::from_toml(
///     "spec = 'w.json'\n[[rules]]\nmatch = '*'\ninitializer = 'he_normal'",
/// )?;
/// let plan = Plan::new(&spec, &file, None)?;
/// let path = std::env::temp_dir().join("varscale-recipe.safetensors");
/// # let _ = std::fs::remove_file(&path);
/// let output = Output::new(&path);
/// write(&plan, &output, Options::default(), &AtomicBool::new(false), &mut |_| ())?;
/// let again = Recipe::read(&path)?.plan(None)?;
/// assert_eq!(again.tensors, plan.tensors);
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The tensors, in the plan's order. Each has the dtype that it was stored in, and an initializer
    /// where no rule sets one.
    pub spec: Spec,
    /// Defaults and rules; its `spec` is empty.
    pub file: PlanFile,
    /// The seed of the plan.
    pub seed: PlanSeed,
    /// What [`Written`] says of it.
    drawn: bool,
    /// Which shard of a whole it is that of.
    shard: Option<ShardOf>,
}

/// Why a file's metadata makes no plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecipeError {
    /// The file is no checkpoint.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A safetensors file of somebody else's.
    #[error("it holds no recipe of varscale: its metadata has no {0:?}")]
    Missing(&'static str),
    /// A recipe that says nothing sensible, such as one of a later version.
    #[error("its recipe cannot be read: {0}")]
    Invalid(String),
    /// Tensors that came, went or changed after the recipe was written.
    #[error("its recipe is of other tensors: names, shapes or dtypes were changed afterwards")]
    OtherTensors,
}

/// Which shard of a whole a file is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ShardOf {
    /// As in `3/16`.
    pub(crate) number: String,
    /// SHA-256 of the whole's recipe.
    pub(crate) whole: String,
}

/// The JSON of the metadata, in its order.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    /// Of the tensors in the header, in the plan's order.
    sha256: String,
    /// Whether the seed was drawn, where that decides values: under a framework's stream, the plan's
    /// seed is made one by each name then, and those of rules stand.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) drawn: bool,
    pub(crate) plan: Map<String, Value>,
    /// Each of the spec's own initializers once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) initializers: Vec<Arc<Value>>,
    /// So many tensors each have the initializer of this place, or none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) initialized: Vec<(usize, Option<usize>)>,
    /// So many tensors each have elements of this size, and 0 where they are skipped. The header has
    /// those of a size in the plan's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) order: Vec<(usize, usize)>,
    /// Those that are tied, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) skipped: Vec<SpecTensor>,
    /// Of a shard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) elsewhere: Option<Box<Elsewhere>>,
}

/// A recipe in the making, tensor by tensor.
pub(crate) struct Writer {
    digest: Sha256,
    global: bool,
    places: HashMap<String, usize>,
    /// Of those that are left out, whether they are tied.
    left_out: Vec<bool>,
    written: Written,
}

impl Writer {
    pub(crate) fn new(
        plan: Map<String, Value>,
        global: bool,
        elsewhere: Option<Box<Elsewhere>>,
    ) -> Self {
        let written = Written { plan, elsewhere, ..Written::default() };
        let (digest, places) = (Sha256::new(), HashMap::new());
        Self { digest, global, places, left_out: Vec::new(), written }
    }

    /// A seed that was drawn, and is one by each tensor's name because of that.
    pub(crate) fn drawn(&mut self) {
        self.written.drawn = true;
    }

    /// As the plan's `seeds` say it.
    pub(crate) fn seeds(&mut self, seeds: Seeds) {
        // In front, as in every plan that says it.
        self.written.plan.shift_insert(0, SEEDS.to_owned(), seeds.name().into());
    }

    /// A planned tensor, and the spec's initializer where it is the tensor's.
    pub(crate) fn planned(&mut self, planned: &PlannedTensor, own: Option<Arc<Value>>) {
        let dtype = planned.dtype();
        digest(&mut self.digest, &planned.name, safetensors::name(dtype), planned.shape());
        self.push(dtype.size(), own);
    }

    /// A tensor that is skipped or tied. Under a global seed, its initializer may take a seed all the
    /// same.
    pub(crate) fn left_out(&mut self, tensor: &SpecTensor, is_tied: bool) {
        self.left_out.push(is_tied);
        let own = tensor.initializer.as_ref().filter(|_| self.global);
        self.push(0, own.cloned());
    }

    fn push(&mut self, size: usize, initializer: Option<Arc<Value>>) {
        let Written { initializers, initialized, order, .. } = &mut self.written;
        let place = initializer.map(|initializer| {
            *self.places.entry(initializer.to_string()).or_insert_with(|| {
                initializers.push(initializer);
                initializers.len() - 1
            })
        });
        extend(initialized, place);
        extend(order, size);
    }

    /// With the tensors that are left out, in their order.
    pub(crate) fn finish<'t>(
        mut self,
        skipped: &'t [SpecTensor],
        ties: impl Iterator<Item = &'t Tie>,
    ) -> String {
        let (mut skipped, mut ties) = (skipped.iter(), ties.map(|tie| &tie.tensor));
        let next = |&is_tied: &bool| if is_tied { ties.next() } else { skipped.next() };
        self.written.skipped = self.left_out.iter().filter_map(next).cloned().collect();
        self.written.sha256 = hex(&self.digest.finalize());
        if self.written.initializers.is_empty() {
            self.written.initialized.clear();
        }
        if self.written.order.len() < 2 {
            self.written.order.clear();
        }
        serde_json::to_string(&self.written).unwrap_or_default()
    }
}

/// One more at the end of runs.
fn extend<T: PartialEq>(runs: &mut Vec<(usize, T)>, value: T) {
    match runs.last_mut() {
        Some((count, last)) if *last == value => *count += 1,
        _ => runs.push((1, value)),
    }
}

fn digest(digest: &mut Sha256, name: &str, dtype: &str, shape: &[usize]) {
    digest.update(json!([name, dtype, shape]).to_string());
    digest.update("\n");
}

/// The metadata of a plan's checkpoint.
pub(crate) fn metadata(plan: &Plan) -> Vec<(&str, String)> {
    metadata_of(plan, plan.ties.iter(), plan.recipe.clone(), plan.shard.as_ref())
}

/// The metadata of a file with some of a plan's tensors.
pub(crate) fn metadata_of<'p>(
    plan: &Plan,
    ties: impl Iterator<Item = &'p Tie>,
    recipe: String,
    shard: Option<&ShardOf>,
) -> Vec<(&'p str, String)> {
    let seed = match plan.seed {
        PlanSeed::Given(_) | PlanSeed::Drawn(_) => SEED,
        PlanSeed::Global(_) => GLOBAL_SEED,
    };
    // As `save_model` of the format's own library writes tensors of several names.
    let ties = ties.map(|tie| (&*tie.tensor.name, tie.to.to_string()));
    let shard = shard.map(|ShardOf { number, whole }| {
        [(safetensors::SHARD, number.clone()), (WHOLE, whole.clone())].into_iter()
    });
    ties.chain([
        (STREAM, plan.stream.id().to_owned()),
        (seed, plan.seed.value().to_string()),
        (RECIPE, recipe),
    ])
    .chain(shard.into_iter().flatten())
    .collect()
}

/// The spec's own initializer of a tensor, as recipes hold it.
pub(crate) fn initializer_json((scheme, seed): &(Scheme, Option<Seed>)) -> Arc<Value> {
    compact(scheme.serialize(seed.as_ref(), ConfigForm::Keras3)).into()
}

/// SHA-256 of a recipe, by which shards name their whole.
pub(crate) fn digest_of(recipe: &str) -> String {
    hex(&Sha256::digest(recipe))
}

/// Keras's serialized object, without what it leaves open.
fn compact(mut object: Value) -> Value {
    if let Some(object) = object.as_object_mut() {
        object.retain(|key, _| key == "class_name" || key == "config");
        if let Some(config) = object.get_mut("config").and_then(Value::as_object_mut) {
            config.retain(|_, value| !value.is_null());
        }
    }
    object
}

/// What a plan file says, all but the spec's file, the stream and the seed.
pub(crate) fn plan_json(file: &PlanFile) -> Map<String, Value> {
    let region = |region: &RegionRule| {
        present(json!({
            "slice": region.slices,
            INITIALIZER: compact(region.initializer.written()),
            "layout": region.layout,
        }))
    };
    let rule = |rule: &Rule| {
        let initializer = rule.initializer.as_ref();
        present(json!({
            "match": rule.pattern(),
            INITIALIZER: initializer.map(|initializer| compact(initializer.written())),
            "fans_of": rule.fans_of,
            "layout": rule.layout,
            REGIONS: (!rule.regions.is_empty())
                .then(|| rule.regions.iter().map(region).collect::<Vec<_>>()),
            "dtype": rule.dtype,
            "seed": rule.seed,
            "skip": rule.skip.then_some(true),
            "tie": rule.tie,
            "optional": (rule.optional || rule.is_included()).then_some(true),
        }))
    };
    present(json!({
        SEEDS: file.seeds,
        "dtype": file.dtype,
        "layout": file.layout,
        "constants": (!file.constants.is_empty()).then_some(&file.constants),
        RULES: file.rules.iter().map(rule).collect::<Vec<_>>(),
    }))
}

const SEEDS: &str = "seeds";
const RULES: &str = "rules";
const REGIONS: &str = "regions";
const INITIALIZER: &str = "initializer";

/// The keys of an object that have a value.
fn present(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(map) => map.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        _ => Map::new(),
    }
}

/// The plan file that [`plan_json`] wrote.
fn plan_file(mut json: Map<String, Value>, stream: Stream) -> Result<PlanFile, RecipeError> {
    fn list(of: Option<&mut Value>) -> impl Iterator<Item = &mut Value> {
        of.and_then(Value::as_array_mut).into_iter().flatten()
    }

    // Initializers are not read by TOML's types, in which seeds end at 2^63 - 1.
    let initializer = |of: Option<Value>| {
        of.as_ref().map(Template::read).transpose().map_err(RecipeError::Invalid)
    };
    let (mut initializers, mut of_regions) = (Vec::new(), Vec::new());
    for rule in list(json.get_mut(RULES)) {
        let own = rule.as_object_mut().and_then(|rule| rule.shift_remove(INITIALIZER));
        initializers.push(initializer(own)?);
        for region in list(rule.get_mut(REGIONS)) {
            let own = region.get_mut(INITIALIZER).map(|own| mem::replace(own, "zeros".into()));
            of_regions.push(initializer(own)?);
        }
    }
    json.insert("spec".into(), "".into());
    let file = PlanFile::from_json(&Value::Object(json).to_string());
    let mut file = file.map_err(|PlanFileError { reason, .. }| RecipeError::Invalid(reason))?;
    for (rule, initializer) in file.rules.iter_mut().zip(initializers) {
        rule.initializer = initializer;
    }
    let regions = file.rules.iter_mut().flat_map(|rule| &mut rule.regions);
    for (region, initializer) in regions.zip(of_regions) {
        region.initializer = initializer.unwrap_or_else(|| region.initializer.clone());
    }
    Ok(PlanFile { stream, ..file })
}

impl Recipe {
    /// The recipe in a checkpoint's metadata, with the tensors of its header: of a safetensors file,
    /// one shard of several among them, or of all shards, by their index or the folder with it.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Spec`] or [`Error::Recipe`], which name the file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let (spec, metadata) = spec::checkpoint(path)?;
        let files = spec.files.clone();
        let recipe = Self::new(spec, metadata);
        recipe.map_err(|source| Error::Recipe { path: files[0].clone(), source })
    }

    /// The recipe in the metadata of a file with these tensors.
    fn new(spec: Spec, mut metadata: BTreeMap<String, String>) -> Result<Self, RecipeError> {
        fn invalid(error: impl ToString) -> RecipeError {
            RecipeError::Invalid(error.to_string())
        }

        let mut text = |key| metadata.remove(key).ok_or(RecipeError::Missing(key));
        let written: Written = serde_json::from_str(&text(RECIPE)?).map_err(invalid)?;
        let stream = text(STREAM)?.parse().map_err(invalid)?;
        let seed = match text(GLOBAL_SEED) {
            Ok(seed) => PlanSeed::Global(seed.parse().map_err(invalid)?),
            Err(_) => PlanSeed::Given(text(SEED)?.parse().map_err(invalid)?),
        };
        let shard = match (text(safetensors::SHARD), text(WHOLE)) {
            (Ok(number), Ok(whole)) => Some(ShardOf { number, whole }),
            _ => None,
        };
        let tensors = written.tensors(spec.tensors)?;
        let mut file = plan_file(written.plan, stream)?;
        if let PlanSeed::Global(seed) = seed {
            file.global_seed = Some(seed);
        }
        let spec = Spec { tensors, files: spec.files, elsewhere: written.elsewhere };
        Ok(Self { spec, file, seed, drawn: written.drawn, shard })
    }

    /// Whether a file is a checkpoint by its name, or a folder, and no plan file.
    #[must_use]
    pub fn is_in(path: &Path) -> bool {
        let ends = |name: &str| {
            let end = name.len().checked_sub(INDEX_EXTENSION.len());
            end.and_then(|end| name.get(end..))
                .is_some_and(|end| end.eq_ignore_ascii_case(INDEX_EXTENSION))
        };
        let name = path.file_name().and_then(|name| name.to_str());
        Format::of(path).is_some_and(|format| format.extension == Format::SAFETENSORS.extension)
            || name.is_some_and(ends)
            || path.is_dir()
    }

    /// The plan: the one that the checkpoint was written from, unless it gets another `seed`.
    ///
    /// # Errors
    /// [`PlanError`], where the recipe was changed, or does not take the seed.
    pub fn plan(&self, seed: Option<Seed>) -> Result<Plan, PlanError> {
        // With another seed, it is a shard of something else.
        let shard = self.shard.clone().filter(|_| seed.is_none());
        let drawn = self.drawn && seed.is_none();
        let seed = seed.map_or(self.seed, |seed| PlanSeed::Given(seed.value()));
        let plan = Plan::with_seed(&self.spec, &self.file, seed, drawn)?;
        Ok(Plan { inputs: self.spec.files.clone(), shard, ..plan })
    }
}

impl Written {
    /// The tensors of the plan from those of the header, each with its initializer.
    fn tensors(&self, header: Vec<SpecTensor>) -> Result<Vec<SpecTensor>, RecipeError> {
        let mut by_size: HashMap<usize, VecDeque<SpecTensor>> = HashMap::new();
        let total = header.len() + self.skipped.len();
        let mut order = self.order.clone();
        for tensor in header {
            let size = tensor.dtype().map_or(0, |dtype| dtype.size());
            by_size.entry(size).or_default().push_back(tensor);
        }
        by_size.insert(0, self.skipped.iter().cloned().collect());
        if order.is_empty() {
            let of_all = by_size.iter().find(|(_, tensors)| !tensors.is_empty());
            order.extend(of_all.map(|(&size, _)| (total, size)));
        }
        let mut tensors = Vec::with_capacity(total);
        let mut sum = Sha256::new();
        for (count, size) in order {
            for _ in 0..count {
                let next = by_size.get_mut(&size).and_then(VecDeque::pop_front);
                let tensor = next.ok_or(RecipeError::OtherTensors)?;
                if size > 0 {
                    digest(&mut sum, &tensor.name, &tensor.dtype, &tensor.shape);
                }
                tensors.push(tensor);
            }
        }
        if tensors.len() != total || hex(&sum.finalize()) != self.sha256 {
            return Err(RecipeError::OtherTensors);
        }
        let mut rest = tensors.iter_mut();
        for &(count, place) in &self.initialized {
            for tensor in rest.by_ref().take(count) {
                let Some(place) = place else { continue };
                let found = self.initializers.get(place).cloned();
                let missing = || RecipeError::Invalid(format!("it has no initializer {place}"));
                tensor.initializer = Some(found.ok_or_else(missing)?);
            }
        }
        Ok(tensors)
    }
}
