//! Arguments that are refused, and the text forms that arguments share.

use alloc::{format, string::String, vec::Vec};
use core::fmt;

/// An argument that was refused: its name, the value as it was written, and what is allowed.
///
/// ```
/// let error = "FAN_IN".parse::<varscale::Mode>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     r#"invalid mode "FAN_IN": it must be one of "fan_in", "fan_out", "fan_avg", "fan_geo_avg", "none""#,
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {argument} {received}: it must be {allowed}")]
pub struct ArgumentError {
    /// Name of the argument.
    pub argument: &'static str,
    /// The value received.
    pub received: String,
    /// What is allowed.
    pub allowed: String,
}

impl ArgumentError {
    pub(crate) fn new(
        argument: &'static str,
        received: impl fmt::Display,
        allowed: impl Into<String>,
    ) -> Self {
        Self { argument, received: format!("{received}"), allowed: allowed.into() }
    }
}

/// The one of `all` whose name is `text`.
pub(crate) fn named<T: Copy + fmt::Display>(
    argument: &'static str,
    all: &[T],
    name: impl Fn(T) -> &'static str,
    text: &str,
) -> Result<T, ArgumentError> {
    all.iter().copied().find(|&one| name(one) == text).ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|&one| format!("{:?}", name(one))).collect();
        ArgumentError::new(argument, format!("{text:?}"), format!("one of {}", names.join(", ")))
    })
}

/// Serde by the text forms of a type, its `Display` and `FromStr`.
macro_rules! serde_as_text {
    ($($type:ty),*) => {$(
        #[cfg(feature = "serde")]
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <alloc::string::String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

pub(crate) use serde_as_text;
