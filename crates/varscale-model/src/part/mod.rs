//! Parts: what one machine of many writes of a checkpoint in shards.

mod launcher;
#[cfg(test)]
mod tests;

use std::{fmt, ops::Range, str::FromStr};

/// The K-th of N parts, in which machines that never talk to each other write a checkpoint.
///
/// ```
/// use varscale_model::Part;
/// let part = Part::new(3, 16)?;
/// assert_eq!(part.to_string(), "3/16");
/// assert!(Part::new(17, 16).is_err());
/// # Ok::<(), varscale_model::PartError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    number: u64,
    count: u64,
}

impl Part {
    /// Everything, as the one part that there is.
    pub const WHOLE: Self = Self { number: 1, count: 1 };

    /// Part `number` of `count`, counted from 1.
    ///
    /// # Errors
    /// [`PartError::Invalid`] unless 1 <= `number` <= `count`.
    pub fn new(number: u64, count: u64) -> Result<Self, PartError> {
        match 1 <= number && number <= count {
            true => Ok(Self { number, count }),
            false => Err(PartError::Invalid { received: format!("{number}/{count}") }),
        }
    }

    /// Which part it is, counted from 1.
    #[must_use]
    pub fn number(self) -> u64 {
        self.number
    }

    /// How many parts there are.
    #[must_use]
    pub fn count(self) -> u64 {
        self.count
    }

    /// Which of the things of these sizes, in their order, are the part's.
    ///
    /// A part ends where K/N of all bytes end, at the nearest end of a thing, of two the first. As long
    /// as there are enough, each part has one of them; otherwise the first parts have one each.
    ///
    /// ```
    /// use varscale_model::Part;
    /// let runs = (1..=3).map(|k| Part::new(k, 3).unwrap().of(&[5, 5, 5, 5, 1]));
    /// assert!(runs.eq([0..1, 1..3, 3..5]));
    /// ```
    #[must_use]
    pub fn of(self, sizes: &[u64]) -> Range<usize> {
        let (all, number) = (sizes.len(), usize::try_from(self.number).unwrap_or(usize::MAX));
        let Some(count) = usize::try_from(self.count).ok().filter(|&count| count < all) else {
            return number.saturating_sub(1).min(all)..number.min(all);
        };
        let mut sums = vec![0u128];
        for &size in sizes {
            sums.push(sums[sums.len() - 1] + u128::from(size));
        }
        let (mut start, mut end) = (0, 0);
        for number in 1..=number {
            // Both sides are `count` times as large as they are meant.
            let goal = sums[all] * number as u128;
            let sum = |end: usize| sums[end] * count as u128;
            let above = sums.partition_point(|&sum| sum * (count as u128) < goal);
            let below = above.saturating_sub(1);
            let is_below_nearer = goal.saturating_sub(sum(below)) <= sum(above) - goal;
            let nearest = if is_below_nearer { below } else { above };
            let last = all - (count - number);
            start = end;
            end = if number == count { all } else { nearest.clamp(start + 1, last) };
        }
        start..end
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.count)
    }
}

/// How a part is asked for: by its numbers, or by what launched the process.
///
/// | text | the part |
/// | --- | --- |
/// | `3/16` | the third of 16 |
/// | `auto` | as the environment says |
/// | `auto/16` | the one of 16 that the environment says |
///
/// | launcher | which one | of how many |
/// | --- | --- | --- |
/// | an array of Slurm | `SLURM_ARRAY_TASK_ID`: under `auto/N` itself, counted from 1; under `auto` counted from `SLURM_ARRAY_TASK_MIN`, which is 0 or 1 | `SLURM_ARRAY_TASK_COUNT`, all that there are up to `SLURM_ARRAY_TASK_MAX` |
/// | a step of Slurm (`srun`) | `SLURM_PROCID`, counted from 0 | `SLURM_STEP_NUM_TASKS`, or else `SLURM_NTASKS` |
/// | an indexed Job of Kubernetes | `JOB_COMPLETION_INDEX`, counted from 0 | not told: `auto/N` |
/// | torchrun | `RANK`, counted from 0 | `WORLD_SIZE` |
///
/// One that launched a single process gives way to others, and several that say the same count as
/// one, unless one of them is an array: a step in each task of an array has a rank of its own there.
///
/// ```
/// use varscale_model::PartArgument;
/// let environment = |name: &str| match name {
///     "RANK" => Some("2".to_owned()),
///     "WORLD_SIZE" => Some("8".to_owned()),
///     _ => None,
/// };
/// let argument: PartArgument = "auto".parse()?;
/// assert_eq!(argument.resolve(environment)?.to_string(), "3/8");
/// assert!("auto/0".parse::<PartArgument>().is_err());
/// # Ok::<(), varscale_model::PartError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartArgument {
    /// By its numbers.
    Given(Part),
    /// By the environment; the number of parts where it was given.
    Auto(Option<u64>),
}

impl PartArgument {
    /// The part, where `environment` returns the value of the variable of a name.
    ///
    /// # Errors
    /// [`PartError`], where the environment tells of no part, of several, or of none that there is.
    pub fn resolve(self, environment: impl Fn(&str) -> Option<String>) -> Result<Part, PartError> {
        match self {
            Self::Given(part) => Ok(part),
            Self::Auto(count) => launcher::part(count, &environment),
        }
    }

    /// The part, by this process's environment.
    ///
    /// # Errors
    /// As [`Self::resolve`].
    pub fn resolve_here(self) -> Result<Part, PartError> {
        self.resolve(|name| {
            std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
        })
    }
}

impl FromStr for PartArgument {
    type Err = PartError;

    fn from_str(text: &str) -> Result<Self, PartError> {
        let invalid = || PartError::Invalid { received: text.to_owned() };
        let number = |text| integer(text).ok_or_else(invalid);
        match text.split_once('/') {
            None if text == AUTO => Ok(Self::Auto(None)),
            None => Err(invalid()),
            Some((AUTO, count)) => match number(count)? {
                0 => Err(invalid()),
                count => Ok(Self::Auto(Some(count))),
            },
            Some((part, count)) => {
                let part = Part::new(number(part)?, number(count)?);
                part.map(Self::Given).map_err(|_| invalid())
            }
        }
    }
}

const AUTO: &str = "auto";

/// Digits alone: no sign, no space.
fn integer(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Why there is no such part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PartError {
    /// No part at all.
    #[error(
        "invalid part {received:?}: it must be K/N with 1 <= K <= N, such as 3/16, or auto, or auto/N"
    )]
    Invalid {
        /// The text received.
        received: String,
    },
    /// A variable that holds something else than it should.
    #[error("part {asked}: invalid {variable} {value:?}: it must be {allowed}")]
    Variable {
        /// The part as it was asked for.
        asked: String,
        /// The variable's name.
        variable: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        allowed: String,
    },
    /// A launcher that says which part, and not of how many.
    #[error("part {asked}: {told} tells which, and not of how many: use auto/N, or K/N")]
    Count {
        /// The part as it was asked for.
        asked: String,
        /// The launcher, with its variables.
        told: String,
    },
    /// Another number of parts than of processes.
    #[error("part {asked}: {told} launched another number of processes: use auto, or K/N")]
    OtherCount {
        /// The part as it was asked for.
        asked: String,
        /// The launcher, with its variables.
        told: String,
    },
    /// An array that is not all of one that begins at 0 or 1.
    #[error(
        "part {asked}: the array's tasks ({told}) are not all from 0 or 1 on, as where some are run \
         again: use auto/N with the number of parts, of which a task then writes the one of its own \
         number, counted from 1"
    )]
    Gaps {
        /// The part as it was asked for.
        asked: String,
        /// The variables that tell so, with their values.
        told: String,
    },
    /// A batch script, which runs once, in a job of several tasks.
    #[error(
        "part {asked}: this is no task of a step, but the script of a job for several ({told}), and \
         runs once: launch it with srun, or use K/N"
    )]
    Script {
        /// The part as it was asked for.
        asked: String,
        /// The variables that tell so, with their values.
        told: String,
    },
    /// Two launchers that say different things.
    #[error("part {asked}: {first} and {second} each tell of a part: use K/N")]
    Ambiguous {
        /// The part as it was asked for.
        asked: String,
        /// One launcher, with its variables.
        first: String,
        /// The other one.
        second: String,
    },
    /// An environment without any launcher's variables.
    #[error("part {asked}: the environment tells of none ({looked_for}): use K/N")]
    NotLaunched {
        /// The part as it was asked for.
        asked: String,
        /// The variables that were looked for.
        looked_for: String,
    },
}
