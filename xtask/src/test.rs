//! The checks, one after the other: the first that fails ends the task.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use cargo_metadata::{Metadata, MetadataCommand};

use crate::{Frameworks, instructions, unsafe_files};

/// Features of the core crate that stand on their own: each must build without the others.
const CORE_FEATURES: [&str; 5] = ["", "std", "parallel", "serde", "keras-streams"];

pub(crate) fn test(fast: bool, frameworks: Frameworks) -> Result<()> {
    lint()?;
    cargo("tests", "test --workspace --all-features --no-fail-fast")?;
    cargo(
        "tests without features",
        "test --package varscale --no-default-features --lib --tests --no-fail-fast",
    )?;
    let mut python = Command::new("python3");
    python.args(["tools/test_python.py", "jax"]);
    if frameworks == Frameworks::All {
        python.args(["tensorflow", "torch"]);
    }
    run("Python package", &mut python)?;
    if fast {
        return Ok(());
    }
    instructions()?;
    // Not the documentation: an ignored example there is no slow test.
    cargo(
        "slow tests",
        "test --workspace --all-features --lib --bins --tests --no-fail-fast -- --ignored",
    )
}

pub(crate) fn lint() -> Result<()> {
    cargo("format", "fmt --all --check")?;
    cargo("lints", "clippy --workspace --all-targets --all-features -- -D warnings")?;
    for feature in CORE_FEATURES {
        cargo(
            &format!("lints of the core crate with features [{feature}]"),
            &format!(
                "clippy --package varscale --lib --no-default-features --features={feature} \
                 -- -D warnings"
            ),
        )?;
    }
    // Libraries only: the binary is called as the core crate is, and its pages would overwrite it.
    run(
        "documentation",
        cargo_command("doc --workspace --lib --all-features --no-deps")
            .env("RUSTDOCFLAGS", "-D warnings"),
    )?;

    dependencies()?;
    heading("unsafe code");
    unsafe_files::check(&metadata()?)
}

/// What `deny.toml` says, by a tool that is installed first where it is missing.
fn dependencies() -> Result<()> {
    const DENY: &str = "target/tools/bin/cargo-deny";
    // Unoptimized: it is built in less than half the time, and has little to do.
    cargo("cargo-deny", "install --quiet --debug --locked --root target/tools cargo-deny@0.20.2")?;
    // An exception that is no longer needed would hide the next duplicate.
    let stale = ["--deny", "unmatched-skip", "--deny", "unnecessary-skip"];
    let what = ["bans", "licenses", "sources"];
    run("dependencies", Command::new(DENY).arg("check").args(stale).args(what))?;

    heading("advisories");
    let fetched = Command::new(DENY).args(["fetch", "db"]).output()?;
    if !fetched.status.success() {
        let why = String::from_utf8_lossy(&fetched.stderr);
        println!("SKIPPED: their database cannot be had\n{}", why.trim());
        return Ok(());
    }
    run("advisories of the dependencies", Command::new(DENY).args(["check", "advisories"]))
}

pub(crate) fn instructions() -> Result<()> {
    heading("instructions of the kernels");
    instructions::check()
}

fn metadata() -> Result<Metadata> {
    MetadataCommand::new().exec().context("cargo metadata failed")
}

fn heading(name: &str) {
    println!("\n== {name}");
}

fn cargo(name: &str, arguments: &str) -> Result<()> {
    run(name, &mut cargo_command(arguments))
}

pub(crate) fn cargo_command(arguments: &str) -> Command {
    // Set by cargo: the one that runs this task.
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments.split_whitespace());
    command
}

fn run(name: &str, command: &mut Command) -> Result<()> {
    heading(name);
    let status = command.status().with_context(|| format!("{name}: cannot run {command:?}"))?;
    ensure!(status.success(), "{name} failed ({status}): {command:?}");
    Ok(())
}
