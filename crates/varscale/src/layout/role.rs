//! Roles: what one axis of a kernel stands for.

use core::fmt;

/// What one axis of a kernel stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum Role {
    /// Counts in fan_in.
    Input,
    /// Counts in fan_out.
    Output,
    /// The receptive field of a convolution: counts in both fans.
    Receptive,
    /// The only axis of a vector, which Keras counts in both fans; in the layout `jax`, an axis that
    /// is named as both.
    InputOutput,
    /// Independent copies of the same weight: counts in no fan.
    Batch,
    /// Named as input and batch in the layout `jax`.
    InputBatch,
    /// Named as output and batch in the layout `jax`.
    OutputBatch,
    /// Named as input, output and batch in the layout `jax`.
    InputOutputBatch,
    /// Channels that do not see each other (a depthwise kernel): counts in no fan.
    Group,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Input => "input",
            Self::Output => "output",
            Self::Receptive => "receptive",
            Self::InputOutput => "input and output",
            Self::Batch => "batch",
            Self::InputBatch => "input and batch",
            Self::OutputBatch => "output and batch",
            Self::InputOutputBatch => "input, output and batch",
            Self::Group => "group",
        })
    }
}
