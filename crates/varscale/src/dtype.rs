//! Dtypes: the one table of them, as names and as Rust types.

use core::{fmt, str::FromStr};

use crate::argument::{ArgumentError, named, serde_as_text};

/// Calls a macro with every dtype: its Rust type, its name, its other names in lower case, and its
/// largest, smallest normal and smallest positive values. How it is rounded to stands in
/// `simd::round`.
macro_rules! with_dtypes {
    ($callback:ident) => {
        $callback! {
            /// IEEE binary16.
            Float16: half::f16, "float16", &["f16", "half"], 65_504.0,
                1.0 / (1 << 14) as f64, 1.0 / (1 << 24) as f64;
            /// The upper half of binary32.
            BFloat16: half::bf16, "bfloat16", &["bf16"], f64::from_bits(0x47EF_E000_0000_0000),
                f32::MIN_POSITIVE as f64, f32::from_bits(1 << 16) as f64;
            /// IEEE binary32.
            Float32: f32, "float32", &["f32"], f32::MAX as f64,
                f32::MIN_POSITIVE as f64, f32::from_bits(1) as f64;
            /// IEEE binary64.
            Float64: f64, "float64", &["f64", "double"], f64::MAX,
                f64::MIN_POSITIVE, f64::from_bits(1);
            /// OCP's 8 bits with 4 of exponent, 3 of mantissa and no infinity.
            Float8E4M3Fn: crate::float8::F8E4M3, "float8_e4m3fn", &["f8_e4m3"], 448.0,
                1.0 / (1 << 6) as f64, 1.0 / (1 << 9) as f64;
            /// OCP's 8 bits with 5 of exponent and 2 of mantissa: the upper half of binary16.
            Float8E5M2: crate::float8::F8E5M2, "float8_e5m2", &["f8_e5m2"], 57_344.0,
                1.0 / (1 << 14) as f64, 1.0 / (1 << 16) as f64;
        }
    };
}

pub(crate) use with_dtypes;

/// A Rust type that weights are drawn in: `half`'s `f16` and `bf16`, `f32`, `f64`,
/// [`F8E4M3`](crate::F8E4M3) and [`F8E5M2`](crate::F8E5M2). Sealed.
///
/// ```
/// use varscale::{Dtype, Element};
/// assert_eq!(<half::bf16 as Element>::DTYPE, Dtype::BFloat16);
/// ```
pub trait Element:
    sealed::Element + bytemuck::Pod + Default + PartialEq + fmt::Debug + Send + Sync + 'static
{
    /// The dtype of this type.
    const DTYPE: Dtype;

    /// The same number, exactly.
    fn to_f64(self) -> f64;
}

mod sealed {
    pub trait Element {}
}

/// Something to do with the Rust type of a dtype that is known at run time only: see
/// [`Dtype::visit`].
pub trait DtypeVisitor {
    /// What comes of it.
    type Output;

    /// Does it with `T`.
    fn visit<T: Element>(self) -> Self::Output;
}

macro_rules! dtypes {
    ($($(#[$doc:meta])* $variant:ident: $type:ty, $name:literal, $aliases:expr, $max:expr, $normal:expr, $least:expr;)*) => {
        /// Type of a tensor's elements.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Dtype {
            $($(#[$doc])* $variant,)*
        }

        impl Dtype {
            /// Every dtype.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Keras's name, such as `"bfloat16"`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// Its other names, in lower case, which are read in any case: safetensors' `F32`.
            #[must_use]
            pub const fn aliases(self) -> &'static [&'static str] {
                match self {
                    $(Self::$variant => $aliases,)*
                }
            }

            /// Bytes per element.
            #[must_use]
            pub const fn size(self) -> usize {
                match self {
                    $(Self::$variant => size_of::<$type>(),)*
                }
            }

            /// Largest finite value.
            #[must_use]
            pub const fn max_value(self) -> f64 {
                match self {
                    $(Self::$variant => $max,)*
                }
            }

            /// Smallest positive value that is normal: below it, values have fewer significant bits.
            #[must_use]
            pub const fn min_normal(self) -> f64 {
                match self {
                    $(Self::$variant => $normal,)*
                }
            }

            /// Smallest positive value: what is at most half of it rounds to 0.
            #[must_use]
            pub const fn min_positive(self) -> f64 {
                match self {
                    $(Self::$variant => $least,)*
                }
            }

            /// Calls `visitor` with the Rust type of this dtype.
            ///
            /// ```
            /// use varscale::{Draw, Dtype, DtypeVisitor, Element, Error, Scheme};
            ///
            /// /// The sum of the values of a draw.
            /// struct Sum<'a>(&'a Draw);
            ///
            /// impl DtypeVisitor for Sum<'_> {
            ///     type Output = Result<f64, Error>;
            ///
            ///     fn visit<T: Element>(self) -> Self::Output {
            ///         Ok(self.0.to_vec::<T>()?.into_iter().map(T::to_f64).sum())
            ///     }
            /// }
            ///
            /// let draw = Scheme::ones().with_seed(1).draw([2, 3])?;
            /// let dtype: Dtype = "bfloat16".parse()?;
            /// assert_eq!(dtype.visit(Sum(&draw))?, 6.0);
            /// # Ok::<(), varscale::Error>(())
            /// ```
            pub fn visit<V: DtypeVisitor>(self, visitor: V) -> V::Output {
                match self {
                    $(Self::$variant => visitor.visit::<$type>(),)*
                }
            }
        }

        $(
            impl sealed::Element for $type {}

            impl Element for $type {
                const DTYPE: Dtype = Dtype::$variant;

                #[inline]
                fn to_f64(self) -> f64 {
                    f64::from(self)
                }
            }
        )*
    };
}

with_dtypes!(dtypes);

impl Dtype {
    /// Bytes of so many elements; `None` above 2^64 − 1.
    #[must_use]
    pub fn bytes(self, elements: u64) -> Option<u64> {
        elements.checked_mul(self.size() as u64)
    }

    /// Its outermost values between `low` and `high`: the first is above the second where there is
    /// none. Infinite bounds stay.
    ///
    /// ```
    /// use varscale::Dtype;
    /// assert_eq!(Dtype::Float8E4M3Fn.inside(-0.06, 0.1), (-0.058_593_75, 0.093_75));
    /// ```
    #[must_use]
    pub fn inside(self, low: f64, high: f64) -> (f64, f64) {
        (self.at_least(low), -self.at_least(-high))
    }

    /// Its smallest value of at least `bound`.
    fn at_least(self, bound: f64) -> f64 {
        if bound > self.max_value() || bound.is_infinite() {
            return if bound > 0.0 { f64::INFINITY } else { bound };
        }
        if bound < -self.max_value() {
            return -self.max_value();
        }
        let binade = f64::from_bits(bound.to_bits() & (0x7FF << 52));
        let spacing = (binade * (self.min_positive() / self.min_normal())).max(self.min_positive());
        // Below 2^53.
        let steps = bound / spacing;
        let whole = steps as i64 as f64;
        (if whole < steps { whole + 1.0 } else { whole }) * spacing
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Dtype {
    type Err = ArgumentError;

    /// By name, or by an alias (`F32`, `half`) in any case.
    fn from_str(name: &str) -> Result<Self, ArgumentError> {
        let lower = name.to_ascii_lowercase();
        let alias = Self::ALL.iter().find(|dtype| dtype.aliases().contains(&lower.as_str()));
        alias.map_or_else(|| named("dtype", Self::ALL, Self::name, name), |dtype| Ok(*dtype))
    }
}

serde_as_text!(Dtype);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::float8::{F8E4M3, F8E5M2};

    #[test]
    fn largest_values_are_the_types_own() {
        assert_eq!(Dtype::Float16.max_value(), half::f16::MAX.to_f64());
        assert_eq!(Dtype::BFloat16.max_value(), half::bf16::MAX.to_f64());
        for &dtype in Dtype::ALL {
            assert_eq!(dtype.name().parse(), Ok(dtype));
            for alias in dtype.aliases() {
                assert_eq!(alias.parse(), Ok(dtype));
                assert_eq!(alias.to_ascii_uppercase().parse(), Ok(dtype));
            }
        }
        assert_eq!(Dtype::Float16.min_positive(), half::f16::from_bits(1).to_f64());
        assert_eq!(Dtype::Float16.min_normal(), half::f16::MIN_POSITIVE.to_f64());
        assert_eq!(Dtype::BFloat16.min_positive(), half::bf16::from_bits(1).to_f64());
        assert_eq!(Dtype::BFloat16.min_normal(), half::bf16::MIN_POSITIVE.to_f64());
        for (dtype, largest, normal) in [
            (Dtype::Float8E4M3Fn, F8E4M3::from_bits(0x7E).to_f64(), F8E4M3::from_bits(8).to_f64()),
            (Dtype::Float8E5M2, F8E5M2::from_bits(0x7B).to_f64(), F8E5M2::from_bits(4).to_f64()),
        ] {
            assert_eq!((dtype.max_value(), dtype.min_normal()), (largest, normal));
        }
        assert_eq!(Dtype::Float8E4M3Fn.min_positive(), F8E4M3::from_bits(1).to_f64());
        assert_eq!(Dtype::Float8E5M2.min_positive(), F8E5M2::from_bits(1).to_f64());
    }
    /// The neighbour of a bound that the dtype lacks, and the bound itself where it has it.
    #[test]
    fn inside_is_never_outside() {
        use half::{bf16, f16};

        fn check<T: Element>(narrow: impl Fn(f64) -> T, next_up: impl Fn(T) -> T) {
            let values = [0.0, 0.06, 1.0, 1.000_01, 3.3e-9, 1e-60, 60_000.0, 5e-8, 2.0 / 3.0];
            let edges = [1.0, 0.5, T::DTYPE.min_normal(), T::DTYPE.min_positive()];
            let edges = edges.into_iter().flat_map(|edge| [edge.next_down(), edge, edge.next_up()]);
            let finite = values.into_iter().chain(edges).filter(|&x| x <= T::DTYPE.max_value());
            for bound in finite.flat_map(|bound| [bound, -bound]) {
                let (low, high) = T::DTYPE.inside(bound, bound);
                assert!(low >= bound && high <= bound, "{bound:e}");
                let [low, high] = [low, high].map(|inner| {
                    assert_eq!(narrow(inner).to_f64(), inner, "{bound:e}");
                    narrow(inner)
                });
                assert!(low == high || next_up(high).to_f64() == low.to_f64(), "{bound:e}");
            }
        }
        let up = |bits: u16| match bits {
            0x8000 => 1,
            0..0x8000 => bits + 1,
            _ => bits - 1,
        };
        check(f16::from_f64, |value| f16::from_bits(up(value.to_bits())));
        check(bf16::from_f64, |value| bf16::from_bits(up(value.to_bits())));
        let up8 = |bits: u8| match bits {
            0x80 => 1,
            0..0x80 => bits + 1,
            _ => bits - 1,
        };
        // Exact where the test asks for it: not rounded, but looked up.
        let found = |from_bits: fn(u8) -> f64, value: f64| {
            (0..=u8::MAX).find(|&bits| from_bits(bits) == value).expect("it is there")
        };
        check(
            |value| F8E4M3::from_bits(found(|bits| F8E4M3::from_bits(bits).to_f64(), value)),
            |value| F8E4M3::from_bits(up8(value.to_bits())),
        );
        check(
            |value| F8E5M2::from_bits(found(|bits| F8E5M2::from_bits(bits).to_f64(), value)),
            |value| F8E5M2::from_bits(up8(value.to_bits())),
        );
        check(|value| value as f32, f32::next_up);
        check(|value| value, f64::next_up);
        let (low, high) = Dtype::Float32.inside(f64::NEG_INFINITY, 1e300);
        assert_eq!((low, high), (f64::NEG_INFINITY, f32::MAX.into()));
        assert_eq!(Dtype::BFloat16.inside(-0.06, 0.06), (-0.059_814_453_125, 0.059_814_453_125));
        assert_eq!(Dtype::Float16.inside(1e6, f64::INFINITY).0, f64::INFINITY);
    }
}
