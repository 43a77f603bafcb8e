//! Layouts as text, on the command line and in plans.

use alloc::{format, string::ToString, vec::Vec};
use core::{fmt, str::FromStr};

use super::{Kind, Layout, LayoutError};
use crate::argument::serde_as_text;

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list =
            |axes: &[isize]| axes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let text = match &self.kind {
            Kind::Keras => "keras".into(),
            Kind::KerasTranspose => "keras-transpose".into(),
            Kind::KerasDepthwise => "keras-depthwise".into(),
            Kind::Torch => "torch".into(),
            Kind::TorchTranspose => "torch-transpose".into(),
            Kind::Einsum { equation, .. } => format!("einsum:{equation}"),
            Kind::Axes { input, output } => format!("axes:{}/{}", list(input), list(output)),
            Kind::Jax { input, output, batch } => {
                format!("jax:{}/{}/{}", list(input), list(output), list(batch))
            }
            Kind::Fans { input, output } => format!("fans:{input}/{output}"),
        };
        if self.groups > 1 {
            f.pad(&format!("{text}:groups={}", self.groups))
        } else {
            f.pad(&text)
        }
    }
}

impl FromStr for Layout {
    type Err = LayoutError;

    fn from_str(text: &str) -> Result<Self, LayoutError> {
        let unknown = || LayoutError::Unknown { received: text.to_string() };
        let (name, argument) = match text.split_once(':') {
            Some((name, argument)) => (name, Some(argument)),
            None => (text, None),
        };
        let axes = |list: &str| -> Result<Vec<isize>, LayoutError> {
            let items = list.split(',').filter(|_| !list.is_empty());
            items.map(|axis| axis.trim().parse().map_err(|_| unknown())).collect()
        };
        let layout = match (name, argument) {
            ("einsum", Some(equation)) => return Self::einsum(equation),
            ("axes", Some(lists)) => {
                let (input, output) = lists.split_once('/').ok_or_else(unknown)?;
                return Ok(Self::axes(axes(input)?, axes(output)?));
            }
            ("jax", Some(lists)) => {
                let (input, rest) = lists.split_once('/').ok_or_else(unknown)?;
                let (output, batch) = rest.split_once('/').unwrap_or((rest, ""));
                return Ok(Self::jax(axes(input)?, axes(output)?, axes(batch)?));
            }
            ("fans", Some(numbers)) => {
                let (input, output) = numbers.split_once('/').ok_or_else(unknown)?;
                let fan = |fan: &str| fan.trim().parse().map_err(|_| unknown());
                return Ok(Self::fans(fan(input)?, fan(output)?));
            }
            ("keras", _) => Self::keras(),
            ("keras-transpose", None) => Self::keras_transpose(),
            ("keras-depthwise", None) => Self::keras_depthwise(),
            ("torch", _) => Self::torch(),
            ("torch-transpose", _) => Self::torch_transpose(),
            _ => return Err(unknown()),
        };
        match argument {
            None => Ok(layout),
            Some(argument) => {
                let groups = argument.strip_prefix("groups=").ok_or_else(unknown)?;
                layout.with_groups(groups.parse().map_err(|_| unknown())?)
            }
        }
    }
}

serde_as_text!(Layout);
