"""Other libraries load what `varscale.init` writes in shards."""

import json

import pytest

import varscale

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")
accelerate = pytest.importorskip("accelerate", reason="accelerate is not installed")
dcp = pytest.importorskip("torch.distributed.checkpoint", reason="torch has no dcp")
import safetensors  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

SMALL = {"num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 99, "hidden_size": 64}
CONFIGS = {
    "llama": lambda: transformers.LlamaConfig(**SMALL, intermediate_size=96),
    "tied": lambda: transformers.GPT2Config(n_layer=2, n_head=2, vocab_size=99, n_embd=64),
}
RULES = [
    {"match": "*.bias", "initializer": "zeros", "optional": True},
    {"match": "*norm.weight", "initializer": "ones", "optional": True},
    {"match": "*.ln_*.weight", "initializer": "ones", "optional": True},
    {"match": "*", "initializer": varscale.RandomNormal(stddev=0.02)},
]
LIMITS = {"shards": "150KB", "one file": "5GB"}


@pytest.fixture(scope="module", params=[(kind, limit) for kind in CONFIGS for limit in LIMITS])
def folder(request, tmp_path_factory):
    """A folder with a model's configuration and checkpoint, as they are published."""
    kind, limit = request.param
    folder = tmp_path_factory.mktemp("model")
    config = CONFIGS[kind]()
    config.save_pretrained(folder)
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config)
    plan = {"spec": varscale.spec(model), "rules": RULES, "seed": 42, "dtype": "bfloat16"}
    varscale.init(plan, folder / "model.safetensors", max_shard_size=LIMITS[limit])
    files = sorted(path.name for path in folder.glob("*.safetensors"))
    assert ("model.safetensors" in files) == (limit == "one file") == (len(files) == 1)
    varscale.init(plan, folder / "whole")
    return folder


def by_transformers(folder):
    return transformers.AutoModelForCausalLM.from_pretrained(folder).state_dict()


def by_accelerate(folder):
    config = transformers.AutoConfig.from_pretrained(folder, dtype="bfloat16")
    with accelerate.init_empty_weights():
        model = transformers.AutoModelForCausalLM.from_config(config)
    model.tie_weights()
    model = accelerate.load_checkpoint_and_dispatch(model, str(folder), device_map={"": "cpu"})
    return model.state_dict()


def by_dcp(folder):
    whole = load_file(folder / "whole")
    state = {name: torch.empty_like(tensor) for name, tensor in whole.items()}
    dcp.load(state, storage_reader=dcp.HuggingFaceStorageReader(str(folder)))
    return state


def by_safetensors(folder):
    index = folder / "model.safetensors.index.json"
    if not index.exists():
        return load_file(folder / "model.safetensors")
    index, tensors = json.loads(index.read_text()), {}
    for name, shard in index["weight_map"].items():
        with safetensors.safe_open(folder / shard, "pt") as file:
            tensors[name] = file.get_tensor(name)
    assert index["metadata"]["total_size"] == sum(tensor.nbytes for tensor in tensors.values())
    return tensors


LOADERS = [by_transformers, by_accelerate, by_dcp, by_safetensors]


@pytest.mark.filterwarnings("ignore:torch.distributed is disabled")
@pytest.mark.parametrize("load", LOADERS)
def test_every_tensor_is_loaded(folder, load):
    expected, loaded = load_file(folder / "whole"), load(folder)
    assert expected.keys() <= loaded.keys()
    for name, tensor in expected.items():
        assert loaded[name].dtype == tensor.dtype and torch.equal(loaded[name], tensor), name
