//! `varscale missing`: which parts of a checkpoint are still to be written.

use std::{
    num::NonZeroU64,
    path::{Path, PathBuf},
};

use serde_json::json;
use varscale::Seed;
use varscale_model::{Error, Found, Output, Part, Plan, Shards, no_whole_name, shown};

use crate::{
    output::{MODELS, Overwrite, Target},
    plan::{PLAN, SeedsOption, read_source},
    seed::parse_seed,
    shards::{Limit, plan_of_found},
    terminal::{Failure, note, print},
};

/// Print which parts of a checkpoint are missing, as Slurm takes them: 3,7-9
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, mut_arg("max_shard_size", |limit| limit.help(LIMIT)))]
pub(crate) struct Arguments {
    #[arg(help = PLAN)]
    plan: PathBuf,

    /// File as init got it by --output: the shards and the index are beside it
    output: PathBuf,

    #[command(flatten)]
    limit: Limit,

    /// Print the numbers K for which init --part K/N has something to write [default: each shard is a part]
    #[arg(long, value_name = "N")]
    parts: Option<NonZeroU64>,

    /// Integer from -2^63 to 2^64 - 1, in place of the plan's [default: the plan's, or else that of what
    /// is there]
    #[arg(long, value_name = "N", value_parser = parse_seed, allow_hyphen_values = true)]
    seed: Option<Seed>,

    #[command(flatten)]
    seeds: SeedsOption,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const LIMIT: &str = "\
    The limit that init got, by which the shards are counted [default: told by the shards that are there]";

const EXAMPLES: &str = "\
A file of another length or header is missing, too, and named; values are not read. Without \
--max-shard-size, what is there must tell it.

Examples:
  varscale missing plan.toml llama/model.safetensors --max-shard-size 2GB --parts 16
  sbatch --array=$(varscale missing plan.toml llama/model.safetensors --parts 16) job.sh";

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { plan, output, limit, seed, seeds, .. } = arguments;
    let file = whole(output)?;
    let source = read_source(plan, seeds)?;
    let stated = |plan: &Plan| Ok(shards_of(plan, *limit, output, &file)?.stated_seed(&file));
    let plan = plan_of_found(&source, seed.clone(), stated, Some("nothing can be compared"))?;
    let shards = shards_of(&plan, *limit, output, &file)?;
    let count = arguments.parts.map_or(shards.len() as u64, NonZeroU64::get);
    let found = Found::look(&shards, &shards.part(Part::WHOLE), &file).map_err(Error::from)?;
    for fault in &found.faults {
        note(&format!("{fault}\n"));
    }
    let missing = found.parts_left(&shards, count);
    if arguments.json {
        let wrong: Vec<_> = found.faults.iter().map(|fault| {
            json!({ "file": fault.path.to_string_lossy(), "difference": fault.difference })
        }).collect();
        return print(&format!(
            "{}\n",
            json!({ "parts": count, "missing": missing, "wrong": wrong })
        ));
    }
    if missing.is_empty() { Ok(()) } else { print(&format!("{}\n", ranges(&missing))) }
}

/// Those of the limit, or else of what is there.
fn shards_of<'p>(
    plan: &'p Plan,
    limit: Limit,
    output: &Path,
    file: &Output,
) -> Result<Shards<'p>, Failure> {
    match limit.is_given() {
        true => limit.shards(plan, Some(output)),
        false => Ok(Shards::found(plan, file).map_err(Error::from)?),
    }
}

/// The file that `init` got; not the folder, the index or a shard that it made of it.
fn whole(output: &Path) -> Result<Output, Failure> {
    let refused = |found: &str| {
        let output = shown(&output.to_string_lossy()).into_owned();
        Failure::Input(format!(
            "invalid output \"{output}\": {found}: name the file that init got by --output"
        ))
    };
    if let Some(found) = no_whole_name(output) {
        return Err(refused(&found));
    }
    let target = Target::new(output, MODELS, Overwrite::default())
        .map_err(|_| refused("it is no .safetensors file"))?;
    if target.output.is_stream() { Err(refused("it is no file")) } else { Ok(target.output) }
}

/// Rising numbers, as Slurm takes them.
fn ranges(numbers: &[u64]) -> String {
    let runs = numbers.chunk_by(|&one, &next| one + 1 == next);
    let shown = runs.map(|run| match run {
        [first, .., last] => format!("{first}-{last}"),
        run => run.iter().map(u64::to_string).collect(),
    });
    shown.collect::<Vec<_>>().join(",")
}
