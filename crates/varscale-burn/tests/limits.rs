//! Modules and rules at the edges: what is wide or huge, of another kind, tied, mapped or left out.

use std::path::Path;

use burn::{
    module::{
        Content, Lora, Module, ModuleDisplay, ModuleDisplayDefault, ModuleMapper, ModuleVisitor,
        Param, ParamId, Quantizer,
    },
    nn::{
        BatchNormConfig, EmbeddingConfig, LinearConfig, LinearLayout,
        conv::{Conv2d, Conv2dConfig},
    },
    store::{ModuleSnapshot, PathFilter},
    tensor::{
        Device, Int, Tensor,
        quantization::{Calibration, QuantScheme},
    },
};
use varscale::{Layout, Scheme};
use varscale_burn::{Error, Source, Weights, initializer, spec};

fn source(rules: &str) -> Source {
    Source::from_toml(rules, Path::new("")).unwrap()
}

fn weights(rules: &str) -> Weights {
    Weights::new(&source(rules), Some(42.into())).unwrap()
}

const HE: &str = "[[rules]]\nmatch = '*'\ninitializer = 'he_normal'\n";
const ROWS: &str = "[[rules]]\nmatch = '*'
    initializer = { class_name = 'Formula', config = { expression = '10 * i0 + i1' } }\n";

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

/// What the core draws for `weight`, in torch's layout.
fn he(shape: [usize; 2]) -> Vec<f32> {
    let tensor = varscale::Tensor::new(shape).named("weight").with_layout(Layout::torch());
    Scheme::he_normal().with_seed(42).draw(tensor).unwrap().to_vec().unwrap()
}

#[test]
fn wide_matrices_are_turned() {
    let device = &Device::flex();
    let (from, to) = (300_000, 2);
    let mut linear = LinearConfig::new(from, to).with_bias(false).init(device);
    linear.load_from(&mut weights(HE)).unwrap();
    assert_eq!(values(linear.weight.val().transpose()), he([to, from]));
    let weight = LinearConfig::new(from, to).with_layout(LinearLayout::Col).init(device).weight;
    let named = Scheme::he_normal().with_seed(42);
    let weight = initializer(&named, "weight").fill(weight).unwrap();
    let whole: Tensor<2> = initializer(&named, "weight").tensor([from, to], device).unwrap();
    assert_eq!(values(weight.val()), values(whole));
}

#[test]
fn what_does_not_fit_is_an_error() {
    for outputs in [1 << 28, 1 << 43] {
        let mut linear = LinearConfig::new(1 << 18, outputs).with_bias(false).init(&Device::flex());
        let error = linear.load_from(&mut weights(HE)).unwrap_err().to_string();
        let expected =
            format!("tensor \"weight\": cannot allocate {} bytes", (outputs as u128) << 20);
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[derive(Module, Debug)]
struct Linear {
    weight: Param<Tensor<3>>,
}

/// What is called as burn's, and is none: only matrices are turned, of all kinds.
#[test]
fn a_linear_of_ones_own_is_turned_as_a_matrix() {
    mod ids {
        use super::*;
        #[derive(Module, Debug)]
        pub(super) struct Linear {
            pub(super) weight: Param<Tensor<2, Int>>,
        }
    }
    let device = &Device::flex();
    let weight = Tensor::<2, Int>::zeros([3, 4], device);
    let mut of_ids = ids::Linear { weight: Param::initialized(ParamId::new(), weight) };
    of_ids.load_from(&mut weights(ROWS)).unwrap();
    let given = of_ids.weight.val().transpose().into_data().convert::<i64>();
    let expected = [0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32];
    assert_eq!(given.try_into_vec::<i64>().unwrap(), expected);

    let mut cube = Linear { weight: Param::from_tensor(Tensor::<3>::zeros([2, 3, 4], device)) };
    assert_eq!(spec(&source(ROWS), &cube).unwrap().tensors[0].shape, [2, 3, 4]);
    cube.load_from(&mut weights(ROWS)).unwrap();
    let expected: Vec<_> = [0., 1., 2., 10., 11., 12.].iter().flat_map(|&one| [one; 4]).collect();
    assert_eq!(values(cube.weight.val()), expected);
}

#[test]
fn layouts_of_keras_are_refused_in_any_groups() {
    let conv = || Conv2dConfig::new([4, 6], [8, 8]).with_bias(false).init(&Device::flex());
    for layout in ["keras", "keras:groups=2", "keras-transpose", "keras-depthwise"] {
        let rules = format!("layout = '{layout}'\n{HE}");
        let error = conv().load_from(&mut weights(&rules)).unwrap_err();
        assert!(matches!(error, Error::Layout { .. }), "{error}");
        assert!(matches!(spec(&source(&rules), &conv()), Err(Error::Layout { .. })));
    }
}

/// LoRA stays with the weight that it is of, and has its own values.
#[test]
fn what_is_applied_to_a_parameter_stays() {
    for layout in [LinearLayout::Row, LinearLayout::Col] {
        let linear = LinearConfig::new(6, 4).with_layout(layout).init(&Device::flex());
        let linear = linear.apply_reparameterization(Lora::new(2, 4.0));
        let before = linear.weight.adapter().unwrap().clone();
        let filled = initializer(&Scheme::ones().with_seed(1), "w").fill(linear.weight).unwrap();
        let after = filled.adapter().unwrap();
        assert_eq!(values(filled.base()), [1.0; 24]);
        assert_eq!(values(after.delta()), values(before.delta()));
    }
}

#[test]
fn one_name_has_one_layout() {
    let device = &Device::flex();
    let embedding = EmbeddingConfig::new(6, 4).init(device);
    let linear = LinearConfig::new(4, 6).with_bias(false).init(device);
    let rename = |path: &str| path[2..].to_owned();
    let load = |rules: &str| {
        let mut pair = (embedding.clone(), linear.clone());
        pair.load_from(&mut weights(rules).rename_f(rename)).map(|_| pair)
    };
    let error = load(HE).unwrap_err();
    let text = "tensor \"weight\" is float32 [6, 4] in layout torch in one place of the module, and float32 \
        [6, 4] in layout keras in another";
    assert_eq!(error.to_string(), text);
    let (embedding, linear) = load(&format!("layout = 'torch'\n{HE}")).unwrap();
    assert_eq!(values(embedding.weight.val()), values(linear.weight.val().transpose()));
}

/// A tie is read in the layout of what it is tied to.
#[test]
fn ties_follow_layouts() {
    for to in [4, 3] {
        let mut pair = vec![LinearConfig::new(4, to).with_bias(false).init(&Device::flex()); 2];
        let rules = "[[rules]]\nmatch = '1.weight'\ntie = '0.weight'
            [[rules]]\nmatch = '0.weight'\nlayout = 'keras'\ninitializer = 'he_normal'";
        pair.load_from(&mut weights(rules)).unwrap();
        assert_eq!(values(pair[0].weight.val()), values(pair[1].weight.val()));
    }
}

#[derive(Module, Debug)]
struct Network {
    conv: Conv2d,
    linear: burn::nn::Linear,
}

/// What cannot be filled is refused only where it would be filled.
#[test]
fn what_is_left_out_need_not_be_fillable() {
    let device = &Device::flex();
    let network = || Network {
        conv: Conv2dConfig::new([3, 4], [3, 3]).init(device),
        linear: LinearConfig::new(32, 32).init(device),
    };
    let one = || PathFilter::new().with_full_path("linear.weight");
    let keras = format!("layout = 'keras'\n{HE}");
    assert!(network().load_from(&mut weights(&keras)).is_err());
    network().load_from(&mut weights(&keras).filter(one())).unwrap();
    let partial = "layout = 'keras'\n[[rules]]\nmatch = 'linear.*'\ninitializer = 'ones'";
    network().load_from(&mut weights(partial).allow_partial(true)).unwrap();

    let mut quantizer = Quantizer::new(Calibration::MinMax, QuantScheme::default());
    let linear = || LinearConfig::new(32, 32).init(device);
    let mut pair = vec![linear().quantize_weights(&mut quantizer), linear()];
    let error = pair.load_from(&mut weights(HE)).unwrap_err();
    assert!(matches!(error, Error::Dtype { .. }), "{error}");
    assert!(matches!(spec(&source(HE), &pair), Err(Error::Dtype { .. })));
    let second = PathFilter::new().with_regex(r"^1\.");
    let result = pair.load_from(&mut weights(HE).filter(second)).unwrap();
    assert_eq!(result.applied, ["1.weight", "1.bias"]);
    let second = "[[rules]]\nmatch = '1.*'\ninitializer = 'he_normal'";
    let result = pair.load_from(&mut weights(second).allow_partial(true)).unwrap();
    assert_eq!((result.applied.len(), result.missing.len()), (2, 2));

    // A plan is one of the whole module.
    let orthogonal = "[[rules]]\nmatch = '*'\ninitializer = 'orthogonal'";
    let error = network().load_from(&mut weights(orthogonal).filter(one())).unwrap_err();
    assert!(matches!(error, Error::Plan(_)), "{error:?}");
}

/// A module that is visited under a name, and mapped without.
#[derive(Debug, Clone)]
struct Odd(burn::nn::Linear);

impl ModuleDisplay for Odd {}
impl ModuleDisplayDefault for Odd {
    fn content(&self, content: Content) -> Option<Content> {
        content.optional()
    }
}

impl Module for Odd {
    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        visitor.enter_module("inner", "Struct:Odd");
        self.0.visit(visitor);
        visitor.exit_module("inner", "Struct:Odd");
    }

    fn map<M: ModuleMapper>(self, mapper: &mut M) -> Self {
        Self(self.0.map(mapper))
    }

    fn collect_devices(&self, devices: Vec<Device>) -> Vec<Device> {
        self.0.collect_devices(devices)
    }

    fn to_device(self, device: &Device) -> Self {
        Self(self.0.to_device(device))
    }

    fn fork(self, device: &Device) -> Self {
        Self(self.0.fork(device))
    }

    fn valid(&self) -> Self {
        Self(self.0.valid())
    }

    fn train(self) -> Self {
        Self(self.0.train())
    }

    fn materialize(self) -> Self {
        Self(self.0.materialize())
    }
}

#[test]
fn what_is_visited_and_not_mapped_is_an_error() {
    let mut odd = Odd(LinearConfig::new(3, 2).with_bias(false).init(&Device::flex()));
    let error = odd.load_from(&mut weights(HE)).unwrap_err().to_string();
    assert!(error.starts_with("tensors [\"inner.weight\"]: the module's `visit`"), "{error}");
}

/// A load mapper is applied as to a checkpoint, and makes no other shape.
#[test]
fn load_mappers_keep_shapes() {
    #[derive(Module, Debug)]
    struct Own {
        own: Param<Tensor<2>>,
    }
    type Mapper = fn(Tensor<2>) -> Tensor<2>;
    let mappers: [(Mapper, bool); 3] =
        [(|t| t * 2.0, true), (|t| t.reshape([4, 3]), true), (|t| t.transpose(), false)];
    for (mapper, is_loaded) in mappers {
        let own = Param::from_tensor(Tensor::ones([4, 3], &Device::flex())).load_mapper(mapper);
        match (Own { own }).load_from(&mut weights(HE)) {
            Ok(_) => assert!(is_loaded),
            Err(error) => assert!(!is_loaded && matches!(error, Error::Mapped { .. }), "{error}"),
        }
    }
}

/// As docs/burn.md has it of running states that a module has trained with, and of shared parameters.
#[test]
fn what_burn_shares_is_as_documented() {
    let device = &Device::flex();
    let zeros = "[[rules]]\nmatch = '*'\ninitializer = 'zeros'";
    let trained = || {
        let norm = BatchNormConfig::new(2).init(&device.clone().autodiff());
        norm.forward(Tensor::<2>::ones([3, 2], &device.clone().autodiff()) * 7.0);
        norm
    };
    let mut norm = trained();
    norm.load_from(&mut weights(zeros)).unwrap();
    assert_ne!(values(norm.valid().running_mean.value()), [0.0; 2]);
    let norm = trained();
    norm.running_mean.value_sync();
    let mut norm = norm;
    norm.load_from(&mut weights(zeros)).unwrap();
    assert_eq!(values(norm.valid().running_mean.value()), [0.0; 2]);

    let linear = LinearConfig::new(3, 3).with_bias(false).init(device);
    let mut pair = vec![linear.clone(), linear];
    assert_eq!(pair[0].weight.id, pair[1].weight.id);
    pair.load_from(&mut weights(HE)).unwrap();
    assert_ne!(values(pair[0].weight.val()), values(pair[1].weight.val()));
}
