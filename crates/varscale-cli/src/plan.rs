//! `varscale plan`: shows a plan, resolved for every tensor.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use indicatif::HumanCount;
use serde_json::Value as Json;
use varscale::{
    Content, Explanation, Initializer, Law, Layout, Pattern, Region, Role, Seed, short,
};
use varscale_model::{
    Error, Plan, PlanFile, PlanSeed, PlannedRegion, PlannedTensor, Seeds, SpecTensor, shown,
};

use crate::{
    output::{is_dash, stdin_path},
    report::Report,
    seed::parse_seed,
    terminal::{Failure, print, table},
};

/// What a plan may be, for the help.
pub(crate) const PLAN: &str = "\
    Plan: a TOML file that holds rules and names a spec (a .safetensors file, an index of some, a \
    folder with either, or JSON of names, dtypes and shapes); - is the standard input, whose spec is \
    relative to this folder. Or a checkpoint of init, by its .safetensors: the plan that it was \
    written from";

/// Show a plan: what every tensor of a model would be initialized with
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[arg(help = PLAN)]
    plan: PathBuf,

    /// Integer from -2^63 to 2^64 - 1, in place of the plan's [default: the plan's, or none yet]
    #[arg(long, value_name = "N", value_parser = parse_seed, allow_hyphen_values = true)]
    seed: Option<Seed>,

    #[command(flatten)]
    seeds: SeedsOption,

    #[command(flatten)]
    report: Report,
}

/// How tensors that share a seed are told apart.
#[derive(clap::Args)]
pub(crate) struct SeedsOption {
    /// What becomes of a seed that several tensors share, under a framework's stream, which knows no
    /// names: by-name makes each its own, same draws them alike [default: the plan's, or by-name
    /// where the seed is drawn]
    #[arg(long, value_name = "HOW", value_parser = parse_seeds())]
    seeds: Option<Seeds>,
}

fn parse_seeds() -> impl TypedValueParser<Value = Seeds> {
    let find = |name: &str| Seeds::ALL.iter().copied().find(|seeds| seeds.name() == name);
    PossibleValuesParser::new(Seeds::ALL.iter().map(|seeds| seeds.name()))
        .try_map(move |name| find(&name).ok_or("no such choice"))
}

const EXAMPLES: &str = "\
Examples:
  varscale plan examples/gpt2.toml
  varscale plan examples/gpt2.toml --json | jq .totals";

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let plan = read_plan(&arguments.plan, arguments.seed.clone(), &arguments.seeds)?;
    match arguments.report {
        report if report.is_quiet() => Ok(()),
        report if report.is_json() => print(&format!("{:#}\n", json(&plan))),
        _ => print(&text(&plan)),
    }
}

/// The plan of a file, or of the standard input, whose spec is relative to the current folder.
pub(crate) fn read_plan(
    path: &Path,
    seed: Option<Seed>,
    option: &SeedsOption,
) -> Result<Plan, Failure> {
    if !is_dash(path) {
        return Ok(Plan::read_with(path, seed, option.seeds)?);
    }
    let path = || PathBuf::from("the standard input");
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).map_err(|source| Error::Read { path: path(), source })?;
    let mut file =
        PlanFile::from_toml(&text).map_err(|source| Error::PlanFile { path: path(), source })?;
    file.seeds = option.seeds.or(file.seeds);
    let mut plan = Plan::of(&file, Path::new(""), seed)?;
    plan.inputs.push(stdin_path());
    Ok(plan)
}

/// A seed that was drawn to make the plan is none that `init` would draw.
fn is_drawn(plan: &Plan) -> bool {
    matches!(plan.seed, PlanSeed::Drawn(_))
}

fn json(plan: &Plan) -> Json {
    let mut json = plan.to_json();
    if is_drawn(plan) {
        json["seed"] = Json::Null;
        for (index, planned) in
            plan.tensors.iter().enumerate().filter(|(_, planned)| planned.seed_of_plan)
        {
            let forget = |of: &mut Json| {
                if !of["seed"].is_null() {
                    of["seed"] = Json::Null;
                    of["initializer"]["config"]["seed"] = Json::Null;
                }
            };
            let tensor = &mut json["tensors"][index];
            forget(tensor);
            for (at, region) in planned.regions().enumerate() {
                if !region.has_own_seed {
                    forget(&mut tensor["regions"][at]);
                }
            }
        }
    }
    json
}

fn text(plan: &Plan) -> String {
    let mut rows = table(&[
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
    ]);
    for planned in &plan.tensors {
        let known = |seed: &Initializer, of_plan| {
            let seed = seed.seed().filter(|_| !(is_drawn(plan) && of_plan));
            seed.map_or_else(|| "-".to_owned(), |seed| seed.value().to_string())
        };
        let seed = known(&planned.initializer(), planned.seed_of_plan);
        let dtype = planned.dtype().to_string();
        rows.add_row(row(
            shown(&planned.name).into(),
            planned.draw.explanation(),
            planned.layout(),
            seed,
            dtype,
        ));
        for region in planned.regions() {
            let of_plan = planned.seed_of_plan && !region.has_own_seed;
            let seed = known(&region.initializer, of_plan);
            let PlannedRegion { region, layout, .. } = region;
            rows.add_row(row(
                place(region, planned.shape()),
                region.explanation(),
                layout,
                seed,
                String::new(),
            ));
        }
    }
    for tensor in &plan.skipped {
        rows.add_row(left_out(tensor, "skipped".to_owned()));
    }
    for tie in &plan.ties {
        rows.add_row(left_out(&tie.tensor, format!("tied to {}", shown(&tie.to))));
    }
    let seed = match is_drawn(plan) {
        true => "none yet: init draws one, and --seed N names one".to_owned(),
        false => plan.shown_seed(),
    };
    format!(
        "{}\n\n{} tensors{}{}, {} parameters, {} bytes, stream {}, seed {}\n{}{}",
        rows.trim_fmt(),
        HumanCount(plan.tensors.len() as u64),
        counted(plan.skipped.len(), "skipped"),
        counted(plan.ties.len(), "tied"),
        HumanCount(plan.parameters()),
        HumanCount(plan.bytes()),
        plan.stream.id(),
        seed,
        match &plan.included[..] {
            [] => String::new(),
            included => format!("includes {}\n", included.join(", ")),
        },
        subnormal(plan),
    )
}

/// A line for each tensor of which little is left in its dtype.
pub(crate) fn subnormal(plan: &Plan) -> String {
    let line = |planned: &PlannedTensor| {
        let (name, dtype) = (shown(&planned.name), planned.dtype());
        format!("{name}: most values are subnormal in {dtype}, and lose bits\n")
    };
    plan.tensors.iter().filter(|planned| planned.is_subnormal()).map(line).collect()
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
    row[0] = shown(&tensor.name).into_owned();
    row[1] = sizes(&tensor.shape);
    row[2] = why;
    row[9] = shown(&tensor.dtype).into_owned();
    row
}

fn sizes(shape: &[usize]) -> String {
    let sizes: Vec<_> = shape.iter().map(ToString::to_string).collect();
    format!("({})", sizes.join(", "))
}

/// How the layout reads each axis.
fn roles(roles: &[Role]) -> String {
    let names: Vec<_> = roles.iter().map(ToString::to_string).collect();
    names.join(", ")
}

/// Where a region lies, under its tensor's name.
fn place(region: &Region, whole: &[usize]) -> String {
    let axes = region.offset.iter().zip(region.shape()).zip(whole);
    let axes: Vec<_> = axes
        .map(|((first, size), whole)| match size == whole {
            true => ":".to_owned(),
            false => format!("{first}:{}", first + size),
        })
        .collect();
    format!("  [{}]", axes.join(", "))
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
