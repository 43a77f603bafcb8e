//! What other executors need to make of a word what the kernel makes of it, in float32.

use alloc::{vec, vec::Vec};

use super::{
    bounded::{self, Bounds},
    box_muller, constants as k,
    kernel::{Computing, Transform, is_far, is_normal},
    quantile,
};
use crate::{
    dtype::{Dtype, DtypeVisitor, Element},
    schemes::Law,
    simd::{Cpu, Kernel, Level},
};

/// How the native stream makes a value of a word in float32, as other executors need it (a GPU, XLA, a
/// browser): the standard value, times `scale`, plus `shift`, not below `low` and not above `high`,
/// rounded to the dtype once. Every number is one of float32, and every operation IEEE's, in this order.
///
/// ```
/// use varscale::{Dtype, Scheme};
/// let draw = Scheme::he_normal().with_seed(42).draw([784, 256])?;
/// let transform = draw.native().unwrap().transform(Dtype::Float32).unwrap();
/// let standard = transform.values(&[7, 1 << 31]);
/// assert!(standard[0] > 0.0 && standard[1] == -2.0);
/// # Ok::<(), varscale::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct NativeTransform {
    /// What is computed of the words alone.
    pub standard: NativeStandard,
    /// By which the standard value is multiplied: positive, but for mirrored bounds.
    pub scale: f32,
    /// What is added then.
    pub shift: f32,
    /// Below which no value is: −∞ where nothing is clamped.
    pub low: f32,
    /// Above which no value is: ∞ where nothing is clamped.
    pub high: f32,
}

/// A standard distribution of the native stream in float32, under the formulas of `DESIGN.md`.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum NativeStandard {
    /// u = (word | 1) / 2^31, signed.
    Uniform,
    /// The quantile of a normal truncated to [−2, 2].
    TruncatedNormal,
    /// The quantile of a normal truncated to other bounds.
    BoundedNormal(NativeBounds),
    /// Box and Muller's, of two words.
    Normal,
}

impl NativeStandard {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::TruncatedNormal => "truncated_normal",
            Self::BoundedNormal(_) => "bounded_normal",
            Self::Normal => "normal",
        }
    }
}

/// What bounds come to in the quantile of a normal that is truncated to them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NativeBounds(Bounds<f32>);

impl NativeBounds {
    /// The numbers by their names, flags as 0 or 1.
    ///
    /// `tails`: a value may be in a tail, where 1 + x or 1 − x is below `switch`. `mirrored`: words are
    /// inverted. x is `base` + `slope` · u, both times M, or by 1 + u where it is counted `from_lower`.
    /// 1 + x is `low_base` + `low_slope` · (1 + u), 1 − x is `high_base` + `high_slope` · (1 − u), and
    /// `log_shift` is −2 ln of the scale of a tail.
    #[must_use]
    pub fn numbers(&self) -> [(&'static str, f32); 11] {
        let flag = |set: bool| f32::from(u8::from(set));
        let bounds = &self.0;
        [
            ("tails", flag(bounds.tails)),
            ("mirrored", flag(bounds.mirrored)),
            ("from_lower", flag(bounds.from_lower)),
            ("base", bounds.base),
            ("slope", bounds.slope),
            ("low_base", bounds.low),
            ("low_slope", bounds.low_slope),
            ("high_base", bounds.high),
            ("high_slope", bounds.high_slope),
            ("switch", bounds.switch),
            ("log_shift", bounds.shift),
        ]
    }
}

impl NativeTransform {
    /// The constants of the formulas, under their names in the sources.
    pub const CONSTANTS: &'static [(&'static str, &'static [f32])] = &[
        ("QUANTILE_C", &[k::QUANTILE_F32_C]),
        ("QUANTILE_G", &[k::QUANTILE_F32_G]),
        ("QUANTILE_A", &k::QUANTILE_F32_A),
        ("QUANTILE_B", &k::QUANTILE_F32_B),
        ("BOX_MULLER_LN2", &[k::BOX_MULLER_F32_LN2]),
        ("BOX_MULLER_LOG", &k::BOX_MULLER_F32_LOG),
        ("BOX_MULLER_SIN", &k::BOX_MULLER_F32_SIN),
        ("BOX_MULLER_COS", &k::BOX_MULLER_F32_COS),
        ("BOUNDED_C", &[k::BOUNDED_F32_C]),
        ("BOUNDED_A", &k::BOUNDED_F32_A),
        ("BOUNDED_B", &k::BOUNDED_F32_B),
        ("BOUNDED_N", &k::BOUNDED_F32_N),
        ("BOUNDED_D", &k::BOUNDED_F32_D),
    ];

    pub(crate) fn new(law: &Law, dtype: Dtype) -> Option<Self> {
        if matches!(law, Law::LogUniform { .. }) || !is_normal(law) {
            return None;
        }
        let made = Self::of(dtype.visit(InF32(law))?);
        // Slopes are multiplied by 2^-31 and more: no product may be subnormal, which devices flush.
        if let NativeStandard::BoundedNormal(NativeBounds(bounds)) = made.standard {
            let Bounds { base, slope, low_slope, high_slope, .. } = bounds;
            let slopes = [base, slope, low_slope, high_slope];
            if !slopes.into_iter().all(|number| is_far(number.into())) {
                return None;
            }
        }
        // Executors multiply and add at other powers of two, which must not overflow.
        let near = |number: f32| number.is_infinite() || number.abs() <= (1_u128 << 120) as f32;
        [made.scale, made.shift, made.low, made.high].into_iter().all(near).then_some(made)
    }

    fn of(transform: Transform<f32>) -> Self {
        let plain = |standard, scale, shift| Self {
            standard,
            scale,
            shift,
            low: f32::NEG_INFINITY,
            high: f32::INFINITY,
        };
        match transform {
            Transform::Uniform { scale } => plain(NativeStandard::Uniform, scale, 0.0),
            Transform::UniformBetween { scale, shift, low, high } => {
                Self { low, high, ..plain(NativeStandard::Uniform, scale, shift) }
            }
            Transform::TruncatedNormal { scale } => {
                plain(NativeStandard::TruncatedNormal, scale, 0.0)
            }
            Transform::TruncatedNormalAround { scale, shift } => {
                plain(NativeStandard::TruncatedNormal, scale, shift)
            }
            Transform::BoundedNormal { bounds, scale, shift, low, high } => {
                let standard = NativeStandard::BoundedNormal(NativeBounds(bounds));
                Self { low, high, ..plain(standard, scale, shift) }
            }
            Transform::Normal { scale, shift } => plain(NativeStandard::Normal, scale, shift),
        }
    }

    /// The standard values of these words, by this CPU's kernel: what another executor is tested
    /// against. Normals take words in pairs; of a last one without a second nothing is made.
    #[must_use]
    pub fn values(&self, words: &[u32]) -> Vec<f32> {
        let mut values = vec![0.0; words.len()];
        Level::best().run(Standard { standard: self.standard, words, values: &mut values });
        if matches!(self.standard, NativeStandard::Normal) {
            values.truncate(words.len() / 2 * 2);
        }
        values
    }
}

/// The transform of a law in a dtype that is computed in float32.
struct InF32<'a>(&'a Law);

impl DtypeVisitor for InF32<'_> {
    type Output = Option<Transform<f32>>;

    fn visit<T: Element>(self) -> Self::Output {
        let law = self.0;
        match T::DTYPE {
            Dtype::Float32 => Some(Transform::new::<f32>(law)),
            Dtype::Float16 => Some(Transform::new::<crate::half::f16>(law)),
            Dtype::BFloat16 => Some(Transform::new::<crate::half::bf16>(law)),
            _ => None,
        }
    }
}

struct Standard<'a> {
    standard: NativeStandard,
    words: &'a [u32],
    values: &'a mut [f32],
}

impl Kernel for Standard<'_> {
    type Output = ();

    #[inline(always)]
    fn run<C: Cpu>(self) {
        let Self { standard, words, values } = self;
        let each = values.iter_mut().zip(words);
        match standard {
            NativeStandard::Uniform => each.for_each(|(value, &word)| {
                *value = f32::uniform(word);
            }),
            NativeStandard::TruncatedNormal => {
                each.for_each(|(value, &word)| *value = quantile::f32(word));
            }
            NativeStandard::BoundedNormal(NativeBounds(bounds)) => {
                if bounds.tails {
                    each.for_each(|(value, &word)| *value = bounded::f32::<true>(word, &bounds));
                } else {
                    each.for_each(|(value, &word)| *value = bounded::f32::<false>(word, &bounds));
                }
            }
            NativeStandard::Normal => {
                for (values, words) in values.chunks_exact_mut(2).zip(words.chunks_exact(2)) {
                    (values[0], values[1]) = box_muller::f32(words[0], words[1]);
                }
            }
        }
    }
}
