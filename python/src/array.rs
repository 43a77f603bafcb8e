//! NumPy arrays as slices to write into.

use numpy::{Element as Item, PyArrayDyn, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::{exceptions::PyValueError, prelude::*};
use varscale::{Draw, DtypeVisitor, Element, Slice};

use crate::{error::refused, threads};

/// Fills an array, C-contiguous and in native byte order, with the box of a draw at `offset` that has
/// the array's shape. NumPy's 8 and 16-bit types come as unsigned integers: it knows no bfloat16 of
/// its own.
pub(crate) struct Fill<'a, 'py> {
    pub(crate) draw: &'a Draw,
    pub(crate) array: &'a Bound<'py, PyAny>,
    pub(crate) offset: Vec<usize>,
}

impl DtypeVisitor for Fill<'_, '_> {
    type Output = PyResult<()>;

    fn visit<T: Element>(self) -> PyResult<()> {
        match size_of::<T>() {
            1 => self.fill::<u8, T>(),
            2 => self.fill::<u16, T>(),
            4 => self.fill::<f32, T>(),
            _ => self.fill::<f64, T>(),
        }
    }
}

impl Fill<'_, '_> {
    fn fill<I: Item + bytemuck::Pod, T: Element>(self) -> PyResult<()> {
        let Self { draw, array, offset } = self;
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
}
