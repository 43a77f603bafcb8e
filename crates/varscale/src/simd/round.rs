//! How each dtype is rounded to: one implementation for each.

use half::{bf16, f16};

use super::{
    kernel::{Cpu, Kernel},
    level::Level,
    narrow::{to_bf16, to_f8_e4m3, to_f8_e5m2, to_f16},
};
use crate::float8::{F8E4M3, F8E5M2};

/// A type that values are computed in: f32, or f64 for float64.
pub(crate) trait Real: bytemuck::Pod + PartialOrd + Send + Sync {
    /// A number, rounded to nearest.
    fn from_f64(value: f64) -> Self;
}

impl Real for f32 {
    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value as Self
    }
}

impl Real for f64 {
    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value
    }
}

/// How a dtype is rounded to: one implementation for each.
pub(crate) trait Round: bytemuck::Pod + Default {
    /// The type that its values are computed in.
    type Computing: Real;

    /// The one rounding of a computed value, to nearest even.
    fn round(value: Self::Computing) -> Self;

    /// `out` itself, where it is of the computing type.
    #[inline(always)]
    fn as_computing(_out: &mut [Self]) -> Option<&mut [Self::Computing]> {
        None
    }

    /// As [`Round::round`] of each value.
    #[inline(always)]
    fn round_all<C: Cpu>(values: &[Self::Computing], out: &mut [Self]) {
        for (out, &value) in out.iter_mut().zip(values) {
            *out = Self::round(value);
        }
    }

    /// Runs a kernel that rounds to this type. `is_normal`: none of its values is subnormal.
    fn run<K: Kernel>(level: Level, kernel: K, _is_normal: bool) -> K::Output {
        level.run(kernel)
    }
}

impl Round for f16 {
    type Computing = f32;

    #[inline(always)]
    fn round(value: f32) -> Self {
        to_f16(value)
    }

    #[inline(always)]
    fn round_all<C: Cpu>(values: &[f32], out: &mut [Self]) {
        C::round_f16(values, out);
    }
}

impl Round for bf16 {
    type Computing = f32;

    #[inline(always)]
    fn round(value: f32) -> Self {
        to_bf16(value)
    }

    #[inline(always)]
    fn round_all<C: Cpu>(values: &[f32], out: &mut [Self]) {
        C::round_bf16(values, out);
    }

    fn run<K: Kernel>(level: Level, kernel: K, is_normal: bool) -> K::Output {
        if is_normal { level.run_to_bf16(kernel) } else { level.run(kernel) }
    }
}

impl Round for F8E4M3 {
    type Computing = f32;

    #[inline(always)]
    fn round(value: f32) -> Self {
        to_f8_e4m3(value)
    }
}

impl Round for F8E5M2 {
    type Computing = f32;

    #[inline(always)]
    fn round(value: f32) -> Self {
        to_f8_e5m2(value)
    }
}

/// Of a type that is computed in itself.
macro_rules! exact {
    ($($type:ty),*) => {$(
        impl Round for $type {
            type Computing = Self;

            #[inline(always)]
            fn round(value: Self) -> Self {
                value
            }

            #[inline(always)]
            fn as_computing(out: &mut [Self]) -> Option<&mut [Self]> {
                Some(out)
            }

            #[inline(always)]
            fn round_all<C: Cpu>(values: &[Self], out: &mut [Self]) {
                out.copy_from_slice(values);
            }
        }
    )*};
}

exact!(f32, f64);
