//! Log-uniform values: in float64 in every dtype, rounded once, and never beyond their bounds.

use super::{
    super::values::{Request, Values},
    kernel::{BLOCK, Run, Transform},
    position::Position,
};
use crate::{
    dtype::Element,
    math::elementary::exp,
    schemes::log_uniform_center,
    simd::{Level, Real, Round},
};

pub(super) fn values<T: Element + Round>(
    request: &Request,
    level: Level,
    (low, high): (f64, f64),
) -> Values<T> {
    let (position, transform) = (Position::of(request), Transform::new::<f64>(&request.law));
    let (middle, _) = log_uniform_center(low, high);
    let (least, largest) = T::DTYPE.inside(low, high);
    let (least, largest) = (T::Computing::from_f64(least), T::Computing::from_f64(largest));
    Values::random_access(move |start, out, _| {
        let mut exponents = [0.0; BLOCK];
        let mut start = start;
        for out in out.chunks_mut(BLOCK) {
            let exponents = &mut exponents[..out.len()];
            let run = Run { transform, position, start, exceeds_caches: false, out: exponents };
            f64::run(level, run, false);
            for (slot, &exponent) in out.iter_mut().zip(&*exponents) {
                let value = T::Computing::from_f64(middle * exp(exponent));
                let value = if value < least { least } else { value };
                *slot = T::round(if value > largest { largest } else { value });
            }
            start += out.len() as u64;
        }
    })
}
