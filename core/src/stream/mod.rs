//! Streams: the numbered sequences of random values that a seed names.

pub(crate) mod native;

/// Id of the native stream, version included: its values never change under this id.
pub const NATIVE_STREAM: &str = "philox4x32-10/v1";
