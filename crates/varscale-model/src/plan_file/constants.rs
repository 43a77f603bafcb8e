//! The constants of a plan: numbers that expressions name.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use varscale::Expression;

use super::{
    glob::is_identifier,
    names::{TAKEN, is_taken},
};
use crate::PlanError;

/// A constant as it is written.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Constant {
    /// A finite number.
    Number(f64),
    /// An expression over other constants.
    Expression(String),
}

/// The constants of a plan, in the order of their names: of a recipe, too, so that it stays the same.
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
        match self.0.binary_search_by(|(known, _)| known.cmp(&name)) {
            Ok(place) => self.0[place].1 = constant,
            Err(place) => self.0.insert(place, (name, constant)),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The constants of a plan with their values.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Numbers(Vec<(String, f64)>);

impl Numbers {
    pub(crate) fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(known, _)| known == name).map(|&(_, value)| value)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

impl Constants {
    /// Their values, each of which may need others', in any order.
    pub(crate) fn values(&self) -> Result<Numbers, PlanError> {
        let mut numbers = Numbers::default();
        let mut open: Vec<&str> = Vec::new();
        for (name, _) in &self.0 {
            open.push(name);
            while let Some(&name) = open.last() {
                let failed = |source| PlanError::Constant { constant: name.to_owned(), source };
                let value = match self.get(name) {
                    _ if numbers.get(name).is_some() => {
                        open.pop();
                        continue;
                    }
                    Some(Constant::Number(value)) => *value,
                    Some(Constant::Expression(text)) => {
                        let expression = Expression::parse(text).map_err(failed)?;
                        let missing = |needed: &&String| numbers.get(needed).is_none();
                        let needed = expression.names().iter().find(missing);
                        let needed = needed.and_then(|needed| self.entry(needed));
                        match needed {
                            Some(needed) if open.contains(&needed) => {
                                open.push(needed);
                                let circle = open.join(" -> ");
                                return Err(PlanError::ConstantCircle { circle });
                            }
                            Some(needed) => {
                                open.push(needed);
                                continue;
                            }
                            None => expression
                                .evaluate(&|name| numbers.get(name))
                                .map_err(|error| failed(error.with_names(self.names())))?,
                        }
                    }
                    None => break,
                };
                numbers.0.push((name.to_owned(), value));
                open.pop();
            }
        }
        Ok(numbers)
    }

    fn entry(&self, name: &str) -> Option<&str> {
        self.names().find(|known| *known == name)
    }

    /// The expressions among them.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = Expression> {
        self.0.iter().filter_map(|(_, constant)| match constant {
            Constant::Number(_) => None,
            Constant::Expression(text) => Expression::parse(text).ok(),
        })
    }

    /// Their names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
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
            if is_taken(&name) {
                return Err(D::Error::custom(format!("constant {name:?}: {TAKEN}")));
            }
            let constant = match value {
                // f64 holds no whole number beyond exactly.
                toml::Value::Integer(number) if number.unsigned_abs() <= 1 << 53 => {
                    Constant::Number(number as f64)
                }
                toml::Value::Integer(_) => {
                    return Err(refused("integers from -2^53 to 2^53 are allowed"));
                }
                toml::Value::Float(number) if number.is_finite() => Constant::Number(number),
                toml::Value::String(ref text) => match Expression::parse(text) {
                    Ok(_) => Constant::Expression(text.clone()),
                    Err(error) => {
                        return Err(D::Error::custom(format!("constant {name}: {error}")));
                    }
                },
                _ => return Err(refused("it must be a finite number or an expression in quotes")),
            };
            constants.insert(name, constant);
        }
        Ok(constants)
    }
}
