//! Where the values of a draw come from.

use alloc::boxed::Box;

use super::patterns;
use crate::{
    argument::ArgumentError,
    dtype::{Dtype, Element},
    error::{Error, OverflowError},
    schemes::{Content, Law, Pattern},
    simd::Level,
    streams::{
        Stream,
        values::{Request, Values},
    },
};

/// A pattern, or what a stream is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Source {
    Pattern(Pattern),
    Stream(Stream, Request),
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
        };
        content.check(dtype)
    }

    /// The values in a global shape.
    pub(super) fn open<T: Element>(&self, shape: &[usize]) -> Result<Values<T>, Error> {
        self.check(T::DTYPE)?;
        let opened = match self {
            Self::Pattern(pattern) => patterns::open(pattern, shape, T::DTYPE)?,
            Self::Stream(stream, request) => stream.open(request, Level::best(), T::DTYPE)?,
        };
        let other = |_| ArgumentError::new("dtype", T::DTYPE, "the one that was opened");
        let values: Box<Values<T>> = opened.downcast().map_err(other)?;
        Ok(*values)
    }
}
