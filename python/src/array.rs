//! NumPy arrays: made, and as slices to write into.

use numpy::{Element as Item, PyArrayDyn, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::{exceptions::PyValueError, prelude::*, sync::PyOnceLock, types::PyTuple};
use varscale::{Draw, Dtype, DtypeVisitor, Element, Slice};

use crate::{
    dtype::{self, Kind},
    error::refused,
    threads,
};

/// A new array with the box of a draw at `offset`.
pub(crate) fn drawn<'py>(
    py: Python<'py>,
    draw: &Draw,
    kind: &Kind<'py>,
    offset: Vec<usize>,
    extent: &[usize],
) -> PyResult<Bound<'py, PyAny>> {
    static EMPTY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    draw.check(kind.dtype).map_err(refused)?;
    let shape = PyTuple::new(py, extent)?;
    let items = match words(kind.dtype) {
        Some(words) => words.into_pyobject(py)?.into_any(),
        None => dtype::native(py, kind.dtype)?,
    };
    let array = EMPTY.import(py, "numpy", "empty")?.call1((shape, items))?;
    fill_items(draw, &array, kind.dtype, offset)?;
    if kind.foreign.is_some() {
        array.call_method1("byteswap", (true,))?;
    }
    if words(kind.dtype).is_some() || kind.foreign.is_some() {
        return array.call_method1("view", (kind.numpy(py)?,));
    }
    Ok(array)
}

/// Fills an array, C-contiguous and in native byte order, with the box of a draw at `offset` that has
/// the array's shape.
pub(crate) fn fill(draw: &Draw, array: &Bound<'_, PyAny>, offset: Vec<usize>) -> PyResult<()> {
    let kind = Kind::new(array.py(), Some(&array.getattr("dtype")?))?;
    if kind.foreign.is_some() {
        return Err(PyValueError::new_err("the array's byte order is not this machine's"));
    }
    draw.check(kind.dtype).map_err(refused)?;
    match words(kind.dtype) {
        Some(words) => fill_items(draw, &array.call_method1("view", (words,))?, kind.dtype, offset),
        None => fill_items(draw, array, kind.dtype, offset),
    }
}

/// NumPy's integers in whose place values of a dtype are drawn: of bfloat16 and float8 it knows nothing.
fn words(dtype: Dtype) -> Option<&'static str> {
    struct Size;
    impl DtypeVisitor for Size {
        type Output = usize;
        fn visit<T: Element>(self) -> usize {
            size_of::<T>()
        }
    }
    match dtype.visit(Size) {
        1 => Some("u1"),
        2 => Some("u2"),
        _ => None,
    }
}

fn fill_items(
    draw: &Draw,
    array: &Bound<'_, PyAny>,
    dtype: Dtype,
    offset: Vec<usize>,
) -> PyResult<()> {
    dtype.visit(Fill { draw, array, offset })
}

struct Fill<'a, 'py> {
    draw: &'a Draw,
    array: &'a Bound<'py, PyAny>,
    offset: Vec<usize>,
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
        threads::fill(py, draw, &slice, items)
    }
}
