//! Gains of nonlinearities: the table of torch's `calculate_gain` (torch 2.13, torch/nn/init.py).

/// Name, and gain² as an expression.
const GAINS: [(&str, &str); 12] = [
    ("linear", "1"),
    ("conv1d", "1"),
    ("conv2d", "1"),
    ("conv3d", "1"),
    ("conv_transpose1d", "1"),
    ("conv_transpose2d", "1"),
    ("conv_transpose3d", "1"),
    ("sigmoid", "1"),
    ("tanh", "25 / 9"),
    ("relu", "2"),
    (LEAKY_RELU, "2 / (1 + 0.01 ** 2)"),
    ("selu", "9 / 16"),
];

/// The one that may have a slope, as in `leaky_relu(0.2)`.
const LEAKY_RELU: &str = "leaky_relu";

/// Whether it is the name of a nonlinearity.
pub(super) fn is_name(name: &str) -> bool {
    GAINS.iter().any(|(known, _)| *known == name)
}

/// The square of a gain, which is the scale, as an expression: by a nonlinearity, or of a number.
pub(super) fn scale(text: &str) -> String {
    let text = text.trim();
    if let Some((_, scale)) = GAINS.iter().find(|(name, _)| *name == text) {
        return (*scale).to_owned();
    }
    let slope = text.strip_prefix(LEAKY_RELU).map(str::trim_start);
    match slope.and_then(|slope| slope.strip_prefix('(')?.strip_suffix(')')) {
        Some(slope) => format!("2 / (1 + ({slope}) ** 2)"),
        None => format!("({text}) ** 2"),
    }
}

/// A gain as an expression.
pub(super) fn gain(text: &str) -> String {
    let named = is_name(text.trim()) || text.trim().starts_with(LEAKY_RELU);
    if named { format!("sqrt({})", scale(text)) } else { text.to_owned() }
}
