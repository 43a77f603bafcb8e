//! The Rust side of the Python package: `varscale._core`, which only the package itself imports.

mod arguments;
mod array;
mod draw;
mod dtype;
mod error;
mod explanation;
mod generator;
mod inspect;
mod native;
mod plan;
mod scheme;
mod threads;
mod verify;

/// What the package's Python modules are written on.
#[pyo3::pymodule(gil_used = false)]
mod _core {
    use std::{collections::BTreeMap, ffi::OsString};

    use pyo3::prelude::*;
    use varscale::{Distribution, Dtype, Law, Mode, NativeTransform, Seed, Stream};

    use crate::{arguments, error::refused, generator, scheme};
    #[pymodule_export]
    use crate::{
        arguments::{axes_of, shape_of},
        draw::Draw,
        dtype::{dtype_name, dtype_of, floatx, inside, set_floatx},
        explanation::Explanation,
        generator::SeedGenerator,
        inspect::inspect_checkpoint,
        native::{NativeDraw, Transform},
        plan::Plan,
        scheme::{Scheme, serialized_class},
        verify::{prove, verify},
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("CLASSES", scheme::classes())?;
        module.add("DISTRIBUTIONS", names(Distribution::ALL, Distribution::name))?;
        module.add("DTYPES", names(Dtype::ALL, Dtype::name))?;
        module.add("MODES", names(Mode::ALL, Mode::name))?;
        let constants: BTreeMap<_, _> = NativeTransform::CONSTANTS.iter().copied().collect();
        module.add("NATIVE_CONSTANTS", constants)?;
        module.add("STREAMS", names(Stream::ALL, Stream::name))?;
        module.add("NORMAL_END", Law::Normal { mean: 0.0, stddev: 1.0 }.reach().1)
    }

    fn names<T: Copy>(all: &[T], name: fn(T) -> &'static str) -> Vec<&'static str> {
        all.iter().map(|&one| name(one)).collect()
    }

    /// A seed for whoever gave none, in [0, 2^31).
    #[pyfunction]
    fn random_seed() -> PyResult<i128> {
        Ok(Seed::unset().map_err(refused)?.value())
    }

    /// A seed that is no generator as an integer, which the native stream refuses beyond 64 bits.
    #[pyfunction]
    fn integer_seed(seed: &Bound<'_, PyAny>, native: bool) -> PyResult<i128> {
        let seed = generator::integer(seed)?;
        if native {
            Stream::Native.check_seed(seed).map_err(refused)?;
        }
        Ok(seed)
    }

    /// The name of a stream.
    #[pyfunction]
    fn stream_of(stream: &Bound<'_, PyAny>) -> PyResult<&'static str> {
        arguments::text("stream", stream)?.parse().map(Stream::name).map_err(refused)
    }

    /// A real argument: an integer as it was written, or a float.
    #[pyfunction]
    fn number<'py>(argument: &str, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        arguments::number(argument, value).map(|(_, written)| written)
    }

    /// A name.
    #[pyfunction]
    fn text<'py>(argument: &str, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        arguments::text(argument, value).map(|_| value.clone())
    }

    /// Runs the command `varscale` with these arguments, its own name first; returns its exit code.
    #[pyfunction]
    fn main(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
        py.detach(|| varscale_cli::run(arguments))
    }
}
