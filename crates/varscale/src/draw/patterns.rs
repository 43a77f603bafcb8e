//! Patterns as values: any part of them, in any dtype.

use alloc::boxed::Box;

use crate::{
    dtype::{Dtype, with_dtypes},
    schemes::Pattern,
    simd::{Real, Round},
    streams::values::{AnyValues, Values},
};

macro_rules! every_dtype {
    ($($(#[$doc:meta])* $variant:ident: $type:ty, $name:literal, $max:expr;)*) => {
        /// The values of a pattern in a shape with rows of so many columns.
        pub(super) fn open(pattern: Pattern, columns: u64, dtype: Dtype) -> AnyValues {
            match dtype {
                $(Dtype::$variant => Box::new(values::<$type>(pattern, columns)),)*
            }
        }
    };
}

with_dtypes!(every_dtype);

fn values<T: Round + Send + Sync>(pattern: Pattern, columns: u64) -> Values<T> {
    let rounded = |value| T::round(T::Computing::from_f64(value));
    let zero = rounded(0.0);
    match pattern {
        Pattern::Constant { value } => {
            let value = rounded(value);
            Values::random_access(move |_, out, _| out.fill(value))
        }
        Pattern::Identity { gain } => {
            let gain = rounded(gain);
            Values::random_access(move |start, out, _| {
                out.fill(zero);
                diagonal(gain, start, columns, out);
            })
        }
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
