//! Numbers for people.

/// `value` to `digits` significant digits, as C's `%g` prints it.
pub fn short(value: f64, digits: usize) -> String {
    // Rounded in decimal through the exponent form, then printed the shorter way.
    let rounded: f64 = format!("{value:.*e}", digits - 1).parse().unwrap_or(value);
    let size = rounded.abs();
    if size == 0.0 {
        "0".to_owned()
    } else if (1e-4..1e16).contains(&size) {
        rounded.to_string()
    } else {
        format!("{rounded:e}")
    }
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn prints_as_c_does() {
        assert_eq!(short(-0.0, 4), "0");
        assert_eq!(short(1.0 / 3.0, 6), "0.333333");
        assert_eq!(short(123_456_789.0, 3), "123000000");
        assert_eq!(short(-1.234_56e-7, 4), "-1.235e-7");
        assert_eq!(short(1e300, 6), "1e300");
    }
}
