//! Stored numbers, for reports.

use std::fmt;

use serde::{Serialize, Serializer};
use varscale::{DtypeVisitor, Element};

use crate::StoredDtype;

/// A stored number, as it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// Of a float dtype.
    Float(f64),
    /// An integer, or a truth value.
    Integer(i128),
}

impl Number {
    /// The one that little-endian `bytes` are.
    pub(super) fn read(dtype: StoredDtype, bytes: &[u8]) -> Self {
        struct Read([u8; 8]);

        impl DtypeVisitor for Read {
            type Output = f64;

            fn visit<T: Element>(mut self) -> f64 {
                let bytes = &mut self.0[..size_of::<T>()];
                if cfg!(target_endian = "big") {
                    bytes.reverse();
                }
                bytemuck::pod_read_unaligned::<T>(bytes).to_f64()
            }
        }

        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        match dtype {
            StoredDtype::Drawn(dtype) => Self::Float(dtype.visit(Read(word))),
            StoredDtype::Integer(dtype) => {
                let unused = 64 - 8 * bytes.len() as u32;
                let word = u64::from_le_bytes(word) << unused;
                Self::Integer(match dtype.range().0 {
                    0 => i128::from(word >> unused),
                    _ => i128::from(word as i64 >> unused),
                })
            }
        }
    }

    /// Its distance from another of its dtype; none where one of them is no finite number.
    pub(super) fn distance(self, other: Self) -> Option<f64> {
        let distance = match (self, other) {
            (Self::Float(one), Self::Float(other)) => (one - other).abs(),
            (Self::Integer(one), Self::Integer(other)) => (one - other).unsigned_abs() as f64,
            _ => f64::NAN,
        };
        distance.is_finite().then_some(distance)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Float(number) if number.is_nan() => f.pad("NaN"),
            Self::Float(number) if *number != 0.0 && !(1e-4..1e16).contains(&number.abs()) => {
                f.pad(&format!("{number:e}"))
            }
            Self::Float(number) => f.pad(&number.to_string()),
            Self::Integer(number) => f.pad(&number.to_string()),
        }
    }
}

/// As JSON a number, or text where JSON has none: `"NaN"`, `"inf"`.
impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Float(number) if number.is_finite() => serializer.serialize_f64(number),
            Self::Float(_) => serializer.collect_str(self),
            Self::Integer(number) => match i64::try_from(number) {
                Ok(number) => serializer.serialize_i64(number),
                Err(_) => serializer.serialize_u64(number as u64),
            },
        }
    }
}
