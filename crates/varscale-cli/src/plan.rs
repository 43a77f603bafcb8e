//! `varscale plan`: shows a plan, resolved for every tensor.

use std::path::PathBuf;

use indicatif::HumanCount;
use varscale::{Content, Law, Pattern, short};
use varscale_model::{Plan, PlannedTensor};

use crate::terminal::{Failure, print, table};

/// Show a plan: what every tensor of a model would be initialized with
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Plan: a TOML file that names a spec (JSON of names, dtypes and shapes, or a .safetensors
    /// file) and holds the rules
    plan: PathBuf,

    /// Print JSON, with all that the values depend on
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  varscale plan examples/gpt2.toml
  varscale plan examples/gpt2.toml --json | jq .totals";

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let plan = Plan::read(&arguments.plan, None)?;
    if arguments.json { print(&format!("{:#}\n", plan.to_json())) } else { print(&text(&plan)) }
}

fn text(plan: &Plan) -> String {
    let mut rows = table(&[
        "name",
        "shape",
        "initializer",
        "layout",
        "fan_in",
        "fan_out",
        "stddev or limit",
        "seed",
        "dtype",
    ]);
    for planned in &plan.tensors {
        rows.add_row(row(planned));
    }
    format!(
        "{}\n\n{} tensors, {} parameters, {} bytes, stream {}, seed {}\n",
        rows.trim_fmt(),
        HumanCount(plan.tensors.len() as u64),
        HumanCount(plan.parameters()),
        HumanCount(plan.bytes()),
        plan.stream.id(),
        plan.seed,
    )
}

fn row(planned: &PlannedTensor) -> [String; 9] {
    let PlannedTensor { tensor, initializer, dtype, draw, .. } = planned;
    let none = || "-".to_owned();
    let sizes: Vec<String> = tensor.shape.iter().map(ToString::to_string).collect();
    let fans = draw.explanation().scaling.as_ref().map(|scaling| &scaling.fans);
    [
        tensor.name.clone(),
        format!("({})", sizes.join(", ")),
        initializer.class_name().to_owned(),
        tensor.layout.to_string(),
        fans.map_or_else(none, |fans| fans.fan_in.to_string()),
        fans.map_or_else(none, |fans| fans.fan_out.to_string()),
        spread(draw.content()),
        planned.seed().map_or_else(none, |seed| seed.to_string()),
        dtype.to_string(),
    ]
}

/// The one or two numbers that values are known by.
fn spread(content: &Content) -> String {
    let number = |value| short(value, 6);
    match content {
        Content::Pattern(Pattern::Constant { value }) => format!("value {}", number(*value)),
        Content::Pattern(Pattern::Identity { gain }) => format!("diagonal {}", number(*gain)),
        Content::Pattern(pattern) => pattern.to_string(),
        Content::Random(Law::Uniform { low, high }) if *low == -high => {
            format!("limit {}", number(*high))
        }
        Content::Random(Law::Uniform { low, high }) => {
            format!("from {} to {}", number(*low), number(*high))
        }
        Content::Random(law) => {
            let (mean, stddev) = (law.mean(), number(law.stddev()));
            if mean == 0.0 {
                format!("stddev {stddev}")
            } else {
                format!("mean {}, stddev {stddev}", number(mean))
            }
        }
    }
}
