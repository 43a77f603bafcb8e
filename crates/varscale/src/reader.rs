//! Readers: the values of a slice, from its first to its last, buffer by buffer.

use crate::{
    Draw, Element, Error, Slice,
    fill::{Progress, Source},
    shape::ShapeError,
};

/// The values of a slice of a draw, in row-major order of the slice, from the first to the last:
/// every buffer goes on where the one before it ended.
///
/// The values are those of [`Draw::fill_slice`], however they are split. Where a framework's stream
/// is sequential, nothing is drawn twice, which [`Draw::fill_slice_range`] has to do.
///
/// ```
/// use varscale::{Initializer, Slice, Stream};
/// let draw = Initializer::he_normal(42).with_stream(Stream::KerasTorch).draw([784, 256])?;
/// let slice = Slice::whole(draw.shape());
/// let mut reader = draw.reader::<f32>(&slice)?;
/// let mut values = Vec::new();
/// let mut buffer = [0.0; 1000];
/// while reader.remaining() > 0 {
///     let length = reader.remaining().min(1000) as usize;
///     reader.fill(&mut buffer[..length])?;
///     values.extend_from_slice(&buffer[..length]);
/// }
/// assert_eq!(values, draw.slice_to_vec::<f32>(&slice)?);
/// # Ok::<(), varscale::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Reader<T> {
    draw: Draw,
    slice: Slice,
    elements: u64,
    /// Element of the slice that comes next.
    next: u64,
    progress: Progress<T>,
}

impl<T: Element> Reader<T> {
    pub(crate) fn new(draw: &Draw, slice: &Slice) -> Result<Self, Error> {
        let elements = slice.check(draw.shape())?;
        draw.check(T::DTYPE)?;
        let (draw, slice) = (draw.clone(), slice.clone());
        Ok(Self { draw, slice, elements, next: 0, progress: Progress::default() })
    }

    /// Number of values not yet read.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        self.elements - self.next
    }

    /// Fills `out` with the next values.
    ///
    /// # Errors
    /// [`ShapeError::RangeBounds`] where `out` is longer than what remains; nothing is read then.
    pub fn fill(&mut self, out: &mut [T]) -> Result<(), Error> {
        self.fill_at(self.next, out)
    }

    /// As [`Reader::fill`], from element `start` of the slice on, which is not yet read.
    pub(crate) fn fill_at(&mut self, start: u64, out: &mut [T]) -> Result<(), Error> {
        let (length, elements) = (out.len() as u64, self.elements);
        let end = start.saturating_add(length);
        if end > elements {
            return Err(ShapeError::RangeBounds { start, end, elements }.into());
        }
        let Self { draw, slice, progress, .. } = self;
        let source = Source { law: draw.law(), origin: draw.origin(), shape: draw.shape() };
        source.fill(slice, start, out, draw.threads(), progress);
        self.next = end;
        Ok(())
    }
}
