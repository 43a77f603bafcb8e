//! Values as burn takes them: drawn into the memory that becomes the tensor.

use std::sync::atomic::AtomicBool;

use burn_core::tensor::{DType, Element as BurnElement, Shape, TensorData};
use varscale::{Draw, Element, Slice, half};
use varscale_model::{Options, Piece, StoredDtype, write_pieces};

use crate::{Error, dtype};

/// What a tensor is drawn of.
#[derive(Debug)]
pub(crate) struct Values<'a> {
    pub(crate) name: &'a str,
    pub(crate) draw: &'a Draw,
    pub(crate) slice: Slice,
    pub(crate) dtype: StoredDtype,
    /// Whether its two axes come the other way round.
    pub(crate) is_turned: bool,
}

/// How many values are drawn at once where they are turned.
const BLOCK: usize = 1 << 18;
/// Side of a tile: as many elements as a cache line has, of most dtypes.
const TILE: usize = 16;

impl Values<'_> {
    pub(crate) fn data(&self) -> Result<TensorData, Error> {
        match dtype::of_burn(self.dtype) {
            Some(DType::F32) => self.drawn::<f32>(),
            Some(DType::F64) => self.drawn::<f64>(),
            Some(DType::F16) => self.drawn::<half::f16>(),
            Some(DType::BF16) => self.drawn::<half::bf16>(),
            Some(dtype) => Ok(TensorData::from_bytes_vec(self.integers()?, self.shape(), dtype)),
            None => Err(self.not_stored("Float")),
        }
    }

    pub(crate) fn not_stored(&self, kind: &'static str) -> Error {
        Error::Stored { tensor: self.name.to_owned(), received: self.dtype, kind }
    }

    fn shape(&self) -> Shape {
        let mut shape = self.slice.extent.clone();
        if self.is_turned {
            shape.reverse();
        }
        Shape::from(shape)
    }

    fn drawn<T: Element + BurnElement>(&self) -> Result<TensorData, Error> {
        let values: Result<Vec<T>, _> = match (self.is_turned, &self.slice.extent[..]) {
            (true, &[rows, columns]) => self.turned(rows, columns),
            _ => self.draw.slice_to_vec(&self.slice),
        };
        let tensor = || self.name.to_owned();
        let values =
            values.map_err(|source| Error::Draw { tensor: tensor(), source: source.into() })?;
        Ok(TensorData::new(values, self.shape()))
    }

    /// A matrix, column by column, with no more memory than it takes and a block.
    fn turned<T: Element>(&self, rows: usize, columns: usize) -> Result<Vec<T>, varscale::Error> {
        let mut all = zeros(rows, columns)?;
        let band = (BLOCK / columns.max(1)).max(1).next_multiple_of(TILE);
        let mut drawn = zeros(band.min(rows), columns)?;
        for first in (0..rows).step_by(band) {
            let count = band.min(rows - first);
            let (mut offset, extent) = (self.slice.offset.clone(), vec![count, columns]);
            offset[0] += first;
            let drawn = &mut drawn[..count * columns];
            self.draw.fill_slice(&Slice::new(offset, extent), drawn)?;
            for row in (0..count).step_by(TILE) {
                for column in (0..columns).step_by(TILE) {
                    let (height, width) = (TILE.min(count - row), TILE.min(columns - column));
                    for to in column..column + width {
                        let start = to * rows + first + row;
                        for (from, one) in all[start..start + height].iter_mut().enumerate() {
                            *one = drawn[(row + from) * columns + to];
                        }
                    }
                }
            }
        }
        Ok(all)
    }

    /// Constants and formulas, as a checkpoint holds them.
    fn integers(&self) -> Result<Vec<u8>, Error> {
        let (name, draw, slice) = (self.name.to_owned(), self.draw.clone(), self.slice.clone());
        let piece = Piece { name, draw, slice, dtype: self.dtype };
        let options = Options { threads: 1, buffer: 1 << 16, ..Options::default() };
        let mut all = Vec::new();
        write_pieces([piece], options, &AtomicBool::new(false), &mut |_| (), &mut |bytes| {
            all.extend_from_slice(bytes);
            Ok(())
        })?;
        let (true, &[rows, columns]) = (self.is_turned, &self.slice.extent[..]) else {
            return Ok(all);
        };
        let size = self.dtype.size();
        let places = (0..columns).flat_map(|to| (0..rows).map(move |from| from * columns + to));
        Ok(places.flat_map(|place| &all[place * size..][..size]).copied().collect())
    }
}

/// Zeros, or an error where there is no memory for so many.
fn zeros<T: Element>(rows: usize, columns: usize) -> Result<Vec<T>, varscale::Error> {
    let bytes = rows as u128 * columns as u128 * T::DTYPE.size() as u128;
    let memory = || varscale::Error::Memory { bytes };
    let length = rows.checked_mul(columns).ok_or_else(memory)?;
    Vec::<T>::new().try_reserve_exact(length).map_err(|_| memory())?;
    Ok(vec![T::default(); length])
}
