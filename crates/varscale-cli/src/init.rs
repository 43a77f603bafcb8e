//! `varscale init`: carries out a plan.

use std::path::PathBuf;

use comfy_table::CellAlignment;
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use varscale::{Seed, short};
use varscale_model::{Error, Options, Plan, PlanSeed, Summary, dry_run, write};

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
  varscale init examples/llama-3-8b.toml --dry-run";

pub(crate) fn run(arguments: &Arguments, watch: &Watch) -> Result<(), Failure> {
    let Arguments { plan, output, overwrite, seed, seeds, threads, dry_run: dry, report } =
        arguments;
    let output = output.as_ref().filter(|_| !dry);
    let target = output.map(|path| Target::new(path, MODELS, *overwrite)).transpose()?;
    let plan = read_plan(plan, seed.clone(), seeds)?;

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
    let result = match &target {
        Some(target) => write(&plan, &target.output, options, watch.flag(), &mut progress),
        None => dry_run(&plan, options, watch.flag(), &mut progress),
    };
    bar.finish_and_clear();
    let summary = result.map_err(Error::from)?;
    report.tell_leftovers(&summary.leftovers);
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
                "removed": summary.leftovers.iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>(),
            })
        },
    )
}

fn text(plan: &Plan, summary: &Summary) -> String {
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
    format!("seed {seed}\n{}\n{skipped}{lost}", figures.trim_fmt())
}
