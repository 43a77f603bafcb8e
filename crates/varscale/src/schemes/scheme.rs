//! Schemes: a class of the family with its arguments.

use alloc::{
    borrow::Cow,
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use super::{
    array::Array,
    class::{self, Class},
    content::Content,
    distribution::Distribution,
    fans::Mode,
    formula,
    resolve::{Argument, Axes, Parameter, Scaling},
    truncated_normal::Bounds,
};
use crate::{argument::ArgumentError, error::Error, number::Number, tensor::Tensor};

/// How values follow from a global shape: Keras's `VarianceScaling` and its family, without a seed.
///
/// [`Scheme::with_seed`] makes an initializer of it, which draws.
///
/// ```
/// use varscale::{Distribution, Mode, Scheme};
/// let he = Scheme::he_normal();
/// let kernel: Vec<f32> = he.with_seed(42).sample([784, 256])?;
/// let scheme = Scheme::variance_scaling(2.0, Mode::FanOut, Distribution::Uniform)?;
/// println!("{}", scheme.explain([784, 256])?);
/// # Ok::<(), varscale::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Scheme {
    class: &'static Class,
    /// In the order of the class's parameters.
    arguments: Vec<Argument>,
    axes: Axes,
}

macro_rules! plain {
    ($($name:ident, $class:ident, $text:literal;)*) => {$(
        #[doc = $text]
        #[must_use]
        pub fn $name() -> Self {
            Self::of_class(&class::$class, Vec::new())
        }
    )*};
}

impl Scheme {
    plain! {
        glorot_uniform, GLOROT_UNIFORM, "Uniform, scale 1 over fan_avg.";
        glorot_normal, GLOROT_NORMAL, "Truncated normal, scale 1 over fan_avg.";
        he_uniform, HE_UNIFORM, "Uniform, scale 2 over fan_in.";
        he_normal, HE_NORMAL, "Truncated normal, scale 2 over fan_in.";
        lecun_uniform, LECUN_UNIFORM, "Uniform, scale 1 over fan_in.";
        lecun_normal, LECUN_NORMAL, "Truncated normal, scale 1 over fan_in.";
        zeros, ZEROS, "Every value 0.";
        ones, ONES, "Every value 1.";
    }

    fn of_class(class: &'static Class, arguments: Vec<Argument>) -> Self {
        Self { class, arguments, axes: Axes::default() }
    }

    /// A class with arguments for its parameters, in their order, as many as it has. Those that Keras
    /// lacks may be left out at the end.
    ///
    /// # Errors
    /// [`ArgumentError`] where there are others than it has, or the class refuses one.
    ///
    /// ```
    /// use varscale::{Argument, Class, Scheme};
    /// let class = Class::named("random_normal")?;
    /// let scheme = Scheme::new(class, [0, 2].map(|n| Argument::Number(n.into())).to_vec())?;
    /// assert_eq!(scheme, Scheme::random_normal(0, 2)?);
    /// assert_eq!(
    ///     Scheme::new(class, vec![Argument::Number(1.into())]).unwrap_err().to_string(),
    ///     "invalid arguments [1] of RandomNormal: it must be [mean such as 0.0, stddev such as 0.05]"
    /// );
    /// # Ok::<(), varscale::Error>(())
    /// ```
    pub fn new(class: &'static Class, mut arguments: Vec<Argument>) -> Result<Self, ArgumentError> {
        let left_out = class.parameters.get(arguments.len()..).unwrap_or_default();
        if left_out.iter().all(|parameter| parameter.extension) {
            arguments.extend(left_out.iter().map(|parameter| Argument::from(parameter.default)));
        }
        let takes = |(parameter, argument): (&Parameter, &Argument)| parameter.takes(argument);
        let fit = class.parameters.iter().zip(&arguments).all(takes);
        if arguments.len() != class.parameters.len() || !fit {
            let text = |parts: Vec<String>| format!("[{}]", parts.join(", "));
            let received = text(arguments.iter().map(ToString::to_string).collect());
            let default =
                |p: &Parameter| format!("{} such as {}", p.name, Argument::from(p.default));
            let allowed = text(class.parameters.iter().map(default).collect());
            let received = format!("{received} of {}", class.name);
            return Err(ArgumentError::new("arguments", received, allowed));
        }
        let scheme = Self::of_class(class, arguments);
        class.resolution.check(&scheme.filled_in())?;
        Ok(scheme)
    }

    /// Keras's `VarianceScaling`. With the fan n that `mode` names, at least 1: the truncated normal
    /// draws with a standard deviation of √(scale / n) after truncation, the untruncated normal with
    /// √(scale / n), the uniform in ±√(3 · scale / n). Keras's defaults: 1.0, `fan_in`, truncated
    /// normal.
    ///
    /// # Errors
    /// [`ArgumentError`] for a scale that is not positive and finite. Keras accepts NaN and ∞, and
    /// draws NaN and ∞.
    pub fn variance_scaling(
        scale: impl Into<Number>,
        mode: Mode,
        distribution: Distribution,
    ) -> Result<Self, ArgumentError> {
        let scale = Argument::Number(scale.into());
        let arguments = vec![scale, Argument::Mode(mode), Argument::Distribution(distribution)];
        Self::new(&class::VARIANCE_SCALING, arguments)
    }

    /// Every value `value`.
    ///
    /// # Errors
    /// [`ArgumentError`] unless it is finite.
    pub fn constant(value: impl Into<Number>) -> Result<Self, ArgumentError> {
        Self::new(&class::CONSTANT, vec![Argument::Number(value.into())])
    }

    /// The values of an array, broadcast to the shape by NumPy's rule.
    #[must_use]
    pub fn constant_array(values: Array) -> Self {
        Self::of_class(&class::CONSTANT, vec![Argument::Array(values)])
    }

    /// A matrix with `gain` on its diagonal and 0 elsewhere.
    ///
    /// # Errors
    /// [`ArgumentError`] unless it is finite.
    pub fn identity(gain: impl Into<Number>) -> Result<Self, ArgumentError> {
        Self::new(&class::IDENTITY, vec![Argument::Number(gain.into())])
    }

    /// A matrix with orthonormal columns, or rows where these are fewer, times `gain` (Keras's
    /// default: 1), uniform among all such matrices. The axes that the layout calls output make up
    /// the columns, all others the rows: in Keras's layout, the last one against the rest.
    ///
    /// # Errors
    /// [`ArgumentError`] unless it is finite.
    ///
    /// ```
    /// use varscale::Scheme;
    /// let q: Vec<f64> = Scheme::orthogonal(1)?.with_seed(42).sample([5, 3])?;
    /// let dot = |a: usize, b: usize| (0..5).map(|row| q[3 * row + a] * q[3 * row + b]).sum::<f64>();
    /// assert!((dot(0, 0) - 1.0).abs() < 1e-14 && dot(0, 1).abs() < 1e-14);
    /// # Ok::<(), varscale::Error>(())
    /// ```
    pub fn orthogonal(gain: impl Into<Number>) -> Result<Self, ArgumentError> {
        Self::new(&class::ORTHOGONAL, vec![Argument::Number(gain.into())])
    }

    /// An expression of the element's indices i0, i1, …, of axis sizes (d0, d1, …, or d_1, d_2, … from
    /// the last), of the rank, and of u, a random number of the element in (0, 1); see [`Expression`](crate::Expression).
    ///
    /// It is evaluated in float64 and rounded once to the dtype, for 16 bits and fewer by way of
    /// float32. u has 53 bits in every dtype: it is what `RandomUniform(0, 1)` draws there in float64,
    /// moved off 0 and 1. Without u, nothing is drawn, and no seed is needed. Values that are no
    /// finite numbers, or overflow the dtype, are refused when they are computed.
    ///
    /// # Errors
    /// [`ExpressionError`](crate::ExpressionError), and [`ArgumentError`] for other names.
    ///
    /// ```
    /// use varscale::Scheme;
    /// // Mamba's A, and the frequencies of rotary embeddings.
    /// let rows: Vec<f32> = Scheme::formula("log(1 + i1)")?.with_seed(0).sample([2, 3])?;
    /// assert_eq!(rows, [0.0, 0.6931472, 1.0986123, 0.0, 0.6931472, 1.0986123]);
    /// let rotary: Vec<f64> = Scheme::formula("10000 ** (-i0 / d0)")?.with_seed(0).sample([4])?;
    /// assert_eq!(rotary, [1.0, 0.1, 0.01, 0.001]);
    /// # Ok::<(), varscale::Error>(())
    /// ```
    pub fn formula(expression: &str) -> Result<Self, Error> {
        let expression = Argument::Expression(expression.parse()?);
        Ok(Self::new(&class::FORMULA, vec![expression])?)
    }

    /// Normal with this mean and standard deviation (Keras's defaults: 0 and 0.05).
    ///
    /// # Errors
    /// [`ArgumentError`] unless both are finite and `stddev` is at least 0.
    pub fn random_normal(
        mean: impl Into<Number>,
        stddev: impl Into<Number>,
    ) -> Result<Self, ArgumentError> {
        Self::of_two(&class::RANDOM_NORMAL, mean.into(), stddev.into())
    }

    /// Normal, cut off at two `stddev` from `mean` (Keras's defaults: 0 and 0.05). As in Keras,
    /// `stddev` is the one before truncation.
    ///
    /// # Errors
    /// [`ArgumentError`] unless both are finite and `stddev` is at least 0.
    pub fn truncated_normal(
        mean: impl Into<Number>,
        stddev: impl Into<Number>,
    ) -> Result<Self, ArgumentError> {
        Self::of_two(&class::TRUNCATED_NORMAL, mean.into(), stddev.into())
    }

    /// Normal, cut off at `bounds`. An open one is infinite.
    ///
    /// ```
    /// use varscale::{Bounds, Scheme};
    /// let olmo = Scheme::truncated_normal_in(0, 0.02, Bounds::Standard(-3.0, 3.0))?.with_seed(1);
    /// assert!(olmo.sample::<f32>([99])?.iter().all(|value| value.abs() <= 0.06));
    /// # Ok::<(), varscale::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ArgumentError`] as [`Scheme::truncated_normal`], for bounds that are not in order or both
    /// open, and for those that leave no probability: both beyond 37.5 standard deviations on one
    /// side.
    pub fn truncated_normal_in(
        mean: impl Into<Number>,
        stddev: impl Into<Number>,
        bounds: Bounds,
    ) -> Result<Self, ArgumentError> {
        let mut arguments = vec![Argument::Number(mean.into()), Argument::Number(stddev.into())];
        arguments.extend(bounds.arguments());
        Self::new(&class::TRUNCATED_NORMAL, arguments)
    }

    /// Uniform in [`minval`, `maxval`] (Keras's defaults: ∓0.05).
    ///
    /// # Errors
    /// [`ArgumentError`] unless both are finite and in order.
    pub fn random_uniform(
        minval: impl Into<Number>,
        maxval: impl Into<Number>,
    ) -> Result<Self, ArgumentError> {
        Self::of_two(&class::RANDOM_UNIFORM, minval.into(), maxval.into())
    }

    /// Positive, with a logarithm that is uniform between those of `minval` and `maxval`. Values are
    /// computed in float64 in every dtype, rounded once, and never pass the bounds.
    ///
    /// ```
    /// use varscale::Scheme;
    /// let steps: Vec<f32> = Scheme::log_uniform(0.001, 0.1)?.with_seed(42).sample([1000])?;
    /// assert!(steps.iter().all(|&step| (0.001..=0.1).contains(&step)));
    /// // As many below 0.01 as above.
    /// assert!((450..550).contains(&steps.iter().filter(|&&step| step < 0.01).count()));
    /// # Ok::<(), varscale::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ArgumentError`] unless both are finite, above 0 and in order, one not the other.
    pub fn log_uniform(
        minval: impl Into<Number>,
        maxval: impl Into<Number>,
    ) -> Result<Self, ArgumentError> {
        Self::of_two(&class::LOG_UNIFORM, minval.into(), maxval.into())
    }

    fn of_two(class: &'static Class, first: Number, second: Number) -> Result<Self, ArgumentError> {
        Self::new(class, vec![Argument::Number(first), Argument::Number(second)])
    }

    /// The same scheme with Keras 3.15's `input_axes` and `output_axes` (negative ones count from
    /// the end), which replace the layout where both are given. As in Keras, one alone is kept in
    /// the config and has no effect.
    ///
    /// # Errors
    /// [`ArgumentError`] for a class that counts no fans.
    pub fn with_axes(
        self,
        input_axes: Option<Vec<isize>>,
        output_axes: Option<Vec<isize>>,
    ) -> Result<Self, ArgumentError> {
        let axes = Axes { input: input_axes, output: output_axes };
        if axes == Axes::default() || self.class.has_axes {
            return Ok(Self { axes, ..self });
        }
        let text =
            |axes: Option<Vec<isize>>| axes.map_or("none".into(), |axes| format!("{axes:?}"));
        let (input, output) = (text(axes.input), text(axes.output));
        let received = format!("{input} and {output} of {}", self.class.name);
        let allowed = "left out: only VarianceScaling and its presets have them";
        Err(ArgumentError::new("input_axes and output_axes", received, allowed))
    }

    /// Whether it draws, and so needs a seed: not a formula that reads no random numbers, though its
    /// class takes a seed.
    #[must_use]
    pub fn draws(&self) -> bool {
        let drawn = |argument: &Argument| match argument {
            Argument::Expression(expression) => formula::draws(expression),
            _ => true,
        };
        self.class.draws && self.arguments.iter().all(drawn)
    }

    /// Its class.
    #[must_use]
    pub fn class(&self) -> &'static Class {
        self.class
    }

    /// The arguments, in the order of the class's parameters.
    #[must_use]
    pub fn arguments(&self) -> &[Argument] {
        &self.arguments
    }

    #[cfg(feature = "serde")]
    pub(super) fn axes(&self) -> &Axes {
        &self.axes
    }

    /// The arguments that the resolution takes.
    fn filled_in(&self) -> Cow<'_, [Argument]> {
        match self.class.preset {
            Some(preset) => preset.map(Argument::from).to_vec().into(),
            None => self.arguments.as_slice().into(),
        }
    }

    pub(super) fn resolve(&self, tensor: &Tensor) -> Result<(Option<Scaling>, Content), Error> {
        self.class.resolution.resolve(&self.filled_in(), &self.axes, tensor)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::resolve::Literal, *};

    /// A row that draws says so, one that counts fans has axes, and each argument counts.
    #[test]
    fn every_class_makes_a_scheme_of_its_own() {
        let content = |class, arguments: &[Argument]| {
            Scheme::new(class, arguments.to_vec())
                .map_err(Error::from)
                .and_then(|scheme| scheme.resolve(&Tensor::new([5, 7])))
        };
        for class in Class::ALL {
            let defaults: Vec<Argument> =
                class.parameters.iter().map(|given| given.default.into()).collect();
            let (scaling, own) = content(class, &defaults).unwrap();
            assert_eq!(scaling.is_some(), class.has_axes, "{}", class.name);
            assert_eq!(!matches!(own, Content::Pattern(_)), class.draws, "{}", class.name);
            for (at, parameter) in class.parameters.iter().enumerate() {
                let mut arguments = defaults.clone();
                arguments[at] = match parameter.default {
                    Literal::Number(number) => Argument::Number((number.get() + 0.01).into()),
                    Literal::Unset => Argument::Number(0.01.into()),
                    Literal::Flag(flag) => Argument::Flag(!flag),
                    Literal::Mode(_) => Argument::Mode(Mode::FanOut),
                    Literal::Distribution(_) => Argument::Distribution(Distribution::Uniform),
                    Literal::Expression(_) => Argument::Expression("1 - u".parse().unwrap()),
                };
                let other = content(class, &arguments).unwrap().1;
                assert_ne!(other, own, "{} of {}", parameter.name, class.name);
            }
        }
    }

    /// The constructors are the rows with their defaults.
    #[test]
    fn constructors_are_their_classes() {
        let made = [
            Scheme::zeros(),
            Scheme::ones(),
            Scheme::constant(0.0).unwrap(),
            Scheme::identity(1.0).unwrap(),
            Scheme::orthogonal(1.0).unwrap(),
            Scheme::formula("u").unwrap(),
            Scheme::random_normal(0.0, 0.05).unwrap(),
            Scheme::random_uniform(-0.05, 0.05).unwrap(),
            Scheme::log_uniform(0.001, 0.1).unwrap(),
            Scheme::truncated_normal(0.0, 0.05).unwrap(),
            Scheme::variance_scaling(1.0, Mode::FanIn, Distribution::TruncatedNormal).unwrap(),
            Scheme::glorot_uniform(),
            Scheme::glorot_normal(),
            Scheme::he_uniform(),
            Scheme::he_normal(),
            Scheme::lecun_uniform(),
            Scheme::lecun_normal(),
        ];
        assert_eq!(made.len(), Class::ALL.len());
        for (scheme, class) in made.into_iter().zip(Class::ALL) {
            let defaults =
                class.parameters.iter().map(|parameter| parameter.default.into()).collect();
            assert_eq!(scheme, Scheme::new(class, defaults).unwrap());
        }
    }

    #[test]
    fn arguments_of_another_class_are_refused() {
        let class = Class::named("random_normal").unwrap();
        for arguments in [vec![], vec![Argument::Mode(Mode::FanIn); 2]] {
            let error = Scheme::new(class, arguments).unwrap_err();
            assert_eq!(error.allowed, "[mean such as 0.0, stddev such as 0.05]");
        }
    }
}
