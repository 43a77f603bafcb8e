//! Initializers: rules from a global shape to values, with a seed.

use alloc::{string::String, vec::Vec};

use crate::{
    Draw, Element, Error, Fans, Law, Layout, Number, Seed, Stream, VarianceScaling,
    law::LawError,
    stream::{Origin, native::Position},
};
#[cfg(feature = "keras-streams")]
use crate::{
    shape::element_count,
    stream::{Request, framework::Framework},
};

/// The rule of an initializer, without its seed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Rule {
    Fixed(Fixed),
    VarianceScaling(VarianceScaling),
}

/// A rule that gives every shape the same law.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fixed {
    Zeros,
    Ones,
    Constant { value: Number },
    Identity { gain: Number },
    RandomNormal { mean: Number, stddev: Number },
    RandomUniform { minval: Number, maxval: Number },
    TruncatedNormal { mean: Number, stddev: Number },
}

/// A shape that an initializer cannot fill.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Identity fills matrices only: shape {shape:?} has rank {}", shape.len())]
pub struct IdentityShapeError {
    /// The shape received.
    pub shape: Vec<usize>,
}

/// A tensor to initialize: its global shape, its name in the stream, and its layout.
///
/// Shapes convert: `initializer.sample([784, 256])` draws an anonymous tensor in Keras's layout.
///
/// ```
/// use varscale::{Layout, Tensor};
/// let tensor = Tensor::new([256, 784]).named("fc1.weight").with_layout(Layout::torch());
/// assert_eq!(tensor.shape, [256, 784]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tensor {
    /// Name in the stream: tensors of other names get other values. Empty for an anonymous tensor.
    pub name: String,
    /// Global shape; empty for a scalar.
    pub shape: Vec<usize>,
    /// What the axes stand for.
    pub layout: Layout,
}

impl Tensor {
    /// An anonymous tensor in Keras's layout.
    pub fn new(shape: impl Into<Vec<usize>>) -> Self {
        Self { shape: shape.into(), ..Self::default() }
    }

    /// The same tensor under this name.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// The same tensor in this layout.
    #[must_use]
    pub fn with_layout(self, layout: Layout) -> Self {
        Self { layout, ..self }
    }
}

impl<const RANK: usize> From<[usize; RANK]> for Tensor {
    fn from(shape: [usize; RANK]) -> Self {
        Self::new(shape)
    }
}

impl From<&[usize]> for Tensor {
    fn from(shape: &[usize]) -> Self {
        Self::new(shape)
    }
}

impl From<&Self> for Tensor {
    fn from(tensor: &Self) -> Self {
        tensor.clone()
    }
}

/// A rule from a global shape to values, with a seed: Keras's `VarianceScaling` and its family.
///
/// ```
/// use varscale::Initializer;
/// let he = Initializer::he_normal(42);
/// let kernel: Vec<f32> = he.sample([784, 256])?;
/// assert_eq!(kernel.len(), 784 * 256);
/// println!("{}", he.explain([784, 256])?);
/// # Ok::<(), varscale::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Initializer {
    pub(crate) rule: Rule,
    pub(crate) seed: Option<Seed>,
    pub(crate) stream: Stream,
    pub(crate) global_seed: Option<u32>,
}

macro_rules! presets {
    ($($name:ident, $class:literal, $text:literal;)*) => {$(
        #[doc = concat!("Keras's `", $class, "`: ", $text, ".")]
        pub fn $name(seed: impl Into<Seed>) -> Self {
            Self::variance_scaling(VarianceScaling::preset($class).unwrap_or_default(), seed)
        }
    )*};
}

impl Initializer {
    presets! {
        glorot_uniform, "GlorotUniform", "uniform, scale 1 over fan_avg";
        glorot_normal, "GlorotNormal", "truncated normal, scale 1 over fan_avg";
        he_uniform, "HeUniform", "uniform, scale 2 over fan_in";
        he_normal, "HeNormal", "truncated normal, scale 2 over fan_in";
        lecun_uniform, "LecunUniform", "uniform, scale 1 over fan_in";
        lecun_normal, "LecunNormal", "truncated normal, scale 1 over fan_in";
    }

    fn new(rule: Rule, seed: Option<Seed>) -> Self {
        Self { rule, seed, stream: Stream::Native, global_seed: None }
    }

    /// Keras's `VarianceScaling` with any [`VarianceScaling`] rule.
    pub fn variance_scaling(rule: VarianceScaling, seed: impl Into<Seed>) -> Self {
        Self::new(Rule::VarianceScaling(rule), Some(seed.into()))
    }

    /// Every value 0.
    #[must_use]
    pub fn zeros() -> Self {
        Self::new(Rule::Fixed(Fixed::Zeros), None)
    }

    /// Every value 1.
    #[must_use]
    pub fn ones() -> Self {
        Self::new(Rule::Fixed(Fixed::Ones), None)
    }

    /// Every value `value`.
    ///
    /// # Errors
    /// [`LawError`] unless it is finite.
    pub fn constant(value: impl Into<Number>) -> Result<Self, LawError> {
        Self::fixed(Fixed::Constant { value: value.into() }, None)
    }

    /// A matrix with `gain` on its diagonal and 0 elsewhere.
    ///
    /// # Errors
    /// [`LawError`] unless it is finite.
    pub fn identity(gain: impl Into<Number>) -> Result<Self, LawError> {
        Self::fixed(Fixed::Identity { gain: gain.into() }, None)
    }

    /// Normal with this mean and standard deviation (Keras's defaults: 0 and 0.05).
    ///
    /// # Errors
    /// [`LawError`] unless both are finite and `stddev` is at least 0.
    pub fn random_normal(
        mean: impl Into<Number>,
        stddev: impl Into<Number>,
        seed: impl Into<Seed>,
    ) -> Result<Self, LawError> {
        let (mean, stddev) = (mean.into(), stddev.into());
        Self::fixed(Fixed::RandomNormal { mean, stddev }, Some(seed.into()))
    }

    /// Normal, cut off at two `stddev` from `mean` (Keras's defaults: 0 and 0.05). As in Keras,
    /// `stddev` is the one before truncation.
    ///
    /// # Errors
    /// [`LawError`] unless both are finite and `stddev` is at least 0.
    pub fn truncated_normal(
        mean: impl Into<Number>,
        stddev: impl Into<Number>,
        seed: impl Into<Seed>,
    ) -> Result<Self, LawError> {
        let (mean, stddev) = (mean.into(), stddev.into());
        Self::fixed(Fixed::TruncatedNormal { mean, stddev }, Some(seed.into()))
    }

    /// Uniform in [`minval`, `maxval`] (Keras's defaults: ∓0.05).
    ///
    /// # Errors
    /// [`LawError`] unless both are finite and in order.
    pub fn random_uniform(
        minval: impl Into<Number>,
        maxval: impl Into<Number>,
        seed: impl Into<Seed>,
    ) -> Result<Self, LawError> {
        let (minval, maxval) = (minval.into(), maxval.into());
        Self::fixed(Fixed::RandomUniform { minval, maxval }, Some(seed.into()))
    }

    /// An initializer whose numbers are checked now, so that only shapes can fail later.
    pub(crate) fn fixed(rule: Fixed, seed: Option<Seed>) -> Result<Self, LawError> {
        rule.law()?;
        Ok(Self::new(Rule::Fixed(rule), seed))
    }

    /// Keras's class name, such as `HeNormal`.
    #[must_use]
    pub fn class_name(&self) -> &'static str {
        match &self.rule {
            Rule::VarianceScaling(rule) => rule.class_name(),
            Rule::Fixed(rule) => match rule {
                Fixed::Zeros => "Zeros",
                Fixed::Ones => "Ones",
                Fixed::Constant { .. } => "Constant",
                Fixed::Identity { .. } => "Identity",
                Fixed::RandomNormal { .. } => "RandomNormal",
                Fixed::RandomUniform { .. } => "RandomUniform",
                Fixed::TruncatedNormal { .. } => "TruncatedNormal",
            },
        }
    }

    /// The seed; `None` for initializers that draw nothing (zeros, ones, constant, identity).
    #[must_use]
    pub fn seed(&self) -> Option<&Seed> {
        self.seed.as_ref()
    }

    /// The same rule with another seed; no effect on initializers that draw nothing.
    #[must_use]
    pub fn with_seed(&self, seed: impl Into<Seed>) -> Self {
        let seed = self.seed.as_ref().map(|_| seed.into());
        Self { seed, ..self.clone() }.with_stream(self.stream)
    }

    /// The same initializer drawing from another stream than the native one. A framework's stream
    /// knows no tensor names: tensors of one seed and shape are equal. Under [`Stream::TfKeras29`],
    /// every draw of this initializer and its clones is the next call, as after [`Seed::sequence`].
    #[must_use]
    pub fn with_stream(self, stream: Stream) -> Self {
        let initializer = Self { stream, ..self };
        #[cfg(feature = "keras-streams")]
        if stream == Stream::TfKeras29 {
            return Self { seed: initializer.seed.map(Seed::counted), ..initializer };
        }
        initializer
    }

    /// The same initializer after `tf.random.set_seed(global_seed)`, which changes every value under
    /// [`Stream::TfKeras29`] and nothing under other streams.
    ///
    /// Seeds that Keras draws after `keras.utils.set_random_seed` are [`PythonRandom`]'s.
    ///
    /// [`PythonRandom`]: crate::PythonRandom
    #[must_use]
    pub fn with_global_seed(self, global_seed: u32) -> Self {
        Self { global_seed: Some(global_seed), ..self }
    }

    /// The stream it draws from.
    #[must_use]
    pub fn stream(&self) -> Stream {
        self.stream
    }

    /// The rule, where this is a `VarianceScaling` or one of its presets.
    #[must_use]
    pub fn as_variance_scaling(&self) -> Option<&VarianceScaling> {
        match &self.rule {
            Rule::VarianceScaling(rule) => Some(rule),
            Rule::Fixed(_) => None,
        }
    }

    /// Fans of the tensor where the rule depends on them, and the law its values follow.
    pub(crate) fn resolve(&self, tensor: &Tensor) -> Result<(Option<Fans>, Law), Error> {
        let rule = match &self.rule {
            Rule::Fixed(Fixed::Identity { .. }) if tensor.shape.len() != 2 => {
                return Err(IdentityShapeError { shape: tensor.shape.clone() }.into());
            }
            Rule::Fixed(rule) => return Ok((None, rule.law()?)),
            Rule::VarianceScaling(rule) => rule,
        };
        let own = rule.own_layout();
        let fans = Fans::new(&tensor.shape, own.as_ref().unwrap_or(&tensor.layout))?;
        let law = rule.law(&fans)?;
        Ok((Some(fans), law))
    }

    /// The next draw of `tensor`: advances a generator by one call.
    ///
    /// # Errors
    /// [`Error`] where the shape does not fit the rule or the layout, or the generator is used up.
    pub fn draw(&self, tensor: impl Into<Tensor>) -> Result<Draw, Error> {
        let tensor = tensor.into();
        let (_, law) = self.resolve(&tensor)?;
        let call = self.seed.as_ref().map_or(Ok(0), Seed::next_call)?;
        self.draw_law(&tensor, law, call)
    }

    /// Call `call` (from 0) of `tensor`, whatever calls were made: advances nothing. With an
    /// integer seed every call is the same, but under [`Stream::TfKeras29`].
    ///
    /// # Errors
    /// As [`Initializer::draw`].
    ///
    /// ```
    /// use varscale::{Initializer, SeedGenerator};
    /// let he = Initializer::he_normal(&SeedGenerator::new(Some(5))?);
    /// let third: Vec<f32> = he.draw_call([4], 2)?.to_vec()?;
    /// he.sample::<f32>([4])?;
    /// he.sample::<f32>([4])?;
    /// assert_eq!(he.sample::<f32>([4])?, third);
    /// # Ok::<(), varscale::Error>(())
    /// ```
    pub fn draw_call(&self, tensor: impl Into<Tensor>, call: u32) -> Result<Draw, Error> {
        let tensor = tensor.into();
        let (_, law) = self.resolve(&tensor)?;
        let call = self.seed.as_ref().map_or(0, |seed| seed.call(call, self.stream));
        self.draw_law(&tensor, law, call)
    }

    fn draw_law(&self, tensor: &Tensor, law: Law, call: u32) -> Result<Draw, Error> {
        #[cfg(feature = "keras-streams")]
        if let (true, Some(seed)) = (self.stream != Stream::Native, &self.seed) {
            let (stream, elements) = (self.stream, element_count(&tensor.shape)?);
            let request = Request::new(law, seed.value(), call.into(), elements, self.global_seed);
            if let Some(request) = request {
                let framework = Framework::new(stream, request, seed.as_generator().is_some())?;
                return Ok(Draw::new(&tensor.shape, law, Origin::Framework(framework))?);
            }
        }
        let seed = self.seed.as_ref().map_or(0, Seed::resolved);
        let position = Position::new(seed, &tensor.name, call);
        Ok(Draw::new(&tensor.shape, law, Origin::Native(position))?)
    }

    /// The values of the next draw of `tensor`, in row-major order.
    ///
    /// # Errors
    /// As [`Initializer::draw`], and where a value would overflow `T`.
    pub fn sample<T: Element>(&self, tensor: impl Into<Tensor>) -> Result<Vec<T>, Error> {
        self.draw(tensor)?.to_vec()
    }
}

impl Fixed {
    fn law(&self) -> Result<Law, LawError> {
        match self {
            Self::Zeros => Law::constant(0.0),
            Self::Ones => Law::constant(1.0),
            Self::Constant { value } => Law::constant(value.get()),
            Self::Identity { gain } => Law::identity(gain.get()),
            Self::RandomNormal { mean, stddev } => Law::normal(mean.get(), stddev.get()),
            Self::RandomUniform { minval, maxval } => Law::uniform(minval.get(), maxval.get()),
            Self::TruncatedNormal { mean, stddev } => {
                Law::truncated_normal(mean.get(), stddev.get())
            }
        }
    }
}
