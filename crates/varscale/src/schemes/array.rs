//! Arrays: values that a user gives, which broadcast to a tensor's shape by NumPy's rule.

use alloc::{format, string::String, sync::Arc, vec::Vec};
use core::fmt;

use crate::{
    argument::ArgumentError,
    number::{Number, short},
    shape::{ShapeError, element_count},
};

/// The values of [`Scheme::constant_array`](crate::Scheme::constant_array), in row-major order. A
/// clone shares them.
///
/// ```
/// use varscale::{Array, Scheme};
/// let array = Array::new([2, 1], [1, 2].map(Into::into))?;
/// let values: Vec<f32> = Scheme::constant_array(array).with_seed(0).sample([2, 3])?;
/// assert_eq!(values, [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]);
/// # Ok::<(), varscale::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Array(Arc<Data>);

#[derive(Debug, PartialEq)]
struct Data {
    shape: Vec<usize>,
    values: Vec<Number>,
    bounds: (f64, f64),
    origin: Option<Origin>,
}

/// What Keras's configs say of an array that was no list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// `__numpy__` or `__tensor__`.
    pub(crate) class: &'static str,
    /// Name of the dtype.
    pub(crate) dtype: String,
}

impl Array {
    /// An array of this shape, which broadcasts: `[]` is one value for every element.
    ///
    /// # Errors
    /// [`ArgumentError`] where the shape has another number of elements, or a value is not finite.
    pub fn new(
        shape: impl Into<Vec<usize>>,
        values: impl Into<Vec<Number>>,
    ) -> Result<Self, ArgumentError> {
        let (shape, values) = (shape.into(), values.into());
        if element_count(&shape) != Ok(values.len() as u64) {
            let received = format!("of {} numbers and shape {shape:?}", values.len());
            return Err(ArgumentError::new("array", received, "as many numbers as its shape has"));
        }
        let mut bounds = (f64::INFINITY, f64::NEG_INFINITY);
        for number in &values {
            let value = number.get();
            if !value.is_finite() {
                return Err(ArgumentError::new("value", number, "finite numbers"));
            }
            bounds = (bounds.0.min(value), bounds.1.max(value));
        }
        if values.is_empty() {
            bounds = (0.0, 0.0);
        }
        Ok(Self(Arc::new(Data { shape, values, bounds, origin: None })))
    }

    #[cfg(feature = "serde")]
    pub(crate) fn with_origin(&self, origin: Origin) -> Self {
        let Data { shape, values, bounds, .. } = &*self.0;
        let (shape, values) = (shape.clone(), values.clone());
        Self(Arc::new(Data { shape, values, bounds: *bounds, origin: Some(origin) }))
    }

    #[cfg(feature = "serde")]
    pub(crate) fn origin(&self) -> Option<&Origin> {
        self.0.origin.as_ref()
    }

    /// Its shape.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    /// Its values, in row-major order.
    #[must_use]
    pub fn values(&self) -> &[Number] {
        &self.0.values
    }

    /// Smallest and largest value; zeros where there is none.
    #[must_use]
    pub fn bounds(&self) -> (f64, f64) {
        self.0.bounds
    }

    /// Smallest size of a value that is not 0; 0 where there is none.
    pub(crate) fn least(&self) -> f64 {
        let sizes = self.0.values.iter().map(|value| value.get().abs());
        sizes.filter(|&size| size > 0.0).min_by(f64::total_cmp).unwrap_or(0.0)
    }

    /// Mean of the values. Broadcasting, which takes each as often, keeps it.
    #[must_use]
    pub fn mean(&self) -> f64 {
        let count = self.0.values.len().max(1) as f64;
        self.0.values.iter().map(|value| value.get() / count).sum()
    }

    /// Variance of the values.
    pub(crate) fn variance(&self) -> f64 {
        let (mean, count) = (self.mean(), self.0.values.len().max(1) as f64);
        let square = |value: &Number| (value.get() - mean) * (value.get() - mean) / count;
        self.0.values.iter().map(square).sum()
    }

    /// Of every axis of `shape`, how far apart neighbours along it are in the array.
    pub(crate) fn strides(&self, shape: &[usize]) -> Result<Vec<usize>, ShapeError> {
        let own = &self.0.shape;
        let refused = || ShapeError::Broadcast { array: own.clone(), shape: shape.to_vec() };
        let missing = shape.len().checked_sub(own.len()).ok_or_else(refused)?;
        let mut strides = alloc::vec![0; shape.len()];
        let mut stride = 1;
        for axis in (0..own.len()).rev() {
            match own[axis] {
                1 => {}
                size if size == shape[missing + axis] => strides[missing + axis] = stride,
                _ => return Err(refused()),
            }
            stride *= own[axis];
        }
        Ok(strides)
    }
}

impl fmt::Display for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = self.bounds();
        let (low, high) = (short(low, 6), short(high, 6));
        write!(f, "array of shape {:?}, values from {low} to {high}", self.shape())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strides_are_numpys() {
        let array = |shape: &[usize]| {
            Array::new(shape, vec![Number::from(1); shape.iter().product()]).unwrap()
        };
        for (own, shape, strides) in [
            (&[][..], &[2, 3][..], Some(&[0, 0][..])),
            (&[3], &[2, 3], Some(&[0, 1])),
            (&[2, 1], &[2, 3], Some(&[1, 0])),
            (&[2, 3], &[4, 2, 3], Some(&[0, 3, 1])),
            (&[1], &[], None),
            (&[1, 1], &[7], None),
            (&[3], &[1], None),
            (&[2], &[2, 3], None),
            (&[0], &[0], Some(&[1])),
            (&[0], &[1], None),
            (&[1], &[0], Some(&[0])),
        ] {
            let received = array(own).strides(shape).ok();
            assert_eq!(received.as_deref(), strides, "{own:?} to {shape:?}");
        }
    }
}
