//! Keras's configs: initializers from JSON and back.
//!
//! Sources: `keras/src/saving/serialization_lib.py` (Keras 3), `keras/src/initializers/__init__.py`
//! (identifiers), `tf_keras/src/saving/legacy/serialization.py` (Keras 2).

mod read;

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use serde_json::{Map, Value, json};

use crate::{
    Initializer, Number, Seed, VarianceScaling,
    initializer::{Fixed, Rule},
    number::Repr,
    seed::Integer,
};

/// What is wrong with a config.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Neither an identifier nor an object.
    #[error(
        "invalid initializer {received}: use an identifier such as \"he_normal\", or an object \
         with \"class_name\" and \"config\""
    )]
    Form {
        /// The JSON received.
        received: String,
    },
    /// No such initializer.
    #[error("unknown initializer {received:?}: use one of {known}, in CamelCase or snake_case")]
    UnknownClass {
        /// The name received.
        received: String,
        /// The names that exist.
        known: String,
    },
    /// Keys that the object does not have.
    #[error(
        "{object} has unknown keys {}: it takes {}",
        keys.join(", "),
        if allowed.is_empty() { "none".to_owned() } else { allowed.join(", ") }
    )]
    UnknownKeys {
        /// Class of the object.
        object: String,
        /// The keys received.
        keys: Vec<String>,
        /// The keys that exist.
        allowed: Vec<String>,
    },
    /// A value of the wrong kind.
    #[error("invalid {key} {received} of {object}: it must be {allowed}")]
    Value {
        /// Class of the object.
        object: String,
        /// Its key.
        key: &'static str,
        /// The JSON received.
        received: String,
        /// What is allowed.
        allowed: &'static str,
    },
}

/// How a config is written. All are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ConfigForm {
    /// Keras 3.15.1 and later: `module`, `class_name`, `config`, `registered_name`; `seed` first,
    /// with `input_axes` and `output_axes`.
    #[default]
    Keras3,
    /// Keras 3 before 3.15.1, and tf_keras: as above without the axes, `seed` last. An initializer
    /// with axes is written as [`ConfigForm::Keras3`], since they would be lost.
    Keras3WithoutAxes,
    /// Keras 2: `class_name` and `config` only, the latter as [`ConfigForm::Keras3WithoutAxes`].
    Keras2,
}

impl ConfigForm {
    /// The form that a serialized initializer is in.
    ///
    /// ```
    /// use varscale::ConfigForm;
    /// let config = serde_json::json!({"class_name": "HeNormal", "config": {"seed": 1}});
    /// assert_eq!(ConfigForm::of(&config), ConfigForm::Keras2);
    /// ```
    #[must_use]
    pub fn of(serialized: &Value) -> Self {
        let (class, config) = (&serialized["class_name"], &serialized["config"]);
        let scaling = class.as_str().is_some_and(is_variance_scaling);
        let axes_missing = scaling && config.get("input_axes").is_none();
        let first = config.as_object().and_then(|config| config.keys().next());
        let seed_later = config.get("seed").is_some() && first.is_some_and(|key| key != "seed");
        if serialized.get("module").is_none() {
            Self::Keras2
        } else if axes_missing || seed_later {
            Self::Keras3WithoutAxes
        } else {
            Self::Keras3
        }
    }
}

fn is_variance_scaling(class: &str) -> bool {
    class == VarianceScaling::CLASS || VarianceScaling::preset(class).is_some()
}

fn wrap(module: &str, class: &str, config: Value) -> Value {
    json!({"module": module, "class_name": class, "config": config, "registered_name": null})
}

fn number(number: Number) -> Value {
    match number.0 {
        Repr::Integer(integer) => integer.into(),
        Repr::Float(float) => float.into(),
    }
}

fn seed(seed: &Seed) -> Value {
    let integer = match seed.given() {
        None => Value::Null,
        Some(Integer { value, boolean: true }) => (value != 0).into(),
        Some(Integer { value, .. }) if value < 0 => (value as i64).into(),
        Some(Integer { value, .. }) => (value as u64).into(),
    };
    match seed.as_generator() {
        Some(generator) => {
            let config = json!({"seed": integer, "name": generator.name()});
            wrap("keras.random", "SeedGenerator", config)
        }
        None => integer,
    }
}

impl Initializer {
    /// Keras's `get_config()`: the arguments of the constructor. An unset seed stays `null`.
    #[must_use]
    pub fn get_config(&self, form: ConfigForm) -> Value {
        let mut config = Map::new();
        let mut set = |key: &str, value| config.insert(key.to_owned(), value);
        match &self.rule {
            Rule::Fixed(Fixed::Zeros | Fixed::Ones) => None,
            Rule::Fixed(Fixed::Constant { value }) => set("value", number(*value)),
            Rule::Fixed(Fixed::Identity { gain }) => set("gain", number(*gain)),
            Rule::Fixed(
                Fixed::RandomNormal { mean, stddev } | Fixed::TruncatedNormal { mean, stddev },
            ) => {
                set("mean", number(*mean));
                set("stddev", number(*stddev))
            }
            Rule::Fixed(Fixed::RandomUniform { minval, maxval }) => {
                set("minval", number(*minval));
                set("maxval", number(*maxval))
            }
            Rule::VarianceScaling(rule) if rule.class_name() == VarianceScaling::CLASS => {
                set("scale", number(rule.scale));
                set("mode", rule.mode().name().into());
                set("distribution", rule.distribution().name().into())
            }
            Rule::VarianceScaling(_) => None,
        };
        let form = self.form(form);
        if let Some(own) = &self.seed {
            if form == ConfigForm::Keras3 {
                config.shift_insert(0, "seed".to_owned(), seed(own));
            } else {
                config.insert("seed".to_owned(), seed(own));
            }
        }
        if let (Rule::VarianceScaling(rule), ConfigForm::Keras3) = (&self.rule, form) {
            config.insert("input_axes".to_owned(), json!(rule.input_axes));
            config.insert("output_axes".to_owned(), json!(rule.output_axes));
        }
        Value::Object(config)
    }

    /// Keras's `initializers.serialize`: [`Initializer::get_config`] with the class around it.
    #[must_use]
    pub fn serialize(&self, form: ConfigForm) -> Value {
        let config = self.get_config(form);
        match self.form(form) {
            ConfigForm::Keras2 => json!({"class_name": self.class_name(), "config": config}),
            _ => wrap("keras.initializers", self.class_name(), config),
        }
    }

    /// The form asked for, or Keras 3's where the others would lose the axes.
    fn form(&self, form: ConfigForm) -> ConfigForm {
        match self.as_variance_scaling() {
            Some(rule) if rule.input_axes.is_some() || rule.output_axes.is_some() => {
                ConfigForm::Keras3
            }
            _ => form,
        }
    }
}
