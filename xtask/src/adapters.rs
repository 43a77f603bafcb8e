//! The adapters: crates that bring varscale to a framework of Rust's. A framework takes longer to
//! build than everything else here, so they are built apart, and `--workspace` leaves them out.

use anyhow::Result;

use crate::report::{Report, cargo_command};

/// Each has an example `digits`, which as a test fails where it does not learn.
pub(crate) const ADAPTERS: [&str; 3] = ["varscale-burn", "varscale-candle", "varscale-ndarray"];

/// All of the workspace but the adapters, as cargo's arguments.
pub(crate) fn others() -> String {
    ADAPTERS.iter().fold("--workspace".to_owned(), |all, name| format!("{all} --exclude {name}"))
}

/// All in one call: in calls of their own, what they share would be built for each, with the features
/// that this one asks for.
pub(crate) fn test(report: &mut Report) -> Result<()> {
    let all = ADAPTERS.map(|name| format!("--package {name}")).join(" ") + " --all-features";
    report.cargo("adapters: lints", &format!("clippy {all} --all-targets -- -D warnings"))?;
    report.command(
        "adapters: documentation",
        cargo_command(&format!("doc {all} --lib --no-deps")).env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    // Without the examples that are no tests: those of one name would overwrite each other.
    report.cargo("adapters: tests", &format!("test {all} --lib --tests --no-fail-fast"))?;
    report
        .cargo("adapters: tests of the documentation", &format!("test {all} --doc --no-fail-fast"))
}
