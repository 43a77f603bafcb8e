//! Patterns as values: any part of them, in any dtype.

use alloc::{boxed::Box, vec::Vec};

use crate::{
    dtype::{Dtype, with_dtypes},
    schemes::Pattern,
    shape::ShapeError,
    simd::{Real, Round},
    streams::values::{AnyValues, Values},
};

macro_rules! every_dtype {
    ($($(#[$doc:meta])* $variant:ident: $type:ty, $name:literal, $aliases:expr, $max:expr, $normal:expr, $least:expr;)*) => {
        /// The values of a pattern in a shape.
        pub(super) fn open(
            pattern: &Pattern,
            shape: &[usize],
            dtype: Dtype,
        ) -> Result<AnyValues, ShapeError> {
            Ok(match dtype {
                $(Dtype::$variant => Box::new(values::<$type>(pattern, shape)?),)*
            })
        }
    };
}

with_dtypes!(every_dtype);

fn values<T: Round + Send + Sync>(
    pattern: &Pattern,
    shape: &[usize],
) -> Result<Values<T>, ShapeError> {
    let rounded = |value| T::round(T::Computing::from_f64(value));
    let zero = rounded(0.0);
    let columns = shape.last().map_or(1, |&columns| columns as u64);
    Ok(match pattern {
        Pattern::Constant { value } => {
            let value = rounded(*value);
            Values::random_access(move |_, out, _| out.fill(value))
        }
        Pattern::Identity { gain } => {
            let gain = rounded(*gain);
            Values::random_access(move |start, out, _| {
                out.fill(zero);
                diagonal(gain, start, columns, out);
            })
        }
        Pattern::Array { values } => {
            let strides = values.strides(shape)?;
            let values: Vec<T> = values.values().iter().map(|value| rounded(value.get())).collect();
            let shape = shape.to_vec();
            Values::random_access(move |start, out, _| {
                broadcast(&values, &shape, &strides, start, out);
            })
        }
    })
}

/// Fills `out` with the elements from `start` on of `values` in `shape`, row by row.
fn broadcast<T: Copy>(values: &[T], shape: &[usize], strides: &[usize], start: u64, out: &mut [T]) {
    let (&[ref outer @ .., columns], &[ref steps @ .., step]) = (shape, strides) else {
        return out.fill(values[0]);
    };
    let (mut index, mut out) = (start, out);
    while !out.is_empty() {
        let (mut row, column) = (index / columns as u64, (index % columns as u64) as usize);
        let mut first = 0;
        for (&size, &step) in outer.iter().zip(steps).rev() {
            first += (row % size as u64) as usize * step;
            row /= size as u64;
        }
        let (now, later) = out.split_at_mut((columns - column).min(out.len()));
        match step {
            0 => now.fill(values[first]),
            _ => now.copy_from_slice(&values[first + column..][..now.len()]),
        }
        (index, out) = (index + now.len() as u64, later);
    }
}

fn diagonal<T: Copy>(gain: T, start: u64, columns: u64, out: &mut [T]) {
    // Row-major, element d of the diagonal is d · (columns + 1), for d < columns. Past the end of a
    // tall or huge shape that product needs more than 64 bits.
    let (start, step) = (u128::from(start), u128::from(columns) + 1);
    for diagonal in start.div_ceil(step)..u128::from(columns) {
        match usize::try_from(diagonal * step - start).ok().and_then(|index| out.get_mut(index)) {
            Some(slot) => *slot = gain,
            None => break,
        }
    }
}
