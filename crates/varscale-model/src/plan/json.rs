//! Plans as JSON.

use serde_json::{Value, json};
use varscale::{ConfigForm, Seed};

use super::{Plan, PlanSeed, PlannedRegion, PlannedTensor, Tie};
use crate::SpecTensor;

impl Plan {
    /// The plan as JSON: all that the values depend on, and what they follow from.
    ///
    /// `seed` or `global_seed` (the other one is `null`), `seeds`, `included` (what the plan file
    /// includes), `stream`, `version`. Per tensor:
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
            "included": self.included,
            "global_seed": match self.seed {
                PlanSeed::Global(seed) => Some(seed),
                _ => None,
            },
            "tensors": self.tensors.iter().map(PlannedTensor::to_json).collect::<Vec<_>>(),
            "skipped": self.skipped.iter().map(|tensor| {
                let SpecTensor { name, dtype, shape, .. } = tensor;
                json!({"name": name, "dtype": dtype, "shape": shape})
            }).collect::<Vec<_>>(),
            "tied": self.ties.iter().map(|Tie { tensor, to }| {
                let SpecTensor { name, dtype, shape, .. } = tensor;
                json!({"name": name, "dtype": dtype, "shape": shape, "to": to})
            }).collect::<Vec<_>>(),
            "totals": {
                "tensors": self.tensors.len(),
                "skipped": self.skipped.len(),
                "tied": self.ties.len(),
                "parameters": self.parameters(),
                "bytes": self.bytes(),
            },
        })
    }
}

impl PlannedTensor {
    fn to_json(&self) -> Value {
        let explanation = self.draw.explanation();
        json!({
            "name": self.name,
            "shape": explanation.shape,
            "dtype": self.dtype(),
            "layout": self.layout(),
            "initializer": self.initializer().serialize(ConfigForm::Keras3),
            "seed": self.initializer().seed(),
            "scaling": explanation.scaling,
            "law": explanation.content,
            "stddev": explanation.stddev,
            "bounds": explanation.bounds,
            "subnormal": self.is_subnormal(),
            "elements": explanation.elements,
            "bytes": self.bytes(),
            "regions": self.regions().map(|region| region.to_json()).collect::<Vec<_>>(),
        })
    }
}

impl PlannedRegion<'_> {
    fn to_json(&self) -> Value {
        let explanation = self.region.explanation();
        json!({
            "slice": self.slice,
            "offset": self.region.offset,
            "shape": explanation.shape,
            "layout": self.layout,
            "initializer": self.initializer.serialize(ConfigForm::Keras3),
            "seed": self.initializer.seed(),
            "scaling": explanation.scaling,
            "law": explanation.content,
            "stddev": explanation.stddev,
            "bounds": explanation.bounds,
        })
    }
}
