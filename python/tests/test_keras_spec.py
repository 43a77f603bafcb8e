"""Specs of Keras's models, on the active backend: what they say is what Keras draws."""

import functools
import inspect
import json
import random
import re

import numpy as np
import pytest
from layers_of_users import ones
from models import read

import varscale

try:
    import keras
    from keras import layers as L
    from layers_of_users import (
        Assigning,
        AssigningInner,
        Configless,
        Drawing,
        Dressed,
        Forgetful,
        Holder,
        Numbered,
        Plain,
        Scaled,
        Unmakeable,
        Wide,
        Wrapping,
        constant,
    )

    import varscale.keras
except ImportError:
    keras = None

pytestmark = pytest.mark.skipif(keras is None, reason="Keras is not installed")

SEED = 1337

# Every class of Keras that has variables: how it is made, and the shapes of its inputs.
MADE = {
    "AdditiveAttention": [(lambda: L.AdditiveAttention(), [[(2, 5, 6), (2, 7, 6)]])],
    "Attention": [
        (lambda: L.Attention(use_scale=True, score_mode="concat"), [[(2, 5, 6), (2, 7, 6)]])
    ],
    "BatchNormalization": [(lambda: L.BatchNormalization(), (2, 6))],
    "Bidirectional": [(lambda: L.Bidirectional(L.LSTM(3)), (2, 5, 6))],
    "Conv1D": [(lambda: L.Conv1D(4, 3), (2, 8, 6)), (lambda: L.Conv1D(4, 3, groups=2), (2, 8, 6))],
    "Conv1DTranspose": [(lambda: L.Conv1DTranspose(4, 3), (2, 8, 6))],
    "Conv2D": [(lambda: L.Conv2D(4, 3, kernel_initializer="he_normal"), (2, 8, 8, 6))],
    "Conv2DTranspose": [(lambda: L.Conv2DTranspose(4, 3), (2, 8, 8, 6))],
    "Conv3D": [(lambda: L.Conv3D(4, 2), (2, 4, 4, 4, 6))],
    "Conv3DTranspose": [(lambda: L.Conv3DTranspose(4, 2), (2, 4, 4, 4, 6))],
    "ConvLSTM1D": [(lambda: L.ConvLSTM1D(3, 2), (2, 4, 8, 6))],
    "ConvLSTM2D": [(lambda: L.ConvLSTM2D(3, 2), (2, 4, 8, 8, 6))],
    "ConvLSTM3D": [(lambda: L.ConvLSTM3D(3, 2), (2, 4, 4, 4, 4, 6))],
    "Dense": [
        (lambda: L.Dense(4), (2, 6)),
        (lambda: L.Dense(4, bias_initializer=keras.initializers.Constant([1, 2, 3, 4])), (2, 6)),
        (lambda: L.Dense(4, bias_initializer=keras.initializers.Constant(np.ones(4))), (2, 6)),
        (lambda: L.Dense(4, kernel_initializer=keras.initializers.RandomNormal(1, 2)), (2, 6)),
        (lambda: L.Dense(6, kernel_initializer=keras.initializers.Identity(2)), (2, 6)),
        (lambda: L.Dense(4, lora_rank=2), (2, 6)),
        (lambda: L.Dense(4, dtype="mixed_bfloat16"), (2, 6)),
        (lambda: L.Dense(4, activation=lambda x: x), (2, 6)),
    ],
    "DepthwiseConv1D": [(lambda: L.DepthwiseConv1D(3, depth_multiplier=2), (2, 8, 6))],
    "DepthwiseConv2D": [(lambda: L.DepthwiseConv2D(3, depth_multiplier=2), (2, 8, 8, 6))],
    "EinsumDense": [
        (lambda: L.EinsumDense("abc,cde->abde", (5, 8, 4), bias_axes="de"), (2, 5, 6)),
        (
            lambda: L.EinsumDense(
                "abc,cd->abd", (5, 8), kernel_initializer=varscale.keras.HeNormal(stream="keras")
            ),
            (2, 5, 6),
        ),
    ],
    "Embedding": [(lambda: L.Embedding(5, 3), (2, 4))],
    "GRU": [(lambda: L.GRU(3), (2, 5, 6))],
    "GRUCell": [(lambda: L.GRUCell(3), [(2, 6), (2, 3)])],
    "GroupNormalization": [(lambda: L.GroupNormalization(3), (2, 6))],
    "GroupQueryAttention": [(lambda: L.GroupQueryAttention(8, 4, 2), [(2, 5, 6), (2, 5, 6)])],
    "LSTM": [
        (lambda: L.LSTM(3), (2, 5, 6)),
        (lambda: L.LSTM(3, unit_forget_bias=False), (2, 5, 6)),
        (lambda: L.LSTM(3, stateful=True), (2, 5, 6)),
        (lambda: L.LSTM(3, bias_initializer=keras.initializers.Constant(0.1)), (2, 5, 6)),
    ],
    "LSTMCell": [(lambda: L.LSTMCell(3), [(2, 6), [(2, 3), (2, 3)]])],
    "LayerNormalization": [(lambda: L.LayerNormalization(), (2, 6))],
    "MultiHeadAttention": [
        (lambda: L.MultiHeadAttention(2, 4), [(2, 5, 6), (2, 5, 6)]),
        (lambda: L.MultiHeadAttention(2, 4, kernel_initializer="he_uniform"), [(2, 5, 6)] * 2),
    ],
    "Normalization": [(lambda: L.Normalization(), (2, 6))],
    "PReLU": [(lambda: L.PReLU(), (2, 6))],
    "RMSNormalization": [(lambda: L.RMSNormalization(), (2, 6))],
    "RNN": [(lambda: L.RNN([L.LSTMCell(3), L.GRUCell(2)]), (2, 5, 6))],
    "ReversibleEmbedding": [
        (lambda: L.ReversibleEmbedding(5, 3), (2, 4)),
        (lambda: L.ReversibleEmbedding(5, 3, tie_weights=False), (2, 4)),
    ],
    "STFTSpectrogram": [(lambda: L.STFTSpectrogram(), (2, 1000, 1))],
    "SeparableConv1D": [(lambda: L.SeparableConv1D(4, 3), (2, 8, 6))],
    "SeparableConv2D": [(lambda: L.SeparableConv2D(4, 3), (2, 8, 8, 6))],
    "SimpleRNN": [(lambda: L.SimpleRNN(3), (2, 5, 6))],
    "SimpleRNNCell": [(lambda: L.SimpleRNNCell(3), [(2, 6), (2, 3)])],
    "SpectralNormalization": [(lambda: L.SpectralNormalization(L.Dense(3)), (2, 6))],
    "StackedRNNCells": [
        (lambda: L.RNN(L.StackedRNNCells([L.GRUCell(3), L.GRUCell(2)])), (2, 5, 6))
    ],
    "TimeDistributed": [(lambda: L.TimeDistributed(L.Dense(3)), (2, 5, 6))],
}

# What has a variable only of what users hand over (a function, a module, a file).
OF_USERS = {"FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper"}


def numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


def built(layer, shapes):
    zeros = keras.tree.map_shape_structure(keras.ops.zeros, shapes)
    layer(*zeros) if isinstance(shapes, list) else layer(zeros)
    return layer


def seeded(initializer):
    """A serialized initializer with a seed, where it draws."""
    config = initializer["config"]
    return {**initializer, "config": config | {"seed": SEED} if "seed" in config else config}


def drawn_by_init(spec, folder, stream=None):
    """Tensors of the checkpoint that a spec's own initializers make, under Keras's stream unless
    there is another."""
    stream = stream or f"keras-{keras.backend.backend()}"
    path = folder / "model.safetensors"
    varscale.init({"spec": spec, "stream": stream, "seed": 0}, path)
    values, _ = read(path)
    path.unlink()
    return values


def test_no_class_of_keras_is_left_out():
    classes = {made for made in vars(L).values() if inspect.isclass(made)}
    for made in classes:
        sources = [
            inspect.getsource(base) for base in made.__mro__ if base.__module__ != "builtins"
        ]
        sources = "".join(sources[: made.__mro__.index(L.Layer)] if L.Layer in made.__mro__ else [])
        if re.search(r"\.add_weight\(|\.add_variable\(|backend\.Variable\(", sources):
            assert made.__name__ in MADE.keys() | OF_USERS


@pytest.mark.parametrize("name", MADE)
def test_specs_say_what_keras_draws(name, tmp_path, monkeypatch):
    for make, shapes in MADE[name]:
        with monkeypatch.context() as patched:
            # Where Keras takes its seeds from, if none is set.
            patched.setattr("random.randint", lambda low, high: SEED)
            layer = built(make(), shapes)
        spec = varscale.spec(layer)
        assert list(spec) == [variable.path for variable in layer.weights]
        ours = {}
        for variable in layer.weights:
            entry = spec[variable.path]
            initializer = seeded(entry["initializer"])
            theirs = keras.initializers.get(initializer)(variable.shape, dtype=variable.dtype)
            assert np.array_equal(numpy(theirs), numpy(variable)), variable.path
            json.dumps(entry)
            # STFT and integers are not drawn, nor is Orthogonal as Keras draws it.
            known = initializer["class_name"] in varscale._family.FAMILY.keys() - {"Orthogonal"}
            if known and entry["dtype"] in varscale._core.DTYPES:
                ours[variable.path] = {**entry, "initializer": initializer}
        drawn = drawn_by_init(ours, tmp_path) if ours else {}
        for variable in layer.weights:
            if variable.path in drawn:
                theirs = numpy(variable).astype(varscale._arguments.dtype_of(variable.dtype))
                assert drawn[variable.path] == theirs.tobytes(), variable.path


def test_fans_of_attention(tmp_path):
    """Kernels of three and four axes have the fans of the products that they stand for."""
    parts = ["query", "key", "value", "attention_output"]
    layers = [
        (L.MultiHeadAttention(8, 64), dict(zip(parts, [1024] * 4, strict=True))),
        (L.GroupQueryAttention(64, 8, 4), dict(zip(parts, [1024, 768, 768, 1024], strict=True))),
        (L.EinsumDense("abc,cde->abde", (5, 8, 64), bias_axes="de"), {"einsum_dense": 1024}),
    ]
    for layer, fans in layers:
        shapes = (2, 5, 512) if isinstance(layer, L.EinsumDense) else [(2, 5, 512)] * 2
        path = tmp_path / f"{layer.name}.safetensors"
        spec = varscale.spec(built(layer, shapes))
        plan = varscale.init({"spec": spec, "seed": 1}, path)
        for tensor in plan["tensors"]:
            *_, owner, variable = tensor["name"].split("/")
            if variable == "kernel":
                limit = (6 / fans[owner.rstrip("_0123456789")]) ** 0.5
                assert tensor["bounds"][1] == pytest.approx(limit, rel=1e-6)


@pytest.mark.parametrize("made", [L.LSTM, L.GRU] if keras else [])
def test_recurrent_kernels_are_orthogonal(made, tmp_path):
    spec = varscale.spec(built(made(5), (2, 3, 4)))
    drawn = drawn_by_init(spec, tmp_path, "native")
    (kernel,) = [data for name, data in drawn.items() if name.endswith("recurrent_kernel")]
    kernel = np.frombuffer(kernel, "float32").reshape(5, -1)
    assert np.allclose(kernel @ kernel.T, np.eye(5), atol=1e-6)


class Foreign(keras.initializers.Initializer if keras else object):
    def __call__(self, shape, dtype=None):
        return keras.ops.ones(shape, dtype)


# Somebody else's class of a name that is Keras's.
Foreign.__name__ = Foreign.__qualname__ = "HeNormal"


@pytest.mark.parametrize(
    ("initializer", "message"),
    [
        (ones, 'the initializer of "dense/kernel" is a function: name one, or give a rule'),
        (lambda shape, dtype=None: ones(shape), "is a function"),
        (functools.partial(ones), "is a function"),
        (np.ones((6, 4)), "is a function"),
        (Foreign, "test_keras_spec"),
    ],
)
def test_what_plans_cannot_draw_is_refused_by_name(initializer, message, tmp_path):
    layer = built(L.Dense(4, kernel_initializer=initializer, name="dense"), (2, 6))
    spec = varscale.spec(layer)
    json.dumps(spec)
    path = tmp_path / "model.safetensors"
    with pytest.raises(ValueError, match=message) as refusal:
        varscale.init({"spec": spec, "seed": 1}, path)
    assert "dense/kernel" in str(refusal.value)
    rules = [{"match": "*/kernel", "initializer": "he_normal"}]
    plan = varscale.init({"spec": spec, "rules": rules, "seed": 1}, path)
    assert [tensor["initializer"]["class_name"] for tensor in plan["tensors"]] == [
        "HeNormal",
        "Zeros",
    ]


def classes(model):
    """What the spec of a model has for each variable."""
    return [
        entry.get("initializer", {}).get("class_name") for entry in varscale.spec(model).values()
    ]


def test_layers_of_users():
    """What a layer draws is found in any of its ways to be made, or left out."""
    thing = type("Thing", (), {"start": "he_normal"})()
    for layer, expected in [
        (Plain(4), ["HeNormal", "Ones", "function", "Constant", "function"]),
        (Plain(4, "lecun_uniform"), ["LecunUniform", "Ones", "function", "Constant", "function"]),
        (Dressed(), ["LecunNormal", "Zeros"]),
        # The config says another one than was drawn, and the constructor's arguments are known.
        (
            Forgetful(4, "lecun_uniform"),
            ["LecunUniform", "Ones", "function", "Constant", "function"],
        ),
        (Unmakeable(thing), [None] * 5),
        (L.TimeDistributed(Dressed()), ["LecunNormal", "Zeros"]),
        (L.SpectralNormalization(Dressed()), ["LecunNormal", None, "Zeros"]),
    ]:
        shape = (2, 5, 6) if isinstance(layer, L.TimeDistributed) else (2, 6)
        assert classes(built(layer, shape)) == expected
        assert classes(built(Holder(layer), shape)) == expected


def changed(layer, **attributes):
    for name, value in attributes.items():
        setattr(layer, name, value)
    return layer


def test_layers_that_draw_what_no_config_says(monkeypatch):
    """What depends on it is left out; the rest is told."""
    normal = "RandomNormal"
    thing = type("Thing", (), {"std": 0.5})()
    matrix = np.ones((5, 3))
    for layer, expected in [
        (Drawing(), ["Zeros", normal, normal, "Zeros"]),
        (Drawing(std=0.5), ["Zeros", normal, normal, "Zeros"]),
        (changed(Drawing(), init="ones"), [None, normal, normal, "Zeros"]),
        (changed(Drawing(), init=keras.initializers.Ones()), [None, normal, normal, "Zeros"]),
        (changed(Drawing(), std=0.5), ["Zeros", None, normal, "Zeros"]),
        (changed(Drawing(), trainable=False), ["Zeros", normal, None, "Zeros"]),
        (changed(Drawing(), before="ones"), ["Zeros", normal, normal, None]),
        (Configless(std=np.float32(0.5)), [None] * 4),
        (Configless(cfg=thing), [None] * 4),
        (Wide(3), [None, None]),
        (Wide(3, boost=5.0), [None, None]),
        (Wrapping(L.Dense(3), std=0.5), [None, "GlorotUniform", "Zeros"]),
        (Assigning(), [None, "Zeros"]),
        (AssigningInner(), [None, "Zeros"]),
        (Scaled(0.5), [None, "GlorotUniform", "Zeros"]),
        (Numbered(), [None, "Ones"]),
        (L.Embedding(5, 3, "ones"), ["Ones"]),
        (L.Embedding(5, 3, constant(2)), ["Constant"]),
        (L.Embedding(5, 3, weights=[matrix]), [None]),
        (changed(L.Dense(3), kernel_initializer=constant(2)), [None, "Zeros"]),
        (changed(L.Dense(3), trainable=False), ["GlorotUniform", "Zeros"]),
    ]:
        layer = built(layer, (2, 4))
        assert classes(layer) == expected, vars(layer)
    layer = built(Drawing(), (2, 4))
    monkeypatch.setattr(Drawing, "before", "ones")
    assert classes(layer) == ["Zeros", normal, normal, None]
    layer.all[0].assign(np.arange(3.0))
    assert classes(layer) == ["Zeros", normal, normal, None]


def test_names_that_meant_another_class():
    """A name is read where the layer was made."""
    for made, expected in [(Foreign, None), (varscale.keras.LecunNormal, "LecunNormal")]:
        with keras.utils.custom_object_scope({"lecun_normal": made}):
            layer = built(L.Dense(4, kernel_initializer="lecun_normal"), (2, 6))
        assert classes(layer) == [expected, "Zeros"]


def test_layers_that_changed_after_they_were_made():
    tuned = built(L.Dense(4), (2, 6))
    tuned.enable_lora(2, a_initializer="zeros")
    assert classes(tuned) == ["GlorotUniform", "Zeros", None, None]
    tuned = built(L.Dense(4, kernel_initializer=keras.initializers.HeNormal()), (2, 6))
    tuned.enable_lora(2, a_initializer="zeros")
    assert classes(tuned) == ["HeNormal", "Zeros", None, None]
    tuned = built(Dressed(), (2, 6))
    tuned.enable_lora(2)
    assert classes(tuned) == ["LecunNormal", "Zeros", None, None]
    for initializer in ["he_normal", keras.initializers.HeNormal()]:
        quantized = built(L.Dense(4, kernel_initializer=initializer), (2, 6))
        quantized.quantize("int8")
        assert "HeNormal" not in classes(quantized)
        assert varscale.spec(quantized)[quantized._kernel.path].get("initializer") is None


def test_seeds_are_those_that_were_set():
    """An unset one stays unset, also where a layer hands on the one that Keras drew."""
    shared = keras.initializers.HeNormal(5)
    generator = keras.initializers.HeUniform(keras.random.SeedGenerator(7, name="generator"))
    model = Holder(
        L.Dense(6, kernel_initializer=shared),
        L.Dense(6, kernel_initializer=shared),
        L.EinsumDense("ab,bc->ac", 6, kernel_initializer=shared),
        L.EinsumDense("ab,bc->ac", 6, kernel_initializer="he_normal"),
        L.Dense(6, kernel_initializer=generator),
    )
    spec = varscale.spec(built(model, (2, 6)))
    seeds = [
        entry["initializer"]["config"]["seed"] for name, entry in spec.items() if "kernel" in name
    ]
    assert seeds[:4] == [5, 5, 5, None]
    assert seeds[4]["config"] == {"seed": 7, "name": "generator"}


def test_generators_that_drew_more_than_once_are_left_out():
    """A plan draws the first call of one."""

    def dense(seed):
        return L.Dense(3, kernel_initializer=keras.initializers.HeNormal(seed))

    shared, used, fresh = (keras.random.SeedGenerator(3) for _ in range(3))
    used.next()
    model = Holder(dense(shared), dense(shared), dense(used), dense(fresh))
    expected = [None, "Zeros", None, "Zeros", None, "Zeros", "HeNormal", "Zeros"]
    assert classes(built(model, (2, 3))) == expected


def test_models_stay_as_they_are(monkeypatch):
    """Nothing is drawn, no seed is used up, and no name is taken."""
    model = built(Holder(L.EinsumDense("abc,cd->abd", (5, 6)), L.LSTM(3)), (2, 5, 6))
    before = [numpy(variable) for variable in model.weights]
    state, uid = random.getstate(), keras.backend.get_uid("dense")

    def draw(*arguments, **others):
        raise AssertionError("drawn")

    monkeypatch.setattr(keras.initializers.VarianceScaling, "__call__", draw)
    varscale.spec(model)
    monkeypatch.undo()
    assert random.getstate() == state
    assert keras.backend.get_uid("dense") == uid + 1
    assert all(map(np.array_equal, before, map(numpy, model.weights)))
    with keras.StatelessScope():
        pass
    assert classes(model) == classes(model)


def test_names_that_collide():
    layer = Holder(*[L.Dense(6, name="proj") for _ in range(3)])
    with pytest.raises(ValueError, match="holder.*/proj/kernel"):
        varscale.spec(built(layer, (2, 6)))
