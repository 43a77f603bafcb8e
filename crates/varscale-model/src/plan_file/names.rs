//! The names that a plan's expressions may read, and which of them are its own to give.

use varscale::Expression;

use super::gain;

/// Names of the counts of a tensor's axes and elements.
pub(crate) const COUNTS: [&str; 5] = ["rank", "elements", "fan_in", "fan_out", "fan_avg"];

/// The axis that `d0`, `d1`, … name, counted from the front, or `d_1`, `d_2`, … from the end.
pub(crate) fn size(name: &str, shape: &[usize]) -> Option<usize> {
    let axis = name.strip_prefix('d')?;
    let number = |digits: &str| {
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<usize>().ok())?
    };
    let axis = match axis.strip_prefix('_') {
        Some(from_end) => shape.len().checked_sub(number(from_end).filter(|&axis| axis > 0)?)?,
        None => number(axis)?,
    };
    shape.get(axis).copied()
}

/// Whether it is a name of a formula's: an index, an axis size, or the uniform number.
pub(crate) fn is_of_formula(name: &str) -> bool {
    let numbered = |prefix| {
        let digits = name.strip_prefix(prefix).unwrap_or("");
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    name == "u" || numbered("i") || numbered("d") || numbered("d_")
}

/// Whether it stands for something else than a constant or a capture.
pub(crate) fn is_taken(name: &str) -> bool {
    !Expression::is_name(name)
        || COUNTS.contains(&name)
        || is_of_formula(name)
        || gain::is_name(name)
}

/// What [`is_taken`] refuses, for messages.
pub(crate) const TAKEN: &str = "it is taken: a function, a gain, pi, u, rank, elements, a fan, an index \
                                (i0, ...) or an axis size (d0, d_1, ...)";
