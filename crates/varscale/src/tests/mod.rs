//! Tests of whole draws: a reference that computes one value at a time, what the fast one must share
//! with it, and the frameworks' streams against what they really drew.

mod distribution;
#[cfg(all(feature = "keras-streams", feature = "serde"))]
mod golden;
mod invariants;
#[cfg(feature = "keras-streams")]
mod reader;
mod stability;

use std::{vec, vec::Vec};

use half::{bf16, f16};

#[cfg(feature = "keras-streams")]
use crate::Distribution;
use crate::{
    Draw, Dtype, Element, F8E4M3, F8E5M2, Initializer, Law, Scheme, Slice, Stream, Tensor,
    bits::philox::philox4x32,
    draw::Source,
    math::elementary::exp,
    schemes::{gaussian, log_uniform_center},
    simd::{Level, Native, Real, Round},
    streams::{
        native::{Bounds, Position, fnv1a_128, kernel::Computing},
        values::Request,
    },
};

/// The definition of the stream, one value at a time. Rounding to 16 bits is `half`'s, to 8 a search.
fn reference<T: Reference>(law: &Law, position: Position, index: u64) -> T {
    let word = |index: u64, plane| {
        let counter = [(index / 4) as u32, ((index / 4) >> 32) as u32, position.call, plane];
        philox4x32(counter, position.key)[(index % 4) as usize]
    };
    let word = |index| T::word(word(index, 0), word(index, 1));
    let parameter = <T::Computing as Real>::from_f64;
    T::narrow(match *law {
        Law::TruncatedNormal { mean, stddev, between: Some((low, high)) } => {
            let (lower, upper) = gaussian::standard(mean, stddev, low, high);
            let bounds = Bounds::new(lower, upper);
            let stddev = parameter(if bounds.mirrored { -stddev } else { stddev });
            let value = T::Computing::bounded_normal::<Native, true>(word(index), &bounds) * stddev
                + parameter(mean);
            let (low, high) = T::DTYPE.inside(low, high);
            let (low, high) = (parameter(low), parameter(high));
            let value = if value < low { low } else { value };
            if value > high { high } else { value }
        }
        Law::TruncatedNormal { mean, stddev, between: None } => {
            T::Computing::truncated_normal::<Native>(word(index)) * parameter(stddev)
                + parameter(mean)
        }
        Law::LogUniform { low, high } => {
            let (middle, half) = log_uniform_center(low, high);
            let words = [0, 1].map(|plane| {
                let counter =
                    [(index / 4) as u32, ((index / 4) >> 32) as u32, position.call, plane];
                philox4x32(counter, position.key)[(index % 4) as usize]
            });
            let exponent = <f64 as Computing>::uniform(both(words[0], words[1])) * half;
            let value = parameter(middle * exp(exponent));
            let (low, high) = T::DTYPE.inside(low, high);
            let (low, high) = (parameter(low), parameter(high));
            let value = if value < low { low } else { value };
            if value > high { high } else { value }
        }
        Law::Normal { mean, stddev } => {
            let pair = T::Computing::normal([word(index & !1), word(index | 1)]);
            pair[(index % 2) as usize] * parameter(stddev) + parameter(mean)
        }
        Law::Uniform { low, high } => {
            let (scale, shift) = (high / 2.0 - low / 2.0, high / 2.0 + low / 2.0);
            let value = T::Computing::uniform(word(index)) * parameter(scale) + parameter(shift);
            let (low, high) =
                if size_of::<T>() == 1 { T::DTYPE.inside(low, high) } else { (low, high) };
            let value = if value < parameter(low) { parameter(low) } else { value };
            if value > parameter(high) { parameter(high) } else { value }
        }
    })
}

/// What the reference needs of an element type.
pub(crate) trait Reference: Element + Round<Computing: Computing> {
    fn word(high: u32, low: u32) -> <Self::Computing as Computing>::Word;
    fn narrow(value: Self::Computing) -> Self;
    fn bits(self) -> u64;
}

macro_rules! reference {
    ($($type:ty, $word:expr, $narrow:expr;)*) => {$(
        impl Reference for $type {
            fn word(high: u32, low: u32) -> <Self::Computing as Computing>::Word {
                $word(high, low)
            }

            fn narrow(value: Self::Computing) -> Self {
                $narrow(value)
            }

            fn bits(self) -> u64 {
                u64::from(self.to_bits())
            }
        }
    )*};
}

/// The number of 8 bits that is nearest to a finite one, of two the even one.
fn nearest<T: Element>(value: f32, from_bits: fn(u8) -> T) -> T {
    let sign = if value.is_sign_negative() { 0x80 } else { 0 };
    let distance = |bits: u8| (from_bits(sign | bits).to_f64() - f64::from(value)).abs();
    let finite = (0..0x80).filter(|&bits| distance(bits).is_finite());
    let order = |a: &u8, b: &u8| distance(*a).total_cmp(&distance(*b)).then((a % 2).cmp(&(b % 2)));
    from_bits(sign | finite.min_by(order).unwrap())
}

fn upper(high: u32, _low: u32) -> u32 {
    high
}

fn both(high: u32, low: u32) -> u64 {
    (u64::from(high) << 32) | u64::from(low)
}

reference! {
    f16, upper, f16::from_f32;
    bf16, upper, bf16::from_f32;
    F8E4M3, upper, |value| nearest(value, F8E4M3::from_bits);
    F8E5M2, upper, |value| nearest(value, F8E5M2::from_bits);
    f32, upper, core::convert::identity;
    f64, both, core::convert::identity;
}

/// What a draw of seed 42 asks the native stream for.
fn request(draw: &Draw, name: &str, call: u32) -> Request {
    let (law, elements, name) = (*draw.law().unwrap(), draw.elements(), fnv1a_128(name.as_bytes()));
    Request { law, seed: 42, call, name, elements, global_seed: None }
}

/// A normal with standard deviation 0.05, cut off.
fn cut(mean: f64, bounds: crate::Bounds) -> Scheme {
    Scheme::truncated_normal_in(mean, 0.05, bounds).unwrap()
}

/// One initializer per distribution, with and without a shift; normals cut off at both sides, in the
/// middle, in one tail and in the other.
fn distributions() -> Vec<(&'static str, Initializer)> {
    let seed = 42;
    vec![
        ("truncated_normal", Scheme::truncated_normal(0.0, 0.05).unwrap().with_seed(seed)),
        ("truncated_normal_around", Scheme::truncated_normal(0.5, 0.05).unwrap().with_seed(seed)),
        ("normal", Scheme::random_normal(0.0, 0.05).unwrap().with_seed(seed)),
        ("normal_around", Scheme::random_normal(0.5, 0.05).unwrap().with_seed(seed)),
        ("uniform", Scheme::random_uniform(-0.05, 0.05).unwrap().with_seed(seed)),
        ("uniform_between", Scheme::random_uniform(0.25, 0.75).unwrap().with_seed(seed)),
        ("log_uniform", Scheme::log_uniform(0.001, 0.1).unwrap().with_seed(seed)),
        ("cut_at_3", cut(0.0, crate::Bounds::Standard(-3.0, 3.0)).with_seed(seed)),
        ("cut_between", cut(0.5, crate::Bounds::Absolute(0.47, 0.55)).with_seed(seed)),
        ("cut_to_a_tail", cut(0.0, crate::Bounds::Standard(4.0, f64::INFINITY)).with_seed(seed)),
        (
            "cut_to_the_left",
            cut(0.5, crate::Bounds::Absolute(f64::NEG_INFINITY, 0.46)).with_seed(seed),
        ),
    ]
}

/// Runs a check at every level of this CPU, for every dtype and distribution.
struct Runner<'a> {
    tensor: Tensor,
    call: u32,
    slice: &'a Slice,
}

impl Runner<'_> {
    /// Checks that the slice, drawn at once, equals the reference value by value.
    fn equals_reference(&self) {
        for (name, initializer) in distributions() {
            let draw = initializer.draw_call(self.tensor.clone(), self.call).unwrap();
            // `draw_call` gives an integer seed call 0: place the call by hand.
            let request = request(&draw, &self.tensor.name, self.call);
            let position = Position::of(&request);
            let source = Source::Stream(Stream::Native, request);
            let draw = Draw::new(draw.explanation().clone(), source);
            self.equals::<f16>(name, &draw, position);
            self.equals::<bf16>(name, &draw, position);
            self.equals::<F8E4M3>(name, &draw, position);
            self.equals::<F8E5M2>(name, &draw, position);
            self.equals::<f32>(name, &draw, position);
            self.equals::<f64>(name, &draw, position);
        }
    }

    fn equals<T: Reference>(&self, name: &str, draw: &Draw, position: Position) {
        let values: Vec<T> = draw.slice_to_vec(self.slice).unwrap();
        let indices = indices(draw.shape(), self.slice);
        assert_eq!(values.len(), indices.len());
        for (value, index) in values.into_iter().zip(indices) {
            let expected: T = reference(draw.law().unwrap(), position, index);
            assert!(
                value.bits() == expected.bits()
                    || (value.to_f64() == 0.0 && expected.to_f64() == 0.0),
                "{name} {:?} at {index}: {value:?}, not {expected:?}",
                T::DTYPE
            );
        }
    }
}

/// Row-major indices of a slice, by the definition.
fn indices(shape: &[usize], slice: &Slice) -> Vec<u64> {
    let mut indices = vec![0u64];
    for ((&size, &offset), &extent) in shape.iter().zip(&slice.offset).zip(&slice.extent) {
        let along = |index: u64| {
            (offset..offset + extent)
                .map(move |at| index.wrapping_mul(size as u64).wrapping_add(at as u64))
        };
        indices = indices.into_iter().flat_map(along).collect();
    }
    indices
}

#[cfg(feature = "keras-streams")]
impl Distribution {
    /// Around 0, with this standard deviation or limit as handed to a sampler.
    pub(crate) fn law(self, parameter: f64) -> Law {
        match self {
            Self::TruncatedNormal => {
                Law::TruncatedNormal { mean: 0.0, stddev: parameter, between: None }
            }
            Self::UntruncatedNormal => Law::Normal { mean: 0.0, stddev: parameter },
            Self::Uniform => Law::Uniform { low: -parameter, high: parameter },
        }
    }
}

/// A small generator for the tests' own choices (splitmix64), so that failures repeat.
struct Choices(u64);

impl Choices {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}
