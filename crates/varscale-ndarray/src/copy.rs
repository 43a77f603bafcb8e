//! Copies into arrays whose elements lie in another order.

use ndarray::{ArrayView2, ArrayViewD, ArrayViewMut2, ArrayViewMutD, Axis, Ix2};
use varscale::Element;

/// Side of a tile: as many elements as a cache line has, of most dtypes.
const TILE: usize = 16;

/// Copies values that lie in row-major order into an array of the same shape. Where its elements
/// follow each other along another axis than the last, it is copied by tiles, since a copy along
/// either axis would touch a cache line for each element.
pub(crate) fn copy<A: Element>(mut values: ArrayViewD<'_, A>, mut array: ArrayViewMutD<'_, A>) {
    let rank = array.ndim();
    let longer = (0..rank).filter(|&axis| array.len_of(Axis(axis)) > 1);
    match longer.min_by_key(|&axis| array.strides()[axis].unsigned_abs()) {
        Some(nearest) if nearest + 1 < rank => {
            array.swap_axes(nearest, rank - 2);
            values.swap_axes(nearest, rank - 2);
            matrices(values, array);
        }
        _ => array.assign(&values),
    }
}

fn matrices<A: Element>(values: ArrayViewD<'_, A>, mut array: ArrayViewMutD<'_, A>) {
    if array.ndim() > 2 {
        for (values, array) in values.outer_iter().zip(array.outer_iter_mut()) {
            matrices(values, array);
        }
        return;
    }
    let matrix = (values.into_dimensionality::<Ix2>(), array.into_dimensionality::<Ix2>());
    if let (Ok(values), Ok(array)) = matrix {
        tiles(values, array);
    }
}

fn tiles<A: Element>(values: ArrayView2<'_, A>, mut array: ArrayViewMut2<'_, A>) {
    let [rows, columns] = [Axis(0), Axis(1)];
    let bands = values.axis_chunks_iter(rows, TILE).zip(array.axis_chunks_iter_mut(rows, TILE));
    for (values, mut array) in bands {
        let tiles =
            values.axis_chunks_iter(columns, TILE).zip(array.axis_chunks_iter_mut(columns, TILE));
        for (values, mut array) in tiles {
            let mut tile = [[A::default(); TILE]; TILE];
            for (to, from) in tile.iter_mut().zip(values.rows()) {
                to.iter_mut().zip(from).for_each(|(to, &from)| *to = from);
            }
            for (column, to) in array.columns_mut().into_iter().enumerate() {
                to.into_iter().zip(&tile).for_each(|(to, from)| *to = from[column]);
            }
        }
    }
}
