//! Regions: boxes of a tensor that are drawn otherwise than the rest.

use alloc::{boxed::Box, vec::Vec};

use super::{
    Draw, memory,
    rows::{Place, Rows},
    source::Source,
};
use crate::{
    dtype::Element,
    error::{Error, StreamError},
    seed::Seed,
    shape::{Slice, element_count},
    streams::{
        Stream,
        values::{Fill, FillBox, Values},
    },
};

/// A box of a tensor, and the draw that fills it.
#[derive(Debug, Clone, PartialEq)]
pub struct Region {
    /// First index along each axis of the tensor.
    pub offset: Vec<usize>,
    /// What it is filled with: a draw of its shape.
    pub draw: Draw,
}

impl Draw {
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
    pub fn with_region(
        mut self,
        offset: impl Into<Vec<usize>>,
        mut draw: Self,
    ) -> Result<Self, Error> {
        let offset = offset.into();
        Slice::new(&offset[..], draw.shape()).check(self.shape())?;
        match draw.source {
            Source::Stream(stream, _) if stream != Stream::Native => {
                return Err(StreamError::Region { stream: stream.name() }.into());
            }
            _ => {}
        }
        let inner = core::mem::take(&mut draw.regions);
        self.regions.push(Region { offset: offset.clone(), draw });
        self.regions.extend(inner.into_iter().map(|Region { offset: within, draw }| {
            let offset = offset.iter().zip(within).map(|(offset, within)| offset + within);
            Region { offset: offset.collect(), draw }
        }));
        Ok(self)
    }

    /// What is drawn otherwise than the rest: later ones go over earlier ones.
    #[must_use]
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }
}

impl Region {
    pub(super) fn again(&self, name: &str, seed: &Seed) -> Result<Self, Error> {
        Ok(Self { offset: self.offset.clone(), draw: self.draw.again(name, seed)? })
    }
}

/// The values of a region, opened in one dtype.
pub(super) struct Overlay<T> {
    rows: Rows,
    fill: Box<Fill<T>>,
    /// Whether they are numbered within the region, and not as the whole tensor's.
    own_indices: bool,
    /// What is yet to be drawn, and which box of the region.
    boxes: Option<(Box<FillBox<T>>, Slice)>,
}

impl<T: Element> Overlay<T> {
    /// Of a region that lies in `shape`, as far as `slice` needs it; `None` where that is nothing.
    pub(super) fn open(
        region: &Region,
        shape: &[usize],
        slice: &Slice,
    ) -> Result<Option<Self>, Error> {
        let Region { offset, draw } = region;
        let whole = Slice::new(&offset[..], draw.shape());
        let rows = Rows::new(shape, &whole);
        let values = draw.source.open(draw.shape(), &rows)?;
        let stream = match draw.source {
            Source::Stream(stream, _) => stream.name(),
            _ => Stream::Native.name(),
        };
        let Some(part) = whole.intersection(slice) else { return Ok(None) };
        Ok(Some(match values {
            Values::RandomAccess(fill) => {
                let own_indices = !matches!(draw.source, Source::Stream(..));
                Self { rows, fill, own_indices, boxes: None }
            }
            Values::Boxes(fill) => {
                let rows = Rows::new(shape, &part);
                let offset: Vec<_> = part.offset.iter().zip(offset).map(|(a, b)| a - b).collect();
                let boxes = Some((fill, Slice::new(offset, part.extent)));
                Self { rows, fill: Box::new(|_, _, _| ()), own_indices: true, boxes }
            }
            Values::Sequential(_) => return Err(StreamError::Region { stream }.into()),
        }))
    }

    /// Draws what is drawn as a whole.
    pub(super) fn prepare(&mut self, stopped: &(dyn Fn() -> bool + Sync)) -> Result<(), Error> {
        let Some((fill, part)) = self.boxes.take() else { return Ok(()) };
        let mut values = memory::zeros(element_count(&part.extent)?)?;
        fill(&part, &mut values, stopped)?;
        self.fill = Box::new(move |at, out, _| {
            out.copy_from_slice(&values[at as usize..][..out.len()]);
        });
        Ok(())
    }
}

/// Fills a run of the whole tensor from row-major `index` on: what lies in no region by `outside`.
pub(super) fn fill_around<T: Element>(
    overlays: &[Overlay<T>],
    index: u64,
    out: &mut [T],
    exceeds_caches: bool,
    outside: &Fill<T>,
) {
    let (mut index, mut out) = (index, out);
    while !out.is_empty() {
        let mut length = out.len() as u64;
        let mut inside = None;
        for overlay in overlays.iter().rev() {
            match overlay.rows.find(index) {
                Place::Inside { at, left } => {
                    length = length.min(left);
                    let at = if overlay.own_indices { at } else { index };
                    inside = Some((&overlay.fill, at));
                    break;
                }
                Place::Before(next) => length = length.min(next),
                Place::After => {}
            }
        }
        let (now, later) = out.split_at_mut(length as usize);
        match inside {
            Some((fill, at)) => fill(at, now, exceeds_caches),
            None => outside(index, now, exceeds_caches),
        }
        (index, out) = (index + length, later);
    }
}
