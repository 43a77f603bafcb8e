//! Schemes, which the Python side gives seeds.

use pyo3::{
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
    types::PyDict,
};
use varscale::{Argument, Class, Dtype, Layout, Literal, Seed, Serialized, Stream, Tensor};

use crate::{
    arguments::{argument, axes_of, shape},
    array,
    draw::Draw,
    dtype::Kind,
    error::refused,
    explanation::Explanation,
    generator::{SeedGenerator, integer},
};

/// How values follow from a global shape: a class of the family with its arguments, checked.
#[pyclass(frozen, module = "varscale._core")]
pub(crate) struct Scheme(varscale::Scheme);

/// A parameter: its name, its default or an example as Python's value, whether Keras lacks it, and
/// whether it is required.
pub(crate) type Parameter = (&'static str, Option<Value>, bool, bool);

/// A class: its name, that in snake case, aliases, what it is in words, parameters, whether it draws and takes axes, and
/// what VarianceScaling it is.
pub(crate) type Row = (
    &'static str,
    String,
    Vec<&'static str>,
    &'static str,
    Vec<Parameter>,
    bool,
    bool,
    Option<Vec<Value>>,
);

/// An argument as Python's value.
#[derive(IntoPyObject)]
pub(crate) enum Value {
    Number(f64),
    Flag(bool),
    Text(String),
}

/// As Python's value; an argument that is left out is `None`.
fn value(literal: Literal) -> Option<Value> {
    match literal {
        Literal::Number(number) => Some(Value::Number(number.get())),
        Literal::Unset => None,
        Literal::Flag(flag) => Some(Value::Flag(flag)),
        literal => Some(Value::Text(Argument::from(literal).to_string())),
    }
}

/// The table of the family.
pub(crate) fn classes() -> Vec<Row> {
    let row = |class: &'static Class| {
        let parameter = |parameter: &varscale::Parameter| {
            let varscale::Parameter { name, default, extension, required, .. } = *parameter;
            (name, value(default), extension, required)
        };
        (
            class.name,
            class.snake_case(),
            class.aliases.to_vec(),
            class.summary,
            class.parameters.iter().map(parameter).collect(),
            class.draws,
            class.has_axes,
            class.preset.map(|preset| preset.into_iter().filter_map(value).collect()),
        )
    };
    Class::ALL.iter().map(row).collect()
}

/// The class of an initializer that Keras has serialized, or of an identifier, as JSON.
#[pyfunction]
pub(crate) fn serialized_class(json: &str) -> PyResult<String> {
    let invalid = |error: serde_json::Error| PyValueError::new_err(error.to_string());
    let value = serde_json::from_str(json).map_err(invalid)?;
    Serialized::read(&value).map(|serialized| serialized.class_name).map_err(refused)
}

const AXES: [&str; 2] = ["input_axes", "output_axes"];

fn tensor(shape: Vec<usize>, name: String, layout: &str) -> PyResult<Tensor> {
    let layout = layout.parse::<Layout>().map_err(refused)?;
    Ok(Tensor::new(shape).named(name).with_layout(layout))
}

#[pymethods]
impl Scheme {
    /// A class by its name, with arguments for its parameters in their order. Those that Keras lacks
    /// may be left out at the end.
    #[new]
    #[pyo3(signature = (class_name, *arguments, input_axes=None, output_axes=None))]
    fn new(
        class_name: &str,
        arguments: Vec<Bound<'_, PyAny>>,
        input_axes: Option<Vec<isize>>,
        output_axes: Option<Vec<isize>>,
    ) -> PyResult<Self> {
        let class = Class::named(class_name).map_err(refused)?;
        let wanted = class.parameters.iter().filter(|parameter| !parameter.extension).count();
        if !(wanted..=class.parameters.len()).contains(&arguments.len()) {
            let given = arguments.len();
            return Err(PyTypeError::new_err(format!("{class_name} takes {wanted}, not {given}")));
        }
        let arguments = class
            .parameters
            .iter()
            .zip(&arguments)
            .map(|(parameter, value)| Ok(argument(parameter, value)?.0));
        let scheme = varscale::Scheme::new(class, arguments.collect::<PyResult<_>>()?);
        let scheme = scheme.and_then(|scheme| scheme.with_axes(input_axes, output_axes));
        scheme.map(Self).map_err(refused)
    }

    /// A class by its name with those of these arguments that are its own, axes included; and
    /// these, as configs hold them.
    #[staticmethod]
    fn of<'py>(
        py: Python<'py>,
        class_name: &str,
        given: &Bound<'py, PyDict>,
    ) -> PyResult<(Self, Bound<'py, PyDict>)> {
        let class = Class::named(class_name).map_err(refused)?;
        let checked = PyDict::new(py);
        let get = |name: &str| given.get_item(name);
        let mut arguments = Vec::with_capacity(class.parameters.len());
        for parameter in class.parameters {
            let value = get(parameter.name)?.unwrap_or_else(|| py.None().into_bound(py));
            let (value, written) = argument(parameter, &value)?;
            checked.set_item(parameter.name, written)?;
            arguments.push(value);
        }
        let mut scheme = varscale::Scheme::new(class, arguments).map_err(refused)?;
        if class.has_axes {
            let [input, output] = AXES.map(|name| {
                let given = get(name)?.filter(|axes| !axes.is_none());
                let axes = axes_of(name, given.as_ref())?;
                checked.set_item(name, &axes)?;
                PyResult::Ok(axes)
            });
            scheme = scheme.with_axes(input?, output?).map_err(refused)?;
        }
        Ok((Self(scheme), checked))
    }

    /// How the scheme arrives at its numbers for a shape.
    fn explain(&self, shape: &Bound<'_, PyAny>, layout: &str) -> PyResult<Explanation> {
        let tensor = tensor(self::shape("shape", shape)?, String::new(), layout)?;
        Explanation::new(&self.0, tensor)
    }

    /// The draw of a tensor. A `SeedGenerator` advances by one call; with an integer, `call` is
    /// what that call of a generator of this seed draws. A scheme that draws nothing needs no seed.
    #[pyo3(signature = (shape, seed, stream, *, name=String::new(), layout="keras", call=None))]
    fn draw(
        &self,
        shape: &Bound<'_, PyAny>,
        seed: Option<&Bound<'_, PyAny>>,
        stream: &str,
        name: String,
        layout: &str,
        call: Option<u32>,
    ) -> PyResult<Draw> {
        let tensor = tensor(self::shape("shape", shape)?, name, layout)?;
        self.draw_tensor(tensor, seed, stream, call, None).map(Draw)
    }

    /// The values of a tensor, or of a box of it (offset and extent), as a new array: what `draw`
    /// and its `array` give, at once.
    #[pyo3(signature = (shape, dtype, seed, stream, *, name=String::new(), layout="keras", part=None))]
    #[expect(clippy::too_many_arguments, reason = "Python's keywords")]
    fn array<'py>(
        &self,
        py: Python<'py>,
        shape: &Bound<'py, PyAny>,
        dtype: Option<&Bound<'py, PyAny>>,
        seed: Option<&Bound<'py, PyAny>>,
        stream: &str,
        name: String,
        layout: &str,
        part: Option<(Vec<usize>, Vec<usize>)>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let shape = self::shape("shape", shape)?;
        let kind = Kind::new(py, dtype)?;
        let (offset, extent) = part.unwrap_or_else(|| (vec![0; shape.len()], shape.clone()));
        let tensor = tensor(shape, name, layout)?;
        let draw = self.draw_tensor(tensor, seed, stream, None, Some(kind.dtype))?;
        array::drawn(py, &draw, &kind, offset, &extent)
    }
}

impl Scheme {
    fn draw_tensor(
        &self,
        tensor: Tensor,
        seed: Option<&Bound<'_, PyAny>>,
        stream: &str,
        call: Option<u32>,
        dtype: Option<Dtype>,
    ) -> PyResult<varscale::Draw> {
        let stream = stream.parse::<Stream>().map_err(refused)?;
        let generator = seed.and_then(|seed| seed.cast::<SeedGenerator>().ok());
        let seed = match (generator, seed) {
            (Some(generator), _) => Some(Seed::generator(&generator.get().inner)),
            (None, None) => None,
            (None, Some(seed)) if call.is_some() => {
                let generator = varscale::SeedGenerator::new(Some(integer(seed)?));
                Some(Seed::generator(&generator.map_err(refused)?))
            }
            (None, Some(seed)) => Some(integer(seed)?.into()),
        };
        let initializer = varscale::Initializer::new(self.0.clone(), seed).with_stream(stream);
        let draw = match (generator, call, dtype) {
            // A refused dtype must not advance a generator.
            (Some(_), None, Some(dtype)) => initializer.draw_in(tensor, dtype),
            (Some(_), None, None) => initializer.draw(tensor),
            (_, call, _) => initializer.draw_call(tensor, call.unwrap_or(0)),
        };
        draw.map_err(refused)
    }
}
