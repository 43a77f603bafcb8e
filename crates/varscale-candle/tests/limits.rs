//! What models rarely ask for: nothing, single numbers, more than there is, and all at once.

use candle_core::{DType, Device, Shape, Tensor, Var};
use candle_nn::{
    Init, VarMap,
    init::{FanInOut, NonLinearity, NormalOrUniform},
};
use varscale_candle::{Slice, Source, Spec, Weights, spec};

const DEVICE: Device = Device::Cpu;

fn weights(rules: &str) -> Weights {
    Weights::with_hints(&Source::from_toml(rules, "".as_ref()).unwrap(), Some(42.into())).unwrap()
}

fn he() -> Weights {
    weights("layout = 'torch'\n[[rules]]\nmatch = '*.weight'\ninitializer = 'he_normal'")
}

fn bytes(tensor: &Tensor) -> Vec<u8> {
    let mut bytes = Vec::new();
    tensor.write_bytes(&mut bytes).unwrap();
    bytes
}

/// Every hint that candle has.
fn hints() -> Vec<Init> {
    let mut hints = vec![
        Init::Const(0.0),
        Init::Const(2.0),
        Init::Randn { mean: 1.0, stdev: 0.5 },
        Init::Randn { mean: 1.0, stdev: 0.0 },
        Init::Uniform { lo: -1.0, up: 1.0 },
        Init::Uniform { lo: 1.0, up: 1.0 },
    ];
    for dist in [NormalOrUniform::Normal, NormalOrUniform::Uniform] {
        for fan in [FanInOut::FanIn, FanInOut::FanOut] {
            hints.push(Init::Kaiming { dist, fan, non_linearity: NonLinearity::ReLU });
        }
    }
    hints
}

#[test]
fn shapes_of_nothing_and_of_one_number_are_tensors() {
    let empty: [&[usize]; 7] = [&[], &[1], &[0], &[0, 3], &[3, 0], &[2, 3, 0, 5], &[1 << 40, 0]];
    for shape in empty {
        let elements: usize = shape.iter().product();
        for dtype in [DType::F32, DType::F64, DType::BF16, DType::F8E4M3] {
            for weights in [he(), weights("")] {
                for hint in hints() {
                    let (vb, map) = (weights.var_builder(dtype, &DEVICE), VarMap::new());
                    let tensor = vb.get_with_hints(shape, "a.weight", hint).unwrap();
                    assert_eq!((tensor.dims(), tensor.dtype()), (shape, dtype));
                    assert_eq!(bytes(&tensor).len(), elements * dtype.size_in_bytes());
                    let trained = weights.trainable(&map, dtype, &DEVICE);
                    let variable = trained.get_with_hints(shape, "a.weight", hint).unwrap();
                    assert!(variable.is_variable());
                    assert_eq!(bytes(&variable), bytes(&tensor), "{shape:?} {hint:?}");
                }
            }
            let (he, whole) = (he(), Slice::whole(shape));
            let slice = he.slice(shape, "a.weight", whole, dtype, &DEVICE).unwrap();
            assert_eq!(slice.dims(), shape);
        }
    }
}

#[test]
fn more_than_there_is_is_refused() {
    let huge: [&[usize]; 5] = [
        &[usize::MAX, usize::MAX],
        &[1 << 32, 1 << 32],
        &[3, 3, 1 << 32, 1 << 32],
        &[1 << 40, 1 << 20],
        &[usize::MAX],
    ];
    for shape in huge {
        for weights in [he(), weights("")] {
            for hint in hints() {
                for dtype in [DType::F32, DType::F8E4M3] {
                    let map = VarMap::new();
                    let vb = weights.var_builder(dtype, &DEVICE);
                    vb.get_with_hints(shape, "a.weight", hint).unwrap_err();
                    let trained = weights.trainable(&map, dtype, &DEVICE);
                    trained.get_with_hints(shape, "a.weight", hint).unwrap_err();
                    assert!(map.all_vars().is_empty());
                }
            }
        }
    }
    // A part of one is drawn nevertheless.
    let part = Slice::new([(1 << 40) - 2, 3], [2, 5]);
    let part = he().slice((1 << 40, 1 << 20), "a.weight", part, DType::F32, &DEVICE).unwrap();
    assert_eq!(part.dims(), [2, 5]);
    for (offset, extent) in
        [(vec![0, 0], vec![9, 4]), (vec![usize::MAX, 0], vec![1, 4]), (vec![0], vec![8])]
    {
        let slice = Slice::new(offset, extent);
        he().slice((8, 4), "a.weight", slice, DType::F32, &DEVICE).unwrap_err();
    }
}

/// Each dtype that a plan may store, asked for in each of candle's.
#[test]
fn every_dtype_becomes_every_other_or_is_refused() {
    let dtypes = [
        ("float32", DType::F32),
        ("float64", DType::F64),
        ("float16", DType::F16),
        ("bfloat16", DType::BF16),
        ("float8_e4m3fn", DType::F8E4M3),
        ("uint8", DType::U8),
        ("uint32", DType::U32),
        ("int16", DType::I16),
        ("int32", DType::I32),
        ("int64", DType::I64),
    ];
    for (name, stored) in dtypes {
        let rules = format!("[[rules]]\nmatch = '*'\ninitializer = 'ones'\ndtype = '{name}'");
        let weights = weights(&rules);
        assert_eq!(weights.var_builder(stored, &DEVICE).get(3, "a").unwrap().dtype(), stored);
        for (_, asked) in dtypes {
            let tensor = weights.var_builder(asked, &DEVICE).get(3, "a").unwrap();
            assert_eq!(tensor.dtype(), asked);
            let expected = Tensor::ones(3, DType::F32, &DEVICE).unwrap().to_dtype(asked).unwrap();
            assert_eq!(bytes(&tensor), bytes(&expected), "{name} as {asked:?}");
        }
    }
}

#[test]
fn a_map_that_is_half_full_is_completed() {
    let (he, map) = (he(), VarMap::new());
    let loaded = Var::zeros((4, 3), DType::F32, &DEVICE).unwrap();
    map.data().lock().unwrap().insert("a.weight".into(), loaded.clone());
    let vb = he.trainable(&map, DType::F32, &DEVICE);
    assert_eq!(bytes(&vb.get((4, 3), "a.weight").unwrap()), bytes(&loaded));
    let drawn = vb.get((4, 3), "b.weight").unwrap();
    assert_eq!(map.all_vars().len(), 2);
    assert_ne!(bytes(&drawn), bytes(&loaded));
    he.fill(&map).unwrap();
    let fresh = he.var_builder(DType::F32, &DEVICE);
    for name in ["a.weight", "b.weight"] {
        let variable = vb.get((4, 3), name).unwrap();
        assert_eq!(bytes(&variable), bytes(&fresh.get((4, 3), name).unwrap()));
    }
    he.fill(&VarMap::new()).unwrap();
}

/// A tied tensor is one variable, whichever name a model asks for first.
#[test]
fn tied_tensors_are_one_variable() {
    let tie = "[[rules]]\nmatch = 'head'\ntie = 'embed'\n[[rules]]\nmatch = 'embed'\ninitializer = 'he_normal'";
    let entry = r#"{"dtype": "F32", "shape": [8, 4]}"#;
    let tensors = Spec::from_json(format!(r#"{{"embed": {entry}, "head": {entry}}}"#).as_bytes());
    let source = Source::from_toml(tie, "".as_ref()).unwrap().with_spec(tensors.unwrap());
    let weights = Weights::new(&source, Some(42.into())).unwrap();
    for names in [["embed", "head"], ["head", "embed"]] {
        let map = VarMap::new();
        let vb = weights.trainable(&map, DType::F32, &DEVICE);
        let first = vb.get((8, 4), names[0]).unwrap();
        vb.get((4, 8), names[1]).unwrap_err();
        let second = vb.get_unchecked(names[1]).unwrap();
        assert_eq!(map.data().lock().unwrap().keys().collect::<Vec<_>>(), ["embed"]);
        map.all_vars()[0].set(&first.ones_like().unwrap()).unwrap();
        assert_eq!(bytes(&second), bytes(&first.ones_like().unwrap()));
    }
}

/// Threads that build parts of one model get what one thread does.
#[test]
fn threads_share_a_builder() {
    let (he, map) = (he(), VarMap::new());
    let rules = Source::from_toml("", "".as_ref()).unwrap();
    let names: Vec<String> = (0..40).map(|layer| format!("{}.weight", layer % 10)).collect();
    let shape = Shape::from((40, 30));
    let get = |vb: candle_nn::VarBuilder<'_>, threads| {
        std::thread::scope(|scope| {
            let running: Vec<_> = names
                .chunks(names.len() / threads)
                .map(|names| {
                    let (vb, shape) = (vb.clone(), shape.clone());
                    scope.spawn(move || {
                        names.iter().map(|name| vb.get(&shape, name).unwrap()).collect::<Vec<_>>()
                    })
                })
                .collect();
            running.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        })
    };
    let one = get(he.var_builder(DType::F32, &DEVICE), 1);
    let trained = he.trainable(&map, DType::F32, &DEVICE);
    for many in [get(he.var_builder(DType::F32, &DEVICE), 4), get(trained, 4)] {
        for (one, many) in one.iter().zip(&many) {
            assert_eq!(bytes(one), bytes(many));
        }
    }
    assert_eq!(map.all_vars().len(), 10);
    let recorded = spec(&rules, DType::F32, &DEVICE, |vb| Ok(get(vb, 4).len())).unwrap();
    assert_eq!(recorded.tensors.len(), 10);
}
