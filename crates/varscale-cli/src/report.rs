//! What a command tells when it is done: text for people, one JSON object, or nothing.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value as Json;

use crate::terminal::{Failure, note, note_leftovers, note_stale, print};

/// How the report is told.
#[derive(Clone, Copy, clap::Args)]
pub(crate) struct Report {
    /// Print nothing but errors
    #[arg(short, long, conflicts_with = "json")]
    quiet: bool,

    /// Print the report as one JSON object
    #[arg(long)]
    json: bool,
}

impl Report {
    pub(crate) fn is_quiet(self) -> bool {
        self.quiet
    }

    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Of so many bytes; it draws nothing unless the standard error is a terminal.
    pub(crate) fn progress_bar(self, bytes: u64) -> ProgressBar {
        let target = match self.quiet {
            true => ProgressDrawTarget::hidden(),
            false => ProgressDrawTarget::stderr(),
        };
        let bar = ProgressBar::with_draw_target(Some(bytes), target);
        let template =
            "{wide_bar} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar
    }

    /// Tells it, on the standard error where the standard output holds `values`.
    pub(crate) fn tell(
        self,
        values: bool,
        text: impl FnOnce() -> String,
        json: impl FnOnce() -> Json,
    ) -> Result<(), Failure> {
        let report = match self {
            Self { quiet: true, .. } => return Ok(()),
            Self { json: true, .. } => format!("{}\n", json()),
            _ => text(),
        };
        if values {
            note(&report);
            return Ok(());
        }
        print(&report)
    }

    pub(crate) fn tell_stale(self, stale: &[std::path::PathBuf]) {
        if !self.quiet {
            note_stale(stale);
        }
    }

    pub(crate) fn tell_leftovers(self, leftovers: &[std::path::PathBuf]) {
        if !self.quiet {
            note_leftovers(leftovers);
        }
    }
}
