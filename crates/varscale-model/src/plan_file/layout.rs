//! Layouts of plans: one for all tensors, or for each the one that its name is known for.

use std::{fmt, ops::RangeInclusive, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use varscale::{Layout, LayoutError};

/// What a plan, or a rule of it, says of axes.
///
/// ```
/// use varscale_model::PlanLayout;
/// assert_eq!("auto".parse(), Ok(PlanLayout::Auto));
/// assert_eq!("torch".parse(), Ok(PlanLayout::Of(varscale::Layout::torch())));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanLayout {
    /// The layout that a tensor's name and number of axes are known for.
    Auto,
    /// This one.
    Of(Layout),
}

const AUTO: &str = "auto";

/// What is known of names by their last part.
struct Convention {
    last: &'static str,
    axes: RangeInclusive<usize>,
    /// `None` where it means several things.
    layout: Option<Layout>,
    because: &'static str,
}

const fn known(
    last: &'static str,
    axes: RangeInclusive<usize>,
    layout: Layout,
    because: &'static str,
) -> Convention {
    Convention { last, axes, layout: Some(layout), because }
}

const fn ambiguous(
    last: &'static str,
    axes: RangeInclusive<usize>,
    because: &'static str,
) -> Convention {
    Convention { last, axes, layout: None, because }
}

static CONVENTIONS: [Convention; 12] = [
    known("weight", 2..=2, Layout::torch(), "torch's Linear and Embedding are (out, in)"),
    ambiguous(
        "weight",
        3..=3,
        "torch's Conv1d is (out, in, kernel), stacked experts are (experts, in, out) or (experts, out, in)",
    ),
    known("weight", 4..=4, Layout::torch(), "torch's convolutions are (out, in, kernel...)"),
    ambiguous(
        "weight",
        5..=5,
        "torch's Conv3d is (out, in, kernel...), stacked convolutions are (layers, out, in, kernel...)",
    ),
    known("kernel", 2..=2, Layout::keras(), "Dense of Keras and Flax is (in, out)"),
    ambiguous(
        "kernel",
        3..=3,
        "Conv1D is (kernel, in, out), EinsumDense and DenseGeneral are (in, heads, size) or \
         (heads, size, out)",
    ),
    known(
        "kernel",
        4..=4,
        Layout::keras(),
        "convolutions of Keras and Flax are (kernel..., in, out)",
    ),
    ambiguous(
        "kernel",
        5..=5,
        "Conv3D is (kernel..., in, out), scanned convolutions are (layers, kernel..., in, out)",
    ),
    known("recurrent_kernel", 2..=2, Layout::keras(), "Keras's recurrent kernels are (in, out)"),
    known("pointwise_kernel", 3..=5, Layout::keras(), "Keras's are (kernel..., in, out)"),
    known(
        "depthwise_kernel",
        3..=4,
        Layout::keras(),
        "Keras's are (kernel..., in, multiplier), and its initializers read (kernel..., in, out)",
    ),
    known("embeddings", 2..=2, Layout::keras(), "Keras's Embedding is (in, out)"),
];

/// In names of GPT-2, whose matrices are (in, out) in transformers' torch, (out, in) in its Flax.
const CONV1D: [&str; 4] = ["c_attn", "c_fc", "c_proj", "q_attn"];

/// Sizes of kernels along an axis; those of patches are larger, and of few channels.
const KERNELS: [usize; 8] = [1, 2, 3, 4, 5, 7, 9, 11];
const CHANNELS: usize = 4;

/// Whether four axes are a convolution's, and not stacked matrices or heads.
fn is_convolution(kernel: [usize; 2], channels: usize) -> bool {
    let [height, width] = kernel;
    let usual = kernel.iter().all(|size| KERNELS.contains(size));
    let square = height == width;
    square && (usual || channels <= CHANNELS) || usual && (height == 1 || width == 1)
}

/// In the name of what projects onto or from attention's heads, which may be an axis.
fn is_of_attention(part: &str) -> bool {
    const ENDS: [&str; 12] =
        ["query", "key", "value", "out", "q", "k", "v", "o", "qkv", "kv", "attention", "attn"];
    let part = part.strip_suffix("_proj").or(part.strip_suffix("_projection")).unwrap_or(part);
    let part = part.strip_prefix(['w', 'W']).unwrap_or(part).trim_start_matches('_');
    ENDS.contains(&part)
}

/// A tensor's layout by its name, and why; or why there is none.
pub(crate) type ByName = Result<(Layout, Option<&'static str>), String>;

impl PlanLayout {
    /// The layout of a tensor, and why it is the one where its name says so; or why there is none.
    pub(crate) fn of(&self, name: &str, shape: &[usize]) -> ByName {
        match self {
            Self::Of(layout) => Ok((layout.clone(), None)),
            // Which reads all layouts alike.
            Self::Auto if shape.len() < 2 => Ok((Layout::default(), None)),
            Self::Auto => by_name(name, shape),
        }
    }
}

fn by_name(name: &str, shape: &[usize]) -> ByName {
    let mut parts = name.rsplit(['.', '/']);
    // Keras's variables of TensorFlow end in a number.
    let last = parts.next().unwrap_or_default();
    let last = last.strip_suffix(":0").unwrap_or(last);
    if let (2, "weight" | "kernel", Some(part)) =
        (shape.len(), last, parts.clone().find(|part| CONV1D.contains(part)))
    {
        return Err(format!(
            "{part}.{last} is (in, out) in transformers' torch GPT-2, (out, in) in its Flax one and in \
             others"
        ));
    }
    let reason = match (last, shape) {
        ("kernel", _) if shape.len() == 4 && parts.clone().next().is_some_and(is_of_attention) => {
            Some("kernels of attention have heads among their axes, or are scanned")
        }
        ("kernel", &[height, width, channels, _]) | ("weight", &[_, channels, height, width])
            if !is_convolution([height, width], channels) =>
        {
            Some("a convolution's kernel is not so large, stacked matrices may be")
        }
        _ => None,
    };
    if let Some(reason) = reason {
        return Err(reason.to_owned());
    }
    let of_name = CONVENTIONS.iter().filter(|known| known.last == last);
    match of_name.clone().find(|known| known.axes.contains(&shape.len())) {
        Some(Convention { layout: Some(layout), because, .. }) => {
            Ok((layout.clone(), Some(because)))
        }
        Some(ambiguous) => Err(ambiguous.because.to_owned()),
        None if of_name.count() > 0 => {
            Err(format!("no convention is known for {last} of {} axes", shape.len()))
        }
        None => Err(format!("no convention is known for names that end in {last:?}")),
    }
}

impl fmt::Display for PlanLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.pad(AUTO),
            Self::Of(layout) => layout.fmt(f),
        }
    }
}

impl FromStr for PlanLayout {
    type Err = LayoutError;

    fn from_str(text: &str) -> Result<Self, LayoutError> {
        if text == AUTO { Ok(Self::Auto) } else { text.parse().map(Self::Of) }
    }
}

impl Serialize for PlanLayout {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PlanLayout {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error: LayoutError| match error {
            LayoutError::Unknown { .. } => {
                D::Error::custom(format!("{error}; and in plans \"{AUTO}\", by names"))
            }
            error => D::Error::custom(error),
        })
    }
}
