//! Explanations.

use std::fmt::Write;

use pyo3::{
    exceptions::PyValueError,
    prelude::*,
    types::{PyDict, PyTuple},
};
use serde_json::Value;
use varscale::{ConfigForm, Fan, Layout, Scaling, Scheme, Tensor};

use crate::error::refused;

/// How an initializer arrives at its numbers for a shape; as a sentence through `str`, as a table in
/// notebooks.
///
/// >>> import varscale
/// >>> explanation = varscale.GlorotUniform(1).explain((784, 256))
/// >>> explanation.fan_in, explanation.fan_out, explanation.variance
/// (784, 256, 0.0019230769230769232)
/// >>> print(explanation)
/// GlorotUniform of shape (784, 256): axis 0 (784) is input, axis 1 (256) is output; fan_in 784, fan_out 256; scale 1 / fan_avg 520 = variance 0.00192308: uniform in [-0.0759555, 0.0759555], stddev 0.0438529
/// >>> explanation.to_dict()["bounds"]
/// (-0.075955452531275, 0.075955452531275)
#[pyclass(frozen, eq, module = "varscale")]
#[derive(PartialEq)]
pub(crate) struct Explanation {
    explanation: varscale::Explanation,
    /// What it explains.
    scheme: Scheme,
    layout: Layout,
}

impl Explanation {
    pub(crate) fn new(scheme: &Scheme, tensor: Tensor) -> PyResult<Self> {
        let layout = tensor.layout.clone();
        let explanation = scheme.explain(tensor).map_err(refused)?;
        Ok(Self { explanation, scheme: scheme.clone(), layout })
    }

    fn scaling(&self) -> Option<&Scaling> {
        self.explanation.scaling.as_ref()
    }
}

/// The properties, in the order in which they are shown.
const PROPERTIES: [&str; 12] = [
    "initializer",
    "shape",
    "elements",
    "roles",
    "fan_in",
    "fan_out",
    "scale",
    "mode",
    "divisor",
    "variance",
    "stddev",
    "bounds",
];

#[pymethods]
impl Explanation {
    /// Keras's class name.
    #[getter]
    fn initializer(&self) -> &'static str {
        self.explanation.initializer
    }

    /// The shape.
    #[getter]
    fn shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.explanation.shape)
    }

    /// Number of elements of the shape.
    #[getter]
    fn elements(&self) -> u64 {
        self.explanation.elements
    }

    /// What each axis stands for (`"input"`, `"output"`, `"receptive"`, …); None where the
    /// initializer counts no fans.
    #[getter]
    fn roles(&self) -> Option<Vec<String>> {
        Some(self.scaling()?.fans.roles.iter().map(ToString::to_string).collect())
    }

    /// Inputs that reach one output; None where the initializer counts no fans.
    #[getter]
    fn fan_in(&self) -> Option<Number> {
        Some(self.scaling()?.fans.fan_in.into())
    }

    /// Outputs that one input reaches; None where the initializer counts no fans.
    #[getter]
    fn fan_out(&self) -> Option<Number> {
        Some(self.scaling()?.fans.fan_out.into())
    }

    /// The scale; None where the initializer counts no fans.
    #[getter]
    fn scale(&self) -> Option<f64> {
        Some(self.scaling()?.scale)
    }

    /// Which fan divides the scale; None where the initializer counts no fans.
    #[getter]
    fn mode(&self) -> Option<&'static str> {
        Some(self.scaling()?.mode.name())
    }

    /// The number that divides the scale, at least 1; None where the initializer counts no fans.
    #[getter]
    fn divisor(&self) -> Option<f64> {
        Some(self.scaling()?.divisor)
    }

    /// Scale divided by the fan of the mode; None where the initializer counts no fans.
    #[getter]
    fn variance(&self) -> Option<f64> {
        Some(self.scaling()?.variance)
    }

    /// Standard deviation of the values, after truncation; None for Identity.
    #[getter]
    fn stddev(&self) -> Option<f64> {
        self.explanation.stddev
    }

    /// The interval that every value lies in, before rounding to the dtype; None for the normal.
    #[getter]
    fn bounds(&self) -> Option<(f64, f64)> {
        self.explanation.bounds
    }

    /// All properties by their names.
    fn to_dict(slf: &Bound<'_, Self>) -> PyResult<Py<PyDict>> {
        let properties = PyDict::new(slf.py());
        for name in PROPERTIES {
            properties.set_item(name, slf.getattr(name)?)?;
        }
        Ok(properties.unbind())
    }

    fn __str__(&self) -> String {
        self.explanation.to_string()
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let mut shown = Vec::new();
        for name in PROPERTIES {
            let value = slf.getattr(name)?;
            if !value.is_none() {
                shown.push(format!("{name}={}", value.repr()?));
            }
        }
        Ok(format!("Explanation({})", shown.join(", ")))
    }

    /// The table that notebooks show.
    fn _repr_html_(slf: &Bound<'_, Self>) -> PyResult<String> {
        let mut table = String::from("<table>");
        for name in PROPERTIES {
            let value = slf.getattr(name)?;
            if !value.is_none() {
                // Numbers and names of our own: nothing to escape.
                let _ = write!(table, "<tr><th>{name}</th><td>{}</td></tr>", value.str()?);
            }
        }
        Ok(table + "</table>")
    }

    /// Pickled and copied as what it explains.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, State)> {
        let Self { explanation, scheme, layout } = slf.get();
        let config = scheme.get_config(None, ConfigForm::Keras3).to_string();
        let shape = explanation.shape.clone();
        let state = (explanation.initializer.into(), config, shape, layout.to_string());
        Ok((slf.get_type().getattr("_restore")?, state))
    }

    #[staticmethod]
    fn _restore(class_name: &str, config: &str, shape: Vec<usize>, layout: &str) -> PyResult<Self> {
        let config: Value = serde_json::from_str(config)
            .map_err(|error| PyValueError::new_err(format!("invalid config: {error}")))?;
        let (scheme, _) = Scheme::from_config(class_name, &config).map_err(refused)?;
        let layout = layout.parse::<Layout>().map_err(refused)?;
        Self::new(&scheme, Tensor::new(shape).with_layout(layout))
    }
}

/// What `_restore` takes: class, config, shape and layout.
type State = (String, String, Vec<usize>, String);

/// A fan in Python: a float where it is no whole number.
#[derive(IntoPyObject)]
enum Number {
    Whole(u64),
    Fraction(f64),
}

impl From<Fan> for Number {
    fn from(fan: Fan) -> Self {
        fan.whole().map_or_else(|| Self::Fraction(fan.to_f64()), Self::Whole)
    }
}
