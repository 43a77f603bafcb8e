//! What the parameters of burn's modules are called in torch, and what their axes stand for.

use varscale::Layout;

/// A parameter of one of burn's modules.
#[derive(Debug)]
pub(crate) struct Known {
    /// The module's type.
    module: &'static str,
    parameter: &'static str,
    /// Its name in torch.
    pub(crate) torch: &'static str,
    /// What its axes stand for, in torch's order.
    pub(crate) layout: Option<Layout>,
    /// Whether torch has its two axes the other way round.
    pub(crate) is_turned: bool,
}

const fn weight(module: &'static str, layout: Layout, is_turned: bool) -> Known {
    let layout = Some(layout);
    Known { module, parameter: "weight", torch: "weight", layout, is_turned }
}

const fn renamed(module: &'static str, parameter: &'static str, torch: &'static str) -> Known {
    Known { module, parameter, torch, layout: None, is_turned: false }
}

static KNOWN: [Known; 20] = [
    weight("Linear", Layout::torch(), true),
    // A row is what one of the inputs makes.
    weight("Embedding", Layout::keras(), false),
    weight("Conv1d", Layout::torch(), false),
    weight("Conv2d", Layout::torch(), false),
    weight("Conv3d", Layout::torch(), false),
    weight("DeformConv2d", Layout::torch(), false),
    weight("ConvTranspose1d", Layout::torch_transpose(), false),
    weight("ConvTranspose2d", Layout::torch_transpose(), false),
    weight("ConvTranspose3d", Layout::torch_transpose(), false),
    renamed("BatchNorm", "gamma", "weight"),
    renamed("BatchNorm", "beta", "bias"),
    renamed("GroupNorm", "gamma", "weight"),
    renamed("GroupNorm", "beta", "bias"),
    renamed("InstanceNorm", "gamma", "weight"),
    renamed("InstanceNorm", "beta", "bias"),
    renamed("LayerNorm", "gamma", "weight"),
    renamed("LayerNorm", "beta", "bias"),
    renamed("RmsNorm", "gamma", "weight"),
    renamed("RmsNorm", "beta", "bias"),
    renamed("PRelu", "alpha", "weight"),
];

/// What is known of a parameter by its own name and the types of the modules that it stands in, as burn
/// tells them (`Struct:Linear`, `Vec`), outermost first.
pub(crate) fn known(containers: &[String], parameter: &str) -> Option<&'static Known> {
    let module = containers
        .iter()
        .rev()
        .find_map(|one| one.strip_prefix("Struct:").or(one.strip_prefix("Enum:")))?;
    KNOWN.iter().find(|known| known.module == module && known.parameter == parameter)
}
