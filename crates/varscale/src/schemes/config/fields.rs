//! An object of a config, read key by key.

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};

use serde_json::{Map, Value};

use crate::error::ConfigError;

/// An object of a config, read key by key.
pub(super) struct Fields<'a> {
    object: &'a str,
    pub(super) map: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(
        object: &'a str,
        value: &'a Value,
        allowed: &[&str],
    ) -> Result<Self, ConfigError> {
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

    pub(super) fn error(&self, key: &'static str, allowed: &'static str) -> ConfigError {
        let received = self.map.get(key).unwrap_or(&Value::Null).to_string();
        ConfigError::Value { object: self.object.to_owned(), key, received, allowed }
    }

    pub(super) fn missing(&self, key: &'static str, example: &impl ToString) -> ConfigError {
        ConfigError::Missing { object: self.object.to_owned(), key, example: example.to_string() }
    }
}
