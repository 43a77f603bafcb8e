"""torch's initializers with whatever arguments: refused, or carried out, and nothing between."""

import inspect
import re

import numpy as np
import pytest
from arguments import REFUSALS, anything
from hypothesis import given, settings
from hypothesis import strategies as st

import varscale

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
import varscale.torch  # noqa: E402

# torch's of what is experimental, and ours of the tail.
pytestmark = pytest.mark.filterwarnings("ignore")
NAMES = [name for name in torch.nn.init.__all__ if name.endswith("_")]
OURS = {name: getattr(varscale.torch, name) for name in [*NAMES, "variance_scaling_"]}
OURS = {name: made for name, made in OURS.items() if made is not getattr(torch.nn.init, name, 0)}


def test_signatures_are_torchs():
    for name in [*NAMES, "calculate_gain"]:
        theirs = list(inspect.signature(getattr(torch.nn.init, name)).parameters.values())
        ours = list(inspect.signature(getattr(varscale.torch, name)).parameters.values())
        added = ours[len(theirs) :]
        assert [(one.name, one.kind, one.default) for one in ours[: len(theirs)]] == [
            (one.name, one.kind, one.default) for one in theirs
        ]
        assert [one.name for one in added] == (["seed", "name"] if name in OURS else [])
        assert all(one.kind is one.KEYWORD_ONLY for one in added)


def strided(shape, dtype):
    base = torch.zeros([2 * size + 1 for size in shape], dtype=dtype)
    return base[tuple(slice(0, 2 * size, 2) for size in shape)]


def transposed(shape, dtype):
    return torch.zeros(shape[::-1], dtype=dtype).permute(tuple(range(len(shape)))[::-1])


def negated(shape, dtype):
    kinds = {torch.float16: torch.complex32, torch.float64: torch.complex128}
    return torch.zeros(shape, dtype=kinds.get(dtype, torch.complex64)).conj().imag


def leaf(shape, dtype):
    return torch.zeros(shape, dtype=dtype, requires_grad=dtype.is_floating_point)


def inference(shape, dtype):
    with torch.inference_mode():
        return torch.zeros(shape, dtype=dtype)


def freed(shape, dtype):
    tensor = torch.zeros(shape, dtype=dtype)
    tensor.untyped_storage().resize_(0)
    return tensor


GOOD = {
    "plain": lambda shape, dtype: torch.zeros(shape, dtype=dtype),
    "strided": strided,
    "transposed": transposed,
    "negated": negated,
    "leaf": leaf,
    "view of a leaf": lambda shape, dtype: leaf((3, *shape), dtype)[1],
    "inner": lambda shape, dtype: leaf(shape, dtype).clone(),
    "inference": inference,
    "meta": lambda shape, dtype: torch.zeros(shape, dtype=dtype, device="meta"),
}
BAD = {
    "expanded": lambda shape, dtype: torch.zeros((), dtype=dtype).expand((2, *shape)),
    "freed": freed,
    "sparse": lambda shape, dtype: torch.ones((2, *shape)).to_sparse(),
    "nested": lambda shape, dtype: torch.nested.nested_tensor([torch.zeros(shape)]),
}
FLOAT8 = [torch.float8_e4m3fn, torch.float8_e5m2]
DRAWN = [torch.float16, torch.bfloat16, torch.float32, torch.float64, *FLOAT8]
OTHERS = [torch.int32, torch.bool, torch.complex64, torch.float8_e4m3fnuz]


@st.composite
def tensors(draw, kinds, dtypes, axes=0):
    """A tensor whose elements, and whatever else is in its memory, are no numbers."""
    kind, shape = (
        draw(st.sampled_from(sorted(kinds))),
        draw(st.lists(st.integers(0, 4), max_size=3)),
    )
    shape = [2] * (axes - len(shape)) + shape
    tensor = kinds[kind](shape, draw(st.sampled_from(dtypes)))
    if not tensor.is_meta and not tensor.is_sparse:
        tensor.untyped_storage().fill_(255)
    return tensor


def memory(tensor):
    """All bytes of the memory that a tensor lies in."""
    if tensor.is_meta:
        return b""
    return bytes((tensor._values() if tensor.is_sparse else tensor).untyped_storage())


NUMBERS = [torch.ones(()), torch.ones(2), np.float32(0.5), np.ones(2), 1j, 2**9999, torch.float32]
PLAUSIBLE = {
    "generator": st.builds(torch.Generator),
    "layout": st.sampled_from(["torch", "keras"]),
    "mode": st.sampled_from(["fan_in", "fan_out"]),
    "distribution": st.sampled_from(["normal", "untruncated_normal", "uniform"]),
    "nonlinearity": st.sampled_from(["relu", "leaky_relu", "tanh"]),
    "mean": st.floats(-3, 3),
    "a": st.floats(-3, 0),
    "b": st.floats(1, 4),
    "name": st.text(max_size=3),
    "seed": st.integers(-(2**63), 2**64 - 1) | st.builds(varscale.SeedGenerator, st.integers(0, 9)),
}


ANYTHING = anything | st.sampled_from(NUMBERS)


@st.composite
def arguments(draw, function):
    """Some of a function's arguments beside the tensor."""
    names = list(inspect.signature(function).parameters)[1:]
    names = [name for name in names if draw(st.booleans())]
    if "seed" in names and "generator" in names:
        names.remove(draw(st.sampled_from(["seed", "generator"])))
    return {name: draw(PLAUSIBLE.get(name, st.floats(0.2, 3))) for name in names}


@settings(max_examples=500, deadline=None)
@given(st.data(), st.sampled_from(sorted(OURS)))
def test_what_is_refused_leaves_everything_as_it_was(data, name):
    tensor = data.draw(tensors({**GOOD, **BAD}, [*DRAWN, *OTHERS]))
    given = {"tensor": tensor, **data.draw(arguments(OURS[name]))}
    wrong = data.draw(st.sampled_from([None, "tensor", *inspect.signature(OURS[name]).parameters]))
    if wrong:
        given[wrong] = data.draw(anything if wrong == "tensor" else ANYTHING)
    before = memory(tensor)
    try:
        OURS[name](**given)
    except REFUSALS:
        assert memory(tensor) == before
    except RuntimeError as error:
        # As torch, where a tensor cannot be written to, or is not one number.
        assert re.search("memory|inference|Scalar", str(error))
        assert memory(tensor) == before
    else:
        assert wrong != "tensor" and tensor.dtype in DRAWN
        assert not tensor.is_inference() or tensor.numel() == 0
        assert tensor.is_meta or tensor.double().isfinite().all()


@settings(max_examples=500, deadline=None)
@given(st.data(), st.sampled_from(sorted(OURS)))
def test_what_is_right_is_drawn_and_nothing_beside_it(data, name):
    axes = 2 if name.startswith(("xavier", "kaiming", "orthogonal")) else 0
    tensor = data.draw(tensors(GOOD, DRAWN, axes))
    given = data.draw(arguments(OURS[name]))
    given |= {"seed": 5} if "generator" not in given else {}
    before, values = memory(tensor), tensor.detach().clone()
    with torch.inference_mode(tensor.is_inference()):
        assert OURS[name](tensor, **given) is tensor
    assert tensor.is_meta or tensor.double().isfinite().all()
    if not tensor.is_meta and type(given.get("seed")) is int:
        expected = OURS[name](torch.empty(tensor.shape, dtype=tensor.dtype), **given)
        assert torch.equal(tensor.double(), expected.double())
    with torch.inference_mode(tensor.is_inference()):
        tensor.detach().copy_(values)
    assert memory(tensor) == before


@pytest.mark.parametrize("kind", BAD)
def test_tensors_without_a_place_for_each_value_are_refused(kind):
    for function in OURS.values():
        tensor = BAD[kind]([2, 3], torch.float32)
        with pytest.raises((ValueError, RuntimeError), match="memory|dense"):
            function(tensor)


RULES = [
    {"match": "*.bias", "initializer": "zeros"},
    {"match": "0.weight", "initializer": {"class_name": "RandomNormal", "config": {"seed": 3}}},
    {"match": "*", "initializer": "uniform"},
]
keys = st.sampled_from(["match", "initializer", "layout", "dtype", "seed", "typo"])
PLAIN = {"rules": RULES, "seed": 5, "layout": "torch", "device": "cpu"}


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["cpu", "meta"]),
    st.sampled_from([0, 0, 1]),
    st.dictionaries(st.sampled_from(sorted(PLAIN)), anything, max_size=1),
    st.dictionaries(keys, anything, max_size=1),
    st.sampled_from(["cpu", "cpu", "meta", "cuda:99"]),
)
def test_a_module_is_initialized_or_left_as_it_was(where, shared, wrong, rule, device):
    with torch.device(where):
        module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
        if shared:
            module[0].bias = torch.nn.Parameter(torch.ones(()).expand(2))
    given = {**PLAIN, "rules": [*RULES[:1], {**RULES[1], **rule}, *RULES[2:]], "device": device}
    tensors = list(module.state_dict(keep_vars=True).values())
    before = [memory(tensor) for tensor in tensors]
    try:
        varscale.torch.init_module_(module, **{**given, **wrong})
    except (*REFUSALS, RuntimeError):
        after = module.state_dict(keep_vars=True).values()
        assert list(map(id, after)) == list(map(id, tensors))
        assert [memory(tensor) for tensor in tensors] == before
    else:
        assert not shared
        assert all(tensor.isfinite().all() for tensor in module.state_dict().values())
