//! The adapters: crates that bring varscale to a framework of Rust's. A framework takes longer to
//! build than everything else here, so they are built apart, and `--workspace` leaves them out.

use std::process::Command;

use anyhow::Result;

use crate::report::{Report, cargo_command, run};

/// Each has an example `digits`, which fails where it does not learn.
pub(crate) const ADAPTERS: [&str; 3] = ["varscale-burn", "varscale-candle", "varscale-ndarray"];

/// All of the workspace but the adapters, as cargo's arguments.
pub(crate) fn others() -> String {
    ADAPTERS.iter().fold("--workspace".to_owned(), |all, name| format!("{all} --exclude {name}"))
}

pub(crate) fn test(report: &mut Report) -> Result<()> {
    for name in ADAPTERS {
        report.group(&format!("{name}: lints"), || {
            run(&mut cargo(name, "clippy --all-targets --all-features", "-- -D warnings"))
        })?;
        report.group(&format!("{name}: documentation"), || {
            run(cargo(name, "doc --lib --all-features --no-deps", "")
                .env("RUSTDOCFLAGS", "-D warnings"))
        })?;
        report.group(&format!("{name}: tests"), || {
            run(&mut cargo(name, "test --all-features --no-fail-fast", ""))
        })?;
        report.group(&format!("{name}: a network learns"), || {
            run(&mut cargo(name, "run --all-features --example digits", ""))
        })?;
    }
    Ok(())
}

/// A call of cargo for one adapter.
fn cargo(name: &str, arguments: &str, rest: &str) -> Command {
    cargo_command(&format!("{arguments} --package {name} {rest}"))
}
