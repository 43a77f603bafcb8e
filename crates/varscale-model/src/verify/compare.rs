//! One tensor's values as they are stored, against those that are drawn.

use varscale::{Dtype, Slice};

use super::{Difference, number::Number, pairing::Pair, rounding, sample};
use crate::{Checkpoint, Error, Piece, Share, StoredDtype, checkpoint::OpenFiles};

/// Values that are rounded to another dtype at a time.
const PART: usize = 1 << 14;

/// Memory that all comparisons go through, one after the other.
#[derive(Default)]
pub(super) struct Scratch {
    stored: Vec<u8>,
    rounded: Vec<u8>,
}

/// A tensor that is being compared, block by block.
pub(super) struct Comparison<'p> {
    checkpoint: &'p Checkpoint,
    pair: &'p Pair<'p>,
    blocks: Vec<Slice>,
    /// The block that comes next, and how many of its values were compared.
    next: (usize, u64),
    values: u64,
    found: Option<Difference>,
}

impl<'p> Comparison<'p> {
    pub(super) fn new(
        checkpoint: &'p Checkpoint,
        pair: &'p Pair<'p>,
        share: Option<Share>,
    ) -> Self {
        let shape = pair.planned.shape();
        let blocks = match share {
            // What is drawn in order alone would be passed through anew for every block.
            Some(share) if pair.planned.draw.native().is_some() => {
                sample::blocks(&pair.stored.name, shape, share)
            }
            _ => vec![Slice::whole(shape)],
        };
        Self { checkpoint, pair, blocks, next: (0, 0), values: 0, found: None }
    }

    pub(super) fn pieces(&self) -> impl Iterator<Item = Piece> + use<'_, 'p> {
        self.blocks.iter().map(|block| Piece {
            name: self.pair.planned.name.to_string(),
            draw: self.pair.planned.draw.clone(),
            slice: block.clone(),
            dtype: self.pair.planned.dtype(),
        })
    }

    /// Place of the tensor in the plan.
    pub(super) fn place(&self) -> usize {
        self.pair.place
    }

    /// Values that were compared.
    pub(super) fn values(&self) -> u64 {
        self.values
    }

    /// Bytes of the checkpoint that were compared.
    pub(super) fn bytes(&self) -> u64 {
        self.values * self.size() as u64
    }

    /// The dtypes of the plan and of the checkpoint, where they differ.
    pub(super) fn rounding(&self) -> Option<(&'static str, &'static str)> {
        let (from, to) = (self.pair.planned.dtype(), self.pair.dtype);
        (from != to).then(|| (from.name(), to.name()))
    }

    pub(super) fn difference(self) -> Option<Difference> {
        self.found
    }

    /// Bytes of a stored value.
    fn size(&self) -> usize {
        self.pair.dtype.size()
    }

    pub(super) fn is_done(&self) -> bool {
        self.blocks[self.next.0.min(self.blocks.len())..].iter().all(|block| elements(block) == 0)
    }

    /// Compares the next values, which were drawn.
    pub(super) fn go_on(
        &mut self,
        drawn: &[u8],
        files: &mut OpenFiles<'_>,
        Scratch { stored, rounded }: &mut Scratch,
    ) -> Result<(), Error> {
        let (block, first) = self.next;
        let values = drawn.len() / self.pair.planned.dtype().size();
        let slice = self.blocks[block].clone();
        let at = flat(self.pair.planned.shape(), &slice.index(0)) + first;
        let (size, tensor) = (self.size(), self.pair.stored);
        stored.resize(values * size, 0);
        files.read_at(tensor, at * size as u64, stored)?;
        match (self.pair.planned.dtype(), self.pair.dtype) {
            (StoredDtype::Drawn(from), StoredDtype::Drawn(to)) if from != to => {
                let parts = drawn.chunks(PART * from.size()).zip(stored.chunks(PART * size));
                for (part, (drawn, stored)) in parts.enumerate() {
                    round(from, drawn, to, rounded);
                    self.compare(rounded, stored, &slice, first + (part * PART) as u64);
                }
            }
            _ => self.compare(drawn, stored, &slice, first),
        }
        self.values += values as u64;
        self.next = match first + values as u64 {
            done if done == elements(&slice) => (block + 1, 0),
            done => (block, done),
        };
        Ok(())
    }

    /// Compares values of a block from its value `first` on.
    fn compare(&mut self, drawn: &[u8], stored: &[u8], slice: &Slice, first: u64) {
        if drawn == stored {
            return;
        }
        let size = self.size();
        let both = drawn.chunks_exact(size).zip(stored.chunks_exact(size));
        for (place, (drawn, stored)) in
            both.enumerate().filter(|(_, (drawn, stored))| drawn != stored)
        {
            let read = |bytes| Number::read(self.pair.dtype, bytes);
            let (planned, stored) = (read(drawn), read(stored));
            let found = self.found.get_or_insert_with(|| Difference {
                tensor: self.pair.stored.name.to_string(),
                file: self.checkpoint.files[self.pair.stored.file].name(),
                values: 0,
                index: slice.index(first + place as u64),
                stored,
                planned,
                largest: 0.0,
                not_finite: 0,
            });
            found.values += 1;
            match stored.distance(planned) {
                Some(distance) => found.largest = found.largest.max(distance),
                None => found.not_finite += 1,
            }
        }
    }
}

/// Rounds little-endian values of one dtype to those of another.
fn round(from: Dtype, drawn: &[u8], to: Dtype, rounded: &mut Vec<u8>) {
    rounded.clear();
    let Some(round) = rounding::to(to) else { return };
    for value in drawn.chunks_exact(from.size()) {
        if let Number::Float(value) = Number::read(from.into(), value) {
            rounded.extend_from_slice(&round(value).to_le_bytes()[..to.size()]);
        }
    }
}

fn elements(slice: &Slice) -> u64 {
    slice.extent.iter().map(|&size| size as u64).product()
}

/// The row-major index in the whole tensor.
fn flat(shape: &[usize], index: &[usize]) -> u64 {
    index.iter().zip(shape).fold(0, |flat, (&at, &size)| flat * size as u64 + at as u64)
}
