//! Rules: the plan file, whose patterns give each tensor an initializer and a layout.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use globset::GlobBuilder;
use regex::bytes::{Regex, RegexBuilder};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, Visitor},
};
use varscale::{Dtype, Initializer, Layout, Seed, Stream};

use crate::{Error, error};

/// A plan file: a spec, defaults, and the rules.
///
/// ```
/// let rules = varscale_model::Rules::from_toml(
///     r#"
///     spec = "gpt2.json"        # relative to the plan file's folder
///     seed = 42                 # absent: drawn once, and reported
///     stream = "native"         # or a framework's: keras-jax, keras-torch, …
///     dtype = "float32"         # absent: what the spec says
///     layout = "torch"          # absent: keras
///     [[rules]]                 # the first rule that matches a tensor's name decides
///     match = "*.bias"          # a glob: * matches any characters, dots and slashes included
///     initializer = "zeros"     # Keras's identifier, or Keras's serialized object
///     [[rules]]
///     match = "*"
///     initializer = { class_name = "RandomNormal", config = { stddev = 0.02 } }
///     dtype = "bfloat16"        # a rule may set layout, dtype and seed
///     "#,
/// )?;
/// assert!(rules.rules[0].matches("h.0.attn.bias"));
/// # Ok::<(), varscale_model::RulesError>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// The spec's file, relative to the plan file's folder.
    pub spec: PathBuf,
    /// Seed of the whole model.
    #[serde(default, deserialize_with = "seed")]
    pub seed: Option<Seed>,
    /// Keras's `keras.utils.set_random_seed`, in place of a seed: tensors without a seed of their
    /// own take the seeds that Keras draws after it, in the spec's order. 0 to 2^32 - 1.
    #[serde(default, deserialize_with = "global_seed")]
    pub global_seed: Option<u32>,
    /// Stream of every tensor: the native one, unless it is named.
    #[serde(default, deserialize_with = "stream")]
    pub stream: Stream,
    /// Dtype of every tensor, in place of the spec's.
    #[serde(default, deserialize_with = "parsed")]
    pub dtype: Option<Dtype>,
    /// Layout of every tensor.
    #[serde(default, deserialize_with = "parsed")]
    pub layout: Option<Layout>,
    /// The rules in order: the first that matches a tensor decides.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

/// What the tensors whose names match a pattern are given. What a rule leaves out is the plan's or
/// the spec's.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    #[serde(rename = "match")]
    pattern: Pattern,
    /// Their initializer.
    #[serde(default, deserialize_with = "initializer")]
    pub initializer: Option<Initializer>,
    /// Their layout.
    #[serde(default, deserialize_with = "parsed")]
    pub layout: Option<Layout>,
    /// Their dtype.
    #[serde(default, deserialize_with = "parsed")]
    pub dtype: Option<Dtype>,
    /// Their seed, where the initializer has none of its own.
    #[serde(default, deserialize_with = "seed")]
    pub seed: Option<Seed>,
}

/// What is wrong with a plan file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct RulesError {
    /// What and where, with the line it stands in.
    pub reason: String,
}

impl Rules {
    /// The rules in a plan file's text.
    ///
    /// # Errors
    /// [`RulesError`] with the line and what is allowed there.
    pub fn from_toml(text: &str) -> Result<Self, RulesError> {
        let rules: Self = toml::from_str(text)
            .map_err(|error| RulesError { reason: error.to_string().trim_end().into() })?;
        if rules.seed.is_some() && rules.global_seed.is_some() {
            return Err(RulesError { reason: "give seed or global_seed, not both".into() });
        }
        Ok(rules)
    }

    /// The rules in a plan file.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Rules`], which name the file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        String::from_utf8(error::read(path)?)
            .map_err(|error| RulesError { reason: format!("a plan is UTF-8 text: {error}") })
            .and_then(|text| Self::from_toml(&text))
            .map_err(|source| Error::Rules { path: path.to_owned(), source })
    }
}

impl Rule {
    /// The glob as written.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern.glob
    }

    /// Whether the whole of a tensor's name matches the glob.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.pattern.regex.is_match(name.as_bytes())
    }
}

fn parsed<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    String::deserialize(deserializer)?.parse().map(Some).map_err(D::Error::custom)
}

fn stream<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Stream, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

/// A glob, and what it compiles to.
#[derive(Debug, Clone)]
struct Pattern {
    glob: String,
    regex: Regex,
}

/// Most bytes of a glob: its braces nest, and every level takes stack.
const LONGEST_GLOB: usize = 1000;

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let glob = String::deserialize(deserializer)?;
        if glob.len() > LONGEST_GLOB {
            let length = glob.len();
            let message = format!("a glob of {length} bytes: at most {LONGEST_GLOB} are allowed");
            return Err(D::Error::custom(message));
        }
        // Backslashes escape on every platform, or a plan would mean another thing on Windows.
        let built = GlobBuilder::new(&glob).backslash_escape(true).build();
        let regex = RegexBuilder::new(built.map_err(D::Error::custom)?.regex())
            .dot_matches_new_line(true)
            .build()
            .map_err(|error| D::Error::custom(format!("glob {glob:?} is too deep: {error}")))?;
        Ok(Self { glob, regex })
    }
}

fn seed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Seed>, D::Error> {
    struct Integer;

    impl Visitor<'_> for Integer {
        type Value = Seed;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an integer from -2^63 to 2^64 - 1 (in quotes above 2^63 - 1)")
        }

        fn visit_i64<E: serde::de::Error>(self, seed: i64) -> Result<Seed, E> {
            Ok(seed.into())
        }

        fn visit_u64<E: serde::de::Error>(self, seed: u64) -> Result<Seed, E> {
            Ok(seed.into())
        }

        fn visit_str<E: serde::de::Error>(self, seed: &str) -> Result<Seed, E> {
            let unexpected = || E::invalid_value(serde::de::Unexpected::Str(seed), &self);
            Seed::integer(seed.parse().map_err(|_| unexpected())?).map_err(E::custom)
        }
    }

    deserializer.deserialize_any(Integer).map(Some)
}

fn global_seed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let seed = i64::deserialize(deserializer)?;
    let allowed = "an integer from 0 to 2^32 - 1";
    u32::try_from(seed)
        .map(Some)
        .map_err(|_| D::Error::invalid_value(serde::de::Unexpected::Signed(seed), &allowed))
}

fn initializer<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Initializer>, D::Error> {
    let value = toml::Value::deserialize(deserializer)?;
    // JSON has neither of these: they would turn into null, which means "not given".
    if let Some(alien) = alien(&value) {
        return Err(D::Error::custom(format!("initializer holds {alien}, which JSON cannot")));
    }
    let value = serde_json::to_value(value).map_err(D::Error::custom)?;
    Initializer::deserialize(&value).map(Some).map_err(D::Error::custom)
}

/// A value inside `value` that JSON does not have: a date, an infinite number or no number.
fn alien(value: &toml::Value) -> Option<&toml::Value> {
    match value {
        toml::Value::Datetime(_) => Some(value),
        toml::Value::Float(float) => (!float.is_finite()).then_some(value),
        toml::Value::Array(values) => values.iter().find_map(alien),
        toml::Value::Table(table) => table.values().find_map(alien),
        _ => None,
    }
}
