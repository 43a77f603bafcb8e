//! What a stream is.

#[cfg(feature = "keras-streams")]
use crate::bits::python_random::PythonRandom;
use crate::{
    dtype::Dtype,
    simd::Level,
    streams::values::{AnyValues, Request},
};

/// A stream: one implementation, in a file or folder of its own, and one row of the table in
/// `streams`.
pub(crate) trait Definition {
    /// Name, as on the command line and in plans.
    const NAME: &'static str;

    /// Id, as in checkpoints: with a version, or with those that it reproduces.
    const ID: &'static str;

    /// The dtypes that it has values in.
    const DTYPES: &'static [Dtype];

    /// Whether each draw of an initializer with an integer seed is another call.
    const COUNTS_DRAWS: bool = false;

    /// Whether it has values of laws that Keras lacks.
    const BEYOND_KERAS: bool = false;

    /// Refuses a seed by saying what is allowed. `generator`: it is a `SeedGenerator`'s.
    fn check_seed(seed: i128, generator: bool) -> Result<(), &'static str>;

    /// The seed that the framework draws where none was given.
    #[cfg(feature = "keras-streams")]
    fn drawn_seed(random: &mut PythonRandom) -> u32 {
        random.keras_seed()
    }

    /// The values of a draw, computed at one level; `None` in a dtype that it has none in.
    fn open(request: &Request, level: Level, dtype: Dtype) -> Option<AnyValues>;
}

/// The dtypes of a [`Definition`] and how it opens, by a function that is generic over their types:
/// what is compiled here is not compiled again in every crate that draws.
macro_rules! in_dtypes {
    ([$($type:ty),*], $values:ident) => {
        const DTYPES: &'static [$crate::dtype::Dtype] =
            &[$(<$type as $crate::dtype::Element>::DTYPE),*];

        fn open(
            request: &$crate::streams::values::Request,
            level: $crate::simd::Level,
            dtype: $crate::dtype::Dtype,
        ) -> Option<$crate::streams::values::AnyValues> {
            $(if dtype == <$type as $crate::dtype::Element>::DTYPE {
                return Some(alloc::boxed::Box::new($values::<$type>(request, level)));
            })*
            None
        }
    };
}

pub(crate) use in_dtypes;
