//! Explanations.

use pyo3::prelude::*;
use varscale::Scaling;

/// How an initializer arrives at its numbers for a shape; as a sentence through `str`.
///
/// >>> import varscale
/// >>> explanation = varscale.GlorotUniform(1).explain((784, 256))
/// >>> explanation.fan_in, explanation.fan_out, explanation.variance
/// (784, 256, 0.0019230769230769232)
/// >>> print(explanation)
/// GlorotUniform of shape (784, 256): axis 0 (784) is input, axis 1 (256) is output; fan_in 784, fan_out 256; scale 1 / fan_avg 520 = variance 0.00192308: uniform in [-0.0759555, 0.0759555], stddev 0.0438529
#[pyclass(frozen, module = "varscale")]
pub(crate) struct Explanation(pub(crate) varscale::Explanation);

impl Explanation {
    fn scaling(&self) -> Option<&Scaling> {
        self.0.scaling.as_ref()
    }
}

#[pymethods]
impl Explanation {
    /// Keras's class name.
    #[getter]
    fn initializer(&self) -> &'static str {
        self.0.initializer
    }

    /// Number of elements of the shape.
    #[getter]
    fn elements(&self) -> u64 {
        self.0.elements
    }

    /// What each axis stands for (`"input"`, `"output"`, `"receptive"`, …); None where the
    /// initializer counts no fans.
    #[getter]
    fn roles(&self) -> Option<Vec<String>> {
        Some(self.scaling()?.fans.roles.iter().map(ToString::to_string).collect())
    }

    /// Inputs that reach one output; None where the initializer counts no fans.
    #[getter]
    fn fan_in(&self) -> Option<u64> {
        Some(self.scaling()?.fans.fan_in)
    }

    /// Outputs that one input reaches; None where the initializer counts no fans.
    #[getter]
    fn fan_out(&self) -> Option<u64> {
        Some(self.scaling()?.fans.fan_out)
    }

    /// Scale divided by the fan of the mode; None where the initializer counts no fans.
    #[getter]
    fn variance(&self) -> Option<f64> {
        Some(self.scaling()?.variance)
    }

    /// Standard deviation of the values, after truncation; None for Identity.
    #[getter]
    fn stddev(&self) -> Option<f64> {
        self.0.stddev
    }

    /// The interval that every value lies in, before rounding to the dtype; None for the normal.
    #[getter]
    fn bounds(&self) -> Option<(f64, f64)> {
        self.0.bounds
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<{}>", self.0)
    }
}
