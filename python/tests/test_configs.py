"""Configs, copies and pickles."""

import copy
import json
import pickle
from pathlib import Path

import faces
import numpy as np
import pytest

import varscale

RECORDED = Path(__file__).parents[2] / "crates/varscale/tests/data/keras_configs.json"
CONFIGS = json.loads(RECORDED.read_text())["get_config"]


@pytest.mark.parametrize("recorded", CONFIGS, ids=lambda recorded: recorded["class_name"])
def test_keras_configs_are_written_back(recorded):
    config = recorded["config"]
    again = varscale.get(recorded).get_config()
    # Keras before 3.15 had no axes.
    for axes in {"input_axes", "output_axes"} - config.keys():
        assert again.pop(axes, None) is None
    assert again == config
    # Keras's configs keep 1, 1.0 and True apart.
    assert {key: type(value) for key, value in again.items()} == {
        key: type(value) for key, value in config.items()
    }


def test_both_documents_examples():
    initializer = varscale.VarianceScaling(scale=0.1, mode="fan_in", distribution="uniform")
    assert initializer(shape=(2, 2)).shape == (2, 2)
    initializer = varscale.RandomUniform(-1, 1)
    config = initializer.get_config()
    assert varscale.RandomUniform.from_config(config).get_config() == config


@pytest.mark.parametrize(
    "initializer",
    [
        varscale.HeNormal(),
        varscale.HeNormal(3, stream="keras-numpy"),
        varscale.VarianceScaling(2, "fan_out", "normal", True, [0], [1]),
        varscale.RandomUniform(-1, 1, varscale.SeedGenerator()),
        varscale.Identity(2),
        varscale.Zeros(),
    ],
)
@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))]
)
def test_copies_draw_the_same(initializer, again):
    made = again(initializer)
    assert made.get_config() == initializer.get_config()
    if isinstance(initializer.seed, varscale.SeedGenerator):
        # A plain copy shares the generator.
        apart = varscale.SeedGenerator(made.seed.seed, counter=initializer.seed.counter)
        vars(made).update(seed=apart)
    assert np.array_equal(made((3, 3)), initializer((3, 3)))


def test_the_stream_is_part_of_the_config():
    config = varscale.HeNormal(3, stream="keras-jax").get_config()
    assert config["stream"] == "keras-jax"
    assert varscale.HeNormal.from_config(config).stream == "keras-jax"
    assert "stream" not in varscale.HeNormal(3).get_config()


@pytest.mark.parametrize("name", ["he_normal", "HeNormal"])
def test_identifiers(name):
    assert isinstance(varscale.get(name), varscale.HeNormal)
    assert varscale.get(None) is None
    assert isinstance(varscale.get(varscale.HeNormal), varscale.HeNormal)
    assert varscale.get(len) is len
    assert isinstance(varscale.get("normal"), varscale.RandomNormal)


def test_every_lower_case_alias_is_its_class():
    for name in varscale.__all__:
        made = getattr(varscale, name)
        if name[0].islower() and isinstance(made, type) and not faces.REQUIRED[made.__name__]:
            assert varscale.get(name).__class__ is made


def test_initializers_of_other_kinds_have_an_empty_config():
    class Halves(varscale.Initializer):
        def __call__(self, shape, dtype=None, **arguments):
            return np.full(shape, 0.5, dtype)

    assert repr(Halves().clone()) == "Halves()"


@pytest.mark.parametrize("recorded", CONFIGS, ids=lambda recorded: recorded["class_name"])
def test_what_is_serialized_loads(recorded):
    serialized = varscale.serialize(varscale.deserialize(recorded))
    assert serialized == {"registered_name": None, "module": "keras.initializers", **serialized}
    assert serialized["class_name"] == varscale.get(recorded["class_name"]).__class__.__name__
    assert varscale.serialize(varscale.deserialize(serialized)) == serialized
    assert json.loads(json.dumps(serialized)) == serialized


def test_serializing_keeps_the_stream():
    serialized = varscale.serialize(varscale.HeNormal(3, stream="keras-numpy"))
    assert serialized["module"] == "varscale"
    assert varscale.deserialize(serialized).stream == "keras-numpy"


def test_custom_objects_come_first():
    class Mine(varscale.HeNormal):
        """A caller's."""

    serialized = varscale.serialize(Mine(seed=3))
    mine = varscale.deserialize(serialized, custom_objects={"Mine": Mine})
    assert type(mine) is Mine and mine.seed == 3
    assert type(varscale.deserialize("ones", {"ones": Mine})) is Mine
    for wrong in [serialized, "Mine", {"class_name": 3}, 3]:
        with pytest.raises(ValueError, match="identifier"):
            varscale.deserialize(wrong)
    for wrong in [None, "ones", varscale.Ones, serialized]:
        with pytest.raises(TypeError, match="`initializer` must be"):
            varscale.serialize(wrong)


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ([1, 2, 3], (2, 3)),
        (np.array([[0.5], [2.0]], "float32"), (2, 3)),
        (np.float32(3), (2,)),
        ((1, 2), (2,)),
    ],
)
def test_constants_are_arrays(value, shape):
    expected = np.broadcast_to(np.asarray(value, "float32"), shape)
    ours = varscale.Constant(value)
    assert np.array_equal(ours(shape), expected)
    assert np.array_equal(varscale.Constant.from_config(ours.get_config())(shape), expected)
    with pytest.raises(ValueError, match="broadcast|number"):
        varscale.Constant([[1, 2], [3]])
    with pytest.raises(ValueError, match="broadcast"):
        varscale.Constant([1, 2])((3,))
