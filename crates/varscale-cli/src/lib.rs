//! The command `varscale`, as a function: what the program and the Python package run.

mod histogram;
mod init;
mod output;
mod plan;
mod sample;
mod seed;
mod statistics;
// For `varscale-bench`, and no part of what is promised.
#[doc(hidden)]
pub mod terminal;
mod threads;

use std::ffi::OsString;

use clap::{Parser, Subcommand};

/// Weight initialization at memory speed, the same on every machine.
///
/// A value depends on (stream, seed, tensor name, call, index in the global shape, law, dtype) and on
/// nothing else.
#[derive(Parser)]
#[command(name = "varscale", version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Sample(Box<sample::Arguments>),
    Init(init::Arguments),
    Plan(plan::Arguments),
}

/// Runs the command with these arguments, the program's own name first, and returns the exit code
/// of the process: 0, 1 where the machine did not do its part, 2 for wrong input, 130 after Ctrl-C
/// (which it watches for from then on).
///
/// ```
/// assert_eq!(varscale_cli::run(["varscale", "sample", "--shape", "2,2", "--seed", "1"]), 0);
/// assert_eq!(varscale_cli::run(["varscale", "--no-such-option"]), 2);
/// ```
pub fn run(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> u8 {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are such errors, too. A closed pipe is none.
            let _ = error.print();
            return error.exit_code() as u8;
        }
    };
    let result = match arguments.command {
        Command::Sample(arguments) => sample::run(&arguments),
        Command::Init(arguments) => init::run(&arguments),
        Command::Plan(arguments) => plan::run(&arguments),
    };
    result.map_or_else(|failure| failure.report(), |()| 0)
}
