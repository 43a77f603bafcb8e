//! The Rust side of the Python package: `varscale._core`, which only the package itself imports.

mod array;
mod draw;
mod error;
mod explanation;
mod generator;
mod plan;
mod rule;
mod threads;

/// What the package's Python modules are written on.
#[pyo3::pymodule(gil_used = false)]
mod _core {
    use std::ffi::OsString;

    use pyo3::prelude::*;
    use varscale::{Dtype, Seed, Stream};

    use crate::error::refused;
    #[pymodule_export]
    use crate::{
        draw::Draw, explanation::Explanation, generator::SeedGenerator, plan::Plan, rule::Rule,
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("DTYPES", Dtype::ALL.map(Dtype::name))?;
        let streams: Vec<_> = Stream::ALL.iter().map(|stream| stream.name()).collect();
        module.add("STREAMS", streams)
    }

    /// A seed for whoever gave none, in [0, 2^31).
    #[pyfunction]
    fn random_seed() -> PyResult<u64> {
        Ok(Seed::unset().map_err(refused)?.resolved())
    }

    /// Runs the command `varscale` with these arguments, its own name first; returns its exit code.
    #[pyfunction]
    fn main(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
        py.detach(|| varscale_cli::run(arguments))
    }
}
