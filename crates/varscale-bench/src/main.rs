//! `varscale-bench`: measures the library, the memory that it writes to, and its peers.

mod arguments;
mod case;
mod distribution;
mod machine;
mod memory;
mod peer;
mod peers;
mod report;
mod runner;
mod samples;
mod size;
mod store;
mod tables;

use std::{
    env,
    process::ExitCode,
    time::{Duration, SystemTime},
};

use clap::Parser;
use indicatif::{ProgressBar, ProgressDrawTarget};
use serde_json::{Value as Json, json};
use varscale::instruction_set;
use varscale_cli::terminal::{Exit, Failure, Watch, note, note_leftovers, print, print_usage};
use varscale_model::Output;

use self::{arguments::Arguments, report::Report, runner::Runner};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            print_usage(&error);
            return if error.use_stderr() { Exit::Input } else { Exit::Done }.code().into();
        }
    };
    let watch = match Watch::start() {
        Ok(watch) => watch,
        Err(failure) => return failure.report().into(),
    };
    match run(&arguments, &watch) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report().into(),
    }
}

fn run(arguments: &Arguments, watch: &Watch) -> Result<(), Failure> {
    check_level()?;
    let selection = arguments.selection();
    let output = arguments.json.as_deref().map(Output::named);
    let output = output.map(|output| output.force(arguments.force));
    // Opened first: a record that cannot be written is known before all is measured.
    let sink = output.as_ref().map(|output| output.open(None)).transpose()?;
    if let Some(sink) = &sink
        && !arguments.quiet
    {
        note_leftovers(sink.leftovers());
    }
    let mut peers = peers::start(&arguments.peers(), &arguments.python)?;
    let cases = selection.cases(arguments.streams, &peers)?;
    check_memory(&cases)?;

    let date = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let length = (cases.len() * selection.repeats) as u64;
    let draw_target = match arguments.quiet {
        true => ProgressDrawTarget::hidden(),
        false => ProgressDrawTarget::stderr(),
    };
    let bar = ProgressBar::with_draw_target(Some(length), draw_target);
    let sample = Duration::from_micros(if arguments.quick { 200 } else { 5000 });
    let samples = Runner::new(&cases, &mut peers)?.run(
        &cases,
        selection.repeats,
        sample,
        watch.flag(),
        &bar,
    )?;
    bar.finish_and_clear();

    let report = Report { cases: &cases, samples: &samples, peers: &peers };
    if let Some(mut sink) = sink {
        let record = record(&report, &date, &selection, sample);
        let written = sink.write(format!("{record:#}\n").as_bytes());
        written.map_err(|error| sink.failed(error))?;
        sink.finish()?;
    }
    if arguments.quiet {
        return Ok(());
    }
    let level = instruction_set();
    let tables = format!("varscale-bench, {date}, {level}\n\n{}", tables::render(&report));
    match output {
        Some(output) if output.is_stdout() => note(&tables),
        _ => print(&tables)?,
    }
    Ok(())
}

fn record(
    report: &Report<'_>,
    date: &str,
    selection: &arguments::Selection,
    sample: Duration,
) -> Json {
    let mut record = json!({
        "date": date,
        "machine": machine::machine(),
        "versions": machine::versions(),
        "parameters": {
            "repeats": selection.repeats,
            "threads": selection.threads,
            "shortest_sample_seconds": sample.as_secs_f64(),
        },
    });
    if let (Json::Object(record), Json::Object(report)) = (&mut record, report.to_json()) {
        record.extend(report);
    }
    record
}

/// The library ignores a level that it cannot use; a measurement would then say the wrong thing.
fn check_level() -> Result<(), Failure> {
    match env::var_os("VARSCALE_LEVEL") {
        Some(asked) if asked != instruction_set() => Err(Failure::Input(format!(
            "invalid VARSCALE_LEVEL {asked:?}: it must be avx512, avx2 or baseline, and one that \
             this CPU has"
        ))),
        _ => Ok(()),
    }
}

/// The system would kill the process when it is too late.
fn check_memory(cases: &[case::Case]) -> Result<(), Failure> {
    let largest = cases.iter().map(|case| case.place.bytes).max().unwrap_or(0);
    // A prefaulted buffer for each size of pages, and a fresh one.
    let needed = largest.saturating_mul(3);
    match machine::memory() {
        Some(memory) if needed > memory => Err(Failure::Input(format!(
            "invalid --sizes: buffers of {largest} bytes need {needed} bytes of memory in all, and \
             this machine has {memory}"
        ))),
        _ => Ok(()),
    }
}
