//! Fans: how many inputs and outputs a weight connects.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::{fmt, str::FromStr};

use crate::{
    Layout, LayoutError, Role,
    math::sqrt_f64,
    shape::{ShapeError, element_count, product},
};

/// Which count divides the scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum Mode {
    /// The number of inputs: Keras's default.
    #[default]
    FanIn,
    /// The number of outputs.
    FanOut,
    /// The mean of both.
    FanAvg,
    /// The geometric mean of both: JAX has it, Keras lacks it.
    FanGeoAvg,
}

/// A mode that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid mode {received:?}: use \"fan_in\", \"fan_out\", \"fan_avg\" or \"fan_geo_avg\" \
     (lower case)"
)]
pub struct ModeError {
    /// The text received.
    pub received: String,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 4] = [Self::FanIn, Self::FanOut, Self::FanAvg, Self::FanGeoAvg];

    /// Keras's name (JAX's for `fan_geo_avg`).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FanIn => "fan_in",
            Self::FanOut => "fan_out",
            Self::FanAvg => "fan_avg",
            Self::FanGeoAvg => "fan_geo_avg",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Mode {
    type Err = ModeError;

    /// As in Keras, modes are case-sensitive (distributions are not).
    fn from_str(text: &str) -> Result<Self, ModeError> {
        Self::ALL
            .into_iter()
            .find(|mode| mode.name() == text)
            .ok_or_else(|| ModeError { received: text.to_string() })
    }
}

/// What is wrong with a shape whose fans are wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FansError {
    /// The layout does not fit the shape.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The shape itself is not valid.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// A fan above 2^64 − 1.
    #[error("{fan} of shape {shape:?} is too large: at most 2^64 - 1 is allowed")]
    Overflow {
        /// `fan_in` or `fan_out`.
        fan: &'static str,
        /// The shape received.
        shape: Vec<usize>,
    },
}

/// How many inputs and outputs a weight of a global shape connects.
///
/// Counted as Keras's `compute_fans` does, generalized to layouts: a fan is the product of the
/// sizes of its axes, 1 where it has none.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Fans {
    /// What each axis stands for.
    pub roles: Vec<Role>,
    /// Inputs that reach one output.
    pub fan_in: u64,
    /// Outputs that one input reaches.
    pub fan_out: u64,
}

impl Fans {
    /// Counts the fans of the global `shape` under `layout`.
    ///
    /// The fans of an empty shape (one with a 0) saturate at 2^64 − 1 instead of overflowing: it
    /// is valid, and no value depends on them.
    ///
    /// # Errors
    /// [`FansError`] where the layout does not fit the shape, or a product is above 2^64 − 1.
    ///
    /// ```
    /// use varscale::{Fans, Layout};
    /// let fans = Fans::new(&[3, 3, 16, 32], &Layout::keras())?;
    /// assert_eq!((fans.fan_in, fans.fan_out), (144, 288));
    /// # Ok::<(), varscale::FansError>(())
    /// ```
    pub fn new(shape: &[usize], layout: &Layout) -> Result<Self, FansError> {
        let empty = element_count(shape)? == 0;
        let roles = layout.roles(shape)?;
        let fan = |fan, own| {
            let counted =
                |role: Role| role == own || matches!(role, Role::Receptive | Role::InputOutput);
            let sizes = shape.iter().zip(&roles).filter(|&(_, &role)| counted(role));
            match product(sizes.map(|(&size, _)| size)) {
                Some(count) => Ok(count),
                None if empty => Ok(u64::MAX),
                None => Err(FansError::Overflow { fan, shape: shape.to_vec() }),
            }
        };
        let (mut fan_in, mut fan_out) =
            (fan("fan_in", Role::Input)?, fan("fan_out", Role::Output)?);

        let (groups, divide_out) = layout.groups();
        let grouped = if divide_out { Role::Output } else { Role::Input };
        if let Some(axis) = roles.iter().position(|&role| role == grouped)
            && !(shape[axis] as u64).is_multiple_of(groups)
        {
            let reason = format!("axis {axis} of shape {shape:?} is not a multiple of it");
            return Err(LayoutError::Groups { groups: groups as usize, reason }.into());
        }
        *(if divide_out { &mut fan_out } else { &mut fan_in }) /= groups;
        Ok(Self { roles, fan_in, fan_out })
    }

    /// The number that divides the scale: the fan that `mode` names, and at least 1, as in Keras.
    #[must_use]
    pub fn divisor(&self, mode: Mode) -> f64 {
        // Summed as integers first, as Python does: (2^53 + 1) + 1 would round otherwise.
        let sum = u128::from(self.fan_in) + u128::from(self.fan_out);
        let fan = match mode {
            Mode::FanIn => self.fan_in as f64,
            Mode::FanOut => self.fan_out as f64,
            Mode::FanAvg => sum as f64 / 2.0,
            Mode::FanGeoAvg => sqrt_f64(self.fan_in as f64 * self.fan_out as f64),
        };
        if fan > 1.0 { fan } else { 1.0 }
    }
}
