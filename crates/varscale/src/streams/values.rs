//! What a stream is asked for, and what it gives.

use alloc::boxed::Box;
use core::any::Any;

use crate::{
    argument::ArgumentError, dtype::Element, error::Error, schemes::Law, shape::Slice, simd::Ieee,
};

/// One draw: all that its values depend on, but their index and their dtype.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Request {
    pub(crate) law: Law,
    /// As the user gave it.
    pub(crate) seed: i128,
    /// Calls made before this one: 0 for an integer seed, unless its stream counts draws.
    pub(crate) call: u32,
    /// Digest of the tensor's name: of account to the native stream only.
    pub(crate) name: u128,
    /// Of the whole tensor.
    pub(crate) elements: u64,
    /// TensorFlow's global seed: of account under `tf-keras-2.9` only.
    pub(crate) global_seed: Option<u32>,
}

/// Fills a slice with the values from a row-major index of the global shape on. The flag: the slice
/// is part of more than caches hold.
pub(crate) type Fill<T> = dyn Fn(u64, &mut [T], bool) + Send + Sync;

/// As [`Fill`], from no index in front of where the last call ended. The flag: rayon's current pool
/// is to be used.
type FillNext<T> = dyn FnMut(u64, &mut [T], bool) + Send;

/// Fills a slice with the values of a box, unless the function says to stop.
pub(crate) type FillBox<T> =
    dyn Fn(&Slice, &mut [T], &(dyn Fn() -> bool + Sync)) -> Result<(), Error> + Send + Sync;

/// The values of a draw in one dtype.
pub(crate) enum Values<T> {
    /// Each costs nothing but itself.
    RandomAccess(Box<Fill<T>>),
    /// Each costs those in front of it.
    #[cfg_attr(not(feature = "keras-streams"), allow(dead_code))]
    Sequential(Box<FillNext<T>>),
    /// Each costs much that others share.
    Boxes(Box<FillBox<T>>),
}

/// [`Values`] of a type that is known at run time only.
pub(crate) type AnyValues = Box<dyn Any + Send>;

impl<T> Values<T> {
    pub(crate) fn random_access(
        fill: impl Fn(u64, &mut [T], bool) + Send + Sync + 'static,
    ) -> Self {
        Self::RandomAccess(Box::new(move |start, out, exceeds_caches| {
            let _ieee = Ieee::new();
            fill(start, out, exceeds_caches);
        }))
    }
}

/// Values that were opened in this dtype.
pub(crate) fn typed<T: Element>(values: AnyValues) -> Result<Values<T>, Error> {
    let other = |_| ArgumentError::new("dtype", T::DTYPE, "the one that was opened");
    let values: Box<Values<T>> = values.downcast().map_err(other)?;
    Ok(*values)
}
