//! Verdicts against a plan: each tensor's values beside its law.

use std::collections::HashMap;

use varscale::{Content, Dtype, Explanation, Law, short};

use super::{
    InspectedTensor,
    finding::{Fault, Finding},
    ideal::{Deviations, Ideal, limit},
    statistics::Statistics,
};
use crate::{Plan, PlannedTensor, StoredDtype};

/// Why a tensor that the plan lacks is not judged.
pub const NOT_PLANNED: &str = "the plan has it not";

/// Judges tensors by a plan: their laws, and what is wrong.
pub(super) fn judge(tensors: &mut [InspectedTensor], plan: &Plan, whole: bool) -> Vec<Finding> {
    let planned: HashMap<_, _> =
        plan.tensors.iter().map(|planned| (&*planned.name, planned)).collect();
    // Mean, deviation and kurtosis of each.
    let limit = limit(3 * tensors.len());
    let mut findings = Vec::new();
    // Tensors have few laws, and those of narrow dtypes take milliseconds.
    let mut ideals: Vec<(Law, Vec<Dtype>, Ideal)> = Vec::new();
    for tensor in tensors.iter_mut() {
        // A file may hold what is tied a second time.
        let tie = plan.ties.iter().find(|tie| tie.tensor.name == tensor.name);
        let name = tie.map_or(&*tensor.name, |tie| &*tie.to);
        let Some(planned) = planned.get(name) else {
            tensor.unjudged = Some(NOT_PLANNED);
            continue;
        };
        if tensor.shape != planned.shape() {
            let text =
                format!("its shape is {:?}, and the plan's {:?}", tensor.shape, planned.shape());
            findings.push(Finding::new(Fault::Missing, &tensor.name, text));
            continue;
        }
        let explanation = planned.draw.explanation();
        let content = &explanation.content;
        tensor.law = Some(match content {
            Content::Random(law) => {
                format!("{}, stddev {}", explanation.initializer, short(law.stddev(), 6))
            }
            _ => format!("{}, {content}", explanation.initializer),
        });
        let Some(found) = tensor.statistics else { continue };
        if planned.regions().next().is_some() {
            tensor.unjudged = Some("it has regions");
            continue;
        }
        let stored = tensor.dtype.parse().ok();
        let (dtypes, smallest, slack) = precision(planned, stored);
        let mut add = |fault, text: String| findings.push(Finding::new(fault, &tensor.name, text));
        match content {
            Content::Random(law) if law.stddev() > 0.0 => {
                let of = |(known, in_dtypes, _): &&(_, _, _)| known == law && *in_dtypes == dtypes;
                let known = ideals.iter().find(of).map(|&(.., ideal)| ideal);
                let ideal = known.unwrap_or_else(|| Ideal::of(law, &dtypes));
                if known.is_none() {
                    ideals.push((*law, dtypes, ideal));
                }
                let deviations = ideal.deviations(&found, slack);
                tensor.deviations = Some(deviations);
                if found.is_constant() && deviations.stddev.is_some_and(|z| z.abs() > limit) {
                    let (value, wide) = (found.min.unwrap_or(0.0), short(ideal.stddev, 4));
                    let text = format!(
                        "all of its values are {}, and its law's standard deviation is {wide}",
                        short(value, 4),
                    );
                    add(Fault::Deviation, text);
                    continue;
                }
                of_law(explanation, &ideal, &found, deviations, slack, limit, &mut add);
                // Of another deviation, it says nothing new.
                let is_as_wide = deviations.stddev.is_none_or(|z| z.abs() <= limit);
                if let Some(outer) = law.bounds().filter(|_| is_as_wide) {
                    bounds(&found, outer, smallest, slack, &mut add);
                }
                zeros(&found, &ideal, smallest, limit, &mut add);
            }
            Content::Orthogonal(matrix) => {
                // The sum of squares is exact.
                let (stddev, ideal) = (found.stddev.unwrap_or(0.0), matrix.stddev());
                let mean = found.mean.unwrap_or(0.0);
                let size = stddev.hypot(mean);
                let least = smallest / ideal;
                // Of few values, rounding moves it by as much as it moves one of them.
                let rounding = slack * (limit / (found.values as f64).sqrt()).min(1.0);
                let rounding = rounding + 2.0 * slack * slack + least * least / 12.0;
                if found.finite() > 0 && (size / ideal - 1.0).abs() > 1e-3 + rounding {
                    add(Fault::Deviation, of_ideal("root mean square", size, ideal));
                }
                bounds(&found, matrix.bounds(), smallest, slack, &mut add);
            }
            Content::Formula(_) => tensor.unjudged = Some("it is of a formula"),
            Content::Random(_) => bounds(&found, exact(content), smallest, slack, &mut add),
            Content::Pattern(pattern) => {
                bounds(&found, pattern.bounds(), smallest, slack, &mut add);
            }
        }
    }
    if whole {
        let there: std::collections::HashSet<_> =
            tensors.iter().map(|tensor| &*tensor.name).collect();
        let missing = plan.tensors.iter().filter(|planned| !there.contains(&*planned.name));
        let text = || "the plan has it, and the checkpoint has not".to_owned();
        findings.extend(missing.map(|planned| Finding::new(Fault::Missing, &planned.name, text())));
    }
    findings
}

fn exact(content: &Content) -> (f64, f64) {
    content.bounds().or(content.mean().map(|mean| (mean, mean))).unwrap_or_default()
}

/// The dtypes that values were rounded to, the largest of their smallest positive values, and by how
/// much of itself a value is rounded: each may be another dtype's.
fn precision(planned: &PlannedTensor, stored: Option<StoredDtype>) -> (Vec<Dtype>, f64, f64) {
    let dtypes = [Some(planned.dtype()), stored].into_iter().flatten();
    let drawn = dtypes.filter_map(|dtype| match dtype {
        StoredDtype::Drawn(dtype) => Some(dtype),
        StoredDtype::Integer(_) => None,
    });
    let dtypes: Vec<Dtype> = drawn.collect();
    let largest = |of: fn(Dtype) -> f64| dtypes.iter().copied().map(of).fold(0.0, f64::max);
    let smallest = largest(Dtype::min_positive);
    let slack = largest(|dtype| dtype.min_positive() / dtype.min_normal() / 2.0);
    (dtypes, smallest, slack)
}

fn of_ideal(what: &str, found: f64, ideal: f64) -> String {
    let times = if ideal == 0.0 {
        String::new()
    } else {
        format!(", {} times it", short(found / ideal, 3))
    };
    format!("its {what} is {}, and its law's {}{times}", short(found, 4), short(ideal, 4))
}

fn of_law(
    explanation: &Explanation,
    ideal: &Ideal,
    found: &Statistics,
    deviations: Deviations,
    slack: f64,
    limit: f64,
    add: &mut dyn FnMut(Fault, String),
) {
    let beyond = |z: Option<f64>| z.filter(|z| z.abs() > limit);
    let errors = |z: f64| format!(" ({} standard errors)", short(z, 3));
    if let Some(z) = beyond(deviations.mean) {
        let text = format!(
            "its mean is {}, and its law's {}",
            short(found.mean.unwrap_or(f64::NAN), 4),
            short(ideal.mean, 4)
        );
        add(Fault::Mean, text + &errors(z));
    }
    if let Some(z) = beyond(deviations.stddev) {
        let stddev = found.stddev.unwrap_or(f64::NAN);
        let transposed = explanation.scaling.as_ref().and_then(|scaling| {
            let mut exchanged = scaling.fans.clone();
            std::mem::swap(&mut exchanged.fan_in, &mut exchanged.fan_out);
            let factor = (scaling.divisor / exchanged.divisor(scaling.mode)).sqrt();
            let other = Ideal { stddev: ideal.stddev * factor, ..*ideal };
            let near = other.deviations(found, slack).stddev?.abs() <= limit;
            near.then(|| format!(
                "its standard deviation {} is that of its law with fan_in {} and fan_out {} exchanged; \
                 it would be {}",
                short(stddev, 4),
                scaling.fans.fan_in,
                scaling.fans.fan_out,
                short(ideal.stddev, 4),
            ))
        });
        match transposed {
            Some(text) => add(Fault::TransposedFan, text),
            None => {
                let text = of_ideal("standard deviation", stddev, ideal.stddev);
                add(Fault::Deviation, text + &errors(z));
            }
        }
    } else if let Some(z) = beyond(deviations.excess_kurtosis) {
        let kurtosis = found.excess_kurtosis.unwrap_or(f64::NAN);
        let text = format!("its excess kurtosis {} is not its law's", short(kurtosis, 4));
        add(Fault::Distribution, text + &errors(z));
    }
}

/// Values beyond bounds, after rounding.
fn bounds(
    found: &Statistics,
    (low, high): (f64, f64),
    smallest: f64,
    slack: f64,
    add: &mut dyn FnMut(Fault, String),
) {
    let (Some(min), Some(max)) = (found.min, found.max) else { return };
    let rounding = |bound: f64| bound.abs() * slack + smallest;
    // Float32's own last bits, which libraries scale values in.
    let steps = 4.0 * f64::from(f32::EPSILON) * (high - low).abs();
    let steps = if steps.is_finite() { steps } else { 0.0 };
    for (value, bound, is_beyond) in [
        (min, low, min < low - rounding(low) - steps),
        (max, high, max > high + rounding(high) + steps),
    ] {
        if is_beyond {
            // All digits, where fewer are the same.
            let (mut shown, mut limit) = (short(value, 6), short(bound, 6));
            if shown == limit {
                (shown, limit) = (value.to_string(), bound.to_string());
            }
            let text = match low == high {
                true => format!("a value is {shown}, where all are {limit}"),
                false => format!("a value is {shown}, beyond its bound {limit}"),
            };
            return add(Fault::Bounds, text);
        }
    }
}

/// More zeros than the law, its rounding, and generators of 22 bits give.
fn zeros(
    found: &Statistics,
    ideal: &Ideal,
    smallest: f64,
    limit: f64,
    add: &mut dyn FnMut(Fault, String),
) {
    let probability = 1.0 / f64::from(1 << 22) + smallest / ideal.stddev.max(smallest);
    let expected = found.values as f64 * probability;
    if found.zeros as f64 > expected + limit * expected.sqrt() + 8.0 {
        let text = format!("{} of its {} values are 0", found.zeros, found.values);
        add(Fault::Zeros, text);
    }
}
