//! The checks, one group after the other: the first that fails ends the task.

use std::process::Command;

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand};

use crate::{
    Frameworks,
    adapters::{self, ADAPTERS},
    instructions, layers, packages,
    report::{Report, cargo_command},
    unsafe_files,
};

/// Features of the core crate that stand on their own: each must build without the others.
const CORE_FEATURES: [&str; 5] = ["", "std", "parallel", "serde", "keras-streams"];

const SLOW: &str = "slow tests";

pub(crate) fn test(report: &mut Report, fast: bool, frameworks: Frameworks) -> Result<()> {
    lint(report)?;
    let others = adapters::others();
    report.cargo("tests", &format!("test {others} --all-features --no-fail-fast"))?;
    for (name, features) in [("tests without features", ""), ("tests without std", "serde")] {
        report.cargo(
            name,
            &format!(
                "test --package varscale --no-default-features --features={features} --lib --tests \
                 --no-fail-fast"
            ),
        )?;
    }
    let metadata = metadata()?;
    let published = packages::published(&metadata).map(|package| package.name.as_str());
    let published: Vec<_> = published.filter(|name| !fast || !ADAPTERS.contains(name)).collect();
    packages::check(report, &metadata, &published)?;
    let mut python = Command::new("python3");
    python.args(["tools/test_python.py", "jax"]);
    if frameworks == Frameworks::All {
        python.args(["tensorflow", "torch"]);
    } else {
        report.skip("Python package with TensorFlow and PyTorch", "asked for by --frameworks all");
    }
    report.command("Python package", &mut python)?;
    report.skip("other CPUs", "asked for by --targets");
    if fast {
        report.skip("adapters", "--fast");
        report.skip("instructions of the kernels", "--fast");
        report.skip(SLOW, "--fast");
        return Ok(());
    }
    adapters::test(report)?;
    instructions(report)?;
    // Not the documentation: an ignored example there is no slow test.
    report.cargo(
        SLOW,
        &format!("test {others} --all-features --lib --bins --tests --no-fail-fast -- --ignored"),
    )
}

pub(crate) fn adapters(report: &mut Report) -> Result<()> {
    adapters::test(report)?;
    packages::check(report, &metadata()?, &ADAPTERS)
}

pub(crate) fn lint(report: &mut Report) -> Result<()> {
    let others = adapters::others();
    report.cargo("format", "fmt --all --check")?;
    report
        .cargo("lints", &format!("clippy {others} --all-targets --all-features -- -D warnings"))?;
    for feature in CORE_FEATURES {
        report.cargo(
            &format!("lints of the core crate with features [{feature}]"),
            &format!(
                "clippy --package varscale --lib --no-default-features --features={feature} \
                 -- -D warnings"
            ),
        )?;
    }
    // Libraries only: the binary is called as the core crate is, and its pages would overwrite it.
    report.command(
        "documentation",
        cargo_command(&format!("doc {others} --lib --all-features --no-deps"))
            .env("RUSTDOCFLAGS", "-D warnings"),
    )?;

    dependencies(report)?;
    let metadata = metadata()?;
    report.group("layers of the core crate", || {
        layers::check(metadata.workspace_root.as_std_path())
    })?;
    report.group("unsafe code", || unsafe_files::check(&metadata))
}

/// What `deny.toml` says, by a tool that is installed first where it is missing.
fn dependencies(report: &mut Report) -> Result<()> {
    const DENY: &str = "target/tools/bin/cargo-deny";
    // Unoptimized: it is built in less than half the time, and has little to do.
    report.cargo(
        "cargo-deny",
        "install --quiet --debug --locked --root target/tools cargo-deny@0.20.2",
    )?;
    // An exception that is no longer needed would hide the next duplicate.
    let stale = ["--deny", "unmatched-skip", "--deny", "unnecessary-skip"];
    // The frameworks bring more than one version of much.
    let others = ADAPTERS.iter().flat_map(|name| ["--exclude", name]);
    report.command(
        "dependencies",
        Command::new(DENY).args(others).args(["check", "bans"]).args(stale),
    )?;
    report.command(
        "licences and sources",
        Command::new(DENY).args(["check", "licenses", "sources"]),
    )?;

    let advisories = "advisories of the dependencies";
    let fetched = Command::new(DENY).args(["fetch", "db"]).output()?;
    if fetched.status.success() {
        return report.command(advisories, Command::new(DENY).args(["check", "advisories"]));
    }
    let why = String::from_utf8_lossy(&fetched.stderr);
    println!("\n== {advisories}\n{}", why.trim());
    report.skip(advisories, "their database cannot be had");
    Ok(())
}

pub(crate) fn instructions(report: &mut Report) -> Result<()> {
    report.group("instructions of the kernels", instructions::check)
}

fn metadata() -> Result<Metadata> {
    MetadataCommand::new().exec().context("cargo metadata failed")
}
