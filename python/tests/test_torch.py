"""torch's initializers, in place."""

import contextlib
import math
import re

import numpy as np
import pytest
from scipy import stats

import varscale

try:
    import torch

    import varscale.torch
    from varscale import _torch
except ImportError:
    torch = None

pytestmark = pytest.mark.skipif(torch is None, reason="PyTorch is not installed")

NAMES = [
    "uniform_",
    "normal_",
    "trunc_normal_",
    "xavier_uniform_",
    "xavier_normal_",
    "kaiming_uniform_",
    "kaiming_normal_",
]
DTYPES = ["float16", "bfloat16", "float32", "float64", "float8_e4m3fn", "float8_e5m2"]


def equal(one, other):
    """As torch.equal, which has no dtypes of 8 bits."""
    return one.dtype == other.dtype and torch.equal(one.double(), other.double())


@pytest.fixture(params=["cpu", "cuda"])
def device(request):
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("There is no CUDA device")
    return request.param


@pytest.mark.parametrize("name", [*NAMES, "variance_scaling_"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_strided_tensors_get_the_same_values(name, dtype, device):
    function, kind = getattr(varscale.torch, name), getattr(torch, dtype)
    plain = function(torch.empty(40, 30, dtype=kind), seed=7)
    base = torch.zeros(100, 100, dtype=kind, device=device)
    for strided in [base[10:50, 10:40], base[:80:2, :90:3], base[:30, :40].t()]:
        assert function(strided, seed=7) is strided
        assert equal(strided.cpu(), plain)
    assert not base[60:, 95:].double().any()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(300, 200), (64, 3, 50, 20)])
def test_moments_are_torchs(name, shape):
    torch.manual_seed(0)
    ours = getattr(varscale.torch, name)(torch.empty(shape), seed=1)
    theirs = getattr(torch.nn.init, name)(torch.empty(shape))
    assert float(ours.std()) == pytest.approx(float(theirs.std()), rel=0.02)
    assert float(ours.mean()) == pytest.approx(float(theirs.mean()), abs=0.02 * float(theirs.std()))


@pytest.mark.parametrize("dtype", DTYPES)
def test_values_are_the_packages(dtype):
    values = varscale.torch.variance_scaling_(
        torch.empty(64, 3, 7, 7, dtype=getattr(torch, dtype)), 2.0, seed=3, name="conv1"
    )
    expected = varscale.HeNormal(3)((64, 3, 7, 7), dtype, name="conv1", layout="torch")
    assert _torch.to_numpy(values).tobytes() == expected.tobytes()


@pytest.mark.parametrize("std", [2.0**-126, 2.0**-1022])
def test_threads_that_flush_subnormal_numbers_draw_the_same(std):
    def drawn():
        # So few that the calling thread draws them.
        tensor = torch.empty(60, 50, dtype=torch.float32 if std > 1e-40 else torch.float64)
        return varscale.torch.normal_(tensor, 0.0, std, seed=1).numpy().tobytes()

    expected = drawn()
    assert torch.set_flush_denormal(True)
    try:
        found = drawn()
    finally:
        torch.set_flush_denormal(False)
    assert found == expected


@pytest.mark.parametrize(
    ("mean", "std", "a", "b"),
    [
        (0.0, 1.0, -2.0, 2.0),
        (0.0, 0.02, -0.04, 0.04),
        (0.0, 0.02, -2.0, 2.0),
        (0.0, 0.02, -0.06, 0.06),
        (0.5, 1.0, -1.0, 0.7),
        (0.0, 1.0, 1.0, 1.5),
        (0.0, 1.0, -np.inf, 0.5),
        (0.0, 1.0, 4.0, 5.0),
        (1.0, 0.1, -0.4, 0.1),
        (0.0, 1.0, 37.0, np.inf),
    ],
)
def test_truncation_is_what_it_says(mean, std, a, b):
    far = a > mean + 2 * std or b < mean - 2 * std
    tensor = torch.empty(200, 250, dtype=torch.float64)
    with pytest.warns(UserWarning, match="tail") if far else contextlib.nullcontext():
        varscale.torch.trunc_normal_(tensor, mean, std, a, b, seed=5)
    values = tensor.numpy().ravel()
    assert np.isfinite(values).all()
    assert a <= values.min() and values.max() <= b
    law = stats.truncnorm((a - mean) / std, (b - mean) / std, mean, std)
    assert stats.kstest(values, law.cdf).pvalue > 1e-4
    half = torch.empty(200, 250, dtype=torch.bfloat16)
    with pytest.warns(UserWarning, match="tail") if far else contextlib.nullcontext():
        varscale.torch.trunc_normal_(half, mean, std, a, b, seed=5)
    assert a <= half.double().min() and half.double().max() <= b


def test_bounds_hold_around_any_mean():
    # In float32, the mean and the deviation are rounded, and then their sum.
    mean, std = 76.49580016637154, 0.08477354442440296
    a, b = mean - 2 * std, mean + 2 * std
    tensor = varscale.torch.trunc_normal_(torch.empty(200_000), mean, std, a, b, seed=21)
    assert a <= tensor.double().min() and tensor.double().max() <= b


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("std", "a", "b"),
    [
        (0.02, -0.04, 0.04),
        (0.1, -0.2, 0.2),
        (1.0, -0.06, 0.06),
        (0.02, -0.06, 0.06),
        (1.0, 0.1, 0.7),
        (1.0, -0.7, -0.1),
        (1.0, -np.inf, 0.06),
        (0.01, -0.1, np.inf),
        (1.0, -1 / 3, 0.3),
    ],
)
def test_bounds_that_a_user_gives_are_never_passed(dtype, std, a, b):
    kind = getattr(torch, dtype)
    drawn = [varscale.torch.trunc_normal_(torch.empty(300_000, dtype=kind), 0, std, a, b, seed=2)]
    if np.isfinite([a, b]).all():
        drawn.append(varscale.torch.uniform_(torch.empty(300_000, dtype=kind), a, b, seed=2))
    for tensor in drawn:
        assert a <= float(tensor.double().min()) and float(tensor.double().max()) <= b
        assert tensor.itemsize >= 4 or tensor.double().unique().numel() > 10 * tensor.itemsize**2
    # Only what was outside has changed.
    if b == -a == 2 * std:
        law = varscale.TruncatedNormal(0, std, 2)((300_000,), dtype)
        expected = _torch.from_numpy(law)
        inside = expected.double().abs() <= b
        assert equal(drawn[0][inside], expected[inside])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("mean", "std", "a", "b"),
    [
        (0, 1, -math.inf, math.inf),
        (0, 1, -1e300, 1e300),
        (0, 1, -1e300, 0.5),
        (0, 1, 2, 2),
        (0, 0, -1, 1),
        (0, 1e-30, -2, 2),
        (0, 1e-320, -2, 2),
        (0, 1e30, -2, 2),
        (0, 1e300, -2, 2),
        (0, 1e300, -1e300, 1e300),
        (1e9, 1e9, -2, 2),
        (1e40, 1e40, -2, 2),
        (1e4, 1, 9998, 10002),
        (0, 1, 1e-9, 2e-9),
        (0, 1, 0.3, 0.3000001),
        (0, 1, 37, 38),
        (0, 300, -1000, 440),
        (0, 1, -(10**300), True),
    ],
)
@pytest.mark.filterwarnings("ignore:mean is more than 2 std")
def test_numbers_of_every_size_are_drawn_or_refused(dtype, mean, std, a, b):
    tensor = torch.zeros(5000, dtype=getattr(torch, dtype))
    try:
        varscale.torch.trunc_normal_(tensor, mean, std, a, b, seed=1)
    except ValueError as error:
        assert re.search("overflow|are all 0|lies between|rounding", str(error))
        assert not tensor.double().any()
    else:
        values = tensor.double()
        assert a <= float(values.min()) and float(values.max()) <= b
        assert tensor.itemsize < 4 or a == b or std == 0 or values.unique().numel() > 1


@pytest.mark.parametrize(
    "call",
    [
        lambda tensor: varscale.torch.uniform_(tensor, 0.0601, 0.0602),
        lambda tensor: varscale.torch.trunc_normal_(tensor, 0, 1, 0.0601, 0.0602),
    ],
)
def test_bounds_between_two_values_of_the_dtype_are_refused(call):
    assert call(torch.empty(9)).isfinite().all()
    with pytest.raises(ValueError, match="(?i)no bfloat16 lies between .*0.0601"):
        call(torch.empty(9, dtype=torch.bfloat16))


def test_laws_that_cut_at_two_deviations_keep_their_bound():
    tensor = torch.empty(1000, 1000, dtype=torch.bfloat16)
    for scale in [0.3, 2.0]:
        bound = 2 * math.sqrt(scale / 1000) / 0.87962566103423978
        varscale.torch.variance_scaling_(tensor, scale, seed=1)
        assert tensor.max() == torch.tensor(bound).bfloat16()


def test_seeds_and_generators():
    def draw(**arguments):
        return varscale.torch.normal_(torch.empty(9), **arguments)

    assert torch.equal(draw(seed=1), draw(seed=np.int64(1)))
    assert not torch.equal(draw(seed=1), draw(seed=2))
    assert not torch.equal(draw(seed=1), draw(seed=1, name="w"))
    torch.manual_seed(3)
    first, second = draw(), draw()
    torch.manual_seed(3)
    assert torch.equal(draw(), first) and torch.equal(draw(), second)
    assert not torch.equal(first, second)
    generator = torch.Generator().manual_seed(3)
    assert torch.equal(draw(generator=generator), first)
    shared = varscale.SeedGenerator(3)
    assert not torch.equal(draw(seed=shared), draw(seed=shared))
    with pytest.raises(ValueError, match="not both"):
        draw(seed=1, generator=generator)


def test_parameters_and_autograd():
    layer = torch.nn.Linear(4, 3)
    version = layer.weight._version
    varscale.torch.kaiming_normal_(layer.weight, seed=1)
    assert layer.weight.requires_grad and layer.weight.grad_fn is None
    assert layer.weight._version > version
    meta = torch.empty(3, 3, device="meta")
    assert varscale.torch.normal_(meta) is meta


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: varscale.torch.normal_(torch.empty(3, dtype=torch.int32)), ValueError, "int32"),
        (lambda: varscale.torch.normal_(torch.empty(3), std=-1.0), ValueError, "`std` .*: -1.0"),
        (lambda: varscale.torch.uniform_(torch.empty(3), 1, 0), ValueError, "a=1, b=0"),
        (lambda: varscale.torch.trunc_normal_(torch.empty(3), a=1, b=0), ValueError, "at most `b`"),
        (
            lambda: varscale.torch.trunc_normal_(torch.empty(3), a=40, b=41),
            ValueError,
            "no probability is left",
        ),
        (
            lambda: varscale.torch.trunc_normal_(torch.empty(3), 3, 0, 0, 1),
            ValueError,
            "`mean` must be between `a` and `b`",
        ),
        (
            lambda: varscale.torch.trunc_normal_(torch.empty(3).half(), std=1e5, a=-1e5, b=1e5),
            ValueError,
            "overflow float16",
        ),
        (lambda: varscale.torch.uniform_(torch.empty(3), b=np.inf), ValueError, "`b` .*: inf"),
        (lambda: varscale.torch.normal_(torch.empty(3), np.nan), ValueError, "`mean` .*: nan"),
        (lambda: varscale.torch.trunc_normal_(torch.empty(3), std=-1), ValueError, "`std` .*: -1"),
        (lambda: varscale.torch.xavier_normal_(torch.empty(3, 3), -1), ValueError, "`gain` .*: -1"),
        (
            lambda: varscale.torch.kaiming_normal_(torch.empty(3, 3), np.nan),
            ValueError,
            "`a` .*nan",
        ),
        (lambda: varscale.torch.normal_(torch.empty(3), name=None), ValueError, "`name`.*: None"),
        (lambda: varscale.torch.xavier_normal_(torch.empty(3)), ValueError, "2 dimensions"),
        (lambda: varscale.torch.xavier_uniform_(torch.empty(3, 3), 1j), TypeError, "`gain`"),
        (lambda: varscale.torch.xavier_uniform_(torch.empty(3, 3), -1), ValueError, "at least"),
        (lambda: varscale.torch.kaiming_normal_(torch.empty(3, 3), mode=0), TypeError, "`mode`"),
        (lambda: varscale.torch.normal_(torch.empty(3), generator=3), TypeError, "`generator`"),
        (lambda: varscale.torch.kaiming_normal_(torch.empty(3, 3), mode="x"), ValueError, "Mode x"),
        (lambda: varscale.torch.normal_(torch.empty(3), seed=1.5), ValueError, "`seed`"),
        (lambda: varscale.torch.normal_(np.empty(3)), TypeError, "torch.Tensor"),
    ],
)
@pytest.mark.filterwarnings("ignore:mean is more than 2 std")
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_every_function_has_an_example():
    for name in [*NAMES, "variance_scaling_", "init_module_"]:
        assert ">>> " in getattr(varscale.torch, name).__doc__


def test_storages_stay_resizable():
    for draw in [varscale.torch.normal_, varscale.torch.trunc_normal_, varscale.torch.uniform_]:
        for dtype in DTYPES:
            tensor = draw(torch.empty(3, dtype=getattr(torch, dtype)), seed=1)
            tensor.resize_(4)
            tensor.untyped_storage().resize_(0)


# Any function, with arguments by place and by name.
CALLS = {
    "uniform_": lambda tensor: varscale.torch.uniform_(tensor, -1, seed=1),
    "normal_": lambda tensor: varscale.torch.normal_(tensor, std=2.0, seed=2**64 - 1, name="w"),
    "trunc_normal_": lambda tensor: varscale.torch.trunc_normal_(tensor, b=1.5, seed=-1),
    "xavier_uniform_": lambda tensor: varscale.torch.xavier_uniform_(tensor=tensor, seed=1),
    "xavier_normal_": lambda tensor: varscale.torch.xavier_normal_(tensor, 2, seed=1),
    "kaiming_uniform_": lambda tensor: varscale.torch.kaiming_uniform_(tensor, a=5**0.5, seed=1),
    "kaiming_normal_": lambda tensor: varscale.torch.kaiming_normal_(tensor, 0, "fan_out", seed=1),
    "orthogonal_": lambda tensor: varscale.torch.orthogonal_(tensor, 2.0, seed=1),
    "variance_scaling_": lambda tensor: varscale.torch.variance_scaling_(
        tensor, 2.0, distribution="uniform", seed=1, layout="keras"
    ),
    "no seed": lambda tensor: varscale.torch.normal_(tensor),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_torch_does_to_functions_of_its_own(name):
    call, shape = CALLS[name], (5, 4)
    torch.manual_seed(1)
    expected = call(torch.empty(shape))

    def compiled(tensor):
        return torch.compile(call, fullgraph=True, backend="aot_eager")(tensor)

    def graph(tensor):
        traced = torch.fx.experimental.proxy_tensor.make_fx(call)(torch.empty(shape))
        torch.manual_seed(1)
        return traced(tensor)

    def looked_at(tensor):
        with torch.utils.flop_counter.FlopCounterMode(display=False):
            return call(tensor)

    for run in [compiled, graph, looked_at]:
        torch.manual_seed(1)
        tensor = torch.empty(shape, requires_grad=run is not graph)
        assert torch.equal(run(tensor), expected) and torch.equal(tensor, expected)
    with torch._subclasses.fake_tensor.FakeTensorMode():
        fake = torch.empty(shape)
        assert call(fake) is fake and call(torch.empty(0, 4)).shape == (0, 4)
    # A fake tensor outside of its mode.
    assert call(fake) is fake

    several, randomness = torch.empty(3, *shape), "error"
    if name == "no seed":
        with pytest.raises(RuntimeError, match="Give one, or `randomness`"):
            torch.vmap(call)(several)
        randomness = "same"
    torch.manual_seed(1)
    for mapped in [
        torch.vmap(call, randomness=randomness)(several),
        torch.vmap(call, 1, 1, randomness=randomness)(several.transpose(0, 1)).transpose(0, 1),
        torch.vmap(torch.vmap(call, randomness=randomness), randomness=randomness)(several[None])[
            0
        ],
    ]:
        assert torch.equal(mapped[0], mapped[2])
        assert name == "no seed" or torch.equal(mapped[0], expected)
    mapped = torch.vmap(call, randomness="different")(several)
    assert torch.equal(mapped[0], mapped[2]) == (name != "no seed")


def test_what_is_wrong_is_refused_where_torch_looks_on():
    with torch._subclasses.fake_tensor.FakeTensorMode():
        with pytest.raises(ValueError, match="2 dimensions"):
            varscale.torch.xavier_normal_(torch.empty(3), seed=1)
        module = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3))
        rules = [{"match": "*", "initializer": "ones"}]
        assert varscale.torch.init_module_(module, rules) is module
    for given, error in [
        ({"seed": varscale.SeedGenerator(1)}, TypeError),
        ({"seed": 2**64}, ValueError),
        ({"seed": 1, "typo": 1.0}, TypeError),
        ({"seed": 1, "std": -1.0}, ValueError),
        ({"seed": 1, "name": 3}, (TypeError, ValueError)),
    ]:
        with pytest.raises(error):
            torch.vmap(lambda tensor, given=given: varscale.torch.normal_(tensor, **given))(
                torch.empty(2, 3)
            )


# Arguments of `normal_` after the tensor, by place and by name.
WRONG = [
    ((0.0,), {"mean": 1.0}),
    ((), {"sd": 1}),
    ((0.0, 1.0, None, 1), {}),
    ((None,), {}),
    ((1j,), {}),
    ((), {"generator": 3}),
]


@pytest.mark.parametrize(("given", "named"), WRONG)
def test_arguments_are_refused_under_vmap_as_elsewhere(given, named):
    def call(tensor):
        return varscale.torch.normal_(tensor, *given, **named)

    for run in [call, torch.vmap(call, randomness="same")]:
        with pytest.raises(TypeError):
            run(torch.empty(2, 3))


@pytest.mark.parametrize("randomness", ["error", "different", "same"])
def test_one_tensor_for_all_under_vmap_is_as_torchs(randomness):
    def run(draw):
        torch.manual_seed(1)
        call = torch.vmap(lambda t: t + draw(torch.empty(3)), randomness=randomness)
        return call(torch.zeros(2, 3))

    if randomness == "same":
        assert torch.equal(*run(varscale.torch.normal_))
    else:
        for draw in [torch.nn.init.normal_, varscale.torch.normal_]:
            with pytest.raises(RuntimeError, match="vmap"):
                run(draw)
    assert torch.equal(*run(lambda tensor: varscale.torch.normal_(tensor, seed=1)))
    nested = torch.vmap(
        torch.vmap(lambda t: varscale.torch.normal_(t), randomness=randomness), randomness="same"
    )
    if randomness == "same":
        assert nested(torch.zeros(2, 2, 3)).any()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CALLS)
def test_traces_of_jit_are_refused(name):
    with pytest.raises(RuntimeError, match="torch.jit.trace does not record"):
        torch.jit.trace(lambda tensor: CALLS[name](torch.empty_like(tensor)), torch.ones(5, 4))


@pytest.mark.filterwarnings("ignore:mean is more than 2 std")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bound", [0.1, -0.3, 5.0, 50.0])
def test_bounds_that_are_one_give_one_value(dtype, bound):
    tensor = torch.empty(9, dtype=getattr(torch, dtype))
    expected = torch.full_like(tensor, bound)
    assert equal(varscale.torch.uniform_(tensor, bound, bound), expected)
    assert equal(varscale.torch.trunc_normal_(tensor, a=bound, b=bound), expected)


def test_every_public_name_of_torchs_module_is_here():
    public = {name for name in dir(torch.nn.init) if not name.startswith("_")}
    assert public <= set(dir(varscale.torch))
    drawn = {name for name in CALLS if hasattr(torch.nn.init, name)}
    for name in torch.nn.init.__all__:
        ours, theirs = getattr(varscale.torch, name), getattr(torch.nn.init, name)
        deprecated = f"{name}_" in drawn
        assert (ours is theirs) == (name not in drawn and not deprecated), name
        if deprecated:
            tensor = torch.empty(3, 3)
            with pytest.warns(FutureWarning, match=f"`nn.init.{name}`"):
                assert ours(tensor, seed=1) is tensor
            assert torch.equal(tensor, getattr(varscale.torch, f"{name}_")(tensor, seed=1))


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (6, 2, 3, 3), (2, 6, 3)], ids=str)
def test_orthogonal(shape):
    tensor = varscale.torch.orthogonal_(torch.empty(shape, dtype=torch.float64), 2, seed=1)
    matrix = tensor.flatten(1)
    matrix = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    identity = torch.eye(len(matrix), dtype=torch.float64)
    assert torch.allclose(matrix @ matrix.T, 4 * identity, atol=1e-13)
    assert varscale.torch.orthogonal_(torch.empty(0, 3), seed=1).shape == (0, 3)
    with pytest.raises(ValueError, match="2 or more"):
        varscale.torch.orthogonal_(torch.empty(3))
