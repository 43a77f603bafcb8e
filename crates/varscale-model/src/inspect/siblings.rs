//! Siblings: tensors of one name but for its numbers, such as those of a model's layers.

/// A name with `#` for each part that is a number: `h.#.attn.weight` of `h.0.attn.weight`.
///
/// ```
/// use varscale_model::collapsed;
/// assert_eq!(collapsed("h.0.attn.weight"), "h.#.attn.weight");
/// assert_eq!(collapsed("layers_10/conv1/kernel"), "layers_#/conv1/kernel");
/// ```
#[must_use]
pub fn collapsed(name: &str) -> String {
    let mut collapsed = String::with_capacity(name.len());
    for part in name.split_inclusive(['.', '/', '_', '-', ':']) {
        let digits = part.trim_end_matches(['.', '/', '_', '-', ':']);
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        collapsed += if is_number { "#" } else { digits };
        collapsed += &part[digits.len()..];
    }
    collapsed
}

/// The numbers that [`collapsed`] leaves out.
pub(super) fn numbers(name: &str) -> Vec<u64> {
    let parts = name.split(['.', '/', '_', '-', ':']);
    parts.filter_map(|part| part.parse().ok()).collect()
}
