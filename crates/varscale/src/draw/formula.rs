//! Formulas as values: any part of them, in any dtype.

use alloc::{borrow::ToOwned, boxed::Box, string::ToString, vec::Vec};

use super::rows::Rows;
use crate::{
    dtype::{Dtype, Element, with_dtypes},
    error::{Error, FormulaError, StreamError},
    expression::Expression,
    schemes::{Formula, Variable},
    shape::Slice,
    simd::{Level, Real, Round},
    streams::{
        Stream,
        values::{AnyValues, Fill, Request, Values, typed},
    },
};

/// Values that are computed side by side.
const WIDTH: usize = 256;

/// Rows that are at least as long are computed by themselves: what varies from row to row only is
/// computed once for each.
const LONG_ROW: u64 = 64;

macro_rules! every_dtype {
    ($($(#[$doc:meta])* $variant:ident: $type:ty, $name:literal, $aliases:expr, $max:expr, $normal:expr, $least:expr;)*) => {
        pub(super) fn open(field: Field, dtype: Dtype) -> AnyValues {
            match dtype {
                $(Dtype::$variant => Box::new(values::<$type>(field)),)*
            }
        }
    };
}

with_dtypes!(every_dtype);

/// A value beyond what the dtype holds is infinite or no number until [`Field::refusal`] says what it was.
fn values<T: Round + Element>(field: Field) -> Values<T> {
    let max = T::DTYPE.max_value();
    Values::random_access(move |start, out, _| {
        field.fill(start, out, |value| {
            let value = if value.abs() <= max { value } else { f64::NAN };
            T::round(T::Computing::from_f64(value))
        });
    })
}

/// A formula in a shape.
pub(super) struct Field {
    expression: Expression,
    shape: Vec<usize>,
    /// What each of the expression's names is.
    numbers: Vec<Number>,
    /// Where the shape's elements lie in the whole tensor.
    places: Rows,
    /// The uniform values of the whole tensor.
    uniforms: Option<Box<Fill<f64>>>,
}

/// What a name is for the elements of a shape.
#[derive(Clone, Copy)]
enum Number {
    Constant(f64),
    /// ⌊element / stride⌋ mod size.
    Index {
        stride: u64,
        size: u64,
    },
    Uniform,
}

impl Field {
    pub(super) fn new(
        formula: &Formula,
        request: Option<&Request>,
        shape: &[usize],
        places: &Rows,
    ) -> Result<Self, Error> {
        let uniforms = match request {
            None => None,
            Some(request) => {
                let stream = Stream::Native;
                let opened = stream.open(request, Level::best(), Dtype::Float64)?;
                let Values::RandomAccess(fill) = typed(opened)? else {
                    return Err(StreamError::Formula { stream: stream.name() }.into());
                };
                Some(fill)
            }
        };
        let number = |variable| match variable {
            Variable::Rank => Number::Constant(shape.len() as f64),
            Variable::Size(axis) => Number::Constant(shape[axis] as f64),
            Variable::Index(axis) => {
                // Of an empty shape, strides may wrap; it has no elements.
                let inner = shape[axis + 1..].iter();
                let stride = inner.fold(1_u64, |stride, &size| stride.wrapping_mul(size as u64));
                Number::Index { stride, size: shape[axis] as u64 }
            }
            Variable::Uniform => Number::Uniform,
        };
        let numbers = formula.variables(shape.len())?.into_iter().map(number).collect();
        let (expression, shape) = (formula.expression.clone(), shape.to_owned());
        Ok(Self { expression, shape, numbers, places: places.clone(), uniforms })
    }

    fn fill<T>(&self, start: u64, out: &mut [T], rounded: impl Fn(f64) -> T) {
        let columns = self.shape.last().map_or(1, |&columns| columns as u64);
        let mut stack = self.expression.stack(WIDTH.min(out.len()));
        let (mut start, mut out) = (start, out);
        while !out.is_empty() {
            let mut count = WIDTH.min(out.len());
            if columns >= LONG_ROW {
                count = count.min((columns - start % columns) as usize);
            }
            let (now, later) = out.split_at_mut(count);
            let values = self.expression.side_by_side(&mut stack, count, |name, row| {
                self.number(self.numbers[name], start, row)
            });
            for (slot, &value) in now.iter_mut().zip(values) {
                *slot = rounded(value);
            }
            (start, out) = (start + count as u64, later);
        }
    }

    /// The numbers of a name from an element on, and whether they vary; the first where they do not.
    fn number(&self, number: Number, start: u64, row: &mut [f64]) -> bool {
        match number {
            Number::Constant(value) => {
                row[0] = value;
                false
            }
            Number::Index { stride, size } => {
                let mut index = start / stride % size;
                let mut left = stride - start % stride;
                row[0] = index as f64;
                if left >= row.len() as u64 {
                    return false;
                }
                for slot in row {
                    *slot = index as f64;
                    left -= 1;
                    if left == 0 {
                        index = if index + 1 == size { 0 } else { index + 1 };
                        left = stride;
                    }
                }
                true
            }
            Number::Uniform => {
                /// The smallest number above 0 that is drawn, and the largest below 1.
                const ENDS: (f64, f64) = (f64::EPSILON / 4.0, 1.0 - f64::EPSILON / 2.0);
                let Some(uniforms) = &self.uniforms else {
                    row.fill(f64::NAN);
                    return true;
                };
                self.places.for_runs(start, row, |index, run| uniforms(index, run, false));
                for value in row {
                    *value = value.clamp(ENDS.0, ENDS.1);
                }
                true
            }
        }
    }

    /// Why a value is none in a dtype, by its row-major index in the shape.
    pub(super) fn refusal(&self, index: u64, dtype: Dtype) -> FormulaError {
        let mut value = [0.0];
        self.fill(index, &mut value, |value| value);
        let (expression, index) =
            (self.expression.to_string(), Slice::whole(&self.shape).index(index));
        FormulaError { expression, index, value: value[0], dtype }
    }
}
