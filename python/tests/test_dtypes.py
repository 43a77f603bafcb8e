"""Dtypes of every kind that NumPy and the frameworks have, in any byte order and any memory."""

import importlib

import ml_dtypes
import numpy as np
import pytest

import varscale

FLOAT8 = [ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2]
NATIVE = [np.dtype(name) for name in ["f2", ml_dtypes.bfloat16, "f4", "f8", *FLOAT8]]
ORDERS = ["<", ">", "="]
SHAPE = (5, 7)
INITIALIZERS = [
    varscale.HeNormal(1),
    varscale.RandomUniform(-1, 1, 2),
    varscale.RandomNormal(0.5, 1, 3, stream="keras-torch"),
    varscale.Ones(),
    varscale.Constant(-1.5),
    varscale.Identity(),
]
# No framework's stream has values of 8 bits.
DRAWN = [
    pytest.param(initializer, native, id=f"{initializer!r} {native}")
    for initializer in INITIALIZERS
    for native in NATIVE
    if native.itemsize > 1 or getattr(initializer, "stream", "native") == "native"
]


def same(values, expected, dtype):
    """Whether values are these, in this dtype: bits included, and as numbers."""
    native = np.ascontiguousarray(values)
    if not dtype.isnative:
        native = native.view(f"u{dtype.itemsize}").byteswap().view(expected.dtype)
    equal = np.asarray(values, "f8").tolist() == np.asarray(expected, "f8").tolist()
    return values.dtype == dtype and native.tobytes() == expected.tobytes() and equal


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("initializer", "native"), DRAWN)
def test_calls_in_any_byte_order(initializer, native, order):
    dtype = native.newbyteorder(order)
    for shape, box in [(SHAPE, None), (SHAPE, np.s_[2:5, 1:]), (SHAPE, np.s_[3:3]), ((1, 1), None)]:
        expected = initializer(shape, native, slice=box)
        assert same(initializer(shape, dtype, slice=box), expected, dtype)


def strided(dtype):
    """Arrays of a shape in memory of every kind."""
    yield np.empty(SHAPE, dtype)
    yield np.empty(SHAPE, dtype, order="F")
    yield np.empty((10, 21), dtype)[::-2, ::3]
    yield np.empty(SHAPE[::-1], dtype).T
    yield np.empty((*SHAPE, 2), dtype)[..., 1]
    unaligned = np.empty(1 + 35 * dtype.itemsize, "u1")[1:]
    yield unaligned.view(dtype).reshape(SHAPE)
    records = np.empty(SHAPE, [("flag", "u1"), ("weight", dtype)])
    yield records["weight"]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("initializer", "native"), DRAWN)
def test_filling_in_any_byte_order(initializer, native, order):
    dtype = native.newbyteorder(order)
    expected = initializer(SHAPE, native)
    for array in strided(dtype):
        assert initializer.fill_(array) is array
        assert same(array, expected, dtype), array.strides
    part = np.empty((2, 7), dtype)
    initializer.fill_(part, shape=SHAPE, slice=np.s_[1:3])
    assert same(part, expected[1:3], dtype)
    scalar = np.empty((), dtype)
    if not isinstance(initializer, varscale.Identity):
        assert same(initializer.fill_(scalar), initializer((), native), dtype)


def framework(module, name):
    try:
        return getattr(importlib.import_module(module), name)
    except ImportError:
        return None


FLOAT16 = ["float16", "f2", "=f2", "<f2", "half", np.half, np.float16, np.dtype("e")]
FLOAT32 = ["float32", "f4", "=f4", "<f4", "single", np.single, np.float32, np.dtype("f"), "f"]
FLOAT32 += [np.float32(3), framework("jax.numpy", "float32"), framework("torch", "float32")]
FLOAT64 = ["float64", "f8", "d", "double", float, "float", np.double, framework("torch", "double")]
BFLOAT16 = ["bfloat16", ml_dtypes.bfloat16, np.dtype(ml_dtypes.bfloat16)]
BFLOAT16 += [framework("jax.numpy", "bfloat16"), framework("torch", "bfloat16")]
NAMED8 = [
    [kind.__name__, kind, np.dtype(kind)]
    + [framework(module, kind.__name__) for module in ("jax.numpy", "torch")]
    for kind in FLOAT8
]


@pytest.mark.parametrize(
    ("named", "expected"),
    list(zip([FLOAT16, BFLOAT16, FLOAT32, FLOAT64, *NAMED8], NATIVE, strict=True)),
)
def test_what_names_a_dtype(named, expected):
    for dtype in filter(None, named):
        values = varscale.HeNormal(1)(SHAPE, dtype)
        assert values.dtype == expected and values.dtype.isnative
        assert values.tobytes() == varscale.HeNormal(1)(SHAPE, np.dtype(expected)).tobytes()
        try:
            varscale.set_floatx(dtype)
            assert varscale.HeNormal(1)(SHAPE).dtype == expected
        finally:
            varscale.set_floatx("float32")


OTHERS = {
    "int32": "int32",
    np.int8: "int8",
    int: "int",
    bool: "bool",
    complex: "complex",
    object: "object",
    np.dtype("c8"): "complex64",
    "longdouble": "longdouble",
    np.longdouble: "longdouble",
    "O": "O",
    "S4": "S4",
    "M8[s]": "M8",
    "f3": "f3",
    "": "",
    3: "3",
    np.dtype("f4,f4"): "f0",
    "(2,)f4": "",
    ml_dtypes.float8_e4m3: "float8_e4m3",
    framework("torch", "float8_e4m3fnuz"): "torch.float8_e4m3fnuz",
    framework("torch", "int8"): "torch.int8",
    framework("jax.numpy", "int8"): "int8",
}


@pytest.mark.parametrize("dtype", [dtype for dtype in OTHERS if dtype is not None], ids=repr)
def test_other_dtypes_are_refused_as_they_were_written(dtype):
    message = f'dtype .*{OTHERS[dtype]}.*: it must be one of "float16", "bfloat16", "float32", '
    message = message.replace("[", r"\[")
    with pytest.raises(ValueError, match=message):
        varscale.HeNormal(1)(SHAPE, dtype)
    with pytest.raises(ValueError, match=message):
        varscale.set_floatx(dtype)
    try:
        array = np.empty(SHAPE, dtype)
    except TypeError:
        return
    if array.shape == SHAPE:
        with pytest.raises(ValueError, match="dtype .*: it must be one of"):
            varscale.HeNormal(1).fill_(array)
