//! Weights: the store from which burn's modules are initialized.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::Arc,
};

use burn_core::{
    Tensor,
    module::{ModuleMapper, Param, Parameter},
    tensor::{Bool, DType, Device, Int, Shape, kind::Basic},
};
use burn_store::{
    ApplyResult, ModuleSnapshot, ModuleStore, PathFilter,
    burn_pack::{self, Tensor as PackTensor},
};
use varscale::{Seed, Slice};
use varscale_model::{LazyPlan, PlanError, PlanSeed, PlannedTensor, Source, SpecTensor};

use crate::{
    Error,
    data::Values,
    dtype,
    param::{self, Kind},
    spec::{Described, Rename, spec_of},
    walk::Place,
};

/// A model's weights, each drawn as a module asks for it: a store of burn's, for `module.load_from`.
///
/// A tensor's values depend on the seed, its name, its shape and the rule that decides it, not on what
/// else a module has. What burn would have drawn itself is not drawn.
///
/// ```
/// use burn::nn::LinearConfig;
/// use burn::store::ModuleSnapshot;
/// use varscale_burn::{Source, Weights};
///
/// let rules = Source::from_toml("[[rules]]\nmatch = '*'\ninitializer = 'he_normal'", "".as_ref())?;
/// let mut linear = LinearConfig::new(64, 10).with_bias(false).init(&Default::default());
/// linear.load_from(&mut Weights::new(&rules, Some(42.into()))?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "Plan")]
#[derive(Clone)]
pub struct Weights {
    source: Source,
    seed: Option<Seed>,
    rename: Option<Rename>,
    filter: Option<PathFilter>,
    is_partial: bool,
    /// Of the source's own spec.
    tensors: Option<BTreeMap<String, PackTensor>>,
}

impl fmt::Debug for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, seed, filter, is_partial, .. } = self;
        let mut shown = f.debug_struct("Weights");
        shown.field("source", source).field("seed", seed).field("filter", filter);
        shown.field("is_partial", is_partial).finish_non_exhaustive()
    }
}

impl Weights {
    /// Of rules, a plan, or a checkpoint that varscale wrote. `seed` goes before the source's own; where
    /// there is none, one is drawn ([`Weights::seed`] tells it).
    ///
    /// Where the source has no spec, each module makes its own. With one, only its tensors are answered,
    /// in its shapes and dtypes.
    ///
    /// # Errors
    /// [`Error::Plan`].
    pub fn new(source: &Source, seed: Option<Seed>) -> Result<Self, Error> {
        let source = source.clone();
        let source = if seed.is_none() { source.with_drawn_seed()? } else { source };
        source.seed(seed.clone())?;
        Ok(Self { source, seed, rename: None, filter: None, is_partial: false, tensors: None })
    }

    /// What tensors without a seed of their own take.
    ///
    /// # Errors
    /// [`Error::Plan`].
    pub fn seed(&self) -> Result<PlanSeed, Error> {
        Ok(self.source.seed(self.seed.clone())?)
    }

    /// With names that rules know: `rename` makes one of a parameter's path, in which the parameter
    /// itself is called as in torch. The values are those of the rules' name.
    ///
    /// ```
    /// use burn::nn::transformer::TransformerEncoderConfig;
    /// use burn::store::ModuleSnapshot;
    /// use varscale_burn::{Source, Weights};
    ///
    /// let rules = "layout = 'torch'\n[[rules]]\nmatch = '*.norm?.*'\ninitializer = 'ones'
    ///     [[rules]]\nmatch = '*.bias'\ninitializer = 'zeros'\n[[rules]]\nmatch = '*'\ninitializer = 'he_normal'";
    /// let rules = Source::from_toml(rules, "".as_ref())?;
    /// let mut encoder = TransformerEncoderConfig::new(32, 64, 4, 2).init(&Default::default());
    /// let weights = Weights::new(&rules, Some(42.into()))?;
    /// encoder.load_from(&mut weights.rename_f(|path| path.replace("norm_", "norm")))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn rename_f(self, rename: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self { rename: Some(Arc::new(rename)), ..self }
    }

    /// Only for these parameters, by burn's paths: the others keep what they have.
    #[must_use]
    pub fn filter(self, filter: PathFilter) -> Self {
        Self { filter: Some(filter), ..self }
    }

    /// Whether parameters for which nothing says how they are filled keep what they have, burn's own
    /// initialization; else they are an error. [`ApplyResult`] tells them.
    #[must_use]
    pub fn allow_partial(self, allow: bool) -> Self {
        Self { is_partial: allow, ..self }
    }

    /// A part of a tensor of this name and global shape, as rules have them: the same values as in the
    /// whole.
    ///
    /// No module is asked what the axes stand for: where neither a rule nor the plan says a layout, they are
    /// Keras's, (…, in, out). So rules whose fans count say one, where parts are drawn.
    ///
    /// # Errors
    /// [`Error`], of a slice that leaves the tensor [`Error::Draw`].
    ///
    /// ```
    /// use burn::tensor::DType;
    /// use varscale_burn::{Slice, Source, Weights};
    ///
    /// let weights = Weights::new(&Source::from_toml("include = 'llama'", "".as_ref())?, Some(42.into()))?;
    /// let rows = Slice::new([16, 0], [8, 64]);
    /// let part = weights.slice::<2>([64, 64], "lm_head.weight", rows, DType::F32, &Default::default())?;
    /// assert_eq!(part.dims(), [8, 64]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn slice<const D: usize>(
        &self,
        shape: [usize; D],
        name: &str,
        slice: Slice,
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor<D>, Error> {
        let stored = dtype::stored(dtype)
            .ok_or_else(|| Error::Dtype { tensor: name.to_owned(), received: dtype })?;
        let (name, stored) = (name.into(), stored.name().into());
        let asked = SpecTensor { name, dtype: stored, shape: shape.to_vec(), initializer: None };
        let planned = LazyPlan::new(&self.source, self.seed.clone())?.tensor(&asked)?;
        let values = Values { slice, ..values(&planned, false) };
        param::tensor(&values, Kind::Float, Some(dtype), device)
    }

    /// The tensors of the source's own spec, each drawn when its bytes are asked for.
    fn of_spec(&mut self) -> Result<&BTreeMap<String, PackTensor>, Error> {
        if self.tensors.is_none() {
            let plan = self.source.plan(self.seed.clone())?;
            let tensors =
                plan.tensors.into_iter().map(|one| Ok((one.name.to_string(), deferred(one)?)));
            self.tensors = Some(tensors.collect::<Result<_, Error>>()?);
        }
        Ok(self.tensors.get_or_insert_default())
    }
}

fn values(planned: &PlannedTensor, is_turned: bool) -> Values<'_> {
    let slice = Slice::whole(planned.shape());
    Values { name: &planned.name, draw: &planned.draw, slice, dtype: planned.dtype(), is_turned }
}

fn deferred(planned: PlannedTensor) -> Result<PackTensor, Error> {
    let dtype = dtype::of_burn(planned.dtype())
        .ok_or_else(|| values(&planned, false).not_stored("Float"))?;
    let (name, shape) = (planned.name.to_string(), Shape::from(planned.shape().to_vec()));
    Ok(burn_store::bridge::deferred(name, dtype, shape, None, move || {
        let data = values(&planned, false).data();
        data.map_err(|error| burn_pack::Error::ValidationError(error.to_string()))
    }))
}

impl ModuleStore for Weights {
    type Error = Error;

    fn collect_from<M: ModuleSnapshot>(&mut self, _: &M) -> Result<(), Error> {
        Err(Error::ReadOnly)
    }

    /// All is planned before anything is drawn. After an error, the module is what it was, but for running
    /// states (of `BatchNorm`), which all clones of a module share.
    fn apply_to<M: ModuleSnapshot>(&mut self, module: &mut M) -> Result<ApplyResult, Error> {
        let Described { found, layouts } =
            Described::new(&self.source, self.rename.as_ref(), self.filter.as_ref(), module)?;
        let plan = LazyPlan::of_model(&self.source, self.seed.clone(), spec_of(&found), layouts)?;
        let mut unused: BTreeSet<String> = plan.names().map(str::to_owned).collect();
        let (mut planned, mut skipped, mut missing) = (HashMap::new(), Vec::new(), Vec::new());
        for one in found {
            unused.remove(&*one.tensor.name);
            if !one.is_selected {
                skipped.push(one.path);
                continue;
            }
            match plan.tensor(&one.tensor) {
                Ok(tensor) => {
                    if let Some(refused) = one.refused {
                        return Err(refused);
                    }
                    let values = values(&tensor, one.is_turned);
                    param::check(&values, one.kind, &one.device)?;
                    planned.insert(one.path, (tensor, one.is_turned, one.is_transposed));
                }
                Err(
                    PlanError::NoInitializer { .. }
                    | PlanError::Skipped { .. }
                    | PlanError::UnknownTensor { .. },
                ) if self.is_partial => missing.push((one.path, one.containers)),
                Err(error) => return Err(error.into()),
            }
        }
        let mut loader =
            Loader { planned, place: Place::default(), applied: Vec::new(), failed: None };
        // A clone shares all tensors, and initializes none.
        let loaded = module.clone().map(&mut loader);
        if let Some(error) = loader.failed {
            return Err(error);
        }
        if !loader.planned.is_empty() {
            let mut tensors: Vec<_> = loader.planned.into_keys().collect();
            tensors.sort();
            return Err(Error::Unmapped { tensors });
        }
        *module = loaded;
        let (applied, unused) = (loader.applied, unused.into_iter().collect());
        Ok(ApplyResult { applied, skipped, missing, unused, errors: Vec::new() })
    }

    fn get_tensor(&mut self, name: &str) -> Result<Option<&PackTensor>, Error> {
        Ok(self.of_spec()?.get(name))
    }

    fn get_all_tensors(&mut self) -> Result<&BTreeMap<String, PackTensor>, Error> {
        self.of_spec()
    }

    fn keys(&mut self) -> Result<Vec<String>, Error> {
        Ok(self.of_spec()?.keys().cloned().collect())
    }
}

/// Sets what is planned, as a walk comes to it.
struct Loader {
    planned: HashMap<String, (PlannedTensor, bool, bool)>,
    place: Place,
    applied: Vec<String>,
    failed: Option<Error>,
}

impl Loader {
    fn load<const D: usize, K: Basic>(
        &mut self,
        param: Param<Tensor<D, K>>,
        kind: Kind,
    ) -> Param<Tensor<D, K>>
    where
        Tensor<D, K>: Parameter,
    {
        let path = self.place.path();
        let planned = self.planned.remove(&path).filter(|_| self.failed.is_none());
        let Some((planned, is_turned, is_transposed)) = planned else { return param };
        match param::load(param.clone(), &values(&planned, is_turned), kind, is_transposed) {
            Ok(loaded) => {
                self.applied.push(path);
                loaded
            }
            Err(error) => {
                self.failed = Some(error);
                param
            }
        }
    }
}

impl ModuleMapper for Loader {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.place.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.place.exit(container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.load(param, Kind::Float)
    }

    fn map_int<const D: usize>(&mut self, param: Param<Tensor<D, Int>>) -> Param<Tensor<D, Int>> {
        self.load(param, Kind::Int)
    }

    fn map_bool<const D: usize>(
        &mut self,
        param: Param<Tensor<D, Bool>>,
    ) -> Param<Tensor<D, Bool>> {
        self.load(param, Kind::Bool)
    }
}
