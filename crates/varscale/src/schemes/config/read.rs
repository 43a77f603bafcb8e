//! Configs to schemes and their seeds.

use alloc::vec::Vec;

use serde_json::Value;

use super::super::{
    class::Class,
    resolve::{Argument, Literal, Parameter},
    scheme::Scheme,
};
use super::{array, fields::Fields, wrapper::Serialized};
use crate::{
    error::{ConfigError, Error},
    number::Number,
    seed::{Integer, Seed, SeedGenerator},
};

impl<'a> Fields<'a> {
    /// What stands for a parameter, of the kind that its default is of.
    fn argument(&self, parameter: &Parameter) -> Result<Argument, Error> {
        let Parameter { name, default, arrays, .. } = *parameter;
        let Some(value) = self.map.get(name) else {
            return match parameter.required {
                false => Ok(default.into()),
                true => Err(self.missing(name, &Argument::from(default)).into()),
            };
        };
        let text = || value.as_str().ok_or_else(|| self.error(name, "a string"));
        Ok(match default {
            Literal::Number(_) if arrays && (value.is_array() || value.is_object()) => {
                let allowed = "a number, or an array of finite numbers (a list, __numpy__ or \
                               __tensor__)";
                Argument::Array(array::read(value).ok_or_else(|| self.error(name, allowed))?)
            }
            Literal::Unset if value.is_null() => Argument::Unset,
            Literal::Number(_) | Literal::Unset => Argument::Number(self.number(name, value)?),
            Literal::Flag(_) => {
                Argument::Flag(value.as_bool().ok_or_else(|| self.error(name, "true or false"))?)
            }
            Literal::Mode(_) => Argument::Mode(text()?.parse()?),
            Literal::Distribution(_) => Argument::Distribution(text()?.parse()?),
            Literal::Expression(_) => Argument::Expression(text()?.parse()?),
        })
    }

    fn number(&self, key: &'static str, value: &Value) -> Result<Number, ConfigError> {
        array::number(value).ok_or_else(|| self.error(key, "a number"))
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
                let text = || value.as_str()?.parse::<i128>().ok().map(Integer::from);
                let allowed = "null, an integer from -2^63 to 2^64 - 1 (in quotes beyond), or a \
                               SeedGenerator";
                integer.or_else(text).map(Some).ok_or_else(|| self.error("seed", allowed))
            }
        }
    }

    /// The seed; `None` where it is unset.
    fn seed(&self) -> Result<Option<Seed>, Error> {
        match self.map.get("seed") {
            Some(object @ Value::Object(_)) => {
                let Serialized { class_name, config } = Serialized::read(object)?;
                if class_name != "SeedGenerator" {
                    return Err(self.error("seed", "null, an integer or a SeedGenerator").into());
                }
                let config = Value::Object(config);
                let fields = Fields::new("SeedGenerator", &config, &["seed", "name"])?;
                let generator = SeedGenerator::build(fields.integer()?)?;
                Ok(Some(match fields.map.get("name") {
                    None | Some(Value::Null) => Seed::generator(&generator),
                    _ => Seed::generator(&generator.with_name(fields.text("name", "")?)),
                }))
            }
            _ => Ok(self.integer()?.map(Seed::from)),
        }
    }
}

impl Scheme {
    /// The scheme of this class or alias (Keras's identifiers) with this config, and the seed where
    /// that gives one. Missing keys have Keras's defaults, where they are not required; configs of every Keras version load.
    ///
    /// # Errors
    /// [`ConfigError`] for unknown classes, keys and kinds of value, and for missing keys; otherwise what the
    /// constructor refuses.
    ///
    /// ```
    /// use varscale::{Mode, Scheme};
    /// let config = serde_json::json!({"scale": 2.0, "mode": "fan_out", "seed": 7});
    /// let (scheme, seed) = Scheme::from_config("VarianceScaling", &config)?;
    /// assert_eq!(scheme, Scheme::variance_scaling(2.0, Mode::FanOut, Default::default())?);
    /// assert_eq!(seed, Some(7.into()));
    /// # Ok::<(), varscale::Error>(())
    /// ```
    pub fn from_config(class_name: &str, config: &Value) -> Result<(Self, Option<Seed>), Error> {
        let class = Class::named(class_name)?;
        let mut allowed: Vec<_> = class.parameters.iter().map(|parameter| parameter.name).collect();
        allowed.extend(class.draws.then_some("seed"));
        // Of tf.keras, which draws in another one all the same.
        allowed.push("dtype");
        allowed.extend(["input_axes", "output_axes"].into_iter().filter(|_| class.has_axes));
        let fields = Fields::new(class.name, config, &allowed)?;

        let arguments = class.parameters.iter().map(|parameter| fields.argument(parameter));
        let scheme = Self::new(class, arguments.collect::<Result<_, _>>()?)?;
        let scheme = scheme.with_axes(fields.axes("input_axes")?, fields.axes("output_axes")?)?;
        Ok((scheme, fields.seed()?))
    }

    /// The scheme, and its seed where there is one, that Keras's `initializers.get` makes of an
    /// identifier (`"he_normal"`, `"HeNormal"`) or of a serialized object in any
    /// [`ConfigForm`](crate::ConfigForm).
    ///
    /// # Errors
    /// As [`Scheme::from_config`].
    ///
    /// ```
    /// let (scheme, seed) = varscale::Scheme::deserialize(&"he_normal".into())?;
    /// assert_eq!((scheme.class().name, seed), ("HeNormal", None));
    /// # Ok::<(), varscale::Error>(())
    /// ```
    pub fn deserialize(serialized: &Value) -> Result<(Self, Option<Seed>), Error> {
        let Serialized { class_name, config } = Serialized::read(serialized)?;
        Self::from_config(&class_name, &Value::Object(config))
    }
}
