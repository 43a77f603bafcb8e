//! Seed generators.

use pyo3::{
    exceptions::PyValueError,
    prelude::*,
    types::{PyDict, PyInt},
};

use crate::error::refused;

/// Keras's `SeedGenerator`: a seed and a counter that advances at every call.
///
/// Unset, the seed is drawn once and readable. `counter` restores a state that was saved.
///
/// >>> import varscale
/// >>> generator = varscale.SeedGenerator(5)
/// >>> initializer = varscale.HeNormal(generator)
/// >>> first, second = initializer((8,)), initializer((8,))
/// >>> bool((first == second).any()), generator.counter
/// (False, 2)
/// >>> again = varscale.HeNormal(varscale.SeedGenerator(5, counter=1))
/// >>> bool((again((8,)) == second).all())
/// True
#[pyclass(frozen, module = "varscale")]
pub(crate) struct SeedGenerator {
    pub(crate) inner: varscale::SeedGenerator,
    given: Option<i128>,
    name: Option<String>,
}

/// What `_restore` takes: the seed, the seed that was given, the name and the counter.
type State = (i128, Option<i128>, Option<String>, u32);

/// A Python integer, or whatever has `__index__`, as a seed.
pub(crate) fn integer(seed: &Bound<'_, PyAny>) -> PyResult<i128> {
    if seed.is_instance_of::<PyInt>()
        && let Ok(seed) = seed.extract::<i64>()
    {
        return Ok(seed.into());
    }
    let index = seed.call_method0("__index__").map_err(|_| {
        let kind = seed.get_type().name().map_or_else(|_| "?".into(), |name| name.to_string());
        PyValueError::new_err(format!(
            "`seed` argument should be an instance of `SeedGenerator` or an integer. Received: \
             seed={seed} (of type {kind})"
        ))
    })?;
    index.extract().map_err(|_| {
        let received =
            index.str().map_or_else(|_| "of too many digits".into(), |it| it.to_string());
        refused(varscale::SeedError::Range { received })
    })
}

#[pymethods]
impl SeedGenerator {
    #[new]
    #[pyo3(signature = (seed=None, name=None, *, counter=0))]
    fn new(seed: Option<&Bound<'_, PyAny>>, name: Option<String>, counter: u32) -> PyResult<Self> {
        let given = seed.map(integer).transpose()?;
        let inner = varscale::SeedGenerator::new(given).map_err(refused)?.with_counter(counter);
        Ok(Self { inner, given, name })
    }

    /// The seed, as given or drawn.
    #[getter]
    fn seed(&self) -> i128 {
        self.inner.value()
    }

    /// Number of calls made so far: the index of the next one.
    #[getter]
    fn counter(&self) -> u32 {
        self.inner.counter()
    }

    /// Its name in configs; it plays no role in the values.
    #[getter]
    fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| self.inner.name())
    }

    /// The arguments of the constructor, as Keras's: an unset seed stays None.
    fn get_config<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let config = PyDict::new(py);
        config.set_item("seed", self.given)?;
        config.set_item("name", self.name())?;
        Ok(config)
    }

    /// A generator from `get_config()`, at its first call.
    #[staticmethod]
    fn from_config(config: &Bound<'_, PyDict>) -> PyResult<Self> {
        let name = config.get_item("name")?.map(|name| name.extract()).transpose()?.flatten();
        let seed = config.get_item("seed")?.filter(|seed| !seed.is_none());
        Self::new(seed.as_ref(), name, 0)
    }

    fn __repr__(&self) -> String {
        format!("SeedGenerator({}, counter={})", self.seed(), self.counter())
    }

    /// Pickled and copied, it is another generator in the same state.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, State)> {
        let this = slf.get();
        let restore = slf.get_type().getattr("_restore")?;
        Ok((restore, (this.seed(), this.given, this.name.clone(), this.counter())))
    }

    #[staticmethod]
    fn _restore(
        seed: i128,
        given: Option<i128>,
        name: Option<String>,
        counter: u32,
    ) -> PyResult<Self> {
        let inner = varscale::SeedGenerator::new(Some(given.unwrap_or(seed)));
        Ok(Self { inner: inner.map_err(refused)?.with_counter(counter), given, name })
    }
}
