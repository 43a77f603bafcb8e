//! Initializers without their seed, which the Python side keeps.

use pyo3::prelude::*;
use varscale::{
    Distribution, DistributionError, Initializer, Layout, LayoutError, Mode, ModeError, Seed,
    Stream, StreamError, Tensor, VarianceScaling,
};

use crate::{
    draw::Draw,
    error::refused,
    explanation::Explanation,
    generator::{SeedGenerator, integer},
};

/// A rule from a global shape to values, with its numbers checked.
#[pyclass(frozen, module = "varscale._core")]
pub(crate) struct Rule(Initializer);

/// Stands where a rule has no seed: every draw brings its own.
const NO_SEED: i32 = 0;

fn tensor(shape: Vec<usize>, name: String, layout: &str) -> PyResult<Tensor> {
    let layout: Layout = layout.parse().map_err(|error: LayoutError| refused(error))?;
    Ok(Tensor::new(shape).named(name).with_layout(layout))
}

#[pymethods]
impl Rule {
    /// `preset`: the class name of one of Keras's six, which replaces the three arguments before.
    #[staticmethod]
    fn variance_scaling(
        scale: f64,
        mode: &str,
        distribution: &str,
        preset: Option<&str>,
        input_axes: Option<Vec<isize>>,
        output_axes: Option<Vec<isize>>,
    ) -> PyResult<Self> {
        let rule = match preset.and_then(VarianceScaling::preset) {
            Some(rule) => rule,
            None => {
                let mode: Mode = mode.parse().map_err(|error: ModeError| refused(error))?;
                let distribution: Distribution =
                    distribution.parse().map_err(|error: DistributionError| refused(error))?;
                VarianceScaling::new(scale, mode, distribution).map_err(refused)?
            }
        };
        Ok(Self(Initializer::variance_scaling(rule.with_axes(input_axes, output_axes), NO_SEED)))
    }

    #[staticmethod]
    fn constant(value: f64) -> PyResult<Self> {
        Initializer::constant(value).map(Self).map_err(refused)
    }

    #[staticmethod]
    fn identity(gain: f64) -> PyResult<Self> {
        Initializer::identity(gain).map(Self).map_err(refused)
    }

    #[staticmethod]
    fn normal(mean: f64, stddev: f64) -> PyResult<Self> {
        Initializer::random_normal(mean, stddev, NO_SEED).map(Self).map_err(refused)
    }

    /// `stddev` is the one before truncation at two of it.
    #[staticmethod]
    fn truncated_normal(mean: f64, stddev: f64) -> PyResult<Self> {
        Initializer::truncated_normal(mean, stddev, NO_SEED).map(Self).map_err(refused)
    }

    #[staticmethod]
    fn uniform(minval: f64, maxval: f64) -> PyResult<Self> {
        Initializer::random_uniform(minval, maxval, NO_SEED).map(Self).map_err(refused)
    }

    /// How the rule arrives at its numbers for a shape.
    fn explain(&self, shape: Vec<usize>, layout: &str) -> PyResult<Explanation> {
        let tensor = tensor(shape, String::new(), layout)?;
        self.0.explain(tensor).map(Explanation).map_err(refused)
    }

    /// The draw of a tensor. A `SeedGenerator` advances by one call; with an integer, `call` is
    /// what that call of a generator of this seed draws.
    #[pyo3(signature = (shape, seed, stream, *, name=String::new(), layout="keras", call=None))]
    fn draw(
        &self,
        shape: Vec<usize>,
        seed: &Bound<'_, PyAny>,
        stream: &str,
        name: String,
        layout: &str,
        call: Option<u32>,
    ) -> PyResult<Draw> {
        let tensor = tensor(shape, name, layout)?;
        let stream: Stream = stream.parse().map_err(|error: StreamError| refused(error))?;
        let initializer = |seed: Seed| self.0.with_seed(seed).with_stream(stream);
        if let Ok(generator) = seed.cast::<SeedGenerator>() {
            let seed = Seed::generator(&generator.get().inner);
            return initializer(seed).draw(tensor).map(Draw).map_err(refused);
        }
        let seed = integer(seed)?;
        let seed = match call {
            None => Seed::integer(seed).map_err(refused)?,
            Some(_) => Seed::generator(&varscale::SeedGenerator::new(Some(seed)).map_err(refused)?),
        };
        initializer(seed).draw_call(tensor, call.unwrap_or(0)).map(Draw).map_err(refused)
    }
}
