//! Arrays in configs: nested lists, as they are or as Keras's `__numpy__` and `__tensor__`.

use alloc::{borrow::ToOwned, vec::Vec};

use serde_json::{Value, json};

use super::super::array::{Array, Origin};
use crate::{
    dtype::Dtype,
    number::{Number, Repr},
};

/// The classes of arrays that are no lists.
const CLASSES: [&str; 2] = ["__numpy__", "__tensor__"];

/// A number as JSON has it.
pub(super) fn number(value: &Value) -> Option<Number> {
    let Value::Number(number) = value else { return None };
    match number.as_i64() {
        Some(integer) => Some(Number(Repr::Integer(integer))),
        None => number.as_f64().map(Number::from),
    }
}

/// A number as JSON.
pub(super) fn written(number: Number) -> Value {
    match number.0 {
        Repr::Integer(integer) => integer.into(),
        Repr::Float(float) => float.into(),
    }
}

/// The array that stands for an argument; `None` where it is none.
pub(super) fn read(value: &Value) -> Option<Array> {
    let Some(class) = value.get("class_name") else { return nested(value, &Some) };
    let class = CLASSES.into_iter().find(|known| class == known)?;
    let config = value.get("config")?;
    let dtype = config.get("dtype")?.as_str()?;
    let integers = ["int", "uint"].iter().any(|kind| dtype.starts_with(kind));
    if !integers && dtype.parse::<Dtype>().is_err() {
        return None;
    }
    let integer = |number: &Number| matches!(number.0, Repr::Integer(_));
    let cast = |number| Some(number).filter(|number| !integers || integer(number));
    let array = nested(config.get("value")?, &cast)?;
    Some(array.with_origin(Origin { class, dtype: dtype.to_owned() }))
}

/// The array of a nested list, all of whose lists at one depth are as long.
fn nested(value: &Value, cast: &dyn Fn(Number) -> Option<Number>) -> Option<Array> {
    let (mut shape, mut inner) = (Vec::new(), value);
    while let Value::Array(values) = inner {
        shape.push(values.len());
        inner = values.first().unwrap_or(&Value::Null);
    }
    let mut values = Vec::new();
    flatten(value, &shape, cast, &mut values)?;
    Array::new(shape, values).ok()
}

fn flatten(
    value: &Value,
    shape: &[usize],
    cast: &dyn Fn(Number) -> Option<Number>,
    out: &mut Vec<Number>,
) -> Option<()> {
    match (value, shape) {
        (Value::Array(values), [size, inner @ ..]) if values.len() == *size => {
            values.iter().try_for_each(|value| flatten(value, inner, cast, out))
        }
        (value, []) => {
            out.push(cast(number(value)?)?);
            Some(())
        }
        _ => None,
    }
}

/// The array as Keras writes it.
pub(super) fn write(array: &Array) -> Value {
    let list = list(array.values(), array.shape());
    match array.origin() {
        None => list,
        Some(Origin { class, dtype }) => {
            json!({"class_name": class, "config": {"value": list, "dtype": dtype}})
        }
    }
}

fn list(values: &[Number], shape: &[usize]) -> Value {
    let [size, inner @ ..] = shape else {
        return values.first().copied().map_or(Value::Null, written);
    };
    let length = values.len().checked_div(*size).unwrap_or(0);
    (0..*size).map(|at| list(&values[at * length..][..length], inner)).collect()
}
