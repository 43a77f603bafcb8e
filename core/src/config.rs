//! Keras's configs: initializers from JSON and back.
//!
//! Sources: `keras/src/saving/serialization_lib.py` (Keras 3), `keras/src/initializers/__init__.py`
//! (identifiers), `tf_keras/src/saving/legacy/serialization.py` (Keras 2).

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};

use serde_json::{Map, Value, json};

use crate::{
    Error, Initializer, Number, Seed, SeedGenerator, VarianceScaling,
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

/// Every class with its parameters (in Keras's order) other than the seed and the axes.
const CLASSES: [(&str, &[&str]); 14] = [
    ("Zeros", &[]),
    ("Ones", &[]),
    ("Constant", &["value"]),
    ("Identity", &["gain"]),
    ("RandomNormal", &["mean", "stddev"]),
    ("RandomUniform", &["minval", "maxval"]),
    ("TruncatedNormal", &["mean", "stddev"]),
    ("VarianceScaling", &["scale", "mode", "distribution"]),
    ("GlorotUniform", &[]),
    ("GlorotNormal", &[]),
    ("HeUniform", &[]),
    ("HeNormal", &[]),
    ("LecunUniform", &[]),
    ("LecunNormal", &[]),
];

/// Other names that Keras's `initializers.get` takes.
const ALIASES: [(&str, &str); 5] = [
    ("IdentityInitializer", "Identity"),
    ("normal", "RandomNormal"),
    ("one", "Ones"),
    ("uniform", "RandomUniform"),
    ("zero", "Zeros"),
];

fn is_variance_scaling(class: &str) -> bool {
    class == VarianceScaling::CLASS || VarianceScaling::preset(class).is_some()
}

fn snake_case(class: &str) -> String {
    let mut snake = String::new();
    for (at, letter) in class.char_indices() {
        if letter.is_ascii_uppercase() && at > 0 {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

fn class_of(identifier: &str) -> Result<(&'static str, &'static [&'static str]), ConfigError> {
    let class = ALIASES.iter().find(|(alias, _)| *alias == identifier).map(|(_, class)| *class);
    CLASSES
        .into_iter()
        .find(|&(name, _)| {
            Some(name) == class || name == identifier || snake_case(name) == identifier
        })
        .ok_or_else(|| ConfigError::UnknownClass {
            received: identifier.to_owned(),
            known: CLASSES.map(|(name, _)| name).join(", "),
        })
}

/// An object of a config, read key by key.
struct Fields<'a> {
    object: &'a str,
    map: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    fn new(object: &'a str, value: &'a Value, allowed: &[&str]) -> Result<Self, ConfigError> {
        let form = || ConfigError::Form { received: value.to_string() };
        let map = value.as_object().ok_or_else(form)?;
        let unknown = map.keys().filter(|key| !allowed.contains(&key.as_str()));
        let keys: Vec<String> = unknown.map(|key| format!("{key:?}")).collect();
        if keys.is_empty() {
            return Ok(Self { object, map });
        }
        let allowed = allowed.iter().map(|key| format!("{key:?}")).collect();
        Err(ConfigError::UnknownKeys { object: object.to_owned(), keys, allowed })
    }

    fn error(&self, key: &'static str, allowed: &'static str) -> ConfigError {
        let received = self.map.get(key).unwrap_or(&Value::Null).to_string();
        ConfigError::Value { object: self.object.to_owned(), key, received, allowed }
    }

    fn number(&self, key: &'static str, default: f64) -> Result<Number, ConfigError> {
        match self.map.get(key) {
            None => Ok(default.into()),
            Some(Value::Number(number)) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => Ok(Number(Repr::Integer(integer))),
                (None, Some(float)) => Ok(float.into()),
                (None, None) => Err(self.error(key, "a number")),
            },
            Some(_) => Err(self.error(key, "a number")),
        }
    }

    fn text(&self, key: &'static str, default: &'a str) -> Result<&'a str, ConfigError> {
        match self.map.get(key) {
            None => Ok(default),
            Some(value) => value.as_str().ok_or_else(|| self.error(key, "a string")),
        }
    }

    fn axes(&self, key: &'static str) -> Result<Option<Vec<isize>>, ConfigError> {
        let error = || self.error(key, "null or a list of integers");
        let axis = |axis: &Value| axis.as_i64().and_then(|axis| isize::try_from(axis).ok());
        match self.map.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Array(axes)) => {
                axes.iter().map(axis).collect::<Option<_>>().map(Some).ok_or_else(error)
            }
            Some(_) => Err(error()),
        }
    }

    /// The plain seed of an initializer or of a generator; `None` where it is unset.
    fn integer(&self) -> Result<Option<Integer>, ConfigError> {
        match self.map.get("seed") {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(seed)) => Ok(Some(Integer::boolean(*seed))),
            Some(value) => {
                let integer = value.as_i64().map(Integer::from);
                let integer = integer.or_else(|| value.as_u64().map(Integer::from));
                let allowed = "null, an integer from -2^63 to 2^64 - 1, or a SeedGenerator";
                integer.map(Some).ok_or_else(|| self.error("seed", allowed))
            }
        }
    }

    fn seed(&self) -> Result<Seed, Error> {
        match self.map.get("seed") {
            Some(object @ Value::Object(_)) => {
                let outer = Wrapper::read(object)?;
                if outer.class != "SeedGenerator" {
                    return Err(self.error("seed", "null, an integer or a SeedGenerator").into());
                }
                let fields = Fields::new("SeedGenerator", outer.config, &["seed", "name"])?;
                let generator = SeedGenerator::build(fields.integer()?)?;
                match fields.map.get("name") {
                    None | Some(Value::Null) => Ok(Seed::generator(&generator)),
                    _ => Ok(Seed::generator(&generator.with_name(fields.text("name", "")?))),
                }
            }
            _ => match self.integer()? {
                Some(integer) => Ok(integer.into()),
                None => Ok(Seed::unset()?),
            },
        }
    }
}

/// What stands around a config: the class name, and in Keras 3 where it comes from.
struct Wrapper<'a> {
    class: &'a str,
    config: &'a Value,
}

impl<'a> Wrapper<'a> {
    fn read(value: &'a Value) -> Result<Self, ConfigError> {
        let keys = ["module", "class_name", "config", "registered_name"];
        let object = "a serialized initializer";
        let fields = Fields::new(object, value, &keys)?;
        let form = || ConfigError::Form { received: value.to_string() };
        let class = fields.map.get("class_name").and_then(Value::as_str).ok_or_else(form)?;
        let config = fields.map.get("config").ok_or_else(form)?;
        let module = if class == "SeedGenerator" { "keras.random" } else { "keras.initializers" };
        if fields.text("module", module)? != module {
            let allowed = "\"keras.initializers\" (\"keras.random\" for a SeedGenerator)";
            return Err(fields.error("module", allowed));
        }
        match fields.map.get("registered_name") {
            None | Some(Value::Null) => Ok(Self { class, config }),
            Some(_) => Err(fields.error("registered_name", "null: custom objects are not known")),
        }
    }
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
    /// The initializer of this class or alias (Keras's identifiers) with this config. Missing keys
    /// have Keras's defaults; configs of every Keras version load.
    ///
    /// # Errors
    /// [`ConfigError`] for unknown classes, keys and kinds of value; otherwise what the
    /// constructor refuses.
    ///
    /// ```
    /// use varscale::Initializer;
    /// let config = serde_json::json!({"scale": 2.0, "mode": "fan_out", "seed": 7});
    /// let initializer = Initializer::from_config("VarianceScaling", &config)?;
    /// assert_eq!(initializer.as_variance_scaling().unwrap().scale(), 2.0);
    /// # Ok::<(), varscale::Error>(())
    /// ```
    pub fn from_config(class_name: &str, config: &Value) -> Result<Self, Error> {
        let (class, parameters) = class_of(class_name)?;
        let scaling = is_variance_scaling(class);
        let seeded = scaling || class.contains("Normal") || class.contains("Uniform");
        let mut allowed = parameters.to_vec();
        allowed.extend(seeded.then_some("seed"));
        allowed.extend(["input_axes", "output_axes"].into_iter().filter(|_| scaling));
        let fields = Fields::new(class, config, &allowed)?;

        if scaling {
            let rule = match VarianceScaling::preset(class) {
                Some(preset) => preset,
                None => VarianceScaling::new(
                    fields.number("scale", 1.0)?,
                    fields.text("mode", "fan_in")?.parse()?,
                    fields.text("distribution", "truncated_normal")?.parse()?,
                )?,
            };
            let rule = rule.with_axes(fields.axes("input_axes")?, fields.axes("output_axes")?);
            return Ok(Self::variance_scaling(rule, fields.seed()?));
        }
        let normal =
            || Ok::<_, ConfigError>((fields.number("mean", 0.0)?, fields.number("stddev", 0.05)?));
        let rule = match class {
            "Zeros" => Fixed::Zeros,
            "Ones" => Fixed::Ones,
            "Constant" => Fixed::Constant { value: fields.number("value", 0.0)? },
            "Identity" => Fixed::Identity { gain: fields.number("gain", 1.0)? },
            "RandomUniform" => {
                let (minval, maxval) =
                    (fields.number("minval", -0.05)?, fields.number("maxval", 0.05)?);
                Fixed::RandomUniform { minval, maxval }
            }
            "RandomNormal" => {
                let (mean, stddev) = normal()?;
                Fixed::RandomNormal { mean, stddev }
            }
            _ => {
                let (mean, stddev) = normal()?;
                Fixed::TruncatedNormal { mean, stddev }
            }
        };
        let seed = seeded.then(|| fields.seed()).transpose()?;
        Ok(Self::fixed(rule, seed)?)
    }

    /// The initializer that Keras's `initializers.get` makes of an identifier (`"he_normal"`,
    /// `"HeNormal"`) or of a serialized object in any [`ConfigForm`].
    ///
    /// # Errors
    /// As [`Initializer::from_config`].
    ///
    /// ```
    /// use varscale::{ConfigForm, Initializer};
    /// let initializer = Initializer::deserialize(&"he_normal".into())?;
    /// assert_eq!(initializer.serialize(ConfigForm::Keras3)["config"]["seed"], serde_json::Value::Null);
    /// # Ok::<(), varscale::Error>(())
    /// ```
    pub fn deserialize(serialized: &Value) -> Result<Self, Error> {
        if let Some(identifier) = serialized.as_str() {
            return Self::from_config(identifier, &json!({}));
        }
        let wrapper = Wrapper::read(serialized)?;
        Self::from_config(wrapper.class, wrapper.config)
    }

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
