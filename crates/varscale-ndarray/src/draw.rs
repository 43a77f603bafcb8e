//! Arrays of draws, such as a plan has.

use ndarray::{Array, ArrayRef, Dimension, SliceInfoElem};
use varscale::{Draw, Element};

use crate::{
    Error,
    fill::{array, fill},
    selection::Selection,
};

/// Arrays of a [`Draw`], whose shape is known at run time only: [`Draw::to_vec`] and its like, in
/// ndarray's form.
pub trait DrawExt {
    /// The whole tensor.
    ///
    /// # Errors
    /// [`Error::Rank`] where the array's type has another rank, and as [`Draw::to_vec`].
    ///
    /// ```
    /// use ndarray::Array2;
    /// use varscale::{Scheme, Tensor};
    /// use varscale_ndarray::DrawExt;
    ///
    /// let draw = Scheme::he_normal().with_seed(42).draw(Tensor::new([784, 256]).named("kernel"))?;
    /// let kernel: Array2<f32> = draw.to_array()?;
    /// # Ok::<(), varscale_ndarray::Error>(())
    /// ```
    fn to_array<A: Element, D: Dimension>(&self) -> Result<Array<A, D>, Error>;

    /// A slice of the tensor.
    ///
    /// # Errors
    /// As [`DrawExt::to_array`]; [`Error::SliceRank`] and [`Error::SliceBounds`] where it is no slice
    /// of the tensor.
    ///
    /// ```
    /// use ndarray::{Array1, s};
    /// use varscale::Scheme;
    /// use varscale_ndarray::DrawExt;
    ///
    /// let draw = Scheme::he_normal().with_seed(42).draw([784, 256])?;
    /// let column: Array1<f32> = draw.slice_to_array(s![.., 3])?;
    /// assert_eq!(column.len(), 784);
    /// # Ok::<(), varscale_ndarray::Error>(())
    /// ```
    fn slice_to_array<A: Element, D: Dimension>(
        &self,
        slice: impl AsRef<[SliceInfoElem]>,
    ) -> Result<Array<A, D>, Error>;

    /// Fills an array or view of any strides with the whole tensor.
    ///
    /// # Errors
    /// [`Error::ArrayShape`] where it has another shape; as [`Draw::fill`].
    fn fill_array<A: Element, D: Dimension>(&self, array: &mut ArrayRef<A, D>)
    -> Result<(), Error>;

    /// Fills an array or view of any strides with a slice of the tensor.
    ///
    /// # Errors
    /// As [`DrawExt::slice_to_array`], and [`Error::ArrayShape`] where it has another shape.
    fn fill_array_slice<A: Element, D: Dimension>(
        &self,
        slice: impl AsRef<[SliceInfoElem]>,
        array: &mut ArrayRef<A, D>,
    ) -> Result<(), Error>;
}

impl DrawExt for Draw {
    fn to_array<A: Element, D: Dimension>(&self) -> Result<Array<A, D>, Error> {
        let selection = Selection::whole(self.shape());
        array(self, &selection, selection.dimension::<D>()?)
    }

    fn slice_to_array<A: Element, D: Dimension>(
        &self,
        slice: impl AsRef<[SliceInfoElem]>,
    ) -> Result<Array<A, D>, Error> {
        let selection = Selection::new(self.shape(), slice.as_ref())?;
        array(self, &selection, selection.dimension::<D>()?)
    }

    fn fill_array<A: Element, D: Dimension>(
        &self,
        array: &mut ArrayRef<A, D>,
    ) -> Result<(), Error> {
        fill(self, &Selection::whole(self.shape()), array)
    }

    fn fill_array_slice<A: Element, D: Dimension>(
        &self,
        slice: impl AsRef<[SliceInfoElem]>,
        array: &mut ArrayRef<A, D>,
    ) -> Result<(), Error> {
        fill(self, &Selection::new(self.shape(), slice.as_ref())?, array)
    }
}
