//! Draws: one call of an initializer for one tensor, from which any part can be taken.

mod formula;
mod memory;
mod orthogonal;
mod patterns;
mod pool;
mod reader;
mod region;
mod rows;
mod source;

use alloc::{sync::Arc, vec::Vec};
use core::ops::Range;

#[cfg(feature = "parallel")]
pub use self::pool::Pool;
pub(crate) use self::source::Source;
pub use self::{reader::Reader, region::Region};
use crate::{
    dtype::{Dtype, Element},
    error::Error,
    schemes::{Content, Explanation, Law},
    seed::Seed,
    shape::{ShapeError, Slice},
    streams::{
        Stream,
        native::{Position, fnv1a_128},
        values::Request,
    },
};

/// One call of an initializer for one tensor: every value is fixed, none is computed yet.
///
/// Any part can be taken, in any order, on any number of threads: a value depends on its index in
/// the global shape only. Large fills use the threads of rayon's current pool (see [`Pool`]). Where a
/// framework's stream is sequential (`keras-torch`, and normals of `keras-numpy`), a part also costs
/// what stands in front of it: see [`Draw::reader`].
///
/// ```
/// use varscale::{Scheme, Slice};
/// let draw = Scheme::he_normal().with_seed(42).draw([784, 256])?;
/// let whole: Vec<f32> = draw.to_vec()?;
/// let rows: Vec<f32> = draw.slice_to_vec(&Slice::new([10, 0], [5, 256]))?;
/// assert_eq!(rows, whole[10 * 256..15 * 256]);
/// # Ok::<(), varscale::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Draw {
    /// Shape, elements and content, which are counted once, for other names and seeds, too.
    explanation: Arc<Explanation>,
    source: Source,
    /// What is drawn otherwise: later ones go over earlier ones.
    regions: Vec<Region>,
}

/// A draw of the native stream as other executors need it (a GPU, XLA, a browser): all that its
/// values depend on beside the index and the dtype, by the definition in `DESIGN.md`.
///
/// Word i of plane p is word i mod 4 of Philox4x32-10 with this key and the counter (⌊i/4⌋ low,
/// ⌊i/4⌋ high, call, p), i being the row-major index in the global shape. How a word becomes a value
/// is the law's.
///
/// ```
/// use varscale::{Law, Scheme, Tensor};
/// let tensor = Tensor::new([784, 256]).named("fc1/kernel");
/// let draw = Scheme::glorot_uniform().with_seed(42).draw(tensor)?;
/// let native = draw.native().unwrap();
/// assert_eq!((native.key, native.call), ([0x9645_5d42, 0x598a_6c57], 0));
/// assert!(matches!(native.law, Law::Uniform { .. }));
/// # Ok::<(), varscale::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct NativeDraw {
    /// Key of Philox, from the seed and the tensor's name.
    pub key: [u32; 2],
    /// The third word of the counter: 0 for an integer seed, the calls of a generator.
    pub call: u32,
    /// What the values follow.
    pub law: Law,
}

impl Draw {
    pub(crate) fn new(explanation: Explanation, source: Source) -> Self {
        Self { explanation: Arc::new(explanation), source, regions: Vec::new() }
    }

    /// The same draw of a tensor of another name from another seed, which its regions take, too. What
    /// depends on neither is kept once for both, so that this costs hardly any memory.
    ///
    /// # Errors
    /// [`StreamError::Seed`](crate::StreamError::Seed) where the stream does not take the seed.
    ///
    /// ```
    /// use varscale::{Scheme, Tensor};
    /// let he = |name, seed: i32| {
    ///     Scheme::he_normal().with_seed(seed).draw(Tensor::new([784, 256]).named(name))
    /// };
    /// assert_eq!(he("a", 1)?.again("b", &2.into())?, he("b", 2)?);
    /// # Ok::<(), varscale::Error>(())
    /// ```
    pub fn again(&self, name: &str, seed: &Seed) -> Result<Self, Error> {
        let source = match &self.source {
            Source::Pattern(pattern) => Source::Pattern(pattern.clone()),
            Source::Formula(formula, None) => Source::Formula(formula.clone(), None),
            Source::Formula(formula, Some(request)) => {
                let request = again(Stream::Native, request, name, seed)?;
                Source::Formula(formula.clone(), Some(request))
            }
            Source::Stream(stream, request) => {
                Source::Stream(*stream, again(*stream, request, name, seed)?)
            }
            Source::Orthogonal(matrix, request) => {
                Source::Orthogonal(matrix.clone(), again(Stream::Native, request, name, seed)?)
            }
        };
        let regions = self.regions.iter().map(|region| region.again(name, seed));
        let regions = regions.collect::<Result<_, _>>()?;
        Ok(Self { explanation: Arc::clone(&self.explanation), source, regions })
    }

    #[cfg(test)]
    pub(crate) fn source(&self) -> Source {
        self.source.clone()
    }

    /// How the initializer arrived at its numbers, outside the regions.
    #[must_use]
    pub fn explanation(&self) -> &Explanation {
        &self.explanation
    }

    /// Global shape.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.explanation.shape
    }

    /// Number of elements of the global shape.
    #[must_use]
    pub fn elements(&self) -> u64 {
        self.explanation.elements
    }

    /// What the tensor is filled with, outside its regions.
    #[must_use]
    pub fn content(&self) -> &Content {
        &self.explanation.content
    }

    /// The law that the values follow outside the regions; `None` where nothing is drawn, and for
    /// matrices.
    #[must_use]
    pub fn law(&self) -> Option<&Law> {
        match self.content() {
            Content::Random(law) => Some(law),
            Content::Formula(_) | Content::Orthogonal(_) | Content::Pattern(_) => None,
        }
    }

    /// What other executors need to compute the same values; `None` unless they all are the native
    /// stream's, of one law.
    #[must_use]
    pub fn native(&self) -> Option<NativeDraw> {
        match &self.source {
            Source::Stream(Stream::Native, request) if self.regions.is_empty() => {
                let Position { key, call } = Position::of(request);
                Some(NativeDraw { key, call, law: request.law })
            }
            _ => None,
        }
    }

    /// Checks that the stream has values in `dtype`, and that none overflows it, as every fill does
    /// first.
    ///
    /// # Errors
    /// [`StreamError`](crate::StreamError), [`OverflowError`](crate::OverflowError).
    pub fn check(&self, dtype: Dtype) -> Result<(), Error> {
        self.source.check(dtype)?;
        self.regions.iter().try_for_each(|region| region.draw.check(dtype))
    }

    /// Fills `out` with the whole tensor in row-major order.
    ///
    /// # Errors
    /// [`ShapeError::BufferLength`] unless `out` holds exactly its elements; as [`Draw::check`].
    pub fn fill<T: Element>(&self, out: &mut [T]) -> Result<(), Error> {
        fill_all(Reader::whole(self)?, out)
    }

    /// Fills `out` with the values of a range of row-major indices in the global shape.
    ///
    /// # Errors
    /// As [`Draw::fill`], and [`ShapeError::RangeBounds`].
    pub fn fill_range<T: Element>(&self, range: Range<u64>, out: &mut [T]) -> Result<(), Error> {
        fill_range(Reader::whole(self)?, range, out)
    }

    /// Fills `out` with a slice of the tensor, in row-major order of the slice.
    ///
    /// # Errors
    /// As [`Draw::fill`], and [`ShapeError`] where the slice leaves the shape.
    pub fn fill_slice<T: Element>(&self, slice: &Slice, out: &mut [T]) -> Result<(), Error> {
        fill_all(Reader::new(self, slice)?, out)
    }

    /// Fills `out` with a range of a slice, counted in row-major order of the slice.
    ///
    /// # Errors
    /// As [`Draw::fill_slice`], and [`ShapeError::RangeBounds`].
    ///
    /// ```
    /// use varscale::{Scheme, Slice};
    /// let draw = Scheme::he_normal().with_seed(42).draw([784, 256])?;
    /// let columns = Slice::new([0, 100], [784, 50]);
    /// let mut middle = [0f32; 1000];
    /// draw.fill_slice_range(&columns, 20_000..21_000, &mut middle)?;
    /// assert_eq!(middle, draw.slice_to_vec::<f32>(&columns)?[20_000..21_000]);
    /// # Ok::<(), varscale::Error>(())
    /// ```
    pub fn fill_slice_range<T: Element>(
        &self,
        slice: &Slice,
        range: Range<u64>,
        out: &mut [T],
    ) -> Result<(), Error> {
        fill_range(Reader::new(self, slice)?, range, out)
    }

    /// The values of a slice from its first to its last, buffer by buffer: for slices that do not
    /// fit one.
    ///
    /// # Errors
    /// [`ShapeError`] where the slice leaves the shape; as [`Draw::check`].
    pub fn reader<T: Element>(&self, slice: &Slice) -> Result<Reader<T>, Error> {
        Reader::new(self, slice)
    }

    /// The whole tensor in row-major order.
    ///
    /// # Errors
    /// As [`Draw::check`], and [`Error::Memory`] where it does not fit.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>, Error> {
        read_all(Reader::whole(self)?)
    }

    /// A slice of the tensor, in row-major order of the slice.
    ///
    /// # Errors
    /// As [`Draw::fill_slice`], and [`Error::Memory`] where it does not fit.
    pub fn slice_to_vec<T: Element>(&self, slice: &Slice) -> Result<Vec<T>, Error> {
        read_all(Reader::new(self, slice)?)
    }
}

fn again(stream: Stream, request: &Request, name: &str, seed: &Seed) -> Result<Request, Error> {
    stream.check_seed_of(seed.value(), seed.as_generator().is_some())?;
    Ok(Request { seed: seed.value(), name: fnv1a_128(name.as_bytes()), ..*request })
}

fn fill_all<T: Element>(mut reader: Reader<T>, out: &mut [T]) -> Result<(), Error> {
    if reader.elements() != out.len() as u64 {
        let expected = reader.elements();
        return Err(ShapeError::BufferLength { expected, received: out.len() }.into());
    }
    reader.fill(out)
}

fn fill_range<T: Element>(
    mut reader: Reader<T>,
    range: Range<u64>,
    out: &mut [T],
) -> Result<(), Error> {
    let (Range { start, end }, elements) = (range, reader.elements());
    if start > end || end > elements {
        return Err(ShapeError::RangeBounds { start, end, elements }.into());
    }
    if end - start != out.len() as u64 {
        let expected = end - start;
        return Err(ShapeError::BufferLength { expected, received: out.len() }.into());
    }
    reader.fill_from(start, out)
}

fn read_all<T: Element>(mut reader: Reader<T>) -> Result<Vec<T>, Error> {
    let mut out = memory::zeros(reader.elements())?;
    reader.fill(&mut out)?;
    Ok(out)
}
