//! Regions of rules: parts of tensors that are initialized otherwise.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use varscale::Layout;

use super::{Template, layout::PlanLayout, slice::SliceText};

/// A part of each of a rule's tensors, and what it is given: as a tensor of its own shape.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionRule {
    /// Where it lies: one slice, or several that are alike.
    #[serde(rename = "slice")]
    pub slices: Slices,
    /// Its initializer, whose expressions read the region's own sizes and fans.
    pub initializer: Template,
    /// Its layout, in place of the tensor's.
    #[serde(default, deserialize_with = "own_layout")]
    pub layout: Option<Layout>,
}

fn own_layout<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Layout>, D::Error> {
    match PlanLayout::deserialize(deserializer)? {
        PlanLayout::Of(layout) => Ok(Some(layout)),
        PlanLayout::Auto => Err(D::Error::custom(
            "a region's layout cannot be \"auto\", which goes by tensors' names: leave it out, or name a \
             layout",
        )),
    }
}

impl RegionRule {
    /// Whether it takes the seed of its tensor.
    pub(crate) fn takes_seed(&self) -> bool {
        self.initializer.draws() && self.initializer.seed().is_none()
    }
}

/// One slice or more.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct Slices(pub Vec<SliceText>);

impl<'de> Deserialize<'de> for Slices {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = |value: toml::Value| match value {
            toml::Value::String(_) => SliceText::deserialize(value).map_err(D::Error::custom),
            other => Err(D::Error::custom(format!("invalid slice {other}: write it in quotes"))),
        };
        let slices = match toml::Value::deserialize(deserializer)? {
            toml::Value::Array(texts) => texts.into_iter().map(text).collect::<Result<_, _>>()?,
            one => vec![text(one)?],
        };
        if slices.is_empty() {
            return Err(D::Error::custom("an empty list of slices: name one"));
        }
        Ok(Self(slices))
    }
}
