//! `varscale inspect`: says what a checkpoint's values are.

mod table;

use std::{io::Write, path::PathBuf};

use varscale_model::{Basis, Checkpoint, InspectError, Plan, Selection, inspect};

use crate::{
    report::Report,
    terminal::{Failure, Printer, Watch},
    threads::Threads,
};

/// Inspect a checkpoint of any library: what its values are, and what is wrong with them
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Checkpoint: a .safetensors file, an index of some (.safetensors.index.json), or a folder with
    /// either
    checkpoint: PathBuf,

    /// Plan whose laws the values are judged by, as of init [default: the recipe in the checkpoint's
    /// metadata, or else what is usual]
    plan: Option<PathBuf>,

    /// Only tensors whose names it matches, as a plan's rules match them; may be given several times
    #[arg(long = "match", value_name = "GLOB")]
    globs: Vec<String>,

    /// Show each layer's tensors on their own
    #[arg(long)]
    all: bool,

    /// Show all columns, however wide the table is
    #[arg(long)]
    wide: bool,

    /// End with code 1 where there are findings
    #[arg(long)]
    strict: bool,

    #[command(flatten)]
    threads: Threads,

    #[command(flatten)]
    report: Report,
}

const EXAMPLES: &str = "\
Examples:
  varscale inspect model.safetensors
  varscale inspect gpt2.safetensors examples/gpt2.toml --strict
  varscale inspect checkpoints/llama --match '*.mlp.*' --all
  varscale inspect model.safetensors --json | jq '.findings[].text'";

pub(crate) fn run(arguments: &Arguments, watch: &Watch) -> Result<(), Failure> {
    let Arguments { checkpoint: path, plan, globs, all, wide, strict, threads, report } = arguments;
    let selection = Selection::new(globs)?;
    let checkpoint = Checkpoint::open(path)?;
    let basis = match plan {
        Some(plan) => Basis::plan(Plan::read(plan, None)?),
        None => Basis::recipe(path, &checkpoint),
    };
    let bar = report.progress_bar(0);
    let mut progress = |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    };
    let result =
        inspect(&checkpoint, &basis, &selection, (*threads).into(), watch.flag(), &mut progress);
    bar.finish_and_clear();
    let inspection = result?;

    let mut out = Printer::new();
    let printed = match report {
        report if report.is_quiet() => Ok(()),
        report if report.is_json() => serde_json::to_writer(&mut out, &inspection)
            .map_err(Into::into)
            .and_then(|()| writeln!(out)),
        _ => table::write(&inspection, *all, *wide, &mut out),
    };
    printed.and_then(|()| out.flush()).map_err(|error| Failure::stdout(&error))?;
    match *strict && !inspection.findings.is_empty() {
        true => Err(Failure::Differs),
        false => Ok(()),
    }
}

impl From<InspectError> for Failure {
    fn from(error: InspectError) -> Self {
        match error {
            InspectError::Interrupted => Self::Interrupted,
            InspectError::File(error) => (*error).into(),
            _ if error.is_input() => Self::Input(error.to_string()),
            _ => Self::System(error.to_string()),
        }
    }
}
