//! Streams: the numbered sequences of random values that a seed names.

use core::{fmt, str::FromStr};

use alloc::string::{String, ToString};

pub(crate) mod native;

#[cfg(feature = "keras-streams")]
mod cast;
#[cfg(feature = "keras-streams")]
mod fdlibm;
#[cfg(feature = "keras-streams")]
pub(crate) mod framework;
#[cfg(feature = "keras-streams")]
mod keras_jax;
#[cfg(feature = "keras-streams")]
mod keras_numpy;
#[cfg(feature = "keras-streams")]
mod keras_tensorflow;
#[cfg(feature = "keras-streams")]
mod keras_torch;
#[cfg(feature = "keras-streams")]
mod mt19937;
#[cfg(feature = "keras-streams")]
pub(crate) mod python_random;
#[cfg(feature = "keras-streams")]
mod tf_keras;

use crate::Law;

/// Id of the native stream, version included: its values never change under this id.
pub const NATIVE_STREAM: &str = "philox4x32-10/v1";

/// A numbered sequence of random values: the native one, or that of a framework, whose own draw it
/// then reproduces bit for bit (module documentation: `docs/keras-streams.md`).
///
/// ```
/// use varscale::{Initializer, Stream};
/// let stream: Stream = "keras-jax".parse()?;
/// // What `keras.initializers.HeNormal(seed=42)((2, 3))` returns on JAX.
/// let values: Vec<f32> = Initializer::he_normal(42).with_stream(stream).sample([2, 3])?;
/// # Ok::<(), varscale::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Stream {
    /// `native`: any value by itself, at memory speed.
    #[default]
    Native,
    /// `keras-jax`: Keras 3 on JAX, on a CPU without half-precision FMA (AVX512-FP16).
    #[cfg(feature = "keras-streams")]
    KerasJax,
    /// `keras-jax-fp16fma`: the same on a CPU with it, which changes float16 only.
    #[cfg(feature = "keras-streams")]
    KerasJaxFp16Fma,
    /// `keras-tensorflow`: Keras 3 on TensorFlow.
    #[cfg(feature = "keras-streams")]
    KerasTensorflow,
    /// `keras-torch`: Keras 3 on PyTorch, on a CPU with AVX2.
    #[cfg(feature = "keras-streams")]
    KerasTorch,
    /// `keras-numpy`: Keras 3 on NumPy.
    #[cfg(feature = "keras-streams")]
    KerasNumpy,
    /// `tf-keras`: tf_keras, and tf.keras from 2.10 on.
    #[cfg(feature = "keras-streams")]
    TfKeras,
    /// `tf-keras-2.9`: tf.keras up to 2.9, where call k of seed s draws with seed s + k.
    #[cfg(feature = "keras-streams")]
    TfKeras29,
}

/// A stream that does not exist, or that has no values for what is asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// No such stream.
    #[error("unknown stream {received:?}: use one of {known}")]
    Unknown {
        /// The name received.
        received: String,
        /// The names that exist.
        known: String,
    },
    /// A seed that the framework raises an error for.
    #[error("invalid seed {seed} for stream {stream}: it takes {allowed}")]
    Seed {
        /// The stream.
        stream: Stream,
        /// The seed received.
        seed: i128,
        /// What is allowed.
        allowed: &'static str,
    },
}

impl Stream {
    /// Every stream.
    pub const ALL: &[Self] = &[
        Self::Native,
        #[cfg(feature = "keras-streams")]
        Self::KerasJax,
        #[cfg(feature = "keras-streams")]
        Self::KerasJaxFp16Fma,
        #[cfg(feature = "keras-streams")]
        Self::KerasTensorflow,
        #[cfg(feature = "keras-streams")]
        Self::KerasTorch,
        #[cfg(feature = "keras-streams")]
        Self::KerasNumpy,
        #[cfg(feature = "keras-streams")]
        Self::TfKeras,
        #[cfg(feature = "keras-streams")]
        Self::TfKeras29,
    ];

    /// Name, as on the command line and in plans.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            #[cfg(feature = "keras-streams")]
            Self::KerasJax => "keras-jax",
            #[cfg(feature = "keras-streams")]
            Self::KerasJaxFp16Fma => "keras-jax-fp16fma",
            #[cfg(feature = "keras-streams")]
            Self::KerasTensorflow => "keras-tensorflow",
            #[cfg(feature = "keras-streams")]
            Self::KerasTorch => "keras-torch",
            #[cfg(feature = "keras-streams")]
            Self::KerasNumpy => "keras-numpy",
            #[cfg(feature = "keras-streams")]
            Self::TfKeras => "tf-keras",
            #[cfg(feature = "keras-streams")]
            Self::TfKeras29 => "tf-keras-2.9",
        }
    }

    /// Id, as in checkpoints: the native stream's with its version, a framework's with the versions
    /// that it reproduces.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Native => NATIVE_STREAM,
            #[cfg(feature = "keras-streams")]
            Self::KerasJax => "keras-jax (keras 3.15.1, jax 0.10.2)",
            #[cfg(feature = "keras-streams")]
            Self::KerasJaxFp16Fma => "keras-jax-fp16fma (keras 3.15.1, jax 0.10.2)",
            #[cfg(feature = "keras-streams")]
            Self::KerasTensorflow => "keras-tensorflow (keras 3.15.1, tensorflow 2.21.0)",
            #[cfg(feature = "keras-streams")]
            Self::KerasTorch => "keras-torch (keras 3.15.1, torch 2.15.0)",
            #[cfg(feature = "keras-streams")]
            Self::KerasNumpy => "keras-numpy (keras 3.15.1, numpy 2.4.6)",
            #[cfg(feature = "keras-streams")]
            Self::TfKeras => "tf-keras (tf_keras 2.21.0, tensorflow 2.21.0)",
            #[cfg(feature = "keras-streams")]
            Self::TfKeras29 => "tf-keras-2.9 (tf.keras 2.9)",
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Stream {
    type Err = StreamError;

    fn from_str(text: &str) -> Result<Self, StreamError> {
        let found = Self::ALL.iter().find(|stream| stream.name() == text || stream.id() == text);
        found.copied().ok_or_else(|| StreamError::Unknown {
            received: text.to_string(),
            known: Self::ALL
                .iter()
                .map(|stream| stream.name())
                .collect::<alloc::vec::Vec<_>>()
                .join(", "),
        })
    }
}

/// Where the values of a draw come from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Origin {
    Native(native::Position),
    #[cfg(feature = "keras-streams")]
    Framework(framework::Framework),
}

/// One draw, as Keras hands it to its backend.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(not(feature = "keras-streams"), allow(dead_code))]
pub(crate) struct Request {
    /// Uniform, normal or truncated normal, with the numbers handed to the sampler.
    pub(crate) law: Law,
    /// As the user gave it.
    pub(crate) seed: i128,
    /// Calls made before this one: 0 for an integer seed, but under `tf-keras-2.9`.
    pub(crate) call: u64,
    /// Of the whole tensor.
    pub(crate) elements: u64,
    /// TensorFlow's global seed: of account under `tf-keras-2.9` only.
    pub(crate) global_seed: Option<u32>,
}

#[cfg_attr(not(feature = "keras-streams"), allow(dead_code))]
impl Request {
    /// What Keras asks its backend for to draw `law`; `None` where nothing is drawn.
    pub(crate) fn new(
        law: Law,
        seed: i128,
        call: u64,
        elements: u64,
        global_seed: Option<u32>,
    ) -> Option<Self> {
        match law {
            Law::Constant { .. } | Law::Identity { .. } => None,
            _ => Some(Self { law, seed, call, elements, global_seed }),
        }
    }
}

/// What 2.9 draws where the same kernel drew before.
#[cfg(all(test, feature = "keras-streams", feature = "serde"))]
pub(crate) fn run_legacy<T: framework::Draws>(
    level: crate::kernel::dispatch::Level,
    request: &Request,
    prior_elements: u64,
    out: &mut [T],
) {
    level.run(tf_keras::run_legacy(request, prior_elements, 0, out));
}
