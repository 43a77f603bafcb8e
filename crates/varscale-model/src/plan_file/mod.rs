//! The plan file: a spec, defaults, and rules whose patterns give each tensor a scheme and a layout.

mod constants;
mod gain;
mod glob;
mod include;
mod layout;
mod names;
mod region;
mod rule;
mod slice;
mod template;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use varscale::{Dtype, Layout, Seed, Stream};

use self::rule::Place;
pub(crate) use self::{
    constants::Numbers,
    glob::Glob,
    layout::ByName,
    names::{COUNTS, size},
    template::{Slot, has_axes},
};
pub use self::{
    constants::{Constant, Constants},
    layout::PlanLayout,
    region::{RegionRule, Slices},
    rule::Rule,
    slice::SliceText,
    template::Template,
};
use crate::{Error, input};

/// A plan file: a spec, defaults, and the rules.
///
/// ```
/// let file = varscale_model::PlanFile::from_toml(
///     r#"
///     spec = "gpt2.json"        # relative to the plan file's folder
///     seed = 42                 # absent: drawn once, and reported
///     stream = "keras-torch"    # absent: native
///     seeds = "by-name"         # of a framework's stream, which knows no names: or same
///     dtype = "float32"         # absent: what the spec says
///     layout = "torch"          # absent: keras
///     [[rules]]                 # the first rule that matches a tensor's name decides
///     match = "*.bias"          # a glob: * matches any characters, dots and slashes included
///     initializer = "zeros"     # Keras's identifier, or Keras's serialized object
///     [[rules]]
///     match = "*"
///     initializer = { class_name = "RandomNormal", config = { stddev = 0.02 } }
///     dtype = "bfloat16"        # a rule may set layout, dtype and seed; or skip = true, and no more
///     optional = true           # it may decide no tensor, which is refused otherwise
///     "#,
/// )?;
/// assert!(file.rules[0].matches("h.0.attn.bias"));
/// # Ok::<(), varscale_model::PlanFileError>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanFile {
    /// The spec's file, relative to the plan file's folder. Empty where there is none: see
    /// [`Source::with_spec`](crate::Source::with_spec) and [`LazyPlan`](crate::LazyPlan).
    #[serde(default)]
    pub spec: PathBuf,
    /// Seed of the whole model.
    #[serde(default)]
    pub seed: Option<Seed>,
    /// Keras's `keras.utils.set_random_seed`, in place of a seed: tensors without a seed of their
    /// own take the seeds that Keras draws after it, in the spec's order. 0 to 2^32 - 1.
    #[serde(default, deserialize_with = "global_seed")]
    pub global_seed: Option<u32>,
    /// How a framework's stream, which knows no names, tells tensors of one seed apart. Where it is
    /// left out, a seed that is drawn is made one by each tensor's name, and one that is given is
    /// refused for two tensors.
    #[serde(default)]
    pub seeds: Option<Seeds>,
    /// Stream of every tensor: the native one, unless it is named.
    #[serde(default)]
    pub stream: Stream,
    /// Dtype of every tensor but integers and truth values, in place of the spec's.
    #[serde(default)]
    pub dtype: Option<Dtype>,
    /// Layout of every tensor.
    #[serde(default)]
    pub layout: Option<PlanLayout>,
    /// What is included, as written: [`PlanFile::with_includes`] reads it.
    #[serde(default, deserialize_with = "include::include")]
    pub include: Vec<String>,
    /// Numbers that expressions name.
    #[serde(default)]
    pub constants: Constants,
    /// The rules in order: the first that matches a tensor decides.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// Titles of what was included.
    #[serde(skip)]
    pub included: Vec<String>,
    /// Files that were included.
    #[serde(skip)]
    pub files: Vec<PathBuf>,
    /// Of tensors of a model that is built: what their axes stand for, where nothing says a layout.
    #[serde(skip)]
    pub(crate) layouts: Arc<HashMap<Arc<str>, Layout>>,
}

/// What becomes of a seed that several tensors share, in a framework's stream: of the plan's, or a
/// rule's. (The native stream tells tensors apart by name.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Seeds {
    /// Each tensor takes [`Stream::seed_by_name`].
    ByName,
    /// Each tensor takes it as it is: those of one shape and scheme hold the same values.
    Same,
}

impl Seeds {
    /// Every choice.
    pub const ALL: &[Self] = &[Self::ByName, Self::Same];

    /// Name, as in plans.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ByName => "by-name",
            Self::Same => "same",
        }
    }
}

/// What is wrong with a plan file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct PlanFileError {
    /// What and where, with the line it stands in.
    pub reason: String,
}

impl PlanFile {
    /// A plan file from its text.
    ///
    /// # Errors
    /// [`PlanFileError`] with the line and what is allowed there.
    pub fn from_toml(text: &str) -> Result<Self, PlanFileError> {
        from_toml::<Self>(text)?.checked()
    }

    /// The rule that decides a tensor of this name: the first that matches it.
    #[must_use]
    pub fn rule(&self, name: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.matches(name))
    }

    /// A plan file's content as JSON.
    ///
    /// # Errors
    /// [`PlanFileError`] with the rule's number where it is one's, and what is allowed there.
    pub fn from_json(text: &str) -> Result<Self, PlanFileError> {
        let invalid = |error: serde_json::Error| {
            // Programs write JSON: to their users, a place in it says nothing.
            let Ok(value) = serde_json::from_str::<serde_json::Value>(text) else {
                return error.to_string();
            };
            let rules = value.get("rules").and_then(|rules| rules.as_array());
            let rule = rules.into_iter().flatten().zip(1..).find_map(|(rule, number)| {
                let error = Rule::deserialize(rule).err()?;
                Some(format!("rule {number}: {error}"))
            });
            let whole = || Self::deserialize(&value).err().unwrap_or(error).to_string();
            rule.unwrap_or_else(whole)
        };
        let file: Self =
            serde_json::from_str(text).map_err(|error| PlanFileError { reason: invalid(error) })?;
        file.checked()
    }

    fn checked(mut self) -> Result<Self, PlanFileError> {
        if self.seed.is_some() && self.global_seed.is_some() {
            return Err(PlanFileError { reason: "give seed or global_seed, not both".into() });
        }
        check_rules(&mut self.rules, None)?;
        Ok(self)
    }

    /// A plan file, with what it includes.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::PlanFile`] or [`Error::Include`], which name the file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let file = Self::from_toml(&text(path)?);
        let file = file.map_err(|source| Error::PlanFile { path: path.to_owned(), source })?;
        file.with_includes(path.parent().unwrap_or(Path::new("")))
    }
}

fn from_toml<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, PlanFileError> {
    toml::from_str(text)
        .map_err(|error| PlanFileError { reason: error.to_string().trim_end().into() })
}

/// The text of a plan file.
fn text(path: &Path) -> Result<String, Error> {
    String::from_utf8(input::read(path)?).map_err(|error| {
        let reason = format!("a plan is UTF-8 text: {error}");
        Error::PlanFile { path: path.to_owned(), source: PlanFileError { reason } }
    })
}

/// Numbers the rules of a file, which has a title where it is included, and checks each.
fn check_rules(rules: &mut [Rule], included: Option<&str>) -> Result<(), PlanFileError> {
    rules.iter_mut().zip(1..).try_for_each(|(rule, number)| {
        rule.place = Place { number, included: included.map(Into::into) };
        rule.check()
    })
}

fn global_seed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let seed = i64::deserialize(deserializer)?;
    let allowed = "an integer from 0 to 2^32 - 1";
    u32::try_from(seed)
        .map(Some)
        .map_err(|_| D::Error::invalid_value(serde::de::Unexpected::Signed(seed), &allowed))
}
