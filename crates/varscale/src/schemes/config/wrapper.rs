//! What stands around a config: the class, and where it is from.

use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
};

use serde_json::{Map, Value};

use super::fields::Fields;
use crate::{error::ConfigError, schemes::class::Class};

/// The packages that Keras has been.
const PACKAGES: [&str; 5] =
    ["keras", "keras_core", "tf_keras", "tensorflow.keras", "tensorflow.python.keras"];

/// Where these have had initializers.
const INITIALIZERS: [&str; 7] = [
    "initializers",
    "initializers.initializer",
    "initializers.initializers",
    "initializers.initializers_v1",
    "initializers.initializers_v2",
    "initializers.random_initializers",
    "initializers.constant_initializers",
];

/// Where these have had seed generators.
const GENERATORS: [&str; 3] = ["random", "random.seed_generator", "backend"];

/// A serialized object of Keras's, of any version: what its class is called now, and its config.
///
/// ```
/// use varscale::Serialized;
/// let saved = serde_json::json!({
///     "module": "keras.src.initializers.random_initializers",
///     "class_name": "HeNormalV2",
///     "config": {"seed": 1, "dtype": "float32"},
///     "registered_name": "HeNormalV2",
/// });
/// let Serialized { class_name, config, .. } = Serialized::read(&saved)?;
/// assert_eq!((class_name.as_str(), config.len()), ("HeNormal", 1));
/// # Ok::<(), varscale::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Serialized {
    /// Of a class of the family, its name; of any other, what was read.
    pub class_name: String,
    /// The arguments of the class, without the `dtype` that tf.keras wrote beside them.
    pub config: Map<String, Value>,
}

impl Serialized {
    /// The class and config of an identifier (`"he_normal"`) or of a serialized object.
    ///
    /// # Errors
    /// [`ConfigError`] where it is neither, or where the object is not Keras's own: of another
    /// module, or registered under a name of its own.
    pub fn read(value: &Value) -> Result<Self, ConfigError> {
        if let Some(identifier) = value.as_str() {
            return Ok(Self { class_name: name(identifier), config: Map::new() });
        }
        let keys = ["module", "class_name", "config", "registered_name", "shared_object_id"];
        let fields = Fields::new("a serialized initializer", value, &keys)?;
        let form = || ConfigError::Form { received: value.to_string() };
        let class = fields.map.get("class_name").and_then(Value::as_str).ok_or_else(form)?;
        let config = fields.map.get("config").ok_or_else(form)?;
        if matches!(class, "function" | "__lambda__") {
            let received = config.as_str().unwrap_or(class).to_owned();
            return Err(ConfigError::Function { received });
        }
        let places = if class == "SeedGenerator" { &GENERATORS[..] } else { &INITIALIZERS };
        if fields.map.get("module").is_some_and(|module| !module.as_str().is_some_and(of(places))) {
            let allowed = "Keras's own, such as \"keras.initializers\" (of a SeedGenerator, \
                           \"keras.random\")";
            return Err(fields.error("module", allowed));
        }
        let registered = fields.map.get("registered_name").filter(|name| !name.is_null());
        if registered.is_some_and(|name| name != class) {
            let allowed = "null or the class name: custom objects are not known";
            return Err(fields.error("registered_name", allowed));
        }
        let mut config = config
            .as_object()
            .cloned()
            .ok_or_else(|| ConfigError::Form { received: config.to_string() })?;
        config.shift_remove("dtype");
        Ok(Self { class_name: name(class), config })
    }
}

fn of(places: &[&str]) -> impl Fn(&str) -> bool {
    move |module| {
        let inside = |package| module.strip_prefix(package)?.strip_prefix('.');
        let mut inside = PACKAGES.into_iter().filter_map(inside);
        inside.any(|place| places.contains(&place.strip_prefix("src.").unwrap_or(place)))
    }
}

fn name(class: &str) -> String {
    Class::named(class).map_or(class, |class| class.name).to_owned()
}
