//! Arguments as Python's users write them, with the exceptions that Keras and NumPy raise.

use std::borrow::Cow;

use pyo3::{
    exceptions::{PyIndexError, PyOverflowError, PyTypeError, PyValueError},
    prelude::*,
    types::{
        PyBool, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple,
    },
};
use varscale::{Argument, Array, Distribution, Expression, Literal, Mode, Number, Parameter};

use crate::error::refused;

pub(crate) fn repr(value: &Bound<'_, PyAny>) -> String {
    value.repr().map_or_else(|_| "?".into(), |text| text.to_string())
}

fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "?".into(), |name| name.to_string())
}

/// Whether an exception is of a class.
fn is<T: pyo3::PyTypeInfo>(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<T>(py)
}

/// An integer, or whatever has `__index__`.
fn index<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    match value.is_instance_of::<PyInt>() {
        true => Ok(value.clone()),
        // As Python does, of the class: an object's own attribute is none.
        false => value.get_type().getattr("__index__")?.call1((value,)),
    }
}

/// A name.
pub(crate) fn text<'a>(argument: &str, value: &'a Bound<'_, PyAny>) -> PyResult<Cow<'a, str>> {
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(text.to_string_lossy());
    }
    let message = format!("`{argument}` must be a string. Received: {}", repr(value));
    // Keras takes a distribution for a string, and looks anything else up among its names.
    match argument {
        "distribution" => Err(PyTypeError::new_err(message)),
        _ => Err(PyValueError::new_err(message)),
    }
}

/// A real argument; what was written as an integer stays one, as Keras's configs keep it.
pub(crate) fn number<'py>(
    argument: &str,
    value: &Bound<'py, PyAny>,
) -> PyResult<(Number, Bound<'py, PyAny>)> {
    if let Ok(float) = value.cast_exact::<PyFloat>() {
        return Ok((float.extract::<f64>()?.into(), value.clone()));
    }
    let kind = value.get_type();
    let is_numeric = kind.hasattr("__float__")? || kind.hasattr("__index__")?;
    let other = || {
        PyTypeError::new_err(format!(
            "Argument `{argument}` must be a number. Received: {}",
            repr(value)
        ))
    };
    if value.is_instance_of::<PyString>() || value.is_instance_of::<PyBytes>() || !is_numeric {
        return Err(other());
    }
    let py = value.py();
    let real = py.get_type::<PyFloat>().call1((value,)).map_err(|error| {
        if is::<PyTypeError>(py, &error) {
            // An array of several numbers, or one that a compiled function will know.
            let named = other();
            named.set_cause(py, Some(error));
            return named;
        }
        if !is::<PyOverflowError>(py, &error) {
            return error;
        }
        // What is as large may have more digits than Python writes.
        PyValueError::new_err(format!(
            "Argument `{argument}` must lie within ±2^1024. Received: a larger {}",
            type_name(value)
        ))
    })?;
    let written = if kind.hasattr("__index__")? { index(value).ok() } else { None };
    let number = match written.as_ref().map(|integer| integer.extract::<i32>()) {
        Some(Ok(integer)) => integer.into(),
        _ => real.extract::<f64>()?.into(),
    };
    Ok((number, written.unwrap_or(real)))
}

/// An argument of the kind that a parameter's default is of, and how configs hold it.
pub(crate) fn argument<'py>(
    parameter: &Parameter,
    value: &Bound<'py, PyAny>,
) -> PyResult<(Argument, Bound<'py, PyAny>)> {
    let (py, name) = (value.py(), parameter.name);
    Ok(match parameter.default {
        Literal::Number(_) if parameter.arrays && is_array(value) => {
            let list = value.call_method0("tolist").unwrap_or_else(|_| value.clone());
            (Argument::Array(array(name, &list)?), list)
        }
        // What Keras's own classes have no attribute for.
        default if parameter.extension && value.is_none() => (default.into(), value.clone()),
        Literal::Flag(_) => {
            let flag = value.cast::<PyBool>().map_err(|_| {
                let received = repr(value);
                PyTypeError::new_err(format!(
                    "`{name}` must be True or False. Received: {received}"
                ))
            })?;
            (Argument::Flag(flag.is_true()), value.clone())
        }
        Literal::Number(_) | Literal::Unset => {
            let (number, written) = number(name, value)?;
            (Argument::Number(number), written)
        }
        Literal::Mode(_) => {
            let mode = text(name, value)?.parse::<Mode>().map_err(refused)?;
            (Argument::Mode(mode), PyString::intern(py, mode.name()).into_any())
        }
        Literal::Distribution(_) => {
            let of = text(name, value)?.parse::<Distribution>().map_err(refused)?;
            (Argument::Distribution(of), PyString::intern(py, of.name()).into_any())
        }
        Literal::Expression(_) => {
            let of = text(name, value)?.parse::<Expression>().map_err(refused)?;
            (Argument::Expression(of), value.clone())
        }
        _ => {
            return Err(PyTypeError::new_err("an argument of a kind that Python has no value for"));
        }
    })
}

/// Whether it is a list, or an array with axes.
fn is_array(value: &Bound<'_, PyAny>) -> bool {
    let axes = || value.getattr("ndim")?.extract::<usize>();
    value.is_instance_of::<PyList>()
        || value.is_instance_of::<PyTuple>()
        || axes().is_ok_and(|axes| axes > 0)
}

/// The array of a nested list of numbers.
fn array(name: &str, list: &Bound<'_, PyAny>) -> PyResult<Array> {
    fn rows<'py>(list: &Bound<'py, PyAny>) -> Option<Vec<Bound<'py, PyAny>>> {
        is_array(list).then(|| list.extract().ok()).flatten()
    }

    fn flatten(
        name: &str,
        value: &Bound<'_, PyAny>,
        shape: &[usize],
        out: &mut Vec<Number>,
    ) -> PyResult<()> {
        let [size, inner @ ..] = shape else {
            out.push(number(name, value)?.0);
            return Ok(());
        };
        match rows(value) {
            Some(rows) if rows.len() == *size => {
                rows.iter().try_for_each(|row| flatten(name, row, inner, out))
            }
            _ => Err(PyValueError::new_err(format!(
                "`{name}` must be a number, or lists that are one array. Received: {}",
                repr(value)
            ))),
        }
    }

    let (mut shape, mut inner) = (Vec::new(), list.clone());
    while let Some(values) = rows(&inner) {
        shape.push(values.len());
        let Some(first) = values.into_iter().next() else { break };
        inner = first;
    }
    let mut values = Vec::new();
    flatten(name, list, &shape, &mut values)?;
    Array::new(shape, values).map_err(refused)
}

/// Axes of a shape, or none.
#[pyfunction]
pub(crate) fn axes_of(
    argument: &str,
    axes: Option<&Bound<'_, PyAny>>,
) -> PyResult<Option<Vec<isize>>> {
    let Some(axes) = axes else { return Ok(None) };
    let py = axes.py();
    let listed = axes
        .try_iter()
        .and_then(|axes| axes.map(|axis| index(&axis?)).collect::<PyResult<Vec<_>>>());
    let listed = listed.map_err(|error| {
        let kind =
            is::<PyTypeError>(py, &error) || is::<pyo3::exceptions::PyAttributeError>(py, &error);
        if !kind {
            return error;
        }
        PyTypeError::new_err(format!(
            "`{argument}` must be None or a sequence of integers. Received: {}",
            repr(axes)
        ))
    })?;
    let axis = |axis: &Bound<'_, PyAny>| match axis.extract::<i32>() {
        Ok(axis) => Ok(axis as isize),
        Err(_) => Err(PyIndexError::new_err(format!(
            "`{argument}` names axis {}, which no shape has",
            axis
        ))),
    };
    listed.iter().map(axis).collect::<PyResult<Vec<_>>>().map(Some)
}

fn size(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<usize> {
    match value.extract::<usize>() {
        Ok(size) if isize::try_from(size).is_ok() => return Ok(size),
        _ => {}
    }
    let Ok(integer) = index(value) else {
        let received = repr(value);
        let message = format!("`{argument}` must hold integers. Received: {received}");
        return Err(PyTypeError::new_err(message));
    };
    let allowed = if integer.lt(0)? { "sizes of at least 0" } else { "sizes below 2^63" };
    // More digits than Python writes are an exception of its own.
    let received = integer.str()?;
    Err(PyValueError::new_err(format!("`{argument}` must hold {allowed}. Received: {received}")))
}

/// A shape: any sequence of integers, which have an order.
pub(crate) fn shape(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<Vec<usize>> {
    if let Ok(sizes) = value.cast::<PyTuple>() {
        return sizes.iter_borrowed().map(|value| size(argument, &value)).collect();
    }
    if let Ok(sizes) = value.cast::<PyList>() {
        return sizes.iter().map(|value| size(argument, &value)).collect();
    }
    let unordered = value.is_instance_of::<PyString>()
        || value.is_instance_of::<PyBytes>()
        || value.is_instance_of::<PyDict>()
        || value.is_instance_of::<PySet>()
        || value.is_instance_of::<PyFrozenSet>();
    let sizes = if unordered { None } else { value.try_iter().ok() };
    let Some(sizes) = sizes else {
        return Err(PyTypeError::new_err(format!(
            "`{argument}` must be a sequence of integers. Received: {}",
            repr(value)
        )));
    };
    sizes.map(|value| size(argument, &value?)).collect()
}

/// A shape: any sequence of integers, which have an order.
#[pyfunction]
#[pyo3(signature = (shape, argument="shape"))]
pub(crate) fn shape_of<'py>(
    shape: &Bound<'py, PyAny>,
    argument: &str,
) -> PyResult<Bound<'py, PyTuple>> {
    PyTuple::new(shape.py(), self::shape(argument, shape)?)
}
