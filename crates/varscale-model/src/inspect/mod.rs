//! Inspection: what a checkpoint's values are, in one pass, and what is wrong with them.

mod basis;
mod codes;
mod digest;
mod distinct;
mod equal;
mod error;
mod experts;
mod faults;
mod finding;
mod ideal;
mod judge;
mod known;
mod moments;
mod numbers;
mod scan;
mod selection;
mod siblings;
mod spread;
mod statistics;

use std::sync::{Arc, atomic::AtomicBool};

use serde::Serialize;

pub use self::{
    basis::{Basis, JudgedBy},
    error::InspectError,
    finding::{Fault, Finding},
    ideal::{Deviations, excess_kurtosis},
    judge::NOT_PLANNED,
    moments::Moments,
    selection::Selection,
    siblings::collapsed,
    statistics::Statistics,
};
use self::{error::check_memory, spread::Known};
use crate::{Checkpoint, Seeds, StoredDtype};

/// What a checkpoint's values are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// What it was judged by.
    pub judged_by: JudgedBy,
    /// Why the recipe that the metadata holds is not that.
    pub note: Option<String>,
    /// Its tensors, in its order.
    pub tensors: Vec<InspectedTensor>,
    /// Sets of tensors that are equal, byte by byte, and neither of one value nor tables.
    pub equal: Vec<Vec<Arc<str>>>,
    /// What is wrong, or looks so.
    pub findings: Vec<Finding>,
}

/// What the values of one tensor are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InspectedTensor {
    /// Its name.
    pub name: Arc<str>,
    /// Its dtype, by the format's name (`BF16`).
    pub dtype: Arc<str>,
    /// Its shape.
    pub shape: Vec<usize>,
    /// `None` of a dtype whose values are not read.
    pub statistics: Option<Statistics>,
    /// The plan's law, or the known one that fits; `None` where none is asked about.
    pub law: Option<String>,
    /// How far it is from the plan's law, in standard errors.
    pub deviations: Option<Deviations>,
    /// Why it is not judged by its plan, where it has one.
    pub unjudged: Option<&'static str>,
}

impl InspectedTensor {
    /// Whether its values are no integers.
    fn is_float(&self) -> bool {
        matches!(self.dtype.parse(), Ok(StoredDtype::Drawn(_)))
    }
}

/// Reads the values of a checkpoint's tensors, each once, and says what they are and what is wrong: by a
/// plan, or without one by what they are usually like. The result is the same for every number of
/// threads, 0 for one per processor; `progress` is told the number of bytes counted so far and of all, and
/// `interrupted` stops it.
///
/// # Errors
/// [`InspectError`].
pub fn inspect(
    checkpoint: &Checkpoint,
    basis: &Basis,
    selection: &Selection,
    threads: usize,
    interrupted: &AtomicBool,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Inspection, InspectError> {
    let stored = selection.of(&checkpoint.tensors)?;
    let scanned = scan::scan(checkpoint, &stored, threads, interrupted, progress)?;
    let tensors = stored.iter().zip(&scanned).map(|(tensor, scanned)| InspectedTensor {
        name: tensor.name.clone(),
        dtype: tensor.dtype.clone(),
        shape: tensor.shape.clone(),
        statistics: scanned.statistics,
        law: None,
        deviations: None,
        unjudged: None,
    });
    let mut tensors: Vec<_> = tensors.collect();
    let equal = equal::equal(checkpoint, &stored, &scanned, &tensors)?;
    let mut findings = match &basis.plan {
        Some(plan) => {
            let mut findings = judge::judge(&mut tensors, plan, selection.is_all());
            // What the plan asks for is no fault.
            let others = faults::faults(&tensors).into_iter();
            findings.extend(others.filter(|other| other.fault == Fault::NotFinite));
            findings
        }
        None => {
            let mut findings = faults::faults(&tensors);
            for (tensor, scanned) in tensors.iter().zip(&scanned) {
                findings.extend(experts::experts(tensor, &scanned.experts));
            }
            let mut of_laws = by_usual_laws(&mut tensors);
            // Of a transposed matrix or a lost expert, the whole's deviation says nothing new.
            of_laws.retain(|one| {
                let explains =
                    |known: &Finding| known.fault != Fault::NotFinite && known.tensor == one.tensor;
                !findings.iter().any(explains)
            });
            findings.extend(of_laws);
            findings
        }
    };
    // Siblings that take one seed as it is are equal by their plan.
    let is_planned = basis.plan.as_ref().is_some_and(|plan| plan.seeds == Some(Seeds::Same));
    let unplanned = |one: &Finding| !is_planned || one.fault != Fault::EqualTensors;
    findings.extend(equal.findings.into_iter().filter(unplanned));
    let names = |set: &Vec<usize>| set.iter().map(|&place| tensors[place].name.clone()).collect();
    let equal = equal.sets.iter().map(names).collect();
    let (judged_by, note) = (basis.by, basis.note.clone());
    Ok(Inspection { judged_by, note, tensors, equal, findings })
}

/// Looks for the law that each tensor follows, and for those that follow none of their siblings'.
fn by_usual_laws(tensors: &mut [InspectedTensor]) -> Vec<Finding> {
    let layers = layers(tensors);
    let known = tensors.iter().filter(|tensor| tensor.is_float()).map(|tensor| {
        let candidates = known::candidates(&tensor.shape, layers);
        let fitting = tensor.statistics.map(|found| known::fitting(&candidates, &found));
        Known { tensor, candidates, fitting: fitting.unwrap_or_default() }
    });
    let known: Vec<_> = known.collect();
    let findings = spread::spread(&known);
    let laws = known.iter().map(|known| {
        let found = known.tensor.statistics?;
        if found.values == 0 {
            return None;
        }
        Some(match (found.is_constant(), found.min) {
            (true, Some(0.0)) => "zeros".to_owned(),
            (true, Some(1.0)) => "ones".to_owned(),
            (true, Some(value)) => format!("constant {}", varscale::short(value, 4)),
            _ => known.fitting.first().map_or("no known law".to_owned(), |fit| fit.title()),
        })
    });
    let laws: Vec<_> = laws.collect();
    let floats = tensors.iter_mut().filter(|tensor| tensor.is_float());
    floats.zip(laws).for_each(|(tensor, law)| tensor.law = law);
    findings
}

/// The number of layers: the largest first number of a name, counted from 0.
fn layers(tensors: &[InspectedTensor]) -> Option<u64> {
    let first = |tensor: &InspectedTensor| siblings::numbers(&tensor.name).first().copied();
    tensors.iter().filter_map(first).filter(|&layer| layer < 10_000).max().map(|last| last + 1)
}
