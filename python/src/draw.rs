//! One call of an initializer for one tensor, from which any box can be taken.

use pyo3::prelude::*;
use varscale::Dtype;

use crate::{array::Fill, error::refused};

/// One call of an initializer for one tensor: every value is fixed, none is computed yet.
#[pyclass(frozen, module = "varscale._core")]
pub(crate) struct Draw(pub(crate) varscale::Draw);

#[pymethods]
impl Draw {
    /// Global shape.
    #[getter]
    fn shape(&self) -> Vec<usize> {
        self.0.shape().to_vec()
    }

    /// Raises ValueError where a value would overflow `dtype`.
    fn check(&self, dtype: &str) -> PyResult<()> {
        self.0.check(parse(dtype)?).map_err(refused)
    }

    /// Fills `array` with the box at `offset` that has the array's shape.
    fn fill(&self, array: &Bound<'_, PyAny>, dtype: &str, offset: Vec<usize>) -> PyResult<()> {
        parse(dtype)?.visit(Fill { draw: &self.0, array, offset })
    }
}

fn parse(dtype: &str) -> PyResult<Dtype> {
    dtype.parse::<Dtype>().map_err(refused)
}
