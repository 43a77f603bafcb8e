//! Initializers of rules.

use serde::{Deserialize, Deserializer, de::Error as _};
use varscale::{Scheme, Seed};

/// Keras's identifier or serialized object.
pub(super) fn scheme<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<(Scheme, Option<Seed>)>, D::Error> {
    let value = toml::Value::deserialize(deserializer)?;
    // JSON has neither of these: they would turn into null, which means "not given".
    if let Some(alien) = alien(&value) {
        return Err(D::Error::custom(format!("initializer holds {alien}, which JSON cannot")));
    }
    let value = serde_json::to_value(value).map_err(D::Error::custom)?;
    Scheme::deserialize(&value).map(Some).map_err(D::Error::custom)
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
