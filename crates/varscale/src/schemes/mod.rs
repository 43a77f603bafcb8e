//! Schemes: how values follow from a global shape, without a seed.

mod array;
mod class;
#[cfg(feature = "serde")]
pub(crate) mod config;
mod constant;
pub(crate) mod content;
pub(crate) mod distribution;
pub(crate) mod explain;
pub(crate) mod fans;
mod formula;
mod identity;
pub(crate) mod law;
pub(crate) mod pattern;
mod scheme;
mod variance_scaling;

pub use self::{
    array::Array,
    class::Class,
    content::Content,
    distribution::Distribution,
    explain::Explanation,
    fans::{Fan, Fans, Mode},
    formula::{Argument, Literal, Parameter, Scaling},
    law::Law,
    pattern::Pattern,
    scheme::Scheme,
};
