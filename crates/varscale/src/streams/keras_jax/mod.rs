//! Keras 3.15.1 on JAX 0.10.2, CPU: `keras-jax`, and `keras-jax-fp16fma` for its other float16.
//!
//! `keras/src/backend/jax/random.py`; `jax/_src/random/core.py`: `_uniform`, `_normal_real`,
//! `_truncated_normal`; partitionable Threefry (the default); XLA's CPU compiler with AVX2 and FMA.
//!
//! ```text
//! value i of the flat tensor, in the dtype D, each operation rounded to it:
//!     (b0, b1) = Threefry(key = (seed, call), counter = i)
//!     bits = f32: b0 ^ b1; f64: b0, b1; f16: lower 16 of b0 ^ b1; bf16: lower 8 of b0 ^ b1
//!     f = top bits of `bits`, as many as D's mantissa has, in [0, 1)
//!     u = max(low, f · (high - low) + low)      f32, f64: fused; bf16: not; f16: by CPU, see below
//!     uniform:   return u
//!     normal:    (low, high) = (the number after -1, 1); z = erf_inv(u) · sqrt(2)
//!     truncated: (low, high) = (-b, b), b = erf(2 / sqrt(2)); z likewise,
//!                clamped to the numbers next to ±2 inside
//!     return z · stddev + mean         a mean of 0 makes -0 into +0
//! f16, bf16: erf_inv in f32; parameters are rounded to f32 first
//! ```
//!
//! Random access: any range costs its own length, no matter where it starts.
//!
//! Faults of the framework, kept:
//! * float16 and bfloat16 are drawn at their own resolution: 1024 and 128 different values, biased
//!   to the low side (the first f is 0 and the last is 1 less one step). bfloat16, truncated: mean
//!   -0.017 standard deviations, largest value 0.93 of the bound.
//! * float16 depends on the CPU: with half-precision FMA (AVX512-FP16) XLA fuses u, or else it
//!   rounds twice. [`HalfFma`] says which.
//! * f32 and bfloat16 results below 2^-126 are flushed to zero, of their sign where uniform. From
//!   standard deviations of 1e-31 down.
//! * A limit above half the dtype's largest number makes `high - low` infinite, and every value
//!   infinite or, where f is 0, NaN.
//! * A call k of a generator wraps at 2^32, as its `uint32` counter does.

mod grid;
#[cfg(test)]
mod tests;
mod xla;
mod xla_data;

pub(crate) use self::grid::{Grid, HalfFma};
use self::grid::{Value, clamp};

use super::{
    definition::{Definition, in_dtypes},
    values::{Request, Values},
};
use crate::{
    bits::threefry::{self, BLOCK},
    schemes::Law,
    simd::{Fma, Kernel, Level},
};

/// `keras-jax`.
pub(crate) struct KerasJax;

impl Definition for KerasJax {
    const NAME: &'static str = "keras-jax";
    const ID: &'static str = "keras-jax (keras 3.15.1, jax 0.10.2)";

    /// JAX raises `OverflowError` for a seed that is not a `uint32`; a generator takes the same ones.
    fn check_seed(seed: i128, _generator: bool) -> Result<(), &'static str> {
        u32::try_from(seed).map(drop).map_err(|_| "an integer from 0 to 2^32 - 1")
    }

    in_dtypes!([half::f16, half::bf16, f32, f64], values);
}

fn values<T: Grid + 'static>(request: &Request, level: Level) -> Values<T> {
    values_of(request, level, HalfFma::Absent)
}

/// The values of a draw, on a CPU of either kind.
pub(super) fn values_of<T: Grid + 'static>(
    request: &Request,
    level: Level,
    half_fma: HalfFma,
) -> Values<T> {
    let request = *request;
    Values::random_access(move |start, out, _| {
        level.run(Fill { request: &request, half_fma, start, out });
    })
}

/// Values `start..` of the flat tensor, for the dispatcher.
struct Fill<'a, T> {
    request: &'a Request,
    half_fma: HalfFma,
    start: u64,
    out: &'a mut [T],
}

impl<T: Grid> Kernel for Fill<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<F: Fma>(self) {
        fill::<T, F>(self.request, self.half_fma, self.start, self.out);
    }
}

/// Fills `out` with the values from row-major index `start` on.
#[inline(always)]
fn fill<T: Grid, M: Fma>(request: &Request, half_fma: HalfFma, start: u64, out: &mut [T]) {
    let run = Run { key: [request.seed as u32, request.call], start, out };
    match request.law {
        Law::Uniform { low, high } => {
            let units = Units::<T>::new(T::parameter(low), T::parameter(high), half_fma);
            run.fill(each(uniform::<T, M>(units)));
        }
        Law::Normal { mean, stddev } => {
            let units = Units::<T>::new(T::AFTER_MINUS_ONE, T::ONE, half_fma);
            run.fill(each(normal::<T, M>(units, T::parameter(mean), T::parameter(stddev))));
        }
        Law::TruncatedNormal { mean, stddev, .. } => {
            let units = Units::<T>::new(-T::ERF_BOUND, T::ERF_BOUND, half_fma);
            run.fill(each(truncated::<T, M>(units, T::parameter(mean), T::parameter(stddev))));
        }
        // Refused by `Stream::check_law`.
        Law::LogUniform { .. } => {}
    }
}

type Bits<T> = <<T as Grid>::Value as Value>::Bits;

// The closures are at the ends of functions because only there they can be marked to be inlined,
// without which they are compiled for the baseline.

#[inline(always)]
fn uniform<T: Grid, M: Fma>(units: Units<T>) -> impl Fn(Bits<T>) -> T {
    #[inline(always)]
    move |mantissa| {
        let u = units.at::<M>(mantissa);
        T::store(if u.is_nan() { T::nan(units.half_fma) } else { u })
    }
}

#[inline(always)]
fn normal<T: Grid, M: Fma>(
    units: Units<T>,
    mean: T::Value,
    stddev: T::Value,
) -> impl Fn(Bits<T>) -> T {
    #[inline(always)]
    move |mantissa| {
        let z = T::round(T::round(units.at::<M>(mantissa).erf_inv::<M>()) * T::SQRT_2);
        scaled(z, mean, stddev)
    }
}

#[inline(always)]
fn truncated<T: Grid, M: Fma>(
    units: Units<T>,
    mean: T::Value,
    stddev: T::Value,
) -> impl Fn(Bits<T>) -> T {
    #[inline(always)]
    move |mantissa| {
        let z = T::round(T::round(units.at::<M>(mantissa).erf_inv_central::<M>()) * T::SQRT_2);
        scaled(clamp(z, T::BEFORE_TWO), mean, stddev)
    }
}

/// z · stddev + mean.
#[inline(always)]
fn scaled<T: Grid>(z: T::Value, mean: T::Value, stddev: T::Value) -> T {
    T::store(T::round(T::flush(T::round(T::flush(z * stddev)) + mean)))
}

/// Uniform numbers in [low, high).
#[derive(Clone, Copy)]
struct Units<T: Grid> {
    low: T::Value,
    spread: T::Value,
    half_fma: HalfFma,
}

impl<T: Grid> Units<T> {
    #[inline(always)]
    fn new(low: T::Value, high: T::Value, half_fma: HalfFma) -> Self {
        Self { low, spread: T::round(T::flush(high - low)), half_fma }
    }

    #[inline(always)]
    fn at<M: Fma>(&self, mantissa: Bits<T>) -> T::Value {
        let f = T::Value::unit(mantissa, T::MANTISSA);
        let u = T::affine::<M>(f, self.spread, self.low, self.half_fma);
        if u < self.low { self.low } else { u }
    }
}

/// A transform of mantissas to values, one by one.
#[inline(always)]
fn each<B: Copy, T>(value: impl Fn(B) -> T) -> impl Fn(&[B], &mut [T]) {
    #[inline(always)]
    move |mantissas, out| {
        for (slot, &mantissa) in out.iter_mut().zip(mantissas) {
            *slot = value(mantissa);
        }
    }
}

/// A transform of mantissas to values known before.
#[inline(always)]
fn looked_up<T: Grid>(table: &[T; MOST_VALUES]) -> impl Fn(Bits<T>) -> T {
    #[inline(always)]
    move |mantissa| table[T::Value::index(mantissa) % MOST_VALUES]
}

/// A run of consecutive values of a tensor.
struct Run<'a, T> {
    key: [u32; 2],
    start: u64,
    out: &'a mut [T],
}

impl<T: Grid> Run<'_, T> {
    #[inline(always)]
    fn fill(self, transform: impl Fn(&[Bits<T>], &mut [T])) {
        // All the values that a 16-bit dtype has, computed once where more are wanted.
        let mut table = [T::default(); MOST_VALUES];
        if (1..=self.out.len() / 2).contains(&T::VALUES) {
            let mut mantissas = [Default::default(); MOST_VALUES];
            for (slot, mantissa) in mantissas.iter_mut().zip(0u16..) {
                *slot = mantissa.into();
            }
            transform(&mantissas[..T::VALUES], &mut table[..T::VALUES]);
            self.blocks(each(looked_up::<T>(&table)));
        } else {
            self.blocks(transform);
        }
    }

    #[inline(always)]
    fn blocks(self, transform: impl Fn(&[Bits<T>], &mut [T])) {
        let mut mantissas = [Default::default(); BLOCK];
        let (mut start, mut out) = (self.start, self.out);
        while !out.is_empty() {
            let length = out.len().min(BLOCK - (start % BLOCK as u64) as usize);
            let (now, later) = out.split_at_mut(length);
            let mantissas = &mut mantissas[..length];
            threefry::words(self.key, start, mantissas, T::mantissa);
            transform(mantissas, now);
            (start, out) = (start.wrapping_add(length as u64), later);
        }
    }
}

/// Of float16, which has the most of the dtypes that have few.
const MOST_VALUES: usize = 1024;
