//! Arrays from initializers, by ndarray's shapes and slices.

use ndarray::{ArrayBase, ArrayRef, DataOwned, Dimension, IntoDimension, ShapeBuilder, SliceArg};
use varscale::Element;

use crate::{
    Error, Named,
    fill::{array, fill, is_row_major},
    selection::Selection,
};

/// Arrays whose elements an initializer draws, beside `zeros` and `ones`.
///
/// An element depends on the seed, the tensor's name, and the element's row-major index in the shape:
/// the order of the array in memory changes no value, and neither does which other arrays are drawn.
pub trait DrawnExt<S, A, D>: Sized {
    /// The next draw of an initializer, in this shape, row-major or (with `.f()`) column-major.
    ///
    /// # Errors
    /// [`Error::Shape`] where ndarray has no such shape, and [`Error::Draw`] where the initializer
    /// refuses it, the dtype or the seed.
    ///
    /// ```
    /// use ndarray::{Array, Array2, ShapeBuilder};
    /// use varscale::Scheme;
    /// use varscale_ndarray::{DrawnExt, InitializerExt};
    ///
    /// let he = Scheme::he_normal().with_seed(42);
    /// let kernel = Array2::<f32>::drawn((784, 256), he.named("fc1.kernel"))?;
    /// let columns = Array::<f32, _>::drawn((784, 256).f(), he.named("fc1.kernel"))?;
    /// assert_eq!(kernel, columns);
    /// # Ok::<(), varscale_ndarray::Error>(())
    /// ```
    fn drawn<'a, Sh>(shape: Sh, from: impl Into<Named<'a>>) -> Result<Self, Error>
    where
        Sh: ShapeBuilder<Dim = D>;

    /// A slice of the next draw of an initializer in this shape: what `drawn(shape, from)` has there,
    /// with fans of the whole shape, but without drawing the rest.
    ///
    /// # Errors
    /// As [`DrawnExt::drawn`], and [`Error::SliceBounds`] where the slice leaves the shape.
    ///
    /// ```
    /// use ndarray::{Array1, Array2, s};
    /// use varscale::Scheme;
    /// use varscale_ndarray::{DrawnExt, InitializerExt};
    ///
    /// let he = Scheme::he_normal().with_seed(42);
    /// let kernel = || he.named("fc1.kernel");
    /// let whole = Array2::<f32>::drawn((784, 256), kernel())?;
    /// let shard = Array2::<f32>::drawn_slice((784, 256), s![392.., ..], kernel())?;
    /// let last = Array1::<f32>::drawn_slice((784, 256), s![-1, ..;-2], kernel())?;
    /// assert_eq!(shard, whole.slice(s![392.., ..]));
    /// assert_eq!(last, whole.slice(s![-1, ..;-2]));
    /// # Ok::<(), varscale_ndarray::Error>(())
    /// ```
    fn drawn_slice<'a, Sh, I>(
        shape: Sh,
        slice: I,
        from: impl Into<Named<'a>>,
    ) -> Result<Self, Error>
    where
        Sh: IntoDimension,
        I: SliceArg<Sh::Dim, OutDim = D>;
}

impl<S, A, D> DrawnExt<S, A, D> for ArrayBase<S, D>
where
    S: DataOwned<Elem = A>,
    A: Element,
    D: Dimension,
{
    fn drawn<'a, Sh>(shape: Sh, from: impl Into<Named<'a>>) -> Result<Self, Error>
    where
        Sh: ShapeBuilder<Dim = D>,
    {
        let shape = shape.into_shape_with_order();
        // What cannot be must not advance a generator.
        is_row_major(shape.clone())?;
        let sizes = shape.raw_dim().slice();
        array(&from.into().draw::<A>(sizes)?, &Selection::whole(sizes), shape.clone())
    }

    fn drawn_slice<'a, Sh, I>(
        shape: Sh,
        slice: I,
        from: impl Into<Named<'a>>,
    ) -> Result<Self, Error>
    where
        Sh: IntoDimension,
        I: SliceArg<Sh::Dim, OutDim = D>,
    {
        let shape = shape.into_dimension();
        let selection = Selection::new(shape.slice(), slice.as_ref())?;
        let part = selection.dimension::<D>()?;
        is_row_major(part.clone())?;
        array(&from.into().draw::<A>(shape.slice())?, &selection, part)
    }
}

/// Arrays and views that an initializer fills in place, as `fill` and `assign` do: of any strides,
/// negative ones and none included.
pub trait FillDrawnExt {
    /// Fills with the next draw of an initializer, in the shape of this array or view.
    ///
    /// # Errors
    /// [`Error::Draw`] where the initializer refuses the shape, the dtype or the seed.
    ///
    /// ```
    /// use ndarray::{Array2, s};
    /// use varscale::Scheme;
    /// use varscale_ndarray::{FillDrawnExt, InitializerExt};
    ///
    /// // Query, key and value in one array: each has fans of its own.
    /// let glorot = Scheme::glorot_uniform().with_seed(42);
    /// let mut qkv = Array2::<f32>::zeros((64, 192));
    /// qkv.slice_mut(s![.., ..64]).fill_drawn(glorot.named("query"))?;
    /// qkv.slice_mut(s![.., 64..128]).fill_drawn(glorot.named("key"))?;
    /// qkv.slice_mut(s![.., 128..]).fill_drawn(glorot.named("value"))?;
    /// # Ok::<(), varscale_ndarray::Error>(())
    /// ```
    fn fill_drawn<'a>(&mut self, from: impl Into<Named<'a>>) -> Result<(), Error>;

    /// Fills with a slice of the next draw of an initializer in `shape`: see
    /// [`DrawnExt::drawn_slice`].
    ///
    /// # Errors
    /// As [`FillDrawnExt::fill_drawn`]; [`Error::SliceBounds`] where the slice leaves the shape, and
    /// [`Error::ArrayShape`] where it has another shape than this array.
    fn fill_drawn_slice<'a, Sh, I>(
        &mut self,
        shape: Sh,
        slice: I,
        from: impl Into<Named<'a>>,
    ) -> Result<(), Error>
    where
        Sh: IntoDimension,
        I: SliceArg<Sh::Dim>;
}

impl<A: Element, D: Dimension> FillDrawnExt for ArrayRef<A, D> {
    fn fill_drawn<'a>(&mut self, from: impl Into<Named<'a>>) -> Result<(), Error> {
        let draw = from.into().draw::<A>(self.shape())?;
        fill(&draw, &Selection::whole(draw.shape()), self)
    }

    fn fill_drawn_slice<'a, Sh, I>(
        &mut self,
        shape: Sh,
        slice: I,
        from: impl Into<Named<'a>>,
    ) -> Result<(), Error>
    where
        Sh: IntoDimension,
        I: SliceArg<Sh::Dim>,
    {
        let shape = shape.into_dimension();
        let selection = Selection::new(shape.slice(), slice.as_ref())?;
        selection.check(self.shape())?;
        fill(&from.into().draw::<A>(shape.slice())?, &selection, self)
    }
}
