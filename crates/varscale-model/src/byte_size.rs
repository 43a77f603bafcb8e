//! Sizes in bytes, as they are written in options.

use std::{fmt, num::NonZeroU64, str::FromStr};

/// A number of bytes, at least 1, as Hugging Face's libraries read it: `5GB` is 5·10^9, `5GiB` is
/// 5·2^30, a number without a unit is bytes.
///
/// ```
/// use varscale_model::ByteSize;
/// assert_eq!("1.5GB".parse::<ByteSize>()?.get(), 1_500_000_000);
/// assert_eq!("5 MiB".parse::<ByteSize>()?.get(), 5 << 20);
/// assert_eq!("0".parse::<ByteSize>().unwrap_err().received, "0");
/// # Ok::<(), varscale_model::ByteSizeError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(NonZeroU64);

/// A text that is no size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid size {received:?}: it must be a number of bytes from 1 to 2^64 - 1, or one with a unit, \
     {}, as in 5GB",
    units()
)]
pub struct ByteSizeError {
    /// The text received.
    pub received: String,
}

const UNITS: [(&str, u64); 10] = [
    ("B", 1),
    ("KB", 1000),
    ("MB", 1000_u64.pow(2)),
    ("GB", 1000_u64.pow(3)),
    ("TB", 1000_u64.pow(4)),
    ("PB", 1000_u64.pow(5)),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

fn units() -> String {
    UNITS.map(|(name, _)| name).join(", ")
}

impl ByteSize {
    /// 2^64 - 1 bytes.
    pub const MAX: Self = Self(NonZeroU64::MAX);

    /// So many bytes; `None` for 0.
    #[must_use]
    pub fn new(bytes: u64) -> Option<Self> {
        NonZeroU64::new(bytes).map(Self)
    }

    /// The number of bytes.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0.get()
    }
}

impl FromStr for ByteSize {
    type Err = ByteSizeError;

    fn from_str(text: &str) -> Result<Self, ByteSizeError> {
        let refused = || ByteSizeError { received: text.to_owned() };
        let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = &text[number.len()..];
        let known = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit));
        let unit = match (known, unit) {
            (Some(&(_, bytes)), _) => bytes,
            (None, "") => 1,
            (None, _) => return Err(refused()),
        };
        bytes(number.trim_end_matches(' '), unit).and_then(Self::new).ok_or_else(refused)
    }
}

/// A decimal number of units in bytes, rounded down.
fn bytes(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    if unit == 1 && fraction.bytes().any(|digit| digit != b'0') {
        return None;
    }
    // The last digits of more make less than a byte.
    let fraction = &fraction[..fraction.len().min(16)];
    let part =
        fraction.parse::<u128>().ok()? * u128::from(unit) / 10u128.pow(fraction.len() as u32);
    let bytes = whole.parse::<u128>().ok()?.checked_mul(unit.into())?.checked_add(part)?;
    bytes.try_into().ok()
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0)
    }
}
