"""What Triton's interpreter draws on the CPU; run by test_triton.py with TRITON_INTERPRET=1."""

import contextlib
import itertools
import warnings

import numpy as np
import pytest
import torch
import triton.language as tl

import varscale.torch
from varscale import _torch, _torch_device, _triton, _triton_exact
from varscale._core import Scheme
from varscale._device_verification import native_of, verify

CPU = torch.device("cpu")
LAWS = [
    ("RandomUniform", -0.3, 0.3),
    ("RandomUniform", 0.0, 1.0),
    ("TruncatedNormal", 0.0, 0.02),
    ("TruncatedNormal", 0.5, 0.02),
    ("RandomNormal", 0.0, 1e-3),
    ("TruncatedNormal", 0.0, 1.0, None, None, -0.1, 0.7),
    ("TruncatedNormal", -1.0, 0.5, None, None, 1.0, 3.0),
    ("TruncatedNormal", 0.0, 1.0, None, None, -9.0, 0.5),
]
DTYPES = [torch.float32, torch.bfloat16, torch.float16]


@pytest.fixture(params=["direct", "isolated"])
def form(request, monkeypatch):
    monkeypatch.setattr(_triton, "isolated", lambda: request.param == "isolated")
    return request.param


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Programs that draw as much as the interpreter is quick at."""
    monkeypatch.setattr(_triton, "_COUNTERS", 1 << 11)


@pytest.fixture
def gpu(monkeypatch):
    """The CPU in the place of a GPU that draws itself."""
    monkeypatch.setattr(_torch_device, "GPUS", {"cpu"})
    monkeypatch.setattr(_triton, "_tried", {})


def draw_of(scheme, shape, stream="native", seed=7):
    return Scheme(*scheme).draw(shape, seed, stream, name="é")


def bits(tensor):
    if isinstance(tensor, np.ndarray):
        return torch.from_numpy(tensor.reshape(-1).view("i2"))
    return tensor.reshape(-1).view(torch.int16)


def expected(draw, dtype, offset, extent):
    return draw.array(str(dtype).removeprefix("torch."), offset, extent)


def test_every_function_has_the_bits_of_the_cpu(form, monkeypatch):
    monkeypatch.setattr(_triton, "_COUNTERS", 1 << 13)
    found = verify(_triton.Gpu(CPU), 1 << 15)
    assert found.exact, found
    assert found.checked > 1_200_000


def moved(x, units):
    """Off by up to so many units in the last place."""
    values = x.handle.data
    off = (np.arange(values.size) * 2654435761 >> 16) % (2 * units + 1) - units
    x.handle.data = (values.view(np.int32) + off.reshape(values.shape)).astype(np.int32)
    x.handle.data = x.handle.data.view(np.float32)
    return x


@pytest.mark.parametrize(("units", "exact"), [(2, True), (3, False)])
def test_guesses_may_be_two_units_off(units, exact, monkeypatch):
    monkeypatch.setattr(_triton, "isolated", lambda: True)
    monkeypatch.setattr(_triton_exact, "guessed_quotient", lambda x, y: moved(x / y, units))
    monkeypatch.setattr(_triton_exact, "guessed_root", lambda x: moved(tl.sqrt(x), units))
    words = np.arange(1 << 14, dtype=np.uint32) * np.uint32(0x9E37_79B9)
    for scheme in [LAWS[2], LAWS[4], LAWS[5], LAWS[7]]:
        transform = native_of(draw_of(scheme, (1,)))[1]
        values = _triton.Gpu(CPU).values(transform, words)
        assert np.array_equal(values, transform.values(words)) == exact


BOXES = [
    ((), (), ()),
    ((1,), (0,), (1,)),
    ((20_000,), (0,), (20_000,)),
    ((20_000,), (8192,), (9000,)),
    ((20_000,), (8199,), (8198,)),
    ((3, 4, 5), (1, 2, 1), (2, 2, 3)),
    ((3, 4, 5), (0, 2, 0), (3, 1, 5)),
    ((3, 4, 5), (0, 0, 4), (3, 4, 1)),
    ((60, 70), (7, 3), (50, 2)),
    ((60, 70), (7, 0), (50, 70)),
    ((9, 5, 1, 4, 3), (2, 1, 0, 1, 0), (5, 2, 1, 2, 3)),
    # Beyond 2^32 and 2^34 indices.
    ((1 << 17, 1 << 15), ((1 << 17) - 3, 1), (3, 1000)),
    ((1 << 36,), ((1 << 34) - 5,), (4000,)),
    ((1 << 36,), ((1 << 36) - 4000,), (4000,)),
]


@pytest.mark.parametrize(("shape", "offset", "extent"), BOXES)
def test_boxes(shape, offset, extent, form):
    # Every law and dtype has its turn, on other boxes.
    cases = list(itertools.product(LAWS, DTYPES))
    turn = BOXES.index((shape, offset, extent))
    for scheme, dtype in cases[turn % 7 :: 7]:
        draw = draw_of(scheme, shape)
        out = torch.empty(extent, dtype=dtype)
        _triton.device_draw(draw, out).fill(out, offset)
        assert torch.equal(bits(out), bits(expected(draw, dtype, offset, extent))), (scheme, dtype)


def test_keys_and_calls_of_any_sign():
    for seed in [0, 2**63 + 5, 12345, varscale.SeedGenerator(7, counter=2**31 + 1)]:
        draw = draw_of(("TruncatedNormal", 0.0, 1.0), (300,), seed=seed)
        out = torch.empty(300)
        _triton.device_draw(draw, out).fill(out, (0,))
        assert torch.equal(bits(out), bits(expected(draw, torch.float32, (0,), (300,))))


TARGETS = {
    "contiguous": lambda dtype: torch.zeros(70, 50, dtype=dtype),
    "a part": lambda dtype: torch.zeros(80, 50, dtype=dtype)[3:73],
    "unaligned": lambda dtype: torch.zeros(3501, dtype=dtype)[1:].view(70, 50),
    "transposed": lambda dtype: torch.zeros(50, 70, dtype=dtype).T,
    "strided": lambda dtype: torch.zeros(140, 100, dtype=dtype)[::2, 1::2],
    "negated": lambda dtype: torch._neg_view(torch.zeros(70, 50, dtype=dtype)),
    "a parameter": lambda dtype: torch.nn.Parameter(torch.zeros(70, 50, dtype=dtype)),
}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_tensors_are_filled_on_the_device(target, dtype, gpu, monkeypatch):
    draw = draw_of(("RandomNormal", 0.0, 0.5), (100, 50))
    tensor = TARGETS[target](dtype)
    want = expected(draw, dtype, (20, 0), (70, 50))
    _triton.device_draw(draw, tensor)
    # Nothing is drawn here any more.
    monkeypatch.setattr(_torch, "from_numpy", None)
    monkeypatch.setattr(_torch._fill, "_BLOCK", 1000)
    with torch.no_grad():
        _torch._fill_elsewhere(tensor, draw, (20, 0))
        assert torch.equal(bits(tensor.resolve_neg().detach().clone()), bits(want))


@pytest.mark.parametrize(
    ("scheme", "dtype", "stream"),
    [
        (("RandomNormal", 0.0, 1.0), torch.float64, "native"),
        (("RandomNormal", 0.0, 1.0), torch.float8_e5m2, "native"),
        (("RandomNormal", 0.0, 1e-30), torch.float32, "native"),
        (("RandomUniform", 0.5, 0.5), torch.float32, "native"),
        (("LogUniform", 0.001, 0.1), torch.float32, "native"),
        (("Orthogonal", 1.0), torch.float32, "native"),
        (("Constant", 2.0), torch.float32, "native"),
        (("TruncatedNormal", 0.0, 1.0), torch.float32, "keras-torch"),
    ],
)
def test_the_rest_is_drawn_on_the_host(scheme, dtype, stream, gpu):
    draw = draw_of(scheme, (30, 20), stream)
    tensor = torch.zeros(30, 20, dtype=dtype)
    assert _torch_device.drawn(tensor, draw) is None
    _torch._fill_elsewhere(tensor, draw, (0, 0))
    want = _torch.from_numpy(expected(draw, dtype, (0, 0), (30, 20)))
    assert torch.equal(tensor.double(), want.double())


def test_what_overflows_is_refused(gpu):
    with pytest.raises(ValueError, match="float16"):
        _torch_device.drawn(
            torch.zeros(3, dtype=torch.float16), draw_of(("RandomNormal", 0.0, 1e6), (3,))
        )


def failing(*arguments, **options):
    raise RuntimeError("no compiler")


def other(kernel, drawn, out, /, **arguments):
    out.zero_()


@pytest.mark.parametrize(
    ("launch", "said"), [(failing, "RuntimeError: no compiler"), (other, "varscale.torch.verify")]
)
def test_a_device_that_fails_gets_copies_and_says_so_once(launch, said, gpu, monkeypatch):
    monkeypatch.setattr(_triton, "_launch", launch)
    draw = draw_of(("RandomUniform", -1.0, 1.0), (300, 70))
    for warned in [pytest.warns(RuntimeWarning, match=said), contextlib.nullcontext()]:
        tensor = torch.zeros(300, 70)
        with warned, warnings.catch_warnings():
            if isinstance(warned, contextlib.nullcontext):
                warnings.simplefilter("error")
            _torch._fill_elsewhere(tensor, draw, (0, 0))
        want = expected(draw, torch.float32, (0, 0), (300, 70))
        assert torch.equal(bits(tensor), bits(want))


def test_verify(gpu):
    found = varscale.torch.verify("cpu", every=1 << 20)
    assert found and found.device == "cpu" and found.every == 1 << 20
