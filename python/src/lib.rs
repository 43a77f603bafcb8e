//! The Rust side of the Python package: `varscale._core`, which only the package itself imports.

mod array;
mod draw;
mod error;
mod explanation;
mod generator;
mod plan;
mod scheme;
mod threads;

/// What the package's Python modules are written on.
#[pyo3::pymodule(gil_used = false)]
mod _core {
    use std::ffi::OsString;

    use pyo3::{prelude::*, types::PyString};
    use varscale::{Distribution, Dtype, Law, Mode, Seed, Stream};

    #[pymodule_export]
    use crate::{
        draw::Draw, explanation::Explanation, generator::SeedGenerator, plan::Plan, scheme::Scheme,
        scheme::serialized_class,
    };
    use crate::{error::refused, generator, scheme};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("CLASSES", scheme::classes())?;
        module.add("DISTRIBUTIONS", names(Distribution::ALL, Distribution::name))?;
        module.add("DTYPES", names(Dtype::ALL, Dtype::name))?;
        module.add("MODES", names(Mode::ALL, Mode::name))?;
        module.add("STREAMS", names(Stream::ALL, Stream::name))?;
        module.add("NORMAL_END", Law::Normal { mean: 0.0, stddev: 1.0 }.reach().1)
    }

    fn names<T: Copy>(all: &[T], name: fn(T) -> &'static str) -> Vec<&'static str> {
        all.iter().map(|&one| name(one)).collect()
    }

    /// A seed for whoever gave none, in [0, 2^31).
    #[pyfunction]
    fn random_seed() -> PyResult<u64> {
        Ok(Seed::unset().map_err(refused)?.resolved())
    }

    /// A seed that is no generator as an integer in range.
    #[pyfunction]
    fn integer_seed(seed: &Bound<'_, PyAny>) -> PyResult<i128> {
        generator::integer(seed)
    }

    /// The name of a stream.
    #[pyfunction]
    fn stream_name(stream: &Bound<'_, PyString>) -> PyResult<&'static str> {
        stream.to_string_lossy().parse().map(Stream::name).map_err(refused)
    }

    /// The name of a dtype.
    #[pyfunction]
    fn dtype_name(dtype: &Bound<'_, PyString>) -> PyResult<&'static str> {
        dtype.to_string_lossy().parse().map(Dtype::name).map_err(refused)
    }

    /// Runs the command `varscale` with these arguments, its own name first; returns its exit code.
    #[pyfunction]
    fn main(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
        py.detach(|| varscale_cli::run(arguments))
    }
}
