"""Specs of pytrees, and what is none."""

import collections
import dataclasses
import sys
import types

import numpy as np
import pytest

import varscale

try:
    import keras

    import varscale.keras
except ImportError:
    keras = None


def test_specs_of_pytrees():
    tree = {"a": [np.zeros((2, 3), "float16"), None], "b": {"c": np.zeros((), "float64")}}
    assert varscale.spec(tree) == {
        "a/0": {"dtype": "float16", "shape": [2, 3]},
        "b/c": {"dtype": "float64", "shape": []},
    }


LISTED = []
LISTED.append(LISTED)


@pytest.mark.parametrize("with_jax", [False, True])
@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        ({}, TypeError, "pytree of arrays"),
        (None, TypeError, "pytree of arrays"),
        (3, TypeError, "The model is no array"),
        ([object()], TypeError, "0 is no array: <class 'object'>"),
        ({"a": {"b": 3.0}}, TypeError, "a/b is no array: <class 'float'>"),
        ({"a": "text"}, TypeError, "a is no array"),
        ({"a": {1, 2}}, TypeError, "a is no array"),
        ({"a": (x for x in ())}, TypeError, "a is no array"),
        ({"a": types.MappingProxyType({})}, TypeError, "a is no array"),
        ({"a": LISTED}, ValueError, "holds itself"),
        ({"a": types.SimpleNamespace(shape=(None, 3), dtype="float32")}, ValueError, "a has the"),
        (type("Old", (), {"__module__": "tf_keras.src"})(), TypeError, "tf_keras are not read"),
    ],
)
def test_what_is_no_model_is_refused(model, error, message, with_jax, monkeypatch):
    """Never left out, whether JAX is there or not."""
    if with_jax:
        pytest.importorskip("jax")
    else:
        monkeypatch.delitem(sys.modules, "jax", raising=False)
    trees = [model, {"w": np.zeros(2), **model}] if isinstance(model, dict) and model else [model]
    for tree in trees:
        with pytest.raises(error, match=message):
            varscale.spec(tree)


def test_modules_in_pytrees_are_no_arrays():
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match="enc is no array"):
        varscale.spec({"enc": torch.nn.Linear(2, 3), "w": torch.zeros(2)})


@pytest.mark.parametrize(
    ("dtype", "name"),
    [
        (np.dtype(">f4"), "float32"),
        (">f2", "float16"),
        ("float32", "float32"),
        ("bfloat16", "bfloat16"),
        (np.float64, "float64"),
        (float, "float64"),
        (np.dtype(">i8"), "int64"),
        (lambda: varscale._arguments.dtype_of("bfloat16"), "bfloat16"),
        (lambda: varscale._arguments.dtype_of("bfloat16").newbyteorder(">"), "bfloat16"),
        (lambda: varscale._arguments.dtype_of("bfloat16").type, "bfloat16"),
        (lambda: pytest.importorskip("tensorflow").bfloat16, "bfloat16"),
        (lambda: pytest.importorskip("tensorflow").Variable([1.0]).dtype, "float32"),
        (lambda: pytest.importorskip("torch").float16, "float16"),
        (lambda: pytest.importorskip("jax.numpy").bfloat16, "bfloat16"),
    ],
)
def test_dtypes_of_arrays_are_named(dtype, name):
    dtype = dtype() if isinstance(dtype, types.FunctionType) else dtype
    tensor = types.SimpleNamespace(shape=(1,), dtype=dtype)
    assert varscale.spec({"w": tensor})["w"]["dtype"] == name


Pair = collections.namedtuple("Pair", ["first", "second"])


@pytest.mark.parametrize(
    ("tree", "places"),
    [
        (lambda x: {"a/b": x, "a": {"b": x}}, ["['a/b']", "['a']['b']"]),
        (lambda x: {1: x, "1": x}, ["[1]", "['1']"]),
        (lambda x: {"layers": [x], "layers/0": x}, ["['layers'][0]", "['layers/0']"]),
        (lambda x: {"a": (x, x), "a/1": x, "a/0": x}, ["['a'][0]", "['a/1']"]),
        (lambda x: {"a": Pair(x, x), "a/0": x}, ["['a'][0]", "['a/0']"]),
        (lambda x: {None: x, "None": {"": x}, "None/": x}, ["['None']['']", "['None/']"]),
    ],
)
def test_names_that_two_tensors_would_have(tree, places):
    with pytest.raises(ValueError, match="a name of its own") as refusal:
        varscale.spec(tree(np.zeros(2)))
    assert all(place in str(refusal.value) for place in places)


def test_nodes_of_jax_collide_too():
    jax = pytest.importorskip("jax")

    @jax.tree_util.register_dataclass
    @dataclasses.dataclass
    class Layer:
        kernel: object

    with pytest.raises(ValueError, match=r"'a/kernel' \(\['a'\]\.kernel, \['a/kernel'\]\)"):
        varscale.spec({"a": Layer(np.zeros(2)), "a/kernel": np.zeros(3)})
