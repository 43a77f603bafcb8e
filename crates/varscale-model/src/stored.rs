//! Dtypes of stored tensors: those that values are drawn in, and integers, which hold constants and
//! formulas.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use varscale::{Content, Draw, Dtype, Error, Pattern, Slice};

use crate::{format::safetensors, quoted};

macro_rules! integers {
    ($($(#[$doc:meta])* $variant:ident: $name:literal, $size:literal, $range:expr;)*) => {
        /// An integer type, or truth values: what is not drawn, but may be constant or computed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Integer {
            $($(#[$doc])* $variant,)*
        }

        impl Integer {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Name, such as `"int64"`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Bytes per element.
            #[must_use]
            pub const fn size(self) -> usize {
                match self { $(Self::$variant => $size,)* }
            }

            /// Smallest and largest value.
            #[must_use]
            pub const fn range(self) -> (i128, i128) {
                match self { $(Self::$variant => $range,)* }
            }
        }
    };
}

integers! {
    /// 8 bits, signed.
    Int8: "int8", 1, (i8::MIN as i128, i8::MAX as i128);
    /// 16 bits, signed.
    Int16: "int16", 2, (i16::MIN as i128, i16::MAX as i128);
    /// 32 bits, signed.
    Int32: "int32", 4, (i32::MIN as i128, i32::MAX as i128);
    /// 64 bits, signed.
    Int64: "int64", 8, (i64::MIN as i128, i64::MAX as i128);
    /// 8 bits, unsigned.
    UInt8: "uint8", 1, (0, u8::MAX as i128);
    /// 16 bits, unsigned.
    UInt16: "uint16", 2, (0, u16::MAX as i128);
    /// 32 bits, unsigned.
    UInt32: "uint32", 4, (0, u32::MAX as i128);
    /// 64 bits, unsigned.
    UInt64: "uint64", 8, (0, u64::MAX as i128);
    /// Truth values, a byte each.
    Bool: "bool", 1, (0, 1);
}

/// A number beyond it may stand for others in `f64`, which constants are kept in.
const EXACT: f64 = (1u64 << 53) as f64;

/// Values of a formula that are looked at before any is written: they take a second, no more.
const LOOKED_AT: u64 = 1 << 26;

/// Values that are looked at at a time.
const PART: u64 = 1 << 18;

impl Integer {
    /// Whether `value` is one of its values, and surely the one that was written.
    fn holds(self, value: f64) -> bool {
        let (min, max) = self.range();
        value.fract() == 0.0 && value.abs() < EXACT && (min..=max).contains(&(value as i128))
    }

    fn check_value(self, value: f64) -> Result<(), String> {
        if self.holds(value) { Ok(()) } else { Err(value.to_string()) }
    }

    /// Checks that it holds all of a draw. Values of a formula that are drawn, or very many, are
    /// looked at when they are written.
    ///
    /// # Errors
    /// What it does not hold.
    pub(crate) fn check(self, draw: &Draw) -> Result<(), String> {
        match draw.content() {
            Content::Pattern(Pattern::Constant { value }) => self.check_value(*value),
            Content::Pattern(Pattern::Array { values }) => {
                values.values().iter().try_for_each(|value| self.check_value(value.get()))
            }
            Content::Formula(formula) if formula.draws() || draw.elements() > LOOKED_AT => Ok(()),
            Content::Formula(_) => self.check_values(draw),
            _ => Err(draw.explanation().initializer.to_owned()),
        }
    }

    fn check_values(self, draw: &Draw) -> Result<(), String> {
        let whole = Slice::whole(draw.shape());
        let of_core = |error| match error {
            Error::Formula(error) => at(error.value, &error.index),
            error => error.to_string(),
        };
        let mut reader = draw.reader::<f64>(&whole).map_err(of_core)?;
        let (mut values, mut first) = (Vec::new(), 0);
        while reader.remaining() > 0 {
            values.resize(reader.remaining().min(PART) as usize, 0.0);
            reader.fill(&mut values).map_err(of_core)?;
            self.check_all(&values, &whole, first)?;
            first += values.len() as u64;
        }
        Ok(())
    }

    /// Checks that it holds the values of a slice from element `first` on.
    ///
    /// # Errors
    /// The value that it does not hold, with its place.
    pub(crate) fn check_all(self, values: &[f64], slice: &Slice, first: u64) -> Result<(), String> {
        match values.iter().position(|&value| !self.holds(value)) {
            None => Ok(()),
            Some(place) => Err(at(values[place], &slice.index(first + place as u64))),
        }
    }

    /// What messages say of values that it does not hold.
    pub(crate) fn refusal(self, received: &str) -> String {
        let (name, (min, max)) = (self.name(), self.range());
        format!(
            "{name} cannot hold {received}: zeros, ones, constants and formulas that are integers from \
             {min} to {max} (below 2^53) are allowed, another dtype by a rule, and skip = true"
        )
    }

    /// Fills `bytes` with `values`, which it holds, in native order.
    pub(crate) fn fill(self, values: &[f64], bytes: &mut [u8]) {
        for (&value, bytes) in values.iter().zip(bytes.chunks_exact_mut(self.size())) {
            bytes.copy_from_slice(&(value as i64).to_le_bytes()[..bytes.len()]);
            if cfg!(target_endian = "big") {
                bytes.reverse();
            }
        }
    }
}

/// A value that is refused, and where it is.
fn at(value: f64, index: &[usize]) -> String {
    format!("{value} at index {index:?}")
}

/// Type of a stored tensor's elements. By name, in either spelling: Keras's (`int64`) or the
/// safetensors format's (`I64`).
///
/// ```
/// use varscale_model::{Integer, StoredDtype};
/// assert_eq!("BF16".parse(), Ok(StoredDtype::Drawn(varscale::Dtype::BFloat16)));
/// assert_eq!("int64".parse(), Ok(StoredDtype::Integer(Integer::Int64)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoredDtype {
    /// Values are drawn in it.
    Drawn(Dtype),
    /// It holds constants and formulas.
    Integer(Integer),
}

/// A dtype that no checkpoint of ours has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid dtype {received:?}: use one of {} (or {})",
    quoted(StoredDtype::all().map(StoredDtype::name)),
    quoted(safetensors::NAMES.iter().map(|&(_, name)| name)),
)]
pub struct StoredDtypeError {
    /// The name received.
    pub received: String,
}

impl StoredDtype {
    /// Every one.
    pub fn all() -> impl Iterator<Item = Self> {
        let drawn = Dtype::ALL.iter().copied().map(Self::Drawn);
        drawn.chain(Integer::ALL.iter().copied().map(Self::Integer))
    }

    /// Keras's name, such as `"bfloat16"`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Drawn(dtype) => dtype.name(),
            Self::Integer(dtype) => dtype.name(),
        }
    }

    /// Bytes per element.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::Drawn(dtype) => dtype.size(),
            Self::Integer(dtype) => dtype.size(),
        }
    }

    /// Bytes of so many elements; `None` above 2^64 − 1.
    #[must_use]
    pub fn bytes(self, elements: u64) -> Option<u64> {
        elements.checked_mul(self.size() as u64)
    }
}

impl From<Dtype> for StoredDtype {
    fn from(dtype: Dtype) -> Self {
        Self::Drawn(dtype)
    }
}

impl From<Integer> for StoredDtype {
    fn from(dtype: Integer) -> Self {
        Self::Integer(dtype)
    }
}

impl fmt::Display for StoredDtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for StoredDtype {
    type Err = StoredDtypeError;

    fn from_str(name: &str) -> Result<Self, StoredDtypeError> {
        safetensors::dtype(name)
            .or_else(|| Self::all().find(|dtype| dtype.name() == name))
            .or_else(|| name.parse().ok().map(Self::Drawn))
            .ok_or_else(|| StoredDtypeError { received: name.to_owned() })
    }
}

impl Serialize for StoredDtype {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for StoredDtype {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
