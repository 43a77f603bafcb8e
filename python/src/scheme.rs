//! Schemes, which the Python side gives seeds.

use pyo3::{
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
};
use varscale::{
    Argument, Class, Distribution, Layout, Mode, Number, Seed, Serialized, Stream, Tensor,
};

use crate::{
    draw::Draw,
    error::refused,
    explanation::Explanation,
    generator::{SeedGenerator, integer},
};

/// How values follow from a global shape: a class of the family with its arguments, checked.
#[pyclass(frozen, module = "varscale._core")]
pub(crate) struct Scheme(varscale::Scheme);

/// A parameter: its name, and its default as Python's value.
pub(crate) type Parameter = (&'static str, Value);

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
    Text(String),
}

impl From<&Argument> for Value {
    fn from(argument: &Argument) -> Self {
        match argument {
            Argument::Number(number) => Self::Number(number.get()),
            argument => Self::Text(argument.to_string()),
        }
    }
}

/// The table of the family.
pub(crate) fn classes() -> Vec<Row> {
    let row = |class: &'static Class| {
        let parameter =
            |parameter: &varscale::Parameter| (parameter.name, Value::from(&parameter.default));
        (
            class.name,
            class.snake_case(),
            class.aliases.to_vec(),
            class.summary,
            class.parameters.iter().map(parameter).collect(),
            class.draws,
            class.has_axes,
            class.preset.as_ref().map(|preset| preset.iter().map(Value::from).collect()),
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

fn number(value: &Bound<'_, PyAny>) -> PyResult<Number> {
    match value.extract::<i32>() {
        Ok(integer) if !value.is_instance_of::<pyo3::types::PyFloat>() => Ok(integer.into()),
        _ => value.extract::<f64>().map(Number::from),
    }
}

/// An argument of the kind that a parameter's default is of.
fn argument(kind: &Argument, value: &Bound<'_, PyAny>) -> PyResult<Argument> {
    Ok(match kind {
        Argument::Number(_) => Argument::Number(number(value)?),
        Argument::Mode(_) => {
            Argument::Mode(value.extract::<String>()?.parse::<Mode>().map_err(refused)?)
        }
        Argument::Distribution(_) => Argument::Distribution(
            value.extract::<String>()?.parse::<Distribution>().map_err(refused)?,
        ),
        _ => {
            return Err(PyTypeError::new_err("an argument of a kind that Python has no value for"));
        }
    })
}

fn tensor(shape: Vec<usize>, name: String, layout: &str) -> PyResult<Tensor> {
    let layout = layout.parse::<Layout>().map_err(refused)?;
    Ok(Tensor::new(shape).named(name).with_layout(layout))
}

#[pymethods]
impl Scheme {
    /// A class by its name, with arguments for its parameters in their order.
    #[new]
    #[pyo3(signature = (class_name, *arguments, input_axes=None, output_axes=None))]
    fn new(
        class_name: &str,
        arguments: Vec<Bound<'_, PyAny>>,
        input_axes: Option<Vec<isize>>,
        output_axes: Option<Vec<isize>>,
    ) -> PyResult<Self> {
        let class = Class::named(class_name).map_err(refused)?;
        if arguments.len() != class.parameters.len() {
            let (wanted, given) = (class.parameters.len(), arguments.len());
            return Err(PyTypeError::new_err(format!("{class_name} takes {wanted}, not {given}")));
        }
        let kinds = class.parameters.iter().map(|parameter| &parameter.default);
        let arguments = kinds.zip(&arguments).map(|(kind, value)| argument(kind, value));
        let scheme = varscale::Scheme::new(class, arguments.collect::<PyResult<_>>()?);
        let scheme = scheme.and_then(|scheme| scheme.with_axes(input_axes, output_axes));
        scheme.map(Self).map_err(refused)
    }

    /// The arguments, in the order of the class's parameters, as configs hold them.
    #[getter]
    fn arguments(&self) -> Vec<Value> {
        self.0.arguments().iter().map(Value::from).collect()
    }

    /// How the scheme arrives at its numbers for a shape.
    fn explain(&self, shape: Vec<usize>, layout: &str) -> PyResult<Explanation> {
        let tensor = tensor(shape, String::new(), layout)?;
        self.0.explain(tensor).map(Explanation).map_err(refused)
    }

    /// The draw of a tensor. A `SeedGenerator` advances by one call; with an integer, `call` is
    /// what that call of a generator of this seed draws. A scheme that draws nothing needs no seed.
    #[pyo3(signature = (shape, seed, stream, *, name=String::new(), layout="keras", call=None))]
    fn draw(
        &self,
        shape: Vec<usize>,
        seed: Option<&Bound<'_, PyAny>>,
        stream: &str,
        name: String,
        layout: &str,
        call: Option<u32>,
    ) -> PyResult<Draw> {
        let tensor = tensor(shape, name, layout)?;
        let stream = stream.parse::<Stream>().map_err(refused)?;
        let generator = seed.and_then(|seed| seed.cast::<SeedGenerator>().ok());
        let seed = match (generator, seed) {
            (Some(generator), _) => Some(Seed::generator(&generator.get().inner)),
            (None, None) => None,
            (None, Some(seed)) if call.is_some() => {
                let generator = varscale::SeedGenerator::new(Some(integer(seed)?));
                Some(Seed::generator(&generator.map_err(refused)?))
            }
            (None, Some(seed)) => Some(Seed::integer(integer(seed)?).map_err(refused)?),
        };
        let initializer = varscale::Initializer::new(self.0.clone(), seed).with_stream(stream);
        let draw = match (generator, call) {
            (Some(_), None) => initializer.draw(tensor),
            (_, call) => initializer.draw_call(tensor, call.unwrap_or(0)),
        };
        draw.map(Draw).map_err(refused)
    }
}
