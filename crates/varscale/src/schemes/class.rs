//! Classes: the one table of the family, from which configs, identifiers, messages, the command
//! line and Python's classes come.
//!
//! Source: `keras/src/initializers/` of Keras 3.15.1.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use super::{
    content::Content,
    distribution::Distribution::{self, TruncatedNormal, Uniform},
    fans::Mode::{self, FanAvg, FanIn},
    formula::{Argument, Everywhere, Formula, Parameter},
    identity::Identity,
    law::{Law, finite},
    pattern::Pattern,
    variance_scaling::{self, VarianceScaling, number},
};
use crate::error::ConfigError;

/// A class of Keras's family: what is written in configs, and what it takes.
///
/// ```
/// use varscale::Class;
/// let names: Vec<_> = Class::ALL.iter().map(|class| class.name).collect();
/// assert!(names.contains(&"HeNormal"));
/// assert_eq!(Class::named("he_normal")?.name, "HeNormal");
/// assert_eq!(Class::named("normal")?.parameters[1].name, "stddev");
/// # Ok::<(), varscale::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Class {
    /// Keras's name, such as `HeNormal`.
    pub name: &'static str,
    /// What Keras's `initializers.get` takes for it, beside the name and its snake case.
    pub aliases: &'static [&'static str],
    /// What its values are, in a few words.
    pub summary: &'static str,
    /// Its parameters other than the seed and the axes, in Keras's order.
    pub parameters: &'static [Parameter],
    /// Whether it draws, and so takes a seed: Keras's parameter behind those.
    pub draws: bool,
    /// Whether it takes Keras 3.15's `input_axes` and `output_axes`, behind the seed.
    pub has_axes: bool,
    /// Of a preset, the arguments of `VarianceScaling` that it is.
    pub preset: Option<[Argument; 3]>,
    pub(crate) formula: &'static dyn Formula,
}

impl PartialEq for Class {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

const fn fixed(
    name: &'static str,
    aliases: &'static [&'static str],
    summary: &'static str,
    parameters: &'static [Parameter],
    formula: &'static dyn Formula,
) -> Class {
    let (draws, has_axes, preset) = (false, false, None);
    Class { name, aliases, summary, parameters, draws, has_axes, preset, formula }
}

const fn drawn(
    name: &'static str,
    aliases: &'static [&'static str],
    summary: &'static str,
    parameters: &'static [Parameter],
    formula: &'static dyn Formula,
) -> Class {
    Class { draws: true, ..fixed(name, aliases, summary, parameters, formula) }
}

const fn preset(
    name: &'static str,
    summary: &'static str,
    scale: f64,
    mode: Mode,
    distribution: Distribution,
) -> Class {
    let scale = number(scale);
    let preset = Some([scale, Argument::Mode(mode), Argument::Distribution(distribution)]);
    Class { has_axes: true, preset, ..drawn(name, &[], summary, &[], &VarianceScaling) }
}

const fn parameter(name: &'static str, default: f64) -> Parameter {
    Parameter { name, default: number(default) }
}

const NORMAL: &[Parameter] = &[parameter("mean", 0.0), parameter("stddev", 0.05)];

impl Class {
    /// Every class.
    pub const ALL: &[Self] = &[
        fixed("Zeros", &["zero"], "every value 0", &[], &Everywhere(|[]| constant(0.0))),
        fixed("Ones", &["one"], "every value 1", &[], &Everywhere(|[]| constant(1.0))),
        fixed(
            "Constant",
            &[],
            "every value the same",
            &[parameter("value", 0.0)],
            &Everywhere(|[value]| constant(finite("value", value)?)),
        ),
        fixed(
            "Identity",
            &["IdentityInitializer"],
            "a matrix with the gain on its diagonal and 0 elsewhere",
            &[parameter("gain", 1.0)],
            &Identity,
        ),
        drawn(
            "RandomNormal",
            &["normal"],
            "normal",
            NORMAL,
            &Everywhere(|[mean, stddev]| Law::normal(mean, stddev).map(Content::Random)),
        ),
        drawn(
            "RandomUniform",
            &["uniform"],
            "uniform",
            &[parameter("minval", -0.05), parameter("maxval", 0.05)],
            &Everywhere(|[minval, maxval]| Law::uniform(minval, maxval).map(Content::Random)),
        ),
        drawn(
            "TruncatedNormal",
            &[],
            "normal, cut off at two standard deviations from the mean",
            NORMAL,
            &Everywhere(|[mean, stddev]| Law::truncated_normal(mean, stddev).map(Content::Random)),
        ),
        Self {
            has_axes: true,
            ..drawn(
                "VarianceScaling",
                &[],
                "variance scale / fan, by the distribution named",
                &variance_scaling::PARAMETERS,
                &VarianceScaling,
            )
        },
        preset("GlorotUniform", "uniform, scale 1 over fan_avg", 1.0, FanAvg, Uniform),
        preset(
            "GlorotNormal",
            "truncated normal, scale 1 over fan_avg",
            1.0,
            FanAvg,
            TruncatedNormal,
        ),
        preset("HeUniform", "uniform, scale 2 over fan_in", 2.0, FanIn, Uniform),
        preset("HeNormal", "truncated normal, scale 2 over fan_in", 2.0, FanIn, TruncatedNormal),
        preset("LecunUniform", "uniform, scale 1 over fan_in", 1.0, FanIn, Uniform),
        preset("LecunNormal", "truncated normal, scale 1 over fan_in", 1.0, FanIn, TruncatedNormal),
    ];

    /// The class of one of Keras's identifiers: its name, that in snake case, or an alias.
    ///
    /// # Errors
    /// [`ConfigError::UnknownClass`].
    pub fn named(identifier: &str) -> Result<&'static Self, ConfigError> {
        let answers = |class: &&Self| {
            class.name == identifier
                || class.aliases.contains(&identifier)
                || class.snake_case() == identifier
        };
        Self::ALL.iter().find(answers).ok_or_else(|| ConfigError::UnknownClass {
            received: identifier.to_owned(),
            known: Self::ALL.iter().map(|class| class.name).collect::<Vec<_>>().join(", "),
        })
    }

    /// Its name in snake case, as Keras's functions of old.
    ///
    /// ```
    /// assert_eq!(varscale::Class::named("GlorotUniform")?.snake_case(), "glorot_uniform");
    /// # Ok::<(), varscale::Error>(())
    /// ```
    #[must_use]
    pub fn snake_case(&self) -> String {
        let mut snake = String::new();
        for (at, letter) in self.name.char_indices() {
            if letter.is_ascii_uppercase() && at > 0 {
                snake.push('_');
            }
            snake.push(letter.to_ascii_lowercase());
        }
        snake
    }
}

fn constant(value: f64) -> Result<Content, crate::argument::ArgumentError> {
    Ok(Content::Pattern(Pattern::Constant { value }))
}
