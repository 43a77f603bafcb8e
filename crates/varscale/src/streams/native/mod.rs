//! The native stream: any value by itself, at memory speed. Its definition is in `DESIGN.md`.

mod bounded;
mod box_muller;
mod constants;
mod fixed;
pub(crate) mod kernel;
mod log_uniform;
mod position;
mod quantile;
mod transform;

#[cfg(test)]
pub(crate) use self::bounded::Bounds;
use self::kernel::{Computing, Run, Transform, is_normal};
pub(crate) use self::position::{Position, fnv1a_128, seed_by_name};
pub use self::transform::{NativeBounds, NativeStandard, NativeTransform};
use super::{
    definition::{Definition, in_dtypes},
    values::{Request, Values},
};
use crate::{
    dtype::{Element, with_dtypes},
    schemes::Law,
    simd::{Level, Round},
};

/// `native`.
pub(crate) struct Native;

macro_rules! every_dtype {
    ($($(#[$doc:meta])* $variant:ident: $type:ty, $name:literal, $aliases:expr, $max:expr, $normal:expr, $least:expr;)*) => {
        in_dtypes!([$($type),*], values);
    };
}

impl Definition for Native {
    const NAME: &'static str = "native";
    const ID: &'static str = "philox4x32-10/v1";

    const BEYOND_KERAS: bool = true;

    fn check_seed(seed: i128, _generator: bool) -> Result<(), &'static str> {
        let range = i128::from(i64::MIN)..=i128::from(u64::MAX);
        if range.contains(&seed) { Ok(()) } else { Err("an integer from -2^63 to 2^64 - 1") }
    }

    with_dtypes!(every_dtype);
}

fn values<T: Element + Round<Computing: Computing>>(request: &Request, level: Level) -> Values<T> {
    if let Law::LogUniform { low, high } = request.law {
        return log_uniform::values(request, level, (low, high));
    }
    let (law, position) = (request.law, Position::of(request));
    let (transform, is_normal) = (Transform::new::<T>(&law), is_normal(&law));
    Values::random_access(move |start, out, exceeds_caches| {
        T::run(level, Run { transform, position, start, exceeds_caches, out }, is_normal);
    })
}
