//! The initializations that models ask for by themselves.

use candle_core::Shape;
use candle_nn::{Init, init::NormalOrUniform};
use varscale::{ArgumentError, Scheme};

/// The scheme with candle's numbers: its Kaiming counts fans by itself.
pub(crate) fn scheme(hint: Init, shape: &Shape) -> Result<Scheme, ArgumentError> {
    let elements = shape.dims().iter().try_fold(1usize, |all, &size| all.checked_mul(size));
    match hint {
        // There may be no fan to divide by, or none that can be counted, which is refused later.
        _ if elements.is_none_or(|elements| elements == 0) => Ok(Scheme::zeros()),
        Init::Const(value) => Scheme::constant(value),
        Init::Randn { mean, stdev } => Scheme::random_normal(mean, stdev),
        Init::Uniform { lo, up } => Scheme::random_uniform(lo, up),
        Init::Kaiming { dist, fan, non_linearity } => {
            let stddev = non_linearity.gain() / (fan.for_shape(shape) as f64).sqrt();
            match dist {
                NormalOrUniform::Normal => Scheme::random_normal(0, stddev),
                NormalOrUniform::Uniform => {
                    let limit = 3f64.sqrt() * stddev;
                    Scheme::random_uniform(-limit, limit)
                }
            }
        }
    }
}
