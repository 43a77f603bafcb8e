//! Laws that libraries initialize with, and which of them fits a tensor's shape and statistics.

use varscale::{Fans, Law, Layout, short};

use super::{ideal::Ideal, statistics::Statistics};

/// Standard errors up to which a law fits: a guess of which it is, and no verdict.
const NEAR: f64 = 5.0;

/// So much may a library's own rounding take from a standard deviation, whatever the count.
const SLACK: f64 = 2e-3;

/// Vectors of fewer values fit constant laws by chance: what a bias's law follows from is the shape of
/// another tensor, and kurtosis tells normal from uniform values only where there are more.
const FEWEST_IN_VECTOR: usize = 2048;

/// What a law's standard deviation follows from.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Size {
    /// The number itself.
    Is(f64),
    /// √(number / fan).
    Fan(f64),
    /// √(number / (fan_in + fan_out)).
    BothFans(f64),
    /// The number over √(2 · layers).
    Depth(f64),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    Normal,
    /// Cut off at two standard deviations.
    Truncated,
    Uniform,
}

/// One row each, the usual ones first: where two say the same of a shape, the first is named.
const LAWS: &[(&str, Form, Size)] = &[
    ("normal 0.02", Form::Normal, Size::Is(0.02)),
    ("truncated normal 0.02", Form::Truncated, Size::Is(0.02)),
    (
        "truncated normal 0.02, before truncation",
        Form::Truncated,
        Size::Is(0.02 * 0.879_625_661_034_239_8),
    ),
    ("He normal", Form::Normal, Size::Fan(2.0)),
    ("He normal, truncated", Form::Truncated, Size::Fan(2.0)),
    ("He uniform", Form::Uniform, Size::Fan(2.0)),
    ("Glorot normal", Form::Normal, Size::BothFans(2.0)),
    ("Glorot normal, truncated", Form::Truncated, Size::BothFans(2.0)),
    ("Glorot uniform", Form::Uniform, Size::BothFans(2.0)),
    ("LeCun normal", Form::Normal, Size::Fan(1.0)),
    ("LeCun normal, truncated", Form::Truncated, Size::Fan(1.0)),
    ("LeCun uniform", Form::Uniform, Size::Fan(1.0)),
    ("torch's default, uniform", Form::Uniform, Size::Fan(1.0 / 3.0)),
    ("normal 0.02 / sqrt(2 layers)", Form::Normal, Size::Depth(0.02)),
    ("normal 1", Form::Normal, Size::Is(1.0)),
    ("normal 0.01", Form::Normal, Size::Is(0.01)),
    ("normal 0.001", Form::Normal, Size::Is(0.001)),
    ("normal 0.006", Form::Normal, Size::Is(0.006)),
    ("normal 0.05", Form::Normal, Size::Is(0.05)),
    ("truncated normal 0.05", Form::Truncated, Size::Is(0.05)),
    ("uniform in [-0.05, 0.05]", Form::Uniform, Size::Is(0.05 / 1.732_050_807_568_877_2)),
    ("uniform in [0, 1]", Form::Uniform, Size::Is(0.5 / 1.732_050_807_568_877_2)),
];

/// Which axes count as inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum View {
    /// No axes: the law does not depend on them.
    None,
    /// Fan_in of (out, in, kernel…).
    TorchIn,
    /// Fan_out of (out, in, kernel…).
    TorchOut,
    /// Fan_in of (kernel…, in, out).
    KerasIn,
    /// Fan_out of (kernel…, in, out).
    KerasOut,
}

impl View {
    /// The view with inputs and outputs exchanged.
    pub(super) fn transposed(self) -> Self {
        match self {
            Self::None => Self::None,
            Self::TorchIn => Self::TorchOut,
            Self::TorchOut => Self::TorchIn,
            Self::KerasIn => Self::KerasOut,
            Self::KerasOut => Self::KerasIn,
        }
    }
}

/// A law and how it reads a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Candidate {
    /// Its row.
    pub(super) law: usize,
    pub(super) view: View,
}

/// A candidate with its numbers for one shape.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Expected {
    pub(super) candidate: Candidate,
    pub(super) stddev: f64,
    fan: Option<f64>,
}

/// All candidates for a shape, in a model of so many layers.
pub(super) fn candidates(shape: &[usize], layers: Option<u64>) -> Vec<Expected> {
    let fans = |layout| Fans::new(shape, &layout).ok();
    let (torch, keras) = (fans(Layout::torch()), fans(Layout::keras()));
    let is_matrix = shape.len() == 2;
    let mut all = Vec::new();
    if shape.len() < 2 && shape.iter().product::<usize>() < FEWEST_IN_VECTOR {
        return all;
    }
    for (law, &(.., size)) in LAWS.iter().enumerate() {
        let mut add = |view, stddev: f64, fan| {
            all.push(Expected { candidate: Candidate { law, view }, stddev, fan });
        };
        match size {
            Size::Is(stddev) => add(View::None, stddev, None),
            Size::Depth(stddev) => {
                if let Some(layers) = layers {
                    add(View::None, stddev / (2.0 * layers as f64).sqrt(), None);
                }
            }
            _ if shape.len() < 2 => {}
            Size::BothFans(number) => {
                for (fans, view) in [(&torch, View::TorchIn), (&keras, View::KerasIn)] {
                    if let Some(fans) = fans {
                        let both = fans.fan_in.to_f64() + fans.fan_out.to_f64();
                        add(view, (number / both).sqrt(), None);
                    }
                    if is_matrix {
                        break;
                    }
                }
            }
            Size::Fan(number) => {
                let views = [
                    (&torch, View::TorchIn, View::TorchOut),
                    (&keras, View::KerasIn, View::KerasOut),
                ];
                // Of matrices, the second is the first the other way round.
                for (fans, view_in, view_out) in &views[..if is_matrix { 1 } else { 2 }] {
                    let Some(fans) = fans else { continue };
                    let (fan_in, fan_out) = (fans.fan_in.to_f64(), fans.fan_out.to_f64());
                    add(*view_in, (number / fan_in).sqrt(), Some(fan_in));
                    add(*view_out, (number / fan_out).sqrt(), Some(fan_out));
                }
            }
        }
    }
    all
}

/// The candidates that fit.
pub(super) fn fitting(candidates: &[Expected], found: &Statistics) -> Vec<Expected> {
    let (Some(stddev), Some(mean)) = (found.stddev, found.mean) else { return Vec::new() };
    if found.finite() < 16 || stddev <= 0.0 {
        return Vec::new();
    }
    let fits = |expected: &&Expected| {
        let (.., form, _) = LAWS[expected.candidate.law];
        let sigma = expected.stddev;
        let law = match form {
            Form::Normal => Law::Normal { mean: 0.0, stddev: sigma },
            Form::Truncated => {
                let before = sigma / 0.879_625_661_034_239_8;
                Law::TruncatedNormal { mean: 0.0, stddev: before, between: None }
            }
            Form::Uniform => {
                let center =
                    if LAWS[expected.candidate.law].0 == "uniform in [0, 1]" { 0.5 } else { 0.0 };
                let limit = sigma * 1.732_050_807_568_877_2;
                Law::Uniform { low: center - limit, high: center + limit }
            }
        };
        // Cheap tests first.
        let error = 1.3 / (found.finite() as f64).sqrt();
        if (stddev / sigma - 1.0).abs() > NEAR * error + SLACK {
            return false;
        }
        let kurtosis = [0.0, -0.634, -1.2][form as usize];
        let spread = NEAR * (24.0 / found.finite() as f64).sqrt() + 0.02;
        let ideal = Ideal::of(&law, &[]);
        let deviations = ideal.deviations(found, (SLACK / 2.0).sqrt());
        let near = |z: Option<f64>| z.is_none_or(|z| z.abs() <= NEAR);
        near(deviations.stddev)
            && (mean - law.mean()).abs() <= (NEAR * error + SLACK) * sigma
            && found.excess_kurtosis.is_none_or(|found| (found - kurtosis).abs() <= spread)
    };
    candidates.iter().filter(fits).copied().collect()
}

impl Expected {
    /// As in `He normal (fan_in 784)`; the last word of the axes where they say it otherwise.
    pub(super) fn title(&self) -> String {
        let name = LAWS[self.candidate.law].0;
        let of = match self.candidate.view {
            View::None => return name.to_owned(),
            View::TorchIn | View::KerasIn => "fan_in",
            View::TorchOut | View::KerasOut => "fan_out",
        };
        match self.fan {
            Some(fan) => format!("{name} ({of} {})", short(fan, 10)),
            None => name.to_owned(),
        }
    }
}
