//! What is wrong with a tensor whatever its law: values that are none, matrices of one value, and
//! transposed ones.

use std::collections::HashMap;

use super::{
    InspectedTensor,
    finding::{Fault, Finding},
    siblings::collapsed,
};

/// Parts of names of matrices that libraries fill with zeros, or another number, on purpose.
const FILLED: &[&str] = &[
    "bias",
    "pos",
    "token",
    "mask",
    "query",
    "gate",
    "gamma",
    "scale",
    "lora_b",
    "zero",
    "ada",
    "modulation",
    "memory",
    "state",
];

/// The last layer's name in models whose library fills it with zeros (timm's).
const HEADS: &[&str] = &["head", "head_dist", "heads"];

/// Axes along which there is more than one value.
fn rank(tensor: &InspectedTensor) -> usize {
    tensor.shape.iter().filter(|&&size| size > 1).count()
}

/// Siblings of one shape, of which one tensor has it the other way round: that many are no chance.
const FEWEST_SIBLINGS: usize = 3;

/// A finding of a matrix that alone is transposed, as its siblings' shape tells.
fn shape(tensor: &InspectedTensor, siblings: &[&InspectedTensor]) -> Option<Finding> {
    let &[rows, columns] = &tensor.shape[..] else { return None };
    let count = |shape| siblings.iter().filter(|other| other.shape == shape).count();
    let others = count([columns, rows]);
    let is_alone = rows != columns && count([rows, columns]) == 1 && others >= FEWEST_SIBLINGS;
    let text = || {
        format!(
            "its shape ({rows}, {columns}) is that of its {others} siblings, {}, transposed",
            collapsed(&tensor.name),
        )
    };
    is_alone.then(|| Finding::new(Fault::TransposedShape, &tensor.name, text()))
}

/// Findings of single tensors. A matrix of one value is none where all of its siblings are of it, or
/// where its name says that it begins so.
pub(super) fn faults(tensors: &[InspectedTensor]) -> Vec<Finding> {
    let mut groups: HashMap<String, Vec<&InspectedTensor>> = HashMap::new();
    for tensor in tensors {
        groups.entry(collapsed(&tensor.name)).or_default().push(tensor);
    }
    let mut findings: Vec<_> =
        tensors.iter().filter_map(|one| shape(one, &groups[&collapsed(&one.name)])).collect();
    for tensor in tensors.iter().filter(|tensor| tensor.is_float()) {
        let Some(found) = tensor.statistics else { continue };
        let name = tensor.name.to_lowercase();
        let infinite = found.positive_infinite + found.negative_infinite;
        let is_mask = name.contains("mask") && found.nan + found.positive_infinite == 0;
        if found.nan + infinite > 0 && !is_mask {
            let share = |count: u64, what: &str| {
                let percent = varscale::short(count as f64 / found.values as f64 * 100.0, 3);
                let values = if count == 1 { "value" } else { "values" };
                let are = if count == 1 { "is" } else { "are" };
                (count > 0).then(|| format!("{count} {values} ({percent} %) {are} {what}"))
            };
            let text: Vec<_> =
                share(found.nan, "NaN").into_iter().chain(share(infinite, "infinite")).collect();
            findings.push(Finding::new(Fault::NotFinite, &tensor.name, text.join(", ")));
        }
        if !found.is_constant() || rank(tensor) < 2 || found.values < 4 {
            continue;
        }
        let siblings = &groups[&collapsed(&tensor.name)];
        let is_filled =
            |other: &&InspectedTensor| other.statistics.is_some_and(|found| found.is_constant());
        let alike = siblings.len() > 1 && siblings.iter().all(is_filled);
        let parts = || name.split(['.', '/']);
        let is_named = FILLED.iter().any(|known| name.contains(known))
            || parts().any(|part| HEADS.contains(&part));
        let others = siblings.iter().any(|other| !is_filled(other));
        if alike || is_named && !others {
            continue;
        }
        let value = found.min.unwrap_or(0.0);
        let (fault, text) = match value {
            0.0 => (Fault::Zero, "all of its values are 0".to_owned()),
            value => {
                (Fault::Constant, format!("all of its values are {}", varscale::short(value, 4)))
            }
        };
        findings.push(Finding::new(fault, &tensor.name, text));
    }
    findings
}
