//! The four dtypes, as names and as Rust types.

use alloc::string::{String, ToString};
use core::{fmt, str::FromStr};

use half::{bf16, f16};

use crate::kernel::{
    Computing, Run,
    dispatch::{self, Cpu},
    round,
};
#[cfg(feature = "keras-streams")]
use crate::stream::framework::{Framework, Sequence};

/// Type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dtype {
    /// IEEE binary16.
    Float16,
    /// The upper half of binary32.
    BFloat16,
    /// IEEE binary32.
    Float32,
    /// IEEE binary64.
    Float64,
}

/// A dtype that has no weights drawn in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid dtype {received:?}: use one of \"float16\", \"bfloat16\", \"float32\", \"float64\""
)]
pub struct DtypeError {
    /// The name received.
    pub received: String,
}

impl Dtype {
    /// Every dtype.
    pub const ALL: [Self; 4] = [Self::Float16, Self::BFloat16, Self::Float32, Self::Float64];

    /// Keras's name: `"float16"`, `"bfloat16"`, `"float32"` or `"float64"`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Float16 => "float16",
            Self::BFloat16 => "bfloat16",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
        }
    }

    /// Bytes per element: 2, 4 or 8.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::Float16 | Self::BFloat16 => 2,
            Self::Float32 => 4,
            Self::Float64 => 8,
        }
    }

    /// Largest finite value.
    #[must_use]
    pub fn max_value(self) -> f64 {
        match self {
            Self::Float16 => f16::MAX.to_f64(),
            Self::BFloat16 => bf16::MAX.to_f64(),
            Self::Float32 => f64::from(f32::MAX),
            Self::Float64 => f64::MAX,
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Dtype {
    type Err = DtypeError;

    fn from_str(name: &str) -> Result<Self, DtypeError> {
        Self::ALL
            .into_iter()
            .find(|dtype| dtype.name() == name)
            .ok_or_else(|| DtypeError { received: name.to_string() })
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Dtype {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

pub(crate) mod sealed {
    use super::{Computing, Cpu, Run};
    #[cfg(feature = "keras-streams")]
    use super::{Framework, Sequence};

    pub trait Element: bytemuck::Pod {
        type Computing: Computing;

        /// The one rounding of a computed value, to nearest even.
        fn round(value: Self::Computing) -> Self;

        /// `out` itself, where it is of the computing type.
        fn as_computing(out: &mut [Self]) -> Option<&mut [Self::Computing]>;

        /// As [`Element::round`] of each value.
        fn round_all<C: Cpu>(values: &[Self::Computing], out: &mut [Self]);

        /// Fills a run at the best level. Not generic where it is implemented, so that kernels are
        /// compiled once, in this crate, and not in every crate that draws.
        fn fill(run: Run<'_, Self>);

        /// As [`Element::fill`], of a framework's stream.
        #[cfg(feature = "keras-streams")]
        fn fill_framework(
            framework: &Framework,
            sequence: &mut Sequence<Self>,
            start: u64,
            out: &mut [Self],
            parallel: bool,
        );
    }
}

/// A Rust type that weights are drawn in: `half`'s `f16` and `bf16`, `f32` and `f64`. Sealed.
///
/// ```
/// use varscale::{Dtype, Element};
/// assert_eq!(<half::bf16 as Element>::DTYPE, Dtype::BFloat16);
/// ```
pub trait Element: sealed::Element + Copy + Default + PartialEq + Send + Sync + 'static {
    /// The dtype of this type.
    const DTYPE: Dtype;

    /// The same number, exactly.
    fn to_f64(self) -> f64;
}

macro_rules! element {
    ($($type:ty, $dtype:ident, $computing:ty, $run:expr, $to_f64:expr, { $($rounding:tt)* };)*) => {$(
        impl sealed::Element for $type {
            type Computing = $computing;

            $($rounding)*

            fn fill(run: Run<'_, Self>) {
                $run(run);
            }

            #[cfg(feature = "keras-streams")]
            fn fill_framework(
                framework: &Framework,
                sequence: &mut Sequence<Self>,
                start: u64,
                out: &mut [Self],
                parallel: bool,
            ) {
                framework.fill_at(dispatch::Level::best(), sequence, start, out, parallel);
            }
        }

        impl Element for $type {
            const DTYPE: Dtype = Dtype::$dtype;

            #[inline]
            fn to_f64(self) -> f64 {
                $to_f64(self)
            }
        }
    )*};
}

/// Of a type that is computed in itself.
macro_rules! exact {
    () => {
        #[inline(always)]
        fn round(value: Self) -> Self {
            value
        }

        #[inline(always)]
        fn as_computing(out: &mut [Self]) -> Option<&mut [Self]> {
            Some(out)
        }

        #[inline(always)]
        fn round_all<C: Cpu>(values: &[Self], out: &mut [Self]) {
            out.copy_from_slice(values);
        }
    };
}

/// Of a type that f32 values are rounded to.
macro_rules! rounded {
    ($one:path, $several:path) => {
        #[inline(always)]
        fn round(value: f32) -> Self {
            $one(value)
        }

        #[inline(always)]
        fn as_computing(_out: &mut [Self]) -> Option<&mut [f32]> {
            None
        }

        #[inline(always)]
        fn round_all<C: Cpu>(values: &[f32], out: &mut [Self]) {
            $several(values, out);
        }
    };
}

element! {
    f16, Float16, f32, dispatch::run, f16::to_f64, {
        rounded!(round::to_f16, C::round_f16);
    };
    bf16, BFloat16, f32, |run: Run<'_, _>| {
        if run.is_normal() { dispatch::run_to_bf16(run) } else { dispatch::run(run) }
    }, bf16::to_f64, {
        rounded!(round::to_bf16, C::round_bf16);
    };
    f32, Float32, f32, dispatch::run, f64::from, { exact!(); };
    f64, Float64, f64, dispatch::run, core::convert::identity, { exact!(); };
}
