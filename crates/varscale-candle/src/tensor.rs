//! Tensors of candle from a plan's.

use std::sync::atomic::AtomicBool;

use candle_core::{DType, Device, Tensor, Var, WithDType};
use varscale::{Element, F8E4M3, Slice, half};
use varscale_model::{Options, Piece, PlannedTensor, write_pieces};

use crate::{Error, dtype};

/// A tensor, or a variable, of a planned one or of a slice of it: in the plan's dtype, and then
/// converted, as candle's loaders do with a checkpoint's.
pub(crate) struct Make<'a> {
    pub(crate) planned: &'a PlannedTensor,
    pub(crate) slice: Slice,
    pub(crate) device: &'a Device,
    pub(crate) is_variable: bool,
}

impl<'a> Make<'a> {
    pub(crate) fn whole(planned: &'a PlannedTensor, device: &'a Device) -> Self {
        Self { planned, slice: Slice::whole(planned.shape()), device, is_variable: false }
    }

    pub(crate) fn tensor(&self, asked: DType) -> Result<Tensor, Error> {
        let stored = self.planned.dtype();
        let stored = dtype::of_candle(stored).ok_or_else(|| Error::Stored {
            tensor: self.planned.name.to_string(),
            received: stored,
        })?;
        let tensor = match stored {
            DType::F32 => self.typed::<f32>()?,
            DType::F64 => self.typed::<f64>()?,
            DType::F16 => self.typed::<half::f16>()?,
            DType::BF16 => self.typed::<half::bf16>()?,
            DType::F8E4M3 => self.raw(stored, bytemuck::cast_slice(&self.values::<F8E4M3>()?))?,
            _ => self.raw(stored, &self.integers()?)?,
        };
        Ok(match (stored, asked) {
            _ if stored == asked => tensor,
            // In one step, candle-core 0.11.1 calls itself until the stack ends.
            (DType::F8E4M3, DType::F64) => tensor.to_dtype(DType::F32)?.to_dtype(asked)?,
            _ => tensor.to_dtype(asked)?,
        })
    }

    pub(crate) fn variable(self, asked: DType) -> Result<Var, Error> {
        Ok(Var::from_tensor(&Self { is_variable: true, ..self }.tensor(asked)?)?)
    }

    fn values<T: Element>(&self) -> Result<Vec<T>, Error> {
        self.planned.draw.slice_to_vec(&self.slice).map_err(|source| Error::Draw {
            tensor: self.planned.name.to_string(),
            source: Box::new(source),
        })
    }

    /// Without a copy, on the CPU.
    fn typed<T: Element + WithDType>(&self) -> Result<Tensor, Error> {
        let (values, shape) = (self.values::<T>()?, &self.slice.extent[..]);
        Ok(if self.is_variable {
            Var::from_vec(values, shape, self.device)?.into_inner()
        } else {
            Tensor::from_vec(values, shape, self.device)?
        })
    }

    fn raw(&self, dtype: DType, bytes: &[u8]) -> Result<Tensor, Error> {
        Ok(Tensor::from_raw_buffer(bytes, dtype, &self.slice.extent, self.device)?)
    }

    /// Constants and formulas, as a checkpoint holds them.
    fn integers(&self) -> Result<Vec<u8>, Error> {
        let PlannedTensor { name, draw, .. } = self.planned;
        let (name, draw, slice) = (name.to_string(), draw.clone(), self.slice.clone());
        let piece = Piece { name, draw, slice, dtype: self.planned.dtype() };
        let options = Options { threads: 1, buffer: 1 << 16, ..Options::default() };
        let mut all = Vec::new();
        write_pieces([piece], options, &AtomicBool::new(false), &mut |_| (), &mut |bytes| {
            all.extend_from_slice(bytes);
            Ok(())
        })?;
        Ok(all)
    }
}
