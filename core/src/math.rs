//! Square roots, correctly rounded everywhere: the one operation that `core` lacks without `std`.

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
}

#[cfg(not(feature = "std"))]
mod imp {
    pub(crate) use libm::{sqrt as sqrt_f64, sqrtf as sqrt_f32};
}

pub(crate) use imp::{sqrt_f32, sqrt_f64};
