//! Models of burn's modules, initialized by the rules of their families: every tensor is the one that
//! burn loads of the checkpoint that the library writes of the same rules, for torch's names and shapes.

#![allow(deprecated, reason = "of burn's ndarray backend, which goes on to be tested")]

use std::{path::Path, sync::atomic::AtomicBool};

use burn::{
    module::Module,
    nn::{
        BatchNorm, BatchNormConfig, Linear, LinearConfig, LinearLayout,
        conv::{Conv2d, Conv2dConfig},
        transformer::{TransformerEncoder, TransformerEncoderConfig, TransformerEncoderInput},
    },
    store::{ModuleSnapshot, PyTorchToBurnAdapter, SafetensorsStore},
    tensor::{Device, Tensor, TensorData, activation::relu},
};
use varscale_burn::{Source, Spec, Weights, spec};
use varscale_model::{Options, Output, write};

fn source(rules: &str) -> Source {
    Source::from_toml(rules, Path::new("")).unwrap()
}

/// What a spec's tensors are called, and their shapes in torch.
type Shapes = Vec<(String, Vec<usize>)>;

fn torch_spec(tensors: &Shapes) -> Spec {
    let entry = |(name, shape): &(String, Vec<usize>)| {
        (name.clone(), serde_json::json!({"dtype": "F32", "shape": shape}))
    };
    let all: serde_json::Map<_, _> = tensors.iter().map(entry).collect();
    Spec::from_json(serde_json::Value::from(all).to_string().as_bytes()).unwrap()
}

/// All tensors of a module, by their paths.
fn tensors<M: Module>(module: &M) -> Vec<(String, TensorData)> {
    let all = module.collect(None, None, true).into_iter();
    all.map(|one| (one.name.clone(), burn::store::bridge::to_data(&one).unwrap())).collect()
}

/// Compares what our rules give a module with what burn loads of the checkpoint that they give torch's.
fn compare<M: Module>(
    module: impl Fn(&Device) -> M,
    rules: &str,
    torch: &Shapes,
    rename: fn(&str) -> String,
    loaded: impl Fn(SafetensorsStore) -> SafetensorsStore,
) -> M {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let plan = source(rules).with_spec(torch_spec(torch)).plan(Some(42.into())).unwrap();
    let (output, options) = (Output::new(&path), Options::default());
    write(&plan, &output, options, &AtomicBool::new(false), &mut |_| ()).unwrap();

    let devices = [Device::flex(), Device::ndarray(), Device::flex().autodiff()];
    for device in devices {
        let mut theirs = module(&device);
        let store = SafetensorsStore::from_file(&path).with_from_adapter(PyTorchToBurnAdapter);
        theirs.load_from(&mut loaded(store)).unwrap();
        let theirs = tensors(&theirs);
        assert_eq!(theirs.len(), torch.len());

        let checkpoint = Source::read(&path, None).unwrap();
        let whole = source(rules).with_spec(torch_spec(torch));
        for (source, seed) in
            [(source(rules), Some(42.into())), (whole, Some(42.into())), (checkpoint, None)]
        {
            let mut ours = module(&device);
            let mut weights = Weights::new(&source, seed).unwrap().rename_f(rename);
            let result = ours.load_from(&mut weights).unwrap();
            assert_eq!(result.applied.len(), torch.len());
            assert!(result.missing.is_empty() && result.unused.is_empty(), "{result}");
            assert_eq!(tensors(&ours), theirs);
        }
    }
    let mut ours = module(&Device::flex());
    ours.load_from(&mut Weights::new(&source(rules), Some(42.into())).unwrap().rename_f(rename))
        .unwrap();
    ours
}

/// From the paths of burn's encoder to BERT's.
fn bert(path: &str) -> String {
    const NAMES: [(&str, &str); 8] = [
        ("layers.", "encoder.layer."),
        (".mha.output.", ".attention.output.dense."),
        (".mha.", ".attention.self."),
        (".pwff.linear_inner.", ".intermediate.dense."),
        (".pwff.linear_outer.", ".output.dense."),
        (".norm_1.", ".attention.output.LayerNorm."),
        (".norm_2.", ".output.LayerNorm."),
        (".dropout.", ""),
    ];
    NAMES.iter().fold(path.to_owned(), |name, (burn, torch)| name.replace(burn, torch))
}

#[test]
fn a_transformer_is_that_of_the_checkpoint() {
    let mut torch = Shapes::new();
    for layer in 0..2 {
        let mut add = |name: &str, shape: &[usize]| {
            torch.push((format!("encoder.layer.{layer}.{name}"), shape.to_vec()));
        };
        for (name, from, to) in [
            ("attention.self.query", 32, 32),
            ("attention.self.key", 32, 32),
            ("attention.self.value", 32, 32),
            ("attention.output.dense", 32, 32),
            ("intermediate.dense", 32, 64),
            ("output.dense", 64, 32),
        ] {
            add(&format!("{name}.weight"), &[to, from]);
            add(&format!("{name}.bias"), &[to]);
        }
        for name in ["attention.output.LayerNorm", "output.LayerNorm"] {
            add(&format!("{name}.weight"), &[32]);
            add(&format!("{name}.bias"), &[32]);
        }
    }
    let build = |device: &Device| TransformerEncoderConfig::new(32, 64, 4, 2).init(device);
    let encoder: TransformerEncoder = compare(build, "include = 'bert'", &torch, bert, |store| {
        let to_burn = [
            (r"^encoder\.layer\.", "layers."),
            (r"\.attention\.output\.dense\.", ".mha.output."),
            (r"\.attention\.output\.LayerNorm\.", ".norm_1."),
            (r"\.attention\.self\.", ".mha."),
            (r"\.intermediate\.dense\.", ".pwff.linear_inner."),
            (r"\.output\.dense\.", ".pwff.linear_outer."),
            (r"\.output\.LayerNorm\.", ".norm_2."),
        ];
        to_burn.iter().fold(store, |store, (from, to)| store.with_key_remapping(*from, *to))
    });
    let words = Tensor::ones([1, 3, 32], &Device::flex());
    let output = encoder.forward(TransformerEncoderInput::new(words));
    assert!(output.abs().sum().into_scalar::<f32>() > 0.0);
}

#[derive(Module, Debug)]
struct Block {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    downsample: Option<(Conv2d, BatchNorm)>,
}

/// A residual network in torchvision's names, with a classifier in either layout.
#[derive(Module, Debug)]
struct ResNet {
    conv1: Conv2d,
    bn1: BatchNorm,
    layer1: Vec<Block>,
    fc: Linear,
}

fn conv(from: usize, to: usize, size: usize, device: &Device) -> Conv2d {
    Conv2dConfig::new([from, to], [size, size]).with_bias(false).init(device)
}

fn norm(width: usize, device: &Device) -> BatchNorm {
    BatchNormConfig::new(width).init(device)
}

impl ResNet {
    fn new(layout: LinearLayout, device: &Device) -> Self {
        let block = |from: usize| Block {
            conv1: conv(from, 16, 1, device),
            bn1: norm(16, device),
            conv2: conv(16, 16, 1, device),
            bn2: norm(16, device),
            downsample: (from != 16).then(|| (conv(from, 16, 1, device), norm(16, device))),
        };
        Self {
            conv1: conv(3, 8, 3, device),
            bn1: norm(8, device),
            layer1: vec![block(8), block(16)],
            fc: LinearConfig::new(16, 10).with_layout(layout).init(device),
        }
    }

    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let mut x = relu(self.bn1.forward(self.conv1.forward(images)));
        for block in &self.layer1 {
            let y = relu(block.bn1.forward(block.conv1.forward(x.clone())));
            let y = block.bn2.forward(block.conv2.forward(y));
            x = match &block.downsample {
                Some((conv, norm)) => norm.forward(conv.forward(x)),
                None => x,
            };
            x = relu(x + y);
        }
        self.fc.forward(x.mean_dim(3).mean_dim(2).flatten(1, 3))
    }
}

#[test]
fn a_residual_network_is_that_of_the_checkpoint() {
    let mut torch = Shapes::new();
    let mut conv = |name: &str, shape: [usize; 4], norm: &str| {
        torch.push((format!("{name}.weight"), shape.to_vec()));
        for part in ["weight", "bias", "running_mean", "running_var"] {
            torch.push((format!("{norm}.{part}"), vec![shape[0]]));
        }
    };
    conv("conv1", [8, 3, 3, 3], "bn1");
    conv("layer1.0.conv1", [16, 8, 1, 1], "layer1.0.bn1");
    conv("layer1.0.conv2", [16, 16, 1, 1], "layer1.0.bn2");
    conv("layer1.0.downsample.0", [16, 8, 1, 1], "layer1.0.downsample.1");
    conv("layer1.1.conv1", [16, 16, 1, 1], "layer1.1.bn1");
    conv("layer1.1.conv2", [16, 16, 1, 1], "layer1.1.bn2");
    torch.push(("fc.weight".to_owned(), vec![10, 16]));
    torch.push(("fc.bias".to_owned(), vec![10]));
    let rules = "include = 'resnet'\nconstants = { bn2 = 0.5 }";
    let build = |device: &Device| ResNet::new(LinearLayout::Row, device);
    let network = compare(build, rules, &torch, str::to_owned, |store| store);

    // Burn's adapter transposes what its `Col` layout transposes once more, and refuses it: the same is
    // compared with the other layout.
    let mut other = ResNet::new(LinearLayout::Col, &Device::flex());
    other.load_from(&mut Weights::new(&source(rules), Some(42.into())).unwrap()).unwrap();
    assert_eq!(other.fc.weight.val().to_data(), network.fc.weight.val().to_data());
    for network in [network, other] {
        let images = Tensor::ones([2, 3, 8, 8], &Device::flex());
        let output = network.forward(images).abs().sum().into_scalar::<f32>();
        assert!(output > 0.0 && output.is_finite(), "{output}");
        // The spec is torch's, as it was written above.
        assert_eq!(spec(&source(rules), &network).unwrap().tensors.len(), torch.len());
        for one in spec(&source(rules), &network).unwrap().tensors {
            assert!(torch.contains(&(one.name.to_string(), one.shape.clone())), "{one:?}");
        }
    }
}
