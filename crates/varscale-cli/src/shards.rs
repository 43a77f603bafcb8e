//! The options of how a checkpoint is cut into files, and which of them a machine writes.

use std::path::{Path, PathBuf};

use varscale::Seed;
use varscale_model::{
    ByteSize, CheckpointError, Error, Part, PartArgument, Plan, PlanSeed, Shards, Source, shown,
};

use crate::terminal::{Failure, note};

/// How a checkpoint is cut into files.
#[derive(Clone, Copy, clap::Args)]
pub(crate) struct Limit {
    /// Write shards, NAME-00001-of-000NN.safetensors and so on, of at most so many bytes of values each,
    /// and their index, NAME.safetensors.index.json: a number of bytes, or one with a unit, as in 5GB
    /// (5*10^9) or 5GiB (5*2^30). A larger tensor has a shard for itself; what fits into one file is that
    /// file
    #[arg(long, value_name = "SIZE")]
    max_shard_size: Option<ByteSize>,
}

impl Limit {
    pub(crate) fn is_given(self) -> bool {
        self.max_shard_size.is_some()
    }

    /// The files in place of the one that `output` names.
    pub(crate) fn shards<'p>(
        self,
        plan: &'p Plan,
        output: Option<&Path>,
    ) -> Result<Shards<'p>, Failure> {
        let name = output.and_then(Path::file_name).unwrap_or_default();
        let Some(limit) = self.max_shard_size else {
            return Ok(Shards::whole(plan).map_err(CheckpointError::from)?);
        };
        let name = name.to_str().ok_or_else(|| {
            let name = shown(&name.to_string_lossy()).into_owned();
            Failure::Input(format!(
                "invalid output \"{name}\": the names of shards stand in their index, and this is no UTF-8"
            ))
        })?;
        Ok(Shards::new(plan, name, limit).map_err(CheckpointError::from)?)
    }
}

/// Which of them a machine writes.
#[derive(Clone, Copy, clap::Args)]
pub(crate) struct PartOption {
    /// Write part K of N alone: a run of the shards of --max-shard-size, and with part 1 the index. auto
    /// takes both from what launched this: an array of Slurm, srun or torchrun; auto/N takes K alone, which
    /// is all that an indexed Job of Kubernetes tells, or an array of which some tasks run again
    #[arg(long, value_name = "K/N", requires = "max_shard_size")]
    part: Option<PartArgument>,
}

impl PartOption {
    /// The part; none was asked for where all is written.
    pub(crate) fn resolve(self) -> Result<Option<Part>, Failure> {
        Ok(self.part.map(PartArgument::resolve_here).transpose()?)
    }
}

/// The plan of a source, which takes the seed that a file states where it has none of its own: a run that
/// did not end drew it. Where nothing states one, `why` refuses a plan of which each run is another
/// checkpoint.
pub(crate) fn plan_of_found(
    source: &Source,
    seed: Option<Seed>,
    stated: impl Fn(&Plan) -> Result<Option<(i128, PathBuf)>, Failure>,
    why: Option<&str>,
) -> Result<Plan, Failure> {
    let plan = source.plan(seed).map_err(Error::from)?;
    if !matches!(plan.seed, PlanSeed::Drawn(_)) {
        return Ok(plan);
    }
    match (stated(&plan)?, why) {
        (Some((seed, path)), _) => {
            let path = shown(&path.to_string_lossy()).into_owned();
            note(&format!("the plan has no seed, and takes {seed}, that of {path}\n"));
            Ok(source.plan_that_drew(seed).map_err(Error::from)?)
        }
        (None, None) => Ok(plan),
        (None, Some(why)) => Err(without_seed(why)),
    }
}

/// Of a plan, since each run draws another checkpoint.
pub(crate) fn without_seed(why: &str) -> Failure {
    Failure::Input(format!(
        "{why}: the plan has no seed, so that each run draws another checkpoint; give --seed N"
    ))
}
