//! The command `varscale`, as a function: what the program and the Python package run.

mod completions;
mod histogram;
mod init;
mod inspect;
mod man;
mod missing;
mod output;
mod plan;
mod report;
mod sample;
mod seed;
mod shards;
mod statistics;
// For `varscale-bench`, and no part of what is promised.
#[doc(hidden)]
pub mod terminal;
mod threads;
mod verify;

use std::ffi::OsString;

use clap::{Parser, Subcommand};

use self::terminal::{EXIT_CODES, Exit, Failure, Watch, print_usage};

/// Weight initialization at memory speed, the same on every machine.
///
/// A value depends on (stream, seed, tensor name, call, index in the global shape, law, dtype) and on
/// nothing else.
#[derive(Parser)]
#[command(name = "varscale", version, about, max_term_width = 100, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Sample(Box<sample::Arguments>),
    Init(init::Arguments),
    Plan(plan::Arguments),
    Inspect(inspect::Arguments),
    Verify(verify::Arguments),
    Missing(missing::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

/// Runs the command with these arguments, the program's own name first, and returns the exit code
/// of the process: 0, 1 where the machine did not do its part or a checkpoint differs, 2 for wrong input, and 128 + n after
/// signal n, which it watches for while it runs.
///
/// ```
/// assert_eq!(varscale_cli::run(["varscale", "sample", "--shape", "2,2", "--seed", "1"]), 0);
/// assert_eq!(varscale_cli::run(["varscale", "--no-such-option"]), 2);
/// ```
pub fn run(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> u8 {
    if Vec::<u8>::new().try_reserve_exact(MEMORY).is_err() {
        return Failure::Memory.report();
    }
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are such errors, too.
            print_usage(&error);
            return if error.use_stderr() { Exit::Input } else { Exit::Done }.code();
        }
    };
    // As long as anything may have to wait for a reader, the report included.
    let watch = match Watch::start() {
        Ok(watch) => watch,
        Err(failure) => return failure.report(),
    };
    match carry_out(arguments.command, &watch) {
        Ok(()) => Exit::Done.code(),
        Err(failure) => failure.report(),
    }
}

/// What every command may take without a thought: an allocation that fails ends the process at once.
const MEMORY: usize = 8 << 20;

fn carry_out(command: Command, watch: &Watch) -> Result<(), Failure> {
    match command {
        Command::Sample(arguments) => sample::run(&arguments, watch),
        Command::Init(arguments) => init::run(&arguments, watch),
        Command::Plan(arguments) => plan::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments, watch),
        Command::Verify(arguments) => verify::run(&arguments, watch),
        Command::Missing(arguments) => missing::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
    }
}
