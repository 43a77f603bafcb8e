//! `TruncatedNormal`: Keras's, and with bounds of any kind.
//!
//! ```text
//! bounds: mean ± 2 stddev (Keras's); mean + lower stddev, mean + upper stddev (JAX's names);
//!         a, b (torch's). One that is left out is open where another one is given.
//! after_truncation: stddev is that of the values, and what is cut off is wider.
//! ```
//!
//! Sources: `keras/src/initializers/random_initializers.py` (Keras 3.15), `jax/_src/nn/initializers.py`,
//! `torch/nn/init.py`.

use alloc::format;

use super::{
    content::Content,
    gaussian,
    law::{Law, TRUNCATED_STDDEV, finite, not_negative},
    resolve::{Argument, Axes, Literal, Parameter, Resolve, Scaling},
};
use crate::{argument::ArgumentError, error::Error, number::Number, tensor::Tensor};

/// The parameters that [`Resolve`] reads here.
pub(super) const PARAMETERS: [Parameter; 7] = [
    Parameter::number("mean", 0.0),
    Parameter::number("stddev", 0.05),
    Parameter::extension("lower", Literal::Unset),
    Parameter::extension("upper", Literal::Unset),
    Parameter::extension("a", Literal::Unset),
    Parameter::extension("b", Literal::Unset),
    Parameter::extension("after_truncation", Literal::Flag(false)),
];

/// The numbers of [`PARAMETERS`].
#[derive(Debug)]
pub(super) struct TruncatedNormal;

/// Where a normal is cut off: a lower and an upper bound. An open one is infinite.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Bounds {
    /// In standard deviations from the mean.
    Standard(f64, f64),
    /// As values.
    Absolute(f64, f64),
}

impl Bounds {
    /// The arguments for [`PARAMETERS`] from `lower` on.
    pub(super) fn arguments(self) -> [Argument; 4] {
        let number = |bound: f64| Argument::Number(bound.into());
        match self {
            Self::Standard(lower, upper) => {
                [number(lower), number(upper), Argument::Unset, Argument::Unset]
            }
            Self::Absolute(a, b) => [Argument::Unset, Argument::Unset, number(a), number(b)],
        }
    }
}

/// Bounds as they were written; an open one is infinite.
#[derive(Clone, Copy)]
enum Written {
    Keras,
    Standard([Number; 2]),
    Absolute([Number; 2]),
}

impl Written {
    fn new(arguments: &[Argument]) -> Result<Self, ArgumentError> {
        let given: [Option<Number>; 4] = core::array::from_fn(|at| match arguments.get(at) {
            Some(&Argument::Number(number)) => Some(number),
            _ => None,
        });
        match given {
            [None, None, None, None] => Ok(Self::Keras),
            [None, None, a, b] => checked(["a", "b"], a, b).map(Self::Absolute),
            [lower, upper, None, None] => {
                checked(["lower", "upper"], lower, upper).map(Self::Standard)
            }
            [_, _, a, b] => {
                let (name, number) = if a.is_some() { ("a", a) } else { ("b", b) };
                let allowed = "left out beside lower and upper, which are in standard deviations";
                Err(ArgumentError::new(name, number.unwrap_or(f64::NAN.into()), allowed))
            }
        }
    }

    /// Refuses bounds beyond which no probability is left.
    fn check_mass(self, mean: f64, stddev: f64) -> Result<(), ArgumentError> {
        const END: f64 = gaussian::END;
        let (names, [low, high], (lower, upper), ends) = match self {
            Self::Keras => return Ok(()),
            Self::Standard(bounds) => {
                let [lower, upper] = bounds.map(Number::get);
                (["lower", "upper"], bounds, (lower, upper), [END, -END])
            }
            Self::Absolute(bounds) => {
                let [a, b] = bounds.map(Number::get);
                let ends = [mean + END * stddev, mean - END * stddev];
                (["a", "b"], bounds, gaussian::standard(mean, stddev, a, b), ends)
            }
        };
        // Two differences that overflow have no ratio.
        if lower.is_nan() || lower > END {
            let allowed = format!("at most {:?}: no probability is left above it", ends[0]);
            return Err(ArgumentError::new(names[0], low, allowed));
        }
        if upper.is_nan() || upper < -END {
            let allowed = format!("at least {:?}: no probability is left below it", ends[1]);
            return Err(ArgumentError::new(names[1], high, allowed));
        }
        Ok(())
    }
}

/// Two bounds in order, of these names.
fn checked(
    names: [&'static str; 2],
    low: Option<Number>,
    high: Option<Number>,
) -> Result<[Number; 2], ArgumentError> {
    let low = low.unwrap_or(f64::NEG_INFINITY.into());
    let high = high.unwrap_or(f64::INFINITY.into());
    if low.get().is_nan() || low.get() == f64::INFINITY {
        return Err(ArgumentError::new(names[0], low, "a finite number, or negative infinity"));
    }
    if high.get().is_nan() || high.get() == f64::NEG_INFINITY {
        return Err(ArgumentError::new(names[1], high, "a finite number, or infinity"));
    }
    if low.get().is_infinite() && high.get().is_infinite() {
        let allowed = format!("finite, or {} is: RandomNormal has no bounds", names[1]);
        return Err(ArgumentError::new(names[0], low, allowed));
    }
    if low.get() > high.get() {
        let allowed = format!("at least {}, which is {low}", names[0]);
        return Err(ArgumentError::new(names[1], high, allowed));
    }
    Ok([low, high])
}

/// The standard deviation before truncation that leaves `wanted` after it.
fn before_truncation(bounds: Written, mean: f64, stddev: Number) -> Result<f64, ArgumentError> {
    let wanted = stddev.get();
    if wanted == 0.0 {
        return Ok(wanted);
    }
    let [a, b] = match bounds {
        Written::Keras => return Ok(wanted / TRUNCATED_STDDEV),
        Written::Standard(bounds) => {
            // Refused where nothing is left, before that is divided by.
            Written::Standard(bounds).check_mass(mean, wanted)?;
            let [lower, upper] = bounds.map(Number::get);
            let left = gaussian::moments(lower, upper).1;
            if left > 0.0 {
                return Ok(wanted / left);
            }
            let allowed = "0 after truncation, since lower is upper";
            return Err(ArgumentError::new("stddev", stddev, allowed));
        }
        Written::Absolute(bounds) => bounds.map(Number::get),
    };
    let after = |stddev: f64| {
        let (lower, upper) = gaussian::standard(mean, stddev, a, b);
        // Far in a tail, a narrow normal leaves next to nothing.
        let reachable = lower <= gaussian::END && upper >= -gaussian::END;
        if reachable { stddev * gaussian::moments(lower, upper).1 } else { 0.0 }
    };
    // It grows with what is cut off, up to the uniform distribution's.
    let (mut low, mut high) = (wanted, wanted);
    for _ in 0..40 {
        if after(high) >= wanted {
            break;
        }
        (low, high) = (high, high * 2.0);
    }
    if after(high) < wanted {
        let uniform = (b / 2.0 - a / 2.0) / 1.732_050_807_568_877_2;
        let allowed = format!(
            "below {uniform:?} after truncation, which a uniform distribution from a to b has"
        );
        return Err(ArgumentError::new("stddev", stddev, allowed));
    }
    // As long as the middle is neither end.
    loop {
        let middle = low / 2.0 + high / 2.0;
        if !(low < middle && middle < high) {
            return Ok(high);
        }
        if after(middle) < wanted {
            low = middle;
        } else {
            high = middle;
        }
    }
}

fn law(arguments: &[Argument]) -> Result<Law, ArgumentError> {
    let &[Argument::Number(mean), Argument::Number(stddev), ref bounds @ .., Argument::Flag(after)] =
        arguments
    else {
        return Err(ArgumentError::new("arguments", "of another class", "mean, stddev, ..."));
    };
    let (center, mut spread) = (finite("mean", mean)?, not_negative("stddev", stddev)?);
    let bounds = Written::new(bounds)?;
    if after {
        spread = before_truncation(bounds, center, stddev)?;
    }
    bounds.check_mass(center, spread)?;
    let between = match bounds {
        Written::Keras => None,
        // Zero times an open end is no number.
        Written::Standard(_) if spread == 0.0 => Some((center, center)),
        Written::Standard(bounds) => {
            let [lower, upper] = bounds.map(|bound| center + bound.get() * spread);
            Some((lower, upper))
        }
        Written::Absolute([a, b]) => {
            if spread == 0.0 && !(a.get() <= center && center <= b.get()) {
                let allowed = format!("between a and b where stddev is 0: {a} to {b}");
                return Err(ArgumentError::new("mean", mean, allowed));
            }
            Some((a.get(), b.get()))
        }
    };
    Ok(Law::TruncatedNormal { mean: center, stddev: spread, between })
}

impl Resolve for TruncatedNormal {
    fn check(&self, arguments: &[Argument]) -> Result<(), ArgumentError> {
        law(arguments).map(drop)
    }

    fn resolve(
        &self,
        arguments: &[Argument],
        _axes: &Axes,
        _tensor: &Tensor,
    ) -> Result<(Option<Scaling>, Content), Error> {
        Ok((None, Content::Random(law(arguments)?)))
    }
}

#[cfg(test)]
mod tests {
    use alloc::{string::ToString, vec::Vec};

    use super::super::{class, scheme::Scheme};
    use super::*;

    const OPEN: Argument = Argument::Unset;

    fn number(value: f64) -> Argument {
        Argument::Number(value.into())
    }

    fn law_of(numbers: [f64; 2], bounds: [Argument; 4], after: bool) -> Result<Law, ArgumentError> {
        let mut arguments: Vec<_> = numbers.map(number).into();
        arguments.extend(bounds);
        arguments.push(Argument::Flag(after));
        Scheme::new(&class::TRUNCATED_NORMAL, arguments.clone()).and(law(&arguments))
    }

    fn bounds([lower, upper, a, b]: [f64; 4]) -> [Argument; 4] {
        [lower, upper, a, b].map(|bound| if bound.is_nan() { OPEN } else { number(bound) })
    }

    const NO: f64 = f64::NAN;
    const INF: f64 = f64::INFINITY;

    #[test]
    fn bounds_have_two_units_and_open_ends() {
        for (given, between) in [
            ([NO, NO, NO, NO], None),
            ([-3.0, 3.0, NO, NO], Some((-5.0, 7.0))),
            ([0.0, NO, NO, NO], Some((1.0, INF))),
            ([NO, 1.5, NO, NO], Some((-INF, 4.0))),
            ([-INF, 1.5, NO, NO], Some((-INF, 4.0))),
            ([NO, NO, -2.0, 2.0], Some((-2.0, 2.0))),
            ([NO, NO, NO, 2.0], Some((-INF, 2.0))),
            ([NO, NO, 50.0, INF], Some((50.0, INF))),
            ([2.0, 2.0, NO, NO], Some((5.0, 5.0))),
        ] {
            let law = law_of([1.0, 2.0], bounds(given), false).unwrap();
            assert_eq!(law, Law::TruncatedNormal { mean: 1.0, stddev: 2.0, between }, "{given:?}");
        }
    }

    #[test]
    fn bounds_that_leave_nothing_are_refused() {
        for (numbers, given, message) in [
            (
                [0.0, 1.0],
                [2.0, 1.0, NO, NO],
                "invalid upper 1.0: it must be at least lower, which is 2.0",
            ),
            ([0.0, 1.0], [NO, NO, 2.0, 1.0], "invalid b 1.0: it must be at least a, which is 2.0"),
            (
                [0.0, 1.0],
                [38.0, NO, NO, NO],
                "invalid lower 38.0: it must be at most 37.5: no probability is left above it",
            ),
            (
                [1.0, 2.0],
                [NO, NO, NO, -75.0],
                "invalid b -75.0: it must be at least -74.0: no probability is left below it",
            ),
            (
                [0.0, 1.0],
                [INF, NO, NO, NO],
                "invalid lower inf: it must be a finite number, or negative infinity",
            ),
            (
                [0.0, 1.0],
                [NO, -INF, NO, NO],
                "invalid upper -inf: it must be a finite number, or infinity",
            ),
            (
                [0.0, 1.0],
                [-INF, INF, NO, NO],
                "invalid lower -inf: it must be finite, or upper is: RandomNormal has no bounds",
            ),
            (
                [0.0, 1.0],
                [1.0, NO, NO, 1.0],
                "invalid b 1.0: it must be left out beside lower and upper, which are in standard deviations",
            ),
            (
                [3.0, 0.0],
                [NO, NO, 0.0, 1.0],
                "invalid mean 3.0: it must be between a and b where stddev is 0: 0.0 to 1.0",
            ),
        ] {
            let error = law_of(numbers, bounds(given), false).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn symmetric_bounds_leave_the_mean() {
        for given in [[-3.0, 3.0, NO, NO], [NO, NO, -1.0, 1.0], [-0.1, 0.1, NO, NO]] {
            let law = law_of([0.0, 0.02], bounds(given), false).unwrap();
            assert_eq!(law.mean(), 0.0, "{given:?}");
        }
    }

    #[test]
    fn a_standard_deviation_after_truncation_is_that_of_the_values() {
        for given in [
            [NO, NO, NO, NO],
            [-3.0, 3.0, NO, NO],
            [2.0, NO, NO, NO],
            [NO, NO, -0.5, 0.5],
            [NO, NO, 0.1, NO],
            [NO, NO, NO, 0.0],
        ] {
            let law = law_of([0.05, 0.25], bounds(given), true).unwrap();
            assert!((law.stddev() / 0.25 - 1.0).abs() < 1e-12, "{given:?}: {}", law.stddev());
        }
        let refused = |given| law_of([0.0, 0.6], bounds(given), true).unwrap_err().to_string();
        assert_eq!(
            refused([NO, NO, -1.0, 1.0]),
            "invalid stddev 0.6: it must be below 0.5773502691896258 after truncation, which a \
             uniform distribution from a to b has"
        );
        assert_eq!(
            refused([1.0, 1.0, NO, NO]),
            "invalid stddev 0.6: it must be 0 after truncation, since lower is upper"
        );
        assert!(law_of([0.0, 0.0], bounds([1.0, 1.0, NO, NO]), true).is_ok());
    }
}
