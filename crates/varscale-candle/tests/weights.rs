//! The backend: dtypes, hints, variables, shards, errors.

use std::{path::Path, sync::atomic::AtomicBool};

use candle_core::{DType, Device, Error as CandleError, Shape, Tensor};
use candle_nn::{
    Init, VarBuilder, VarMap,
    init::{FanInOut, NonLinearity, NormalOrUniform},
    var_builder::Shard,
};
use varscale::{Dtype, Scheme, Tensor as Named};
use varscale_candle::{Error, Slice, Source, Spec, Weights, spec};
use varscale_model::{Options, Output, PlanError, PlanSeed, write};

const DEVICE: Device = Device::Cpu;

const RULES: &str = r#"
    layout = "torch"
    [[rules]]
    match = "*.weight"
    initializer = "he_normal"
    [[rules]]
    match = "ids"
    initializer = { class_name = "Formula", config = { expression = "2 * i0" } }
"#;

fn source(rules: &str) -> Source {
    Source::from_toml(rules, Path::new("")).unwrap()
}

fn weights(rules: &str) -> Weights {
    Weights::new(&source(rules), Some(42.into())).unwrap()
}

fn vb(rules: &str, dtype: DType) -> VarBuilder<'static> {
    weights(rules).var_builder(dtype, &DEVICE)
}

fn bytes(tensor: &Tensor) -> Vec<u8> {
    let mut bytes = Vec::new();
    tensor.write_bytes(&mut bytes).unwrap();
    bytes
}

fn numbers(tensor: &Tensor) -> Vec<f64> {
    // candle-core 0.11.1 converts f8e4m3 to f64 without an end.
    let exact = if tensor.dtype() == DType::F8E4M3 { DType::F32 } else { tensor.dtype() };
    let tensor = tensor.flatten_all().unwrap().to_dtype(exact).unwrap();
    tensor.to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

/// Each dtype that candle and we have: the core's own values, bit for bit.
#[test]
fn every_dtype_is_drawn_in_itself() {
    for (dtype, ours) in [
        (DType::F32, Dtype::Float32),
        (DType::F64, Dtype::Float64),
        (DType::F16, Dtype::Float16),
        (DType::BF16, Dtype::BFloat16),
        (DType::F8E4M3, Dtype::Float8E4M3Fn),
    ] {
        let tensor = vb(RULES, dtype).pp("fc").get((64, 32), "weight").unwrap();
        assert_eq!((tensor.dtype(), tensor.dims()), (dtype, &[64, 32][..]));
        let named = Named::new([64, 32]).named("fc.weight").with_layout(varscale::Layout::torch());
        let draw = Scheme::he_normal().with_seed(42).draw(named).unwrap();
        let expected = ours.visit(Values(&draw));
        assert_eq!(numbers(&tensor), expected, "{dtype:?}");
    }
    for dtype in [DType::U8, DType::U32, DType::I16, DType::I32, DType::I64] {
        let ids = vb(RULES, dtype).get(5, "ids").unwrap();
        assert_eq!(ids.dtype(), dtype);
        let ids = ids.to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap();
        assert_eq!(ids, [0.0, 2.0, 4.0, 6.0, 8.0]);
        let error = vb(RULES, dtype).get((2, 3), "fc.weight").unwrap_err().to_string();
        assert!(error.contains("cannot hold HeNormal"), "{error}");
    }
    for dtype in [DType::F6E2M3, DType::F6E3M2, DType::F4, DType::F8E8M0] {
        let error = vb(RULES, dtype).get((2, 3), "fc.weight").unwrap_err().to_string();
        let start =
            format!("tensor \"fc.weight\": nothing is drawn in {dtype:?}: use one of bf16, ");
        assert!(error.starts_with(&start), "{error}");
    }
}

struct Values<'a>(&'a varscale::Draw);

impl varscale::DtypeVisitor for Values<'_> {
    type Output = Vec<f64>;

    fn visit<T: varscale::Element>(self) -> Vec<f64> {
        self.0.to_vec::<T>().unwrap().into_iter().map(T::to_f64).collect()
    }
}

/// A plan's dtype goes before the one asked for, and is converted as candle's own loaders do it.
#[test]
fn dtypes_of_plans_are_those_of_loaded_checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    let asked = [DType::F32, DType::F64, DType::BF16, DType::F16, DType::F8E4M3];
    for (number, stored) in ["F32", "F64", "BF16", "F16", "F8_E4M3"].into_iter().enumerate() {
        let spec = format!(
            r#"{{"fc.weight": {{"dtype": "{stored}", "shape": [16, 8]}},
            "ids": {{"dtype": "I64", "shape": [4]}}}}"#
        );
        let whole = source(RULES).with_spec(Spec::from_json(spec.as_bytes()).unwrap());
        let path = folder.path().join(number.to_string());
        let plan = whole.plan(Some(42.into())).unwrap();
        let (output, options) = (Output::new(&path), Options::default());
        write(&plan, &output, options, &AtomicBool::new(false), &mut |_| ()).unwrap();
        let file = std::fs::read(&path).unwrap();
        let weights = Weights::new(&whole, Some(42.into())).unwrap();
        for dtype in asked {
            let loaded =
                VarBuilder::from_buffered_safetensors(file.clone(), dtype, &DEVICE).unwrap();
            let drawn = weights.var_builder(dtype, &DEVICE);
            for (shape, name) in [(Shape::from((16, 8)), "fc.weight"), (4.into(), "ids")] {
                let unchecked = drawn.get_unchecked(name).unwrap();
                // Candle's own conversion does not end: see `numbers`.
                let is_endless = (stored, dtype, name) == ("F8_E4M3", DType::F64, "fc.weight");
                let loaded = if is_endless {
                    let exact = file.clone();
                    let exact = VarBuilder::from_buffered_safetensors(exact, DType::F32, &DEVICE);
                    exact.unwrap().get(&shape, name).unwrap().to_dtype(dtype).unwrap()
                } else {
                    loaded.get(&shape, name).unwrap()
                };
                let drawn = drawn.get(&shape, name).unwrap();
                assert_eq!(drawn.dtype(), dtype);
                assert_eq!(bytes(&drawn), bytes(&loaded), "{stored} as {dtype:?}: {name}");
                assert_eq!(bytes(&unchecked), bytes(&loaded), "{stored} as {dtype:?}: {name}");
            }
        }
    }
    for (dtype, name) in [("float8_e5m2", "float8_e5m2"), ("int8", "int8"), ("bool", "bool")] {
        let rules = format!("[[rules]]\nmatch = '*'\ninitializer = 'ones'\ndtype = '{dtype}'");
        let error = vb(&rules, DType::F32).get(3, "w").unwrap_err().to_string();
        assert!(error.starts_with(&format!("tensor \"w\": candle has no {name}: use")), "{error}");
    }
}

/// The model's hints, with candle's numbers and our values; rules go first.
#[test]
fn hints_serve_where_asked() {
    let kaiming = |dist, fan, non_linearity| Init::Kaiming { dist, fan, non_linearity };
    let normal = |stddev| Scheme::random_normal(0, stddev).unwrap();
    let uniform = |limit: f64| Scheme::random_uniform(-limit, limit).unwrap();
    let (relu, selu) = (NonLinearity::ReLU, NonLinearity::SELU);
    // (out, in, kernel...) = (8, 4, 3, 3): fans 36 and 72.
    let cases = [
        (Init::Const(0.5), Scheme::constant(0.5).unwrap()),
        (Init::Randn { mean: 1.0, stdev: 0.1 }, Scheme::random_normal(1, 0.1).unwrap()),
        (Init::Uniform { lo: -0.25, up: 0.5 }, Scheme::random_uniform(-0.25, 0.5).unwrap()),
        (
            kaiming(NormalOrUniform::Normal, FanInOut::FanIn, relu),
            normal(2f64.sqrt() / 36f64.sqrt()),
        ),
        (kaiming(NormalOrUniform::Normal, FanInOut::FanOut, selu), normal(0.75 / 72f64.sqrt())),
        (
            kaiming(NormalOrUniform::Uniform, FanInOut::FanIn, relu),
            uniform(3f64.sqrt() * (2f64.sqrt() / 36f64.sqrt())),
        ),
    ];
    let spec = Spec::from_json(
        br#"{"conv.kernel": {"dtype": "F32", "shape": [8, 4, 3, 3]},
        "a.weight": {"dtype": "F32", "shape": [8, 4]}}"#,
    );
    let whole = source(RULES.split("[[rules]]\n    match = \"ids\"").next().unwrap());
    let whole = whole.with_spec(spec.unwrap());
    let sources = [source(RULES), source(""), whole];
    for source in &sources {
        let hinted = Weights::with_hints(source, Some(42.into())).unwrap();
        for (hint, scheme) in &cases {
            let vb = hinted.var_builder(DType::F32, &DEVICE);
            let tensor = vb.pp("conv").get_with_hints((8, 4, 3, 3), "kernel", *hint).unwrap();
            let named = Named::new([8, 4, 3, 3]).named("conv.kernel");
            let expected: Vec<f32> =
                scheme.clone().with_seed(42).draw(named).unwrap().to_vec().unwrap();
            let values = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert_eq!(values, expected, "{hint:?}");
        }
    }
    let hinted = Weights::with_hints(&sources[0], Some(42.into())).unwrap();
    let vb = hinted.var_builder(DType::F32, &DEVICE);
    // A rule goes first.
    let weight = vb.get_with_hints((8, 4), "a.weight", Init::Const(7.0)).unwrap();
    assert_eq!(
        bytes(&weight),
        bytes(&self::vb(RULES, DType::F32).get((8, 4), "a.weight").unwrap())
    );
    assert_eq!(vb.get((0, 3), "empty").unwrap().dims(), [0, 3]);
    for (hint, part) in [
        (Init::Randn { mean: 0.0, stdev: -1.0 }, "stddev"),
        (Init::Uniform { lo: 1.0, up: f64::NAN }, "maxval"),
        (Init::Const(f64::INFINITY), "value"),
    ] {
        let error = vb.get_with_hints(3, "b", hint).unwrap_err().to_string();
        assert!(error.starts_with("tensor \"b\": its hint") && error.contains(part), "{error}");
    }
    // Unasked, they play no role.
    let plain = self::vb(RULES, DType::F32);
    let error = plain.get_with_hints(3, "b", Init::Const(1.0)).unwrap_err();
    assert!(error.to_string().contains("tensor \"b\" has no initializer"), "{error}");
}

/// An error without its backtrace, which there is if the environment asks for it.
fn bare(error: &CandleError) -> &CandleError {
    match error {
        CandleError::WithBacktrace { inner, .. } => inner,
        error => error,
    }
}

#[test]
fn errors_are_candles_own_where_it_has_them() {
    let spec = Spec::from_json(br#"{"a.weight": {"dtype": "F32", "shape": [8, 4]}}"#).unwrap();
    let rules = "layout = 'torch'\n[[rules]]\nmatch = '*.weight'\ninitializer = 'he_normal'";
    let whole = Weights::new(&source(rules).with_spec(spec), None).unwrap();
    assert!(matches!(whole.seed(), PlanSeed::Drawn(_)));
    let whole = whole.var_builder(DType::F32, &DEVICE);
    let missing = [
        vb(rules, DType::F32).get(3, "b").unwrap_err(),
        whole.get((8, 4), "b.weight").unwrap_err(),
        whole.get_unchecked("b.weight").unwrap_err(),
    ];
    for error in missing {
        let CandleError::Context { inner, .. } = bare(&error) else { panic!("{error}") };
        assert!(matches!(bare(inner), CandleError::CannotFindTensor { .. }), "{error}");
    }
    let error = whole.get((4, 8), "a.weight").unwrap_err();
    assert!(matches!(bare(&error), CandleError::UnexpectedShape { .. }), "{error}");
    assert!(error.to_string().contains("the spec says [8, 4]"), "{error}");
    let error = vb(rules, DType::F32).get_unchecked("a.weight").unwrap_err().to_string();
    assert!(error.contains("without a shape, and there is no spec"), "{error}");
    for (name, open, known) in
        [("a.weight", true, true), ("b.weight", true, false), ("a", false, false)]
    {
        assert_eq!(vb(rules, DType::F32).contains_tensor(name), open, "{name}");
        assert_eq!(whole.contains_tensor(name), known, "{name}");
    }
    let error = Weights::new(&source("stream = 'keras-torch'"), None).unwrap_err();
    assert!(matches!(error, Error::Plan(PlanError::NoSpec { .. })), "{error}");
}

#[test]
fn variables_are_the_same_weights() {
    let (weights, map) = (weights(RULES), VarMap::new());
    let vb = weights.trainable(&map, DType::F32, &DEVICE);
    let first = vb.get((8, 4), "a.weight").unwrap();
    assert!(first.is_variable());
    let drawn = self::vb(RULES, DType::F32).get((8, 4), "a.weight").unwrap();
    assert_eq!(bytes(&first), bytes(&drawn));
    // What is trained is what the next one gets, too.
    let ones = first.ones_like().unwrap();
    map.data().lock().unwrap()["a.weight"].set(&ones).unwrap();
    assert_eq!(bytes(&vb.get((8, 4), "a.weight").unwrap()), bytes(&ones));
    assert_eq!(bytes(&vb.get_unchecked("a.weight").unwrap()), bytes(&ones));
    assert!(vb.contains_tensor("a.weight") && !vb.contains_tensor("a.bias"));
    let error = vb.get((4, 8), "a.weight").unwrap_err().to_string();
    assert_eq!(
        error.lines().next(),
        Some("tensor \"a.weight\" was asked for in shape [4, 8], and in [8, 4] before")
    );
    // A variable of each dtype, converted ones among them.
    for dtype in [DType::F64, DType::F16, DType::BF16, DType::F8E4M3, DType::I64] {
        let name = if dtype == DType::I64 { "ids" } else { "b.weight" };
        let map = VarMap::new();
        let variable = weights.trainable(&map, dtype, &DEVICE).get(6, name).unwrap();
        assert!(variable.is_variable() && variable.dtype() == dtype);
        assert_eq!(bytes(&variable), bytes(&self::vb(RULES, dtype).get(6, name).unwrap()));
    }
    // Of a map that candle filled.
    let map = VarMap::new();
    let host = VarBuilder::from_varmap(&map, DType::BF16, &DEVICE);
    let layer = candle_nn::linear_no_bias(4, 8, host.pp("a")).unwrap();
    weights.fill(&map).unwrap();
    let drawn = self::vb(RULES, DType::BF16).get((8, 4), "a.weight").unwrap();
    assert_eq!(bytes(layer.weight()), bytes(&drawn));
    candle_nn::linear(4, 8, host.pp("b")).unwrap();
    let before: Vec<_> =
        map.all_vars().iter().map(|one| one.sum_all().unwrap().to_string()).collect();
    let error = weights.fill(&map).unwrap_err();
    assert!(matches!(error, Error::Plan(PlanError::NoInitializer { .. })), "{error}");
    let after: Vec<_> =
        map.all_vars().iter().map(|one| one.sum_all().unwrap().to_string()).collect();
    assert_eq!(before, after);
}

/// Shards along every axis, and slices, are parts of the whole.
#[test]
fn shards_are_parts_of_the_whole() {
    let spec = Spec::from_json(br#"{"a.weight": {"dtype": "F32", "shape": [6, 4, 2]}}"#).unwrap();
    let rules = "layout = 'torch'\n[[rules]]\nmatch = '*.weight'\ninitializer = 'he_normal'";
    let weights = Weights::new(&source(rules).with_spec(spec), Some(42.into())).unwrap();
    for dtype in [DType::F32, DType::F8E4M3, DType::BF16] {
        let whole = weights.var_builder(dtype, &DEVICE).get((6, 4, 2), "a.weight").unwrap();
        let sharded = weights.sharded(dtype, &DEVICE).pp("a");
        for (dim, world_size) in [(0, 3), (1, 4), (2, 2), (0, 1)] {
            let shard = |rank, shape: Shape| {
                sharded.get_with_hints(shape, "weight", Shard { dim, rank, world_size }).unwrap()
            };
            let unknown = if world_size == 1 { (6, 4, 2).into() } else { Shape::from(()) };
            let shards: Vec<_> = (0..world_size).map(|rank| shard(rank, unknown.clone())).collect();
            assert_eq!(bytes(&Tensor::cat(&shards, dim).unwrap()), bytes(&whole));
            shard(0, shards[0].shape().clone());
            shard(0, (6, 4, 2).into());
        }
        let slice = Slice::new([1, 2, 0], [3, 2, 1]);
        let part = weights.slice((6, 4, 2), "a.weight", slice, dtype, &DEVICE).unwrap();
        let expected = whole.narrow(0, 1, 3).unwrap().narrow(1, 2, 2).unwrap().narrow(2, 0, 1);
        assert_eq!(bytes(&part), bytes(&expected.unwrap()));
    }
    let sharded = weights.sharded(DType::F32, &DEVICE);
    for (dim, rank, world_size, part) in [
        (3, 0, 2, "the axis must be one of its own"),
        (0, 2, 2, "the shard must be below their number"),
        (0, 0, 0, "the shard must be below their number"),
        (0, 0, 4, "the axis must be divisible by their number"),
    ] {
        let error = sharded.get_with_hints((), "a.weight", Shard { dim, rank, world_size });
        let error = error.unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    let shard = Shard { dim: 0, rank: 0, world_size: 2 };
    let error = sharded.get_with_hints((5, 4, 2), "a.weight", shard).unwrap_err();
    assert!(matches!(bare(&error), CandleError::UnexpectedShape { .. }), "{error}");
    let outside = Slice::new([5, 0, 0], [2, 4, 2]);
    let error = weights.slice((6, 4, 2), "a.weight", outside, DType::F32, &DEVICE).unwrap_err();
    assert!(matches!(error, Error::Draw { .. }), "{error}");
    let open = self::weights(rules).sharded(DType::F32, &DEVICE);
    let error = open.get_with_hints((), "a.weight", shard).unwrap_err().to_string();
    assert!(error.contains("there is no spec"), "{error}");
    open.get((6, 4, 2), "a.weight").unwrap();
}

/// What a model asks for, in its order; rules say whether there is a tensor.
#[test]
fn specs_are_what_models_ask_for() {
    let rules = source(RULES);
    let recorded = spec(&rules, DType::BF16, &DEVICE, |vb| {
        assert!(vb.contains_tensor("a.weight") && !vb.contains_tensor("a.bias"));
        vb.to_dtype(DType::I64).get(3, "ids")?;
        let weight = vb.get((8, 4), "a.weight")?;
        assert_eq!((weight.dims(), weight.dtype()), (&[8, 4][..], DType::BF16));
        vb.get((8, 4), "a.weight")
    });
    let found: Vec<_> = recorded.unwrap().tensors.into_iter().collect();
    let found: Vec<_> = found.iter().map(|one| (&*one.name, &*one.dtype, &one.shape[..])).collect();
    assert_eq!(found, [("ids", "int64", &[3][..]), ("a.weight", "bfloat16", &[8, 4])]);
    let error = spec(&rules, DType::F32, &DEVICE, |vb| {
        vb.get(3, "ids")?;
        vb.get(4, "ids")
    });
    assert!(
        error.unwrap_err().to_string().starts_with("tensor \"ids\" was asked for in shape [4]")
    );
    let error = spec(&rules, DType::F32, &DEVICE, |vb| vb.get_unchecked("ids")).unwrap_err();
    assert!(error.to_string().contains("without a shape, and there is no spec"), "{error}");
}
