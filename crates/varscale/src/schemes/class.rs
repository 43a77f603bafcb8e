//! Classes: the one table of the family, from which configs, identifiers, messages, the command
//! line and Python's classes come.
//!
//! Source: `keras/src/initializers/` of Keras 3.15.1.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use super::{
    constant,
    content::Content,
    distribution::Distribution::{self, Uniform},
    fans::Mode::{self, FanAvg, FanIn},
    identity::IDENTITY_MATRIX,
    law::{Law, finite},
    of_expression::OfExpression,
    orthogonal::Orthogonal,
    pattern::Pattern,
    resolve::{ByShape, Everywhere, Literal, OfParameters, Parameter, Resolve},
    truncated_normal::{self, TruncatedNormal},
    variance_scaling::{self, VarianceScaling},
};
use crate::{argument::ArgumentError, error::ConfigError};

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
    /// Its parameters other than the seed and the axes, in Keras's order, and behind them those that
    /// Keras lacks.
    pub parameters: &'static [Parameter],
    /// Whether it draws, and so takes a seed: Keras's parameter behind those.
    pub draws: bool,
    /// Whether it takes Keras 3.15's `input_axes` and `output_axes`, behind the seed.
    pub has_axes: bool,
    /// Of a preset, the arguments of `VarianceScaling` that it is.
    pub preset: Option<[Literal; 3]>,
    pub(crate) resolution: &'static dyn Resolve,
}

impl PartialEq for Class {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

const fn fixed<const N: usize, F: OfParameters<N>>(
    name: &'static str,
    aliases: &'static [&'static str],
    summary: &'static str,
    parameters: &'static [Parameter; N],
    resolution: &'static F,
) -> Class {
    let (draws, has_axes, preset) = (false, false, None);
    Class { name, aliases, summary, parameters, draws, has_axes, preset, resolution }
}

const fn drawn<const N: usize, F: OfParameters<N>>(
    name: &'static str,
    aliases: &'static [&'static str],
    summary: &'static str,
    parameters: &'static [Parameter; N],
    resolution: &'static F,
) -> Class {
    Class { draws: true, ..fixed(name, aliases, summary, parameters, resolution) }
}

const fn drawn_by(
    name: &'static str,
    summary: &'static str,
    parameters: &'static [Parameter],
    resolution: &'static dyn Resolve,
) -> Class {
    let (draws, has_axes, preset) = (true, false, None);
    Class { name, aliases: &[], summary, parameters, draws, has_axes, preset, resolution }
}

const fn scaling(
    name: &'static str,
    summary: &'static str,
    parameters: &'static [Parameter],
    preset: Option<[Literal; 3]>,
) -> Class {
    let (draws, has_axes, resolution) = (true, true, &VarianceScaling);
    Class { name, aliases: &[], summary, parameters, draws, has_axes, preset, resolution }
}

const fn preset(
    name: &'static str,
    summary: &'static str,
    scale: f64,
    mode: Mode,
    distribution: Distribution,
) -> Class {
    let arguments =
        [Literal::number(scale), Literal::Mode(mode), Literal::Distribution(distribution)];
    scaling(name, summary, &[], Some(arguments))
}

const CUT: Distribution = Distribution::TruncatedNormal;

const NORMAL: &[Parameter; 2] =
    &[Parameter::number("mean", 0.0), Parameter::number("stddev", 0.05)];

/// The table: each row by the name that its constructor in `scheme` knows it by.
macro_rules! classes {
    ($($row:ident = $class:expr;)*) => {
        $(pub(super) const $row: Class = $class;)*

        impl Class {
            /// Every class.
            pub const ALL: &[Self] = &[$($row),*];
        }
    };
}

classes! {
    ZEROS = fixed("Zeros", &["zero"], "every value 0", &[], &Everywhere(|[]| every(0.0)));
    ONES = fixed("Ones", &["one"], "every value 1", &[], &Everywhere(|[]| every(1.0)));
    CONSTANT = fixed(
        "Constant",
        &[],
        "every value the same, or an array's",
        &[Parameter { arrays: true, ..Parameter::number("value", 0.0) }],
        &constant::Value,
    );
    IDENTITY = fixed(
        "Identity",
        &["IdentityInitializer"],
        "a matrix with the gain on its diagonal and 0 elsewhere",
        &[Parameter::number("gain", 1.0)],
        &IDENTITY_MATRIX,
    );
    ORTHOGONAL = drawn(
        "Orthogonal",
        &["OrthogonalInitializer"],
        "a matrix with orthonormal columns, or rows where these are fewer",
        &[Parameter::number("gain", 1.0)],
        &ByShape(
            |[gain]| finite("gain", gain).map(drop),
            |[gain], tensor| Ok(Content::Orthogonal(Orthogonal::of(gain.get(), tensor)?)),
        ),
    );
    FORMULA = drawn(
        "Formula",
        &[],
        "an expression of indices, axis sizes and a uniform word",
        &[Parameter::required("expression", Literal::Expression("u"))],
        &OfExpression,
    );
    RANDOM_NORMAL = drawn(
        "RandomNormal",
        &["normal"],
        "normal",
        NORMAL,
        &Everywhere(|[mean, stddev]| Law::normal(mean, stddev).map(Content::Random)),
    );
    RANDOM_UNIFORM = drawn(
        "RandomUniform",
        &["uniform"],
        "uniform",
        &[Parameter::number("minval", -0.05), Parameter::number("maxval", 0.05)],
        &Everywhere(|[minval, maxval]| Law::uniform(minval, maxval).map(Content::Random)),
    );
    LOG_UNIFORM = drawn(
        "LogUniform",
        &[],
        "positive values whose logarithm is uniform",
        &[
            Parameter::required("minval", Literal::number(0.001)),
            Parameter::required("maxval", Literal::number(0.1)),
        ],
        &Everywhere(|[minval, maxval]| Law::log_uniform(minval, maxval).map(Content::Random)),
    );
    TRUNCATED_NORMAL = drawn_by(
        "TruncatedNormal",
        "normal, cut off at two standard deviations from the mean, or at given bounds",
        &truncated_normal::PARAMETERS,
        &TruncatedNormal,
    );
    VARIANCE_SCALING = scaling(
        "VarianceScaling",
        "variance scale / fan, by the distribution named",
        &variance_scaling::PARAMETERS,
        None,
    );
    GLOROT_UNIFORM =
        preset("GlorotUniform", "uniform, scale 1 over fan_avg", 1.0, FanAvg, Uniform);
    GLOROT_NORMAL =
        preset("GlorotNormal", "truncated normal, scale 1 over fan_avg", 1.0, FanAvg, CUT);
    HE_UNIFORM = preset("HeUniform", "uniform, scale 2 over fan_in", 2.0, FanIn, Uniform);
    HE_NORMAL =
        preset("HeNormal", "truncated normal, scale 2 over fan_in", 2.0, FanIn, CUT);
    LECUN_UNIFORM = preset("LecunUniform", "uniform, scale 1 over fan_in", 1.0, FanIn, Uniform);
    LECUN_NORMAL =
        preset("LecunNormal", "truncated normal, scale 1 over fan_in", 1.0, FanIn, CUT);
}

/// What Keras's `initializers.get` takes for classes that have no row.
const NOT_DRAWN: [&str; 3] = ["STFT", "stft", "STFTInitializer"];

impl Class {
    /// The class of one of Keras's identifiers: its name, that in snake case, or an alias; also with
    /// the `V2` behind it that tf.keras had.
    ///
    /// # Errors
    /// [`ConfigError::UnknownClass`], [`ConfigError::NotDrawn`].
    pub fn named(identifier: &str) -> Result<&'static Self, ConfigError> {
        let name = identifier.strip_suffix("V2").unwrap_or(identifier);
        let answers = |class: &&Self| class.aliases.contains(&name) || class.snake_case() == name;
        let named = Self::ALL.iter().find(|class| class.name == name);
        named.or_else(|| Self::ALL.iter().find(answers)).ok_or_else(|| {
            let received = identifier.to_owned();
            if NOT_DRAWN.contains(&name) {
                return ConfigError::NotDrawn { received };
            }
            let known = Self::ALL.iter().map(|class| class.name).collect::<Vec<_>>().join(", ");
            ConfigError::UnknownClass { received, known }
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

fn every(value: f64) -> Result<Content, ArgumentError> {
    Ok(Content::Pattern(Pattern::Constant { value }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No row hides another one's names.
    #[test]
    fn every_identifier_is_of_one_class() {
        let mut all = Vec::new();
        for class in Class::ALL {
            let snake = class.snake_case();
            for name in class.aliases.iter().copied().chain([class.name, snake.as_str()]) {
                assert_eq!(Class::named(name).unwrap().name, class.name, "{name}");
                all.push(name.to_owned());
            }
        }
        all.sort();
        assert!(all.windows(2).all(|pair| pair[0] != pair[1]), "{all:?}");
    }
}
