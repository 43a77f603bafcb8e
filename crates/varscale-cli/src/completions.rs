//! `varscale completions`: what shells complete.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::terminal::{Failure, print};

/// Print a shell's completions of this command
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The shell
    shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  varscale completions bash > ~/.local/share/bash-completion/completions/varscale
  varscale completions zsh > ~/.zfunc/_varscale";

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut script = Vec::new();
    generate(arguments.shell, &mut crate::Arguments::command(), "varscale", &mut script);
    print(&String::from_utf8_lossy(&script))
}
