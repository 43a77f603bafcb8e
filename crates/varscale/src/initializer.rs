//! Initializers: a scheme with a seed and a stream.

use alloc::vec::Vec;

#[cfg(feature = "serde")]
use serde_json::Value;

#[cfg(feature = "serde")]
use crate::schemes::config::ConfigForm;
use crate::{
    draw::{Draw, Source},
    dtype::{Dtype, Element},
    error::{Error, StreamError},
    schemes::{Content, Explanation, Formula, Law, Orthogonal, Scheme},
    seed::{Seed, SeedError},
    streams::{Stream, native::fnv1a_128, values::Request},
    tensor::Tensor,
};

/// A [`Scheme`] with a seed and a stream: Keras's `VarianceScaling` and its family, ready to draw.
///
/// ```
/// use varscale::Scheme;
/// let he = Scheme::he_normal().with_seed(42);
/// let kernel: Vec<f32> = he.sample([784, 256])?;
/// assert_eq!(kernel.len(), 784 * 256);
/// println!("{}", he.explain([784, 256])?);
/// # Ok::<(), varscale::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Initializer {
    scheme: Scheme,
    /// None where nothing is drawn, or where there was no seed to be had.
    seed: Option<Seed>,
    stream: Stream,
    /// The seed with its calls counted, under a stream that counts draws.
    counted: Option<Seed>,
    global_seed: Option<u32>,
}

impl Scheme {
    /// An initializer of this scheme, which draws from the native stream. A scheme that draws nothing
    /// takes no seed.
    pub fn with_seed(self, seed: impl Into<Seed>) -> Initializer {
        Initializer::new(self, Some(seed.into()))
    }
}

impl Initializer {
    /// A scheme with a seed. Without one, a scheme that draws takes [`Seed::unset`], as Keras's
    /// classes do; where the operating system gives none, [`Initializer::draw`] says so.
    ///
    /// ```
    /// use varscale::{Initializer, Scheme};
    /// let zeros = Initializer::new(Scheme::zeros(), None);
    /// assert_eq!(zeros.sample::<f32>([2])?, [0.0, 0.0]);
    /// # #[cfg(feature = "std")]
    /// assert!(Initializer::new(Scheme::he_normal(), None).seed().is_some());
    /// # Ok::<(), varscale::Error>(())
    /// ```
    #[must_use]
    pub fn new(scheme: Scheme, seed: Option<Seed>) -> Self {
        let seed = match seed {
            _ if !scheme.draws() => None,
            None => Seed::unset().ok(),
            seed => seed,
        };
        Self { scheme, seed, stream: Stream::Native, counted: None, global_seed: None }
    }

    /// How its values follow from a shape.
    #[must_use]
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// Keras's class name, such as `HeNormal`.
    #[must_use]
    pub fn class_name(&self) -> &'static str {
        self.scheme.class().name
    }

    /// The seed; `None` for initializers that draw nothing (zeros, ones, constant, identity).
    #[must_use]
    pub fn seed(&self) -> Option<&Seed> {
        self.seed.as_ref()
    }

    /// The same initializer with another seed; no effect on one that draws nothing.
    #[must_use]
    pub fn with_seed(self, seed: impl Into<Seed>) -> Self {
        let Self { scheme, stream, global_seed, .. } = self;
        Self { global_seed, ..Self::new(scheme, Some(seed.into())) }.with_stream(stream)
    }

    /// The same initializer drawing from another stream than the native one. A framework's stream
    /// knows no tensor names: tensors of one seed and shape are equal. Under a stream that
    /// [counts draws](Stream::counts_draws), every draw of this initializer and its clones is the
    /// next call, as after [`Seed::sequence`].
    #[must_use]
    pub fn with_stream(self, stream: Stream) -> Self {
        let counted = || self.counted.clone().or_else(|| self.seed.clone().map(Seed::counted));
        let counted = if stream.counts_draws() { counted() } else { None };
        Self { counted, stream, ..self }
    }

    /// The same initializer after `tf.random.set_seed(global_seed)`, which changes every value under
    /// `tf-keras-2.9` and nothing under other streams.
    ///
    /// Seeds that Keras draws after `keras.utils.set_random_seed` are [`Stream::drawn_seed`]'s.
    #[must_use]
    pub fn with_global_seed(self, global_seed: u32) -> Self {
        Self { global_seed: Some(global_seed), ..self }
    }

    /// The stream it draws from.
    #[must_use]
    pub fn stream(&self) -> Stream {
        self.stream
    }

    /// How this initializer arrives at its numbers for `tensor`: see [`Scheme::explain`].
    ///
    /// # Errors
    /// As [`Scheme::explain`].
    pub fn explain(&self, tensor: impl Into<Tensor>) -> Result<Explanation, Error> {
        self.scheme.explain(tensor)
    }

    /// The next draw of `tensor`: advances a generator by one call.
    ///
    /// # Errors
    /// [`Error`] where the shape does not fit the scheme or the layout, the stream refuses the seed,
    /// or the generator is used up; no generator advances then.
    pub fn draw(&self, tensor: impl Into<Tensor>) -> Result<Draw, Error> {
        self.draw_tensor(tensor.into(), Call::Next(None))
    }

    /// Call `call` (from 0) of `tensor`, whatever calls were made: advances nothing. With an
    /// integer seed every call is the same, unless the stream [counts draws](Stream::counts_draws).
    ///
    /// # Errors
    /// As [`Initializer::draw`].
    ///
    /// ```
    /// use varscale::{Scheme, SeedGenerator};
    /// let he = Scheme::he_normal().with_seed(&SeedGenerator::new(Some(5))?);
    /// let third: Vec<f32> = he.draw_call([4], 2)?.to_vec()?;
    /// he.sample::<f32>([4])?;
    /// he.sample::<f32>([4])?;
    /// assert_eq!(he.sample::<f32>([4])?, third);
    /// # Ok::<(), varscale::Error>(())
    /// ```
    pub fn draw_call(&self, tensor: impl Into<Tensor>, call: u32) -> Result<Draw, Error> {
        self.draw_tensor(tensor.into(), Call::Index(call))
    }

    fn draw_tensor(&self, tensor: Tensor, call: Call) -> Result<Draw, Error> {
        let name = fnv1a_128(tensor.name.as_bytes());
        let explanation = self.scheme.explain(tensor)?;
        if let Call::Next(Some(dtype)) = call {
            explanation.content.check(dtype)?;
        }
        let request = |law| self.request(law, explanation.elements, name, call);
        let source = match &explanation.content {
            Content::Pattern(pattern) => Source::Pattern(pattern.clone()),
            Content::Random(law) => Source::Stream(self.stream, request(*law)?),
            Content::Formula(formula) if !formula.draws() => Source::Formula(formula.clone(), None),
            Content::Formula(_) if self.stream != Stream::Native => {
                return Err(StreamError::Formula { stream: self.stream.name() }.into());
            }
            Content::Formula(formula) => {
                Source::Formula(formula.clone(), Some(request(Formula::UNIFORM)?))
            }
            Content::Orthogonal(_) if self.stream != Stream::Native => {
                return Err(StreamError::Orthogonal { stream: self.stream.name() }.into());
            }
            Content::Orthogonal(matrix) => {
                Source::Orthogonal(matrix.clone(), request(Orthogonal::NORMALS)?)
            }
        };
        Ok(Draw::new(explanation, source))
    }

    /// What the stream is asked for: advances a generator, once nothing can fail.
    fn request(&self, law: Law, elements: u64, name: u128, call: Call) -> Result<Request, Error> {
        let unset = || SeedError::NoEntropy { reason: "give one by `with_seed`".into() };
        let own = self.counted.as_ref().or(self.seed.as_ref()).ok_or_else(unset)?;
        let seed = own.value();
        self.stream.check_law(&law)?;
        self.stream.check_seed_of(seed, own.as_generator().is_some())?;
        let call = match call {
            Call::Next(dtype) => {
                dtype.map_or(Ok(()), |dtype| self.stream.check_dtype(dtype))?;
                own.next_call()?
            }
            Call::Index(call) => own.call(call),
        };
        Ok(Request { law, seed, call, name, elements, global_seed: self.global_seed })
    }

    /// As [`Initializer::draw`], for values of one dtype.
    ///
    /// # Errors
    /// As [`Initializer::draw`] and [`Draw::check`]; no generator advances then.
    ///
    /// ```
    /// use varscale::{Dtype, Scheme, SeedGenerator};
    /// let generator = SeedGenerator::new(Some(5))?;
    /// let normal = Scheme::random_normal(0, 1e6)?.with_seed(&generator);
    /// assert!(normal.draw_in([4], Dtype::Float16).is_err());
    /// assert_eq!(generator.counter(), 0);
    /// # Ok::<(), varscale::Error>(())
    /// ```
    pub fn draw_in(&self, tensor: impl Into<Tensor>, dtype: Dtype) -> Result<Draw, Error> {
        self.draw_tensor(tensor.into(), Call::Next(Some(dtype)))
    }

    /// The values of the next draw of `tensor`, in row-major order.
    ///
    /// # Errors
    /// As [`Initializer::draw`], and where a value would overflow `T`.
    pub fn sample<T: Element>(&self, tensor: impl Into<Tensor>) -> Result<Vec<T>, Error> {
        self.draw_in(tensor, T::DTYPE)?.to_vec()
    }
}

/// Which call a draw is.
#[derive(Clone, Copy)]
enum Call {
    /// The next one, made once the dtype of its values is checked, where it is known.
    Next(Option<Dtype>),
    /// This one, from 0.
    Index(u32),
}

#[cfg(feature = "serde")]
impl Initializer {
    /// Keras's `get_config()`: the arguments of the constructor. An unset seed stays `null`.
    #[must_use]
    pub fn get_config(&self, form: ConfigForm) -> Value {
        self.scheme.get_config(self.seed(), form)
    }

    /// Keras's `initializers.serialize`: [`Initializer::get_config`] with the class around it.
    #[must_use]
    pub fn serialize(&self, form: ConfigForm) -> Value {
        self.scheme.serialize(self.seed(), form)
    }

    /// The initializer of this class or alias with this config: see [`Scheme::from_config`].
    ///
    /// # Errors
    /// As [`Scheme::from_config`].
    pub fn from_config(class_name: &str, config: &Value) -> Result<Self, Error> {
        Scheme::from_config(class_name, config).map(|(scheme, seed)| Self::new(scheme, seed))
    }

    /// The initializer that Keras's `initializers.get` makes of an identifier or of a serialized
    /// object: see [`Scheme::deserialize`].
    ///
    /// # Errors
    /// As [`Scheme::from_config`].
    ///
    /// ```
    /// use varscale::{ConfigForm, Initializer};
    /// let initializer = Initializer::deserialize(&"he_normal".into())?;
    /// assert_eq!(initializer.serialize(ConfigForm::Keras3)["config"]["seed"], serde_json::Value::Null);
    /// # Ok::<(), varscale::Error>(())
    /// ```
    pub fn deserialize(serialized: &Value) -> Result<Self, Error> {
        Scheme::deserialize(serialized).map(|(scheme, seed)| Self::new(scheme, seed))
    }
}
