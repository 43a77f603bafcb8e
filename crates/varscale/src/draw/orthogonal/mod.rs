//! Orthogonal matrices, column by column, and not by a QR decomposition of a drawn one.
//!
//! G. W. Stewart: "The efficient generation of random orthogonal matrices with an application to
//! condition estimators" (SIAM J. Numer. Anal. 17, 1980); F. Mezzadri: "How to generate random
//! matrices from the classical compact groups" (Notices of the AMS 54, 2007).
//!
//! ```text
//! the longer side has m indices i, the shorter n indices k; of equal ones, the first axis has k
//! x_k   = (x_ik for i from k on): the stream's float64 standard normal of that element
//! H_k   = the reflection that takes x_k to -sign(x_kk) |x_k| e_k; d_k = -sign(x_kk)
//! column j = d_j H_1 ... H_n e_j = d_j H_1 ... H_j e_j
//! ```
//!
//! This is the Q of the decomposition of a matrix of normals whose R has a positive diagonal, which
//! is distributed by Haar's measure, since the part of that matrix that is left after k reflections
//! is one of independent normals again: it need not be computed, but can be drawn.
//!
//! A column costs what it takes to draw the vectors in front of it and to apply them, about 4 m j
//! operations, whatever other columns are wanted and however many rows of it. Vectors are drawn anew
//! for every panel of columns, and are not kept.

mod kernel;
#[cfg(test)]
mod tests;

use alloc::{boxed::Box, vec, vec::Vec};

use self::kernel::{Apply, BLOCK, Finish, LANES, Reflect, Strip};
use super::rows::Rows;
use crate::{
    dtype::{Dtype, with_dtypes},
    error::Error,
    schemes::Orthogonal,
    shape::Slice,
    simd::{Level, Round},
    streams::values::{AnyValues, Fill, Values},
};

/// Bytes of a panel of columns, of which each thread has one, unless a few columns take more.
const PANEL: usize = 64 << 20;

/// Columns of a panel, so that few panels draw the same vectors.
const WIDEST: usize = 512;

/// Operations below which a second thread costs more than it brings.
#[cfg(feature = "parallel")]
const PARALLEL: u64 = 1 << 24;

macro_rules! every_dtype {
    ($($(#[$doc:meta])* $variant:ident: $type:ty, $name:literal, $aliases:expr, $max:expr, $normal:expr, $least:expr;)*) => {
        /// The values of the matrices that fill a shape, made of the normals at its places in the
        /// whole tensor.
        pub(super) fn open(
            matrix: &Orthogonal,
            shape: &[usize],
            places: &Rows,
            normals: Box<Fill<f64>>,
            level: Level,
            dtype: Dtype,
        ) -> AnyValues {
            match dtype {
                $(Dtype::$variant => {
                    Box::new(values::<$type>(matrix, shape, places, normals, level))
                })*
            }
        }
    };
}

with_dtypes!(every_dtype);

fn values<T: Round + Send>(
    matrix: &Orthogonal,
    shape: &[usize],
    places: &Rows,
    normals: Box<Fill<f64>>,
    level: Level,
) -> Values<T> {
    let (matrix, shape, places) = (matrix.clone(), shape.to_vec(), places.clone());
    Values::Boxes(Box::new(move |part, out, stopped| {
        if out.is_empty() {
            return Ok(());
        }
        let sides = Sides::of(&matrix, &shape);
        let matrices = Matrices {
            long: table(&sides.long, &vec![0; shape.len()], &shape, &strides(&shape, None))?,
            short: table(&sides.short, &vec![0; shape.len()], &shape, &strides(&shape, None))?,
            gain: matrix.gain,
            normals: &*normals,
            places: &places,
            level,
            stopped,
        };
        let wanted = Wanted::new(&sides, &shape, part)?;
        matrices.fill(&wanted, out)
    }))
}

/// The axes of the longer and of the shorter side of a matrix, and those along which there are many.
struct Sides {
    long: Vec<usize>,
    short: Vec<usize>,
    batch: Vec<usize>,
}

impl Sides {
    fn of(matrix: &Orthogonal, shape: &[usize]) -> Self {
        let (columns, batch) = (matrix.column_axes.clone(), matrix.batch_axes.clone());
        let rows: Vec<usize> = (0..shape.len())
            .filter(|axis| !columns.contains(axis) && !batch.contains(axis))
            .collect();
        let [height, width] = matrix.matrix;
        let columns_first = columns.first() < rows.first();
        let (long, short) = if height > width || height == width && columns_first {
            (rows, columns)
        } else {
            (columns, rows)
        };
        Self { long, short, batch }
    }
}

/// Row-major strides of a shape; of some of its axes as if there were no others.
fn strides(shape: &[usize], axes: Option<&[usize]>) -> Vec<u64> {
    let mut strides = vec![0; shape.len()];
    let mut stride = 1u64;
    for axis in (0..shape.len()).rev() {
        if axes.is_none_or(|axes| axes.contains(&axis)) {
            strides[axis] = stride;
            stride = stride.wrapping_mul(shape[axis] as u64);
        }
    }
    strides
}

/// What every index of a box along these axes, in row-major order, adds to an index by strides.
fn table(
    axes: &[usize],
    offset: &[usize],
    extent: &[usize],
    strides: &[u64],
) -> Result<Vec<u64>, Error> {
    let length: u128 = axes.iter().map(|&axis| extent[axis] as u128).product();
    let mut table = reserved(length, size_of::<u64>())?;
    table.push(0);
    for &axis in axes {
        // From the last: each entry makes way for as many as there are indices.
        let before = table.len();
        table.resize(before * extent[axis], 0);
        for at in (0..before).rev() {
            for index in (0..extent[axis]).rev() {
                table[at * extent[axis] + index] =
                    table[at] + (offset[axis] + index) as u64 * strides[axis];
            }
        }
    }
    Ok(table)
}

/// Room for so many elements.
fn reserved<T>(length: u128, size: usize) -> Result<Vec<T>, Error> {
    let memory = || Error::Memory { bytes: length * size as u128 };
    let mut room = Vec::new();
    let wanted = usize::try_from(length).map_err(|_| memory())?;
    room.try_reserve_exact(wanted).map_err(|_| memory())?;
    Ok(room)
}

/// What of the matrices is wanted: indices along both sides, and where their values go.
struct Wanted {
    long: Vec<u64>,
    short: Vec<u64>,
    long_places: Vec<u64>,
    short_places: Vec<u64>,
    /// Where each matrix begins, in the shape and in the box.
    batch: Vec<(u64, u64)>,
}

impl Wanted {
    fn new(sides: &Sides, shape: &[usize], part: &Slice) -> Result<Self, Error> {
        let Slice { offset, extent } = part;
        let (inside, whole) = (strides(extent, None), strides(shape, None));
        let indices = |axes: &[usize]| table(axes, offset, extent, &strides(shape, Some(axes)));
        let places = |axes: &[usize]| table(axes, &vec![0; shape.len()], extent, &inside);
        let batch = table(&sides.batch, offset, extent, &whole)?;
        Ok(Self {
            long: indices(&sides.long)?,
            short: indices(&sides.short)?,
            long_places: places(&sides.long)?,
            short_places: places(&sides.short)?,
            batch: batch.into_iter().zip(places(&sides.batch)?).collect(),
        })
    }
}

/// Some columns of a matrix, rounded: by strips.
struct Panel<T> {
    /// Of the columns that are wanted.
    first: usize,
    /// Where the matrix begins in the box.
    begin: u64,
    strips: Vec<Vec<[T; LANES]>>,
}

impl<T: Round> Panel<T> {
    fn write(&self, wanted: &Wanted, out: &mut [T]) {
        for (strip, places) in
            self.strips.iter().zip(wanted.short_places[self.first..].chunks(LANES))
        {
            for (values, row) in strip.iter().zip(&wanted.long_places) {
                for (value, column) in values.iter().zip(places) {
                    out[(self.begin + row + column) as usize] = *value;
                }
            }
        }
    }
}

/// All matrices of a shape.
struct Matrices<'a> {
    /// What each index of a side adds to the index of an element in the shape.
    long: Vec<u64>,
    short: Vec<u64>,
    gain: f64,
    normals: &'a Fill<f64>,
    /// Where the elements of the shape lie in the whole tensor.
    places: &'a Rows,
    level: Level,
    stopped: &'a (dyn Fn() -> bool + Sync),
}

impl Matrices<'_> {
    fn fill<T: Round + Send>(&self, wanted: &Wanted, out: &mut [T]) -> Result<(), Error> {
        let width = self.width(wanted.short.len());
        let panels = wanted.short.len().div_ceil(width);
        // The last columns take longest.
        let panel = |at: usize| {
            let first = (panels - 1 - at % panels) * width;
            let (matrix, begin) = wanted.batch[at / panels];
            let last = wanted.short.len().min(first + width);
            let strips = self.columns(matrix, &wanted.short[first..last], &wanted.long)?;
            Ok(Panel { first, begin, strips })
        };
        let panels = panels * wanted.batch.len();
        #[cfg(feature = "parallel")]
        if self.operations(wanted) >= PARALLEL && rayon::current_num_threads() > 1 {
            use rayon::prelude::*;
            let out = std::sync::Mutex::new(out);
            return (0..panels).into_par_iter().with_max_len(1).try_for_each(|at| {
                let panel = panel(at)?;
                // Poisoned by a panic only, which rayon hands on.
                let mut out = out.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                panel.write(wanted, &mut out);
                Ok(())
            });
        }
        (0..panels).try_for_each(|at| panel(at).map(|panel| panel.write(wanted, out)))
    }

    /// Columns of a panel.
    fn width(&self, columns: usize) -> usize {
        #[cfg(feature = "parallel")]
        let threads = rayon::current_num_threads();
        #[cfg(not(feature = "parallel"))]
        let threads = 1;
        let fair = columns.div_ceil(2 * threads).clamp(64, WIDEST);
        let room = PANEL / size_of::<f64>() / self.long.len();
        fair.min(room).max(1).next_multiple_of(LANES)
    }

    #[cfg(feature = "parallel")]
    fn operations(&self, wanted: &Wanted) -> u64 {
        let [m, n, columns] = [&self.long, &self.short, &wanted.short].map(|of| of.len() as u64);
        m.saturating_mul(n).saturating_mul(columns).saturating_mul(wanted.batch.len() as u64)
    }

    /// These rows of these columns of one matrix, by strips.
    fn columns<T: Round>(
        &self,
        matrix: u64,
        columns: &[u64],
        rows: &[u64],
    ) -> Result<Vec<Vec<[T; LANES]>>, Error> {
        let height = self.long.len();
        let mut strips = columns
            .chunks(LANES)
            .map(|columns| {
                let mut strip = reserved(height as u128, size_of::<[f64; LANES]>())?;
                strip.resize(height, [0.0; LANES]);
                for (lane, &column) in columns.iter().enumerate() {
                    strip[column as usize][lane] = 1.0;
                }
                Ok(strip)
            })
            .collect::<Result<Vec<Vec<[f64; LANES]>>, Error>>()?;
        let mut signs = vec![1.0; columns.len()];
        let blocks = columns.iter().max().map_or(0, |&last| last as usize / BLOCK + 1);
        let mut block = reserved(height as u128, size_of::<[f64; BLOCK]>())?;
        for first in (0..blocks).rev().map(|block| block * BLOCK) {
            if (self.stopped)() {
                return Ok(Vec::new());
            }
            block.clear();
            block.resize(height - first, [0.0; BLOCK]);
            let reflectors = BLOCK.min(self.short.len() - first);
            self.draw(matrix, first, reflectors, &mut block);
            let factor = self.level.run(Reflect { rows: &mut block, reflectors });
            for (sign, &column) in signs.iter_mut().zip(columns) {
                if let Some(of) = factor.signs.get((column as usize).wrapping_sub(first)) {
                    *sign = *of;
                }
            }
            // Reflectors leave the columns in front of them alone.
            let behind = |columns: &[u64]| columns.iter().any(|&column| column as usize >= first);
            let mut touched: Vec<&mut Strip> = strips
                .iter_mut()
                .zip(columns.chunks(LANES))
                .filter(|(_, columns)| behind(columns))
                .map(|(strip, _)| &mut strip[first..])
                .collect();
            self.level.run(Apply { rows: &block, factor: &factor, strips: &mut touched });
        }
        let finish = |(strip, signs): (&Vec<[f64; LANES]>, &[f64])| {
            let mut factors = [0.0; LANES];
            for (factor, sign) in factors.iter_mut().zip(signs) {
                *factor = self.gain * sign;
            }
            let mut out = vec![[T::default(); LANES]; rows.len()];
            let bound = self.gain.abs();
            self.level.run(Finish { strip, rows, factors, bound, out: &mut out });
            out
        };
        Ok(strips.iter().zip(signs.chunks(LANES)).map(finish).collect())
    }

    /// Draws the normals of so many columns from the `first` on, and its row.
    fn draw(&self, matrix: u64, first: usize, columns: usize, block: &mut kernel::Rows) {
        let (long, short) = (&self.long[first..], &self.short[first..first + columns]);
        let by_rows = runs(short).count() * long.len();
        let by_columns = runs(long).count() * short.len();
        if by_rows <= by_columns {
            for (row, values) in long.iter().zip(block) {
                for (at, length) in runs(short) {
                    self.normals(matrix + row + short[at], &mut values[at..at + length]);
                }
            }
        } else {
            let mut line = vec![0.0; long.len()];
            for (at, column) in short.iter().enumerate() {
                for (at, length) in runs(long) {
                    self.normals(matrix + column + long[at], &mut line[at..at + length]);
                }
                for (values, value) in block.iter_mut().zip(&line) {
                    values[at] = *value;
                }
            }
        }
    }

    /// The normals of consecutive elements of the shape.
    fn normals(&self, first: u64, out: &mut [f64]) {
        self.places.for_runs(first, out, |index, run| (self.normals)(index, run, false));
    }
}

/// The runs of consecutive numbers: where each begins, and how long it is.
fn runs(numbers: &[u64]) -> impl Iterator<Item = (usize, usize)> {
    let mut rest = 0;
    core::iter::from_fn(move || {
        let at = rest;
        if at == numbers.len() {
            return None;
        }
        rest += 1;
        while rest < numbers.len() && numbers[rest] == numbers[rest - 1] + 1 {
            rest += 1;
        }
        Some((at, rest - at))
    })
}
