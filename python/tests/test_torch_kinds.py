"""Modules that are easily initialized silently wrong: right, or refused by name and left alone."""

import copy
import warnings

import pytest

import varscale

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from safetensors.torch import load_model  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn.utils import parametrizations, parametrize, prune  # noqa: E402

import varscale.torch  # noqa: E402
from varscale import _torch_names  # noqa: E402

init_module_ = varscale.torch.init_module_
ANY = [{"match": "*", "initializer": varscale.RandomNormal()}]
ONES = [{"match": "*", "initializer": "ones"}]


def made(**tensors):
    module = nn.Module()
    for name, tensor in tensors.items():
        module.register_parameter(name, nn.Parameter(tensor))
    return module


def on_meta(build):
    with torch.device("meta"):
        return build()


def test_what_is_skipped_stays_or_is_refused():
    skip = [{"match": "bias", "skip": True}, *ONES]
    with pytest.raises(ValueError, match="skips have no values: bias"):
        init_module_(on_meta(lambda: nn.Linear(3, 1000)), skip, 1)
    linear = nn.Linear(3, 2)
    before = linear.bias.tolist()
    init_module_(linear, skip, 1)
    assert linear.bias.tolist() == before and (linear.weight == 1).all()
    embedding = nn.Sequential(nn.Embedding(5, 3, padding_idx=1), nn.Linear(3, 2))
    nn.init.ones_(embedding[0].weight)
    init_module_(embedding, [{"match": "0.*", "skip": True}, *ANY], 1)
    assert (embedding[0].weight == 1).all()
    table = nn.Linear(3, 2)
    table.table = nn.Parameter(torch.ones(3, dtype=torch.int8), requires_grad=False)
    init_module_(table, [{"match": "table", "skip": True}, *ANY], 1)
    assert table.table.tolist() == [1, 1, 1]


def pruned(module):
    prune.l1_unstructured(module, "weight", 2)
    return prune.random_unstructured(module, "weight", 1)


WRAPPED = {
    "prune": pruned,
    "old spectral_norm": nn.utils.spectral_norm,
    "old weight_norm": nn.utils.weight_norm,
    "old weight_norm of the whole": lambda module: nn.utils.weight_norm(module, dim=None),
    "spectral_norm": parametrizations.spectral_norm,
    "weight_norm": parametrizations.weight_norm,
    "parametrized": lambda module: parametrize.register_parametrization(
        module, "weight", nn.Identity()
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", WRAPPED)
def test_what_torch_keeps_a_weight_as_changes_no_names_and_no_values(kind):
    plain = nn.Sequential(nn.Linear(4, 3), nn.Embedding(5, 4, padding_idx=1))
    changed = copy.deepcopy(plain)
    for layer in changed:
        WRAPPED[kind](layer)
    assert varscale.spec(changed).keys() == varscale.spec(plain).keys()
    init_module_(plain, ANY, 1)
    init_module_(changed.eval(), ANY, 1)
    for ours, theirs in zip(changed, plain, strict=True):
        if "weight_norm" in kind:
            # A row of zeros has no direction.
            drawn = theirs.weight.any(1)
            assert torch.allclose(ours.weight[drawn], theirs.weight[drawn])
            assert ours.weight.isfinite().all()
        else:
            assert torch.equal(_torch_names.original(ours, "weight"), theirs.weight)
        given = torch.tensor([1, 2]) if isinstance(ours, nn.Embedding) else torch.ones(2, 4)
        before = ours.weight.detach().clone()
        ours(given)
        assert torch.equal(ours.weight, before)


BASE = torch.zeros(4, 4)
VIEWS = {
    "a part": lambda: made(a=BASE[:2], b=BASE),
    "the same": lambda: made(a=BASE, b=BASE),
    "transposed": lambda: made(a=BASE, b=BASE.t()),
    "strided": lambda: made(a=BASE[:, ::2], b=BASE[:, 2:]),
    "another dtype": lambda: made(a=BASE, b=BASE.view(torch.float16)),
    "meta": lambda: on_meta(lambda: (lambda base: made(a=base[:2], b=base))(torch.zeros(4, 4))),
    "one memory in two storages": lambda: made(
        a=torch.from_numpy(BASE.numpy()), b=torch.from_numpy(BASE.numpy())
    ),
}


@pytest.mark.parametrize("kind", VIEWS)
def test_parameters_that_share_memory_are_refused(kind):
    module = VIEWS[kind]()
    with pytest.raises(ValueError, match="'[ab]' and '[ab]' share memory"):
        init_module_(module, ANY, 1)
    assert module.a.is_meta or not module.b.any()


def test_buffers_that_share_a_parameters_memory_are_refused():
    module = nn.Linear(3, 2)
    module.register_buffer("alias", module.weight.detach()[:1])
    with pytest.raises(ValueError, match="'(alias|weight)' and '(alias|weight)' share memory"):
        init_module_(module, ANY, 1, buffers="keep")


def test_parameters_side_by_side_in_one_storage_are_drawn():
    base = torch.zeros(4, 4)
    for module in [made(a=base[:2], b=base[2:]), made(a=base[:, ::2], b=base[:, 1::2])]:
        init_module_(module, ANY, 1)
        init_module_(
            other := made(a=torch.zeros_like(module.a), b=torch.zeros_like(module.b)), ANY, 1
        )
        assert torch.equal(module.a, other.a) and torch.equal(module.b, other.b)
    tied = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    tied[1].weight = tied[0].weight
    init_module_(tied, ANY, 1)


def test_a_checkpoint_loads_into_tied_parameters(tmp_path):
    def network():
        tied = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
        tied[1].weight = tied[0].weight
        return tied

    # The model's own spec has the first name only; another one's may have both, and a rule.
    own = varscale.spec(network())
    assert list(own) == ["0.weight"]
    both = {**own, "1.weight": own["0.weight"]}
    tie = {"match": "1.*", "tie": "0.*"}
    for spec, rules in [(own, ANY), (both, [tie, *ANY])]:
        path = tmp_path / f"{len(spec)}.safetensors"
        plan = varscale.init({"spec": spec, "rules": rules, "layout": "torch", "seed": 1}, path)
        assert plan["totals"]["tied"] == len(spec) - 1
        assert load_model(module := network(), path) == (set(), [])
        assert torch.equal(module[0].weight, init_module_(network(), ANY, 1)[0].weight)
    with pytest.raises(ValueError, match="ties '1.weight' to '0.weight'"):
        init_module_(nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)), [tie, *ANY], 1)


class Caching(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3))
        self.register_buffer("table", torch.zeros(3))
        self.history, self.by_name = [], {}
        self.reset_parameters()

    def reset_parameters(self):
        self.cache = self.weight * 2
        self.history.append(self.weight + 1)
        self.by_name["weight"] = self.weight
        self.table.fill_(7)


def test_attributes_that_the_modules_code_sets_are_as_they_were():
    module = Caching()
    cache, history = module.cache, list(module.history)
    module.weight.later = None
    init_module_(module, ANY, 1)
    assert module.table.tolist() == [7, 7, 7]
    assert module.cache is cache and module.by_name == {"weight": module.weight}
    assert len(module.history) == 1 and module.history[0] is history[0]


class Fixed(nn.Linear):
    varscale_seed = property(lambda self: 0)


class Table(nn.Linear):
    def __init__(self, size=3, fail=False):
        super().__init__(3, 2)
        self.register_buffer("table", torch.arange(float(size)))
        if fail:
            float(self.weight.sum())


# How to build a module, what else is given, the error and a part of its message.
REFUSED = {
    "no place for the seed": (lambda: Fixed(3, 2), {}, AttributeError, "varscale_seed"),
    "a module as a function": (Table, {"buffers": Table()}, TypeError, "a function that builds"),
    "an array as a function": (Table, {"buffers": torch.ones(2)}, TypeError, "a function that"),
    "a function that fails": (
        lambda: on_meta(Table),
        {"buffers": lambda: Table(fail=True)},
        RuntimeError,
        "`buffers` fails to build the module",
    ),
    "a function with arguments": (
        lambda: on_meta(Table),
        {"buffers": lambda size: Table(size)},
        RuntimeError,
        "`buffers` fails to build .* TypeError",
    ),
    "another module": (
        lambda: on_meta(Table),
        {"buffers": lambda: Table(4)},
        ValueError,
        r"'table' has shape \(4,\), and not \(3,\)",
    ),
    "a module without it": (
        lambda: on_meta(Table),
        {"buffers": lambda: nn.Linear(3, 2)},
        ValueError,
        "table .*The module that `buffers` builds has none",
    ),
    "rules": (lambda: nn.Linear(3, 2), {"rules": [{"match": "no"}]}, ValueError, "rule"),
    "overflow": (
        lambda: nn.Linear(3, 2).half(),
        {"rules": [{"match": "*", "initializer": varscale.RandomNormal(0, 1e5)}]},
        ValueError,
        "float16",
    ),
    "no device": (
        lambda: on_meta(lambda: nn.Linear(3, 2)),
        {"device": "cuda:99"},
        Exception,
        ".",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused_changes_nothing(kind):
    build, given, error, message = REFUSED[kind]
    module = build()
    attributes, generator = dict(module.__dict__), torch.Generator().manual_seed(1)
    before = [value.tolist() for value in module.parameters() if not value.is_meta]
    state = torch.get_rng_state(), generator.get_state()
    for more in [{}, {"generator": generator}]:
        with pytest.raises(error, match=message):
            init_module_(module, **{"rules": ANY, **given, **more})
    assert [value.tolist() for value in module.parameters() if not value.is_meta] == before
    assert module.__dict__.keys() == attributes.keys()
    after = torch.get_rng_state(), generator.get_state()
    assert all(map(torch.equal, after, state))


def test_buffers_that_the_built_module_lacks_are_named():
    with pytest.warns(UserWarning, match="the module that `buffers` builds does not have them"):
        init_module_(Table(), ANY, 1, buffers=lambda: nn.Linear(3, 2))


@pytest.mark.parametrize("given", [{}, {"generator": torch.Generator()}])
def test_process_groups_need_a_seed(given, monkeypatch):
    monkeypatch.setattr(varscale._torch, "ranks", lambda: 2)
    with pytest.raises(ValueError, match="Give a `seed`, the same on all ranks"):
        init_module_(nn.Linear(3, 2), ANY, **given)
    init_module_(nn.Linear(3, 2), ANY, 1)


def test_keras_models_are_refused():
    keras = pytest.importorskip("keras", reason="Keras is not installed")
    if keras.backend.backend() != "torch":
        pytest.skip("Keras is on another backend")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(TypeError, match="is a Keras model: .*`varscale.keras`"):
        init_module_(model, ANY, 1)
