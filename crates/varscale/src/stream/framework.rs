//! The frameworks' streams behind one face: which seeds they take, and a run of their values.

use super::{
    Request, Stream, StreamError,
    cast::Cast,
    keras_jax::{self, Grid, HalfFma},
    keras_numpy::{self, Normals, Uniform},
    keras_tensorflow::{self, philox_sample::Sample},
    keras_torch::{self, Torch},
    tf_keras,
};
use crate::{Law, kernel::dispatch::Level};

/// A draw of a framework's stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Framework {
    pub(crate) stream: Stream,
    pub(crate) request: Request,
}

/// How far a sequential stream was read.
#[derive(Debug, Clone)]
pub struct Sequence<T> {
    torch: Option<Torch>,
    numpy: Option<Normals<T>>,
}

impl<T> Default for Sequence<T> {
    fn default() -> Self {
        Self { torch: None, numpy: None }
    }
}

/// An element type that every framework draws.
pub(crate) trait Draws: Grid + Sample + Cast {}

impl<T: Grid + Sample + Cast> Draws for T {}

impl Framework {
    /// Checks the seed by the framework's own rule. `generator`: it is a `SeedGenerator`'s.
    pub(crate) fn new(
        stream: Stream,
        request: Request,
        generator: bool,
    ) -> Result<Self, StreamError> {
        let seed = request.seed;
        match stream {
            Stream::Native => Ok(()),
            Stream::KerasJax | Stream::KerasJaxFp16Fma => keras_jax::check_seed(seed, generator),
            Stream::KerasTensorflow => keras_tensorflow::check_seed(seed, generator),
            Stream::KerasTorch => keras_torch::check_seed(seed, generator),
            Stream::KerasNumpy => keras_numpy::check_seed(seed, generator),
            Stream::TfKeras => tf_keras::check_seed(seed, generator),
            Stream::TfKeras29 => tf_keras::check_legacy_seed(seed, generator),
        }
        .map_err(|allowed| StreamError::Seed { stream, seed, allowed })?;
        Ok(Self { stream, request })
    }

    /// Whether a run costs what its own values cost, wherever it starts.
    pub(crate) fn is_random_access(&self) -> bool {
        match self.stream {
            Stream::KerasTorch => false,
            Stream::KerasNumpy => matches!(self.request.law, Law::Uniform { .. }),
            _ => true,
        }
    }

    /// Fills `out` with the values from row-major index `start` on, at one level. `sequence`: how
    /// far the same draw was read, which is not beyond `start`, or a new one; of no account to
    /// streams of random access. `parallel`: a sequential stream is to use rayon's current pool.
    pub(crate) fn fill_at<T: Draws>(
        &self,
        level: Level,
        sequence: &mut Sequence<T>,
        start: u64,
        out: &mut [T],
        parallel: bool,
    ) {
        let request = &self.request;
        let jax = |half_fma, out| level.run(keras_jax::Fill { request, half_fma, start, out });
        match self.stream {
            Stream::Native => {}
            Stream::KerasJax => jax(HalfFma::Absent, out),
            Stream::KerasJaxFp16Fma => jax(HalfFma::Present, out),
            Stream::KerasTensorflow => level.run(keras_tensorflow::run(request, start, out)),
            Stream::KerasTorch => {
                let torch = sequence.torch.get_or_insert_with(|| Torch::new::<T>(request));
                torch.fill(level, parallel, start, out);
            }
            Stream::KerasNumpy => {
                if let Some(uniform) = Uniform::new(request, start, out) {
                    level.run(uniform);
                } else {
                    let numpy = sequence.numpy.get_or_insert_with(|| Normals::new(request));
                    numpy.fill(level, parallel, start, out);
                }
            }
            Stream::TfKeras => level.run(tf_keras::run(request, start, out)),
            Stream::TfKeras29 => {
                level.run(tf_keras::run_legacy(request, 0, start, out));
            }
        }
    }
}
