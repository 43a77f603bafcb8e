//! `varscale`: weight initialization at memory speed, the same on every machine.

use std::process::ExitCode;

fn main() -> ExitCode {
    varscale_cli::run(std::env::args_os()).into()
}
