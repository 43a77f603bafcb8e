//! `varscale init`: carries out a plan.

use std::path::PathBuf;

use comfy_table::CellAlignment;
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use varscale::{Seed, short};
use varscale_model::{Error, Format, Options, Plan, Summary, dry_run, write};

use crate::{
    seed::parse_seed,
    terminal::{Failure, interrupt_flag, print, table},
    threads::Threads,
};

/// Initialize a whole model: write the checkpoint that a plan describes
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Plan: a TOML file that names a spec (JSON of names, dtypes and shapes, or a .safetensors
    /// file) and holds the rules
    plan: PathBuf,

    /// File to write, which ends in .safetensors: it has its name only once it is whole
    #[arg(short, long, value_name = "FILE", required_unless_present = "dry_run")]
    output: Option<PathBuf>,

    /// Integer from -2^63 to 2^64 - 1, in place of the plan's [default: the plan's, or drawn]
    #[arg(long, value_name = "N", value_parser = parse_seed, allow_hyphen_values = true)]
    seed: Option<Seed>,

    #[command(flatten)]
    threads: Threads,

    /// Draw everything and write nothing
    #[arg(long)]
    dry_run: bool,
}

const EXAMPLES: &str = "\
Examples:
  varscale init examples/gpt2.toml -o gpt2.safetensors
  varscale init examples/llama-3-8b.toml --dry-run";

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let output = arguments.output.as_ref().filter(|_| !arguments.dry_run);
    if let Some(output) = output
        && Format::of(output).is_none_or(|format| format.extension != Format::SAFETENSORS.extension)
    {
        return Err(Failure::Input(format!(
            "invalid output {:?}: use a file name that ends in .safetensors",
            output.display()
        )));
    }
    let plan = Plan::read(&arguments.plan, arguments.seed.clone())?;

    let interrupted = interrupt_flag()?;
    // Draws nothing unless the standard error is a terminal.
    let bar = ProgressBar::with_draw_target(Some(plan.bytes()), ProgressDrawTarget::stderr());
    let template = "{wide_bar} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    let mut progress = |done| bar.set_position(done);
    let options = Options { threads: arguments.threads.into(), ..Options::default() };
    let result = match output {
        Some(output) => write(&plan, output, options, &interrupted, &mut progress),
        None => dry_run(&plan, options, &interrupted, &mut progress),
    };
    bar.finish_and_clear();
    // Told last: a closed pipe must not stop the work.
    report(&plan, &result.map_err(Error::from)?)
}

fn report(plan: &Plan, summary: &Summary) -> Result<(), Failure> {
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
    print(&format!("seed {}\n{}\n", plan.seed, figures.trim_fmt()))
}
