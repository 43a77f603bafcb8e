//! Burn's parameters, without setting off their own initialization.

use burn_core::{
    Tensor,
    module::{Param, Parameter},
    tensor::{DType, Device, kind::Basic},
};

use crate::{Error, data::Values};

/// The kinds of burn's tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Float,
    Int,
    Bool,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Float => "Float",
            Self::Int => "Int",
            Self::Bool => "Bool",
        }
    }

    pub(crate) fn holds(self, dtype: DType) -> bool {
        match self {
            Self::Float => dtype.is_float(),
            Self::Int => dtype.is_int() || dtype.is_uint(),
            Self::Bool => dtype.is_bool(),
        }
    }

    /// What a device makes new tensors of.
    pub(crate) fn default_of(self, device: &Device) -> DType {
        let settings = device.settings();
        match self {
            Self::Float => settings.float_dtype.into(),
            Self::Int => settings.int_dtype.into(),
            Self::Bool => settings.bool_dtype.into(),
        }
    }
}

/// The dtype that a parameter has, or will have.
pub(crate) fn dtype<const D: usize, K: Basic>(param: &Param<Tensor<D, K>>, kind: Kind) -> DType
where
    Tensor<D, K>: Parameter,
{
    if param.is_initialized() {
        param.base().dtype()
    } else {
        kind.default_of(&param.lazy_device())
    }
}

/// Whether what is loaded into a parameter is transposed first, as burn does in Linear's `Col` layout.
/// Nothing but an attempt tells, which mappers of other kinds may not stand.
fn is_transposed_on_load<const D: usize, K: Basic>(param: &Param<Tensor<D, K>>) -> bool
where
    Tensor<D, K>: Parameter,
{
    if D != 2 {
        return false;
    }
    let mut shape = [1; D];
    shape[0] = 2;
    let attempt = Tensor::<D, K>::empty(shape, &param.lazy_device());
    let loaded = param.clone().transform_for_load(attempt, param.id).base();
    loaded.dims()[0] != 2
}

/// A parameter's shape as it is used, and whether what is loaded into it has its axes the other way round.
/// `may_transpose`: whether that can be, as in a Linear.
pub(crate) fn shape<const D: usize, K: Basic>(
    param: &Param<Tensor<D, K>>,
    may_transpose: bool,
) -> (Vec<usize>, bool)
where
    Tensor<D, K>: Parameter,
{
    let mut shape = param.lazy_shape().to_vec();
    let is_transposed = may_transpose && is_transposed_on_load(param);
    // Until then it tells the shape that is loaded.
    if is_transposed && !param.is_initialized() {
        shape.reverse();
    }
    (shape, is_transposed)
}

/// The dtype of these values in burn, where a tensor of this kind on this device can have it.
pub(crate) fn check(values: &Values<'_>, kind: Kind, device: &Device) -> Result<DType, Error> {
    let stored = crate::dtype::of_burn(values.dtype).filter(|&dtype| kind.holds(dtype));
    let stored = stored.ok_or_else(|| values.not_stored(kind.name()))?;
    supported(values.name, stored, kind, device)
}

fn supported(name: &str, dtype: DType, kind: Kind, device: &Device) -> Result<DType, Error> {
    // Burn stores truth values as the device does, whatever is asked for.
    if kind == Kind::Bool || device.supports_dtype(dtype) {
        return Ok(dtype);
    }
    let (tensor, device) = (name.to_owned(), format!("{device:?}"));
    Err(Error::Device { tensor, received: dtype, device })
}

/// The tensor of these values, in the dtype that is given or else in theirs.
pub(crate) fn tensor<const D: usize, K: Basic>(
    values: &Values<'_>,
    kind: Kind,
    asked: Option<DType>,
    device: &Device,
) -> Result<Tensor<D, K>, Error> {
    let received = &values.slice.extent;
    if received.len() != D {
        let tensor = values.name.to_owned();
        return Err(Error::Rank { tensor, received: received.clone(), rank: D });
    }
    let stored = check(values, kind, device)?;
    let dtype = asked.map(|asked| supported(values.name, asked, kind, device)).transpose()?;
    Ok(Tensor::from_data(values.data()?, (device, dtype.unwrap_or(stored))))
}

/// The parameter with these values, and all else that it had.
pub(crate) fn load<const D: usize, K: Basic>(
    param: Param<Tensor<D, K>>,
    values: &Values<'_>,
    kind: Kind,
    is_transposed: bool,
) -> Result<Param<Tensor<D, K>>, Error>
where
    Tensor<D, K>: Parameter,
{
    let before = dtype(&param, kind);
    // Which holds the values of float32.
    let asked = (before == DType::Flex32 && values.dtype == varscale::Dtype::Float32.into())
        .then_some(before);
    let tensor = tensor(values, kind, asked, &param.lazy_device())?;
    let (id, mut expected) = (param.id, tensor.dims());
    let loaded = param.transform_for_load(tensor, id);
    let received = loaded.base().dims();
    if is_transposed {
        expected.reverse();
    }
    if received != expected {
        let (tensor, received) = (values.name.to_owned(), received.to_vec());
        return Err(Error::Mapped { tensor, received, expected: expected.to_vec() });
    }
    Ok(loaded)
}
