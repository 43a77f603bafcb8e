//! `varscale init`: carries out a plan.

use std::{borrow::Cow, path::PathBuf};

use comfy_table::CellAlignment;
use indicatif::HumanCount;
use serde_json::json;
use varscale::{Seed, short};
use varscale_model::{
    ByteSize, CheckpointError, Error, Options, OutputError, Part, Plan, PlanSeed, Shard, Summary,
    dry_run_shards, resume_shards, write_shards,
};

use crate::{
    output::{MODELS, Overwrite, Target},
    plan::{PLAN, SeedsOption, read_source, subnormal},
    report::Report,
    seed::parse_seed,
    shards::{Limit, PartOption, plan_of_found, without_seed},
    terminal::{Failure, Watch, table},
    threads::Threads,
};

/// Initialize a whole model: write the checkpoint that a plan describes
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[arg(help = PLAN)]
    plan: PathBuf,

    /// File to write, which ends in .safetensors: it has its name only once it is whole; - is the
    /// standard output
    #[arg(short, long, value_name = "FILE", required_unless_present = "dry_run")]
    output: Option<PathBuf>,

    #[command(flatten)]
    limit: Limit,

    #[command(flatten)]
    part: PartOption,

    /// Keep what is there and right, of which header and values are compared, and write what is missing.
    /// What is wrong is refused, and with --force replaced. A plan without a seed takes the one that it
    /// finds
    #[arg(long, conflicts_with = "dry_run")]
    resume: bool,

    #[command(flatten)]
    overwrite: Overwrite,

    /// Integer from -2^63 to 2^64 - 1, in place of the plan's [default: the plan's, or drawn]
    #[arg(long, value_name = "N", value_parser = parse_seed, allow_hyphen_values = true)]
    seed: Option<Seed>,

    #[command(flatten)]
    seeds: SeedsOption,

    #[command(flatten)]
    threads: Threads,

    /// Most that the buffers of all threads may take, such as 2GB: values go through them, whatever the
    /// model's size [default: 3 for each of at most 2 files at once, of 1 MiB per processor, 2 to 8 MiB each]
    #[arg(long, value_name = "SIZE")]
    memory: Option<ByteSize>,

    /// Write beside each file another one, NAME.sha256, with its SHA-256 and that of each tensor, which
    /// sha256sum -c takes
    #[arg(long)]
    digests: bool,

    /// Draw everything and write nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    report: Report,
}

const EXAMPLES: &str = "\
Examples:
  varscale init examples/gpt2.toml -o gpt2.safetensors
  varscale init examples/llama-3-8b.toml -o llama/model.safetensors --max-shard-size 2GB
  varscale init examples/llama-3-8b.toml --dry-run";

pub(crate) fn run(arguments: &Arguments, watch: &Watch) -> Result<(), Failure> {
    let Arguments { plan, seed, seeds, threads, report, .. } = arguments;
    let output = arguments.output.as_ref().filter(|_| !arguments.dry_run);
    let target = output.map(|path| Target::new(path, MODELS, arguments.overwrite)).transpose()?;
    let source = read_source(plan, seeds)?;
    let part = arguments.part.resolve()?;
    let why = part.is_some().then_some("parts do not make one checkpoint");
    let plan = match &target {
        Some(Target { output, .. }) if arguments.resume => {
            if output.is_stream() {
                return Err(Failure::Input(
                    "--resume: the output is no file, so nothing of it is there".to_owned(),
                ));
            }
            let stated = |plan: &Plan| {
                let shards = arguments.limit.shards(plan, arguments.output.as_deref());
                Ok(shards?.stated_seed(output))
            };
            plan_of_found(&source, seed.clone(), stated, why)?
        }
        _ => {
            let plan = source.plan(seed.clone()).map_err(Error::from)?;
            match (plan.seed, why) {
                (PlanSeed::Drawn(_), Some(why)) => return Err(without_seed(why)),
                _ => plan,
            }
        }
    };
    drop(source);
    let shards = arguments.limit.shards(&plan, arguments.output.as_deref())?;
    let all = shards.part(part.unwrap_or(Part::WHOLE));

    let bytes = all.shards.iter().filter_map(|&place| shards.get(place)).map(|shard| shard.bytes());
    let bar = report.progress_bar(bytes.sum());
    let mut progress = |done| bar.set_position(done);
    let options =
        Options { threads: (*threads).into(), digests: arguments.digests, ..Options::default() };
    let options = match arguments.memory {
        Some(memory) => options.within(memory).map_err(CheckpointError::Values)?,
        None => options,
    };
    let flag = watch.flag();
    let result = match &target {
        Some(Target { output, .. }) => {
            let mut whole = 0;
            let mut finished = |_: &Shard<'_>| {
                whole += 1;
                if shards.len() > 1 {
                    watch.tell_whole(whole, all.shards.len());
                }
            };
            let write = if arguments.resume { resume_shards } else { write_shards };
            write(&shards, &all, output, options, flag, &mut progress, &mut finished)
        }
        None => dry_run_shards(&shards, &all, options, flag, &mut progress),
    };
    bar.finish_and_clear();
    let summary = result.map_err(|error| match error {
        CheckpointError::Output(error @ OutputError::Exists { .. }) if !arguments.resume => {
            Failure::Input(format!("{error} (--force); --resume keeps it where it is right"))
        }
        error => Error::from(error).into(),
    })?;
    report.tell_leftovers(&summary.leftovers);
    report.tell_stale(&summary.stale);
    // Told last: a closed pipe must not stop the work.
    report.tell(
        target.as_ref().is_some_and(Target::is_stdout),
        || {
            let done = if arguments.dry_run { "drawn" } else { "written" };
            text(&plan, &files(part, shards.len(), &summary, done), &summary)
        },
        || {
            let (seed, global_seed) = match plan.seed {
                PlanSeed::Given(seed) | PlanSeed::Drawn(seed) => (Some(Seed::from(seed)), None),
                PlanSeed::Global(seed) => (None, Some(seed)),
            };
            json!({
                "output": target.as_ref().and_then(Target::name),
                "part": part.map(|part| part.to_string()),
                "shards": summary.shards,
                "kept": summary.kept,
                "stream": plan.stream.id(),
                "seed": seed,
                "seeds": plan.seeds,
                "global_seed": global_seed,
                "tensors": summary.tensors,
                "parameters": summary.parameters,
                "skipped": plan.skipped.len(),
                "tied": plan.ties.len(),
                "bytes": summary.bytes,
                "subnormal": plan.tensors.iter()
                    .filter(|planned| planned.is_subnormal())
                    .map(|planned| &planned.name)
                    .collect::<Vec<_>>(),
                "memory": summary.memory,
                "seconds": summary.seconds,
                "removed": names(&summary.leftovers),
                "stale": names(&summary.stale),
            })
        },
    )
}

fn count(number: usize) -> HumanCount {
    HumanCount(number as u64)
}

fn names(paths: &[PathBuf]) -> Vec<Cow<'_, str>> {
    paths.iter().map(|path| path.to_string_lossy()).collect()
}

/// What became of the files; nothing of a single one.
fn files(part: Option<Part>, all: usize, summary: &Summary, done: &str) -> String {
    let part = part.map(|part| format!("part {part} of {} shards: ", count(all)));
    let kept = (summary.kept > 0).then(|| format!("{} kept, ", count(summary.kept)));
    match (summary.shards, &part, &kept) {
        (1, None, None) => String::new(),
        (0, Some(part), None) => format!("{part}nothing to do\n"),
        (shards, None, None) => format!("{} shards\n", count(shards)),
        (shards, ..) => {
            let (part, kept) = (part.unwrap_or_default(), kept.unwrap_or_default());
            format!("{part}{kept}{} {done}\n", count(shards))
        }
    }
}

fn text(plan: &Plan, files: &str, summary: &Summary) -> String {
    let mut figures = table(&["tensors", "parameters", "bytes", "time", "values/s"]);
    figures.add_row([
        HumanCount(summary.tensors as u64).to_string(),
        HumanCount(summary.parameters).to_string(),
        HumanCount(summary.bytes).to_string(),
        format!("{} s", short(summary.seconds, 3)),
        HumanCount((summary.parameters as f64 / summary.seconds) as u64).to_string(),
    ]);
    for column in figures.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let left_out = |tensors: usize, what| match tensors {
        0 => String::new(),
        tensors => format!("{} tensors {what}\n", count(tensors)),
    };
    let skipped = left_out(plan.skipped.len(), "skipped") + &left_out(plan.ties.len(), "tied");
    let (seed, lost) = (plan.shown_seed(), subnormal(plan).collect::<String>());
    format!("seed {seed}\n{}\n{files}{skipped}{lost}", figures.trim_fmt())
}
