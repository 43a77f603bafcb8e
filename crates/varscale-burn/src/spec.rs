//! Specs of modules: what they hold, as torch names and lays it out.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use burn_core::{
    Tensor,
    module::{Module, ModuleVisitor, Param, Parameter},
    tensor::{Bool, Device, Int, kind::Basic},
};
use burn_store::PathFilter;
use varscale::Layout;
use varscale_model::{PlanLayout, Source, Spec, SpecTensor};

use crate::{
    Error, dtype,
    param::{self, Kind},
    walk::Place,
};

/// A parameter of a module.
#[derive(Debug)]
pub(crate) struct Found {
    /// As burn names it.
    pub(crate) path: String,
    /// As the spec has it.
    pub(crate) tensor: SpecTensor,
    /// Whether what is loaded has the spec's two axes the other way round.
    pub(crate) is_turned: bool,
    /// Whether the parameter transposes what is loaded.
    pub(crate) is_transposed: bool,
    /// Its module's layout, where none is said.
    layout: Option<Layout>,
    /// Why it cannot be filled, which counts only where it is.
    pub(crate) refused: Option<Error>,
    pub(crate) kind: Kind,
    pub(crate) device: Device,
    /// The types of what it stands in.
    pub(crate) containers: String,
    /// Whether the filter lets it through.
    pub(crate) is_selected: bool,
}

/// The parameters of a module, in its order.
#[derive(Debug, Default)]
pub(crate) struct Described {
    pub(crate) found: Vec<Found>,
    pub(crate) layouts: HashMap<Arc<str>, Layout>,
}

/// The spec of a module: names, shapes and dtypes of its tensors as torch has them, for rules that are
/// written for torch's (see the crate's documentation). `rules` say where that is not so: under a
/// layout of Keras, a Linear's weight is (in, out). Names are those before [`crate::Weights::rename_f`].
/// Nothing is initialized.
///
/// # Errors
/// [`Error::Dtype`] for quantized tensors, and [`Error::Layout`].
///
/// ```
/// use burn::nn::LinearConfig;
/// use varscale_burn::{Source, spec};
///
/// let rules = Source::from_toml("include = 'bert'", "".as_ref())?;
/// let linear = LinearConfig::new(64, 10).init(&Default::default());
/// let spec = spec(&rules, &linear)?;
/// assert_eq!((&*spec.tensors[0].name, &spec.tensors[0].shape[..]), ("weight", &[10, 64][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn spec<M: Module>(rules: &Source, module: &M) -> Result<Spec, Error> {
    let mut found = Described::new(rules, None, None, module)?.found;
    let refused = found.iter_mut().find_map(|one| one.refused.take());
    refused.map_or_else(|| Ok(spec_of(&found)), Err)
}

/// The spec of these, each name once.
pub(crate) fn spec_of(found: &[Found]) -> Spec {
    let mut names = HashSet::new();
    let once = found.iter().filter(|one| names.insert(&one.tensor.name));
    let mut spec = Spec::default();
    spec.tensors = once.map(|one| one.tensor.clone()).collect();
    spec
}

/// A name of the rules' for one of torch's.
pub(crate) type Rename = Arc<dyn Fn(&str) -> String + Send + Sync>;

impl Described {
    pub(crate) fn new<M: Module>(
        rules: &Source,
        rename: Option<&Rename>,
        filter: Option<&PathFilter>,
        module: &M,
    ) -> Result<Self, Error> {
        let described = Self::default();
        let place = Place::default();
        let mut visitor = Visitor { rules, rename, filter, place, described, failed: None };
        module.visit(&mut visitor);
        visitor.failed.map_or(Ok(visitor.described), Err)
    }
}

struct Visitor<'a> {
    rules: &'a Source,
    rename: Option<&'a Rename>,
    filter: Option<&'a PathFilter>,
    place: Place,
    described: Described,
    failed: Option<Error>,
}

impl Visitor<'_> {
    fn visit<const D: usize, K: Basic>(&mut self, param: &Param<Tensor<D, K>>, kind: Kind)
    where
        Tensor<D, K>: Parameter,
    {
        if self.failed.is_none() {
            self.failed = self.describe(param, kind).err();
        }
    }

    fn describe<const D: usize, K: Basic>(
        &mut self,
        param: &Param<Tensor<D, K>>,
        kind: Kind,
    ) -> Result<(), Error>
    where
        Tensor<D, K>: Parameter,
    {
        let torch = self.place.torch();
        let name = self.rename.map_or(torch.clone(), |rename| rename(&torch));
        let dtype = param::dtype(param, kind);
        let (stored, mut refused) = match dtype::stored(dtype) {
            Some(stored) => (stored, None),
            None => {
                let refused = Error::Dtype { tensor: name.clone(), received: dtype };
                (varscale::Dtype::Float32.into(), Some(refused))
            }
        };
        // Only matrices are turned.
        let known = self
            .place
            .known()
            .filter(|known| known.layout.is_some() && (D == 2 || !known.is_turned));
        let may_transpose = known.is_some_and(|known| known.is_turned);
        let (mut shape, is_transposed) = param::shape(param, may_transpose);

        let said = said(self.rules, &name);
        let keras = match said {
            Some(PlanLayout::Of(layout)) if is_keras(layout) => Some(layout),
            _ => None,
        };
        if let (Some(received), Some(_), 3..) = (keras, known, D) {
            let (tensor, received) = (name.clone(), received.clone());
            refused = refused.or(Some(Error::Layout { tensor, received }));
        }
        let is_turned = keras.is_none() && known.is_some_and(|known| known.is_turned);
        if is_turned {
            shape.reverse();
        }
        let name: Arc<str> = name.into();
        let layout = known.and_then(|known| known.layout.clone());
        if let Some(layout) = layout.clone() {
            self.described.layouts.insert(Arc::clone(&name), layout);
        }
        let layout = layout.filter(|_| said.is_none());
        let tensor = SpecTensor { name, dtype: stored.name().into(), shape, initializer: None };
        let same = self.described.found.iter().find(|one| one.tensor.name == tensor.name);
        let differs = |one: &&Found| one.tensor != tensor || one.layout != layout;
        if let Some(before) = same.filter(differs) {
            let shown = |one: &SpecTensor, layout: &Option<Layout>| {
                let layout = layout.as_ref().filter(|_| tensor == before.tensor);
                let layout = layout.map_or(String::new(), |layout| format!(" in layout {layout}"));
                format!("{} {:?}{layout}", one.dtype, one.shape)
            };
            let received = shown(&tensor, &layout);
            let before = shown(&before.tensor, &before.layout);
            return Err(Error::Twice { tensor: tensor.name.to_string(), received, before });
        }
        self.described.found.push(Found {
            path: self.place.path(),
            tensor,
            is_turned: is_turned != is_transposed,
            is_transposed,
            layout,
            refused,
            kind,
            device: param.lazy_device(),
            containers: self.place.containers(),
            is_selected: self.place.is_in(self.filter),
        });
        Ok(())
    }
}

/// The layout that is said for a tensor: of one that is tied, that of the other one.
fn said<'a>(rules: &'a Source, name: &str) -> Option<&'a PlanLayout> {
    let file = rules.file();
    let (mut name, mut rule) = (name.to_owned(), file.rule(name));
    // As many steps as there are rules end in a circle, which the plan refuses.
    for _ in &file.rules {
        let Some(other) = rule.and_then(|rule| rule.tied(&name)) else { break };
        rule = file.rule(&other);
        name = other;
    }
    rule.and_then(|rule| rule.layout.as_ref()).or(file.layout.as_ref())
}

/// Whether it is one of Keras's, for any groups.
fn is_keras(layout: &Layout) -> bool {
    let keras = [Layout::keras(), Layout::keras_transpose(), Layout::keras_depthwise()];
    layout.clone().with_groups(1).is_ok_and(|layout| keras.contains(&layout))
}

impl ModuleVisitor for Visitor<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.place.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.place.exit(container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.visit(param, Kind::Float);
    }

    fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
        self.visit(param, Kind::Int);
    }

    fn visit_bool<const D: usize>(&mut self, param: &Param<Tensor<D, Bool>>) {
        self.visit(param, Kind::Bool);
    }
}
