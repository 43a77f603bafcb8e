//! The best instruction set of this CPU.

#[cfg(not(all(target_arch = "x86_64", feature = "std")))]
use super::portable as levels;
#[cfg(all(target_arch = "x86_64", feature = "std"))]
use super::x86_64 as levels;
use super::{fma::Native, kernel::Kernel};

/// An instruction set that kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// What the crate is compiled for.
    Baseline,
    /// With fused multiply-add and float16 conversions, which all CPUs but a few with AVX2 have.
    Avx2,
    Avx512,
}

impl Level {
    /// The levels of this CPU, best first.
    pub(crate) fn available() -> impl Iterator<Item = Self> {
        [Self::Avx512, Self::Avx2, Self::Baseline].into_iter().filter(|level| level.is_available())
    }

    /// The level that fills use: the best, or a lower one that the environment asks for.
    pub(crate) fn best() -> Self {
        let best = || Self::available().next().unwrap_or(Self::Baseline);
        #[cfg(feature = "std")]
        {
            static LEVEL: std::sync::OnceLock<Level> = std::sync::OnceLock::new();
            let asked = |name| Self::available().find(|level| level.name() == name);
            *LEVEL.get_or_init(|| {
                std::env::var("VARSCALE_LEVEL").ok().and_then(asked).unwrap_or_else(best)
            })
        }
        #[cfg(not(feature = "std"))]
        best()
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    fn is_available(self) -> bool {
        match self {
            Self::Baseline => true,
            Self::Avx2 => levels::has_avx2(),
            Self::Avx512 => levels::has_avx512(),
        }
    }

    /// Runs `kernel` compiled for this level, or for the baseline where this CPU lacks it.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        let _ieee = levels::Ieee::new();
        let ran = match self {
            Self::Baseline => Err(kernel),
            Self::Avx2 => levels::avx2(kernel),
            Self::Avx512 => levels::avx512(kernel),
        };
        ran.unwrap_or_else(baseline)
    }

    /// As [`Level::run`], of a kernel that rounds to bfloat16, and no subnormal values: compiled for
    /// that instruction, too, since a call for each block would cost more than the rounding.
    pub(crate) fn run_to_bf16<K: Kernel>(self, kernel: K) -> K::Output {
        let _ieee = levels::Ieee::new();
        match self {
            Self::Avx512 => levels::avx512_bf16(kernel).unwrap_or_else(|kernel| self.run(kernel)),
            _ => self.run(kernel),
        }
    }
}

/// Not inlined, as no other level is: what stands around a kernel must not change its code.
#[inline(never)]
fn baseline<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Native>()
}

/// The instruction set that values are drawn with: `"avx512"`, `"avx2"` or `"baseline"` (what the
/// crate was compiled for, such as SSE2 or NEON). The values do not depend on it.
///
/// It is the best one of this CPU. To measure another, set the environment variable
/// `VARSCALE_LEVEL` to its name before the first draw; names that do not exist or that this CPU
/// lacks are ignored, and so is the variable without the feature `std`.
///
/// ```
/// assert!(["avx512", "avx2", "baseline"].contains(&varscale::instruction_set()));
/// ```
#[must_use]
pub fn instruction_set() -> &'static str {
    Level::best().name()
}
