"""Whole torch modules: on `meta` or not, wrapped or not, on meshes."""

import copy
import json
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import varscale

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import (  # noqa: E402
    checkpoint_wrapper,
    offload_wrapper,
)
from torch.nn.utils import parametrizations, parametrize  # noqa: E402

import varscale.torch  # noqa: E402

init_module_ = varscale.torch.init_module_
ANY = [{"match": "*", "initializer": varscale.RandomNormal()}]


@pytest.fixture(params=["cpu", "cuda"])
def device(request):
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("There is no CUDA device")
    return request.param


RULES = [
    {"match": "*.bias", "initializer": "zeros"},
    {"match": "norm.weight", "initializer": "ones"},
    {"match": "*", "initializer": "he_normal"},
]


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Linear(20, 30)
        self.norm = torch.nn.BatchNorm1d(30)
        self.second = torch.nn.Linear(30, 20, bias=False)
        self.tied = torch.nn.Linear(30, 20, bias=False)
        self.tied.weight = self.second.weight


def test_modules_on_meta(tmp_path, device):
    with torch.device("meta"):
        module = Network()
    described = varscale.spec(module)
    assert init_module_(module, RULES, 42, device=device) is module
    assert {tensor.device.type for tensor in module.state_dict().values()} == {device}
    module.cpu()
    assert module.tied.weight is module.second.weight
    assert module.norm.running_var.tolist() == [1.0] * 30
    assert not module.first.bias.any()

    # The checkpoint by the same rules holds the same.
    path = tmp_path / "model.safetensors"
    plan = {"spec": described, "layout": "torch", "rules": RULES, "seed": 42}
    varscale.init(plan, path)
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    for name, parameter in module.named_parameters():
        start, end = header[name]["data_offsets"]
        assert data[8 + length + start : 8 + length + end] == parameter.detach().numpy().tobytes()
    # A module that has its memory already is filled where it is.
    again = Network()
    memory = again.first.weight.data_ptr()
    init_module_(again, RULES, 42)
    assert again.first.weight.data_ptr() == memory
    assert torch.equal(again.first.weight, module.first.weight)


def test_modules_that_cannot_be_initialized():
    with torch.device("meta"):
        module = Network()
        module.register_buffer("table", torch.zeros(3))
    with pytest.raises(ValueError, match=r"no values: table \(Network\)"):
        init_module_(module, RULES, 1)
    with pytest.raises(ValueError, match="no rule matches it"):
        init_module_(module, RULES[:1], 1)
    with pytest.raises(ValueError, match="rule 1"):
        init_module_(module, [{"match": "typo", "initializer": "ones"}, *RULES], 1)
    with pytest.raises(ValueError, match="bfloat16"):
        init_module_(module, [{**RULES[2], "dtype": "bfloat16"}], 1)
    assert module.first.weight.is_meta
    with pytest.raises(TypeError, match="torch.nn.Module"):
        init_module_({"weight": np.zeros(3)}, RULES, 1)


def values(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def test_torchs_generator_decides_without_a_seed():
    module = torch.nn.Linear(3, 2)

    def drawn(**given):
        init_module_(module, ANY, **given)
        return module.varscale_seed, module.weight.tolist()

    torch.manual_seed(0)
    first, second = drawn(), drawn()
    torch.manual_seed(0)
    assert drawn() == first != second
    assert drawn(generator=torch.Generator().manual_seed(0)) == first
    assert drawn(seed=first[0]) == first
    with pytest.raises(ValueError, match="not both"):
        drawn(seed=1, generator=torch.Generator())


def test_the_seed_is_read_and_kept():
    module = init_module_(torch.nn.Linear(3, 2), ANY)
    seed = module.varscale_seed
    again = init_module_(torch.nn.Linear(3, 2), ANY, seed)
    assert torch.equal(module.weight, again.weight)
    for kept in [copy.deepcopy(module), pickle.loads(pickle.dumps(module))]:
        assert kept.varscale_seed == seed
    assert list(module.state_dict()) == ["weight", "bias"]


class Inner(torch.nn.Module):
    def __init__(self):
        super().__init__()
        # Names as wrappers have them, but a user's own.
        self.module = torch.nn.Linear(3, 2)
        self.scale = torch.nn.Parameter(torch.zeros(()))
        self._orig_mod = torch.nn.Linear(2, 2)


WRAPPERS = {
    "compile": torch.compile,
    "checkpoint": checkpoint_wrapper,
    "offload": offload_wrapper,
    "DataParallel": torch.nn.DataParallel,
    "AveragedModel": torch.optim.swa_utils.AveragedModel,
    "nested": lambda module: torch.compile(torch.nn.DataParallel(checkpoint_wrapper(module))),
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_wrappers_change_no_names_and_no_values(wrapper):
    plain = torch.nn.Sequential(Inner(), torch.nn.Linear(2, 2))
    wrapped = copy.deepcopy(plain)
    wrapped[0] = WRAPPERS[wrapper](wrapped[0])
    outer = WRAPPERS[wrapper](wrapped)
    assert varscale.spec(outer) == varscale.spec(plain)
    assert list(varscale.spec(plain))[:3] == ["0.scale", "0.module.weight", "0.module.bias"]
    init_module_(plain, ANY, 1)
    assert init_module_(outer, ANY, 1, buffers="keep") is outer
    for ours, expected in zip(outer.parameters(), plain.parameters(), strict=True):
        assert torch.equal(ours, expected)


class Symmetric(torch.nn.Module):
    def forward(self, original):
        return original.triu() + original.triu(1).T


PARAMETRIZATIONS = {
    "one parameter": lambda module: parametrize.register_parametrization(
        module, "weight", Symmetric(), unsafe=True
    ),
    "orthogonal": parametrizations.orthogonal,
    "spectral_norm": parametrizations.spectral_norm,
    "weight_norm": parametrizations.weight_norm,
}


@pytest.mark.parametrize("kind", PARAMETRIZATIONS)
def test_parametrizations_change_no_names(kind):
    plain = torch.nn.Sequential(torch.nn.Linear(3, 3))
    changed = copy.deepcopy(plain)
    PARAMETRIZATIONS[kind](changed[0])
    assert varscale.spec(changed).keys() == varscale.spec(plain).keys()
    init_module_(plain, ANY, 1)
    init_module_(changed, ANY, 1, buffers="keep")
    assert torch.equal(changed[0].bias, plain[0].bias)
    if kind == "weight_norm":
        assert torch.allclose(changed[0].weight, plain[0].weight)
    else:
        assert torch.equal(changed[0].parametrizations.weight.original, plain[0].weight)


def test_names_that_collide_are_refused():
    module = checkpoint_wrapper(torch.nn.Linear(3, 2))
    module._parameters["weight"] = torch.nn.Parameter(torch.zeros(2))
    for call in [varscale.spec, lambda module: init_module_(module, ANY, 1)]:
        with pytest.raises(ValueError, match="'weight' and '_checkpoint_wrapped_module.weight'"):
            call(module)
    with pytest.raises(ValueError, match="no shape yet"):
        varscale.spec(torch.nn.LazyLinear(3))


MODULES = {
    "LSTM": lambda: torch.nn.LSTM(3, 4),
    "attention": lambda: torch.nn.TransformerEncoderLayer(4, 2, 8),
    "old weight_norm": lambda: torch.nn.utils.weight_norm(torch.nn.Linear(3, 4)),
    "graph": lambda: torch.fx.symbolic_trace(torch.nn.Linear(3, 4)),
}


@pytest.mark.filterwarnings("ignore:.*weight_norm")
@pytest.mark.parametrize("kind", MODULES)
def test_modules_that_keep_more_than_tensors_work_afterwards(kind):
    with torch.device("meta"):
        module = MODULES[kind]()
    expected = init_module_(MODULES[kind]().eval(), ANY, 1)
    given = torch.ones(2, 1, 4 if kind == "attention" else 3)
    ours, theirs = init_module_(module.eval(), ANY, 1)(given), expected(given)
    assert torch.equal(ours[0], theirs[0])


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_scripted_modules():
    plain = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3))
    module = torch.jit.script(plain)
    with pytest.warns(UserWarning, match="1.running_mean"):
        init_module_(module, ANY, 1)
    assert torch.equal(module[1].weight, init_module_(copy.deepcopy(plain), ANY, 1)[1].weight)


@pytest.mark.parametrize("where", ["cpu", "meta"])
@pytest.mark.parametrize("kind", ["Embedding", "EmbeddingBag"])
def test_rows_that_are_padding_are_zero(kind, where):
    with torch.device(where):
        module = torch.nn.Sequential(
            getattr(torch.nn, kind)(5, 3, padding_idx=-2), getattr(torch.nn, kind)(5, 3)
        )
        parametrize.register_parametrization(module[0], "weight", torch.nn.Identity())
    init_module_(module, ANY, 1)
    assert module[0].weight.any(1).tolist() == [True, True, True, False, True]
    assert module[1].weight.any(1).all()


class Computed(torch.nn.Module):
    """A buffer of each kind that a module sets by itself."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(3))
        self.register_buffer("table", torch.empty(4, 2, dtype=torch.int32))
        self.register_buffer("mask", torch.empty(3, dtype=torch.bool), persistent=False)
        self.register_buffer("random", torch.empty(3, dtype=torch.bfloat16))
        self.register_buffer("absent", None)
        self.reset_parameters()

    def reset_parameters(self):
        torch.nn.init.ones_(self.weight)
        self.table[:, 0::2] = 1
        self.table[:, 1::2] = 2
        self.mask = torch.zeros(3, dtype=torch.bool, device=self.weight.device)
        self.random.normal_()


class Half(torch.nn.Module):
    """A buffer that a module sets a part of, and one that it fails to."""

    def __init__(self):
        super().__init__()
        self.register_buffer("part", torch.zeros(2))
        self.register_buffer("failed", torch.zeros(2))

    def reset_parameters(self):
        self.part[0] = 1

    def init_weights(self):
        self.failed.zero_()
        raise NotImplementedError


def computing(*more):
    return torch.nn.Sequential(Computed(), torch.nn.BatchNorm1d(3), *more)


@pytest.mark.parametrize("how", ["meta", "to_empty"])
def test_buffers_are_what_the_modules_code_computes(how):
    torch.manual_seed(1)
    built = computing()
    with torch.device("meta"):
        module = computing()
    if how == "to_empty":
        module.to_empty(device="cpu")
        for buffer in module.buffers():
            buffer.untyped_storage().fill_(77)
    before = torch.get_rng_state()
    init_module_(module, ANY, 1)
    assert torch.equal(torch.get_rng_state(), before)
    for name, expected in built.named_buffers():
        assert torch.equal(module.get_buffer(name), expected), name
    assert module[0].weight.unique().numel() == 3


def test_buffers_that_nothing_computes_are_named():
    named = r"2.part \(Half\), 2.failed \(Half\)\."
    with torch.device("meta"):
        module = computing(Half())
    with pytest.raises(ValueError, match=f"no values: {named}"):
        init_module_(module, ANY, 1)
    assert all(tensor.is_meta for tensor in [*module.parameters(), *module.buffers()])
    module.to_empty(device="cpu")
    with pytest.warns(UserWarning, match=f"keep what they hold.*: {named}"):
        init_module_(module, ANY, 1)


def test_buffers_come_from_where_the_user_says():
    class Table(torch.nn.Linear):
        def __init__(self):
            super().__init__(3, 2)
            self.register_buffer("table", torch.arange(3.0))

    with torch.device("meta"):
        module = Table().bfloat16()
    init_module_(module, ANY, 1, buffers=Table)
    assert module.table.tolist() == [0, 1, 2] and module.table.dtype == torch.bfloat16
    module.table.zero_()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        init_module_(module, ANY, 1, buffers="keep")
    assert not module.table.any()
    with torch.device("meta"):
        module = Table()
    for wrong, error, message in [
        (lambda: torch.nn.Linear(3, 2), ValueError, "no values: table"),
        ("keep", ValueError, "no values: table"),
        (lambda: 3, TypeError, "must build a torch.nn.Module"),
        ("typo", TypeError, '"keep"'),
    ]:
        with pytest.raises(error, match=message):
            init_module_(module, ANY, 1, buffers=wrong)
    assert module.table.is_meta


def large(name):
    """A small model of a library's, as a function that builds it."""
    library, _, name = name.partition(":")
    if library == "timm":
        timm = pytest.importorskip("timm", reason="timm is not installed")
        return lambda: timm.create_model(name)
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    swin = {"depths": [2, 2], "num_heads": [2, 2], "window_size": 4, "embed_dim": 16}
    sizes = {
        "T5": {"d_model": 32, "d_ff": 32, "num_layers": 2, "num_heads": 2},
        "Swin": {"image_size": 32, "patch_size": 2, **swin},
        "Swinv2": {"image_size": 32, "patch_size": 2, **swin},
    }
    usual = {"hidden_size": 32, "intermediate_size": 32, "num_attention_heads": 2}
    usual |= {"num_hidden_layers": 2, "vocab_size": 50, "num_key_value_heads": 1}
    config = getattr(transformers, f"{name}Config")(**sizes.get(name, usual))
    return lambda: getattr(transformers, f"{name}Model")(config)


LARGE = ["T5", "Bert", "Llama", "Mixtral", "Deberta", "DebertaV2", "Swin", "Swinv2", "Roberta"]
LARGE = [f"transformers:{name}" for name in [*LARGE, "Gemma3Text", "GPTNeoX", "Falcon", "Wav2Vec2"]]
LARGE += ["timm:swin_tiny_patch4_window7_224", "timm:eva02_tiny_patch14_224", "timm:resnet10t"]


@pytest.mark.parametrize("how", ["meta", "to_empty", "built anew"])
@pytest.mark.parametrize("name", LARGE)
def test_buffers_of_large_libraries_are_their_own(name, how):
    build = large(name)
    expected = build()
    with torch.device("meta"):
        module = build()
    if how == "to_empty":
        module.to_empty(device="cpu")
        for buffer in module.buffers():
            buffer.detach().untyped_storage().fill_(77)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        init_module_(module, ANY, 1, buffers=build if how == "built anew" else None)
    assert dict(module.named_buffers()).keys() == dict(expected.named_buffers()).keys()
    for key, buffer in expected.named_buffers():
        assert torch.equal(module.get_buffer(key), buffer), key


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"*": "zeros"}, r'must be a list, as in \[\{"match": "\*"'),
        ("zeros", "must be a list"),
        (None, "must be a list"),
        ([None], "Rule 1 must be a mapping"),
        (["zeros"], "Rule 1 must be a mapping"),
        ([{"match": "*", "initializer": torch.nn.init.zeros_}], "Rule 1: `initializer` must be"),
        ([{"match": "*", "initializer": varscale.HeNormal(1), "seed": 2}], "another of its own"),
        ([{"match": "*", "initializer": varscale.HeNormal(stream="keras-jax")}], "stream"),
    ],
)
def test_rules_that_are_none(rules, message):
    with pytest.raises((TypeError, ValueError), match=message):
        init_module_(torch.nn.Linear(3, 2), rules, 1)


def test_rules_hold_initializers():
    def weight(initializer, **rule):
        rules = [{"match": "bias", "initializer": varscale.Zeros}]
        rules += [{"match": "weight", "initializer": initializer, **rule}]
        return init_module_(torch.nn.Linear(3, 2), rules, 1).weight.tolist()

    config = {"class_name": "HeNormal", "config": {"seed": None}}
    same = [weight(one) for one in ["he_normal", varscale.HeNormal(), varscale.HeNormal, config]]
    assert same[1:] == same[:-1]
    assert weight(varscale.HeNormal(5)) == weight("he_normal", seed=np.int64(5)) != same[0]
    assert weight(varscale.HeNormal(varscale.SeedGenerator(5))) == weight(varscale.HeNormal(5))
    used = varscale.HeNormal(varscale.SeedGenerator(5))
    used((2,))
    with pytest.raises(ValueError, match="first call"):
        weight(used)


@pytest.mark.parametrize(
    ("seed", "message"),
    [
        (varscale.SeedGenerator(1), "Write `seed=generator.seed`"),
        (1.5, "must be an integer or None"),
        ("1", "must be an integer or None"),
        (2**64, "2.64"),
    ],
)
def test_seeds_that_are_none(seed, message):
    with pytest.raises((TypeError, ValueError), match=message):
        init_module_(torch.nn.Linear(3, 2), ANY, seed)


def test_parameters_that_are_not_drawn():
    module = torch.nn.Module()
    module.table = torch.nn.Parameter(torch.zeros(3, dtype=torch.int8), requires_grad=False)
    with pytest.raises(ValueError, match="'table' has torch.int8.*register_buffer"):
        init_module_(module, ANY, 1)


@pytest.mark.parametrize("ranks", [2, 4])
def test_any_mesh_gives_the_same_bits(ranks):
    script = Path(__file__).with_name("sharded_torch.py")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += [f"--nproc-per-node={ranks}", str(script)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("the same bits") == ranks
