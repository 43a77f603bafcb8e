//! Floats of 8 bits, as OCP defines them, which `half` lacks. How values are rounded to them stands in
//! `simd::narrow`.
//!
//! Source: OCP 8-bit Floating Point Specification (OFP8), revision 1.0, 2023.

use core::fmt;

use half::f16;

macro_rules! float8 {
    ($($(#[$doc:meta])* $type:ident, $to_f32:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Default, bytemuck::Pod, bytemuck::Zeroable)]
        #[repr(transparent)]
        pub struct $type(u8);

        impl $type {
            /// The number with these bits.
            #[must_use]
            pub const fn from_bits(bits: u8) -> Self {
                Self(bits)
            }

            /// Its bits.
            #[must_use]
            pub const fn to_bits(self) -> u8 {
                self.0
            }

            /// The same number, exactly.
            #[must_use]
            pub fn to_f32(self) -> f32 {
                let to_f32: fn(u8) -> f32 = $to_f32;
                to_f32(self.0)
            }
        }

        impl From<$type> for f32 {
            fn from(number: $type) -> Self {
                number.to_f32()
            }
        }

        impl From<$type> for f64 {
            fn from(number: $type) -> Self {
                number.to_f32().into()
            }
        }

        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                self.to_f32() == other.to_f32()
            }
        }

        impl PartialOrd for $type {
            fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
                self.to_f32().partial_cmp(&other.to_f32())
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.to_f32().fmt(f)
            }
        }
    )*};
}

float8! {
    /// A float of 8 bits with 4 of exponent and 3 of mantissa, up to 448: without infinity, and with
    /// one NaN of each sign. torch and JAX call it `float8_e4m3fn`.
    ///
    /// ```
    /// use varscale::{F8E4M3, Scheme};
    /// let values: Vec<F8E4M3> = Scheme::constant(0.3)?.with_seed(0).sample([2])?;
    /// assert_eq!(values[0].to_f32(), 0.3125);
    /// assert_eq!(values, [F8E4M3::from_bits(0x2A); 2]);
    /// # Ok::<(), varscale::Error>(())
    /// ```
    F8E4M3, |bits| match bits & 0x7F {
        0x7F => f32::NAN,
        // The exponents of binary16 start 8 lower.
        _ => f16::from_bits(u16::from(bits & 0x80) << 8 | u16::from(bits & 0x7F) << 7).to_f32() * 256.0,
    };
    /// A float of 8 bits with 5 of exponent and 2 of mantissa, up to 57,344: the upper half of
    /// binary16. torch and JAX call it `float8_e5m2`.
    ///
    /// ```
    /// use varscale::{F8E5M2, Scheme};
    /// let values: Vec<F8E5M2> = Scheme::constant(0.3)?.with_seed(0).sample([2])?;
    /// assert_eq!(values[0].to_f32(), 0.3125);
    /// assert_eq!(values, [F8E5M2::from_bits(0x35); 2]);
    /// # Ok::<(), varscale::Error>(())
    /// ```
    F8E5M2, |bits| f16::from_bits(u16::from(bits) << 8).to_f32();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the definition: (-1)^sign · 2^(exponent - bias) · 1.mantissa, without the 1 below that.
    fn defined(bits: u8, mantissa: u32, bias: i32) -> f32 {
        let fraction = f32::from(bits & ((1 << mantissa) - 1)) / (1 << mantissa) as f32;
        let exponent = i32::from(bits & 0x7F) >> mantissa;
        let size = match exponent {
            0 => fraction * 2f32.powi(1 - bias),
            _ => (1.0 + fraction) * 2f32.powi(exponent - bias),
        };
        if bits < 0x80 { size } else { -size }
    }

    #[test]
    fn every_number_is_as_defined() {
        for bits in 0..=u8::MAX {
            let (e4m3, e5m2) = (F8E4M3::from_bits(bits), F8E5M2::from_bits(bits));
            assert_eq!((e4m3.to_bits(), e5m2.to_bits()), (bits, bits));
            match bits & 0x7F {
                0x7F => assert!(e4m3.to_f32().is_nan()),
                _ => assert_eq!(e4m3.to_f32().to_bits(), defined(bits, 3, 7).to_bits()),
            }
            match bits & 0x7F {
                0x7C => assert_eq!(e5m2.to_f32().abs(), f32::INFINITY),
                0x7D.. => assert!(e5m2.to_f32().is_nan()),
                _ => assert_eq!(e5m2.to_f32().to_bits(), defined(bits, 2, 15).to_bits()),
            }
        }
        assert_eq!(F8E4M3::from_bits(0x80), F8E4M3::default());
        assert_eq!(F8E4M3::from_bits(0x7E).to_f32(), 448.0);
        assert_eq!(F8E5M2::from_bits(0x7B).to_f32(), 57_344.0);
    }
}
