//! Readers as iterators: one value after the other.

use alloc::vec::Vec;
use core::iter::FusedIterator;

use super::reader::Reader;
use crate::{dtype::Element, error::Error};

/// Values that are drawn at a time.
const BUFFER: u64 = 1 << 12;

/// The values of a [`Reader`], one by one, drawn some thousand at a time. What is passed by
/// [`nth`](Iterator::nth) and [`step_by`](Iterator::step_by) is not drawn, where it is much.
///
/// ```
/// use varscale::{Scheme, Slice};
/// let draw = Scheme::he_normal().with_seed(42).draw([784, 256])?;
/// let column = Slice::new([0, 3], [784, 1]);
/// let mut largest = 0.0f32;
/// for value in draw.reader::<f32>(&column)? {
///     largest = largest.max(value?.abs());
/// }
/// assert!(largest > 0.1);
/// # Ok::<(), varscale::Error>(())
/// ```
#[derive(Debug)]
pub struct ReaderIter<T> {
    reader: Reader<T>,
    buffer: Vec<T>,
    /// Those of the buffer that are taken.
    taken: usize,
}

impl<T: Element> IntoIterator for Reader<T> {
    /// An error ends it: a formula's value that is no finite number.
    type Item = Result<T, Error>;
    type IntoIter = ReaderIter<T>;

    fn into_iter(self) -> ReaderIter<T> {
        ReaderIter { reader: self, buffer: Vec::new(), taken: 0 }
    }
}

impl<T: Element> ReaderIter<T> {
    fn fill(&mut self) -> Result<(), Error> {
        self.taken = 0;
        self.buffer.resize(self.reader.remaining().min(BUFFER) as usize, T::default());
        self.reader.fill(&mut self.buffer)
    }

    /// Passes all that is left.
    fn end(&mut self) {
        self.taken = self.buffer.len();
        self.reader.skip(self.reader.remaining()).unwrap_or_default();
    }
}

impl<T: Element> Iterator for ReaderIter<T> {
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.taken == self.buffer.len()
            && let Err(error) = self.fill()
        {
            self.end();
            return Some(Err(error));
        }
        let value = *self.buffer.get(self.taken)?;
        self.taken += 1;
        Some(Ok(value))
    }

    fn nth(&mut self, passed: usize) -> Option<Self::Item> {
        let drawn = self.buffer.len() - self.taken;
        if passed <= drawn {
            self.taken += passed;
        } else if self.reader.skip((passed - drawn) as u64).is_ok() {
            self.taken = self.buffer.len();
        } else {
            self.end();
        }
        self.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let drawn = (self.buffer.len() - self.taken) as u64;
        let left = usize::try_from(self.reader.remaining().saturating_add(drawn));
        (left.unwrap_or(usize::MAX), left.ok())
    }
}

impl<T: Element> FusedIterator for ReaderIter<T> {}
