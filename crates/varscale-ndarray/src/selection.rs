//! What a slice in ndarray's form takes of a tensor.

use ndarray::{ArrayViewMutD, Axis, Dimension, IxDyn, SliceInfoElem};
use varscale::Slice;

use crate::Error;

/// A box of the tensor, of which every so many indices along each axis are taken.
pub(crate) struct Selection {
    pub(crate) slice: Slice,
    pub(crate) steps: Vec<usize>,
    /// Shape of what is taken.
    pub(crate) shape: Vec<usize>,
    entries: Vec<Entry>,
}

/// What becomes of an axis.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    Forward,
    Backward,
    Index,
    New,
}

impl Selection {
    /// All of a tensor.
    pub(crate) fn whole(shape: &[usize]) -> Self {
        let rank = shape.len();
        let (slice, shape) = (Slice::whole(shape), shape.to_vec());
        Self { slice, steps: vec![1; rank], shape, entries: vec![Entry::Forward; rank] }
    }

    /// As ndarray slices an array of this shape.
    pub(crate) fn new(shape: &[usize], entries: &[SliceInfoElem]) -> Result<Self, Error> {
        let axes = entries.iter().filter(|entry| !entry.is_new_axis()).count();
        if axes != shape.len() {
            return Err(Error::SliceRank { axes, shape: shape.to_vec() });
        }
        let mut selection = Self::whole(&[]);
        for entry in entries {
            let axis = selection.steps.len();
            let Some(&size) = shape.get(axis).filter(|_| !entry.is_new_axis()) else {
                selection.entries.push(Entry::New);
                selection.shape.push(1);
                continue;
            };
            let (first, count, step) = taken(entry, axis, size)?;
            // From the lowest index taken to the highest.
            let reach = (count.max(1) - 1) * step.unsigned_abs();
            selection.slice.offset.push(if step < 0 && count > 0 { first - reach } else { first });
            selection.slice.extent.push(if count > 0 { reach + 1 } else { 0 });
            selection.steps.push(step.unsigned_abs());
            if entry.is_index() {
                selection.entries.push(Entry::Index);
            } else {
                selection.entries.push(if step < 0 { Entry::Backward } else { Entry::Forward });
                selection.shape.push(count);
            }
        }
        Ok(selection)
    }

    /// The shape of what is taken, in ndarray's form.
    pub(crate) fn dimension<D: Dimension>(&self) -> Result<D, Error> {
        let rank = || Error::Rank { shape: self.shape.clone(), rank: D::NDIM.unwrap_or_default() };
        D::from_dimension(&IxDyn(&self.shape)).ok_or_else(rank)
    }

    /// Checks that an array has the shape of what is taken.
    pub(crate) fn check(&self, received: &[usize]) -> Result<(), Error> {
        if received == self.shape {
            return Ok(());
        }
        Err(Error::ArrayShape { expected: self.shape.clone(), received: received.to_vec() })
    }

    /// Whether it is its box, as it lies.
    pub(crate) fn is_box(&self) -> bool {
        self.steps.iter().all(|&step| step == 1) && !self.entries.contains(&Entry::Backward)
    }

    /// An array of the selection's shape, with the axes of the tensor, each in rising order.
    pub(crate) fn align<'a, A>(&self, mut array: ArrayViewMutD<'a, A>) -> ArrayViewMutD<'a, A> {
        let mut axis = 0;
        for entry in &self.entries {
            match entry {
                Entry::New => {
                    array = array.index_axis_move(Axis(axis), 0);
                    continue;
                }
                Entry::Index => array = array.insert_axis(Axis(axis)),
                Entry::Backward => array.invert_axis(Axis(axis)),
                Entry::Forward => (),
            }
            axis += 1;
        }
        array
    }
}

/// First index, number of indices, and step of what an entry takes of an axis.
fn taken(entry: &SliceInfoElem, axis: usize, size: usize) -> Result<(usize, usize, isize), Error> {
    let outside = || Error::SliceBounds { axis, received: written(entry), size };
    // Negative ones are counted from the end.
    let index = |index: isize| {
        let place =
            if index < 0 { size.checked_sub(index.unsigned_abs()) } else { Some(index as usize) };
        place.filter(|&place| place <= size).ok_or_else(outside)
    };
    match *entry {
        SliceInfoElem::Slice { step: 0, .. } => {
            Err(Error::SliceStep { axis, received: written(entry) })
        }
        SliceInfoElem::Slice { start, end, step } => {
            let (start, end) = (index(start)?, end.map_or(Ok(size), index)?);
            let length = end.saturating_sub(start);
            let count = length.div_ceil(step.unsigned_abs());
            Ok((if step < 0 && length > 0 { end - 1 } else { start }, count, step))
        }
        SliceInfoElem::Index(place) => match index(place)? {
            place if place < size => Ok((place, 1, 1)),
            _ => Err(outside()),
        },
        SliceInfoElem::NewAxis => Ok((0, 1, 1)),
    }
}

/// An entry as in `s![]`.
fn written(entry: &SliceInfoElem) -> String {
    match entry {
        SliceInfoElem::Slice { start, end, step } => {
            let end = end.map_or_else(String::new, |end| end.to_string());
            let step = if *step == 1 { String::new() } else { format!(";{step}") };
            format!("{start}..{end}{step}")
        }
        SliceInfoElem::Index(index) => index.to_string(),
        SliceInfoElem::NewAxis => "NewAxis".into(),
    }
}
