//! Blocks of reflectors, and what they make of columns, in plain Rust that vectorizes.
//!
//! ```text
//! of column k of a block X of normals, below and on its diagonal:
//!     beta = -sign(x_k) |x|;  v = x / (x_k - beta), v_k = 1;  sign = sign(beta)
//!     H_k  = 1 - tau v v^T, tau = 2 / v^T v, takes x to beta e_k
//! H_1 ... H_s = 1 - V T V^T, T upper triangular:
//!     T_kk = tau_k;  T_..k = -tau_k T (V^T v_k)
//! columns: Y = Y - V (T (V^T Y))
//! ```
//!
//! Schreiber and Van Loan's compact WY form ("A storage-efficient WY representation for products of
//! Householder transformations", 1989). Every sum goes in order of its index, by parts of `PART`
//! terms where it goes over rows, and vectors hold values of different sums: so any width of them
//! gives the same bits.

use alloc::vec::Vec;

use crate::{
    math::sqrt_f64,
    simd::{Cpu, Kernel, Round},
};

/// Reflectors of a block: part of the definition, as sums go by blocks.
pub(super) const BLOCK: usize = 32;

/// Terms that are summed before the sum is added to that of the terms before them: part of the
/// definition. Rounding errors grow with this number, and with that of such parts.
const PART: usize = 128;

/// Columns that lie side by side.
pub(super) const LANES: usize = 8;

/// Columns side by side: one row of each for each row of a block.
pub(super) type Strip = [[f64; LANES]];

/// Rows of a block from its first diagonal on, first of normals, then of the reflectors' vectors.
pub(super) type Rows = [[f64; BLOCK]];

/// What a block of reflectors does, beside its vectors.
pub(super) struct Factor {
    /// The triangle T: the first index is that of the row.
    t: [[f64; BLOCK]; BLOCK],
    /// Signs that make the diagonal of R positive, so that Q is distributed by Haar's measure.
    pub(super) signs: [f64; BLOCK],
}

/// Makes reflectors of normals: those of so many columns, and beyond them none.
pub(super) struct Reflect<'a> {
    pub(super) rows: &'a mut Rows,
    pub(super) reflectors: usize,
}

impl Kernel for Reflect<'_> {
    type Output = Factor;

    #[inline(always)]
    fn run<C: Cpu>(self) -> Factor {
        let Self { rows, reflectors } = self;
        let (mut signs, mut scales) = ([1.0; BLOCK], [0.0; BLOCK]);
        for (row, values) in rows.iter_mut().enumerate().take(BLOCK) {
            values[row + 1..].fill(0.0);
        }
        let squares = squares(rows);
        for k in 0..reflectors {
            // No normal of 64 bits is 0, so neither is the norm.
            let (x, norm) = (rows[k][k], sqrt_f64(squares[k]));
            let beta = if x < 0.0 { norm } else { -norm };
            signs[k] = if x < 0.0 { 1.0 } else { -1.0 };
            scales[k] = 1.0 / (x - beta);
        }
        for row in rows.iter_mut() {
            for (value, scale) in row.iter_mut().zip(scales) {
                *value *= scale;
            }
        }
        for (k, row) in rows[..reflectors].iter_mut().enumerate() {
            row[k] = 1.0;
        }
        Factor { t: triangle::<C>(rows, reflectors), signs }
    }
}

/// The sum of squares of each column.
#[inline(always)]
fn squares(rows: &Rows) -> [f64; BLOCK] {
    let mut total = [0.0; BLOCK];
    for part in rows.chunks(PART) {
        let mut sum = [0.0; BLOCK];
        for row in part {
            for (sum, value) in sum.iter_mut().zip(row) {
                *sum += value * value;
            }
        }
        for (total, sum) in total.iter_mut().zip(sum) {
            *total += sum;
        }
    }
    total
}

#[inline(always)]
fn triangle<C: Cpu>(rows: &Rows, reflectors: usize) -> [[f64; BLOCK]; BLOCK] {
    let mut products = [[0.0; BLOCK]; BLOCK];
    for first in (0..BLOCK).step_by(LANES) {
        let strip: Vec<[f64; LANES]> =
            rows.iter().map(|row| core::array::from_fn(|lane| row[first + lane])).collect();
        for (products, sums) in products.iter_mut().zip(inner::<C>(rows, &strip)) {
            products[first..first + LANES].copy_from_slice(&sums);
        }
    }
    let mut t = [[0.0; BLOCK]; BLOCK];
    for k in 0..reflectors {
        let tau = 2.0 / products[k][k];
        for (row, t) in t[..k].iter_mut().enumerate() {
            let mut sum = 0.0;
            for (t, products) in t[row..k].iter().zip(&products[row..k]) {
                sum += t * products[k];
            }
            t[k] = -tau * sum;
        }
        t[k][k] = tau;
    }
    t
}

/// Applies a block of reflectors to strips, from the block's first row on.
pub(super) struct Apply<'a, 'b> {
    pub(super) rows: &'a Rows,
    pub(super) factor: &'a Factor,
    pub(super) strips: &'a mut [&'b mut Strip],
}

impl Kernel for Apply<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<C: Cpu>(self) {
        let Self { rows, factor, strips } = self;
        for strip in strips {
            let products = inner::<C>(rows, strip);
            let mut sums = [[0.0; LANES]; BLOCK];
            for (row, (sums, t)) in sums.iter_mut().zip(&factor.t).enumerate() {
                for (t, products) in t[row..].iter().zip(&products[row..]) {
                    for lane in 0..LANES {
                        sums[lane] += t * products[lane];
                    }
                }
            }
            subtract::<C>(rows, &sums, strip);
        }
    }
}

/// Does the same for each number below N, which is at most 8. Of a loop, LLVM may make vectors that
/// go across lanes, which takes eight times as long.
macro_rules! unrolled {
    ($at:ident in $n:ident => $step:expr) => {
        unrolled!($at in $n => $step; 0 1 2 3 4 5 6 7)
    };
    ($at:ident in $n:ident => $step:expr; $($number:literal)*) => {
        $(if $number < $n {
            let $at = $number;
            $step;
        })*
    };
}

/// Adds a multiple: of the negative, the same bits as to subtract.
#[inline(always)]
fn add(sums: &mut [f64; LANES], factor: f64, values: &[f64; LANES]) {
    for lane in 0..LANES {
        sums[lane] += factor * values[lane];
    }
}

/// V^T Y.
#[inline(always)]
fn inner<C: Cpu>(rows: &Rows, strip: &Strip) -> [[f64; LANES]; BLOCK] {
    let mut sums = [[0.0; LANES]; BLOCK];
    // As many as there are registers for.
    if C::REGISTERS >= 32 {
        inner_by::<8>(rows, strip, &mut sums);
    } else {
        inner_by::<4>(rows, strip, &mut sums);
    }
    sums
}

#[inline(always)]
fn inner_by<const N: usize>(rows: &Rows, strip: &Strip, sums: &mut [[f64; LANES]; BLOCK]) {
    for (tile, sums) in sums.as_chunks_mut::<N>().0.iter_mut().enumerate() {
        for (rows, strip) in rows.chunks(PART).zip(strip.chunks(PART)) {
            let mut part = [[0.0; LANES]; N];
            for (row, values) in rows.iter().zip(strip) {
                let row = &row.as_chunks::<N>().0[tile];
                unrolled!(k in N => add(&mut part[k], row[k], values));
            }
            for k in 0..N {
                for lane in 0..LANES {
                    sums[k][lane] += part[k][lane];
                }
            }
        }
    }
}

/// Y - V Z.
#[inline(always)]
fn subtract<C: Cpu>(rows: &Rows, z: &[[f64; LANES]; BLOCK], strip: &mut Strip) {
    if C::REGISTERS >= 32 {
        subtract_by::<8>(rows, z, strip);
    } else {
        subtract_by::<4>(rows, z, strip);
    }
}

#[inline(always)]
fn subtract_by<const N: usize>(rows: &Rows, z: &[[f64; LANES]; BLOCK], strip: &mut Strip) {
    let (tiles, last) = rows.as_chunks::<N>();
    let (strips, last_strip) = strip.as_chunks_mut::<N>();
    for (rows, values) in tiles.iter().zip(strips) {
        let mut tile = *values;
        for (k, z) in z.iter().enumerate() {
            unrolled!(row in N => add(&mut tile[row], -rows[row][k], z));
        }
        *values = tile;
    }
    for (row, values) in last.iter().zip(last_strip) {
        for (k, z) in z.iter().enumerate() {
            for lane in 0..LANES {
                values[lane] -= row[k] * z[lane];
            }
        }
    }
}

/// Multiplies some rows of a strip, and rounds them.
pub(super) struct Finish<'a, T> {
    pub(super) strip: &'a Strip,
    pub(super) rows: &'a [u64],
    /// Gain and sign.
    pub(super) factors: [f64; LANES],
    /// The largest size of a value.
    pub(super) bound: f64,
    pub(super) out: &'a mut [[T; LANES]],
}

impl<T: Round> Kernel for Finish<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<C: Cpu>(self) {
        let Self { strip, rows, factors, bound, out } = self;
        for (&row, out) in rows.iter().zip(out) {
            let values = strip[row as usize];
            for lane in 0..LANES {
                let value = (values[lane] * factors[lane]).clamp(-bound, bound);
                out[lane] = T::round(crate::simd::Real::from_f64(value));
            }
        }
    }
}
