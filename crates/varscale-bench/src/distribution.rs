//! The distributions that are measured, one row each.

use std::{fmt, str::FromStr};

use varscale::Scheme;
use varscale_cli::terminal::Failure;

/// Name, and config, of values that every dtype holds. First those that the frameworks' streams have,
/// too.
const ROWS: [(&str, &str); 7] = [
    ("truncated_normal", r#"{"class_name": "TruncatedNormal", "config": {"stddev": 0.02}}"#),
    ("untruncated_normal", r#"{"class_name": "RandomNormal", "config": {"stddev": 0.02}}"#),
    ("uniform", r#"{"class_name": "RandomUniform", "config": {}}"#),
    (
        "truncated_normal_3",
        r#"{"class_name": "TruncatedNormal", "config": {"stddev": 0.02, "lower": -3, "upper": 3}}"#,
    ),
    (
        "truncated_normal_tail",
        r#"{"class_name": "TruncatedNormal", "config": {"stddev": 0.02, "lower": 2}}"#,
    ),
    // Of Mamba's time steps, and of their bias, an inverse softplus.
    ("log_uniform", r#"{"class_name": "LogUniform", "config": {"minval": 0.001, "maxval": 0.1}}"#),
    (
        "formula",
        r#"{"class_name": "Formula", "config": {"expression":
            "log(expm1(max(exp(log(0.001) + u * log(100)), 1e-4)))"}}"#,
    ),
];

/// A distribution that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Distribution(&'static (&'static str, &'static str));

impl Distribution {
    /// Every one.
    pub(super) fn all() -> Vec<Self> {
        ROWS.iter().map(Self).collect()
    }

    /// Those that the frameworks' streams have, too.
    pub(super) fn of_streams() -> Vec<Self> {
        ROWS[..3].iter().map(Self).collect()
    }

    /// The one that the others are compared with.
    pub(super) fn is_first(self) -> bool {
        self == Self(&ROWS[0])
    }

    pub(super) const fn name(self) -> &'static str {
        self.0.0
    }

    pub(super) fn scheme(self) -> Result<Scheme, Failure> {
        let config = serde_json::from_str(self.0.1).expect("each row is JSON");
        Ok(Scheme::deserialize(&config)?.0)
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Distribution {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = Self::all();
        all.iter().find(|one| one.name() == text).copied().ok_or_else(|| {
            let names: Vec<_> = all.iter().map(|one| one.name()).collect();
            format!("it must be one of {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_a_scheme_of_its_own() {
        let schemes: Vec<_> = Distribution::all()
            .into_iter()
            .map(|one| one.scheme().map_err(drop).expect("it loads"))
            .collect();
        for (index, (one, scheme)) in Distribution::all().into_iter().zip(&schemes).enumerate() {
            assert_eq!(one.name().parse(), Ok(one));
            assert!(!schemes[..index].contains(scheme));
        }
    }
}
