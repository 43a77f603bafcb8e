//! Streams: the numbered sequences of random values that a seed names.

use core::{fmt, str::FromStr};

use alloc::{string::ToString, vec::Vec};

mod definition;
pub(crate) mod native;
pub(crate) mod values;

#[cfg(feature = "keras-streams")]
mod cast;
#[cfg(feature = "keras-streams")]
mod fdlibm;
#[cfg(feature = "keras-streams")]
pub(crate) mod keras_jax;
#[cfg(feature = "keras-streams")]
mod keras_jax_fp16fma;
#[cfg(feature = "keras-streams")]
mod keras_numpy;
#[cfg(feature = "keras-streams")]
mod keras_tensorflow;
#[cfg(feature = "keras-streams")]
mod keras_torch;
#[cfg(feature = "keras-streams")]
mod tensorflow;
#[cfg(feature = "keras-streams")]
mod tf_keras;
#[cfg(feature = "keras-streams")]
pub(crate) mod tf_keras_2_9;

pub use self::native::{NativeBounds, NativeStandard, NativeTransform};
use self::{
    definition::Definition,
    values::{AnyValues, Request},
};
#[cfg(feature = "keras-streams")]
use crate::bits::python_random::PythonRandom;
use crate::{
    argument::serde_as_text, dtype::Dtype, error::StreamError, schemes::Law, seed::Seed,
    simd::Level,
};

macro_rules! streams {
    (
        $native:ident: $native_definition:path, $native_doc:literal;
        #[$gate:meta]
        $($stream:ident: $definition:path, $doc:literal;)*
    ) => {
        /// A numbered sequence of random values: the native one, or that of a framework, whose own
        /// draw it then reproduces bit for bit
        /// ([how](https://github.com/varscale/varscale/blob/main/docs/keras-streams.md)).
        ///
        #[cfg_attr(feature = "keras-streams", doc = "```")]
        #[cfg_attr(not(feature = "keras-streams"), doc = "```ignore")]
        /// use varscale::{Scheme, Stream};
        /// let stream: Stream = "keras-jax".parse()?;
        /// // What `keras.initializers.HeNormal(seed=42)((2, 3))` returns on JAX.
        /// let values: Vec<f32> =
        ///     Scheme::he_normal().with_seed(42).with_stream(stream).sample([2, 3])?;
        /// # Ok::<(), varscale::Error>(())
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        #[non_exhaustive]
        pub enum Stream {
            #[doc = $native_doc]
            #[default]
            $native,
            $(
                #[doc = $doc]
                #[$gate]
                $stream,
            )*
        }

        impl Stream {
            /// Every stream.
            pub const ALL: &[Self] = &[Self::$native, $(#[$gate] Self::$stream),*];
        }

        /// Does the same with the definition of a stream, as `D`.
        macro_rules! of {
            ($self:expr, $of_stream:expr) => {
                match $self {
                    Self::$native => {
                        type D = $native_definition;
                        $of_stream
                    }
                    $(
                        #[$gate]
                        Self::$stream => {
                            type D = $definition;
                            $of_stream
                        }
                    )*
                }
            };
        }
    };
}

streams! {
    Native: native::Native, "`native`: any value by itself, at memory speed.";
    #[cfg(feature = "keras-streams")]
    KerasJax: keras_jax::KerasJax,
        "`keras-jax`: Keras 3 on JAX, on a CPU without half-precision FMA (AVX512-FP16).";
    KerasJaxFp16Fma: keras_jax_fp16fma::KerasJaxFp16Fma,
        "`keras-jax-fp16fma`: the same on a CPU with it, which changes float16 only.";
    KerasTensorflow: keras_tensorflow::KerasTensorflow,
        "`keras-tensorflow`: Keras 3 on TensorFlow.";
    KerasTorch: keras_torch::KerasTorch, "`keras-torch`: Keras 3 on PyTorch, on a CPU with AVX2.";
    KerasNumpy: keras_numpy::KerasNumpy, "`keras-numpy`: Keras 3 on NumPy.";
    TfKeras: tf_keras::TfKeras, "`tf-keras`: tf_keras, and tf.keras from 2.10 on.";
    TfKeras29: tf_keras_2_9::TfKeras29,
        "`tf-keras-2.9`: tf.keras up to 2.9, where call k of seed s draws with seed s + k.";
}

impl Stream {
    /// Name, as on the command line and in plans.
    #[must_use]
    pub const fn name(self) -> &'static str {
        of!(self, D::NAME)
    }

    /// Id, as in checkpoints: the native stream's with its version, a framework's with the versions
    /// that it reproduces.
    #[must_use]
    pub const fn id(self) -> &'static str {
        of!(self, D::ID)
    }

    /// The dtypes that it has values in.
    #[must_use]
    pub const fn dtypes(self) -> &'static [Dtype] {
        of!(self, D::DTYPES)
    }

    /// Whether each draw of an initializer with an integer seed is another call, as under
    /// `tf-keras-2.9`.
    #[must_use]
    pub const fn counts_draws(self) -> bool {
        of!(self, D::COUNTS_DRAWS)
    }

    /// The next seed that the framework draws from Python's `random`: for an initializer without
    /// one, or under `tf-keras-2.9` for a call.
    #[cfg(feature = "keras-streams")]
    pub fn drawn_seed(self, random: &mut PythonRandom) -> u32 {
        of!(self, D::drawn_seed(random))
    }

    /// A seed for one tensor of a model, of the model's seed and the tensor's name, since frameworks'
    /// streams know no names: the first word of the native stream's key, halved. In [0, 2^31), so that
    /// every stream takes it.
    ///
    /// ```
    /// use varscale::{Seed, Stream};
    /// assert_eq!(Stream::seed_by_name(&Seed::from(42), "h.0.attn.c_attn.weight"), 123_433_431);
    /// ```
    #[must_use]
    pub fn seed_by_name(seed: &Seed, name: &str) -> u32 {
        native::seed_by_name(seed.value(), name)
    }

    /// Checks that the framework takes this integer as a seed, as every draw does first.
    ///
    /// # Errors
    /// [`StreamError::Seed`], which says what it takes.
    ///
    /// ```
    /// use varscale::Stream;
    /// assert!(Stream::Native.check_seed(-1).is_ok());
    /// assert!(Stream::Native.check_seed(1 << 64).is_err());
    /// ```
    pub fn check_seed(self, seed: i128) -> Result<(), StreamError> {
        self.check_seed_of(seed, false)
    }

    /// As [`Stream::check_seed`]; `generator`: it is a generator's.
    pub(crate) fn check_seed_of(self, seed: i128, generator: bool) -> Result<(), StreamError> {
        of!(self, D::check_seed(seed, generator)).map_err(|allowed| StreamError::Seed {
            stream: self.name(),
            seed,
            allowed,
        })
    }

    pub(crate) fn check_dtype(self, dtype: Dtype) -> Result<(), StreamError> {
        if self.dtypes().contains(&dtype) { Ok(()) } else { Err(self.no_values_in(dtype)) }
    }

    /// Refuses laws that it has no values of.
    pub(crate) fn check_law(self, law: &Law) -> Result<(), StreamError> {
        if law.is_keras() || of!(self, D::BEYOND_KERAS) {
            return Ok(());
        }
        Err(StreamError::Law { stream: self.name(), law: law.to_string() })
    }

    fn no_values_in(self, dtype: Dtype) -> StreamError {
        let known: Vec<_> = self.dtypes().iter().map(|dtype| dtype.name()).collect();
        StreamError::Dtype { stream: self.name(), dtype, known: known.join(", ") }
    }

    /// The values of a draw, in a dtype that [`Stream::check_dtype`] lets pass.
    pub(crate) fn open(
        self,
        request: &Request,
        level: Level,
        dtype: Dtype,
    ) -> Result<AnyValues, StreamError> {
        of!(self, D::open(request, level, dtype)).ok_or_else(|| self.no_values_in(dtype))
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Stream {
    type Err = StreamError;

    /// By name or id.
    fn from_str(text: &str) -> Result<Self, StreamError> {
        let found = Self::ALL.iter().find(|stream| stream.name() == text || stream.id() == text);
        found.copied().ok_or_else(|| StreamError::Unknown {
            received: text.to_string(),
            known: Self::ALL.iter().map(|stream| stream.name()).collect::<Vec<_>>().join(", "),
        })
    }
}

serde_as_text!(Stream);
