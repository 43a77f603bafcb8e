//! The exit codes of the programs.

/// How a program ended, as the process's exit code.
///
/// | code | meaning |
/// | --- | --- |
/// | 0 | all was done, or whoever read the standard output had seen enough |
/// | 1 | the machine did not do its part: disk, memory, threads; of `verify`, the checkpoint differs; of `inspect --strict`, it has findings |
/// | 2 | the input is wrong: arguments, plan, spec, or an output that is not to be overwritten |
/// | 128 + n | stopped by signal n: 129 hangup, 130 Ctrl-C, 143 request to terminate |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All was done.
    Done,
    /// A checkpoint is not what it should be.
    Differs,
    /// The machine did not do its part.
    System,
    /// The input is wrong.
    Input,
    /// Stopped by the signal of this number.
    Signal(u8),
}

impl Exit {
    /// The process's exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Differs | Self::System => 1,
            Self::Input => 2,
            Self::Signal(number) => 128 + number,
        }
    }
}

/// The table, for the help.
pub const EXIT_CODES: &str = "\
Exit codes:
  0        all was done, or whoever read the standard output had seen enough
  1        the machine did not do its part: disk, memory, threads; verify: the checkpoint
           differs; inspect --strict: it has findings
  2        the input is wrong: arguments, plan, spec, or an output that is not to be overwritten
  128 + n  stopped by signal n: 129 hangup, 130 Ctrl-C, 143 request to terminate";
