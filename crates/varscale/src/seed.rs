//! Seeds: an integer, none (drawn once), or a generator that advances at every call.

use alloc::{
    string::{String, ToString},
    sync::Arc,
};
use core::{
    str::FromStr,
    sync::atomic::{AtomicU32, Ordering},
};

/// What is wrong with a seed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SeedError {
    /// No integer, or one that is too large to be kept.
    #[error(
        "invalid seed {received}: it must be an integer from -2^63 to 2^64 - 1 (under streams that \
         reduce it, from -2^127 to 2^127 - 1)"
    )]
    Range {
        /// The seed received.
        received: String,
    },
    /// The operating system gave no random bytes for an unset seed.
    #[error("no seed was given and none can be drawn: {reason}")]
    NoEntropy {
        /// Why.
        reason: String,
    },
    /// A generator that made all its 2^32 calls.
    #[error("the seed generator is used up: it makes at most 2^32 - 1 calls")]
    Exhausted,
}

/// An integer seed, as it was given. Which ones a stream takes is the stream's to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Integer {
    pub(crate) value: i128,
    /// Keras takes `True` and `False` for 1 and 0, and writes them back.
    pub(crate) boolean: bool,
}

impl Integer {
    /// Whether its words are all that is kept of it: a generator's must be in [−2^63, 2^64).
    fn has_64_bits(self) -> bool {
        (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&self.value)
    }

    #[cfg(feature = "serde")]
    pub(crate) fn boolean(seed: bool) -> Self {
        Self { value: seed.into(), boolean: true }
    }
}

#[derive(Debug, Clone)]
enum Kind {
    Integer(Integer),
    Unset { drawn: u32 },
    Generator(SeedGenerator),
    Sequence(SeedGenerator),
}

/// Where an initializer's values start: an integer, none, or a [`SeedGenerator`].
///
/// Integers convert: `Seed::from(42)`, and so does text. The native stream takes −2^63 to 2^64 − 1,
/// modulo 2^64; a framework's takes what its framework does, and the draw refuses others. See
/// [`Seed::unset`], [`Seed::generator`] and [`Seed::sequence`] for what is no integer.
///
/// ```
/// use varscale::{Scheme, Seed};
/// let seed: Seed = "-1".parse()?;
/// assert_eq!((seed.value(), &seed), (-1, &Seed::from(-1)));
/// let he = |seed: i128| Scheme::he_normal().with_seed(seed).sample::<f32>([2]);
/// assert_eq!(he(-1)?, he((1 << 64) - 1)?);
/// assert!(he(1 << 64).is_err());
/// # Ok::<(), varscale::Error>(())
/// ```
///
/// Cloning keeps what was drawn and shares generators; to draw anew, as Keras's `clone` does, go
/// through the config.
#[derive(Debug, Clone)]
pub struct Seed(Kind);

impl Seed {
    /// No seed: drawn once from the operating system, in [0, 2^31) so that every framework's stream
    /// takes it, then kept and readable through [`Seed::value`]. The config keeps Keras's `null`.
    ///
    /// # Errors
    /// [`SeedError::NoEntropy`], always without the `std` feature.
    pub fn unset() -> Result<Self, SeedError> {
        Ok(Self(Kind::Unset { drawn: entropy()? }))
    }

    /// A generator, shared with whoever else holds it: advances at every call.
    #[must_use]
    pub fn generator(generator: &SeedGenerator) -> Self {
        Self(Kind::Generator(generator.clone()))
    }

    /// tf.keras 2.9's rule: this initializer gives different values at each call, and an equal
    /// seed (`None` draws one) gives an equal sequence. The config holds the plain integer.
    ///
    /// # Errors
    /// [`SeedError::NoEntropy`].
    pub fn sequence(seed: Option<i128>) -> Result<Self, SeedError> {
        Ok(seed.map_or_else(Self::unset, |seed| Ok(seed.into()))?.counted())
    }

    /// The same seed, every call of which gives other values: see [`Seed::sequence`].
    pub(crate) fn counted(self) -> Self {
        match self.0 {
            Kind::Integer(integer) => {
                Self(Kind::Sequence(SeedGenerator::start(Some(integer), integer.value)))
            }
            Kind::Unset { drawn } => Self(Kind::Sequence(SeedGenerator::start(None, drawn.into()))),
            Kind::Generator(_) | Kind::Sequence(_) => self,
        }
    }

    /// The generator, where the seed is one.
    #[must_use]
    pub fn as_generator(&self) -> Option<&SeedGenerator> {
        match &self.0 {
            Kind::Generator(generator) => Some(generator),
            Kind::Integer(_) | Kind::Unset { .. } | Kind::Sequence(_) => None,
        }
    }

    /// Whether no seed was given, so that [`Seed::value`] was drawn.
    #[must_use]
    pub fn is_unset(&self) -> bool {
        self.given().is_none()
    }

    /// The integer that the stream starts from: as it was given, or drawn.
    #[must_use]
    pub fn value(&self) -> i128 {
        match &self.0 {
            Kind::Integer(integer) => integer.value,
            Kind::Unset { drawn } => (*drawn).into(),
            Kind::Generator(generator) | Kind::Sequence(generator) => generator.value(),
        }
    }

    /// The call index of the next draw, counted up for generators and sequences.
    pub(crate) fn next_call(&self) -> Result<u32, SeedError> {
        match &self.0 {
            Kind::Integer(_) | Kind::Unset { .. } => Ok(0),
            Kind::Generator(generator) | Kind::Sequence(generator) => generator.next_call(),
        }
    }

    /// The call index that call `call` of this seed has in a stream.
    pub(crate) fn call(&self, call: u32) -> u32 {
        match &self.0 {
            Kind::Integer(_) | Kind::Unset { .. } => 0,
            Kind::Generator(_) | Kind::Sequence(_) => call,
        }
    }

    /// The integer that was given; `None` where it was drawn.
    pub(crate) fn given(&self) -> Option<Integer> {
        match &self.0 {
            Kind::Integer(integer) => Some(*integer),
            Kind::Unset { .. } => None,
            Kind::Generator(generator) | Kind::Sequence(generator) => generator.0.given,
        }
    }
}

impl From<Integer> for Seed {
    fn from(integer: Integer) -> Self {
        Self(Kind::Integer(integer))
    }
}

macro_rules! from_integer {
    ($($type:ty),*) => {$(
        impl From<$type> for Integer {
            fn from(seed: $type) -> Self {
                Self { value: seed.into(), boolean: false }
            }
        }

        impl From<$type> for Seed {
            fn from(seed: $type) -> Self {
                Integer::from(seed).into()
            }
        }
    )*};
}

from_integer!(i32, u32, i64, u64, i128);

impl FromStr for Seed {
    type Err = SeedError;

    fn from_str(text: &str) -> Result<Self, SeedError> {
        let refused = |_| SeedError::Range { received: text.to_string() };
        text.parse::<i128>().map(Self::from).map_err(refused)
    }
}

impl From<&SeedGenerator> for Seed {
    fn from(generator: &SeedGenerator) -> Self {
        Self::generator(generator)
    }
}

impl PartialEq for Seed {
    /// Equal integers of the same kind (generators: the same state).
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Kind::Integer(a), Kind::Integer(b)) => a == b,
            (Kind::Unset { drawn: a }, Kind::Unset { drawn: b }) => a == b,
            (Kind::Generator(a), Kind::Generator(b)) | (Kind::Sequence(a), Kind::Sequence(b)) => {
                a.value() == b.value() && a.counter() == b.counter()
            }
            _ => false,
        }
    }
}

#[derive(Debug)]
struct State {
    given: Option<Integer>,
    seed: i128,
    name: String,
    counter: AtomicU32,
}

/// Keras's `SeedGenerator`: a seed and a counter that advances at every call.
///
/// A clone is the same generator. Its state is `(seed, counter)`: see
/// [`SeedGenerator::with_counter`].
///
/// ```
/// use varscale::{Scheme, SeedGenerator};
/// let generator = SeedGenerator::new(Some(5))?;
/// let he = Scheme::he_normal().with_seed(&generator);
/// let (first, second) = (he.sample::<f32>([8])?, he.sample::<f32>([8])?);
/// assert_ne!(first, second);
///
/// let again = SeedGenerator::new(Some(5))?.with_counter(1);
/// assert_eq!(Scheme::he_normal().with_seed(&again).sample::<f32>([8])?, second);
/// # Ok::<(), varscale::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SeedGenerator(Arc<State>);

impl SeedGenerator {
    /// A generator at its first call. `None` draws a seed from the operating system.
    ///
    /// # Errors
    /// [`SeedError::Range`] or [`SeedError::NoEntropy`].
    pub fn new(seed: Option<i128>) -> Result<Self, SeedError> {
        Self::build(seed.map(Integer::from))
    }

    pub(crate) fn build(given: Option<Integer>) -> Result<Self, SeedError> {
        match given {
            None => Ok(Self::start(None, entropy()?.into())),
            Some(integer) if integer.has_64_bits() => Ok(Self::start(given, integer.value)),
            Some(integer) => Err(SeedError::Range { received: integer.value.to_string() }),
        }
    }

    fn start(given: Option<Integer>, seed: i128) -> Self {
        let (name, counter) = ("seed_generator".into(), AtomicU32::new(0));
        Self(Arc::new(State { given, seed, name, counter }))
    }

    /// A new generator with the same seed and counter, and this name (Keras numbers them
    /// `seed_generator`, `seed_generator_1`, …; it plays no role in the values).
    #[must_use]
    pub fn with_name(&self, name: &str) -> Self {
        self.rebuilt(name, self.counter())
    }

    /// A new generator with the same seed and name at call `counter`: restores a saved state.
    #[must_use]
    pub fn with_counter(&self, counter: u32) -> Self {
        self.rebuilt(self.name(), counter)
    }

    fn rebuilt(&self, name: &str, counter: u32) -> Self {
        let (given, seed) = (self.0.given, self.0.seed);
        Self(Arc::new(State { given, seed, name: name.into(), counter: AtomicU32::new(counter) }))
    }

    /// The seed: as it was given, or drawn.
    #[must_use]
    pub fn value(&self) -> i128 {
        self.0.seed
    }

    /// Number of calls made so far: the index of the next one.
    #[must_use]
    pub fn counter(&self) -> u32 {
        self.0.counter.load(Ordering::Relaxed)
    }

    /// Its name in configs.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    fn next_call(&self) -> Result<u32, SeedError> {
        self.0
            .counter
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |call| call.checked_add(1))
            .map_err(|_| SeedError::Exhausted)
    }
}

#[cfg(feature = "std")]
fn entropy() -> Result<u32, SeedError> {
    getrandom::u32()
        .map(|word| word >> 1)
        .map_err(|error| SeedError::NoEntropy { reason: error.to_string() })
}

#[cfg(not(feature = "std"))]
fn entropy() -> Result<u32, SeedError> {
    Err(SeedError::NoEntropy { reason: "give one, or enable the `std` feature".into() })
}

#[cfg(feature = "serde")]
impl serde::Serialize for Seed {
    /// [`Seed::value`], as text beyond 64 bits: what is read back.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = self.value();
        match (i64::try_from(value), u64::try_from(value)) {
            (Ok(value), _) => serializer.serialize_i64(value),
            (_, Ok(value)) => serializer.serialize_u64(value),
            _ => serializer.collect_str(&value),
        }
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Seed {
    /// An integer, or its text: TOML's integers end at 2^63 − 1, most JSON's at 2^64 − 1.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = Seed;

            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("an integer from -2^63 to 2^64 - 1 (in quotes above 2^63 - 1)")
            }

            fn visit_i64<E: serde::de::Error>(self, seed: i64) -> Result<Seed, E> {
                Ok(seed.into())
            }

            fn visit_u64<E: serde::de::Error>(self, seed: u64) -> Result<Seed, E> {
                Ok(seed.into())
            }

            fn visit_i128<E: serde::de::Error>(self, seed: i128) -> Result<Seed, E> {
                Ok(seed.into())
            }

            fn visit_str<E: serde::de::Error>(self, seed: &str) -> Result<Seed, E> {
                let unexpected = |_| E::invalid_value(serde::de::Unexpected::Str(seed), &self);
                seed.parse().map_err(unexpected)
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
