//! Regions: boxes of a tensor that are drawn otherwise than the rest.

use alloc::{boxed::Box, vec::Vec};

use super::{
    filling::Filling,
    memory,
    rows::{Place, Rows},
    source::Source,
};
use crate::{
    dtype::Element,
    error::{Error, StreamError},
    schemes::Explanation,
    seed::Seed,
    shape::{Slice, element_count},
    streams::{
        Stream,
        values::{Fill, FillBox, Values},
    },
};

/// A box of a tensor, and what it is filled with.
#[derive(Debug, Clone, PartialEq)]
pub struct Region {
    /// First index along each axis of the tensor.
    pub offset: Vec<usize>,
    pub(super) filling: Filling,
}

impl Region {
    pub(super) fn again(&self, name: &str, seed: &Seed) -> Result<Self, Error> {
        Ok(Self { offset: self.offset.clone(), filling: self.filling.again(name, seed)? })
    }

    /// Size along each axis.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        self.filling.shape()
    }

    /// How its initializer arrived at its numbers.
    #[must_use]
    pub fn explanation(&self) -> &Explanation {
        &self.filling.explanation
    }

    /// Where its elements lie in a tensor of this shape.
    pub(super) fn rows(&self, shape: &[usize]) -> Rows {
        Rows::new(shape, &Slice::new(&self.offset[..], self.shape()))
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
        let Region { offset, filling } = region;
        let whole = Slice::new(&offset[..], region.shape());
        let rows = region.rows(shape);
        let values = filling.open(&rows)?;
        let stream = match filling.source {
            Source::Stream(stream, _) => stream.name(),
            _ => Stream::Native.name(),
        };
        let Some(part) = whole.intersection(slice) else { return Ok(None) };
        Ok(Some(match values {
            Values::RandomAccess(fill) => {
                let own_indices = !matches!(filling.source, Source::Stream(..));
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
