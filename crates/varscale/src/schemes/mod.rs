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
pub(crate) mod formula;
pub(crate) mod gaussian;
mod identity;
pub(crate) mod law;
mod log_uniform;
mod of_expression;
pub(crate) mod orthogonal;
pub(crate) mod pattern;
mod resolve;
mod scheme;
mod truncated_normal;
mod variance_scaling;

pub use self::{
    array::Array,
    class::Class,
    content::Content,
    distribution::Distribution,
    explain::Explanation,
    fans::{Fan, Fans, Mode},
    formula::Formula,
    law::Law,
    orthogonal::Orthogonal,
    pattern::Pattern,
    resolve::{Argument, Literal, Parameter, Scaling},
    scheme::Scheme,
    truncated_normal::Bounds,
};
pub(crate) use self::{formula::Variable, log_uniform::center as log_uniform_center};
