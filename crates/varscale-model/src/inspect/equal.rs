//! Tensors that are equal to each other, and rows that are.

use std::{cell::RefCell, collections::HashMap};

use varscale::DtypeVisitor;

use super::{
    InspectError, InspectedTensor, codes,
    finding::{Fault, Finding},
    scan::Scanned,
    siblings::collapsed,
    statistics::Statistics,
};
use crate::{Checkpoint, Error, Integer, StoredDtype, StoredTensor, checkpoint::OpenFiles};

/// Tensors and rows of fewer values may be equal by chance.
const FEWEST: usize = 16;

/// Bytes that are compared at a time.
const CHUNK: u64 = 1 << 20;

/// Equal tensors, by their places, and the findings.
#[derive(Debug, Default)]
pub(super) struct Equal {
    pub(super) sets: Vec<Vec<usize>>,
    pub(super) findings: Vec<Finding>,
}

/// Looks at what the digests say is equal, byte by byte.
pub(super) fn equal(
    checkpoint: &Checkpoint,
    stored: &[&StoredTensor],
    scanned: &[Scanned],
    tensors: &[InspectedTensor],
) -> Result<Equal, InspectError> {
    let files = RefCell::new(OpenFiles::new(checkpoint));
    let read = |place: usize, first: u64, bytes: u64| -> Result<Vec<u8>, Error> {
        let tensor = stored[place];
        let mut read = vec![0; bytes.min(tensor.bytes - first) as usize];
        files.borrow_mut().read_at(tensor, first, &mut read)?;
        Ok(read)
    };
    let same = |(a, a_first): (usize, u64), (b, b_first): (usize, u64), bytes: u64| {
        let mut at = 0;
        while at < bytes {
            let length = CHUNK.min(bytes - at);
            if read(a, a_first + at, length)? != read(b, b_first + at, length)? {
                return Ok::<_, Error>(false);
            }
            at += length;
        }
        Ok(true)
    };
    // Tables, such as those of positions, are equal on purpose.
    let is_random = |place: usize, first: u64, values: usize| -> Result<bool, Error> {
        let tensor = stored[place];
        let Ok(dtype) = tensor.dtype() else { return Ok(false) };
        let bytes = (values.min(1 << 15) * dtype.size()) as u64;
        Ok(looks_random(&numbers(dtype, &read(place, first, bytes)?)))
    };

    let mut by_digest: HashMap<_, Vec<usize>> = HashMap::new();
    let mut found = Equal::default();
    for (place, (tensor, scanned)) in tensors.iter().zip(scanned).enumerate() {
        let Some(statistics) = tensor.statistics.filter(|_| tensor.is_float()) else { continue };
        if statistics.distinct <= 1 {
            continue;
        }
        if statistics.values >= FEWEST as u64 {
            let key = (scanned.digest, &tensor.dtype, &tensor.shape);
            by_digest.entry(key).or_default().push(place);
        }
        let row = stored[place].bytes / tensor.shape.first().map_or(1, |&rows| rows as u64).max(1);
        let in_row = tensor.shape.iter().skip(1).product::<usize>();
        if in_row < FEWEST || may_be_equal_by_chance(&statistics, in_row) {
            continue;
        }
        let mut text: Option<String> = None;
        let mut count = 0;
        for set in &scanned.equal_rows {
            let (a, b) = (set[0], set[1]);
            let is_copy = is_random(place, a * row, in_row)?
                && same((place, a * row), (place, b * row), row)?;
            if is_copy {
                count += set.len();
                text.get_or_insert_with(|| format!("rows {a} and {b} are equal"));
            }
        }
        if let Some(text) = text {
            let all =
                if count > 2 { format!(", at least {count} rows in all") } else { String::new() };
            found.findings.push(Finding::new(Fault::EqualRows, &tensor.name, text + &all));
        }
    }
    let mut sets: Vec<_> = by_digest.into_values().filter(|set| set.len() > 1).collect();
    sets.sort();
    for set in sets {
        let first = set[0];
        let mut copies = vec![first];
        for &other in &set[1..] {
            if same((first, 0), (other, 0), stored[first].bytes)? {
                copies.push(other);
            }
        }
        let values = tensors[first].shape.iter().product();
        if copies.len() < 2 || !is_random(first, 0, values)? {
            continue;
        }
        // A head is its embedding, but no layer or expert is another one.
        for (at, &copy) in copies.iter().enumerate().skip(1) {
            let name = collapsed(&tensors[copy].name);
            let sibling = copies[..at].iter().find(|&&one| collapsed(&tensors[one].name) == name);
            if let Some(&sibling) = sibling {
                let text = format!("it is equal to its sibling {}", tensors[sibling].name);
                let finding = Finding::new(Fault::EqualTensors, &tensors[copy].name, text);
                found.findings.push(finding);
            }
        }
        found.sets.push(copies);
    }
    Ok(found)
}

/// Whether some rows of independent values like these would be equal.
fn may_be_equal_by_chance(found: &Statistics, in_row: usize) -> bool {
    let (zeros, values) = (found.zeros as f64 / found.values as f64, found.values as f64);
    let others = found.distinct - u64::from(found.zeros > 0);
    // That two values are equal: what is not 0 has a distribution with a peak, or few values.
    let one = zeros * zeros + (1.0 - zeros).powi(2) * (3.0 / others as f64).min(0.9);
    let rows = values / in_row as f64;
    2.0 * rows.ln() + in_row as f64 * one.ln() > 1e-6_f64.ln()
}

/// Whether values go up and down as independent ones do, of which two thirds are above or below both
/// of their neighbours; tables are smoother.
fn looks_random(numbers: &[f64]) -> bool {
    let turns = numbers.windows(3).filter(|three| {
        (three[0] < three[1] && three[1] > three[2]) || (three[0] > three[1] && three[1] < three[2])
    });
    2 * turns.count() >= numbers.len().saturating_sub(2)
}

fn numbers(dtype: StoredDtype, bytes: &[u8]) -> Vec<f64> {
    struct Wide<'a>(&'a [u8]);
    impl DtypeVisitor for Wide<'_> {
        type Output = Vec<f64>;

        fn visit<T: varscale::Element>(self) -> Vec<f64> {
            let number = |bytes: &[u8]| {
                let mut bytes = bytes.to_vec();
                if cfg!(target_endian = "big") {
                    bytes.reverse();
                }
                bytemuck::try_pod_read_unaligned::<T>(&bytes).map_or(f64::NAN, T::to_f64)
            };
            self.0.chunks_exact(size_of::<T>()).map(number).collect()
        }
    }
    match dtype {
        StoredDtype::Drawn(dtype) => dtype.visit(Wide(bytes)),
        StoredDtype::Integer(Integer::Int8 | Integer::UInt8 | Integer::Bool) => {
            bytes.iter().map(|&byte| codes::number(dtype, byte.into())).collect()
        }
        // None is compared.
        StoredDtype::Integer(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_do_not_look_random() {
        let steps: Vec<f64> = (1..=16).map(f64::from).map(f64::ln).collect();
        let wave: Vec<f64> = (0..500).map(|k| (f64::from(k) / 9.0).sin()).collect();
        let drawn = varscale::Scheme::he_normal().with_seed(1).sample::<f64>([8, 64]);
        assert!(!looks_random(&steps) && !looks_random(&wave));
        assert!(looks_random(&drawn.unwrap_or_default()));
    }
}
