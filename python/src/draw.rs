//! One call of an initializer for one tensor, from which any box can be taken.

use pyo3::prelude::*;

use crate::{array, dtype::Kind, error::refused, native::NativeDraw};

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

    /// What other executors need to compute the same values; `None` unless they all are the native
    /// stream's, of one law.
    fn native(&self) -> Option<NativeDraw> {
        self.0.native().map(NativeDraw)
    }

    /// Raises ValueError where a value would overflow `dtype`.
    fn check(&self, py: Python<'_>, dtype: &Bound<'_, PyAny>) -> PyResult<()> {
        self.0.check(Kind::new(py, Some(dtype))?.dtype).map_err(refused)
    }

    /// A new array with the box at `offset` of this extent.
    fn array<'py>(
        &self,
        py: Python<'py>,
        dtype: &Bound<'py, PyAny>,
        offset: Vec<usize>,
        extent: Vec<usize>,
    ) -> PyResult<Bound<'py, PyAny>> {
        array::drawn(py, &self.0, &Kind::new(py, Some(dtype))?, offset, &extent)
    }

    /// Fills `array`, which is C-contiguous and in native byte order, with the box at `offset` that
    /// has its shape.
    fn fill(&self, array: &Bound<'_, PyAny>, offset: Vec<usize>) -> PyResult<()> {
        array::fill(&self.0, array, offset)
    }
}
