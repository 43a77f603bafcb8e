//! `varscale verify`: whether a checkpoint is what its plan draws, or what its digests say.

mod digests;
mod text;

use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};
use varscale::Seed;
use varscale_model::{
    Checkpoint, Error, Options, Plan, PlanSeed, Recipe, RecipeError, Seeds, Share, Verification,
    verify,
};

use crate::{
    plan::{SeedsOption, read_plan},
    report::Report,
    seed::parse_seed,
    terminal::{Failure, Watch},
    threads::Threads,
};

/// Verify a checkpoint: draw its plan again and compare every value, or compare its digests
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct Arguments {
    /// Checkpoint: a .safetensors file, an index of some (.safetensors.index.json), or a folder with
    /// either
    #[arg(required_unless_present = "digests")]
    checkpoint: Option<PathBuf>,

    /// Its plan, in place of the one that its metadata holds: a plan file, or another checkpoint
    plan: Option<PathBuf>,

    /// Compare about this share of every tensor's values, such as 1%: the same blocks each time
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true)]
    sample: Option<Share>,

    /// Draw nothing, and compare with the digests in these files, which init --digests wrote; without
    /// CHECKPOINT, those of the files beside them
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["plan", "sample", "seed", "seeds"])]
    digests: Vec<PathBuf>,

    /// Integer from -2^63 to 2^64 - 1, in place of the plan's
    #[arg(long, value_name = "N", value_parser = parse_seed, allow_hyphen_values = true)]
    seed: Option<Seed>,

    #[command(flatten)]
    seeds: SeedsOption,

    #[command(flatten)]
    threads: Threads,

    #[command(flatten)]
    report: Report,
}

const AFTER: &str = "\
Exit codes:
  0  identical, also after one rounding to another float dtype, which is told
  1  different: in values, or in tensors that are missing, added, renamed or of another shape
  2  no checkpoint that can be verified, or wrong arguments

Examples:
  varscale verify model.safetensors
  varscale verify copy/ examples/gpt2.toml --sample 1%
  varscale verify copy/ --digests model.safetensors.sha256";

pub(crate) fn run(arguments: &Arguments, watch: &Watch) -> Result<(), Failure> {
    carry_out(arguments, watch).map_err(|failure| match failure {
        // Code 1 is said of a checkpoint that was read to its end.
        Failure::System(message) => Failure::Input(message),
        failure => failure,
    })
}

fn carry_out(arguments: &Arguments, watch: &Watch) -> Result<(), Failure> {
    let Arguments { checkpoint, plan, sample, digests, seed, seeds, threads, report } = arguments;
    if !digests.is_empty() {
        let threads = (*threads).into();
        return digests::run(checkpoint.as_deref(), digests, threads, *report, watch);
    }
    let path = checkpoint.as_deref().unwrap_or(Path::new(""));
    let checkpoint = Checkpoint::open(path)?;
    let of_recipe = plan.is_none() && seed.is_none();
    let plan = match plan {
        Some(plan) => read_plan(plan, seed.clone(), seeds)?,
        None => of_metadata(path, seed.clone(), seeds)?,
    };
    if matches!(plan.seed, PlanSeed::Drawn(_)) && plan.tensors.iter().any(|one| one.seed_of_plan) {
        let by_name = match plan.seeds {
            Some(Seeds::ByName) if seeds.seeds().is_none() => " --seeds by-name",
            _ => "",
        };
        let stated = checkpoint.stated_seed();
        let stated = stated.map(|seed| format!(" (the checkpoint states --seed {seed}{by_name})"));
        return Err(Failure::Input(format!(
            "the plan has no seed, and every run would draw another: name it by --seed{}",
            stated.unwrap_or_default()
        )));
    }

    let bar = report.progress_bar(0);
    let options = Options { threads: (*threads).into(), ..Options::default() };
    let mut progress = |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    };
    let found = verify(&checkpoint, &plan, *sample, options, watch.flag(), &mut progress);
    bar.finish_and_clear();
    let found = found?;
    report.tell(
        false,
        || text::of(&found, &checkpoint, &plan, sample.is_some(), of_recipe),
        || to_json(path, &found, &checkpoint, &plan, sample.is_some()),
    )?;
    if found.is_identical() { Ok(()) } else { Err(Failure::Differs) }
}

/// The plan that the checkpoint's metadata holds.
fn of_metadata(path: &Path, seed: Option<Seed>, seeds: &SeedsOption) -> Result<Plan, Failure> {
    let recipe = Recipe::read(path).and_then(|mut recipe| {
        recipe.file.seeds = seeds.seeds().or(recipe.file.seeds);
        Ok(recipe.plan(seed)?)
    });
    recipe.map_err(|error| match error {
        Error::Recipe { source: RecipeError::Missing(_) | RecipeError::OtherTensors, .. } => {
            Failure::Input(format!("{error}; name its plan: varscale verify CHECKPOINT PLAN"))
        }
        error => error.into(),
    })
}

fn to_json(
    path: &Path,
    found: &Verification,
    checkpoint: &Checkpoint,
    plan: &Plan,
    sampled: bool,
) -> Json {
    let mut report = json!({
        "checkpoint": path.to_string_lossy(),
        "identical": found.is_identical(),
        "sampled": sampled,
        "recipe": checkpoint.has_recipe(),
        "stream": plan.stream.id(),
        "seed": Seed::from(plan.seed.value()),
    });
    if let (Some(report), Ok(Json::Object(found))) =
        (report.as_object_mut(), serde_json::to_value(found))
    {
        report.extend(found);
    }
    report
}
