//! `varscale man`: manual pages.

use std::io;

use clap::CommandFactory;
use clap_mangen::Man;

use crate::terminal::{Failure, print};

/// Print a manual page, in the format of man
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A command, such as init [default: varscale itself]
    command: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  varscale man > ~/.local/share/man/man1/varscale.1
  varscale man init > ~/.local/share/man/man1/varscale-init.1";

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut whole = crate::Arguments::command();
    whole.build();
    let command = match &arguments.command {
        None => whole,
        Some(name) => {
            let found = whole.find_subcommand(name).cloned();
            let names = || whole.get_subcommands().map(clap::Command::get_name).collect::<Vec<_>>();
            found.ok_or_else(|| {
                Failure::Input(format!(
                    "invalid command {name:?}: use one of {}",
                    names().join(", ")
                ))
            })?
        }
    };
    let mut page = Vec::new();
    let rendered = Man::new(command).render(&mut page);
    rendered.map_err(|error: io::Error| Failure::System(error.to_string()))?;
    print(&String::from_utf8_lossy(&page))
}
