//! What a checkpoint's values are, as a table.

use std::{
    collections::{HashMap, HashSet},
    io::{self, Write},
};

use indicatif::HumanCount;
use varscale::short;
use varscale_model::{Finding, InspectedTensor, Inspection, JudgedBy, Statistics, collapsed};

use crate::terminal::write_table;

const HEADER: [&str; 12] = [
    "name",
    "dtype",
    "shape",
    "mean",
    "stddev",
    "min",
    "max",
    "kurtosis",
    "zeros",
    "not finite",
    "distinct",
    "law",
];

/// Tensors that one row is of.
struct Row<'a> {
    name: String,
    tensors: Vec<&'a InspectedTensor>,
}

/// Layers in one row each, unless `all` are asked for; what there are findings of has its own.
pub(super) fn write(inspection: &Inspection, all: bool, out: &mut impl Write) -> io::Result<()> {
    let rows = rows(inspection, all);
    write_table(out, HEADER, || rows.iter().map(Row::cells))?;
    let values: u64 = inspection.tensors.iter().filter_map(values).sum();
    let count = HumanCount(inspection.tensors.len() as u64);
    let by = match inspection.judged_by {
        JudgedBy::Plan => "the plan",
        JudgedBy::Recipe => "the recipe in its metadata",
        _ => "what is usual, without a plan",
    };
    if let Some(note) = &inspection.note {
        writeln!(out, "\n{note}")?;
    }
    writeln!(out, "\n{count} tensors, {} values, judged by {by}", HumanCount(values))?;
    let unjudged = inspection.tensors.iter().filter(|tensor| tensor.unjudged.is_some()).count();
    if unjudged > 0 {
        writeln!(
            out,
            "not judged (of regions, of formulas, or not of the plan): {}",
            HumanCount(unjudged as u64)
        )?;
    }
    for set in &inspection.equal {
        writeln!(out, "equal: {}", set.join(", "))?;
    }
    match inspection.findings.len() {
        0 => writeln!(out, "no findings"),
        count => {
            writeln!(out, "{} findings:", HumanCount(count as u64))?;
            let line = |finding: &Finding| format!("{}: {}", finding.tensor, finding.text);
            inspection.findings.iter().try_for_each(|finding| writeln!(out, "{}", line(finding)))
        }
    }
}

fn values(tensor: &InspectedTensor) -> Option<u64> {
    tensor.statistics.map(|statistics| statistics.values)
}

fn rows(inspection: &Inspection, all: bool) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    let mut known = HashMap::new();
    let found: HashSet<_> = inspection.findings.iter().map(|finding| &finding.tensor).collect();
    for tensor in &inspection.tensors {
        let name = if all || found.contains(&tensor.name) {
            tensor.name.to_string()
        } else {
            collapsed(&tensor.name)
        };
        let place = known.entry((name, &tensor.dtype, &tensor.shape));
        let place = *place.or_insert_with_key(|(name, ..)| {
            rows.push(Row { name: name.clone(), tensors: Vec::new() });
            rows.len() - 1
        });
        rows[place].tensors.push(tensor);
    }
    rows
}

impl Row<'_> {
    fn cells(&self) -> [String; 12] {
        let first = self.tensors[0];
        let name = match self.tensors.len() {
            1 => first.name.to_string(),
            count => format!("{}  x{count}", self.name),
        };
        let sizes: Vec<_> = first.shape.iter().map(ToString::to_string).collect();
        let numbers = |of: fn(&Statistics) -> Option<f64>| self.range(of, |value| short(value, 4));
        let count = |of: fn(&Statistics) -> u64| {
            let counts = self.statistics().map(of);
            range(counts, |count| HumanCount(count).to_string())
        };
        let approximate = self.statistics().any(|statistics| !statistics.distinct_is_exact);
        [
            name,
            first.dtype.to_string(),
            format!("({})", sizes.join(", ")),
            numbers(|statistics| statistics.mean),
            numbers(|statistics| statistics.stddev),
            numbers(|statistics| statistics.min),
            numbers(|statistics| statistics.max),
            numbers(|statistics| statistics.excess_kurtosis),
            count(|statistics| statistics.zeros),
            count(|statistics| statistics.values - statistics.finite()),
            format!("{}{}", if approximate { "~" } else { "" }, count(|all| all.distinct)),
            self.law(),
        ]
    }

    /// The law of all, or how many they have.
    fn law(&self) -> String {
        let mut laws: Vec<_> =
            self.tensors.iter().filter_map(|tensor| tensor.law.as_deref()).collect();
        laws.sort_unstable();
        laws.dedup();
        match laws[..] {
            [] => "-".to_owned(),
            [law] => law.to_owned(),
            _ => format!("{} laws", laws.len()),
        }
    }

    fn statistics(&self) -> impl Iterator<Item = &Statistics> {
        self.tensors.iter().filter_map(|tensor| tensor.statistics.as_ref())
    }

    fn range(&self, of: fn(&Statistics) -> Option<f64>, shown: impl Fn(f64) -> String) -> String {
        range(self.statistics().filter_map(of), shown)
    }
}

/// One number, or the smallest and the largest of some.
fn range<T: PartialOrd + Copy>(
    numbers: impl Iterator<Item = T>,
    shown: impl Fn(T) -> String,
) -> String {
    let ends = numbers.fold(None, |ends, number| match ends {
        None => Some((number, number)),
        Some((low, _)) if number < low => Some((number, ends.map_or(number, |ends| ends.1))),
        Some((low, high)) => Some((low, if number > high { number } else { high })),
    });
    let Some((low, high)) = ends else { return "-".to_owned() };
    let (low, high) = (shown(low), shown(high));
    if low == high { low } else { format!("{low} to {high}") }
}
