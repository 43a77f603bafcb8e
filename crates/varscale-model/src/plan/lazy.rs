//! Lazy plans: tensors that are asked for one by one, by name, as frameworks build their models.

use std::{collections::HashMap, sync::Arc};

use varscale::{Layout, Seed, Stream};

use super::{
    Plan, PlanSeed, PlannedTensor, Source,
    derivation::unknown,
    kind::Kinds,
    lookup::Lookup,
    resolve::{own, resolve},
};
use crate::{PlanError, PlanFile, Rule, Spec, SpecTensor, seeds::TensorSeeds};

/// A plan whose tensors are asked for one by one, by name, as frameworks build their models. In which
/// order makes no difference.
///
/// With a spec, everything is resolved first, as by [`Plan::new`], and only the spec's tensors are
/// answered. Without one, a tensor is resolved when it is asked for, by its own name and shape: it
/// is the same as in a plan of any spec that has it. What depends on other tensors is refused
/// ([`PlanError::NoSpec`]): the fans of another one (`fans_of`), ties, tensors without a shape, the
/// frameworks' streams, whose seeds depend on which tensors there are. That a rule decides nothing is
/// not noticed then.
///
/// ```
/// use varscale_model::{LazyPlan, Source, SpecTensor};
///
/// let rules = Source::from_toml("include = 'bert'", "".as_ref())?;
/// let plan = LazyPlan::new(&rules, Some(42.into()))?;
/// let name = "encoder.layer.0.output.dense.weight".into();
/// let asked = SpecTensor { name, dtype: "F32".into(), shape: vec![8, 32], initializer: None };
/// let weight: Vec<f32> = plan.tensor(&asked)?.draw.to_vec()?;
/// assert_eq!(weight.len(), 8 * 32);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct LazyPlan {
    file: PlanFile,
    seed: PlanSeed,
    whole: Option<Whole>,
}

/// The plan of a spec.
#[derive(Debug, Clone)]
struct Whole {
    plan: Plan,
    places: HashMap<Arc<str>, usize>,
    /// Those that take the initializer with which they are asked for.
    open: HashMap<Arc<str>, SpecTensor>,
}

impl LazyPlan {
    /// Of rules, or of a whole plan. `seed` goes before the source's own.
    ///
    /// # Errors
    /// As [`Source::plan`]; [`PlanError::NoSpec`] for rules that name a framework's stream or a global seed.
    pub fn new(source: &Source, seed: Option<Seed>) -> Result<Self, PlanError> {
        Self::with(source, seed, Vec::new())
    }

    /// As [`LazyPlan::new`], where tensors for which rules and spec say nothing take the initializer
    /// with which they are asked for. (One that draws is refused where seeds are told apart among all
    /// tensors: [`PlanError::Hint`].)
    ///
    /// # Errors
    /// As [`LazyPlan::new`].
    pub fn with_hints(source: &Source, seed: Option<Seed>) -> Result<Self, PlanError> {
        let (source, open) = source.with_zeros();
        Self::with(&source, seed, open)
    }

    /// As [`LazyPlan::with_hints`], of a model that is built. For rules that have no spec, `spec` is what
    /// it has, and `layouts` are what the axes of its tensors stand for, where neither rule nor plan says
    /// it. A plan that has one, and a checkpoint, is what is written of it.
    ///
    /// # Errors
    /// As [`LazyPlan::new`].
    pub fn of_model(
        source: &Source,
        seed: Option<Seed>,
        spec: Spec,
        layouts: HashMap<Arc<str>, Layout>,
    ) -> Result<Self, PlanError> {
        match source.without_spec() {
            None => Self::with_hints(source, seed),
            Some(_) => {
                Self::with_hints(&source.clone().with_spec(spec).with_layouts(layouts), seed)
            }
        }
    }

    fn with(source: &Source, seed: Option<Seed>, open: Vec<SpecTensor>) -> Result<Self, PlanError> {
        let file = source.file().clone();
        if source.without_spec().is_none() {
            let plan = source.plan(seed)?;
            let places = plan.tensors.iter().map(|one| Arc::clone(&one.name)).zip(0..).collect();
            let open = open.into_iter().map(|one| (Arc::clone(&one.name), one)).collect();
            let (seed, whole) = (plan.seed, Some(Whole { plan, places, open }));
            return Ok(Self { file, seed, whole });
        }
        let seed = PlanSeed::new(seed, &file)?;
        if let PlanSeed::Global(_) = seed {
            return Err(PlanError::no_spec("global_seed gives each tensor a seed in their order"));
        }
        if file.stream != Stream::Native {
            let name = file.stream.name();
            let what =
                format!("stream {name} knows no names: seeds are told apart among all tensors");
            return Err(PlanError::no_spec(what));
        }
        TensorSeeds::new(seed, &file, false)?;
        Ok(Self { file, seed, whole: None })
    }

    /// What tensors without a seed of their own take.
    #[must_use]
    pub fn seed(&self) -> PlanSeed {
        self.seed
    }

    /// The names of the spec's tensors, of those that rules neither leave out nor tie to others.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.whole.iter().flat_map(|whole| whole.plan.tensors.iter().map(|one| &*one.name))
    }

    /// Whether there is a tensor of this name: in the spec, where there is one, and otherwise by a
    /// rule that says how to fill it.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        match &self.whole {
            Some(whole) => whole.places.contains_key(name) || whole.tied(name).is_some(),
            None => self.file.rule(name).is_some_and(|rule| rule.initializer.is_some()),
        }
    }

    /// The tensor of this name and shape, with its values. The spec's dtype goes before the one that is
    /// asked for; an initializer is taken where rules and spec say nothing (see [`LazyPlan::with_hints`]).
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn tensor(&self, asked: &SpecTensor) -> Result<PlannedTensor, PlanError> {
        let Some(whole) = &self.whole else { return self.alone(asked) };
        if let (Some(open), Some(_)) = (whole.open.get(&asked.name), &asked.initializer) {
            check_shape(&open.shape, asked)?;
            let open = SpecTensor { initializer: asked.initializer.clone(), ..open.clone() };
            let planned = self.alone(&open)?;
            let is_global = matches!(self.seed, PlanSeed::Global(_));
            if planned.seed.is_some() && (is_global || self.file.stream != Stream::Native) {
                let (tensor, stream) = (asked.name.to_string(), self.file.stream.name());
                return Err(PlanError::Hint { tensor, stream });
            }
            return Ok(planned);
        }
        let planned = self.of_spec(&asked.name)?;
        check_shape(planned.shape(), asked)?;
        Ok(planned.clone())
    }

    /// The tensor of this name in the spec.
    ///
    /// # Errors
    /// [`PlanError::NoSpec`], [`PlanError::UnknownTensor`], [`PlanError::Skipped`], and
    /// [`PlanError::NoInitializer`] for one that takes the initializer with which it is asked for, or is
    /// tied to one that does.
    pub fn of_spec(&self, name: &str) -> Result<&PlannedTensor, PlanError> {
        let Some(Whole { plan, places, open }) = &self.whole else {
            return Err(PlanError::no_spec(format!(
                "tensor {name:?} is asked for without a shape"
            )));
        };
        let rule = |name: &str| self.file.rule(name).map(Rule::title);
        let kept = self.whole.as_ref().and_then(|whole| whole.tied(name)).unwrap_or(name);
        if open.contains_key(kept) {
            return Err(PlanError::NoInitializer { tensor: kept.to_owned(), rule: rule(kept) });
        }
        if let Some(&place) = places.get(kept) {
            return Ok(&plan.tensors[place]);
        }
        if plan.skipped.iter().any(|tensor| &*tensor.name == name) {
            let (tensor, rule) = (name.to_owned(), rule(name).unwrap_or_default());
            return Err(PlanError::Skipped { tensor, rule });
        }
        let ties = plan.ties.iter().map(|tie| &*tie.tensor.name);
        Err(unknown(plan.tensors.iter().map(|tensor| &*tensor.name).chain(ties), name))
    }

    /// A tensor that depends on no other one.
    fn alone(&self, asked: &SpecTensor) -> Result<PlannedTensor, PlanError> {
        let spec = Spec { tensors: vec![asked.clone()], ..Spec::default() };
        let place = self.file.rules.iter().position(|rule| rule.matches(&asked.name));
        let lookup = Lookup::new(&spec, &self.file, vec![place])?;
        let rule = lookup.rule(0);
        if let Some(rule) = rule {
            let tensor = asked.name.to_string();
            if rule.skip {
                return Err(PlanError::Skipped { tensor, rule: rule.title() });
            }
            let others =
                [(rule.tied(&tensor), "is tied to"), (rule.sibling(&tensor), "has the fans of")];
            for (other, of) in others {
                if let Some(other) = other {
                    let rule = rule.title();
                    return Err(PlanError::no_spec(format!(
                        "{rule}: tensor {tensor:?} {of} {other:?}"
                    )));
                }
            }
        }
        let own = own(asked, rule)?;
        let mut seeds = TensorSeeds::new(self.seed, &self.file, false)?;
        resolve(asked, own.as_ref(), rule, &lookup, &mut seeds, &mut Kinds::default())
    }
}

impl Whole {
    /// The tensor that one is under a second name.
    fn tied(&self, name: &str) -> Option<&str> {
        self.plan.ties.iter().find(|tie| &*tie.tensor.name == name).map(|tie| &*tie.to)
    }
}

fn check_shape(expected: &[usize], asked: &SpecTensor) -> Result<(), PlanError> {
    if expected == asked.shape {
        return Ok(());
    }
    Err(PlanError::OtherShape {
        tensor: asked.name.to_string(),
        received: asked.shape.clone(),
        expected: expected.to_vec(),
    })
}
