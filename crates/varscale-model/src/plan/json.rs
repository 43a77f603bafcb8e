//! Plans as JSON, tensor by tensor: a value of it all would take much memory.

use serde::{Serialize, Serializer, ser::SerializeStruct};
use serde_json::{Value, json};
use varscale::{
    ConfigForm, Content, Draw, Dtype, DtypeVisitor, Element, Initializer, Scheme, Seed,
};

use super::{Computed, Derivation, Fate, Plan, PlanSeed, PlannedRegion, PlannedTensor, Tie};
use crate::{SpecTensor, StoredDtype};

/// All that the values depend on, and what they follow from.
///
/// `seed` or `global_seed` (the other one is `null`), `seeds`, `included` (what the plan file
/// includes), `unread` (constants that no expression reads), `stream`, `version`. Per tensor:
/// `name`, `shape`, `dtype`, `layout`, `layout_reason` (under `auto`), `initializer` (Keras 3's serialized object),
/// `seed` (`null` where nothing is drawn), `scaling` (roles of the axes, fans, scale, mode,
/// divisor, variance; `null` without), `law`, `stddev` and `bounds` of the values (`null`
/// without), `stored_bounds` (in the dtype), `subnormal` (whether most values are, in the dtype),
/// `note` (what may be a slip), `elements`, `bytes`, `regions`.
impl Serialize for Plan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(self, true, serializer)
    }
}

/// A plan, without a seed that was drawn to make it.
struct WithoutDrawnSeed<'p>(&'p Plan);

impl Serialize for WithoutDrawnSeed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(self.0, false, serializer)
    }
}

/// What an iterator gives, one after the other.
struct Each<I>(I);

impl<I: Iterator<Item = Value> + Clone> Serialize for Each<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.clone())
    }
}

fn serialize<S: Serializer>(plan: &Plan, drawn: bool, serializer: S) -> Result<S::Ok, S::Error> {
    let seed = match plan.seed {
        PlanSeed::Drawn(_) if !drawn => None,
        PlanSeed::Given(seed) | PlanSeed::Drawn(seed) => Some(Seed::from(seed)),
        PlanSeed::Global(_) => None,
    };
    let global_seed = match plan.seed {
        PlanSeed::Global(seed) => Some(seed),
        _ => None,
    };
    let mut json = serializer.serialize_struct("Plan", 11)?;
    json.serialize_field("version", env!("CARGO_PKG_VERSION"))?;
    json.serialize_field("stream", plan.stream.id())?;
    json.serialize_field("seed", &seed)?;
    json.serialize_field("seeds", &plan.seeds)?;
    json.serialize_field("included", &plan.included)?;
    json.serialize_field("unread", &plan.unread)?;
    json.serialize_field("global_seed", &global_seed)?;
    let tensors = plan.tensors.iter().map(|planned| plan.tensor_json(planned, drawn));
    json.serialize_field("tensors", &Each(tensors))?;
    json.serialize_field("skipped", &Each(plan.skipped.iter().map(left_out)))?;
    json.serialize_field("tied", &Each(plan.ties.iter().map(tied)))?;
    let totals = json!({
        "tensors": plan.tensors.len(),
        "skipped": plan.skipped.len(),
        "tied": plan.ties.len(),
        "parameters": plan.parameters(),
        "bytes": plan.bytes(),
    });
    json.serialize_field("totals", &totals)?;
    json.end()
}

fn left_out(SpecTensor { name, dtype, shape, .. }: &SpecTensor) -> Value {
    json!({"name": name, "dtype": dtype, "shape": shape})
}

fn tied(Tie { tensor, to }: &Tie) -> Value {
    let mut json = left_out(tensor);
    json["to"] = (**to).into();
    json
}

impl Plan {
    /// As JSON, without a seed that was drawn to make it, and is none that another plan draws.
    pub fn without_drawn_seed(&self) -> impl Serialize + '_ {
        WithoutDrawnSeed(self)
    }

    fn tensor_json(&self, planned: &PlannedTensor, drawn: bool) -> Value {
        let explanation = planned.draw.explanation();
        let is_hidden = !drawn && planned.seed_of_plan && matches!(self.seed, PlanSeed::Drawn(_));
        let [initializer, seed] = seeded(&planned.initializer(), is_hidden);
        let region = |region: PlannedRegion<'_>| {
            region_json(&region, planned.dtype(), is_hidden && !region.has_own_seed)
        };
        json!({
            "name": planned.name,
            "shape": explanation.shape,
            "dtype": planned.dtype(),
            "layout": planned.layout(),
            "layout_reason": planned.layout_reason(),
            "initializer": initializer,
            "seed": seed,
            "scaling": explanation.scaling,
            "law": explanation.content,
            "stddev": explanation.stddev,
            "bounds": explanation.bounds,
            "stored_bounds": stored_bounds(&explanation.content, planned.dtype()),
            "subnormal": planned.is_subnormal(),
            "note": planned.note(),
            "elements": explanation.elements,
            "bytes": planned.bytes(),
            "regions": planned.regions().map(region).collect::<Vec<_>>(),
        })
    }
}

/// An initializer's config, and its seed.
fn seeded(initializer: &Initializer, is_hidden: bool) -> [Value; 2] {
    let mut config = initializer.serialize(ConfigForm::Keras3);
    let seed = json!(initializer.seed().filter(|_| !is_hidden));
    if is_hidden && initializer.seed().is_some() {
        config["config"]["seed"] = Value::Null;
    }
    [config, seed]
}

fn region_json(region: &PlannedRegion<'_>, dtype: StoredDtype, is_hidden: bool) -> Value {
    let explanation = region.region.explanation();
    let [initializer, seed] = seeded(&region.initializer, is_hidden);
    json!({
        "slice": region.slice,
        "offset": region.region.offset,
        "shape": explanation.shape,
        "layout": region.layout,
        "initializer": initializer,
        "seed": seed,
        "scaling": explanation.scaling,
        "law": explanation.content,
        "stddev": explanation.stddev,
        "bounds": explanation.bounds,
        "stored_bounds": stored_bounds(&explanation.content, dtype),
    })
}

impl PlannedTensor {
    /// The bounds of what it, or a region of it, is filled with, in the dtype that it is stored in.
    #[must_use]
    pub fn stored_bounds(&self, content: &Content) -> Option<(f64, f64)> {
        stored_bounds(content, self.dtype())
    }
}

impl Derivation<'_> {
    /// As JSON: the tensor as in its plan's, and how that comes about.
    #[must_use]
    pub fn to_json(&self, plan: &Plan) -> Value {
        let numbers = |numbers: &[(String, f64)]| -> Value {
            numbers.iter().map(|(name, value)| (name.clone(), json!(value))).collect()
        };
        let computed = |all: &[Computed]| -> Vec<Value> {
            let one = |one: &Computed| {
                let Computed { key, written, names, value } = one;
                json!({"key": key, "expression": written, "names": numbers(names), "value": value})
            };
            all.iter().map(one).collect()
        };
        let (fate, tensor) = match self.fate {
            Fate::Planned(planned) => ("planned", plan.tensor_json(planned, false)),
            Fate::Skipped(tensor) => ("skipped", left_out(tensor)),
            Fate::Tied(tie) => ("tied", tied(tie)),
        };
        let origins = self.origins.iter().map(|(what, origin)| ((*what).to_owned(), json!(origin)));
        json!({
            "tensor": tensor,
            "fate": fate,
            "rule": self.rule,
            "passed": self.passed,
            "captures": numbers(&self.captures),
            "fans_of": self.fans_of,
            "expressions": computed(&self.expressions),
            "regions": self.regions.iter().map(|region| computed(region)).collect::<Vec<_>>(),
            "origins": origins.collect::<Value>(),
        })
    }
}

/// The bounds of values as they are stored.
fn stored_bounds(content: &Content, dtype: StoredDtype) -> Option<(f64, f64)> {
    struct Rounded<'a>(&'a Draw);

    impl DtypeVisitor for Rounded<'_> {
        type Output = Option<f64>;

        fn visit<T: Element>(self) -> Self::Output {
            Some(self.0.to_vec::<T>().ok()?.first()?.to_f64())
        }
    }

    let (low, high) = content.bounds()?;
    let StoredDtype::Drawn(dtype) = dtype else { return Some((low, high)) };
    let rounded = |bound: f64| {
        if bound.is_infinite() || dtype == Dtype::Float64 {
            return Some(bound);
        }
        dtype.visit(Rounded(&Scheme::constant(bound).ok()?.with_seed(0).draw([1]).ok()?))
    };
    match content {
        Content::Random(law) => match law.kept(dtype) {
            Some((low, high)) => Some(dtype.inside(low, high)),
            None => Some((rounded(low)?, rounded(high)?)),
        },
        _ => Some((rounded(low)?, rounded(high)?)),
    }
}
