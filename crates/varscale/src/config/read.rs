//! Configs to initializers.

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};

use serde_json::{Map, Value, json};

use super::{ConfigError, is_variance_scaling};
use crate::{
    Error, Initializer, Number, Seed, SeedGenerator, VarianceScaling, initializer::Fixed,
    number::Repr, seed::Integer,
};

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
    /// `"HeNormal"`) or of a serialized object in any [`ConfigForm`](crate::ConfigForm).
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
}
