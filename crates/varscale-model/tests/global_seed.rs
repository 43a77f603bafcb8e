//! A plan under a global seed against the weights of a Keras model, made as the plan says.

use sha2::{Digest, Sha256};
use varscale_model::{Plan, PlanFile, PlanSeed, Spec};

/// Of keras 3.15.1 on JAX 0.10.2:
///
/// ```python
/// keras.utils.set_random_seed(7)
/// tokens = keras.Input((6,), dtype="int32")
/// x = keras.layers.Embedding(50, 8, name="embedding")(tokens)
/// x = keras.layers.Reshape((6, 8, 1))(x)
/// x = keras.layers.Conv2D(4, 3, name="conv2d")(x)
/// x = keras.layers.BatchNormalization(name="batch_normalization")(x)
/// x = keras.layers.Flatten()(x)
/// x = keras.layers.Dense(5, kernel_initializer="he_normal", name="dense")(x)
/// x = keras.layers.Dense(3, name="dense_1")(x)
/// for weight in keras.Model(tokens, x).weights:
///     print(weight.path, weight.shape, hashlib.sha256(numpy.asarray(weight).tobytes()).hexdigest())
/// ```
const WEIGHTS: [(&str, &[usize], &str); 11] = [
    (
        "embedding/embeddings",
        &[50, 8],
        "7720cb8adf40a283f1ceda4f832d4bcf412d46e5c3d02d02c2e6c19d491ed968",
    ),
    (
        "conv2d/kernel",
        &[3, 3, 1, 4],
        "ac9a44f878e0af763c67d9421574954921e699789b07721a1d7863b25ba43f06",
    ),
    ("conv2d/bias", &[4], "374708fff7719dd5979ec875d56cd2286f6d3cf7ec317a3b25632aab28ec37bb"),
    (
        "batch_normalization/gamma",
        &[4],
        "f6bb1294da2f78cd935b01c7656280df5eaa0439e9d97bc03775825a41a508e4",
    ),
    (
        "batch_normalization/beta",
        &[4],
        "374708fff7719dd5979ec875d56cd2286f6d3cf7ec317a3b25632aab28ec37bb",
    ),
    (
        "batch_normalization/moving_mean",
        &[4],
        "374708fff7719dd5979ec875d56cd2286f6d3cf7ec317a3b25632aab28ec37bb",
    ),
    (
        "batch_normalization/moving_variance",
        &[4],
        "f6bb1294da2f78cd935b01c7656280df5eaa0439e9d97bc03775825a41a508e4",
    ),
    ("dense/kernel", &[96, 5], "f3f87eb6f2494a20deb0349aaab4abc8ac133baa181a064db0c179d807a28178"),
    ("dense/bias", &[5], "de47c9b27eb8d300dbb5f2c353e632c393262cf06340c4fa7f1b40c4cbd36f90"),
    ("dense_1/kernel", &[5, 3], "7dedb94ddf7ae032223394b671ce4fb393528cc0014d8194a202f41833b45f41"),
    ("dense_1/bias", &[3], "15ec7bf0b50732b49f8228e07d24365338f9e3ab994b00af08e5a3bffe55fd8b"),
];

const RULES: &str = r#"
spec = "model.json"
global_seed = 7
stream = "keras-jax"
[[rules]]
match = "embedding/*"
initializer = "uniform"
[[rules]]
match = "dense/kernel"
initializer = "he_normal"
[[rules]]
match = "*/kernel"
initializer = "glorot_uniform"
[[rules]]
match = "*/{gamma,moving_variance}"
initializer = "ones"
[[rules]]
match = "*"
initializer = "zeros"
"#;

fn plan(rules: &str, seed: Option<varscale::Seed>) -> Plan {
    let tensors: serde_json::Map<_, _> = WEIGHTS
        .iter()
        .map(|(name, shape, _)| {
            ((*name).to_owned(), serde_json::json!({"dtype": "F32", "shape": shape}))
        })
        .collect();
    let spec = Spec::from_json(serde_json::Value::from(tensors).to_string().as_bytes()).unwrap();
    Plan::new(&spec, &PlanFile::from_toml(rules).unwrap(), seed).unwrap()
}

#[test]
fn a_plan_under_a_global_seed_has_the_weights_of_the_model() {
    let plan = plan(RULES, None);
    for (planned, (name, _, sha256)) in plan.tensors.iter().zip(WEIGHTS) {
        let values: Vec<f32> = planned.draw.to_vec().unwrap();
        let bytes: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
        let sum: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((&*planned.name, sum.as_str()), (name, sha256));
    }
    // Only what draws takes one.
    let seeds: Vec<i128> = plan.tensors.iter().filter_map(|tensor| tensor.seed()).collect();
    assert_eq!(seeds, [347_712_783, 161_973_070, 423_938_500, 698_935_573]);
    let json = serde_json::to_value(&plan).unwrap();
    assert_eq!((&json["global_seed"], &json["seed"]), (&7.into(), &serde_json::Value::Null));
    assert_eq!(json["tensors"][7]["initializer"]["config"]["seed"], 423_938_500);
}

#[test]
fn own_seeds_take_no_draw_and_a_given_one_goes_before() {
    let one = RULES.replace("\"he_normal\"", "\"he_normal\"\nseed = 5");
    let seeds: Vec<i128> =
        plan(&one, None).tensors.iter().filter_map(|tensor| tensor.seed()).collect();
    assert_eq!(seeds, [347_712_783, 161_973_070, 5, 423_938_500]);

    let given = plan(&format!("seeds = 'same'\n{RULES}"), Some(3.into()));
    assert_eq!(given.seed, PlanSeed::Given(3));
    assert!(given.tensors.iter().filter_map(|tensor| tensor.seed()).all(|seed| seed == 3));
}

#[test]
fn conflicts_and_other_seeds_are_refused() {
    for (line, part) in [("seed = 1", "not both"), ("", "2^32 - 1")] {
        let global = if line.is_empty() { "-1" } else { "7" };
        let text = format!("spec = 's'\n{line}\nglobal_seed = {global}");
        let message = PlanFile::from_toml(&text).unwrap_err().to_string();
        assert!(message.contains("global_seed") && message.contains(part), "{message}");
    }
}
