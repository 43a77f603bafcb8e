//! Fans: how many inputs and outputs a weight connects.

use alloc::{format, string::ToString, vec::Vec};
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
    /// None of them: the scale is the variance, as with axlearn's `fan = None`. Keras lacks it.
    None,
}

impl Mode {
    /// Every mode.
    pub const ALL: &[Self] =
        &[Self::FanIn, Self::FanOut, Self::FanAvg, Self::FanGeoAvg, Self::None];

    /// Keras's name (JAX's for `fan_geo_avg`).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FanIn => "fan_in",
            Self::FanOut => "fan_out",
            Self::FanAvg => "fan_avg",
            Self::FanGeoAvg => "fan_geo_avg",
            Self::None => "none",
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
    pub fan_in: Fan,
    /// Outputs that one input reaches.
    pub fan_out: Fan,
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
    /// assert_eq!((fans.fan_in, fans.fan_out), (144.into(), 288.into()));
    /// # Ok::<(), varscale::Error>(())
    /// ```
    pub fn new(shape: &[usize], layout: &Layout) -> Result<Self, Error> {
        element_count(shape)?;
        Ok(Self::count(shape, layout)?)
    }

    /// As [`Fans::new`], of a shape whose elements were counted.
    pub(crate) fn count(shape: &[usize], layout: &Layout) -> Result<Self, LayoutError> {
        let roles = layout.roles(shape)?;
        if let Some([fan_in, fan_out]) = layout.given_fans() {
            return Ok(Self { roles, fan_in: fan_in.into(), fan_out: fan_out.into() });
        }
        if let Some(divisors) = layout.divisors(shape)? {
            let elements = product(shape.iter().copied()).unwrap_or(u64::MAX);
            let [Some(fan_in), Some(fan_out)] = divisors.map(|sizes| Fan::of(elements, &sizes))
            else {
                let (layout, shape) = (layout.to_string(), shape.to_vec());
                return Err(LayoutError::FanRange { layout, shape });
            };
            return Ok(Self { roles, fan_in, fan_out });
        }
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
        Ok(Self { roles, fan_in: fan_in.into(), fan_out: fan_out.into() })
    }

    /// The number that divides the scale: the fan that `mode` names. At least 1, as in Keras, unless
    /// the fans are JAX's fractions. 1 where it names none.
    #[must_use]
    pub fn divisor(&self, mode: Mode) -> f64 {
        let (fan_in, fan_out) = (self.fan_in.to_f64(), self.fan_out.to_f64());
        let whole = self.fan_in.divisor == 1 && self.fan_out.divisor == 1;
        let fan = match mode {
            Mode::FanIn => fan_in,
            Mode::FanOut => fan_out,
            // Summed as integers first, as Python does: (2^53 + 1) + 1 would round otherwise.
            Mode::FanAvg if whole => {
                (u128::from(self.fan_in.dividend) + u128::from(self.fan_out.dividend)) as f64 / 2.0
            }
            Mode::FanAvg => (fan_in + fan_out) / 2.0,
            Mode::FanGeoAvg => sqrt_f64(fan_in * fan_out),
            Mode::None => return 1.0,
        };
        if fan > 1.0 || !whole { fan } else { 1.0 }
    }
}

/// A fan: a whole number, or a fraction in lowest terms where JAX's axes coincide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fan {
    dividend: u64,
    divisor: u64,
}

impl Fan {
    /// The number of elements divided by `sizes`, unless that is below 2^-64. Of an empty shape,
    /// whose sizes may be 0, the fan is 0.
    fn of(elements: u64, sizes: &[u64]) -> Option<Self> {
        let (mut dividend, mut divisor) = (elements, 1_u64);
        for &size in sizes.iter().filter(|_| elements > 0) {
            let (mut common, mut rest) = (dividend, size);
            while rest > 0 {
                (common, rest) = (rest, common % rest);
            }
            dividend /= common;
            divisor = divisor.checked_mul(size / common)?;
        }
        Some(Self { dividend, divisor })
    }

    /// The nearest number.
    #[must_use]
    pub const fn to_f64(self) -> f64 {
        self.dividend as f64 / self.divisor as f64
    }

    /// The number, where it is whole.
    #[must_use]
    pub const fn whole(self) -> Option<u64> {
        if self.divisor == 1 { Some(self.dividend) } else { None }
    }
}

impl From<u64> for Fan {
    fn from(whole: u64) -> Self {
        Self { dividend: whole, divisor: 1 }
    }
}

impl fmt::Display for Fan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.whole() {
            Some(whole) => whole.fmt(f),
            None => f.pad(&format!("{}/{}", self.dividend, self.divisor)),
        }
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Fan {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.whole() {
            Some(whole) => serializer.serialize_u64(whole),
            None => serializer.serialize_f64(self.to_f64()),
        }
    }
}
