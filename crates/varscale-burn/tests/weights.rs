//! The store: layouts by the modules' types, dtypes, partial loading, errors.

#![allow(deprecated, reason = "of burn's ndarray backend, which goes on to be tested")]

use std::path::Path;

use burn::{
    module::{Module, Param},
    nn::{
        BatchNormConfig, Embedding, EmbeddingConfig, GroupNormConfig, InstanceNormConfig,
        LayerNormConfig, Linear, LinearConfig, LinearLayout, LstmConfig, PReluConfig,
        RmsNormConfig, SwiGluConfig,
        activation::{Activation, ActivationConfig},
        attention::MultiHeadAttentionConfig,
        conv::{
            Conv1dConfig, Conv2dConfig, Conv3dConfig, ConvTranspose1dConfig, ConvTranspose2dConfig,
            ConvTranspose3dConfig, DeformConv2dConfig,
        },
        gru::GruConfig,
    },
    store::{ModuleSnapshot, ModuleStore, PathFilter, bridge},
    tensor::{Bool, DType, Device, FloatDType, Int, Tensor, TensorData},
};
use varscale::{Layout, Scheme};
use varscale_burn::{Error, Seed, Source, Spec, Weights, spec};
use varscale_model::{PlanError, PlanSeed};

fn source(rules: &str) -> Source {
    Source::from_toml(rules, Path::new("")).unwrap()
}

fn weights(rules: &str) -> Weights {
    Weights::new(&source(rules), Some(42.into())).unwrap()
}

const HE: &str = "[[rules]]\nmatch = '*'\ninitializer = 'he_normal'\n";

/// What the core draws for a name.
fn he(name: &str, shape: &[usize], layout: Layout) -> Vec<f32> {
    let tensor = varscale::Tensor::new(shape).named(name).with_layout(layout);
    Scheme::he_normal().with_seed(42).draw(tensor).unwrap().to_vec().unwrap()
}

fn transposed(values: &[f32], columns: usize) -> Vec<f32> {
    let rows = values.len() / columns;
    let at = |place| values[place % rows * columns + place / rows];
    (0..values.len()).map(at).collect()
}

/// All tensors of a module as they are saved, by their paths.
fn tensors<M: Module>(module: &M) -> Vec<(String, TensorData)> {
    let all = module.collect(None, None, true).into_iter();
    all.map(|one| (one.name.clone(), bridge::to_data(&one).unwrap())).collect()
}

fn loaded<M: Module>(mut module: M, rules: &str) -> Vec<(String, TensorData)> {
    let result = module.load_from(&mut weights(rules)).unwrap();
    let tensors = tensors(&module);
    assert_eq!(result.applied.len(), tensors.len(), "{result}");
    tensors
}

/// A module whose tensors are compared, and for each that the rules see: its path, its name, its shape and
/// layout in torch, and whether burn has it the other way round.
type Expected = (&'static str, &'static str, &'static [usize], Layout, bool);

fn check(tensors: &[(String, TensorData)], expected: &[Expected]) {
    for (path, name, shape, layout, is_turned) in expected {
        let (_, data) = tensors.iter().find(|(one, _)| one == path).unwrap();
        let mut values = he(name, shape, layout.clone());
        let mut shape = shape.to_vec();
        if *is_turned {
            values = transposed(&values, shape[1]);
            shape.reverse();
        }
        assert_eq!(data.shape().to_vec(), shape, "{path}");
        assert_eq!(data.try_to_vec::<f32>().unwrap(), values, "{path}");
    }
}

/// Without a layout that is said, each module's own counts.
#[test]
fn layouts_are_those_of_the_modules() {
    let device = &Device::flex();
    let (torch, keras) = (Layout::torch, Layout::keras);
    let row = LinearConfig::new(64, 10);
    let col = row.clone().with_layout(LinearLayout::Col);
    check(
        &loaded(row.init(device), HE),
        &[("weight", "weight", &[10, 64], torch(), true), ("bias", "bias", &[10], torch(), false)],
    );
    check(&loaded(col.init(device), HE), &[("weight", "weight", &[10, 64], torch(), false)]);
    // What was used, or is square, tells its layout as well.
    for (from, to) in [(64, 10), (16, 16)] {
        let mut linear = LinearConfig::new(from, to).with_layout(LinearLayout::Col).init(device);
        assert_eq!(linear.weight.val().dims(), [from, to]);
        linear.load_from(&mut weights(HE)).unwrap();
        let values = transposed(&he("weight", &[to, from], torch()), from);
        assert_eq!(linear.weight.val().into_data().try_into_vec::<f32>().unwrap(), values);
    }
    let embedding = EmbeddingConfig::new(30, 8).init(device);
    check(&loaded(embedding, HE), &[("weight", "weight", &[30, 8], keras(), false)]);
    let conv = Conv1dConfig::new(4, 6, 3).init(device);
    check(&loaded(conv, HE), &[("weight", "weight", &[6, 4, 3], torch(), false)]);
    let conv = Conv2dConfig::new([4, 6], [3, 3]).with_groups(2).init(device);
    check(&loaded(conv, HE), &[("weight", "weight", &[6, 2, 3, 3], torch(), false)]);
    let conv = Conv3dConfig::new([4, 6], [3, 3, 3]).init(device);
    check(&loaded(conv, HE), &[("weight", "weight", &[6, 4, 3, 3, 3], torch(), false)]);
    let conv = DeformConv2dConfig::new([4, 6], [3, 3]).init(device);
    check(&loaded(conv, HE), &[("weight", "weight", &[6, 4, 3, 3], torch(), false)]);
    let turned = Layout::torch_transpose;
    let conv = ConvTranspose1dConfig::new([4, 6], 3).init(device);
    check(&loaded(conv, HE), &[("weight", "weight", &[4, 6, 3], turned(), false)]);
    let conv = ConvTranspose2dConfig::new([4, 6], [3, 3]).init(device);
    check(&loaded(conv, HE), &[("weight", "weight", &[4, 6, 3, 3], turned(), false)]);
    let conv = ConvTranspose3dConfig::new([4, 6], [3, 3, 3]).init(device);
    check(&loaded(conv, HE), &[("weight", "weight", &[4, 6, 3, 3, 3], turned(), false)]);
    let lstm = LstmConfig::new(8, 6, true).init(device);
    let gate = "input_gate.hidden_transform.weight";
    check(&loaded(lstm, HE), &[(gate, gate, &[6, 6], torch(), true)]);
    let gru = GruConfig::new(8, 6, true).init(device);
    let gate = "new_gate.input_transform.weight";
    check(&loaded(gru, HE), &[(gate, gate, &[6, 8], torch(), true)]);
    let attention = MultiHeadAttentionConfig::new(8, 2).init(device);
    check(&loaded(attention, HE), &[("query.weight", "query.weight", &[8, 8], torch(), true)]);
    let glu = SwiGluConfig::new(8, 6).init(device);
    let inner = "linear_inner.weight";
    check(&loaded(glu, HE), &[(inner, inner, &[6, 8], torch(), true)]);
}

/// Norms and PReLU say `gamma`, `beta` and `alpha` for what torch calls a weight and a bias.
#[test]
fn names_are_torchs() {
    let device = &Device::flex();
    let gamma_beta = |tensors: Vec<(String, TensorData)>| {
        check(
            &tensors,
            &[
                ("gamma", "weight", &[8], Layout::torch(), false),
                ("beta", "bias", &[8], Layout::torch(), false),
            ],
        );
        tensors.len()
    };
    assert_eq!(gamma_beta(loaded(BatchNormConfig::new(8).init(device), HE)), 4);
    assert_eq!(gamma_beta(loaded(GroupNormConfig::new(2, 8).init(device), HE)), 2);
    assert_eq!(gamma_beta(loaded(InstanceNormConfig::new(8).init(device), HE)), 2);
    assert_eq!(gamma_beta(loaded(LayerNormConfig::new(8).init(device), HE)), 2);
    let norm = RmsNormConfig::new(8).init(device);
    check(&loaded(norm, HE), &[("gamma", "weight", &[8], Layout::torch(), false)]);
    let prelu = PReluConfig::new().with_num_parameters(8).init(device);
    check(&loaded(prelu, HE), &[("alpha", "weight", &[8], Layout::torch(), false)]);
}

/// A layout that the plan or a rule says goes before the module's.
#[test]
fn layouts_that_are_said_are_read() {
    let device = &Device::flex();
    let said = |layout: &str| format!("layout = '{layout}'\n{HE}");
    let row = LinearConfig::new(64, 10).with_bias(false);
    let col = row.clone().with_layout(LinearLayout::Col);
    let own = [64, 10];
    // Keras has Dense as burn has Linear: the spec's shape is the module's own.
    for layout in ["keras", "keras-transpose"] {
        let values = he("weight", &own, layout.parse().unwrap());
        let rules = said(layout);
        let mut linear = row.init(device);
        linear.load_from(&mut weights(&rules)).unwrap();
        assert_eq!(linear.weight.val().into_data().try_into_vec::<f32>().unwrap(), values);
        let mut linear = col.init(device);
        linear.load_from(&mut weights(&rules)).unwrap();
        assert_eq!(linear.weight.val().into_data().try_into_vec::<f32>().unwrap(), values);
        let of_rules = spec(&source(&rules), &linear).unwrap();
        assert_eq!(of_rules.tensors[0].shape, own);

        let conv = Conv1dConfig::new(4, 6, 3).init(device);
        let error = conv.clone().load_from(&mut weights(&rules)).unwrap_err();
        assert!(matches!(error, Error::Layout { .. }), "{error}");
        let embedding = EmbeddingConfig::new(30, 8).init(device);
        let layout = layout.parse().unwrap();
        check(&loaded(embedding, &rules), &[("weight", "weight", &[30, 8], layout, false)]);
    }
    for layout in ["torch", "axes:1/0", "jax:1/0/", "auto"] {
        let read = if layout == "auto" { Layout::torch() } else { layout.parse().unwrap() };
        let expected = ("weight", "weight", &[10, 64][..], read.clone(), true);
        check(&loaded(row.init(device), &said(layout)), &[expected]);
        let embedding = EmbeddingConfig::new(30, 8).init(device);
        let expected = ("weight", "weight", &[30, 8][..], read, false);
        check(&loaded(embedding, &said(layout)), &[expected]);
    }
    let of_rule = format!("layout = 'keras'\n{HE}layout = 'torch'");
    let expected = ("weight", "weight", &[10, 64][..], Layout::torch(), true);
    check(&loaded(row.init(device), &of_rule), &[expected]);
}

/// Fans of another tensor are those of its layout, whether that is said or the module's.
#[test]
fn fans_of_another_tensor_need_no_spec() {
    let rules = "[[rules]]\nmatch = '*.bias'\nfans_of = '*.weight'
        initializer = { class_name = 'Constant', config = { value = 'fan_in' } }
        [[rules]]\nmatch = '*'\ninitializer = 'he_normal'";
    for layout in ["", "layout = 'torch'\n", "layout = 'keras'\n"] {
        let mut pair = vec![LinearConfig::new(64, 10).init(&Device::flex()); 2];
        pair.load_from(&mut weights(&format!("{layout}{rules}"))).unwrap();
        let bias = pair[1].bias.as_ref().unwrap().val();
        assert_eq!(bias.into_data().try_into_vec::<f32>().unwrap(), [64.0; 10], "{layout}");
    }
}

#[derive(Module, Debug)]
struct Zoo {
    root: Param<Tensor<1>>,
    list: Vec<Linear>,
    array: [Linear; 2],
    pair: (Embedding, Linear),
    none: Option<Linear>,
    some: Option<Linear>,
    act: Activation,
    ids: Param<Tensor<1, Int>>,
    mask: Param<Tensor<2, Bool>>,
    number: usize,
    constant: Tensor<1>,
    #[module(skip)]
    text: String,
}

impl Zoo {
    fn new(device: &Device) -> Self {
        let linear = || LinearConfig::new(4, 3).with_bias(false).init(device);
        Self {
            root: Param::from_data([1.0, 2.0], device),
            list: vec![linear(), linear()],
            array: [linear(), linear()],
            pair: (EmbeddingConfig::new(5, 4).init(device), linear()),
            none: None,
            some: Some(linear()),
            act: ActivationConfig::PRelu(PReluConfig::new()).init(device),
            ids: Param::initialized(
                burn::module::ParamId::new(),
                Tensor::from_data([7, 8, 9], device),
            ),
            mask: Param::initialized(
                burn::module::ParamId::new(),
                Tensor::from_data([[true, true], [true, true]], device),
            ),
            number: 3,
            constant: Tensor::ones([2], device),
            text: "kept".to_owned(),
        }
    }
}

const ZOO: &str = "
    [[rules]]\nmatch = 'ids'\ninitializer = { class_name = 'Formula', config = { expression = '2 * i0' } }
    [[rules]]\nmatch = 'mask'\ninitializer = { class_name = 'Formula', config = { expression = 'i0 >= i1' } }
    [[rules]]\nmatch = '*'\ninitializer = 'he_normal'";

#[test]
fn modules_of_every_form_are_filled() {
    for device in [Device::flex(), Device::ndarray(), Device::flex().autodiff()] {
        let mut zoo = Zoo::new(&device);
        let ids = zoo.list[0].weight.id;
        let result = zoo.load_from(&mut weights(ZOO)).unwrap();
        let names = [
            "root",
            "list.0.weight",
            "list.1.weight",
            "array.0.weight",
            "array.1.weight",
            "pair.0.weight",
            "pair.1.weight",
            "some.weight",
            "act.alpha",
            "ids",
            "mask",
        ];
        assert_eq!(result.applied, names);
        let all = tensors(&zoo);
        check(
            &all,
            &[
                ("root", "root", &[2], Layout::torch(), false),
                ("list.1.weight", "list.1.weight", &[3, 4], Layout::torch(), true),
                ("array.1.weight", "array.1.weight", &[3, 4], Layout::torch(), true),
                ("pair.0.weight", "pair.0.weight", &[5, 4], Layout::keras(), false),
                ("some.weight", "some.weight", &[3, 4], Layout::torch(), true),
                ("act.alpha", "act.weight", &[1], Layout::torch(), false),
            ],
        );
        assert_eq!(
            zoo.ids.val().into_data().convert::<i64>().try_into_vec::<i64>().unwrap(),
            [0, 2, 4]
        );
        let mask = zoo.mask.val().into_data().convert::<bool>().try_into_vec::<bool>().unwrap();
        assert_eq!(mask, [true, false, true, true]);
        assert_eq!(zoo.list[0].weight.id, ids);
        assert_eq!((zoo.number, &zoo.text[..]), (3, "kept"));
        assert_eq!(zoo.list[0].weight.val().is_require_grad(), device.is_autodiff());
        assert_eq!(zoo.list[0].weight.val().device(), device);
    }
}

/// A device's dtype is the module's; a plan's, or a rule's, goes before it, as a file's does in burn.
#[test]
fn every_dtype_is_drawn_in_itself() {
    let floats = [
        (FloatDType::F32, DType::F32, "float32"),
        (FloatDType::F64, DType::F64, "float64"),
        (FloatDType::F16, DType::F16, "float16"),
        (FloatDType::BF16, DType::BF16, "bfloat16"),
    ];
    for (_, dtype, name) in floats {
        for device in [Device::flex(), Device::ndarray()] {
            let mut linear = LinearConfig::new(64, 10).init(&device);
            let rules = format!("dtype = '{name}'\n{HE}");
            if !device.supports_dtype(dtype) {
                let error = linear.load_from(&mut weights(&rules)).unwrap_err();
                assert!(matches!(error, Error::Device { .. }), "{error}");
                continue;
            }
            linear.load_from(&mut weights(&rules)).unwrap();
            let weight = linear.weight.val();
            assert_eq!(weight.dtype(), dtype);
            let tensor = varscale::Tensor::new([10, 64]).named("weight");
            let draw = Scheme::he_normal().with_seed(42).draw(tensor.with_layout(Layout::torch()));
            let expected = expected(&draw.unwrap(), dtype);
            let given = weight.transpose().into_data().convert::<f64>().try_into_vec::<f64>();
            assert_eq!(given.unwrap(), expected, "{name}");
        }
    }
    for (dtype, said) in [("float8_e4m3fn", "float8_e4m3fn"), ("int32", "int32"), ("bool", "bool")]
    {
        let rules = format!("[[rules]]\nmatch = '*'\ninitializer = 'ones'\ndtype = '{dtype}'");
        let error = LinearConfig::new(4, 3).init(&Device::flex());
        let error = error.clone().load_from(&mut weights(&rules)).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("tensor \"weight\" is Float, which {said} is not")),
            "{error}"
        );
    }
}

fn expected(draw: &varscale::Draw, dtype: DType) -> Vec<f64> {
    use varscale::{
        Element,
        half::{bf16, f16},
    };
    fn values<T: Element>(draw: &varscale::Draw) -> Vec<f64> {
        draw.to_vec::<T>().unwrap().into_iter().map(T::to_f64).collect()
    }
    match dtype {
        DType::F64 => values::<f64>(draw),
        DType::F16 => values::<f16>(draw),
        DType::BF16 => values::<bf16>(draw),
        _ => values::<f32>(draw),
    }
}

#[test]
fn integers_have_their_own_dtypes() {
    #[derive(Module, Debug)]
    struct Ids {
        ids: Param<Tensor<1, Int>>,
    }
    let device = Device::flex();
    let kinds = [
        DType::I8,
        DType::I16,
        DType::I32,
        DType::I64,
        DType::U8,
        DType::U16,
        DType::U32,
        DType::U64,
    ];
    for dtype in kinds {
        let ids = Tensor::<1, Int>::from_data([1, 1, 1], (&device, dtype));
        let mut module = Ids { ids: Param::initialized(burn::module::ParamId::new(), ids) };
        let rules = "dtype = 'bfloat16'\n[[rules]]\nmatch = '*'
            initializer = { class_name = 'Formula', config = { expression = '2 * i0' } }";
        module.load_from(&mut weights(rules)).unwrap();
        let ids = module.ids.val();
        assert_eq!(ids.dtype(), dtype);
        assert_eq!(ids.into_data().convert::<i64>().try_into_vec::<i64>().unwrap(), [0, 2, 4]);
        let error = module.load_from(&mut weights(HE)).unwrap_err();
        assert!(matches!(error, Error::Plan(PlanError::Integer { .. })), "{error}");
        let float = "[[rules]]\nmatch = '*'\ninitializer = 'ones'\ndtype = 'float32'";
        let error = module.load_from(&mut weights(float)).unwrap_err().to_string();
        assert!(error.contains("is Int, which float32 is not"), "{error}");
    }
}

#[test]
fn a_part_is_loaded_where_that_is_asked() {
    let device = &Device::flex();
    let rules = "[[rules]]\nmatch = '*weight'\ninitializer = 'he_normal'
        [[rules]]\nmatch = 'gone'\ninitializer = 'ones'\noptional = true
        [[rules]]\nmatch = '*.beta'\nskip = true\noptional = true";
    let fresh = || LinearConfig::new(4, 3).init(device);
    let mut linear = fresh();
    let error = linear.load_from(&mut weights(rules)).unwrap_err();
    assert!(
        matches!(&error, Error::Plan(PlanError::NoInitializer { tensor, .. }) if tensor == "bias")
    );
    // Nothing was set, nor initialized.
    assert!(!linear.weight.is_initialized());

    let result = linear.load_from(&mut weights(rules).allow_partial(true)).unwrap();
    assert_eq!(result.applied, ["weight"]);
    assert_eq!(result.missing, [("bias".to_owned(), "Struct:Linear".to_owned())]);
    assert!(!linear.bias.as_ref().unwrap().is_initialized());

    // What is filtered need have no rule, and takes part in nothing else.
    let mut pair = vec![fresh(), fresh()];
    let first = PathFilter::new().with_regex(r"^0\.weight");
    let result = pair.load_from(&mut weights(rules).filter(first)).unwrap();
    assert_eq!(result.applied, ["0.weight"]);
    assert_eq!(result.skipped, ["0.bias", "1.weight", "1.bias"]);
    assert!(!pair[1].weight.is_initialized());
    let mut whole = vec![fresh(), fresh()];
    whole.load_from(&mut weights(HE)).unwrap();
    assert_eq!(pair[0].weight.val().to_data(), whole[0].weight.val().to_data());
}

#[test]
fn a_spec_is_answered_as_a_store() {
    let text =
        br#"{"a.weight": {"dtype": "BF16", "shape": [3, 4]}, "b": {"dtype": "I32", "shape": [2]}}"#;
    let rules = source(
        "layout = 'torch'\n[[rules]]\nmatch = '*.weight'\ninitializer = 'he_normal'
        [[rules]]\nmatch = 'b'\ninitializer = 'ones'",
    );
    let rules = rules.with_spec(Spec::from_json(text).unwrap());
    let mut store = Weights::new(&rules, Some(42.into())).unwrap();
    assert_eq!(store.keys().unwrap(), ["a.weight", "b"]);
    assert_eq!(store.get_all_tensors().unwrap().len(), 2);
    let tensor = store.get_tensor("a.weight").unwrap().unwrap();
    assert_eq!((tensor.dtype, tensor.shape.to_vec()), (DType::BF16, vec![3, 4]));
    let data = bridge::to_data(tensor).unwrap().convert::<f64>().try_into_vec::<f64>().unwrap();
    let named = varscale::Tensor::new([3, 4]).named("a.weight").with_layout(Layout::torch());
    assert_eq!(
        data,
        expected(&Scheme::he_normal().with_seed(42).draw(named).unwrap(), DType::BF16)
    );
    assert!(store.get_tensor("c").unwrap().is_none());

    // The spec's dtype goes before the module's, and what the module lacks is told.
    #[derive(Module, Debug)]
    struct A {
        a: Linear,
    }
    let mut module = A { a: LinearConfig::new(4, 3).with_bias(false).init(&Device::flex()) };
    let result = module.load_from(&mut store).unwrap();
    assert_eq!((result.applied.len(), &result.unused[..]), (1, &["b".to_owned()][..]));
    assert_eq!(module.a.weight.val().dtype(), DType::BF16);
    let mut other = A { a: LinearConfig::new(5, 3).with_bias(false).init(&Device::flex()) };
    let error = other.load_from(&mut store).unwrap_err();
    assert!(matches!(error, Error::Plan(PlanError::OtherShape { .. })), "{error}");
    let mut other = A { a: LinearConfig::new(4, 3).init(&Device::flex()) };
    let error = other.load_from(&mut store).unwrap_err();
    assert!(matches!(error, Error::Plan(PlanError::UnknownTensor { .. })), "{error}");

    assert!(matches!(module.save_into(&mut store), Err(Error::ReadOnly)));
    let mut alone = weights(HE);
    assert!(matches!(alone.keys(), Err(Error::Plan(PlanError::NoSpec { .. }))));
    assert!(matches!(alone.get_tensor("a"), Err(Error::Plan(PlanError::NoSpec { .. }))));
}

#[test]
fn seeds_are_given_or_drawn_once() {
    let device = &Device::flex();
    let fill = |weights: &mut Weights| {
        let mut linear = LinearConfig::new(4, 3).init(device);
        linear.load_from(weights).unwrap();
        linear.weight.val().into_data()
    };
    let mut drawn = Weights::new(&source(HE), None).unwrap();
    let PlanSeed::Drawn(seed) = drawn.seed().unwrap() else { panic!("drawn") };
    assert_eq!(fill(&mut drawn), fill(&mut drawn.clone()));
    let mut again = Weights::new(&source(HE), Some(seed.into())).unwrap();
    assert_eq!(fill(&mut again), fill(&mut drawn));
    let of_plan = Weights::new(&source(&format!("seed = 7\n{HE}")), None).unwrap();
    assert_eq!(of_plan.seed().unwrap(), PlanSeed::Given(7));
    let other = Weights::new(&source(HE), None).unwrap();
    assert_ne!(other.seed().unwrap(), drawn.seed().unwrap());
    // Streams that know no names know the module's tensors.
    let keras = format!("stream = 'keras-numpy'\nseeds = 'by-name'\n{HE}");
    let mut keras = Weights::new(&source(&keras), Some(Seed::from(7))).unwrap();
    assert_ne!(fill(&mut keras), fill(&mut drawn));
}

/// One name for two parameters is one tensor, under two names.
#[test]
fn names_may_coincide() {
    let device = &Device::flex();
    let one_name = |path: &str| path[2..].to_owned();
    let linear = |to: usize| LinearConfig::new(4, to).init(device);
    let mut pair = vec![linear(3), linear(3)];
    pair.load_from(&mut weights(HE).rename_f(one_name)).unwrap();
    assert_eq!(pair[0].weight.val().to_data(), pair[1].weight.val().to_data());
    let error =
        vec![linear(3), linear(5)].load_from(&mut weights(HE).rename_f(one_name)).unwrap_err();
    let text = "tensor \"weight\" is float32 [5, 4] in one place of the module, and float32 [3, 4] in another";
    assert_eq!(error.to_string(), text);
}

/// A tied parameter stays one of its own, with the values of the other at torch's places.
#[test]
fn ties_are_of_values() {
    #[derive(Module, Debug)]
    struct Tied {
        embed: Embedding,
        head: Linear,
    }
    let device = &Device::flex();
    let mut tied = Tied {
        embed: EmbeddingConfig::new(30, 8).init(device),
        head: LinearConfig::new(8, 30).with_bias(false).init(device),
    };
    let rules = "[[rules]]\nmatch = 'head.weight'\ntie = 'embed.weight'";
    tied.load_from(&mut weights(&format!("{rules}\n{HE}"))).unwrap();
    assert_eq!(tied.head.weight.val().transpose().to_data(), tied.embed.weight.val().to_data());
    assert_ne!(tied.head.weight.id, tied.embed.weight.id);
    check(&tensors(&tied), &[("embed.weight", "embed.weight", &[30, 8], Layout::keras(), false)]);
}

/// What is wrong in burn 0.22.1 itself: our documents name it, and these inputs show it.
#[test]
fn burns_own_faults_are_as_documented() {
    use burn::nn::Initializer;
    let device = &Device::flex();
    device.seed(1);
    // fan_in of Linear's Col layout is the number of outputs.
    let kaiming = Initializer::KaimingNormal { gain: 1.0, fan_out_only: false };
    let config = LinearConfig::new(1000, 10).with_initializer(kaiming);
    let variance = |linear: Linear| linear.weight.val().var_mean(0).0.mean().into_scalar::<f32>();
    let row = variance(config.clone().init(device));
    let col = variance(config.with_layout(LinearLayout::Col).init(device));
    assert!((row * 1000.0 - 1.0).abs() < 0.1 && (col * 10.0 - 1.0).abs() < 0.1, "{row} {col}");
    // Xavier panics where a module tells no fans.
    for panics in [
        std::panic::catch_unwind(|| {
            EmbeddingConfig::new(5, 4)
                .with_initializer(Initializer::XavierUniform { gain: 1.0 })
                .init(&Device::flex())
                .weight
                .val();
        }),
        std::panic::catch_unwind(|| {
            ConvTranspose2dConfig::new([4, 6], [3, 3])
                .with_initializer(Initializer::XavierUniform { gain: 1.0 })
                .init(&Device::flex())
                .weight
                .val();
        }),
    ] {
        let panic = panics.unwrap_err();
        assert!(
            panic.downcast_ref::<&str>().is_some_and(|text| text.contains("Xavier"))
                || panic.downcast_ref::<String>().is_some_and(|text| text.contains("Xavier"))
        );
    }
}
