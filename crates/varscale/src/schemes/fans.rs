//! Fans: how many inputs and outputs a weight connects.

use alloc::{format, vec::Vec};
use core::{fmt, str::FromStr};

use crate::{
    argument::{ArgumentError, named, serde_as_text},
    error::Error,
    layout::{Layout, LayoutError, Role},
    math::sqrt_f64,
    shape::{element_count, product},
};

/// Which count divides the scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
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

impl Mode {
    /// Every mode.
    pub const ALL: &[Self] = &[Self::FanIn, Self::FanOut, Self::FanAvg, Self::FanGeoAvg];

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
    type Err = ArgumentError;

    /// As in Keras, modes are case-sensitive (distributions are not).
    fn from_str(text: &str) -> Result<Self, ArgumentError> {
        named("mode", Self::ALL, Self::name, text)
    }
}

serde_as_text!(Mode);

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
    /// [`LayoutError`] where the layout does not fit the shape, [`ShapeError`](crate::ShapeError)
    /// where that has more than 2^64 − 1 elements.
    ///
    /// ```
    /// use varscale::{Fans, Layout};
    /// let fans = Fans::new(&[3, 3, 16, 32], &Layout::keras())?;
    /// assert_eq!((fans.fan_in, fans.fan_out), (144, 288));
    /// # Ok::<(), varscale::Error>(())
    /// ```
    pub fn new(shape: &[usize], layout: &Layout) -> Result<Self, Error> {
        element_count(shape)?;
        Ok(Self::count(shape, layout)?)
    }

    /// As [`Fans::new`], of a shape whose elements were counted.
    pub(crate) fn count(shape: &[usize], layout: &Layout) -> Result<Self, LayoutError> {
        let roles = layout.roles(shape)?;
        let fan = |own| {
            let counted =
                |role: Role| role == own || matches!(role, Role::Receptive | Role::InputOutput);
            let sizes = shape.iter().zip(&roles).filter(|&(_, &role)| counted(role));
            // Of a shape with elements, no fan is above their number.
            product(sizes.map(|(&size, _)| size)).unwrap_or(u64::MAX)
        };
        let (mut fan_in, mut fan_out) = (fan(Role::Input), fan(Role::Output));

        let (groups, divide_out) = layout.groups();
        let grouped = if divide_out { Role::Output } else { Role::Input };
        if let Some(axis) = roles.iter().position(|&role| role == grouped)
            && !(shape[axis] as u64).is_multiple_of(groups)
        {
            let reason = format!("axis {axis} of shape {shape:?} is not a multiple of it");
            return Err(LayoutError::Groups { groups: groups as usize, reason });
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
