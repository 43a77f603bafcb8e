//! NumPy arrays as slices to write into.

use bytemuck::Pod;
use half::{bf16, f16};
use numpy::{Element as Item, PyArrayDyn, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::{exceptions::PyValueError, prelude::*};
use varscale::{Draw, Dtype, Element, Slice};

use crate::{error::refused, threads};

/// Fills `array`, C-contiguous and in native byte order, with the box of `draw` at `offset` that has
/// the array's shape. NumPy's 16-bit types come as `uint16`: it knows no bfloat16 of its own.
pub(crate) fn fill(
    draw: &Draw,
    array: &Bound<'_, PyAny>,
    dtype: Dtype,
    offset: Vec<usize>,
) -> PyResult<()> {
    match dtype {
        Dtype::Float16 => fill_items::<u16, f16>(draw, array, offset),
        Dtype::BFloat16 => fill_items::<u16, bf16>(draw, array, offset),
        Dtype::Float32 => fill_items::<f32, f32>(draw, array, offset),
        Dtype::Float64 => fill_items::<f64, f64>(draw, array, offset),
    }
}

fn fill_items<I, T>(draw: &Draw, array: &Bound<'_, PyAny>, offset: Vec<usize>) -> PyResult<()>
where
    I: Item + Pod,
    T: Element + Pod,
{
    let array = array.cast::<PyArrayDyn<I>>()?;
    if !array.is_c_contiguous() {
        return Err(PyValueError::new_err("the array is not C-contiguous"));
    }
    let slice = Slice::new(offset, array.shape());
    let mut array = array.try_readwrite()?;
    let py = array.py();
    let items: &mut [T] = bytemuck::cast_slice_mut(array.as_slice_mut()?);
    py.detach(|| threads::with(items.len(), || draw.fill_slice(&slice, items))).map_err(refused)
}
