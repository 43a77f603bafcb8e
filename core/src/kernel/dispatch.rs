//! The best instruction set of this CPU for a kernel: the only file with `unsafe`.
//!
//! A kernel is one plain Rust function, compiled once per level. Its values do not depend on the
//! level: it consists of operations that IEEE 754 and integer arithmetic define exactly.
#![allow(unsafe_code)]

/// Something to run at the best level. Implementations are `#[inline(always)]`, and so is all that
/// they call: what is not inlined is compiled for the baseline.
pub(crate) trait Kernel {
    fn run(self);
}

/// An instruction set that kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Baseline,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// The levels of this CPU, best first.
    pub(crate) fn available() -> impl Iterator<Item = Self> {
        [
            #[cfg(target_arch = "x86_64")]
            Self::Avx512,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2,
            Self::Baseline,
        ]
        .into_iter()
        .filter(|level| level.detected())
    }

    fn best() -> Self {
        Self::available().next().unwrap_or(Self::Baseline)
    }

    fn detected(self) -> bool {
        #[cfg(all(target_arch = "x86_64", feature = "std"))]
        let has = |level| match level {
            Self::Baseline => true,
            Self::Avx2 => is_x86_feature_detected!("avx2"),
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            }
        };
        #[cfg(not(all(target_arch = "x86_64", feature = "std")))]
        let has = |level| level == Self::Baseline;
        has(self)
    }

    /// Runs `kernel` compiled for this level, or for the baseline where this CPU lacks it.
    pub(crate) fn run(self, kernel: impl Kernel) {
        match self {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `detected` has just found every feature that `avx512` is compiled with.
            Self::Avx512 if self.detected() => unsafe { avx512(kernel) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `detected` has just found every feature that `avx2` is compiled with.
            Self::Avx2 if self.detected() => unsafe { avx2(kernel) },
            _ => kernel.run(),
        }
    }
}

/// Runs `kernel` at the best level.
pub(crate) fn run(kernel: impl Kernel) {
    Level::best().run(kernel);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn avx512(kernel: impl Kernel) {
    kernel.run();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2(kernel: impl Kernel) {
    kernel.run();
}
