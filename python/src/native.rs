//! What executors other than this CPU's kernel need of a draw.

use std::collections::BTreeMap;

use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::{IntoPyObjectExt, prelude::*};
use varscale::{NativeStandard, NativeTransform};

use crate::dtype::Kind;

/// All that a draw of the native stream depends on beside the index and the dtype.
#[pyclass(frozen, module = "varscale._core")]
pub(crate) struct NativeDraw(pub(crate) varscale::NativeDraw);

#[pymethods]
impl NativeDraw {
    /// Key of Philox.
    #[getter]
    fn key(&self) -> (u32, u32) {
        self.0.key.into()
    }

    /// Digest of the tensor's name, low word first.
    #[getter]
    fn name(&self) -> (u32, u32, u32, u32) {
        [0, 32, 64, 96].map(|shift| (self.0.name >> shift) as u32).into()
    }

    /// Third word of the counter.
    #[getter]
    fn call(&self) -> u32 {
        self.0.call
    }

    /// How words become values of `dtype`, where that is computed in float32.
    fn transform(&self, py: Python<'_>, dtype: &Bound<'_, PyAny>) -> PyResult<Option<Transform>> {
        Ok(self.0.transform(Kind::new(py, Some(dtype))?.dtype).map(Transform))
    }
}

/// How words become values in float32.
#[pyclass(frozen, module = "varscale._core")]
pub(crate) struct Transform(NativeTransform);

#[pymethods]
impl Transform {
    /// What is computed of the words alone.
    #[getter]
    fn standard(&self) -> &'static str {
        self.0.standard.name()
    }

    /// The numbers by their names; flags are 0 or 1.
    #[getter]
    fn numbers(&self) -> BTreeMap<&'static str, f32> {
        let NativeTransform { scale, shift, low, high, .. } = self.0;
        let mut numbers =
            BTreeMap::from([("scale", scale), ("shift", shift), ("low", low), ("high", high)]);
        if let NativeStandard::BoundedNormal(bounds) = self.0.standard {
            numbers.extend(bounds.numbers());
        }
        numbers
    }

    /// The standard values of these words, by the kernel of this CPU. Normals take words in pairs.
    fn values<'py>(
        &self,
        py: Python<'py>,
        words: PyReadonlyArray1<'py, u32>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let words = words.as_slice()?;
        let values = py.detach(|| self.0.values(words));
        PyArray1::from_vec(py, values).into_bound_py_any(py)
    }
}
