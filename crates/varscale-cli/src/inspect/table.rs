//! What a checkpoint's values are, as a table.

use std::{
    collections::{HashMap, HashSet},
    io::{self, Write},
};

use indicatif::HumanCount;
use unicode_width::UnicodeWidthStr;
use varscale::short;
use varscale_model::{
    Finding, InspectedTensor, Inspection, JudgedBy, NOT_PLANNED, Statistics, collapsed, shown,
};

use crate::terminal::{counted, widths, write_table};

/// Columns that a table has by default, at most.
const WIDTH: usize = 120;

/// What is left out first of a wider table, by its place in the header.
const SPARED: [usize; 7] = [9, 10, 7, 8, 5, 6, 3];

/// The place of the law in the header.
const LAW: usize = 11;

/// Of formulas alone, the law has so many characters.
const LAW_WIDTH: usize = 16;

/// Names that are listed; `--json` has all.
const SHOWN: usize = 10;

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

/// Layers in one row each, unless `all` are asked for; what there are findings of has its own. Unless it
/// may be `wide`, columns are left out.
pub(super) fn write(
    inspection: &Inspection,
    all: bool,
    wide: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    let rows = rows(inspection, all);
    let mut kept: Vec<usize> = (0..HEADER.len()).collect();
    let mut widths = widths(&HEADER, rows.iter().map(Row::cells));
    // Formulas may be longer than all else; other laws are whole.
    let laws = rows.iter().map(Row::law).filter(|law| !law.contains("formula"));
    widths[LAW] = laws.map(|law| law.width()).fold(LAW_WIDTH, usize::max);
    let mut spared = SPARED.into_iter();
    // Each column with a space on both sides, of which the last is not written.
    let total = |kept: &[usize]| kept.iter().map(|&column| widths[column] + 2).sum::<usize>() - 1;
    while !wide && total(&kept) > WIDTH {
        let Some(next) = spared.next() else { break };
        kept.retain(|&column| column != next);
    }
    let room = widths[LAW] + WIDTH.saturating_sub(total(&kept));
    let header: Vec<_> = kept.iter().map(|&column| HEADER[column]).collect();
    let cells = |row: &Row<'_>| {
        let mut cells = row.cells();
        if !wide && cells[LAW].width() > room {
            cells[LAW] = cells[LAW].chars().take(room - 1).chain(['…']).collect();
        }
        kept.iter().map(|&column| std::mem::take(&mut cells[column])).collect::<Vec<_>>()
    };
    write_table(out, &header, || rows.iter().map(cells))?;
    if rows.iter().any(|row| row.laws().len() > 1) {
        writeln!(out, "\nlayers of several laws: --all shows each")?;
    }
    let values: u64 = inspection.tensors.iter().filter_map(values).sum();
    let tensors = counted(inspection.tensors.len() as u64, "tensor");
    let by = match inspection.judged_by {
        JudgedBy::Plan => "the plan",
        JudgedBy::Recipe => "the recipe in its metadata",
        _ => "what is usual, without a plan",
    };
    if let Some(note) = &inspection.note {
        writeln!(out, "\n{note}")?;
    }
    writeln!(out, "\n{tensors}, {}, judged by {by}", counted(values, "value"))?;
    unjudged(inspection, out)?;
    for set in &inspection.equal {
        writeln!(out, "equal: {}", set.join(", "))?;
    }
    match inspection.findings.len() {
        0 => writeln!(out, "no findings"),
        count => {
            writeln!(out, "{}:", counted(count as u64, "finding"))?;
            let there: HashSet<_> = inspection.tensors.iter().map(|tensor| &tensor.name).collect();
            let is_there = |finding: &&Finding| there.contains(&finding.tensor);
            let (others, missing): (Vec<_>, Vec<_>) =
                inspection.findings.iter().partition(is_there);
            for finding in others.into_iter().chain(missing.iter().copied().take(SHOWN)) {
                writeln!(out, "{}: {}", finding.tensor, finding.text)?;
            }
            let more = missing.len().saturating_sub(SHOWN);
            if more > 0 {
                writeln!(out, "and {more} more that the checkpoint has not, which --json names")?;
            }
            let is_more = |tensor: &InspectedTensor| tensor.unjudged == Some(NOT_PLANNED);
            if !missing.is_empty() && inspection.tensors.iter().any(is_more) {
                writeln!(out, "`varscale verify` pairs tensors that have only other names")?;
            }
            Ok(())
        }
    }
}

/// What was not judged, by the reason, and layers under one name.
fn unjudged(inspection: &Inspection, out: &mut impl Write) -> io::Result<()> {
    let mut reasons: Vec<(&str, u64, Vec<String>)> = Vec::new();
    for tensor in &inspection.tensors {
        let Some(why) = tensor.unjudged else { continue };
        let place = reasons.iter().position(|(known, ..)| *known == why).unwrap_or(reasons.len());
        if place == reasons.len() {
            reasons.push((why, 0, Vec::new()));
        }
        let (_, count, names) = &mut reasons[place];
        *count += 1;
        let name = collapsed(&tensor.name);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    for (why, count, names) in reasons {
        let more = match names.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more, which --json names"),
        };
        let names: Vec<_> = names.iter().take(SHOWN).map(|name| shown(name)).collect();
        let tensors = counted(count, "tensor");
        writeln!(out, "not judged, since {why}: {tensors}: {}{more}", names.join(", "))?;
    }
    Ok(())
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
        let digits = if self.tensors.len() == 1 { 4 } else { 3 };
        let numbers =
            |of: fn(&Statistics) -> Option<f64>| self.range(of, |value| short(value, digits));
        // Of several tensors, the outermost one says it.
        let one = |of: fn(&Statistics) -> Option<f64>, is_more: fn(f64, f64) -> bool| {
            let found = self.statistics().filter_map(of);
            let outermost = found.reduce(|a, b| if is_more(b, a) { b } else { a });
            outermost.map_or("-".to_owned(), |value| short(value, digits))
        };
        let count = |of: fn(&Statistics) -> u64| {
            let counts = self.statistics().map(of);
            range(counts, |count| HumanCount(count).to_string())
        };
        let approximate = self.statistics().any(|statistics| !statistics.distinct_is_exact);
        [
            name,
            first.dtype.to_string(),
            format!("({})", sizes.join(", ")),
            one(|statistics| statistics.mean, |a, b| a.abs() > b.abs()),
            numbers(|statistics| statistics.stddev),
            one(|statistics| statistics.min, |a, b| a < b),
            one(|statistics| statistics.max, |a, b| a > b),
            numbers(|statistics| statistics.excess_kurtosis),
            count(|statistics| statistics.zeros),
            count(|statistics| statistics.values - statistics.finite()),
            format!("{}{}", if approximate { "~" } else { "" }, count(|all| all.distinct)),
            self.law(),
        ]
    }

    /// The law of all, or how many they have.
    fn law(&self) -> String {
        let laws = self.laws();
        match laws[..] {
            [] => "-".to_owned(),
            // The law's own standard deviation beside the one that was found.
            [law] => law.replacen(", stddev ", " ", 1),
            _ => format!("{} laws", laws.len()),
        }
    }

    fn laws(&self) -> Vec<&str> {
        let mut laws: Vec<_> =
            self.tensors.iter().filter_map(|tensor| tensor.law.as_deref()).collect();
        laws.sort_unstable();
        laws.dedup();
        laws
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
