//! Regions of tensors: parts that are initialized otherwise.

use varscale::{Draw, Initializer, Layout, Region, Seed, Slice, Stream, StreamError, Tensor};

use super::{
    layout::reads_layout,
    lookup::{Lookup, fill},
};
use crate::{PlanError, PlannedTensor, RegionRule, Rule, SliceText, SpecTensor, StoredDtype};

/// A region of a rule in a tensor.
pub(super) struct Placed<'a> {
    rule: &'a Rule,
    region: &'a RegionRule,
    slice: &'a SliceText,
    place: Slice,
    layout: Layout,
    /// Of its initializer's expressions.
    numbers: Vec<f64>,
}

/// What tells regions of one rule apart: offset, extent, and numbers as bits.
pub(super) type RegionKey = (Vec<usize>, Vec<usize>, Vec<u64>);

/// What a region of a [`Kind`](super::kind::Kind) is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct KindRegion {
    slice: SliceText,
    layout: Layout,
    /// With the seed of the first tensor.
    initializer: Initializer,
    has_own_seed: bool,
    /// Whether its values depend on the layout of the whole.
    pub(super) reads_layout: bool,
    offset: Vec<usize>,
    draw: Draw,
}

/// A region of a planned tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedRegion<'a> {
    /// Where it lies, as the rule writes it.
    pub slice: &'a SliceText,
    /// Where it lies, and its values.
    pub region: &'a Region,
    /// What its axes stand for.
    pub layout: &'a Layout,
    /// Its initializer, with its seed.
    pub initializer: Initializer,
    /// Whether its seed is none of the tensor's.
    pub has_own_seed: bool,
}

/// The regions of a rule in a tensor that it decides.
pub(super) fn placed<'a>(
    spec: &SpecTensor,
    rule: &'a Rule,
    lookup: &Lookup<'_>,
) -> Result<Vec<Placed<'a>>, PlanError> {
    let mut all = Vec::new();
    if rule.regions.is_empty() {
        return Ok(all);
    }
    let whole = lookup.layout(spec, Some(rule));
    let whole = whole.as_ref().map_err(Clone::clone);
    let names = lookup.names_of(spec, rule, &spec.shape, whole.clone())?;
    for region in &rule.regions {
        for slice in &region.slices.0 {
            let read = slice.expressions().flat_map(|one| one.names()).map(String::as_str);
            if let Some(open) = names.open(read) {
                return Err(open.refused());
            }
            let place = slice.resolve(&spec.shape, &|expression| names.evaluate(expression));
            let place = place.map_err(|reason| refused(spec, rule, slice, reason))?;
            let layout = region.layout.as_ref().map_or(whole.clone(), Ok);
            let names = lookup.names_of(spec, rule, &place.extent, layout.clone())?;
            let mut numbers = Vec::new();
            for slot in region.initializer.slots() {
                fill(slot, &names, rule, spec, &mut numbers)?;
            }
            let layout = layout.cloned().unwrap_or_default();
            all.push(Placed { rule, region, slice, place, layout, numbers });
        }
    }
    Ok(all)
}

fn refused(spec: &SpecTensor, rule: &Rule, slice: &SliceText, reason: String) -> PlanError {
    let (tensor, slice, rule) = (spec.name.to_string(), slice.to_string(), rule.title());
    PlanError::Region { tensor, slice, rule, reason }
}

impl Placed<'_> {
    pub(super) fn key(&self) -> RegionKey {
        let Slice { offset, extent } = self.place.clone();
        (offset, extent, self.numbers.iter().map(|number| number.to_bits()).collect())
    }
}

impl KindRegion {
    /// Of the first tensor of a kind, which takes this seed.
    pub(super) fn new(
        placed: Placed<'_>,
        spec: &SpecTensor,
        dtype: StoredDtype,
        stream: Stream,
        seed: Option<&Seed>,
    ) -> Result<Self, PlanError> {
        let Placed { rule, region, slice, place, layout, numbers } = placed;
        let refused = |reason: String| refused(spec, rule, slice, reason);
        let of_core = |error: varscale::Error| refused(error.to_string());
        if region.initializer.draws() && stream != Stream::Native {
            return Err(of_core(StreamError::Region { stream: stream.name() }.into()));
        }
        let scheme = region.initializer.with(&numbers).map_err(of_core)?;
        let own = region.initializer.seed();
        let initializer = Initializer::new(scheme, own.or(seed).cloned());
        let tensor = Tensor::new(place.extent).named(&*spec.name).with_layout(layout.clone());
        let draw = initializer.draw_call(tensor, 0).map_err(of_core)?;
        match dtype {
            StoredDtype::Drawn(dtype) => draw.check(dtype).map_err(of_core)?,
            StoredDtype::Integer(dtype) => {
                dtype.check(&draw).map_err(|received| refused(dtype.refusal(&received)))?;
            }
        }
        let reads_layout = region.layout.is_none() && reads_layout(initializer.scheme(), &draw);
        Ok(Self {
            slice: slice.clone(),
            layout,
            initializer,
            has_own_seed: own.is_some(),
            reads_layout,
            offset: place.offset,
            draw,
        })
    }

    /// A draw with this region, in a tensor of another name, which takes this seed.
    pub(super) fn within(
        &self,
        draw: Draw,
        name: &str,
        seed: Option<&Seed>,
    ) -> Result<Draw, varscale::Error> {
        let own = self.initializer.seed().filter(|_| self.has_own_seed);
        let region = match own.or(seed) {
            Some(seed) => self.draw.again(name, seed)?,
            None => self.draw.clone(),
        };
        draw.with_region(&self.offset[..], region)
    }
}

impl PlannedTensor {
    /// Its regions: later ones go over earlier ones.
    pub fn regions(&self) -> impl Iterator<Item = PlannedRegion<'_>> {
        self.kind.regions.iter().zip(self.draw.regions()).map(|(kind, region)| {
            let KindRegion { slice, layout, initializer, has_own_seed, .. } = kind;
            let initializer = match &self.seed {
                Some(seed) if !has_own_seed => initializer.clone().with_seed(seed.clone()),
                _ => initializer.clone(),
            };
            PlannedRegion { slice, region, layout, initializer, has_own_seed: *has_own_seed }
        })
    }
}
