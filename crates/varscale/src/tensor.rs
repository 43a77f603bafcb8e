//! Tensors: what an initializer is asked to fill.

use alloc::{string::String, vec::Vec};

use crate::layout::Layout;

/// A tensor to initialize: its global shape, its name in the stream, and its layout.
///
/// Shapes convert: `initializer.sample([784, 256])` draws an anonymous tensor in Keras's layout.
///
/// ```
/// use varscale::{Layout, Tensor};
/// let tensor = Tensor::new([256, 784]).named("fc1.weight").with_layout(Layout::torch());
/// assert_eq!(tensor.shape, [256, 784]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tensor {
    /// Name in the stream: tensors of other names get other values. Empty for an anonymous tensor.
    pub name: String,
    /// Global shape; empty for a scalar.
    pub shape: Vec<usize>,
    /// What the axes stand for.
    pub layout: Layout,
}

impl Tensor {
    /// An anonymous tensor in Keras's layout.
    pub fn new(shape: impl Into<Vec<usize>>) -> Self {
        Self { shape: shape.into(), ..Self::default() }
    }

    /// The same tensor under this name.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// The same tensor in this layout.
    #[must_use]
    pub fn with_layout(self, layout: Layout) -> Self {
        Self { layout, ..self }
    }
}

impl<const RANK: usize> From<[usize; RANK]> for Tensor {
    fn from(shape: [usize; RANK]) -> Self {
        Self::new(shape)
    }
}

impl From<&[usize]> for Tensor {
    fn from(shape: &[usize]) -> Self {
        Self::new(shape)
    }
}

impl From<&Self> for Tensor {
    fn from(tensor: &Self) -> Self {
        tensor.clone()
    }
}
