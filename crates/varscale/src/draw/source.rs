//! Where the values of a draw come from.

use super::{
    formula::{self, Field},
    orthogonal, patterns,
    rows::Rows,
};
use crate::{
    dtype::{Dtype, Element},
    error::{Error, OverflowError, StreamError},
    schemes::{Content, Formula, Law, Orthogonal, Pattern},
    seed::Seed,
    simd::Level,
    streams::{
        Stream,
        native::fnv1a_128,
        values::{Request, Values, typed},
    },
};

/// A pattern, or what a stream is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Source {
    Pattern(Pattern),
    Stream(Stream, Request),
    /// What the native stream is asked for is u, where the formula reads it.
    Formula(Formula, Option<Request>),
    /// What the native stream is asked for are the normals that matrices are made of.
    Orthogonal(Orthogonal, Request),
}

impl Source {
    /// For a tensor of another name, from another seed.
    pub(super) fn again(&self, name: &str, seed: &Seed) -> Result<Self, Error> {
        let asked = |stream: Stream, request: &Request| {
            stream.check_seed_of(seed.value(), seed.as_generator().is_some())?;
            let name = fnv1a_128(name.as_bytes());
            Ok::<_, Error>(Request { seed: seed.value(), name, ..*request })
        };
        Ok(match self {
            Self::Pattern(_) | Self::Formula(_, None) => self.clone(),
            Self::Formula(formula, Some(request)) => {
                Self::Formula(formula.clone(), Some(asked(Stream::Native, request)?))
            }
            Self::Stream(stream, request) => Self::Stream(*stream, asked(*stream, request)?),
            Self::Orthogonal(matrix, request) => {
                Self::Orthogonal(matrix.clone(), asked(Stream::Native, request)?)
            }
        })
    }

    /// Refuses dtypes that the stream has no values in, or that values overflow.
    pub(super) fn check(&self, dtype: Dtype) -> Result<(), Error> {
        let content = match self {
            Self::Pattern(pattern) => Content::Pattern(pattern.clone()),
            Self::Stream(stream, request) => {
                stream.check_dtype(dtype)?;
                if let (true, Law::Uniform { low, high }) = (*stream != Stream::Native, request.law)
                    && high - low > dtype.max_value()
                {
                    // Frameworks multiply by the difference, which is infinite.
                    return Err(OverflowError { bound: high - low, dtype }.into());
                }
                Content::Random(request.law)
            }
            Self::Orthogonal(matrix, _) => Content::Orthogonal(matrix.clone()),
            Self::Formula(formula, _) => Content::Formula(formula.clone()),
        };
        content.check(dtype)
    }

    /// The values in a shape, which is that of the whole tensor, or of a region of it: there lie
    /// `places`.
    pub(super) fn open<T: Element>(
        &self,
        shape: &[usize],
        places: &Rows,
    ) -> Result<Values<T>, Error> {
        self.check(T::DTYPE)?;
        let level = Level::best();
        let opened = match self {
            Self::Pattern(pattern) => patterns::open(pattern, shape, T::DTYPE)?,
            Self::Stream(stream, request) => stream.open(request, level, T::DTYPE)?,
            Self::Formula(formula, request) => {
                let field = Field::new(formula, request.as_ref(), shape, places)?;
                formula::open(field, T::DTYPE)
            }
            Self::Orthogonal(matrix, request) => {
                let stream = Stream::Native;
                let Values::RandomAccess(normals) =
                    typed(stream.open(request, level, Dtype::Float64)?)?
                else {
                    return Err(StreamError::Orthogonal { stream: stream.name() }.into());
                };
                orthogonal::open(matrix, shape, places, normals, level, T::DTYPE)
            }
        };
        typed(opened)
    }
}
