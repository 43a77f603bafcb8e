//! Variables for training, in candle's `VarMap`.

use std::{collections::HashMap, sync::PoisonError};

use candle_core::{DType, Device, Shape, Tensor, Var};
use candle_nn::{Init, VarBuilder, VarMap, var_builder::SimpleBackend};
use varscale_model::PlannedTensor;

use crate::{Error, Weights, tensor::Make};

/// Weights that become variables of a `VarMap`.
struct Variables {
    weights: Weights,
    map: VarMap,
}

impl Weights {
    /// A `VarBuilder` whose tensors are variables of `map`, for training: what it has not is drawn and
    /// inserted, what it has is taken from it; tied tensors are one variable. (A `VarMap` knows no other
    /// backend than its own.)
    ///
    /// ```
    /// use candle_core::{DType, Device};
    /// use candle_nn::VarMap;
    /// use varscale_candle::{Source, Weights};
    ///
    /// let rules = "layout = 'torch'\n[[rules]]\nmatch = '*'\ninitializer = 'he_normal'";
    /// let weights = Weights::new(&Source::from_toml(rules, "".as_ref())?, Some(42.into()))?;
    /// let map = VarMap::new();
    /// let layer = candle_nn::linear(64, 10, weights.trainable(&map, DType::F32, &Device::Cpu))?;
    /// assert_eq!(map.all_vars().len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn trainable(&self, map: &VarMap, dtype: DType, device: &Device) -> VarBuilder<'static> {
        let backend = Variables { weights: self.clone(), map: map.clone() };
        VarBuilder::from_backend(Box::new(backend), dtype, device.clone())
    }

    /// Sets every variable of `map`, by its name, to its weights: of a model that was built by
    /// `VarBuilder::from_varmap`. Hints play no role, since a `VarMap` does not keep them.
    ///
    /// # Errors
    /// [`Error`]; nothing was set where a variable is none of the plan's.
    pub fn fill(&self, map: &VarMap) -> Result<(), Error> {
        let variables = map.data().lock().unwrap_or_else(PoisonError::into_inner);
        let mut planned = Vec::with_capacity(variables.len());
        for (name, variable) in variables.iter() {
            let one = self.planned(variable.shape(), name, None, variable.dtype())?;
            planned.push((variable, one));
        }
        for (variable, one) in planned {
            variable.set(&Make::whole(&one, variable.device()).tensor(variable.dtype())?)?;
        }
        Ok(())
    }
}

impl SimpleBackend for Variables {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        hint: Init,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        let mut variables = self.map.data().lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(variable) = variables.get(name) {
            if variable.shape() != &shape {
                let (tensor, before) = (name.to_owned(), variable.dims().to_vec());
                return Err(Error::TwoShapes { tensor, received: shape.into_dims(), before }.into());
            }
            return Ok(variable.as_tensor().clone());
        }
        let planned = self.weights.planned(&shape, name, Some(hint), dtype)?;
        variable(&mut variables, &planned, dtype, device)
    }

    fn get_unchecked(
        &self,
        name: &str,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        let mut variables = self.map.data().lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(variable) = variables.get(name) {
            return Ok(variable.as_tensor().clone());
        }
        variable(&mut variables, self.weights.of_spec(name)?, dtype, device)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        let variables = self.map.data().lock().unwrap_or_else(PoisonError::into_inner);
        variables.contains_key(name) || self.weights.contains(name)
    }
}

/// The variable of a planned tensor, under its own name: a tied one is the other's variable.
fn variable(
    variables: &mut HashMap<String, Var>,
    planned: &PlannedTensor,
    dtype: DType,
    device: &Device,
) -> candle_core::Result<Tensor> {
    if let Some(variable) = variables.get(&*planned.name) {
        return Ok(variable.as_tensor().clone());
    }
    let variable = Make::whole(planned, device).variable(dtype)?;
    let tensor = variable.as_tensor().clone();
    variables.insert(planned.name.to_string(), variable);
    Ok(tensor)
}
