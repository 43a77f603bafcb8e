//! Pieces: the values of many tensors, one after the other, as bytes through a few buffers.

use std::{
    io,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
};

use varscale::{Draw, DtypeVisitor, Element, Pool, Slice};

use crate::{Integer, PlannedTensor, StoredDtype};

/// One is drawn into while another is written and a third waits.
const BUFFERS: usize = 3;

/// Buffers hold a multiple of this many bytes, so that whole blocks of the stream are drawn.
const BUFFER_UNIT: usize = 2048;

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
    /// Threads that draw; 0 for one per processor. One more writes.
    pub threads: usize,
    /// Size in bytes of each of the three buffers, which are all the memory that values take.
    /// Rounded up to a multiple of 2048.
    pub buffer: usize,
}

impl Default for Options {
    /// A thread per processor, 8 MiB per buffer.
    fn default() -> Self {
        Self { threads: 0, buffer: 8 << 20 }
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
    /// A tensor that cannot be drawn.
    #[error("tensor {tensor:?}: {source}")]
    Draw {
        /// Its name.
        tensor: String,
        /// Why.
        source: varscale::Error,
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
/// `sink`, which runs on a thread of its own. `progress` is told the number of bytes drawn so far.
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
    // Words of 8 bytes, so that a buffer is aligned for every element.
    let words = options.buffer.div_ceil(BUFFER_UNIT).max(1) * BUFFER_UNIT / 8;

    check_memory(BUFFERS * words * 8)?;
    let (full, to_write) = mpsc::sync_channel::<(Vec<u64>, usize)>(BUFFERS);
    let (written, empty) = mpsc::sync_channel::<Vec<u64>>(BUFFERS);
    for _ in 0..BUFFERS {
        // Cannot fail: `empty` is still here.
        let _ = written.send(vec![0; words]);
    }
    thread::scope(|scope| {
        let writer = move || {
            for (buffer, length) in to_write {
                sink(&bytemuck::cast_slice(&buffer)[..length])?;
                // Nobody takes it when all is drawn.
                let _ = written.send(buffer);
            }
            Ok(())
        };
        let writer = thread::Builder::new().spawn_scoped(scope, writer).map_err(|error| {
            let reason = error.to_string();
            WriteError::Threads(varscale::Error::Threads { threads: 1, reason })
        })?;
        let mut done = 0;
        // Both channels close once the sink has failed: the writer knows why.
        let mut next = |size: usize, fill: &mut Fill, bytes: u64| {
            if interrupted.load(Ordering::Relaxed) {
                return Err(WriteError::Interrupted);
            }
            let Ok(mut buffer) = empty.recv() else { return Ok(false) };
            let values = &mut bytemuck::cast_slice_mut(&mut buffer)[..bytes as usize];
            pool.install(|| fill(values))?;
            if cfg!(target_endian = "big") {
                values.chunks_exact_mut(size).for_each(<[u8]>::reverse);
            }
            let taken = full.send((buffer, bytes as usize)).is_ok();
            done += bytes;
            progress(done);
            Ok(taken)
        };
        let drawn: Result<(), WriteError> = pieces.into_iter().try_for_each(|piece| {
            let opened = match piece.dtype {
                StoredDtype::Drawn(dtype) => dtype.visit(&piece),
                StoredDtype::Integer(dtype) => piece.integers(dtype),
            };
            let (mut fill, mut remaining) = opened?;
            while remaining > 0 {
                let bytes = (words as u64 * 8).min(remaining);
                if !next(piece.dtype.size(), &mut fill, bytes)? {
                    break;
                }
                remaining -= bytes;
            }
            Ok(())
        });
        // Tells the writer that nothing more comes.
        drop(full);
        let written: io::Result<()> = writer.join().unwrap_or_else(|panic| {
            std::panic::resume_unwind(panic);
        });
        drawn?;
        written?;
        // Raised since the last buffer was drawn: in time, since nothing is finished yet.
        if interrupted.load(Ordering::Relaxed) { Err(WriteError::Interrupted) } else { Ok(()) }
    })
}

/// Where an allocation fails, the process ends at once; this asks for all at once, and a little more,
/// touches nothing and gives it back.
fn check_memory(bytes: usize) -> Result<(), WriteError> {
    const SPARE: usize = 8 << 20;
    let wanted = bytes.saturating_add(SPARE);
    Vec::<u8>::new().try_reserve_exact(wanted).map_err(|_| WriteError::Memory { bytes })
}

/// Fills a buffer with the next values.
type Fill = Box<dyn FnMut(&mut [u8]) -> Result<(), WriteError> + Send>;

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

    /// As for other dtypes.
    fn integers(&self, dtype: Integer) -> Result<(Fill, u64), WriteError> {
        let (failed, tensor, slice) = (self.failed(), self.name.clone(), self.slice.clone());
        let mut reader = self.draw.reader::<f64>(&self.slice).map_err(&failed)?;
        let elements = reader.remaining();
        let bytes = elements * dtype.size() as u64;
        let mut values = vec![0.0; BUFFER_UNIT];
        let fill =
            move |bytes: &mut [u8]| {
                bytes.chunks_mut(BUFFER_UNIT * dtype.size()).try_for_each(|bytes| {
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
        move |source| WriteError::Draw { tensor: tensor.clone(), source }
    }
}
