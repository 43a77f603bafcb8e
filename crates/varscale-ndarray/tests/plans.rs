//! Arrays of a plan are what its checkpoint holds, which is what `varscale init` writes.

use std::{collections::HashMap, sync::atomic::AtomicBool};

use ndarray::{ArrayD, IxDyn, ShapeBuilder};
use safetensors::SafeTensors;
use varscale_model::{Options, Output, Plan, PlanFile, write};
use varscale_ndarray::{DrawExt, DrawnExt, InitializerExt};

/// A plan of each layout, by rules that come with the command.
const PLANS: [(&str, &str); 3] = [
    (
        "include = 'gpt2'\nconstants = { layers = 1 }",
        r#"{"wte.weight": {"dtype": "F32", "shape": [100, 16]},
            "h.0.attn.c_attn.weight": {"dtype": "F32", "shape": [16, 48]},
            "h.0.attn.c_attn.bias": {"dtype": "F32", "shape": [48]},
            "h.0.mlp.c_proj.weight": {"dtype": "F32", "shape": [64, 16]},
            "ln_f.weight": {"dtype": "F32", "shape": [16]}}"#,
    ),
    (
        "include = 'llama'",
        r#"{"model.embed_tokens.weight": {"dtype": "F32", "shape": [100, 16]},
            "model.layers.0.self_attn.q_proj.weight": {"dtype": "F32", "shape": [16, 16]},
            "model.layers.0.mlp.gate_proj.weight": {"dtype": "F32", "shape": [64, 16]},
            "model.norm.weight": {"dtype": "F32", "shape": [16]}}"#,
    ),
    (
        "include = 'resnet'",
        r#"{"conv1.weight": {"dtype": "F32", "shape": [8, 3, 7, 7]},
            "bn1.weight": {"dtype": "F32", "shape": [8]},
            "fc.weight": {"dtype": "F32", "shape": [10, 8]},
            "fc.bias": {"dtype": "F32", "shape": [10]}}"#,
    ),
];

#[test]
fn arrays_of_a_plan_are_what_its_checkpoint_holds() {
    for (rules, spec) in PLANS {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("model.json"), spec).unwrap();
        let rules = format!("spec = 'model.json'\nseed = 42\n{rules}");
        let plan = Plan::of(&PlanFile::from_toml(&rules).unwrap(), folder.path(), None).unwrap();
        let path = folder.path().join("model.safetensors");
        let running = AtomicBool::new(false);
        write(&plan, &Output::new(&path), Options::default(), &running, &mut |_| ()).unwrap();

        let bytes = std::fs::read(path).unwrap();
        let checkpoint = SafeTensors::deserialize(&bytes).unwrap();
        let arrays: HashMap<&str, ArrayD<f32>> =
            plan.tensors.iter().map(|t| (&*t.name, t.draw.to_array().unwrap())).collect();
        assert_eq!(arrays.len(), checkpoint.len());
        for tensor in &plan.tensors {
            let written = checkpoint.tensor(&tensor.name).unwrap();
            let values: Vec<f32> = bytemuck::pod_collect_to_vec(written.data());
            let expected = ArrayD::from_shape_vec(written.shape(), values).unwrap();
            assert_eq!(expected, arrays[&*tensor.name], "{}", tensor.name);

            let initializer = tensor.initializer();
            let named = initializer.named(&*tensor.name).with_layout(tensor.layout().clone());
            let drawn = ArrayD::<f32>::drawn(IxDyn(tensor.shape()).f(), named).unwrap();
            assert_eq!(expected, drawn, "{}", tensor.name);
        }
    }
}
