//! Standard deviations that stand out among siblings, or are those of a transposed fan.

use std::collections::HashMap;

use varscale::short;

use super::{
    InspectedTensor,
    finding::{Fault, Finding},
    known::{Candidate, Expected, View},
    siblings::{collapsed, numbers},
};

/// Siblings differ by more than this factor where one stands out.
pub(super) const APART: f64 = 1.2;

/// So many standard errors must be between them, too.
pub(super) const SURE: f64 = 8.0;

/// One view of a law is exchanged where so many times more tensors fit the other one.
const MOST: usize = 4;

/// Fewer values are not compared.
pub(super) const FEWEST: u64 = 256;

/// A tensor with the laws for its shape, and those that fit.
pub(super) struct Known<'a> {
    pub(super) tensor: &'a InspectedTensor,
    pub(super) candidates: Vec<Expected>,
    pub(super) fitting: Vec<Expected>,
}

impl Known<'_> {
    /// Logarithm of the standard deviation, and its standard error.
    fn log(&self) -> Option<(f64, f64)> {
        // What a vector is like may follow from the matrix beside it.
        if self.tensor.shape.iter().filter(|&&size| size > 1).count() < 2 {
            return None;
        }
        let found = self.tensor.statistics.filter(|found| found.finite() >= FEWEST)?;
        let stddev = found.stddev.filter(|&stddev| stddev > 0.0)?;
        let kurtosis = found.excess_kurtosis?.max(-1.5);
        Some((stddev.ln(), ((kurtosis + 2.0) / (4.0 * found.finite() as f64)).sqrt()))
    }

    fn expected(&self, candidate: Candidate) -> Option<f64> {
        let of = |expected: &&Expected| expected.candidate == candidate;
        self.candidates.iter().find(of).map(|expected| expected.stddev)
    }
}

/// Findings of deviations, each tensor's once.
pub(super) fn spread(all: &[Known<'_>]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = transposed(all);
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for by_shape in [true, false] {
        let mut places = HashMap::new();
        for (place, known) in all.iter().enumerate() {
            let tensor = known.tensor;
            let shape = by_shape.then_some(&tensor.shape);
            let group = *places.entry((collapsed(&tensor.name), shape)).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            groups[group].push(place);
        }
    }
    for group in groups {
        let group: Vec<_> = group.into_iter().map(|place| &all[place]).collect();
        for (tensor, text) in apart(&group) {
            if findings.iter().all(|finding| finding.tensor != tensor.name) {
                findings.push(Finding::new(Fault::Deviation, &tensor.name, text));
            }
        }
    }
    findings
}

/// What siblings' deviations follow: a constant or a law for their shapes, and a power of the layer's
/// number and this.
type Reference = (Option<Candidate>, f64, u64);

fn apart<'a>(group: &[&Known<'a>]) -> Vec<(&'a InspectedTensor, String)> {
    let group: Vec<_> = group.iter().filter_map(|known| Some((*known, known.log()?))).collect();
    if group.len() < 2 {
        return Vec::new();
    }
    let one_shape = group.iter().all(|(known, _)| known.tensor.shape == group[0].0.tensor.shape);
    let mut references: Vec<Reference> = Vec::new();
    if one_shape {
        references.extend([(None, 0.0, 1), (None, -0.5, 1), (None, -1.0, 1)]);
        // Layers may be counted from 1.
        references.extend([(None, -0.5, 0), (None, -1.0, 0)]);
    } else {
        let fits = group.iter().flat_map(|(known, _)| &known.fitting);
        let mut fits: Vec<_> = fits.map(|expected| expected.candidate).collect();
        fits.dedup();
        references.extend(fits.into_iter().map(|candidate| (Some(candidate), 0.0, 1)));
    }
    let outliers = references.into_iter().filter_map(|reference| outliers(&group, reference));
    let Some(mut found) = outliers.min_by_key(Vec::len) else { return Vec::new() };
    if found.is_empty() {
        return Vec::new();
    }
    if group.len() == 2 {
        // Which of the two it is, only a law can tell.
        let wide = (group[0].1.0 - group[1].1.0).abs() > 1.5_f64.ln();
        found =
            match (wide && one_shape, group[0].0.fitting.is_empty(), group[1].0.fitting.is_empty())
            {
                (true, true, false) => vec![(0, group[0].1.0 - group[1].1.0)],
                (true, false, true) => vec![(1, group[1].1.0 - group[0].1.0)],
                _ => return Vec::new(),
            };
    } else if 3 * found.len() > group.len() {
        // They follow no law together.
        return Vec::new();
    }
    let text = |difference: f64, place: usize| {
        let stddev = group[place].1.0.exp();
        format!(
            "its standard deviation {} is {} times that of its siblings, {}",
            short(stddev, 4),
            short(difference.exp(), 3),
            collapsed(&group[place].0.tensor.name),
        )
    };
    found.into_iter().map(|(place, by)| (group[place].0.tensor, text(by, place))).collect()
}

/// Which are how far from the median under a reference; `None` where some have none.
fn outliers(
    group: &[(&Known<'_>, (f64, f64))],
    (candidate, power, first): Reference,
) -> Option<Vec<(usize, f64)>> {
    let varying = varying(group);
    let mut logs = Vec::with_capacity(group.len());
    for (known, (log, _)) in group {
        let expected = match candidate {
            Some(candidate) => known.expected(candidate)?,
            None => 1.0,
        };
        let layer = varying.map_or(0, |at| numbers(&known.tensor.name)[at]);
        if power != 0.0 && layer + first == 0 {
            return None;
        }
        logs.push(log - expected.ln() - power * ((layer + first) as f64).max(1.0).ln());
    }
    let mut sorted = logs.clone();
    sorted.sort_by(f64::total_cmp);
    let middle = (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0;
    let far = |&(place, by): &(usize, f64)| {
        by.abs() > APART.ln() && by.abs() > SURE * group[place].1.1 * std::f64::consts::SQRT_2
    };
    Some(logs.iter().map(|log| log - middle).enumerate().filter(far).collect())
}

/// The first of the names' numbers that is not the same in all.
fn varying(group: &[(&Known<'_>, (f64, f64))]) -> Option<usize> {
    let all: Vec<_> = group.iter().map(|(known, _)| numbers(&known.tensor.name)).collect();
    (0..all[0].len()).find(|&at| all.iter().any(|one| one.get(at) != all[0].get(at)))
}

/// Tensors that fit a law only with fan_in and fan_out exchanged, where the others fit it as it is.
///
/// Others of the same deviation say nothing: in a model of one deviation for all, `up` and `down` fit
/// the law by the fan that they share, which is one's fan_in and the other's fan_out.
fn transposed(all: &[Known<'_>]) -> Vec<Finding> {
    // By law and rank: logarithms of the deviations of those that fit it by each view, and not by the other.
    let mut votes: HashMap<(usize, usize, View), Vec<f64>> = HashMap::new();
    let mut one_way = Vec::new();
    for known in all {
        let shape = &known.tensor.shape;
        let is_depthwise = shape.len() > 2 && shape[1] == 1;
        let of_views = known.fitting.iter().filter(|fit| fit.candidate.view != View::None);
        let of_views: Vec<_> = of_views.collect();
        let other_law = known.fitting.len() > of_views.len();
        let Some((log, _)) = known.log().filter(|_| !is_depthwise && !other_law) else { continue };
        for &fit in &of_views {
            let candidate = fit.candidate;
            let other = Candidate { view: candidate.view.transposed(), ..candidate };
            let told_apart = known.expected(other).is_some()
                && of_views.iter().all(|fit| fit.candidate != other);
            if told_apart {
                votes.entry((candidate.law, shape.len(), candidate.view)).or_default().push(log);
                one_way.push((known, fit, log, of_views.len()));
            }
        }
    }
    votes.values_mut().for_each(|logs| logs.sort_by(f64::total_cmp));
    let mut findings: Vec<Finding> = Vec::new();
    for (known, fit, log, fits) in one_way {
        let rank = known.tensor.shape.len();
        let of = |view| votes.get(&(fit.candidate.law, rank, view)).map_or(&[][..], |logs| logs);
        let these = of(fit.candidate.view).len();
        let others = of(fit.candidate.view.transposed());
        let narrower = others.partition_point(|&other| other < log - APART.ln());
        let wider = others.len() - others.partition_point(|&other| other <= log + APART.ln());
        let others = narrower + wider;
        if fits > 2 || others < MOST * these {
            continue;
        }
        let name = &known.tensor.name;
        if findings.iter().any(|finding| finding.tensor == *name) {
            continue;
        }
        let text = format!(
            "its standard deviation fits {} only, with fan_in and fan_out exchanged: {others} others \
             of {rank} axes fit it the other way",
            fit.title(),
        );
        findings.push(Finding::new(Fault::TransposedFan, name, text));
    }
    findings
}
