//! Draws: one call of an initializer for one tensor, from which any part can be taken.

mod filling;
mod formula;
mod iter;
mod memory;
mod orthogonal;
mod patterns;
mod pool;
mod reader;
mod region;
mod rows;
mod source;

use alloc::vec::Vec;
use core::ops::Range;

use self::filling::Filling;
#[cfg(feature = "parallel")]
pub use self::pool::Pool;
pub(crate) use self::source::Source;
pub use self::{iter::ReaderIter, reader::Reader, region::Region};
use crate::{
    dtype::{Dtype, Element},
    error::{Error, StreamError},
    schemes::{Content, Explanation, Law},
    seed::Seed,
    shape::{ShapeError, Slice},
    streams::{NativeTransform, Stream, native::Position},
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
    filling: Filling,
    /// What is drawn otherwise: later ones go over earlier ones.
    regions: Vec<Region>,
}

/// A draw of the native stream as other executors need it (a GPU, XLA, a browser): all that its
/// values depend on beside the index and the dtype, by the definition in `DESIGN.md`.
///
/// Word i of plane p is word i mod 4 of Philox4x32-10 with this key and the counter (⌊i/4⌋ low,
/// ⌊i/4⌋ high, call, p), i being the row-major index in the global shape. How a word becomes a value
/// is the law's: [`NativeDraw::transform`] has the numbers.
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
    /// FNV-1a-128 digest of the tensor's name, which is the counter under which the seed gives the key.
    pub name: u128,
    /// The third word of the counter: 0 for an integer seed, the calls of a generator.
    pub call: u32,
    /// What the values follow.
    pub law: Law,
}

impl NativeDraw {
    /// How a word becomes a value of `dtype`, where that is computed in float32: `None` for float64,
    /// log-uniform laws, and numbers so small that values might be subnormal, or beyond 2^120.
    ///
    /// ```
    /// use varscale::{Dtype, NativeStandard, Scheme};
    /// let native = Scheme::he_normal().with_seed(42).draw([784, 256])?.native().unwrap();
    /// let transform = native.transform(Dtype::BFloat16).unwrap();
    /// assert_eq!(transform.standard, NativeStandard::TruncatedNormal);
    /// assert_eq!(native.transform(Dtype::Float64), None);
    /// # Ok::<(), varscale::Error>(())
    /// ```
    #[must_use]
    pub fn transform(&self, dtype: Dtype) -> Option<NativeTransform> {
        NativeTransform::new(&self.law, dtype)
    }
}

impl Draw {
    pub(crate) fn new(explanation: Explanation, source: Source) -> Self {
        Self { filling: Filling::new(explanation, source), regions: Vec::new() }
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
        let regions = self.regions.iter().map(|region| region.again(name, seed));
        let regions = regions.collect::<Result<_, _>>()?;
        Ok(Self { filling: self.filling.again(name, seed)?, regions })
    }

    /// The same draw with another one's values in the box that begins at `offset` and has the other
    /// one's shape. Later regions go over earlier ones; what lies outside stays as it is.
    ///
    /// Random values of a region are those that its law gives the places in this tensor: one more of
    /// the same seed, name and law changes nothing. What is laid out (an identity, an array) is laid
    /// out in the region.
    ///
    /// # Errors
    /// [`ShapeError`](crate::ShapeError) where the box leaves the tensor, and [`StreamError::Region`]
    /// for a random region of a framework's stream.
    ///
    /// ```
    /// use varscale::{Scheme, Tensor};
    /// // Query, key and value in one tensor: each has fans of its own.
    /// let draw = |shape: [usize; 2]| {
    ///     Scheme::glorot_uniform().with_seed(42).draw(Tensor::new(shape).named("qkv"))
    /// };
    /// let mut qkv = draw([64, 192])?;
    /// for third in 0..3 {
    ///     qkv = qkv.with_region([0, 64 * third], draw([64, 64])?)?;
    /// }
    /// let values: Vec<f32> = qkv.to_vec()?;
    /// let limit = (6.0f32 / 128.0).sqrt();
    /// assert!(values.iter().all(|value| value.abs() <= limit));
    /// assert!(values.iter().any(|value| value.abs() > 0.99 * limit));
    /// # Ok::<(), varscale::Error>(())
    /// ```
    pub fn with_region(mut self, offset: impl Into<Vec<usize>>, draw: Self) -> Result<Self, Error> {
        let offset = offset.into();
        Slice::new(&offset[..], draw.shape()).check(self.shape())?;
        let Self { filling, regions } = draw;
        match filling.source {
            Source::Stream(stream, _) if stream != Stream::Native => {
                return Err(StreamError::Region { stream: stream.name() }.into());
            }
            _ => {}
        }
        let regions = regions.into_iter().map(|Region { offset: within, filling }| {
            let offset = offset.iter().zip(within).map(|(offset, within)| offset + within);
            Region { offset: offset.collect(), filling }
        });
        let regions = regions.collect::<Vec<_>>();
        self.regions.push(Region { offset, filling });
        self.regions.extend(regions);
        Ok(self)
    }

    /// What is drawn otherwise than the rest: later ones go over earlier ones.
    #[must_use]
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    #[cfg(test)]
    pub(crate) fn source(&self) -> Source {
        self.filling.source.clone()
    }

    /// How the initializer arrived at its numbers, outside the regions.
    #[must_use]
    pub fn explanation(&self) -> &Explanation {
        &self.filling.explanation
    }

    /// Global shape.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        self.filling.shape()
    }

    /// Number of elements of the global shape.
    #[must_use]
    pub fn elements(&self) -> u64 {
        self.explanation().elements
    }

    /// What the tensor is filled with, outside its regions.
    #[must_use]
    pub fn content(&self) -> &Content {
        &self.explanation().content
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
        match &self.filling.source {
            Source::Stream(Stream::Native, request) if self.regions.is_empty() => {
                let Position { key, call } = Position::of(request);
                Some(NativeDraw { key, name: request.name, call, law: request.law })
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
        self.filling.source.check(dtype)?;
        self.regions.iter().try_for_each(|region| region.filling.source.check(dtype))
    }

    /// Fills `out` with the whole tensor in row-major order.
    ///
    /// # Errors
    /// [`ShapeError::BufferLength`] unless `out` holds exactly its elements; as [`Draw::check`].
    pub fn fill<T: Element>(&self, out: &mut [T]) -> Result<(), Error> {
        fill_all(Reader::whole(&self.filling, &self.regions)?, out)
    }

    /// Fills `out` with the values of a range of row-major indices in the global shape.
    ///
    /// # Errors
    /// As [`Draw::fill`], and [`ShapeError::RangeBounds`].
    pub fn fill_range<T: Element>(&self, range: Range<u64>, out: &mut [T]) -> Result<(), Error> {
        fill_range(Reader::whole(&self.filling, &self.regions)?, range, out)
    }

    /// Fills `out` with a slice of the tensor, in row-major order of the slice.
    ///
    /// # Errors
    /// As [`Draw::fill`], and [`ShapeError`] where the slice leaves the shape.
    pub fn fill_slice<T: Element>(&self, slice: &Slice, out: &mut [T]) -> Result<(), Error> {
        fill_all(Reader::new(&self.filling, &self.regions, slice)?, out)
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
        fill_range(Reader::new(&self.filling, &self.regions, slice)?, range, out)
    }

    /// The values of a slice from its first to its last, buffer by buffer: for slices that do not
    /// fit one.
    ///
    /// # Errors
    /// [`ShapeError`] where the slice leaves the shape; as [`Draw::check`].
    pub fn reader<T: Element>(&self, slice: &Slice) -> Result<Reader<T>, Error> {
        Reader::new(&self.filling, &self.regions, slice)
    }

    /// The whole tensor in row-major order.
    ///
    /// # Errors
    /// As [`Draw::check`], and [`Error::Memory`] where it does not fit.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>, Error> {
        read_all(Reader::whole(&self.filling, &self.regions)?)
    }

    /// A slice of the tensor, in row-major order of the slice.
    ///
    /// # Errors
    /// As [`Draw::fill_slice`], and [`Error::Memory`] where it does not fit.
    pub fn slice_to_vec<T: Element>(&self, slice: &Slice) -> Result<Vec<T>, Error> {
        read_all(Reader::new(&self.filling, &self.regions, slice)?)
    }
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
