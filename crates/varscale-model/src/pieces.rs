//! Pieces: the values of many tensors, one after the other, as bytes through a few buffers.

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use varscale::{Draw, DtypeVisitor, Element, Pool, Slice};

use crate::{Integer, PlannedTensor, StoredDtype, stream::Stream};

/// Integers are computed by so many.
const INTEGERS: usize = 2048;

/// A slice of a draw, to be written in one dtype.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// Name of the tensor, for messages.
    pub name: String,
    /// The values.
    pub draw: Draw,
    /// Which of them.
    pub slice: Slice,
    /// What they are rounded to.
    pub dtype: StoredDtype,
}

/// How values are written. Nothing here changes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Threads that draw; 0 for one per processor. For each file at once, one more writes.
    pub threads: usize,
    /// Size in bytes of each of the buffers of a file, [`Options::BUFFERS`] at a time, which are all the
    /// memory that values take. Rounded up to a multiple of 4096.
    pub buffer: usize,
    /// How many files are written at once, at least 1.
    pub files: usize,
    /// Whether each file gets another beside it with its SHA-256 and those of its tensors, `NAME.sha256`;
    /// it takes a buffer and two threads more at a time for each of the two.
    pub digests: bool,
}

impl Default for Options {
    /// A thread per processor, two files at once, no digests, and buffers of 1 MiB per processor, but of
    /// 2 MiB at least and 8 MiB at most.
    fn default() -> Self {
        // What stays in the processor's caches reaches the disk faster, and each buffer wakes all threads.
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self { threads: 0, buffer: processors.clamp(2, 8) << 20, files: 2, digests: false }
    }
}

/// Why writing ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The bytes could not be written.
    #[error(transparent)]
    Write(#[from] io::Error),
    /// The operating system starts no threads.
    #[error(transparent)]
    Threads(varscale::Error),
    /// Less memory than the buffers take.
    #[error("cannot allocate {bytes} bytes for buffers")]
    Memory {
        /// Their size in bytes.
        bytes: usize,
    },
    /// A bound for the buffers that is too small.
    #[error("invalid memory {received}: buffers take at least {least} bytes")]
    Budget {
        /// The bound, in bytes.
        received: u64,
        /// The least, in bytes.
        least: u64,
    },
    /// A tensor that cannot be drawn.
    #[error("tensor {tensor:?}: {source}")]
    Draw {
        /// Its name.
        tensor: String,
        /// Why.
        source: Box<varscale::Error>,
    },
    /// A value of a formula that an integer type does not hold.
    #[error("tensor {tensor:?} of dtype {}", dtype.refusal(received))]
    Integer {
        /// The tensor's name.
        tensor: String,
        /// Its dtype.
        dtype: Integer,
        /// The value, and its index in the tensor.
        received: String,
    },
    /// The caller's flag was raised.
    #[error("interrupted: no file was written")]
    Interrupted,
}

/// Draws `pieces` one after the other and gives their little-endian bytes, in row-major order, to
/// `sink`, which runs on a thread of its own and gets those of one piece at a time. `progress` is told the number of bytes drawn so far.
///
/// # Errors
/// [`WriteError`]; `sink` is not called again after its first error.
///
/// ```
/// use std::sync::atomic::AtomicBool;
/// use varscale::{Dtype, Scheme, Slice};
/// use varscale_model::{Options, Piece, write_pieces};
///
/// let draw = Scheme::ones().with_seed(0).draw([2, 3])?;
/// let slice = Slice::whole(draw.shape());
/// let piece = Piece { name: "w".into(), draw, slice, dtype: Dtype::BFloat16.into() };
/// let mut bytes = Vec::new();
/// write_pieces([piece], Options::default(), &AtomicBool::new(false), &mut |_| (), &mut |some| {
///     bytes.extend_from_slice(some);
///     Ok(())
/// })?;
/// assert_eq!(bytes, [0x80, 0x3f].repeat(6));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_pieces(
    pieces: impl IntoIterator<Item = Piece>,
    options: Options,
    interrupted: &AtomicBool,
    progress: &mut dyn FnMut(u64),
    sink: &mut (dyn FnMut(&[u8]) -> io::Result<()> + Send),
) -> Result<(), WriteError> {
    let pool = Pool::new(options.threads).map_err(WriteError::Threads)?;
    options.check_memory(1)?;
    let mut done = 0;
    let mut drawn = |bytes| {
        done += bytes;
        progress(done);
    };
    let stopped = || interrupted.load(Ordering::Relaxed);
    let stream = Stream { pool: &pool, buffer: options.buffer, apart: true, stopped: &stopped };
    stream.run(&[], pieces, &mut drawn, vec![Box::new(sink)])
}

/// Fills a buffer with the next values.
pub(crate) type Fill = Box<dyn FnMut(&mut [u8]) -> Result<(), WriteError> + Send>;

impl DtypeVisitor for &Piece {
    /// What fills buffers, and the number of bytes that it gives.
    type Output = Result<(Fill, u64), WriteError>;

    fn visit<T: Element>(self) -> Self::Output {
        let failed = self.failed();
        let mut reader = self.draw.reader::<T>(&self.slice).map_err(&failed)?;
        let bytes = reader.remaining() * T::DTYPE.size() as u64;
        let fill =
            move |values: &mut [u8]| reader.fill(bytemuck::cast_slice_mut(values)).map_err(&failed);
        Ok((Box::new(fill), bytes))
    }
}

impl Piece {
    /// All values of a planned tensor.
    pub(crate) fn of(planned: &PlannedTensor) -> Self {
        let draw = planned.draw.clone();
        let slice = Slice::whole(draw.shape());
        Self { name: planned.name.to_string(), draw, slice, dtype: planned.dtype() }
    }

    /// What fills buffers with its values, and the number of their bytes.
    pub(crate) fn open(&self) -> Result<(Fill, u64), WriteError> {
        match self.dtype {
            StoredDtype::Drawn(dtype) => dtype.visit(self),
            StoredDtype::Integer(dtype) => self.integers(dtype),
        }
    }

    /// As for other dtypes.
    fn integers(&self, dtype: Integer) -> Result<(Fill, u64), WriteError> {
        let (failed, tensor, slice) = (self.failed(), self.name.clone(), self.slice.clone());
        let mut reader = self.draw.reader::<f64>(&self.slice).map_err(&failed)?;
        let elements = reader.remaining();
        let bytes = elements * dtype.size() as u64;
        let mut values = vec![0.0; INTEGERS];
        let fill =
            move |bytes: &mut [u8]| {
                bytes.chunks_mut(INTEGERS * dtype.size()).try_for_each(|bytes| {
                    let values = &mut values[..bytes.len() / dtype.size()];
                    let first = elements - reader.remaining();
                    reader.fill(values).map_err(&failed)?;
                    dtype.check_all(values, &slice, first).map_err(|received| {
                        WriteError::Integer { tensor: tensor.clone(), dtype, received }
                    })?;
                    dtype.fill(values, bytes);
                    Ok(())
                })
            };
        Ok((Box::new(fill), bytes))
    }

    fn failed(&self) -> impl Fn(varscale::Error) -> WriteError + use<> {
        let tensor = self.name.clone();
        move |source| WriteError::Draw { tensor: tensor.clone(), source: Box::new(source) }
    }
}
