//! Fresh memory for values: untouched, so that the threads that draw touch it side by side, and on
//! huge pages where the system has them, without which first touches take longer than drawing.
#![allow(unsafe_code)]

use alloc::vec::Vec;

use bytemuck::allocation::try_zeroed_vec;

use crate::{dtype::Element, error::Error};

/// Zeros, or an error where the allocator has no room for so many.
pub(super) fn zeros<T: Element>(elements: u64) -> Result<Vec<T>, Error> {
    let memory = || Error::Memory { bytes: u128::from(elements) * T::DTYPE.size() as u128 };
    let length = usize::try_from(elements).map_err(|_| memory())?;
    let mut values = try_zeroed_vec(length).map_err(|()| memory())?;
    ask_for_huge_pages(&mut values);
    Ok(values)
}

#[cfg(all(target_os = "linux", feature = "std"))]
fn ask_for_huge_pages<T: Element>(values: &mut [T]) {
    const PAGE: usize = 2 << 20;
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(values);
    let first = bytes.as_ptr().align_offset(PAGE).min(bytes.len());
    let whole = bytes[first..].len() / PAGE * PAGE;
    if whole > 0 {
        // SAFETY: the range lies inside `values` and begins at a page; the advice changes what the
        // memory is made of, not what it holds. Where the system refuses, nothing changes.
        unsafe {
            libc::madvise(bytes[first..].as_mut_ptr().cast(), whole, libc::MADV_HUGEPAGE);
        }
    }
}

#[cfg(not(all(target_os = "linux", feature = "std")))]
fn ask_for_huge_pages<T: Element>(_values: &mut [T]) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn are_zeros_of_the_length_asked_for() {
        for elements in [0, 1, 1 << 19, (5 << 19) + 3] {
            let values = zeros::<f32>(elements).unwrap_or_default();
            assert_eq!(values.len() as u64, elements);
            assert!(values.iter().all(|&value| value == 0.0));
        }
    }

    #[test]
    fn too_many_are_an_error() {
        assert!(matches!(zeros::<f64>(u64::MAX), Err(Error::Memory { .. })));
        assert!(matches!(zeros::<f64>(1 << 60), Err(Error::Memory { .. })));
    }
}
