//! How much is drawn at a time.

use std::{fmt, str::FromStr};

use varscale::Dtype;

/// A tensor's size, as given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Size {
    /// `1e6` or `64x64`: values.
    Shape(Vec<usize>),
    /// `256MiB`: bytes, so that the number of values depends on the dtype.
    Mebibytes(usize),
}

impl Size {
    pub(super) fn shape(&self, dtype: Dtype) -> Vec<usize> {
        match self {
            Self::Shape(shape) => shape.clone(),
            Self::Mebibytes(count) => vec![(count << 20) / dtype.size()],
        }
    }

    pub(super) fn values(&self, dtype: Dtype) -> usize {
        self.shape(dtype).iter().product()
    }

    pub(super) fn bytes(&self, dtype: Dtype) -> usize {
        self.values(dtype) * dtype.size()
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(shape) => {
                let sizes: Vec<_> = shape.iter().map(ToString::to_string).collect();
                f.write_str(&sizes.join("x"))
            }
            Self::Mebibytes(count) => write!(f, "{count}MiB"),
        }
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let integer = |text: &str| match text.split_once('e') {
            Some((digits, zeros)) => {
                let power = 10usize.checked_pow(zeros.parse().ok()?)?;
                digits.parse::<usize>().ok()?.checked_mul(power)
            }
            None => text.parse().ok(),
        };
        let size = match text.strip_suffix("MiB") {
            Some(count) => integer(count).map(Self::Mebibytes),
            None => text.split('x').map(integer).collect::<Option<_>>().map(Self::Shape),
        };
        // Of the widest dtype, so that no count of bytes overflows.
        let bytes = |size: &Self| match size {
            Self::Shape(shape) => {
                shape.iter().try_fold(Dtype::Float64.size(), |a, &b| a.checked_mul(b))
            }
            Self::Mebibytes(count) => count.checked_mul(1 << 20),
        };
        size.filter(|size| bytes(size).is_some_and(|bytes| bytes > 0)).ok_or_else(|| {
            "it must be a number of values (1000, 1e6), a shape (64x64) or a size (256MiB), more \
             than 0 and no more than can be addressed"
                .into()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_shows() {
        for (text, values, shown) in [
            ("1000", 1000, "1000"),
            ("1e6", 1_000_000, "1000000"),
            ("64x32", 2048, "64x32"),
            ("2MiB", 1 << 19, "2MiB"),
        ] {
            let size: Size = text.parse().unwrap();
            assert_eq!(size.values(Dtype::Float32), values, "{text}");
            assert_eq!(size.to_string(), shown);
        }
    }

    #[test]
    fn refuses_what_is_no_size() {
        for text in
            ["", "0", "64x0", "-1", "1.5", "64x", "MiB", "1e99", "18446744073709551615x2", "3e18"]
        {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
