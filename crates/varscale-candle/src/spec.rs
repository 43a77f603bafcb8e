//! Specs of models: what they ask for when they are built.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device, Shape, Tensor};
use candle_nn::{Init, VarBuilder, var_builder::SimpleBackend};
use varscale_model::{PlanError, Source, Spec, SpecTensor};

use crate::{Error, weights::spec_tensor};

/// The spec of a model: names, shapes and dtypes of what `build` asks its `VarBuilder` for. What it gets is
/// zeros that take no memory, which is enough to build a model, not to run it: not all of candle's
/// operations take a tensor that repeats one number.
///
/// `rules` answer whether there is a tensor (`contains_tensor`), by which some models choose what they
/// are built of.
///
/// # Errors
/// What `build` returns, and [`Error::TwoShapes`] for a tensor that it asks for in two.
///
/// ```
/// use candle_core::{DType, Device};
/// use varscale_candle::{Source, Weights, spec};
///
/// // The bias takes the fans of its weight: only a spec tells them.
/// let rules = Source::from_toml(
///     r#"
///     layout = "torch"
///     [[rules]]
///     match = "*.weight"
///     initializer = "he_normal"
///     [[rules]]
///     match = "*.bias"
///     fans_of = "*.weight"
///     initializer = { class_name = "RandomUniform", config = { minval = "-1 / sqrt(fan_in)", maxval = "1 / sqrt(fan_in)" } }
///     "#,
///     "".as_ref(),
/// )?;
/// let device = Device::Cpu;
/// let spec = spec(&rules, DType::F32, &device, |vb| candle_nn::linear(64, 10, vb.pp("fc")))?;
/// assert_eq!(spec.tensors.len(), 2);
/// let weights = Weights::new(&rules.with_spec(spec), Some(42.into()))?;
/// let fc = candle_nn::linear(64, 10, weights.var_builder(DType::F32, &device).pp("fc"))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn spec<T>(
    rules: &Source,
    dtype: DType,
    device: &Device,
    build: impl FnOnce(VarBuilder<'static>) -> candle_core::Result<T>,
) -> Result<Spec, Error> {
    let tensors = Arc::default();
    let recorder = Recorder { rules: rules.clone(), tensors: Arc::clone(&tensors) };
    build(VarBuilder::from_backend(Box::new(recorder), dtype, device.clone()))?;
    let tensors = std::mem::take(&mut *tensors.lock().unwrap_or_else(PoisonError::into_inner));
    let mut spec = Spec::default();
    spec.tensors = tensors;
    Ok(spec)
}

/// Keeps what is asked for.
struct Recorder {
    rules: Source,
    tensors: Arc<Mutex<Vec<SpecTensor>>>,
}

impl SimpleBackend for Recorder {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        _: Init,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        let asked = spec_tensor(&shape, name, dtype)?;
        let mut tensors = self.tensors.lock().unwrap_or_else(PoisonError::into_inner);
        match tensors.iter().find(|known| known.name == asked.name) {
            None => tensors.push(asked),
            Some(known) if known.shape == asked.shape => {}
            Some(known) => {
                let (tensor, before) = (name.to_owned(), known.shape.clone());
                return Err(Error::TwoShapes { tensor, received: asked.shape, before }.into());
            }
        }
        Tensor::zeros((), dtype, device)?.broadcast_as(shape)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> candle_core::Result<Tensor> {
        let what = format!("tensor {name:?} is asked for without a shape");
        Err(Error::from(PlanError::NoSpec { what }).into())
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.rules.file().rule(name).is_some_and(|rule| rule.initializer.is_some())
    }
}
