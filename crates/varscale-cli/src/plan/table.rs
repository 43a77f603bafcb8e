//! A plan as a table.

use std::io::{self, Write};

use indicatif::HumanCount;
use varscale::{Content, Explanation, Initializer, Law, Layout, Pattern, Region, Role, short};
use varscale_model::{Plan, PlannedRegion, PlannedTensor, SpecTensor, shown};

use super::is_drawn;
use crate::terminal::write_table;

const HEADER: [&str; 10] = [
    "name",
    "shape",
    "initializer",
    "layout",
    "axes",
    "fan_in",
    "fan_out",
    "stddev or limit",
    "seed",
    "dtype",
];

/// Row by row: a table of them all would take much memory.
pub(super) fn write(plan: &Plan, out: &mut impl Write) -> io::Result<()> {
    write_table(out, &HEADER, || rows(plan))?;
    let seed = match is_drawn(plan) {
        true => "none yet: init draws one, and --seed N names one".to_owned(),
        false => plan.shown_seed(),
    };
    writeln!(
        out,
        "\n{} tensors{}{}, {} parameters, {} bytes, stream {}, seed {seed}",
        HumanCount(plan.tensors.len() as u64),
        counted(plan.skipped.len(), "skipped"),
        counted(plan.ties.len(), "tied"),
        HumanCount(plan.parameters()),
        HumanCount(plan.bytes()),
        plan.stream.id(),
    )?;
    if !plan.included.is_empty() {
        writeln!(out, "includes {}", plan.included.join(", "))?;
    }
    let mut chosen: Vec<(_, u64)> = Vec::new();
    for planned in &plan.tensors {
        let Some(because) = planned.layout_reason() else { continue };
        let choice = (planned.layout(), because);
        match chosen.iter_mut().find(|known| known.0 == choice) {
            Some((_, count)) => *count += 1,
            None => chosen.push((choice, 1)),
        }
    }
    for ((layout, because), count) in chosen {
        let (count, all) = (HumanCount(count), HumanCount(plan.tensors.len() as u64));
        writeln!(out, "layout {layout} by auto, {count} of {all} tensors: {because}")?;
    }
    for constant in &plan.unread {
        writeln!(out, "constant {constant} is read by no expression")?;
    }
    for planned in &plan.tensors {
        if let Some(note) = planned.note() {
            writeln!(out, "{}: {note}", shown(&planned.name))?;
        }
    }
    subnormal(plan).try_for_each(|line| out.write_all(line.as_bytes()))
}

fn rows(plan: &Plan) -> impl Iterator<Item = [String; 10]> + '_ {
    let skipped = plan.skipped.iter().map(|tensor| left_out(tensor, "skipped".to_owned()));
    let tied =
        plan.ties.iter().map(|tie| left_out(&tie.tensor, format!("tied to {}", shown(&tie.to))));
    plan.tensors.iter().flat_map(|planned| of_tensor(plan, planned)).chain(skipped).chain(tied)
}

/// The row of a tensor, and one of each of its regions.
fn of_tensor(plan: &Plan, planned: &PlannedTensor) -> Vec<[String; 10]> {
    let known = |initializer: &Initializer, of_plan| {
        let seed = initializer.seed().filter(|_| !(is_drawn(plan) && of_plan));
        seed.map_or_else(|| "-".to_owned(), |seed| seed.value().to_string())
    };
    let seed = known(&planned.initializer(), planned.seed_of_plan);
    let (name, dtype) = (planned.name.to_string(), planned.dtype().to_string());
    let mut rows = vec![row(name, planned.draw.explanation(), planned.layout(), seed, dtype)];
    rows.extend(planned.regions().map(|region| {
        let of_plan = planned.seed_of_plan && !region.has_own_seed;
        let seed = known(&region.initializer, of_plan);
        let PlannedRegion { region, layout, .. } = region;
        let name = format!("  {}", place(region, planned.shape()));
        row(name, region.explanation(), layout, seed, String::new())
    }));
    rows
}

/// A line for each tensor of which little is left in its dtype.
pub(crate) fn subnormal(plan: &Plan) -> impl Iterator<Item = String> + '_ {
    let line = |planned: &PlannedTensor| {
        let (name, dtype) = (shown(&planned.name), planned.dtype());
        format!("{name}: most values are subnormal in {dtype}, and lose bits\n")
    };
    plan.tensors.iter().filter(|planned| planned.is_subnormal()).map(line)
}

/// How many more there are, if any.
fn counted(count: usize, what: &str) -> String {
    match count {
        0 => String::new(),
        count => format!(" ({} {what})", HumanCount(count as u64)),
    }
}

/// The row of a tensor that is not stored.
fn left_out(tensor: &SpecTensor, why: String) -> [String; 10] {
    let mut row = [const { String::new() }; 10];
    row.fill("-".to_owned());
    row[0] = tensor.name.to_string();
    row[1] = sizes(&tensor.shape);
    row[2] = why;
    row[9] = tensor.dtype.to_string();
    row
}

pub(super) fn sizes(shape: &[usize]) -> String {
    let sizes: Vec<_> = shape.iter().map(ToString::to_string).collect();
    format!("({})", sizes.join(", "))
}

/// How the layout reads each axis.
fn roles(roles: &[Role]) -> String {
    let names: Vec<_> = roles.iter().map(ToString::to_string).collect();
    names.join(", ")
}

/// Where a region lies.
pub(super) fn place(region: &Region, whole: &[usize]) -> String {
    let axes = region.offset.iter().zip(region.shape()).zip(whole);
    let axes: Vec<_> = axes
        .map(|((first, size), whole)| match size == whole {
            true => ":".to_owned(),
            false => format!("{first}:{}", first + size),
        })
        .collect();
    format!("[{}]", axes.join(", "))
}

fn row(
    name: String,
    explanation: &Explanation,
    layout: &Layout,
    seed: String,
    dtype: String,
) -> [String; 10] {
    let none = || "-".to_owned();
    let fans = explanation.scaling.as_ref().map(|scaling| &scaling.fans);
    [
        name,
        sizes(&explanation.shape),
        explanation.initializer.to_owned(),
        layout.to_string(),
        fans.map_or_else(none, |fans| roles(&fans.roles)),
        fans.map_or_else(none, |fans| fans.fan_in.to_string()),
        fans.map_or_else(none, |fans| fans.fan_out.to_string()),
        spread(&explanation.content),
        seed,
        dtype,
    ]
}

/// The one or two numbers that values are known by.
fn spread(content: &Content) -> String {
    let number = |value| short(value, 6);
    match content {
        Content::Pattern(Pattern::Constant { value }) => format!("value {}", number(*value)),
        Content::Pattern(Pattern::Identity { gain }) => format!("diagonal {}", number(*gain)),
        Content::Pattern(pattern) => pattern.to_string(),
        Content::Formula(formula) => formula.to_string(),
        Content::Orthogonal(matrix) => format!("gain {}", number(matrix.gain)),
        Content::Random(Law::Uniform { low, high }) if *low == -high => {
            format!("limit {}", number(*high))
        }
        Content::Random(Law::LogUniform { low, high }) => {
            format!("log-uniform from {} to {}", number(*low), number(*high))
        }
        Content::Random(Law::Uniform { low, high }) => {
            format!("from {} to {}", number(*low), number(*high))
        }
        Content::Random(law) => {
            let (mean, stddev) = (law.mean(), number(law.stddev()));
            if mean == 0.0 {
                format!("stddev {stddev}")
            } else {
                format!("mean {}, stddev {stddev}", number(mean))
            }
        }
    }
}
