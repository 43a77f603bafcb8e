//! Layouts: which axes of a shape are input, output, receptive field, batch and group.

mod einsum;
mod role;
mod text;

use alloc::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

pub use self::role::Role;

/// What is wrong with a layout, or with a layout for a given shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// No such layout.
    #[error(
        "invalid layout {received:?}: use \"keras\", \"keras-transpose\", \"keras-depthwise\", \
         \"torch\", \"torch-transpose\" (\"keras\", \"torch\" and \"torch-transpose\" also with \
         \":groups=N\"), \"einsum:abc,cde->abde\", \"axes:IN/OUT\" or \"jax:IN/OUT/BATCH\" with \
         axes as in \"0,-1\", or \"fans:IN/OUT\" with the fans themselves"
    )]
    Unknown {
        /// The text received.
        received: String,
    },
    /// An einsum equation that names no kernel roles.
    #[error("invalid einsum equation {equation:?}: {reason}")]
    Einsum {
        /// The equation received.
        equation: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A layout for another rank than the shape's.
    #[error("layout {layout} is for rank {expected}, but shape {shape:?} has rank {}", shape.len())]
    Rank {
        /// The layout, as text.
        layout: String,
        /// Ranks it is for.
        expected: String,
        /// The shape received.
        shape: Vec<usize>,
    },
    /// An axis that the shape does not have.
    #[error(
        "{argument} names axis {axis}, but shape {shape:?} has axes {}",
        if shape.is_empty() { "none".to_string() } else { format!("-{0} to {1}", shape.len(), shape.len() - 1) }
    )]
    AxisRange {
        /// `input_axes`, `output_axes` or `batch_axes`.
        argument: &'static str,
        /// The axis received.
        axis: isize,
        /// The shape received.
        shape: Vec<usize>,
    },
    /// An axis that is named twice.
    #[error("{argument} names axis {axis} of shape {shape:?}, which is already the {role} axis")]
    AxisRepeated {
        /// `input_axes`, `output_axes` or `batch_axes`.
        argument: &'static str,
        /// The axis received.
        axis: isize,
        /// The role that it already has.
        role: Role,
        /// The shape received.
        shape: Vec<usize>,
    },
    /// Axes that are named so often that no fraction of 64-bit numbers is the fan.
    #[error("layout {layout} names axes of shape {shape:?} too often: a fan is below 2^-64")]
    FanRange {
        /// The layout, as text.
        layout: String,
        /// The shape received.
        shape: Vec<usize>,
    },
    /// A layout that makes no matrix of a shape.
    #[error(
        "layout {layout} reads no matrix in shape {shape:?}: one axis or more must be output, and \
         none have two roles"
    )]
    NoMatrix {
        /// The layout, as text.
        layout: String,
        /// The shape received.
        shape: Vec<usize>,
    },
    /// A number of groups that this layout or shape cannot have.
    #[error("invalid groups {groups}: {reason}")]
    Groups {
        /// The number received.
        groups: usize,
        /// What is allowed.
        reason: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Kind {
    Keras,
    KerasTranspose,
    KerasDepthwise,
    Torch,
    TorchTranspose,
    Einsum { equation: String, roles: Vec<Role> },
    Axes { input: Vec<isize>, output: Vec<isize> },
    Jax { input: Vec<isize>, output: Vec<isize>, batch: Vec<isize> },
    Fans { input: u64, output: u64 },
}

/// Which axes of a shape are input, output, receptive field, batch and group.
///
/// As text (command line, plans): the names below, `einsum:EQUATION`, `axes:IN/OUT` and
/// `jax:IN/OUT/BATCH` with comma-separated axes, `fans:IN/OUT` with numbers, and `:groups=N` behind `keras`, `torch` and
/// `torch-transpose`.
///
/// ```
/// use varscale::{Layout, Role};
/// let torch: Layout = "torch".parse()?;
/// assert_eq!(torch.roles(&[64, 3, 7, 7])?, [Role::Output, Role::Input, Role::Receptive, Role::Receptive]);
/// # Ok::<(), varscale::LayoutError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Layout {
    kind: Kind,
    groups: usize,
}

impl Default for Layout {
    /// [`Layout::keras`].
    fn default() -> Self {
        Self::keras()
    }
}

impl Layout {
    const fn new(kind: Kind) -> Self {
        Self { kind, groups: 1 }
    }

    /// `keras`: (…kernel, in, out), as `keras/src/initializers/random_initializers.py` counts
    /// every shape (conv-transpose and depthwise kernels included, for which it is wrong).
    #[must_use]
    pub const fn keras() -> Self {
        Self::new(Kind::Keras)
    }

    /// `keras-transpose`: (…kernel, out, in), the kernels of Keras's transposed convolutions.
    #[must_use]
    pub const fn keras_transpose() -> Self {
        Self::new(Kind::KerasTranspose)
    }

    /// `keras-depthwise`: (…kernel, in, multiplier): each output sees one channel, so that fan_in
    /// is the receptive field and fan_out multiplier × receptive field.
    #[must_use]
    pub const fn keras_depthwise() -> Self {
        Self::new(Kind::KerasDepthwise)
    }

    /// `torch`: (out, in, …kernel), as `torch.nn.Linear` and `ConvNd`.
    #[must_use]
    pub const fn torch() -> Self {
        Self::new(Kind::Torch)
    }

    /// `torch-transpose`: (in, out, …kernel), as `torch.nn.ConvTransposeNd`.
    #[must_use]
    pub const fn torch_transpose() -> Self {
        Self::new(Kind::TorchTranspose)
    }

    /// `einsum:abc,cde->abde`: the roles that the equation gives the kernel, its second operand.
    /// A label shared with the input only is an input axis, with the output only an output axis,
    /// with both a batch axis. `...` is allowed in the input and the output.
    ///
    /// # Errors
    /// [`LayoutError::Einsum`].
    ///
    /// ```
    /// use varscale::{Fans, Layout};
    /// // The query projection of multi-head attention: (model, heads, head size).
    /// let layout = Layout::einsum("abc,cde->abde")?;
    /// let fans = Fans::new(&[512, 8, 64], &layout).unwrap();
    /// assert_eq!((fans.fan_in, fans.fan_out), (512.into(), 512.into()));
    /// # Ok::<(), varscale::LayoutError>(())
    /// ```
    pub fn einsum(equation: &str) -> Result<Self, LayoutError> {
        let roles = einsum::roles(equation)
            .map_err(|reason| LayoutError::Einsum { equation: equation.to_string(), reason })?;
        Ok(Self::new(Kind::Einsum { equation: equation.to_string(), roles }))
    }

    /// `axes:IN/OUT`: Keras 3.15's `input_axes` and `output_axes`. Axes in neither count in no fan;
    /// negative ones count from the end.
    pub fn axes(input: impl Into<Vec<isize>>, output: impl Into<Vec<isize>>) -> Self {
        Self::new(Kind::Axes { input: input.into(), output: output.into() })
    }

    /// `jax:IN/OUT/BATCH`: JAX's `in_axis`, `out_axis` and `batch_axis`. Axes in none of them are
    /// the receptive field (`jax/_src/nn/initializers.py`).
    ///
    /// Axes may coincide, as in Flax's default for embeddings: the receptive field is the number of
    /// elements / inputs / outputs / batch, and fans may be fractions.
    ///
    /// ```
    /// use varscale::{Fans, Layout};
    /// let fans = Fans::new(&[5000, 64], &Layout::jax([-2], [0], []))?;
    /// assert_eq!((fans.fan_in, fans.fan_out), (64.into(), 64.into()));
    /// # Ok::<(), varscale::Error>(())
    /// ```
    pub fn jax(
        input: impl Into<Vec<isize>>,
        output: impl Into<Vec<isize>>,
        batch: impl Into<Vec<isize>>,
    ) -> Self {
        Self::new(Kind::Jax { input: input.into(), output: output.into(), batch: batch.into() })
    }

    /// `fans:IN/OUT`: these fans, of every shape, whose axes count in none: those of another tensor,
    /// such as of the weight that a bias belongs to.
    ///
    /// ```
    /// use varscale::{Fans, Layout};
    /// let fans = Fans::new(&[256], &Layout::fans(784, 256))?;
    /// assert_eq!((fans.fan_in, fans.fan_out), (784.into(), 256.into()));
    /// # Ok::<(), varscale::Error>(())
    /// ```
    #[must_use]
    pub const fn fans(input: u64, output: u64) -> Self {
        Self::new(Kind::Fans { input, output })
    }

    /// The same layout for a convolution of `groups` groups, whose kernel holds in / groups input
    /// channels: an input reaches out / groups outputs, so that fan_out is divided (fan_in in
    /// `torch-transpose`).
    ///
    /// # Errors
    /// [`LayoutError::Groups`] for 0, and for layouts that have no groups.
    ///
    /// ```
    /// use varscale::{Fans, Layout};
    /// let depthwise = Layout::torch().with_groups(64)?;
    /// let fans = Fans::new(&[64, 1, 3, 3], &depthwise).unwrap();
    /// assert_eq!((fans.fan_in, fans.fan_out), (9.into(), 9.into()));
    /// # Ok::<(), varscale::LayoutError>(())
    /// ```
    pub fn with_groups(self, groups: usize) -> Result<Self, LayoutError> {
        let grouped = matches!(self.kind, Kind::Keras | Kind::Torch | Kind::TorchTranspose);
        if groups == 0 || (groups > 1 && !grouped) {
            let reason = if groups == 0 {
                "it must be at least 1".to_string()
            } else {
                format!("layout {self} has none; keras, torch and torch-transpose have")
            };
            return Err(LayoutError::Groups { groups, reason });
        }
        Ok(Self { groups, ..self })
    }

    /// What each axis of `shape` stands for.
    ///
    /// # Errors
    /// [`LayoutError`] where the layout does not fit the shape.
    pub fn roles(&self, shape: &[usize]) -> Result<Vec<Role>, LayoutError> {
        let rank = shape.len();
        match &self.kind {
            Kind::Einsum { roles, .. } if roles.len() == rank => Ok(roles.clone()),
            Kind::Einsum { roles, .. } => Err(self.rank_error(roles.len().to_string(), shape)),
            Kind::Axes { input, output } => Self::keras_roles(shape, [input, output]),
            Kind::Jax { input, output, batch } => Self::jax_roles(shape, [input, output, batch]),
            Kind::Fans { .. } => Ok(vec![Role::Batch; rank]),
            _ if self.groups > 1 && rank < 3 => Err(self.rank_error("3 or more".into(), shape)),
            _ if rank < 2 => Ok(vec![Role::InputOutput; rank]),
            kind => {
                let pair = match kind {
                    Kind::Keras | Kind::TorchTranspose => [Role::Input, Role::Output],
                    Kind::KerasDepthwise => [Role::Group, Role::Output],
                    _ => [Role::Output, Role::Input],
                };
                let first = match kind {
                    Kind::Torch | Kind::TorchTranspose => 0,
                    _ => rank - 2,
                };
                let mut roles = vec![Role::Receptive; rank];
                roles[first..first + 2].copy_from_slice(&pair);
                Ok(roles)
            }
        }
    }

    /// fan_in and fan_out, where the layout holds them.
    pub(crate) fn given_fans(&self) -> Option<[u64; 2]> {
        match self.kind {
            Kind::Fans { input, output } => Some([input, output]),
            _ => None,
        }
    }

    /// Number of groups, and whether they divide fan_out (else fan_in).
    pub(crate) fn groups(&self) -> (u64, bool) {
        (self.groups as u64, self.kind != Kind::TorchTranspose)
    }

    fn rank_error(&self, expected: String, shape: &[usize]) -> LayoutError {
        LayoutError::Rank { layout: self.to_string(), expected, shape: shape.to_vec() }
    }

    /// The roles of Keras's `input_axes` and `output_axes`.
    fn keras_roles(shape: &[usize], axes: [&[isize]; 2]) -> Result<Vec<Role>, LayoutError> {
        let mut roles = vec![Role::Batch; shape.len()];
        for ((argument, axes), own) in AXES.into_iter().zip(axes).zip([Role::Input, Role::Output]) {
            for &axis in axes {
                let role = &mut roles[index(argument, axis, shape)?];
                if *role != Role::Batch {
                    let (role, shape) = (*role, shape.to_vec());
                    return Err(LayoutError::AxisRepeated { argument, axis, role, shape });
                }
                *role = own;
            }
        }
        Ok(roles)
    }

    /// The roles of JAX's axes, which may coincide.
    fn jax_roles(shape: &[usize], axes: [&[isize]; 3]) -> Result<Vec<Role>, LayoutError> {
        let mut named = vec![[false; 3]; shape.len()];
        for (own, (argument, axes)) in AXES.into_iter().zip(axes).enumerate() {
            for &axis in axes {
                named[index(argument, axis, shape)?][own] = true;
            }
        }
        let role = |named: [bool; 3]| match named {
            [false, false, false] => Role::Receptive,
            [true, false, false] => Role::Input,
            [false, true, false] => Role::Output,
            [false, false, true] => Role::Batch,
            [true, true, false] => Role::InputOutput,
            [true, false, true] => Role::InputBatch,
            [false, true, true] => Role::OutputBatch,
            [true, true, true] => Role::InputOutputBatch,
        };
        Ok(named.into_iter().map(role).collect())
    }

    /// Where JAX's axes coincide: the sizes that divide the number of elements, in fan_in (of the
    /// outputs and the batch) and in fan_out (of the inputs and the batch).
    pub(crate) fn divisors(&self, shape: &[usize]) -> Result<Option<[Vec<u64>; 2]>, LayoutError> {
        let Kind::Jax { input, output, batch } = &self.kind else { return Ok(None) };
        let mut seen = vec![false; shape.len()];
        let (mut coincide, mut divisors) = (false, [vec![], vec![]]);
        for (argument, axes, divided) in
            [(AXES[0], input, &[1][..]), (AXES[1], output, &[0][..]), (AXES[2], batch, &[0, 1][..])]
        {
            for &axis in axes {
                let at = index(argument, axis, shape)?;
                coincide |= core::mem::replace(&mut seen[at], true);
                for &fan in divided {
                    divisors[fan].push(shape[at] as u64);
                }
            }
        }
        Ok(coincide.then_some(divisors))
    }
}

const AXES: [&str; 3] = ["input_axes", "output_axes", "batch_axes"];

/// The axis, counted from the front.
fn index(argument: &'static str, axis: isize, shape: &[usize]) -> Result<usize, LayoutError> {
    let index = if axis < 0 { shape.len().checked_add_signed(axis) } else { Some(axis as usize) };
    index.filter(|&index| index < shape.len()).ok_or_else(|| LayoutError::AxisRange {
        argument,
        axis,
        shape: shape.to_vec(),
    })
}
