//! Shards: what one process of tensor parallelism holds.

use candle_core::{DType, Device, Shape, Tensor};
use candle_nn::var_builder::{Backend, Shard, VarBuilderArgs};
use varscale::Slice;

use crate::{Error, Weights, tensor::Make};

/// Weights of which each process draws its shards: a backend with candle's [`Shard`] as its hint.
///
/// Fans are those of the whole tensor, whose shape the spec tells: a shard has the values that the
/// whole has there.
#[derive(Debug, Clone)]
pub struct Shards(Weights);

impl Weights {
    /// A builder of shards, as candle's `ShardedVarBuilder` is one of files' (whose type is its own: a
    /// model that names it is not initialized by this, one that is generic in its backend is).
    ///
    /// As there, the shape is not asked for where there are several shards (`()` stands for it), so
    /// that a spec has to tell it.
    #[must_use]
    pub fn sharded(&self, dtype: DType, device: &Device) -> VarBuilderArgs<'static, Shards> {
        VarBuilderArgs::new_with_args(Shards(self.clone()), dtype, device)
    }
}

impl Backend for Shards {
    type Hints = Shard;

    fn get(
        &self,
        shape: Shape,
        name: &str,
        shard: Shard,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        let Shard { dim: axis, rank, world_size: count } = shard;
        if count == 1 && rank == 0 {
            let planned = self.0.planned(&shape, name, None, dtype)?;
            return Ok(Make::whole(&planned, device).tensor(dtype)?);
        }
        let planned = self.0.of_spec(name)?;
        let mut slice = Slice::whole(planned.shape());
        let refused = |allowed| {
            let (tensor, shape) = (name.to_owned(), planned.shape().to_vec());
            Error::Shard { tensor, shape, axis, rank, count, allowed }
        };
        let size =
            slice.extent.get(axis).ok_or_else(|| refused("the axis must be one of its own"))?;
        if rank >= count {
            return Err(refused("the shard must be below their number").into());
        }
        if size % count != 0 {
            return Err(refused("the axis must be divisible by their number").into());
        }
        slice.extent[axis] = size / count;
        slice.offset[axis] = rank * slice.extent[axis];
        if shape.rank() > 0 && ![&slice.extent[..], planned.shape()].contains(&shape.dims()) {
            let msg = format!("shape mismatch for shard {rank} of {count} of {name}");
            let expected = slice.extent.into();
            return Err(candle_core::Error::UnexpectedShape { msg, expected, got: shape }.bt());
        }
        Ok(Make { slice, ..Make::whole(planned, device) }.tensor(dtype)?)
    }

    fn get_unchecked(
        &self,
        name: &str,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        Ok(Make::whole(self.0.of_spec(name)?, device).tensor(dtype)?)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}
