//! Models of candle-transformers, initialized by the rules of their families: every tensor is the one
//! that a checkpoint of the same names and shapes holds.

use std::{collections::HashMap, path::Path, sync::atomic::AtomicBool};

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{VarBuilder, VarMap};
use candle_transformers::models::{bert, llama, mamba, mixtral, t5};
use varscale_candle::{Source, Weights, spec};
use varscale_model::{Options, Output, write};

const DEVICE: Device = Device::Cpu;

/// Builds a model, to be run on some words.
type Build = fn(VarBuilder<'static>) -> Result<Run>;
type Run = Box<dyn FnOnce() -> Result<Tensor>>;

/// A family's rules, how its model is built, and a tensor that it has.
struct Case {
    rules: &'static str,
    build: Build,
    has: &'static str,
    /// Whether some tensor depends on another one's shape.
    needs_spec: bool,
}

const CASES: [Case; 6] = [
    Case {
        rules: "include = 'bert'",
        build: build_bert,
        has: "encoder.layer.1.attention.self.query.weight",
        needs_spec: false,
    },
    Case {
        rules: "include = 'bert'",
        build: build_masked_bert,
        has: "cls.predictions.decoder.weight",
        needs_spec: false,
    },
    Case {
        rules: "include = 'llama'",
        build: build_llama,
        has: "model.layers.1.mlp.down_proj.weight",
        needs_spec: false,
    },
    Case {
        rules: "include = 't5'\nconstants = { d_kv = 8 }",
        build: build_t5,
        has: "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
        needs_spec: true,
    },
    Case {
        rules: "include = 'mixtral'",
        build: build_mixtral,
        has: "model.layers.0.block_sparse_moe.experts.1.w2.weight",
        needs_spec: false,
    },
    Case {
        rules: "include = 'mamba'\nconstants = { layers = 2 }",
        build: build_mamba,
        has: "layers.1.mixer.A_log",
        needs_spec: false,
    },
];

fn bert_config() -> bert::Config {
    bert::Config {
        vocab_size: 50,
        hidden_size: 32,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        intermediate_size: 64,
        max_position_embeddings: 16,
        ..bert::Config::default()
    }
}

fn ids() -> Result<Tensor> {
    Tensor::new(&[[1u32, 2, 3]], &DEVICE)
}

fn build_bert(vb: VarBuilder<'static>) -> Result<Run> {
    let model = bert::BertModel::load(vb, &bert_config())?;
    Ok(Box::new(move || model.forward(&ids()?, &ids()?.zeros_like()?, None)))
}

fn build_masked_bert(vb: VarBuilder<'static>) -> Result<Run> {
    let model = bert::BertForMaskedLM::load(vb, &bert_config())?;
    Ok(Box::new(move || model.forward(&ids()?, &ids()?.zeros_like()?, None)))
}

fn build_llama(vb: VarBuilder<'static>) -> Result<Run> {
    let config = llama::LlamaConfig {
        hidden_size: 32,
        intermediate_size: 64,
        vocab_size: 50,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        num_key_value_heads: Some(2),
        rms_norm_eps: 1e-5,
        rope_theta: 10_000.0,
        bos_token_id: None,
        eos_token_id: None,
        rope_scaling: None,
        max_position_embeddings: 16,
        tie_word_embeddings: None,
    }
    .into_config(false);
    let mut cache = llama::Cache::new(false, vb.dtype(), &config, &DEVICE)?;
    let model = llama::Llama::load(vb, &config)?;
    Ok(Box::new(move || model.forward(&ids()?, 0, &mut cache)))
}

fn build_t5(vb: VarBuilder<'static>) -> Result<Run> {
    let config = t5::Config {
        vocab_size: 50,
        d_model: 32,
        d_kv: 8,
        d_ff: 64,
        num_layers: 2,
        num_heads: 4,
        ..t5::Config::default()
    };
    let mut model = t5::T5EncoderModel::load(vb, &config)?;
    Ok(Box::new(move || model.forward(&ids()?)))
}

fn build_mixtral(vb: VarBuilder<'static>) -> Result<Run> {
    let config = serde_json::json!({
        "vocab_size": 50, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1,
        "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_act": "silu",
        "max_position_embeddings": 16, "rms_norm_eps": 1e-5, "rope_theta": 1e4, "sliding_window": 16,
        "num_experts_per_tok": 2, "num_local_experts": 2, "use_flash_attn": false
    });
    let config: mixtral::Config = serde_json::from_value(config).unwrap();
    let mut model = mixtral::Model::new(&config, vb)?;
    Ok(Box::new(move || model.forward(&ids()?, 0)))
}

fn build_mamba(vb: VarBuilder<'static>) -> Result<Run> {
    let config =
        mamba::Config { d_model: 32, n_layer: 2, vocab_size: 50, pad_vocab_size_multiple: 8 };
    let mut state = mamba::State::new(1, &config, vb.dtype(), &DEVICE)?;
    let model = mamba::Model::new(&config, vb)?;
    Ok(Box::new(move || model.forward(&ids()?.squeeze(0)?.narrow(0, 0, 1)?, &mut state)))
}

/// A tensor's dtype, shape and bytes.
fn bits(tensor: &Tensor) -> (DType, Vec<usize>, Vec<u8>) {
    let mut bytes = Vec::new();
    tensor.write_bytes(&mut bytes).unwrap();
    (tensor.dtype(), tensor.dims().to_vec(), bytes)
}

/// All tensors of a model that was built, and runs.
fn built(weights: &Weights, build: Build) -> HashMap<String, Tensor> {
    let map = VarMap::new();
    let output = build(weights.trainable(&map, DType::F32, &DEVICE)).unwrap()().unwrap();
    let sum = output.abs().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap();
    assert!(sum > 0.0 && sum.is_finite(), "{sum}");
    let variables = map.data().lock().unwrap();
    variables.iter().map(|(name, one)| (name.clone(), one.as_tensor().clone())).collect()
}

fn source(rules: &str) -> Source {
    Source::from_toml(rules, Path::new("")).unwrap()
}

#[test]
fn every_tensor_is_that_of_the_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    for (number, Case { rules, build, has, needs_spec }) in CASES.into_iter().enumerate() {
        let rules = source(rules);
        let spec = spec(&rules, DType::F32, &DEVICE, build).unwrap();
        let whole = rules.clone().with_spec(spec.clone());

        let path = folder.path().join(format!("{number}.safetensors"));
        let plan = whole.plan(Some(42.into())).unwrap();
        let (output, options) = (Output::new(&path), Options::default());
        write(&plan, &output, options, &AtomicBool::new(false), &mut |_| ()).unwrap();
        let stored = candle_core::safetensors::load(&path, &DEVICE).unwrap();
        assert!(stored.contains_key(has), "{:?}", stored.keys());

        let exact = Weights::new(&whole, Some(42.into())).unwrap();
        let checkpoint = Source::read(&path, None).unwrap();
        let redrawn = Weights::new(&checkpoint, None).unwrap();
        let of_its_rules = Weights::new(&checkpoint.with_spec(spec), None).unwrap();
        let mut all = vec![exact, redrawn, of_its_rules];
        let alone = Weights::new(&rules, Some(42.into())).unwrap();
        if needs_spec {
            let error = build(alone.var_builder(DType::F32, &DEVICE)).err().unwrap().to_string();
            assert!(error.contains(has) && error.contains("there is no spec"), "{error}");
        } else {
            all.push(alone);
        }
        for weights in all {
            let tensors = built(&weights, build);
            assert_eq!(tensors.len(), stored.len());
            for (name, tensor) in &stored {
                assert_eq!(bits(&tensors[name]), bits(tensor), "{name}");
            }
            // The same without variables, in another order.
            let vb = weights.var_builder(DType::F32, &DEVICE);
            let mut names: Vec<_> = stored.keys().collect();
            names.sort_unstable_by(|one, other| other.cmp(one));
            for name in names {
                assert_eq!(bits(&vb.get(stored[name].shape(), name).unwrap()), bits(&stored[name]));
            }
        }
    }
}

/// In a dtype of half the size, too.
#[test]
fn a_model_runs_in_bfloat16() {
    let weights = Weights::new(&source("include = 'llama'"), Some(1.into())).unwrap();
    let output = build_llama(weights.var_builder(DType::BF16, &DEVICE)).unwrap()().unwrap();
    assert_eq!(output.dims(), [1, 50]);
}

/// Candle's own renaming maps names that differ: the values are those of the rules' names.
#[test]
fn names_are_mapped_by_candle() {
    let weights = Weights::new(&source("include = 'bert'"), Some(42.into())).unwrap();
    let map = |name: &str| format!("bert.{name}");
    let renamed = weights.var_builder(DType::F32, &DEVICE).rename_f(map);
    let direct = weights.var_builder(DType::F32, &DEVICE);
    let name = "embeddings.word_embeddings.weight";
    let tensor = renamed.get((50, 32), name).unwrap();
    assert_eq!(bits(&tensor), bits(&direct.pp("bert").get((50, 32), name).unwrap()));
    assert_ne!(bits(&tensor), bits(&direct.get((50, 32), name).unwrap()));
    build_bert(weights.var_builder(DType::F32, &DEVICE).rename_f(map)).unwrap()().unwrap();
}
