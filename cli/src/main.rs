//! `varscale`: weight initialization at memory speed, the same on every machine.

mod bench;
mod failure;
mod histogram;
mod init;
mod interrupt;
mod output;
mod plan;
mod sample;
mod seed;
mod short;
mod statistics;
mod stdout;

use std::{
    io::{Write, stderr},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

/// Weight initialization at memory speed, the same on every machine.
///
/// A value depends on the stream, the seed, the tensor's name, its index in the global shape, the
/// scale and the dtype, and on nothing else.
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
    Bench(Box<bench::Arguments>),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Sample(arguments) => sample::run(&arguments),
        Command::Init(arguments) => init::run(&arguments),
        Command::Plan(arguments) => plan::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
    };
    let Err(failure) = result else { return ExitCode::SUCCESS };
    if let Some(message) = failure.message() {
        // `eprintln!` panics where the standard error is closed; the exit code still tells.
        let _ = writeln!(stderr(), "error: {message}");
    }
    failure.exit_code()
}
