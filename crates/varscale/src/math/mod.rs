//! What `core` lacks without `std`: square roots and floors, exact everywhere; functions of f64 of our
//! own, with the same bits everywhere; and those that frameworks take from the system, and so do we.

mod double;
pub(crate) mod elementary;
pub(crate) mod trigonometric;

#[cfg(feature = "std")]
mod imp {
    #[inline(always)]
    pub(crate) fn sqrt_f32(x: f32) -> f32 {
        x.sqrt()
    }

    #[inline(always)]
    pub(crate) fn sqrt_f64(x: f64) -> f64 {
        x.sqrt()
    }

    #[inline(always)]
    pub(crate) fn floor_f64(x: f64) -> f64 {
        x.floor()
    }
}

#[cfg(not(feature = "std"))]
mod imp {
    pub(crate) use libm::{floor as floor_f64, sqrt as sqrt_f64, sqrtf as sqrt_f32};
}

/// Not in the native stream, and for float64 only: on Linux these are glibc's, as the frameworks',
/// which depend on whether the CPU has fused multiply-add.
#[cfg(all(feature = "keras-streams", feature = "std"))]
mod system {
    pub(crate) fn ln_f64(x: f64) -> f64 {
        x.ln()
    }

    pub(crate) fn log1p_f64(x: f64) -> f64 {
        x.ln_1p()
    }

    pub(crate) fn sin_f64(x: f64) -> f64 {
        x.sin()
    }

    pub(crate) fn cos_f64(x: f64) -> f64 {
        x.cos()
    }
}

#[cfg(all(feature = "keras-streams", not(feature = "std")))]
mod system {
    pub(crate) use libm::{cos as cos_f64, log as ln_f64, log1p as log1p_f64, sin as sin_f64};
}

pub(crate) use imp::{floor_f64, sqrt_f32, sqrt_f64};
#[cfg(feature = "keras-streams")]
pub(crate) use system::{cos_f64, ln_f64, log1p_f64, sin_f64};
