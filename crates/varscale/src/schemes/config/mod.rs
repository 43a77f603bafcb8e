//! Keras's configs: schemes and their seeds from JSON and back.
//!
//! Sources: `keras/src/saving/serialization_lib.py` (Keras 3), `keras/src/initializers/__init__.py`
//! (identifiers), `tf_keras/src/saving/legacy/serialization.py` (Keras 2).

mod array;
mod fields;
mod read;
mod wrapper;

use alloc::borrow::ToOwned;

use serde_json::{Map, Value, json};

pub use wrapper::Serialized;

use super::{class::Class, resolve::Argument, scheme::Scheme};
use crate::seed::{Integer, Seed};

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
        let scaling = class
            .as_str()
            .and_then(|class| Class::named(class).ok())
            .is_some_and(|class| class.has_axes);
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

fn wrap(module: &str, class: &str, config: Value) -> Value {
    json!({"module": module, "class_name": class, "config": config, "registered_name": null})
}

fn argument(argument: &Argument) -> Value {
    match argument {
        Argument::Number(number) => array::written(*number),
        Argument::Unset => Value::Null,
        Argument::Flag(flag) => (*flag).into(),
        Argument::Array(values) => array::write(values),
        Argument::Mode(mode) => mode.name().into(),
        Argument::Distribution(distribution) => distribution.name().into(),
        Argument::Expression(expression) => expression.text().into(),
    }
}

fn seed(seed: &Seed) -> Value {
    let integer = match seed.given() {
        None => Value::Null,
        Some(Integer { value, boolean: true }) => (value != 0).into(),
        Some(Integer { value, .. }) => json!(Seed::from(value)),
    };
    match seed.as_generator() {
        Some(generator) => {
            let config = json!({"seed": integer, "name": generator.name()});
            wrap("keras.random", "SeedGenerator", config)
        }
        None => integer,
    }
}

impl Scheme {
    /// Keras's `get_config()` of this scheme with a seed: the arguments of the constructor. An unset
    /// seed is `null`.
    #[must_use]
    pub fn get_config(&self, own: Option<&Seed>, form: ConfigForm) -> Value {
        let mut config = Map::new();
        for (parameter, value) in self.class().parameters.iter().zip(self.arguments()) {
            // What Keras lacks, it does not take.
            if !parameter.extension || *value != Argument::from(parameter.default) {
                config.insert(parameter.name.to_owned(), argument(value));
            }
        }
        let form = self.form(form);
        if self.class().draws {
            let at = if form == ConfigForm::Keras3 { 0 } else { config.len() };
            config.shift_insert(at, "seed".to_owned(), own.map_or(Value::Null, seed));
        }
        if self.class().has_axes && form == ConfigForm::Keras3 {
            config.insert("input_axes".to_owned(), json!(self.axes().input));
            config.insert("output_axes".to_owned(), json!(self.axes().output));
        }
        Value::Object(config)
    }

    /// Keras's `initializers.serialize`: [`Scheme::get_config`] with the class around it.
    #[must_use]
    pub fn serialize(&self, seed: Option<&Seed>, form: ConfigForm) -> Value {
        let (class, config) = (self.class().name, self.get_config(seed, form));
        match self.form(form) {
            ConfigForm::Keras2 => json!({"class_name": class, "config": config}),
            _ => wrap("keras.initializers", class, config),
        }
    }

    /// The form asked for, or Keras 3's where the others would lose the axes.
    fn form(&self, form: ConfigForm) -> ConfigForm {
        if *self.axes() == Default::default() { form } else { ConfigForm::Keras3 }
    }
}
