//! Arrays of draws.

use ndarray::{ArrayD, IxDyn};
use varscale::{Draw, Element};

use crate::Error;

/// Arrays of a [`Draw`].
pub trait DrawExt {
    /// The whole tensor, as [`Draw::to_vec`].
    ///
    /// # Errors
    /// [`Error`] as [`Draw::to_vec`], and where ndarray cannot have the shape.
    ///
    /// ```
    /// use varscale::{Scheme, Tensor};
    /// use varscale_ndarray::DrawExt;
    ///
    /// let tensor = Tensor::new([784, 256]).named("fc1.kernel");
    /// let kernel = Scheme::he_normal().with_seed(42).draw(tensor)?.to_array::<f32>()?;
    /// assert_eq!(kernel.shape(), [784, 256]);
    /// # Ok::<(), varscale_ndarray::Error>(())
    /// ```
    fn to_array<A: Element>(&self) -> Result<ArrayD<A>, Error>;
}

impl DrawExt for Draw {
    fn to_array<A: Element>(&self) -> Result<ArrayD<A>, Error> {
        let shape = self.shape();
        ArrayD::from_shape_vec(IxDyn(shape), self.to_vec()?)
            .map_err(|source| Error::Shape { shape: shape.to_vec(), source })
    }
}
