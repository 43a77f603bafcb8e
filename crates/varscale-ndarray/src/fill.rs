//! Values of a draw in arrays, whatever their strides.

use ndarray::{
    ArrayBase, ArrayRef, ArrayView, ArrayViewMutD, Axis, DataOwned, Dimension, IxDyn, ShapeBuilder,
    Slice,
};
use varscale::{Draw, Element, Initializer, Reader, Scheme, element_count};

use crate::{Error, copy::copy, selection::Selection};

/// Values that are drawn at a time where they do not follow each other in the array: what a cache
/// holds.
const BLOCK: u64 = 1 << 18;

/// Whether an array of this shape can be, and lies in row-major order.
pub(crate) fn is_row_major<D: Dimension>(shape: impl ShapeBuilder<Dim = D>) -> Result<bool, Error> {
    let shape = shape.into_shape_with_order();
    let sizes = shape.raw_dim().slice().to_vec();
    let elements = element_count(&sizes).map_err(varscale::Error::from)?;
    // ndarray tells of arrays only; one of units takes no memory.
    let units = vec![(); usize::try_from(elements).unwrap_or(usize::MAX)];
    match ndarray::Array::from_shape_vec(shape, units) {
        Ok(array) => Ok(array.is_standard_layout()),
        Err(source) => Err(Error::Shape { shape: sizes, source }),
    }
}

/// What is selected of a draw, as an array of this shape, which is the selection's.
pub(crate) fn array<S, D>(
    draw: &Draw,
    selection: &Selection,
    shape: impl ShapeBuilder<Dim = D>,
) -> Result<ArrayBase<S, D>, Error>
where
    S: DataOwned<Elem: Element>,
    D: Dimension,
{
    let shape = shape.into_shape_with_order();
    let sizes = shape.raw_dim().slice().to_vec();
    let refused = |source| Error::Shape { shape: sizes.clone(), source };
    if selection.is_box() && is_row_major(shape.clone())? {
        // Memory of the draw's own, which is the fastest.
        let values = draw.slice_to_vec(&selection.slice)?;
        return ArrayBase::from_shape_vec(shape, values).map_err(refused);
    }
    // Memory as a draw takes it, and its error where there is not enough.
    let zeros = Initializer::new(Scheme::zeros(), None);
    let values = zeros.sample::<S::Elem>(&sizes[..])?;
    let mut array = ndarray::Array::from_shape_vec(shape.clone(), values).map_err(refused)?;
    fill(draw, selection, &mut array)?;
    let (values, _) = array.into_raw_vec_and_offset();
    ArrayBase::from_shape_vec(shape, values).map_err(refused)
}

/// Fills an array with what is selected of a draw.
pub(crate) fn fill<A: Element, D: Dimension>(
    draw: &Draw,
    selection: &Selection,
    array: &mut ArrayRef<A, D>,
) -> Result<(), Error> {
    selection.check(array.shape())?;
    let Selection { slice, steps, .. } = selection;
    let mut reader = draw.reader(slice)?;
    let array = selection.align(array.view_mut().into_dyn());
    Ok(read(&mut reader, array, &slice.extent, steps, &mut Vec::new())?)
}

/// Reads a box into an array that has, along each axis, every so many indices of it.
fn read<A: Element>(
    reader: &mut Reader<A>,
    mut array: ArrayViewMutD<'_, A>,
    extent: &[usize],
    steps: &[usize],
    buffer: &mut Vec<A>,
) -> Result<(), varscale::Error> {
    if array.is_empty() {
        return Ok(());
    }
    let elements = element_count(extent)?;
    if steps.iter().all(|&step| step == 1)
        && let Some(values) = array.as_slice_mut()
    {
        return reader.fill(values);
    }
    if elements <= BLOCK {
        buffer.resize(elements as usize, A::default());
        reader.fill(buffer)?;
        let mut values = ArrayView::from_shape(IxDyn(extent), buffer).expect("as many as counted");
        values
            .slice_each_axis_inplace(|axis| Slice::new(0, None, steps[axis.axis.index()] as isize));
        copy(values, array);
        return Ok(());
    }
    let row = elements / extent[0] as u64;
    let between = (steps[0] - 1) as u64 * row;
    let rows = BLOCK / (steps[0] as u64 * row);
    if rows == 0 {
        for (index, array) in array.outer_iter_mut().enumerate() {
            reader.skip(if index == 0 { 0 } else { between })?;
            read(reader, array, &extent[1..], &steps[1..], buffer)?;
        }
        return Ok(());
    }
    let mut part = extent.to_vec();
    for (index, array) in array.axis_chunks_iter_mut(Axis(0), rows as usize).enumerate() {
        reader.skip(if index == 0 { 0 } else { between })?;
        part[0] = (array.len_of(Axis(0)) - 1) * steps[0] + 1;
        read(reader, array, &part, steps, buffer)?;
    }
    Ok(())
}
