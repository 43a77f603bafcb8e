//! What a task ran, what it left out, and how long each group took.

use std::{
    fmt,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

/// The groups of a task, in the order in which they ran. Shown, it is a table of them.
#[derive(Default)]
pub(crate) struct Report {
    groups: Vec<(String, Outcome)>,
}

enum Outcome {
    Passed(Duration, String),
    Failed(Duration),
    Skipped(String),
}

impl Report {
    /// Runs a group.
    pub(crate) fn group(&mut self, name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
        self.counted(name, || work().map(|()| String::new()))
    }

    /// Runs a group that says what it counted.
    pub(crate) fn counted(
        &mut self,
        name: &str,
        work: impl FnOnce() -> Result<String>,
    ) -> Result<()> {
        println!("\n== {name}");
        let start = Instant::now();
        let result = work();
        let time = start.elapsed();
        let (outcome, result) = match result {
            Ok(counts) => (Outcome::Passed(time, counts), Ok(())),
            Err(error) => (Outcome::Failed(time), Err(error)),
        };
        self.groups.push((name.to_owned(), outcome));
        result
    }

    /// Says that a group is not run, and why.
    pub(crate) fn skip(&mut self, name: &str, why: impl Into<String>) {
        self.groups.push((name.to_owned(), Outcome::Skipped(why.into())));
    }

    /// A group that is one command.
    pub(crate) fn command(&mut self, name: &str, command: &mut Command) -> Result<()> {
        self.group(name, || run(command))
    }

    /// A group that is one call of cargo.
    pub(crate) fn cargo(&mut self, name: &str, arguments: &str) -> Result<()> {
        self.command(name, &mut cargo_command(arguments))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, outcome) in &self.groups {
            match outcome {
                Outcome::Passed(time, counts) => {
                    let colon = if counts.is_empty() { "" } else { ": " };
                    writeln!(f, "passed  {:6.1} s  {name}{colon}{counts}", time.as_secs_f64())
                }
                Outcome::Failed(time) => {
                    writeln!(f, "FAILED  {:6.1} s  {name}", time.as_secs_f64())
                }
                Outcome::Skipped(why) => writeln!(f, "skipped {:8}  {name}: {why}", ""),
            }?;
        }
        Ok(())
    }
}

/// A call of the cargo that runs this task.
pub(crate) fn cargo_command(arguments: &str) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments.split_whitespace());
    command
}

pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(status.success(), "{command:?} failed ({status})");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_ran_what_failed_and_what_did_not() {
        let mut report = Report::default();
        report.group("one", || Ok(())).unwrap();
        report.skip("two", "no network");
        report.counted("four", || Ok("7 passed".to_owned())).unwrap();
        report.group("three", || anyhow::bail!("a fault")).unwrap_err();
        let text = report.to_string();
        let lines: Vec<_> = text.lines().map(|line| line.split_whitespace().next()).collect();
        assert_eq!(lines, [Some("passed"), Some("skipped"), Some("passed"), Some("FAILED")]);
        assert!(text.contains("two: no network") && text.contains("four: 7 passed"));
    }
}
