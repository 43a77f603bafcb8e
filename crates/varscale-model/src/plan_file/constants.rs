//! The constants of a plan: numbers that expressions name.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use super::glob::is_identifier;

/// A constant as it is written.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Constant {
    /// A finite number.
    Number(f64),
    /// An expression over other constants.
    Expression(String),
}

/// The constants of a plan by their names, in the file's order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Constants(Vec<(String, Constant)>);

impl Constants {
    /// The constant of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Constant> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, constant)| constant)
    }

    /// Sets the constant of this name.
    pub fn insert(&mut self, name: String, constant: Constant) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = constant,
            None => self.0.push((name, constant)),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl IntoIterator for Constants {
    type Item = (String, Constant);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Serialize for Constants {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, constant)| (name, constant)))
    }
}

impl<'de> Deserialize<'de> for Constants {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut constants = Self::default();
        for (name, value) in toml::Table::deserialize(deserializer)? {
            let refused =
                |allowed| D::Error::custom(format!("constant {name} = {value}: {allowed}"));
            if !is_identifier(&name) {
                return Err(D::Error::custom(format!(
                    "constant {name:?}: a name is letters, digits and _, and no digit first"
                )));
            }
            let constant = match value {
                toml::Value::Integer(number) => Constant::Number(number as f64),
                toml::Value::Float(number) if number.is_finite() => Constant::Number(number),
                toml::Value::String(ref text) => Constant::Expression(text.clone()),
                _ => return Err(refused("it must be a finite number or an expression in quotes")),
            };
            constants.insert(name, constant);
        }
        Ok(constants)
    }
}
