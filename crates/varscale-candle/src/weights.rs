//! Weights: the backend of a `VarBuilder` whose tensors are drawn by their names.

use std::sync::Arc;

use candle_core::{DType, Device, Shape, Tensor};
use candle_nn::{Init, VarBuilder, var_builder::SimpleBackend};
use varscale::{ConfigForm, Seed, Slice};
use varscale_model::{LazyPlan, PlanSeed, PlannedTensor, Source, SpecTensor};

use crate::{Error, dtype, hint, tensor::Make};

/// A model's weights, each drawn when it is asked for: a backend of candle's `VarBuilder`.
///
/// A tensor's values depend on the seed, its path (`encoder.layer.0.output.dense.weight`), its shape
/// and the rule that decides it, not on what was asked for before. A clone is the same weights.
///
/// ```
/// use candle_core::{DType, Device};
/// use varscale_candle::{Source, Weights};
///
/// let rules = Source::from_toml("include = 'llama'", "".as_ref())?;
/// let weights = Weights::new(&rules, Some(42.into()))?;
/// let vb = weights.var_builder(DType::BF16, &Device::Cpu);
/// let q = vb.pp("model.layers.0.self_attn").get((64, 64), "q_proj.weight")?;
/// assert_eq!(q.dtype(), DType::BF16);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Weights {
    plan: Arc<LazyPlan>,
    hints: bool,
}

impl Weights {
    /// Of rules, with a spec or without: see [`LazyPlan`]. `seed` goes before the source's own; where
    /// there is none, one is drawn ([`Weights::seed`] tells it).
    ///
    /// # Errors
    /// [`Error::Plan`].
    pub fn new(source: &Source, seed: Option<Seed>) -> Result<Self, Error> {
        Ok(Self { plan: LazyPlan::new(source, seed)?.into(), hints: false })
    }

    /// As [`Weights::new`], and where rules and spec say nothing of a tensor, the model's own hint (an
    /// [`Init`]) does: with candle's numbers, and our values for them. As in a `VarMap`, a tensor
    /// without a hint (`vb.get`) is zeros then.
    ///
    /// # Errors
    /// As [`Weights::new`].
    pub fn with_hints(source: &Source, seed: Option<Seed>) -> Result<Self, Error> {
        Ok(Self { plan: LazyPlan::with_hints(source, seed)?.into(), hints: true })
    }

    /// What tensors without a seed of their own take.
    #[must_use]
    pub fn seed(&self) -> PlanSeed {
        self.plan.seed()
    }

    /// A `VarBuilder` of these weights, in this dtype, on this device.
    #[must_use]
    pub fn var_builder(&self, dtype: DType, device: &Device) -> VarBuilder<'static> {
        VarBuilder::from_backend(Box::new(self.clone()), dtype, device.clone())
    }

    /// A part of a tensor of this name and global shape: the same values as in the whole.
    ///
    /// # Errors
    /// [`Error`], of a slice that leaves the tensor [`Error::Draw`].
    ///
    /// ```
    /// use candle_core::{DType, Device, IndexOp};
    /// use varscale_candle::{Slice, Source, Weights};
    ///
    /// let weights = Weights::new(&Source::from_toml("include = 'llama'", "".as_ref())?, Some(42.into()))?;
    /// let rows = Slice::new([16, 0], [8, 64]);
    /// let part = weights.slice((64, 64), "lm_head.weight", rows, DType::F32, &Device::Cpu)?;
    /// let whole = weights.var_builder(DType::F32, &Device::Cpu).get((64, 64), "lm_head.weight")?;
    /// assert_eq!(part.to_vec2::<f32>()?, whole.i(16..24)?.to_vec2::<f32>()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn slice(
        &self,
        shape: impl Into<Shape>,
        name: &str,
        slice: Slice,
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor, Error> {
        let planned = self.planned(&shape.into(), name, None, dtype)?;
        Make { slice, ..Make::whole(&planned, device) }.tensor(dtype)
    }

    pub(crate) fn planned(
        &self,
        shape: &Shape,
        name: &str,
        hint: Option<Init>,
        dtype: DType,
    ) -> Result<PlannedTensor, Error> {
        let hint = hint.filter(|_| self.hints).map(|hint| {
            let scheme = hint::scheme(hint, shape).map_err(|source| {
                let (tensor, received) = (name.to_owned(), format!("{hint:?}"));
                Error::Hint { tensor, received, source }
            });
            scheme.map(|scheme| Arc::new(scheme.serialize(None, ConfigForm::Keras3)))
        });
        let asked = spec_tensor(shape, name, dtype)?;
        Ok(self.plan.tensor(&SpecTensor { initializer: hint.transpose()?, ..asked })?)
    }

    pub(crate) fn of_spec(&self, name: &str) -> Result<&PlannedTensor, Error> {
        Ok(self.plan.of_spec(name)?)
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.plan.contains(name)
    }
}

/// What is asked for, as a spec says it.
pub(crate) fn spec_tensor(shape: &Shape, name: &str, dtype: DType) -> Result<SpecTensor, Error> {
    let stored = dtype::stored(dtype)
        .ok_or_else(|| Error::Dtype { tensor: name.to_owned(), received: dtype })?;
    let (name, dtype) = (name.into(), stored.name().into());
    Ok(SpecTensor { name, dtype, shape: shape.dims().to_vec(), initializer: None })
}

impl SimpleBackend for Weights {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        hint: Init,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        let planned = self.planned(&shape, name, Some(hint), dtype)?;
        Ok(Make::whole(&planned, device).tensor(dtype)?)
    }

    fn get_unchecked(
        &self,
        name: &str,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        Ok(Make::whole(self.of_spec(name)?, device).tensor(dtype)?)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.contains(name)
    }
}
