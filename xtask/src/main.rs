//! Tasks of the repository, as `cargo xtask TASK`.

mod adapters;
mod instructions;
mod layers;
mod packages;
mod report;
mod targets;
mod test;
mod unsafe_files;

use std::{path::Path, process::ExitCode};

use clap::{Parser, ValueEnum};

use self::report::Report;

/// Which frameworks are installed for the tests.
#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Frameworks {
    #[default]
    Light,
    All,
}

/// Tasks of the repository.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
enum Task {
    /// Check everything: lint, then every group of tests.
    Test {
        /// Leave out the slow group.
        #[arg(long)]
        fast: bool,
        /// What the Python package is tested with: a light set (NumPy, JAX, Keras on both), or all
        /// (TensorFlow, tf_keras and PyTorch, too: 8 GB).
        #[arg(long, value_enum, default_value_t)]
        frameworks: Frameworks,
        /// Only the core crate's tests on other CPUs (CONTRIBUTING.md names the packages needed).
        #[arg(long, conflicts_with_all = ["fast", "frameworks"])]
        targets: bool,
        /// Only the adapters to Rust frameworks.
        #[arg(long, conflicts_with_all = ["fast", "frameworks", "targets"])]
        adapters: bool,
    },
    /// Check format, lints, documentation, dependencies and where unsafe code is.
    Lint,
    /// Count the instructions that the kernels take, and compare with what is recorded.
    Instructions,
}

fn main() -> ExitCode {
    // Whatever the folder that cargo was called from.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask/ lies in the root");
    std::env::set_current_dir(root).expect("the repository is where xtask was built from");
    let mut report = Report::default();
    let outcome = match Task::parse() {
        Task::Test { targets: true, .. } => targets::test(&mut report),
        Task::Test { adapters: true, .. } => test::adapters(&mut report),
        Task::Test { fast, frameworks, .. } => test::test(&mut report, fast, frameworks),
        Task::Lint => test::lint(&mut report),
        Task::Instructions => test::instructions(&mut report),
    };
    println!("\n{report}");
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nxtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
