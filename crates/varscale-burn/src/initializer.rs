//! Single tensors, beside burn's own `Initializer`.

use burn_core::{
    Tensor,
    module::{Module, ModuleMapper, Param, Parameter},
    tensor::{Bool, DType, Device, Int, TensorCreationOptions, kind::Basic},
};
use varscale::{Draw, Initializer, Layout, Slice};
use varscale_model::StoredDtype;

use crate::{
    Error,
    data::Values,
    dtype,
    param::{self, Kind},
};

/// An initializer for one tensor: under its name, in its layout.
#[derive(Debug, Clone)]
pub struct Named<'a> {
    initializer: &'a Initializer,
    name: String,
    layout: Layout,
}

/// An initializer for the tensor of this name, in Keras's layout: (…, in, out), as of burn's Linear in its
/// `Row` layout. Tensors of other names get other values; of one name, seed and shape, equal ones.
///
/// ```
/// use burn::tensor::{DType, Tensor};
/// use varscale::{Layout, Scheme};
/// use varscale_burn::initializer;
///
/// let (he, device) = (Scheme::he_normal().with_seed(42), Default::default());
/// let weight = initializer(&he, "fc.weight").init([64, 10], &device)?;
/// // Convolutions are (out, in, kernel…).
/// let filters = initializer(&he, "conv.weight").with_layout(Layout::torch());
/// let filters: Tensor<4> = filters.tensor([8, 3, 5, 5], (&device, DType::F64))?;
/// # Ok::<(), varscale_burn::Error>(())
/// ```
pub fn initializer(initializer: &Initializer, name: impl Into<String>) -> Named<'_> {
    Named { initializer, name: name.into(), layout: Layout::default() }
}

impl Named<'_> {
    /// The same tensor in this layout: what its axes stand for.
    #[must_use]
    pub fn with_layout(self, layout: Layout) -> Self {
        Self { layout, ..self }
    }

    /// A parameter of the next draw, in this shape: as burn's `Initializer::init`, but that it is drawn at
    /// once. `options` are the device, or it and a dtype.
    ///
    /// # Errors
    /// As [`Named::tensor`].
    pub fn init<const D: usize>(
        self,
        shape: [usize; D],
        options: impl Into<TensorCreationOptions>,
    ) -> Result<Param<Tensor<D>>, Error> {
        Ok(Param::from_tensor(self.tensor(shape, options)?))
    }

    /// A tensor of the next draw, in this shape. `options` are the device, or it and a dtype.
    ///
    /// # Errors
    /// [`Error::Dtype`], [`Error::Stored`] and [`Error::Device`] for dtypes that nothing is drawn in, of
    /// another kind, and that the device lacks; [`Error::Draw`] where the initializer refuses the shape,
    /// the dtype or the seed.
    pub fn tensor<const D: usize, K: Basic>(
        self,
        shape: [usize; D],
        options: impl Into<TensorCreationOptions>,
    ) -> Result<Tensor<D, K>, Error> {
        self.slice(shape, Slice::whole(&shape), options)
    }

    /// A part of the next draw in this shape: what the whole has there, with its fans.
    ///
    /// # Errors
    /// As [`Named::tensor`], and [`Error::Draw`] where the slice leaves the shape.
    ///
    /// ```
    /// use burn::tensor::Tensor;
    /// use varscale::Scheme;
    /// use varscale_burn::{Slice, initializer};
    ///
    /// let (he, device) = (Scheme::he_normal().with_seed(42), Default::default());
    /// let whole: Tensor<2> = initializer(&he, "fc.weight").tensor([64, 10], &device)?;
    /// let rows = Slice::new([16, 0], [8, 10]);
    /// let part: Tensor<2> = initializer(&he, "fc.weight").slice([64, 10], rows, &device)?;
    /// assert_eq!(part.to_data(), whole.slice([16..24]).to_data());
    /// # Ok::<(), varscale_burn::Error>(())
    /// ```
    pub fn slice<const D: usize, K: Basic>(
        self,
        shape: [usize; D],
        slice: Slice,
        options: impl Into<TensorCreationOptions>,
    ) -> Result<Tensor<D, K>, Error> {
        let TensorCreationOptions { device, dtype } = options.into();
        let (kind, default) = kind::<K>(&device);
        let dtype = dtype.unwrap_or(default);
        let (draw, stored) = self.draw(&shape, dtype, kind)?;
        let values =
            Values { name: &self.name, draw: &draw, slice, dtype: stored, is_turned: false };
        param::tensor(&values, kind, Some(dtype), &device)
    }

    /// The parameter with the next draw, in its shape, its dtype and on its device. What else it has stays:
    /// its identity, whether it is trained, and what is applied to it (LoRA). Its own initialization does
    /// not run.
    ///
    /// # Errors
    /// As [`Named::tensor`].
    ///
    /// ```
    /// use burn::nn::LinearConfig;
    /// use varscale::Scheme;
    /// use varscale_burn::initializer;
    ///
    /// let mut linear = LinearConfig::new(64, 10).init(&Default::default());
    /// let he = Scheme::he_normal().with_seed(42);
    /// linear.weight = initializer(&he, "fc.weight").fill(linear.weight)?;
    /// # Ok::<(), varscale_burn::Error>(())
    /// ```
    pub fn fill<const D: usize, K: Basic>(
        self,
        parameter: Param<Tensor<D, K>>,
    ) -> Result<Param<Tensor<D, K>>, Error>
    where
        Tensor<D, K>: Parameter,
        Param<Tensor<D, K>>: Module,
    {
        let mut filler = Filler { named: Some(self), failed: None };
        let filled = Module::map(parameter, &mut filler);
        filler.failed.map_or(Ok(filled), Err)
    }

    fn load<const D: usize, K: Basic>(
        self,
        parameter: Param<Tensor<D, K>>,
    ) -> Result<Param<Tensor<D, K>>, Error>
    where
        Tensor<D, K>: Parameter,
    {
        let (kind, _) = kind::<K>(&parameter.lazy_device());
        let (shape, is_turned) = param::shape(&parameter, true);
        let (draw, stored) = self.draw(&shape, param::dtype(&parameter, kind), kind)?;
        let slice = Slice::whole(&shape);
        let values = Values { name: &self.name, draw: &draw, slice, dtype: stored, is_turned };
        param::load(parameter, &values, kind, is_turned)
    }

    fn draw(
        &self,
        shape: &[usize],
        asked: DType,
        kind: Kind,
    ) -> Result<(Draw, StoredDtype), Error> {
        let name = || self.name.clone();
        let stored = dtype::stored(asked);
        let stored = stored.ok_or_else(|| Error::Dtype { tensor: name(), received: asked })?;
        if !kind.holds(asked) {
            let (tensor, received, kind) = (name(), stored, kind.name());
            return Err(Error::Stored { tensor, received, kind });
        }
        let tensor = varscale::Tensor::new(shape).named(name()).with_layout(self.layout.clone());
        let draw = match stored {
            StoredDtype::Drawn(dtype) => self.initializer.draw_in(tensor, dtype),
            // Whose values are checked as they are computed.
            _ => self.initializer.draw(tensor),
        };
        let refused = |source| Error::Draw { tensor: name(), source: Box::new(source) };
        Ok((draw.map_err(refused)?, stored))
    }
}

/// Fills the first parameter that a walk comes to, which what is applied to it follows.
struct Filler<'a> {
    named: Option<Named<'a>>,
    failed: Option<Error>,
}

impl Filler<'_> {
    fn fill<const D: usize, K: Basic>(&mut self, param: Param<Tensor<D, K>>) -> Param<Tensor<D, K>>
    where
        Tensor<D, K>: Parameter,
    {
        let Some(named) = self.named.take() else { return param };
        match named.load(param.clone()) {
            Ok(filled) => filled,
            Err(error) => {
                self.failed = Some(error);
                param
            }
        }
    }
}

impl ModuleMapper for Filler<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.fill(param)
    }

    fn map_int<const D: usize>(&mut self, param: Param<Tensor<D, Int>>) -> Param<Tensor<D, Int>> {
        self.fill(param)
    }

    fn map_bool<const D: usize>(
        &mut self,
        param: Param<Tensor<D, Bool>>,
    ) -> Param<Tensor<D, Bool>> {
        self.fill(param)
    }
}

/// What kind of tensors this is, and the dtype of new ones.
fn kind<K: Basic>(device: &Device) -> (Kind, DType) {
    let default = Tensor::<1, K>::empty([0], device).dtype();
    let all = [Kind::Float, Kind::Int, Kind::Bool];
    (all.into_iter().find(|kind| kind.holds(default)).unwrap_or(Kind::Float), default)
}
