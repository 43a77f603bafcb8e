//! `varscale init`: carries out a plan.

use std::{borrow::Cow, path::PathBuf};

use comfy_table::CellAlignment;
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use varscale::{Seed, short};
use varscale_model::{
    ByteSize, CheckpointError, Error, Options, Plan, PlanSeed, Shard, Shards, Summary,
    dry_run_shards, shown, write_shards,
};

use crate::{
    output::{MODELS, Overwrite, Target},
    plan::{PLAN, SeedsOption, read_plan, subnormal},
    report::Report,
    seed::parse_seed,
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

    /// Write NAME-00001-of-000NN.safetensors and so on, of at most so many bytes of values each, and
    /// NAME.safetensors.index.json: a number of bytes, or one with a unit, as in 5GB (10^9) or 5GiB
    /// (2^30). What fits into one file is that file
    #[arg(long, value_name = "SIZE")]
    max_shard_size: Option<ByteSize>,

    #[command(flatten)]
    overwrite: Overwrite,

    /// Integer from -2^63 to 2^64 - 1, in place of the plan's [default: the plan's, or drawn]
    #[arg(long, value_name = "N", value_parser = parse_seed, allow_hyphen_values = true)]
    seed: Option<Seed>,

    #[command(flatten)]
    seeds: SeedsOption,

    #[command(flatten)]
    threads: Threads,

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
    let plan = read_plan(plan, seed.clone(), seeds)?;
    let shards = arguments.shards(&plan)?;

    // Draws nothing unless the standard error is a terminal.
    let draw_target = match report.is_quiet() {
        true => ProgressDrawTarget::hidden(),
        false => ProgressDrawTarget::stderr(),
    };
    let bar = ProgressBar::with_draw_target(Some(plan.bytes()), draw_target);
    let template = "{wide_bar} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    let mut progress = |done| bar.set_position(done);
    let options = Options { threads: (*threads).into(), ..Options::default() };
    let (all, flag) = (0..shards.len(), watch.flag());
    let result = match &target {
        Some(Target { output, .. }) => {
            let mut whole = 0;
            let mut finished = |_: &Shard<'_>| {
                whole += 1;
                if shards.len() > 1 {
                    watch.tell_whole(whole, shards.len());
                }
            };
            write_shards(&shards, all, output, options, flag, &mut progress, &mut finished)
        }
        None => dry_run_shards(&shards, all, options, flag, &mut progress),
    };
    bar.finish_and_clear();
    let summary = result.map_err(Error::from)?;
    report.tell_leftovers(&summary.leftovers);
    report.tell_stale(&summary.stale);
    // Told last: a closed pipe must not stop the work.
    report.tell(
        target.as_ref().is_some_and(Target::is_stdout),
        || text(&plan, &summary),
        || {
            let (seed, global_seed) = match plan.seed {
                PlanSeed::Given(seed) | PlanSeed::Drawn(seed) => (Some(Seed::from(seed)), None),
                PlanSeed::Global(seed) => (None, Some(seed)),
            };
            json!({
                "output": target.as_ref().and_then(Target::name),
                "shards": summary.shards,
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
                "seconds": summary.seconds,
                "removed": names(&summary.leftovers),
                "stale": names(&summary.stale),
            })
        },
    )
}

impl Arguments {
    /// The files to write.
    fn shards<'p>(&self, plan: &'p Plan) -> Result<Shards<'p>, Failure> {
        let name = self.output.as_ref().and_then(|path| path.file_name()).unwrap_or_default();
        let Some(limit) = self.max_shard_size else {
            return Ok(Shards::whole(plan).map_err(CheckpointError::from)?);
        };
        let name = name.to_str().ok_or_else(|| {
            let name = shown(&name.to_string_lossy()).into_owned();
            Failure::Input(format!(
                "invalid output \"{name}\": the names of shards stand in their index, and this is no UTF-8"
            ))
        })?;
        Ok(Shards::new(plan, name, limit).map_err(CheckpointError::from)?)
    }
}

fn names(paths: &[PathBuf]) -> Vec<Cow<'_, str>> {
    paths.iter().map(|path| path.to_string_lossy()).collect()
}

fn text(plan: &Plan, summary: &Summary) -> String {
    let files = match summary.shards {
        1 => String::new(),
        shards => format!("{} shards\n", HumanCount(shards as u64)),
    };
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
    let count = |count: usize, what| match count {
        0 => String::new(),
        count => format!("{} tensors {what}\n", HumanCount(count as u64)),
    };
    let skipped = count(plan.skipped.len(), "skipped") + &count(plan.ties.len(), "tied");
    let (seed, lost) = (plan.shown_seed(), subnormal(plan).collect::<String>());
    format!("seed {seed}\n{}\n{files}{skipped}{lost}", figures.trim_fmt())
}
