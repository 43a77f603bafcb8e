//! What an array is drawn from: an initializer, under a name, in a layout.

use varscale::{Draw, Element, Error, Initializer, Layout, Tensor};

/// An initializer for one tensor: under its name, in its layout. A plain `&initializer` is one for an
/// anonymous tensor in Keras's layout.
///
/// ```
/// use ndarray::{Array2, Array4};
/// use varscale::{Layout, Scheme};
/// use varscale_ndarray::{DrawnExt, InitializerExt};
///
/// let he = Scheme::he_normal().with_seed(42);
/// // As in `x.dot(&kernel)`: fans are read off (in, out).
/// let kernel = Array2::<f32>::drawn((784, 256), he.named("fc1.kernel"))?;
/// // As in torch: (out, in, height, width).
/// let torch = he.named("conv.weight").with_layout(Layout::torch());
/// let filters = Array4::<f32>::drawn((8, 3, 5, 5), torch)?;
/// # Ok::<(), varscale_ndarray::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Named<'a> {
    initializer: &'a Initializer,
    name: String,
    layout: Layout,
}

/// Names for what an [`Initializer`] fills.
pub trait InitializerExt {
    /// The initializer for the tensor of this name. Tensors of other names get other values; of one
    /// name, seed and shape, equal ones.
    fn named(&self, name: impl Into<String>) -> Named<'_>;
}

impl InitializerExt for Initializer {
    fn named(&self, name: impl Into<String>) -> Named<'_> {
        Named { name: name.into(), ..self.into() }
    }
}

impl Named<'_> {
    /// The same tensor in this layout: what its axes stand for.
    #[must_use]
    pub fn with_layout(self, layout: Layout) -> Self {
        Self { layout, ..self }
    }

    /// Its next draw, in this shape.
    pub(crate) fn draw<A: Element>(self, shape: &[usize]) -> Result<Draw, Error> {
        let tensor = Tensor::new(shape).named(self.name).with_layout(self.layout);
        self.initializer.draw_in(tensor, A::DTYPE)
    }
}

impl<'a> From<&'a Initializer> for Named<'a> {
    fn from(initializer: &'a Initializer) -> Self {
        Self { initializer, name: String::new(), layout: Layout::default() }
    }
}
