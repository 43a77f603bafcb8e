//! `varscale plan`: shows a plan, resolved for every tensor.

mod explanation;
mod table;

use std::{
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::Serialize;
use varscale::Seed;
use varscale_model::{Error, Plan, PlanFile, PlanSeed, Seeds, Source};

pub(crate) use self::table::subnormal;
use crate::{
    output::{is_dash, stdin_path},
    report::Report,
    seed::parse_seed,
    terminal::{Failure, Printer},
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

    /// Show how the plan comes to what it says of this tensor: the rules, their expressions with values,
    /// fans, law, bounds, seed and regions
    #[arg(long, value_name = "NAME")]
    explain: Option<String>,

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

impl SeedsOption {
    pub(crate) fn seeds(&self) -> Option<Seeds> {
        self.seeds
    }
}

fn parse_seeds() -> impl TypedValueParser<Value = Seeds> {
    let find = |name: &str| Seeds::ALL.iter().copied().find(|seeds| seeds.name() == name);
    PossibleValuesParser::new(Seeds::ALL.iter().map(|seeds| seeds.name()))
        .try_map(move |name| find(&name).ok_or("no such choice"))
}

const EXAMPLES: &str = "\
Examples:
  varscale plan examples/gpt2.toml
  varscale plan examples/gpt2.toml --explain transformer.h.3.mlp.c_proj.weight
  varscale plan examples/gpt2.toml --json | jq .totals";

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let source = read_source(&arguments.plan, &arguments.seeds)?;
    let plan = source.plan(arguments.seed.clone()).map_err(Error::from)?;
    let mut out = Printer::new();
    let printed = match (&arguments.explain, arguments.report) {
        (Some(name), report) => {
            let derivation = source.explain(&plan, name).map_err(Error::from)?;
            match report {
                report if report.is_quiet() => Ok(()),
                report if report.is_json() => json(&derivation.to_json(&plan), &mut out),
                _ => explanation::write(&plan, &derivation, &mut out),
            }
        }
        (None, report) => {
            // It may be large, and is of no more use.
            drop(source);
            match report {
                report if report.is_quiet() => Ok(()),
                report if report.is_json() => json(&plan.without_drawn_seed(), &mut out),
                _ => table::write(&plan, &mut out),
            }
        }
    };
    printed.and_then(|()| out.flush()).map_err(|error| Failure::stdout(&error))
}

fn json(value: &impl Serialize, out: &mut Printer) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}

/// The plan of a file, or of the standard input, whose spec is relative to the current folder.
pub(crate) fn read_plan(
    path: &Path,
    seed: Option<Seed>,
    option: &SeedsOption,
) -> Result<Plan, Failure> {
    let plan = read_source(path, option)?.plan(seed);
    Ok(plan.map_err(Error::from)?)
}

pub(crate) fn read_source(path: &Path, option: &SeedsOption) -> Result<Source, Failure> {
    if !is_dash(path) {
        return Ok(Source::read(path, option.seeds)?);
    }
    let path = || PathBuf::from("the standard input");
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).map_err(|source| Error::Read { path: path(), source })?;
    let mut file =
        PlanFile::from_toml(&text).map_err(|source| Error::PlanFile { path: path(), source })?;
    file.seeds = option.seeds.or(file.seeds);
    Ok(Source::of(&file, Path::new(""))?.with_input(stdin_path()))
}

/// A seed that was drawn to make the plan is none that `init` would draw.
fn is_drawn(plan: &Plan) -> bool {
    matches!(plan.seed, PlanSeed::Drawn(_))
}
