"""The families' rules beside the libraries they are read from: every tensor of a small model."""

import contextlib
import importlib.machinery
import importlib.util
import json
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import tomllib

import varscale

torch = pytest.importorskip("torch")
stats = pytest.importorskip("scipy.stats")

# A standard deviation is known to 0.3 % from 64 x 64 values so often. Fewer of large models.
DRAWS = 24
LARGE = 1_000_000
# Deviations from what chance allows: probability 6e-7. The seeds are fixed: nothing flickers.
LIMIT = 5.0


class Unneeded:
    """Finds packages that a library imports and its models do not use, as mocks."""

    def __init__(self, *names):
        self.names = names

    def find_spec(self, name, path=None, target=None):
        if any(f"{name}.".startswith(f"{one}.") for one in self.names):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        return mock.MagicMock(name=spec.name)

    def exec_module(self, module):
        module.__path__ = []


@contextlib.contextmanager
def without(*names):
    """Imports as if these packages were there."""
    finder = Unneeded(*names)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def needs(name):
    """Skips a test where a package is not installed; one that cannot be imported fails it."""
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")


def transformers(name, **sizes):
    """A model of transformers, with its sizes."""
    library = pytest.importorskip("transformers")
    usual = {"hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4}
    usual |= {"num_hidden_layers": 2, "vocab_size": 100, "bos_token_id": 0, "eos_token_id": 0}
    build = getattr(library, name)
    config = build.config_class(**usual | {"pad_token_id": 0} | sizes)
    return lambda: build(config)


def t5(name, **sizes):
    """A T5 of transformers."""
    usual = {"d_model": 64, "d_kv": 8, "d_ff": 96, "num_heads": 4, "num_layers": 2}
    return transformers(name, **usual | sizes)


def resnet(block, layers, last):
    """A ResNet of timm's, or torchvision's."""
    if last is None:
        models = pytest.importorskip("torchvision").models.resnet
        return lambda: models.ResNet(getattr(models, block), layers, 10, width_per_group=16)
    models = pytest.importorskip("timm").models.resnet
    sizes = {"channels": (8, 16, 24, 32), "num_classes": 10, "zero_init_last": last}
    return lambda: models.ResNet(getattr(models, block), layers, **sizes)


def vit(**more):
    """A ViT of timm's, under moco."""
    models = pytest.importorskip("timm").models.vision_transformer
    sizes = {"img_size": 32, "embed_dim": 48, "depth": 3, "num_heads": 3, "num_classes": 10}
    return lambda: models.VisionTransformer(**sizes, weight_init="moco", **more)


def torchtitan(fused):
    """A Llama of torchtitan's."""
    needs("torchtitan")
    with without("tyro", "torchtitan.distributed.minimal_async_ep"):
        from torchtitan.models import llama3 as lib
    rope = lib.ComplexRoPE.Config(dim=16, max_seq_len=32, theta=500000, scaling="llama")
    sizes = {"n_layers": 3, "dim": 64, "n_heads": 4, "n_kv_heads": 2, "hidden_dim": 96}
    layers = lib._build_llama3_layers(**sizes, fuse_qkv=fused, rope=rope, attn_backend="flex")
    table = {"num_embeddings": 100, "embedding_dim": 64, "param_init": lib._EMBEDDING_INIT}
    head = {"in_features": 64, "out_features": 100, "param_init": lib._output_linear_init(64)}

    def build():
        model = lib.Llama3Model.Config(
            dim=64,
            vocab_size=100,
            tok_embeddings=lib.Embedding.Config(**table),
            norm=lib.RMSNorm.Config(normalized_shape=64, param_init=lib._NORM_INIT),
            lm_head=lib.Linear.Config(**head),
            layers=layers,
        ).build()
        model.init_states()
        return model

    return build


def olmo():
    """OLMo's own code, under mitchell."""
    needs("olmo")
    unneeded = ["boto3", "botocore", "cached_path", "datasets", "google", "importlib_resources"]
    with without(*unneeded, "omegaconf", "requests", "urllib3"):
        from olmo import config, model
    sizes = {"d_model": 64, "n_heads": 4, "n_layers": 3, "mlp_hidden_size": 192}
    sizes |= {"vocab_size": 100, "embedding_size": 100, "max_sequence_length": 32}
    parts = {"include_bias": True, "attention_layer_norm": True, "weight_tying": False}
    parts |= {"layer_norm_type": config.LayerNormType.rms, "layer_norm_with_affine": True}
    parts |= {"init_fn": config.InitFnType.mitchell, "init_device": "cpu"}
    return lambda: model.OLMo(config.ModelConfig(**sizes, **parts))


def olmo_core():
    """OLMo-core, under its default."""
    needs("olmo_core")
    with without("bettermap", "boto3", "botocore", "cached_path", "google", "requests"):
        from olmo_core.nn.transformer import TransformerConfig
    sizes = {"d_model": 64, "n_layers": 2, "n_heads": 4, "vocab_size": 100, "qk_norm": True}
    config = TransformerConfig.llama_like(**sizes)

    def build():
        model = config.build(init_device="cpu")
        model.init_seed = torch.initial_seed()
        model.init_weights(device=torch.device("cpu"))
        return model

    return build


# By name: the rules, the plan's constants, and what builds the model.
MODELS = {
    "gpt2": (
        "gpt2",
        {"layers": 3},
        lambda: transformers("GPT2LMHeadModel", num_hidden_layers=3, max_position_embeddings=32),
    ),
    "gpt2, classes": ("gpt2", {"layers": 2}, lambda: transformers("GPT2ForSequenceClassification")),
    "gpt2, choice": (
        "gpt2",
        {"layers": 2},
        lambda: transformers("GPT2DoubleHeadsModel", num_labels=1, add_cross_attention=True),
    ),
    "bert": ("bert", {}, lambda: transformers("BertForPreTraining", max_position_embeddings=32)),
    "bert, padding": (
        "bert",
        {"padding": 7},
        lambda: transformers("BertForTokenClassification", pad_token_id=7),
    ),
    "mixtral": (
        "mixtral",
        {"rope_theta": 1e6},
        lambda: transformers(
            "MixtralForCausalLM", num_key_value_heads=2, num_local_experts=4, pad_token_id=None
        ),
    ),
    "mamba": (
        "mamba",
        {"layers": 2},
        lambda: transformers("MambaForCausalLM", rescale_prenorm_residual=True),
    ),
    "mamba, not rescaled": ("mamba", {"layers": 1}, lambda: transformers("MambaForCausalLM")),
    "t5": ("t5", {"d_kv": 8}, lambda: t5("T5ForConditionalGeneration")),
    "t5 1.1": (
        "t5",
        {"d_kv": 32, "factor": 0.5},
        lambda: t5(
            "T5ForConditionalGeneration",
            d_kv=32,
            initializer_factor=0.5,
            feed_forward_proj="gated-gelu",
            tie_word_embeddings=False,
        ),
    ),
    "t5, answers": ("t5", {"d_kv": 8}, lambda: t5("T5ForQuestionAnswering")),
    "t5, tokens": ("t5", {"d_kv": 8}, lambda: t5("T5ForTokenClassification")),
    "t5, classes": ("t5", {"d_kv": 8}, lambda: t5("T5ForSequenceClassification")),
    "vit": ("vit", {}, vit),
    "vit, by depth": (
        "vit",
        {"fix_init": 1, "init_values": 1e-5},
        lambda: vit(fix_init=True, init_values=1e-5, reg_tokens=4, qk_norm=True),
    ),
    "vit, pooled": ("vit", {}, lambda: vit(class_token=False, global_pool="map", pre_norm=True)),
    "resnet": ("resnet", {}, lambda: resnet("Bottleneck", [1, 2, 1, 1], last=True)),
    "resnet, basic": ("resnet", {"bn2": 0}, lambda: resnet("BasicBlock", [1, 1, 1, 1], last=True)),
    "resnet, torchvision": ("resnet", {"bn3": 1}, lambda: resnet("Bottleneck", [1, 1, 1, 1], None)),
    "resnet, transformers": (
        "resnet",
        {},
        lambda: transformers(
            "ResNetForImageClassification",
            embedding_size=8,
            hidden_sizes=[8, 16],
            depths=[1, 2],
            num_labels=10,
        ),
    ),
    "llama": ("llama", {}, lambda: torchtitan(fused=True)),
    "llama, apart": ("llama", {}, lambda: torchtitan(fused=False)),
    "olmo": ("olmo", {}, olmo),
    "olmo-core": ("olmo-core", {}, olmo_core),
}


def tensors(model):
    """Names and values of a model, with the buffers that it saves nowhere."""
    values = model.state_dict() | dict(model.named_buffers())
    # No format holds complex numbers.
    return {name: value.numpy() for name, value in values.items() if not value.is_complex()}


def written(path):
    """Names and values of a safetensors file."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__")
    dtypes = {"F32": np.float32, "I64": np.int64, "BOOL": np.bool_}
    return {
        name: np.frombuffer(
            data[8 + length :][slice(*entry["data_offsets"])], dtypes[entry["dtype"]]
        ).reshape(entry["shape"])
        for name, entry in header.items()
    }


def drawn(folder, spec, rules, constants, seeds):
    """A plan's values under some seeds, stacked by name."""
    plan = {"spec": spec, "include": rules, "constants": constants}
    draws = []
    for seed in seeds:
        path = folder / f"{seed}.safetensors"
        varscale.init(plan | {"seed": seed}, path)
        draws.append(written(path))
    return {name: np.stack([draw[name] for draw in draws]) for name in draws[0]}


def differs(theirs, ours):
    """How two stacks of draws differ beyond what chance allows, or none."""
    fixed = (theirs == theirs[0]).all(0)
    if ((ours == ours[0]).all(0) != fixed).any():
        return "other elements are drawn"
    table, ours_table = theirs[0][fixed], ours[0][fixed]
    exact = table.dtype.kind != "f" or np.unique(table).size == 1
    if exact and (table != ours_table).any():
        return f"constants: {np.unique(table)}, not {np.unique(ours_table)}"
    # Theirs are computed in float32.
    if not np.allclose(table, ours_table, rtol=2e-6, atol=0):
        return f"table: off by {np.abs(ours_table / table - 1).max()}"
    if fixed.all():
        return None
    theirs, ours = (draws[:, ~fixed].ravel().astype(np.float64) for draws in [theirs, ours])
    size = theirs.size
    error = theirs.std() * (2 / size) ** 0.5
    if abs(off := (ours.mean() - theirs.mean()) / error) > LIMIT:
        return f"mean {ours.mean()}, not {theirs.mean()}: {off} errors"
    # Of the logarithm of a ratio of standard deviations.
    error = ((stats.kurtosis(theirs, fisher=False) - 1) / (2 * size)) ** 0.5
    if abs(off := np.log(ours.std() / theirs.std()) / error) > LIMIT:
        return f"deviation {ours.std()}, not {theirs.std()}: {off} errors"
    # As many beyond the other's last have a probability of 2^-n.
    for sign in [1, -1]:
        for these, those in [(ours, theirs), (theirs, ours)]:
            if (beyond := (sign * these > (sign * those).max()).sum()) > 24:
                return f"bounds: {beyond} beyond {sign * (sign * those).max()}"
    if (chance := stats.ks_2samp(ours, theirs).pvalue) < 1e-6:
        return f"distribution: {chance}"
    return None


@pytest.mark.parametrize("name", MODELS)
def test_every_tensor_is_as_the_library_draws_it(name, tmp_path):
    rules, constants, model = MODELS[name]
    build = model()
    draws = []
    size = sum(value.size for value in tensors(build()).values())
    for seed in range(DRAWS if size < LARGE else 4):
        torch.manual_seed(seed)
        draws.append(tensors(build()))
    theirs = {key: np.stack([draw[key] for draw in draws]) for key in draws[0]}
    spec = {
        key: {"dtype": value.dtype.name, "shape": value.shape} for key, value in draws[0].items()
    }
    ours = drawn(tmp_path, spec, rules, constants, range(len(draws)))
    assert ours.keys() == theirs.keys()
    wrong = {key: told for key in theirs if (told := differs(theirs[key], ours[key]))}
    assert not wrong


def normal(stddev):
    return varscale.RandomNormal(stddev=stddev, seed=1)


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        (normal(0.02), normal(0.0206), "deviation"),
        (normal(0.02), varscale.RandomNormal(0.0005, 0.02, seed=1), "mean"),
        (normal(0.02), varscale.TruncatedNormal(stddev=0.02, lower=-3, upper=3, seed=1), "bounds"),
        (normal(3**-0.5), varscale.RandomUniform(-1, 1, seed=1), "bounds"),
        (normal(1.0), varscale.Ones(), "other elements"),
        (varscale.Ones(), varscale.Constant(1 + 1e-6), "constants"),
        (normal(1.0), normal(1.0), None),
    ],
)
def test_a_wrong_law_is_told(one, other, told):
    one, other = (
        np.stack([law((64, 64), name=f"{seed} {side}") for seed in range(DRAWS)])
        for side, law in enumerate([one, other])
    )
    found = differs(one, other)
    assert found is None if told is None else found.startswith(told)


# What no library of today builds: names and layouts of published checkpoints, and MaxText's.
@pytest.mark.parametrize(
    ("rules", "name", "dtype", "expected"),
    [
        ("gpt2", "h.3.attn.bias", "float32", np.tri(5)[None, None]),
        ("gpt2", "h.3.attn.bias", "bool", np.tri(5)[None, None]),
        ("gpt2", "h.3.attn.masked_bias", "float32", np.array(-1e4)),
        ("bert", "bert.embeddings.LayerNorm.gamma", "float32", np.ones(9)),
        ("bert", "bert.embeddings.LayerNorm.beta", "float32", np.zeros(9)),
        ("bert", "bert.embeddings.position_ids", "int64", np.arange(9)[None]),
        ("bert", "bert.embeddings.token_type_ids", "int64", np.zeros((1, 9))),
    ],
)
def test_tables_of_published_checkpoints(rules, name, dtype, expected, tmp_path):
    spec = {name: {"dtype": dtype, "shape": expected.shape}}
    (values,) = drawn(tmp_path, spec, rules, {}, [0]).values()
    assert values.dtype == dtype
    assert (values[0] == expected).all()


@pytest.mark.parametrize(
    ("rules", "name", "shape", "stddev"),
    [
        ("gpt2", "transformer.h.3.mlp.c_proj.weight", (64, 256), 0.02 / 6**0.5),
        ("mixtral", "model.layers.0.block_sparse_moe.experts.7.w2.weight", (64, 96), 0.02),
        ("mixtral-fan-in", "model.layers.0.mlp.experts.gate_up_proj", (8, 128, 32), 32**-0.5),
        ("mixtral-fan-in", "model.layers.0.mlp.experts.down_proj", (8, 32, 64), 64**-0.5),
        ("mixtral-fan-in", "decoder.moe_layers.MoeBlock_0.wi_0", (8, 32, 64), 32**-0.5),
        ("mixtral-fan-in", "decoder.moe_layers.MoeBlock_0.wo", (8, 64, 32), 64**-0.5),
        ("mixtral-fan-in", "model.embed_tokens.weight", (256, 64), 64**-0.5),
        ("llama", "model.layers.9.mlp.up_proj.weight", (96, 64), 0.02 / 20**0.5),
        ("llama", "model.embed_tokens.weight", (100, 64), 1.0),
        ("olmo-core", "model.layers.9.mlp.down_proj.weight", (64, 96), 0.9866 * 0.02),
        ("olmo-core", "model.embed_tokens.weight", (100, 64), 0.9866 * 0.02),
        ("mamba-ssm", "backbone.embedding.weight", (100, 64), 0.02),
        ("mamba-ssm", "backbone.layers.0.mixer.in_proj.weight", (256, 64), (3 * 64) ** -0.5),
        ("mamba-ssm", "backbone.layers.0.mixer.out_proj.weight", (64, 128), (9 * 128) ** -0.5),
        ("olmo", "model.layers.9.mlp.down_proj.weight", (64, 96), 0.9866 / (96 * 20) ** 0.5),
    ],
)
def test_deviations_under_other_names(rules, name, shape, stddev, tmp_path):
    spec = {name: {"dtype": "float32", "shape": shape}}
    (values,) = drawn(tmp_path, spec, rules, {"layers": 3}, range(4)).values()
    assert abs(values.std() / stddev - 1) < LIMIT / (2 * values.size) ** 0.5


def detr():
    """The offsets of Deformable DETR's attention: heads x levels x points x 2."""
    library = pytest.importorskip("transformers")
    stages = {"depths": [1] * 4, "embedding_size": 8, "hidden_sizes": [8] * 4}
    backbone = library.ResNetConfig(
        **stages, layer_type="basic", out_features=["stage2", "stage3", "stage4"]
    )
    sizes = {"d_model": 64, "encoder_layers": 1, "decoder_layers": 1}
    sizes |= {"encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "use_timm_backbone": False}
    config = library.DeformableDetrConfig(**sizes, backbone=None, backbone_config=backbone)
    states = library.DeformableDetrModel(config).state_dict()
    return states["encoder.layers.0.self_attn.sampling_offsets.bias"].numpy()


def rwkv(name):
    """A table of the last of RWKV's four layers."""
    library = pytest.importorskip("transformers")
    config = library.RwkvConfig(vocab_size=50, hidden_size=64, num_hidden_layers=4)
    return library.RwkvModel(config).state_dict()[f"blocks.3.attention.{name}"].numpy()


def sinusoid():
    model = pytest.importorskip("transformers.models.m2m_100.modeling_m2m_100")
    return model.M2M100SinusoidalPositionalEmbedding.get_embedding(32, 64).numpy()


def alibi():
    model = pytest.importorskip("transformers.models.bloom.modeling_bloom")
    return model._get_alibi_slopes(8, None).numpy()


@pytest.mark.parametrize(
    ("block", "name", "theirs"),
    [
        ("detr", "offsets.bias", detr),
        ("rwkv", "rwkv.3.decay", lambda: rwkv("time_decay")),
        ("rwkv", "rwkv.3.mix", lambda: rwkv("time_mix_key")),
        ("tables", "sinusoid", sinusoid),
        ("tables", "alibi.slopes", alibi),
    ],
)
def test_the_formulas_of_the_schemes(block, name, theirs, tmp_path):
    text = (Path(__file__).parents[2] / "docs" / "schemes.md").read_text()
    plan = tomllib.loads(text.partition(f"```toml {block}.toml\n")[2].partition("```")[0])
    expected = theirs()
    rules = [rule | {"optional": True} for rule in plan["rules"]]
    spec = {name: {"dtype": "float32", "shape": expected.shape}}
    constants = plan["constants"] | ({"layers": 4} if block == "rwkv" else {})
    path = tmp_path / "model.safetensors"
    varscale.init({"spec": spec, "rules": rules, "constants": constants, "seed": 0}, path)
    # Theirs are computed in float32, sines of angles up to 32 included.
    assert np.abs(written(path)[name] - expected).max() < 4e-6
