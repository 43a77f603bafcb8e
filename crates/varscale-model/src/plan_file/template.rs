//! Initializers of rules, in which a number may be an expression.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Map, Value};
use varscale::{Argument, Class, ConfigForm, Expression, Parameter, Scheme, Seed, Serialized};

use super::{gain, names::is_of_formula};

/// An initializer of a rule: Keras's identifier or serialized object, in which each number may be an
/// expression in quotes, and `VarianceScaling` may have a `gain` in place of its scale.
#[derive(Debug, Clone)]
pub struct Template {
    seed: Option<Seed>,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    Scheme(Scheme),
    Open(Arc<Open>),
}

#[derive(Debug)]
struct Open {
    class: &'static Class,
    /// As it is written, expressions and all.
    config: Map<String, Value>,
    slots: Vec<Slot>,
}

/// Where an expression stands in a config.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    /// The key, as written.
    pub(crate) key: String,
    /// Its place in a list of lists.
    place: Vec<usize>,
    /// The text, as written.
    pub(crate) written: String,
    /// What is computed.
    pub(crate) expression: Expression,
    /// Whether it is one of a tensor's indices, of which only the plan's own names are filled in.
    pub(crate) is_formula: bool,
    /// Whether it is a gain, whose square is computed: the scale.
    is_gain_for_scale: bool,
}

impl Slot {
    fn new(key: &str, written: &str, text: &str) -> Result<Self, String> {
        let expression =
            Expression::parse(text).map_err(|error| format!("invalid {key}: {error}"))?;
        let (key, written) = (key.to_owned(), written.to_owned());
        let (is_formula, is_gain_for_scale) = (false, false);
        Ok(Self { key, place: Vec::new(), written, expression, is_formula, is_gain_for_scale })
    }

    /// As messages show it with what was computed: `stddev = "0.02 / layers" is 0.01`.
    pub(crate) fn shown(&self, computed: f64) -> String {
        format!("{} = {:?} is {}", self.key, self.written, self.value(computed))
    }

    /// The value of what is written.
    pub(crate) fn value(&self, computed: f64) -> f64 {
        if self.is_gain_for_scale { computed.sqrt() } else { computed }
    }

    /// Its number, or its formula with numbers filled in.
    fn filled(&self, numbers: &mut impl Iterator<Item = f64>) -> Result<Value, varscale::Error> {
        if !self.is_formula {
            return Ok(numbers.next().into());
        }
        let numbers: Vec<_> = self.names().zip(numbers).collect();
        let number = |name: &str| numbers.iter().find(|number| number.0 == name).map(|n| n.1);
        Ok(self.expression.with(&number)?.text().into())
    }

    /// The names that the plan has to fill in.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let names = self.expression.names().iter().map(String::as_str);
        names.filter(|name| !self.is_formula || !is_of_formula(name))
    }
}

/// As [`Template::has_axes`].
pub(crate) fn has_axes(scheme: &Scheme) -> bool {
    names_axes(&scheme.serialize(None, ConfigForm::Keras3))
}

fn names_axes(serialized: &Value) -> bool {
    serialized["config"].get("input_axes").is_some_and(|axes| !axes.is_null())
}

impl Template {
    /// # Errors
    /// Why it is none.
    pub(crate) fn read(value: &Value) -> Result<Self, String> {
        let Serialized { class_name, mut config, .. } =
            Serialized::read(value).map_err(|error| error.to_string())?;
        let class = Class::named(&class_name).map_err(|error| error.to_string())?;
        let of_scale = class.parameters.iter().any(|parameter| parameter.name == "scale");
        if of_scale && config.get("gain").is_some_and(|gain| !gain.is_null()) {
            if config.contains_key("scale") {
                return Err(format!("{class_name}: give scale or gain, not both"));
            }
            if let Some(gain) = config.get("gain").and_then(Value::as_f64) {
                config.shift_remove("gain");
                config.insert("scale".into(), (gain * gain).into());
            }
        }
        let slots = slots(class, &config)?;
        if slots.is_empty() {
            let read = Scheme::from_config(&class_name, &Value::Object(config));
            let (scheme, seed) = read.map_err(|error| error.to_string())?;
            return Ok(Self { seed, content: Content::Scheme(scheme) });
        }
        // What expressions have no part in is checked at once; numbers are where they are known, and
        // those that are required stand for an example here.
        let mut rest = Map::new();
        for (key, value) in &config {
            let parameter = class.parameters.iter().find(|parameter| parameter.name == key);
            let takes_number = |one: &Parameter| one.takes(&Argument::Number(0.0.into()));
            let is_open =
                slots.iter().any(|slot| slot.key == *key) || parameter.is_some_and(takes_number);
            match parameter {
                _ if !is_open => rest.insert(key.clone(), value.clone()),
                Some(parameter) if parameter.required => {
                    let example = match Argument::from(parameter.default) {
                        Argument::Number(number) => number.get().into(),
                        other => other.to_string().into(),
                    };
                    rest.insert(key.clone(), example)
                }
                _ => None,
            };
        }
        let read = Scheme::from_config(&class_name, &Value::Object(rest));
        let (_, seed) = read.map_err(|error| error.to_string())?;
        Ok(Self { seed, content: Content::Open(Arc::new(Open { class, config, slots })) })
    }

    /// Its own seed.
    #[must_use]
    pub fn seed(&self) -> Option<&Seed> {
        self.seed.as_ref()
    }

    /// The class that it names.
    #[must_use]
    pub fn class(&self) -> &'static Class {
        match &self.content {
            Content::Scheme(scheme) => scheme.class(),
            Content::Open(open) => open.class,
        }
    }

    /// Whether its scheme draws, whatever its numbers are.
    pub(crate) fn draws(&self) -> bool {
        match &self.content {
            Content::Scheme(scheme) => scheme.draws(),
            Content::Open(open) => {
                let reads_no_word = |slot: &Slot| {
                    slot.is_formula && !slot.expression.names().iter().any(|n| n == "u")
                };
                open.class.draws && !open.slots.iter().any(reads_no_word)
            }
        }
    }

    /// The scheme, where no number is an expression.
    #[must_use]
    pub fn scheme(&self) -> Option<&Scheme> {
        match &self.content {
            Content::Scheme(scheme) => Some(scheme),
            Content::Open(_) => None,
        }
    }

    /// Whether it has Keras's `input_axes`, which go before every layout.
    pub(crate) fn has_axes(&self) -> bool {
        names_axes(&self.written())
    }

    /// Keras's serialized object, with expressions as they are written.
    pub(crate) fn written(&self) -> Value {
        match &self.content {
            Content::Scheme(scheme) => scheme.serialize(self.seed(), ConfigForm::Keras3),
            Content::Open(open) => {
                serde_json::json!({"class_name": open.class.name, "config": open.config})
            }
        }
    }

    /// The expressions.
    pub(crate) fn slots(&self) -> &[Slot] {
        match &self.content {
            Content::Scheme(_) => &[],
            Content::Open(open) => &open.slots,
        }
    }

    /// The scheme with these numbers in the slots: the value of each expression, and for a formula
    /// those of its [`Slot::names`].
    pub(crate) fn with(&self, numbers: &[f64]) -> Result<Scheme, varscale::Error> {
        let open = match &self.content {
            Content::Scheme(scheme) => return Ok(scheme.clone()),
            Content::Open(open) => open,
        };
        let mut config = open.config.clone();
        let mut numbers = numbers.iter().copied();
        for slot in &open.slots {
            let mut value = config.get_mut(&slot.key);
            for &index in &slot.place {
                value = value.and_then(|value| value.get_mut(index));
            }
            if let Some(value) = value {
                *value = slot.filled(&mut numbers)?;
            }
        }
        if open.has_gain_for_scale()
            && let Some(scale) = config.shift_remove("gain")
        {
            config.insert("scale".into(), scale);
        }
        Scheme::from_config(open.class.name, &Value::Object(config)).map(|(scheme, _)| scheme)
    }
}

impl Open {
    fn has_gain_for_scale(&self) -> bool {
        !self.class.parameters.iter().any(|parameter| parameter.name == "gain")
    }
}

/// The expressions of a config.
fn slots(class: &'static Class, config: &Map<String, Value>) -> Result<Vec<Slot>, String> {
    let number = Argument::Number(0.0.into());
    let takes_number =
        |key: &str| class.parameters.iter().any(|one| one.name == key && one.takes(&number));
    let mut slots = Vec::new();
    for (key, value) in config {
        match value {
            Value::String(text) if key == "gain" && takes_number("scale") => {
                let slot = Slot::new(key, text, &gain::scale(text))?;
                slots.push(Slot { is_gain_for_scale: true, ..slot });
            }
            Value::String(text) if key == "gain" && takes_number("gain") => {
                slots.push(Slot::new(key, text, &gain::gain(text))?);
            }
            Value::String(text) if class.name == "Formula" && key == "expression" => {
                let slot = Slot { is_formula: true, ..Slot::new(key, text, text)? };
                if slot.names().next().is_some() {
                    slots.push(slot);
                }
            }
            Value::String(text) if takes_number(key) => slots.push(Slot::new(key, text, text)?),
            Value::Array(values) if takes_number(key) => in_list(key, values, &[], &mut slots)?,
            _ => {}
        }
    }
    Ok(slots)
}

fn in_list(
    key: &str,
    values: &[Value],
    place: &[usize],
    slots: &mut Vec<Slot>,
) -> Result<(), String> {
    for (index, value) in values.iter().enumerate() {
        let place = [place, &[index]].concat();
        match value {
            Value::String(text) => slots.push(Slot { place, ..Slot::new(key, text, text)? }),
            Value::Array(values) => in_list(key, values, &place, slots)?,
            _ => {}
        }
    }
    Ok(())
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = toml::Value::deserialize(deserializer)?;
        // JSON has neither of these: they would turn into null, which means "not given".
        if let Some(alien) = alien(&value) {
            return Err(D::Error::custom(format!("initializer holds {alien}, which JSON cannot")));
        }
        let value = serde_json::to_value(value).map_err(D::Error::custom)?;
        Self::read(&value).map_err(D::Error::custom)
    }
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
