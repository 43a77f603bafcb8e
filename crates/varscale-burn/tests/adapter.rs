//! What `docs/burn.md` says of burn's own `PyTorchToBurnAdapter`, in 0.22.1.

use std::{path::Path, sync::atomic::AtomicBool};

use burn::{
    module::Module,
    nn::{InstanceNormConfig, LinearConfig, LinearLayout, PReluConfig},
    store::{ApplyResult, ModuleSnapshot, PyTorchToBurnAdapter, SafetensorsStore},
    tensor::Device,
};
use varscale_burn::{Source, Spec};
use varscale_model::{Options, Output, write};

/// Loads a checkpoint, in torch's names and shapes.
fn load<M: Module>(module: &mut M, spec: &str, initializer: &str) -> ApplyResult {
    let rules = format!("[[rules]]\nmatch = '*'\ninitializer = {initializer}");
    let source = Source::from_toml(&rules, Path::new("")).unwrap();
    let source = source.with_spec(Spec::from_json(spec.as_bytes()).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let plan = source.plan(Some(42.into())).unwrap();
    write(&plan, &Output::new(&path), Options::default(), &AtomicBool::new(false), &mut |_| ())
        .unwrap();
    let store = SafetensorsStore::from_file(&path).with_from_adapter(PyTorchToBurnAdapter);
    module.load_from(&mut store.allow_partial(true)).unwrap()
}

#[test]
fn col_is_transposed_once_more() {
    let torch = [0.0, 1.0, 2.0, 10.0, 11.0, 12.0, 20.0, 21.0, 22.0];
    let own = [0.0, 10.0, 20.0, 1.0, 11.0, 21.0, 2.0, 12.0, 22.0];
    for (layout, expected) in [(LinearLayout::Row, own), (LinearLayout::Col, torch)] {
        let config = LinearConfig::new(3, 3).with_bias(false).with_layout(layout);
        let mut linear = config.init(&Device::flex());
        let formula = "{ class_name = 'Formula', config = { expression = '10 * i0 + i1' } }";
        load(&mut linear, r#"{"weight": {"dtype": "F32", "shape": [3, 3]}}"#, formula);
        assert_eq!(linear.weight.val().into_data().try_into_vec::<f32>().unwrap(), expected);
    }
}

#[test]
fn names_of_instance_norm_and_prelu_stay() {
    let spec = r#"{"weight": {"dtype": "F32", "shape": [4]}}"#;
    let result = load(&mut InstanceNormConfig::new(4).init(&Device::flex()), spec, "'ones'");
    assert_eq!((result.applied.len(), result.missing.len()), (0, 2), "{result}");
    let result =
        load(&mut PReluConfig::new().with_num_parameters(4).init(&Device::flex()), spec, "'ones'");
    assert_eq!((result.applied.len(), result.missing.len()), (0, 1), "{result}");
}
