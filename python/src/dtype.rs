//! Dtypes as Python's users write them, and NumPy's objects for them.

use std::sync::{Mutex, PoisonError};

use numpy::{PyArrayDescr, PyArrayDescrMethods};
use pyo3::{
    exceptions::PyValueError,
    prelude::*,
    sync::PyOnceLock,
    types::{PyString, PyType},
};
use varscale::Dtype;

use crate::error::refused;

/// The dtype of what is drawn without one.
static FLOATX: Mutex<Dtype> = Mutex::new(Dtype::Float32);

/// A dtype in which values are drawn, as a user asked for it.
pub(crate) struct Kind<'py> {
    pub(crate) dtype: Dtype,
    /// NumPy's dtype where its bytes stand in the other order than this machine's.
    pub(crate) foreign: Option<Bound<'py, PyAny>>,
}

impl<'py> Kind<'py> {
    /// What a dtype, its name, or what NumPy or a framework takes for one stands for; `None` for
    /// `floatx`.
    pub(crate) fn new(py: Python<'py>, given: Option<&Bound<'py, PyAny>>) -> PyResult<Self> {
        let native = |dtype| Self { dtype, foreign: None };
        let Some(given) = given else {
            return Ok(native(*FLOATX.lock().unwrap_or_else(PoisonError::into_inner)));
        };
        if given.is_none() {
            // To NumPy, it would be float64.
            return named(given).map(native);
        }
        // NumPy itself does not know all names.
        if let Ok(name) = given.cast::<PyString>()
            && let name = name.to_string_lossy()
            && let Ok(dtype) = name.parse()
        {
            if name == "f16" {
                return Err(PyValueError::new_err(
                    "ambiguous dtype \"f16\": NumPy's has 16 bytes. Write \"float16\"",
                ));
            }
            return Ok(native(dtype));
        }
        if let Ok(numpy) = given.cast::<PyArrayDescr>() {
            return Self::of_numpy(numpy, given);
        }
        match class(py)?.call1((given,)) {
            Ok(numpy) => Self::of_numpy(numpy.cast::<PyArrayDescr>()?, given),
            Err(_) => named(given).map(native),
        }
    }

    fn of_numpy(numpy: &Bound<'py, PyArrayDescr>, given: &Bound<'py, PyAny>) -> PyResult<Self> {
        let dtype = match (numpy.kind(), numpy.itemsize()) {
            (b'f', 2) => Dtype::Float16,
            (b'f', 4) => Dtype::Float32,
            (b'f', 8) => Dtype::Float64,
            // Not NumPy's own, or refused as the user wrote it.
            _ => match numpy.getattr("name")?.cast::<PyString>()?.to_string_lossy().parse() {
                Ok(dtype) => dtype,
                Err(_) => named(given)?,
            },
        };
        let foreign = matches!(numpy.is_native_byteorder(), Some(false));
        Ok(Self { dtype, foreign: foreign.then(|| numpy.clone().into_any()) })
    }

    /// NumPy's dtype.
    pub(crate) fn numpy(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.foreign.as_ref().map_or_else(|| native(py, self.dtype), |dtype| Ok(dtype.clone()))
    }
}

/// The dtype that a user's words name; else a refusal with these words.
fn named(given: &Bound<'_, PyAny>) -> PyResult<Dtype> {
    let text = match given.cast::<PyType>() {
        Ok(class) => class.name()?.to_string(),
        Err(_) => given.str()?.to_string_lossy().into_owned(),
    };
    // As torch's print.
    match text.strip_prefix("torch.").map(str::parse) {
        Some(Ok(dtype)) => Ok(dtype),
        _ => text.parse().map_err(refused),
    }
}

/// NumPy's class of dtypes.
fn class(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    CLASS.import(py, "numpy", "dtype")
}

/// NumPy's dtype in this machine's byte order; those that it lacks are brought by `ml_dtypes`.
pub(crate) fn native(py: Python<'_>, dtype: Dtype) -> PyResult<Bound<'_, PyAny>> {
    static MADE: [PyOnceLock<Py<PyAny>>; Dtype::ALL.len()] =
        [const { PyOnceLock::new() }; Dtype::ALL.len()];
    let make = || -> PyResult<Py<PyAny>> {
        let name = dtype.name();
        let made = class(py)?
            .call1((name,))
            .or_else(|_| class(py)?.call1((py.import("ml_dtypes")?.getattr(name)?,)));
        Ok(made?.unbind())
    };
    let slot = Dtype::ALL.iter().position(|&one| one == dtype).and_then(|at| MADE.get(at));
    match slot {
        Some(slot) => Ok(slot.get_or_try_init(py, make)?.bind(py).clone()),
        None => Ok(make()?.into_bound(py)),
    }
}

/// The NumPy dtype that a user's argument names; of `None`, that of `floatx`.
#[pyfunction]
#[pyo3(signature = (dtype=None))]
pub(crate) fn dtype_of<'py>(
    py: Python<'py>,
    dtype: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    Kind::new(py, dtype)?.numpy(py)
}

/// The name of a dtype in which values are drawn.
#[pyfunction]
pub(crate) fn dtype_name(py: Python<'_>, dtype: &Bound<'_, PyAny>) -> PyResult<&'static str> {
    Ok(Kind::new(py, Some(dtype))?.dtype.name())
}

/// The outermost values of a dtype between two bounds.
#[pyfunction]
pub(crate) fn inside(
    py: Python<'_>,
    dtype: &Bound<'_, PyAny>,
    low: f64,
    high: f64,
) -> PyResult<(f64, f64)> {
    Ok(Kind::new(py, Some(dtype))?.dtype.inside(low, high))
}

/// The dtype of what is drawn without one: `"float32"` unless `set_floatx` changed it.
///
/// >>> import varscale
/// >>> varscale.floatx()
/// 'float32'
#[pyfunction]
pub(crate) fn floatx() -> &'static str {
    FLOATX.lock().unwrap_or_else(PoisonError::into_inner).name()
}

/// Sets the dtype of what is drawn without one.
///
/// Args:
///     value: A dtype, or its name: `"float16"`, `"bfloat16"`, `"float32"`, `"float64"`,
///         `"float8_e4m3fn"` or `"float8_e5m2"`.
///
/// Raises:
///     ValueError: for every other.
///
/// >>> import varscale
/// >>> varscale.set_floatx("float64")
/// >>> varscale.Zeros()((1,)).dtype
/// dtype('float64')
/// >>> varscale.set_floatx("float32")
#[pyfunction]
pub(crate) fn set_floatx(py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let dtype = Kind::new(py, Some(value))?.dtype;
    *FLOATX.lock().unwrap_or_else(PoisonError::into_inner) = dtype;
    Ok(())
}
