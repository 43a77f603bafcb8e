//! Launchers: what the environment says of which process of how many this one is.
//!
//! Sources: `sbatch(1)`, `srun(1)` and `src/common/env.c` of Slurm; Kubernetes's page on Jobs; torch's
//! page on torchrun.

use std::iter;

use super::{AUTO, Part, PartError, integer};

/// A launcher that counts its processes from 0.
struct Ranked {
    name: &'static str,
    rank: &'static str,
    /// How many there are: the first of these that is set.
    counts: &'static [&'static str],
}

const STEP: Ranked = Ranked {
    name: "a step of Slurm",
    rank: "SLURM_PROCID",
    // The second is the job's under `srun --preserve-env`.
    counts: &["SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"],
};
const JOB: Ranked =
    Ranked { name: "a Job of Kubernetes", rank: "JOB_COMPLETION_INDEX", counts: &[] };
const TORCHRUN: Ranked = Ranked { name: "torchrun", rank: "RANK", counts: &["WORLD_SIZE"] };

const ARRAY_TASK: &str = "SLURM_ARRAY_TASK_ID";
const ARRAY_ENDS: [&str; 3] =
    ["SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX", "SLURM_ARRAY_TASK_COUNT"];

type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The part that the environment tells of; `count` is how many there are, where that was given.
pub(super) fn part(count: Option<u64>, environment: Environment<'_>) -> Result<Part, PartError> {
    let asked = Asked { count, environment };
    let array = asked.array()?;
    let (in_array, is_array) = (array.is_some(), array.as_ref().is_some_and(|one| !one.is_alone));
    let mut launched: Vec<_> = array.into_iter().collect();
    for ranked in [&STEP, &JOB, &TORCHRUN] {
        launched.extend(asked.ranked(ranked, in_array)?);
    }
    // One process alone decides only where nothing else does.
    let mut deciding = launched.iter().filter(|one| !one.is_alone);
    let Some(first) = deciding.next().or(launched.first()) else {
        return Err(asked.not_launched());
    };
    // A step in each task of an array has ranks of its own there, even where they are the same.
    if let Some(second) = deciding.find(|other| is_array || first.place != other.place) {
        return Err(PartError::Ambiguous {
            asked: asked.text(),
            first: first.told.clone(),
            second: second.told.clone(),
        });
    }
    asked.of(first)
}

/// What a launcher says.
struct Launched {
    /// Which one, counted from 1, of how many.
    place: (u64, Option<u64>),
    is_alone: bool,
    /// The launcher and its variables, for messages.
    told: String,
}

struct Asked<'a> {
    count: Option<u64>,
    environment: Environment<'a>,
}

impl Asked<'_> {
    /// As it was asked for.
    fn text(&self) -> String {
        self.count.map_or(AUTO.to_owned(), |count| format!("{AUTO}/{count}"))
    }

    fn is_set(&self, variable: &str) -> bool {
        (self.environment)(variable).is_some()
    }

    /// The integer in a variable, if it is set.
    fn integer(&self, variable: &'static str) -> Result<Option<u64>, PartError> {
        let Some(value) = (self.environment)(variable) else { return Ok(None) };
        match integer(&value) {
            Some(number) => Ok(Some(number)),
            None => Err(self.refused(variable, value, "an integer from 0 on".to_owned())),
        }
    }

    fn refused(&self, variable: &'static str, value: String, allowed: String) -> PartError {
        PartError::Variable { asked: self.text(), variable, value, allowed }
    }

    /// The variables that are set, with their values.
    fn told(&self, variables: impl IntoIterator<Item = &'static str>) -> String {
        let told = variables
            .into_iter()
            .filter_map(|name| (self.environment)(name).map(|value| format!("{name}={value}")));
        told.collect::<Vec<_>>().join(", ")
    }

    fn not_launched(&self) -> PartError {
        let variables = [ARRAY_TASK, STEP.rank, JOB.rank, TORCHRUN.rank];
        PartError::NotLaunched { asked: self.text(), looked_for: variables.join(", ") }
    }

    /// A task of an array of Slurm.
    fn array(&self) -> Result<Option<Launched>, PartError> {
        let Some(task) = self.integer(ARRAY_TASK)? else { return Ok(None) };
        if let Some(count) = self.count {
            let told = format!("an array of Slurm ({})", self.told([ARRAY_TASK]));
            if Part::new(task, count).is_err() {
                let allowed = format!("from 1 to {count}: a task's number is its part's");
                return Err(self.refused(ARRAY_TASK, task.to_string(), allowed));
            }
            return Ok(Some(Launched { place: (task, Some(count)), is_alone: false, told }));
        }
        let mut ends = [0; 3];
        for (end, variable) in ends.iter_mut().zip(ARRAY_ENDS) {
            let told = || format!("an array of Slurm ({})", self.told([ARRAY_TASK]));
            let unknown = || PartError::Count { asked: self.text(), told: told() };
            *end = self.integer(variable)?.ok_or_else(unknown)?;
        }
        let [first, last, count] = ends;
        let told = self.told(iter::once(ARRAY_TASK).chain(ARRAY_ENDS));
        let is_whole = first <= 1 && last.checked_sub(first) == count.checked_sub(1);
        if !is_whole || !(first..=last).contains(&task) {
            return Err(PartError::Gaps { asked: self.text(), told });
        }
        let place = (task - first + 1, Some(count));
        let told = format!("an array of Slurm ({told})");
        Ok(Some(Launched { place, is_alone: count == 1, told }))
    }

    /// A process of a launcher that counts from 0.
    fn ranked(&self, ranked: &Ranked, in_array: bool) -> Result<Option<Launched>, PartError> {
        let Some(rank) = self.integer(ranked.rank)? else { return Ok(None) };
        let counted_by = ranked.counts.iter().copied().find(|name| self.is_set(name));
        let mut count = counted_by.map_or(Ok(None), |name| self.integer(name))?;
        let told = self.told(iter::once(ranked.rank).chain(counted_by));
        if ranked.rank == STEP.rank && self.is_script() {
            // It runs once, in each task of an array as well, however many tasks srun would launch.
            if count.is_some_and(|count| count > 1) && !in_array {
                return Err(PartError::Script { asked: self.text(), told });
            }
            count = Some(1);
        }
        let is_alone = count == Some(1);
        let count = count.or(self.count);
        if let Some(count) = count.filter(|&count| rank >= count) {
            let allowed = format!("less than {count}, the number of processes");
            return Err(self.refused(ranked.rank, rank.to_string(), allowed));
        }
        let told = format!("{} ({told})", ranked.name);
        Ok(Some(Launched { place: (rank.saturating_add(1), count), is_alone, told }))
    }

    /// The part of what decides.
    fn of(&self, launched: &Launched) -> Result<Part, PartError> {
        let (asked, told) = (self.text(), launched.told.clone());
        match (launched.place, self.count) {
            ((_, Some(count)), Some(given)) if count != given => {
                Err(PartError::OtherCount { asked, told })
            }
            ((number, Some(count)), _) => Part::new(number, count),
            ((_, None), _) => Err(PartError::Count { asked, told }),
        }
    }

    /// Whether this is a job's own script, and no task that srun launched.
    fn is_script(&self) -> bool {
        self.is_set("SLURM_JOB_ID") && !self.is_set("SLURM_STEP_ID") && !self.is_set(STEP.counts[0])
    }
}
