//! Samples: some blocks of every tensor, always the same ones.

use std::str::FromStr;

use varscale::Slice;

/// A share of all values, above 0 and up to 1: as text a percentage, such as `1%`.
///
/// ```
/// use varscale_model::Share;
/// assert_eq!("2.5%".parse::<Share>()?.get(), 0.025);
/// assert!("2.5".parse::<Share>().is_err());
/// # Ok::<(), varscale_model::ShareError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share(f64);

/// No share of all values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid share {received:?}: use a percentage above 0% and up to 100%, such as 1%")]
pub struct ShareError {
    /// What was received.
    pub received: String,
}

impl Share {
    /// Of a number; `None` where it is not above 0 and up to 1.
    ///
    /// ```
    /// use varscale_model::Share;
    /// assert_eq!(Share::new(0.025), "2.5%".parse().ok());
    /// assert!(Share::new(0.0).is_none() && Share::new(1.5).is_none());
    /// ```
    #[must_use]
    pub fn new(share: f64) -> Option<Self> {
        (share > 0.0 && share <= 1.0).then_some(Self(share))
    }

    /// As a number up to 1.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

impl FromStr for Share {
    type Err = ShareError;

    fn from_str(text: &str) -> Result<Self, ShareError> {
        let digits = text.strip_suffix('%').unwrap_or_default();
        // Rust also reads "inf", "nan", "+1" and "1e0".
        let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let number = digits.parse::<f64>().ok().filter(|_| is_plain);
        let share = number.and_then(|percent| Self::new(percent / 100.0));
        share.ok_or_else(|| ShareError { received: text.to_owned() })
    }
}

/// Values of a block, about.
const BLOCK: u64 = 1 << 14;

/// Blocks of a tensor that make up about `share` of its values, at least one: boxes whose values stand
/// next to each other, in order. Which ones depends on name and shape alone.
pub(super) fn blocks(name: &str, shape: &[usize], share: Share) -> Vec<Slice> {
    if shape.contains(&0) {
        return vec![Slice::whole(shape)];
    }
    let behind = |axis: usize| shape[axis + 1..].iter().map(|&size| size as u64).product::<u64>();
    let Some(axis) = (0..shape.len()).find(|&axis| behind(axis) <= BLOCK) else {
        return vec![Slice::whole(shape)];
    };
    let step = usize::try_from(BLOCK / behind(axis).max(1)).unwrap_or(1).max(1);
    let along = shape[axis].div_ceil(step) as u64;
    let all = shape[..axis].iter().map(|&size| size as u64).product::<u64>() * along;
    let count = ((all as f64 * share.0).ceil() as u64).clamp(1, all);
    let mut state = name.bytes().fold(0xCBF2_9CE4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3)
    });
    let block = |stratum: u64| {
        // One of each of `count` strata, which are equal but for one.
        let bound =
            |stratum: u64| (u128::from(all) * u128::from(stratum) / u128::from(count)) as u64;
        let (first, end) = (bound(stratum), bound(stratum + 1));
        state = mixed(state.wrapping_add(0x9E37_79B9_7F4A_7C15));
        let mut rest = first + state % (end - first);
        let start = (rest % along) as usize * step;
        rest /= along;
        let mut offset = vec![0; shape.len()];
        let mut extent = shape.to_vec();
        (offset[axis], extent[axis]) = (start, step.min(shape[axis] - start));
        for axis in (0..axis).rev() {
            (offset[axis], extent[axis]) = ((rest % shape[axis] as u64) as usize, 1);
            rest /= shape[axis] as u64;
        }
        Slice::new(offset, extent)
    };
    (0..count).map(block).collect()
}

/// SplitMix64's finalizer.
fn mixed(word: u64) -> u64 {
    let word = (word ^ word >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let word = (word ^ word >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ word >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_percentages() {
        for (text, share) in [("1%", 0.01), ("100%", 1.0), ("0.5%", 0.005), ("100.0%", 1.0)] {
            assert_eq!(text.parse(), Ok(Share(share)));
        }
        let refused = [
            "",
            "%",
            "0%",
            "0.0%",
            "-1%",
            "101%",
            "100.1%",
            "1",
            "0.01",
            "nan%",
            "inf%",
            "1e0%",
            "+1%",
            "1 %",
            " 1%",
            "1%%",
            "1.2.3%",
            ".%",
            "\u{0661}%",
        ];
        for text in refused {
            let error = text.parse::<Share>().unwrap_err();
            assert!(error.to_string().contains(&format!("{text:?}")), "{error}");
        }
    }

    /// Blocks lie inside, do not meet, and make up the share, of every tensor at least one value.
    #[test]
    fn blocks_are_parts_of_every_tensor() {
        let shapes: [&[usize]; 9] = [
            &[],
            &[1],
            &[7],
            &[100_000],
            &[3, 100_000],
            &[5000, 7],
            &[300, 40, 33],
            &[1, 1 << 20],
            &[2, 3, 1 << 17],
        ];
        for shape in shapes {
            let all = shape.iter().product::<usize>() as u64;
            for percent in ["0.001%", "1%", "50%", "100%"] {
                let share: Share = percent.parse().unwrap();
                let chosen = blocks("h.0.w", shape, share);
                assert_eq!(chosen, blocks("h.0.w", shape, share));
                let mut ends = 0;
                let mut sum = 0;
                for block in &chosen {
                    let count = block.check(shape).unwrap();
                    let first = flat(shape, &block.index(0));
                    assert_eq!(
                        flat(shape, &block.index(count - 1)),
                        first + count - 1,
                        "{block:?}"
                    );
                    assert!(first >= ends);
                    (ends, sum) = (first + count, sum + count);
                }
                assert!(sum >= 1 && sum as f64 <= all as f64 * share.0 + 2.0 * BLOCK as f64);
                assert!(percent != "100%" || sum == all);
            }
        }
        assert_ne!(blocks("a", &[1 << 22], Share(0.01)), blocks("b", &[1 << 22], Share(0.01)));
    }

    #[test]
    fn nothing_is_one_block() {
        for shape in [&[0][..], &[1 << 62, 0], &[0, 1 << 62], &[2, 0, 1 << 40]] {
            assert_eq!(blocks("w", shape, Share(0.01)), [Slice::whole(shape)]);
        }
    }

    fn flat(shape: &[usize], index: &[usize]) -> u64 {
        index.iter().zip(shape).fold(0, |flat, (&at, &size)| flat * size as u64 + at as u64)
    }
}
