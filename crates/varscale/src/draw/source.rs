//! Where the values of a draw come from.

use alloc::boxed::Box;

use super::{
    formula::{self, Field},
    orthogonal, patterns,
    rows::Rows,
};
use crate::{
    argument::ArgumentError,
    dtype::{Dtype, Element},
    error::{Error, OverflowError, StreamError},
    schemes::{Content, Formula, Law, Orthogonal, Pattern},
    simd::Level,
    streams::{
        Stream,
        values::{AnyValues, Request, Values},
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

pub(super) fn typed<T: Element>(values: AnyValues) -> Result<Values<T>, Error> {
    let other = |_| ArgumentError::new("dtype", T::DTYPE, "the one that was opened");
    let values: Box<Values<T>> = values.downcast().map_err(other)?;
    Ok(*values)
}
