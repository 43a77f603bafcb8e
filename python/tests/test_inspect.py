"""Inspections of models that their own libraries draw: no false alarm, and every planted fault."""

import json

import numpy as np
import pytest

import varscale

torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors.torch")

SMALL = {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4}
SMALL |= {"num_hidden_layers": 4, "vocab_size": 500}
LAYERS = {"encoder_layers": 3, "decoder_layers": 3, "encoder_attention_heads": 4}
LAYERS |= {"decoder_attention_heads": 4, "encoder_ffn_dim": 128, "decoder_ffn_dim": 128}
SPEECH = {"suppress_tokens": [], "begin_suppress_tokens": [], "pad_token_id": 0}
SPEECH |= {"decoder_start_token_id": 1, "bos_token_id": 1, "eos_token_id": 2}
VISION = {key: size for key, size in SMALL.items() if key != "vocab_size"}

# Of transformers, with sizes: GPT-2 as it is.
TRANSFORMERS = {
    "GPT2LMHeadModel": {},
    "BertForPreTraining": SMALL,
    "RobertaForMaskedLM": SMALL,
    "ElectraForPreTraining": SMALL | {"embedding_size": 64},
    "DebertaV2ForMaskedLM": SMALL,
    "T5ForConditionalGeneration": {
        "d_model": 64,
        "d_kv": 16,
        "d_ff": 128,
        "num_layers": 3,
        "num_heads": 4,
        "vocab_size": 500,
    },
    "MambaForCausalLM": {"hidden_size": 64, "num_hidden_layers": 4, "vocab_size": 500},
    "LlamaForCausalLM": SMALL | {"num_key_value_heads": 2},
    "MixtralForCausalLM": SMALL | {"num_key_value_heads": 2, "num_local_experts": 4},
    "GPTNeoXForCausalLM": SMALL,
    "BartForConditionalGeneration": LAYERS | {"d_model": 64, "vocab_size": 500},
    "WhisperForConditionalGeneration": LAYERS | SPEECH | {"d_model": 64, "vocab_size": 500},
    "Wav2Vec2ForPreTraining": VISION | {"num_hidden_layers": 3},
    "ViTForImageClassification": VISION,
    "SwinForImageClassification": {},
    "SegformerForSemanticSegmentation": {},
}
# Of timm, at full size.
TIMM = [
    "convnext_tiny",
    "deit_tiny_patch16_224",
    "densenet121",
    "efficientnet_b0",
    "ghostnet_100",
    "mobilenetv2_100",
    "resnet50",
    "resnext50_32x4d",
    "swin_tiny_patch4_window7_224",
    "vit_tiny_patch16_224",
    "xcit_nano_12_p16_224",
]
TORCHVISION = ["resnet50", "mobilenet_v2", "regnet_y_400mf", "vit_b_16"]


@pytest.fixture
def path(tmp_path):
    """A checkpoint's name, which is free again afterwards: some are large."""
    path = tmp_path / "model.safetensors"
    yield path
    path.unlink(missing_ok=True)


def built(library, name):
    """A model that its library drew."""
    torch.manual_seed(0)
    if library == "transformers":
        build = getattr(pytest.importorskip("transformers"), name)
        return build(build.config_class(**TRANSFORMERS[name]))
    if library == "timm":
        return pytest.importorskip("timm").create_model(name)
    return getattr(pytest.importorskip("torchvision").models, name)()


MODELS = [("transformers", name) for name in TRANSFORMERS]
MODELS += [("timm", name) for name in TIMM] + [("torchvision", name) for name in TORCHVISION]


@pytest.mark.parametrize(("library", "name"), MODELS)
def test_healthy_models_have_no_findings(library, name, path):
    safetensors.save_model(built(library, name), str(path))
    found = varscale.inspect(path)
    assert found["findings"] == []
    assert found["judged_by"] == "usual-laws"


def test_tied_heads_that_are_stored_twice_are_no_finding(path):
    model = built("transformers", "BartForConditionalGeneration")
    tensors = {name: value.clone() for name, value in model.state_dict().items()}
    safetensors.save_file(tensors, path)
    found = varscale.inspect(path)
    assert found["findings"] == []
    assert {"lm_head.weight", "model.shared.weight"} <= set(found["equal"][0])


def double(tensors, one, other):
    tensors[one] = tensors[one] * 2


def copy(tensors, one, other):
    tensors[one] = tensors[other].clone()


def not_a_number(tensors, one, other):
    flat = tensors[one].clone().flatten()
    flat[::100] = float("nan")
    tensors[one] = flat.reshape(tensors[one].shape)


def zero(tensors, one, other):
    tensors[one] = torch.zeros_like(tensors[one])


FAULTS = {
    double: "deviation",
    copy: "equal-tensors",
    not_a_number: "not-finite",
    zero: "zero",
}
# A layer's tensor, and its sibling.
ILL = {
    ("transformers", "GPT2LMHeadModel"): "transformer.h.{}.mlp.c_fc.weight",
    ("transformers", "BertForPreTraining"): "bert.encoder.layer.{}.output.dense.weight",
    ("transformers", "MixtralForCausalLM"): "model.layers.{}.mlp.experts.gate_up_proj",
    ("transformers", "T5ForConditionalGeneration"): (
        "encoder.block.{}.layer.1.DenseReluDense.wi.weight"
    ),
    ("timm", "vit_tiny_patch16_224"): "blocks.{}.mlp.fc1.weight",
    ("timm", "resnet50"): "layer3.{}.conv2.weight",
}


@pytest.mark.parametrize(("library", "name"), ILL)
def test_planted_faults_are_found_and_named(library, name, path):
    safetensors.save_model(built(library, name), str(path))
    healthy = safetensors.load_file(path)
    one, other = (ILL[library, name].format(layer) for layer in (2, 1))
    for plant, fault in FAULTS.items():
        tensors = dict(healthy)
        plant(tensors, one, other)
        safetensors.save_file(tensors, path)
        (finding,) = varscale.inspect(path)["findings"]
        assert (finding["fault"], finding["tensor"]) == (fault, one)


# Of (in, out) where it is (out, in), and of fan_in where the library takes fan_out.
TRANSPOSED = [
    (
        "transformers",
        "T5ForConditionalGeneration",
        "decoder.block.1.layer.2.DenseReluDense.wo.weight",
        lambda shape: shape[0] ** -0.5,
    ),
    (
        "torchvision",
        "resnet50",
        "layer2.1.conv1.weight",
        lambda shape: (2 / (shape[1] * shape[2] * shape[3])) ** 0.5,
    ),
]


@pytest.mark.parametrize(("library", "name", "tensor", "stddev"), TRANSPOSED)
def test_transposed_fans_are_found_and_named(library, name, tensor, stddev, path):
    safetensors.save_model(built(library, name), str(path))
    tensors = safetensors.load_file(path)
    tensors[tensor] = torch.randn(tensors[tensor].shape) * stddev(tensors[tensor].shape)
    safetensors.save_file(tensors, path)
    (finding,) = varscale.inspect(path)["findings"]
    assert (finding["fault"], finding["tensor"]) == ("transposed-fan", tensor)


def test_copied_experts_of_one_tensor_are_found(path):
    tensors = {f"h.{layer}.experts": torch.randn(4, 96, 64) * 0.02 for layer in range(3)}
    tensors["h.1.experts"][2] = tensors["h.1.experts"][0]
    safetensors.save_file(tensors, path)
    (finding,) = varscale.inspect(path)["findings"]
    assert (finding["fault"], finding["tensor"]) == ("equal-rows", "h.1.experts")
    assert finding["text"] == "rows 0 and 2 are equal"


def test_a_doubled_expert_of_one_large_tensor_is_found(path):
    # Each is read by two chunks.
    tensors = {"experts.w": (torch.randn(4, 3000, 3000) * 0.02).to(torch.bfloat16)}
    safetensors.save_file(tensors, path)
    assert varscale.inspect(path)["findings"] == []
    tensors["experts.w"][3] *= 2
    safetensors.save_file(tensors, path)
    (finding,) = varscale.inspect(path)["findings"]
    assert (finding["fault"], finding["tensor"]) == ("deviation", "experts.w")
    assert finding["text"].startswith("its expert 3 of 4: its standard deviation 0.04 is 2 times")


def test_statistics_are_numpys(path):
    values = torch.randn(300, 200).to(torch.bfloat16)
    safetensors.save_file({"w": values, "n": torch.arange(5)}, path)
    found = varscale.inspect(path, match="w", threads=2)
    (tensor,) = found["tensors"]
    exact = values.double().numpy()
    statistics = tensor["statistics"]
    assert np.isclose(statistics["mean"], exact.mean(), rtol=1e-12)
    assert np.isclose(statistics["stddev"], exact.std(), rtol=1e-12)
    assert (statistics["min"], statistics["max"]) == (exact.min(), exact.max())
    assert statistics["distinct"] == len(np.unique(exact))


def test_refusals_and_progress(path, tmp_path):
    safetensors.save_file({"w": torch.ones(3, 3)}, path)
    done = []
    varscale.inspect(path, progress=lambda *bytes: done.append(bytes))
    assert done == [(36, 36)]
    with pytest.raises(ValueError, match="matches no tensor"):
        varscale.inspect(path, match="x")
    with pytest.raises(FileNotFoundError):
        varscale.inspect(tmp_path / "none.safetensors")
    (tmp_path / "spec.json").write_text(json.dumps({"w": {"dtype": "F32", "shape": [3]}}))
    with pytest.raises(ValueError, match="has no values"):
        varscale.inspect(tmp_path / "spec.json")
    with pytest.raises(ZeroDivisionError):
        varscale.inspect(path, progress=lambda *_: 1 / 0)
