//! Experts that are slices of one tensor: one of zeros, or of another deviation than the others.

use varscale::short;

use super::{
    InspectedTensor,
    finding::{Fault, Finding},
    moments::Moments,
    spread::{APART, FEWEST, SURE},
};

/// Of fewer, none can be told to be the one that is wrong.
const FEWEST_EXPERTS: usize = 4;

/// Whether a tensor's first axis counts experts. Of other stacks, such as layers, slices may differ on
/// purpose.
pub(super) fn is_stack(name: &str, shape: &[usize]) -> bool {
    shape.len() == 3 && shape[0] >= FEWEST_EXPERTS && name.to_lowercase().contains("expert")
}

/// Findings of a tensor's experts that are not as most of the others are.
pub(super) fn experts(tensor: &InspectedTensor, experts: &[Moments]) -> Vec<Finding> {
    if !tensor.is_float() {
        return Vec::new();
    }
    let of = |fault, expert, text: String| {
        Finding::new(
            fault,
            &tensor.name,
            format!("its expert {expert} of {}: {text}", experts.len()),
        )
    };
    let mut findings = Vec::new();
    let mut logs = Vec::new();
    for (place, expert) in experts.iter().enumerate() {
        match (expert.stddev(), expert.mean()) {
            (Some(0.0), Some(0.0)) => {
                findings.push(of(Fault::Zero, place, "all of its values are 0".to_owned()));
            }
            (Some(0.0), Some(value)) => {
                let text = format!("all of its values are {}", short(value, 4));
                findings.push(of(Fault::Constant, place, text));
            }
            (Some(stddev), _) if expert.count() >= FEWEST => {
                let kurtosis = expert.excess_kurtosis().unwrap_or(0.0).max(-1.5);
                let error = ((kurtosis + 2.0) / (4.0 * expert.count() as f64)).sqrt();
                logs.push((place, stddev.ln(), error));
            }
            _ => {}
        }
    }
    if logs.is_empty() {
        // All are of one value each, which is said of the tensor.
        return Vec::new();
    }
    let mut sorted: Vec<f64> = logs.iter().map(|&(_, log, _)| log).collect();
    sorted.sort_by(f64::total_cmp);
    let middle = (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0;
    let far = |&(_, log, error): &(usize, f64, f64)| {
        let by = (log - middle).abs();
        by > APART.ln() && by > SURE * error * std::f64::consts::SQRT_2
    };
    for (place, log, _) in logs.into_iter().filter(far) {
        let text = format!(
            "its standard deviation {} is {} times that of the others",
            short(log.exp(), 4),
            short((log - middle).exp(), 3),
        );
        findings.push(of(Fault::Deviation, place, text));
    }
    // They follow no law together.
    if 3 * findings.len() > experts.len() { Vec::new() } else { findings }
}
