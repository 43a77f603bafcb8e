//! The files of a checkpoint, opened as they are read.

use super::{Checkpoint, OpenFile, StoredTensor};
use crate::Error;

/// The files of a checkpoint, of which the two that were opened last are open: there may be more than a
/// process may open, and two tensors are compared at most.
pub(crate) struct OpenFiles<'c> {
    checkpoint: &'c Checkpoint,
    open: Vec<(usize, OpenFile)>,
}

impl<'c> OpenFiles<'c> {
    pub(crate) fn new(checkpoint: &'c Checkpoint) -> Self {
        Self { checkpoint, open: Vec::new() }
    }

    /// Fills `bytes` with those of the tensor's values from byte `first` on.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub(crate) fn read_at(
        &mut self,
        tensor: &StoredTensor,
        first: u64,
        bytes: &mut [u8],
    ) -> Result<(), Error> {
        let offset = tensor.offset + first;
        if let Some((_, file)) = self.open.iter().find(|&&(place, _)| place == tensor.file) {
            return file.read_at(offset, bytes);
        }
        let file = self.checkpoint.files[tensor.file].open()?;
        file.read_at(offset, bytes)?;
        self.open.truncate(1);
        self.open.insert(0, (tensor.file, file));
        Ok(())
    }
}
