"""Bad input: the exceptions that Keras raises, with messages that say what is allowed."""

import copy
import math
import pickle

import faces
import numpy as np
import pytest
from arguments import REFUSALS, anything
from hypothesis import given, settings
from hypothesis import strategies as st

import varscale


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: varscale.VarianceScaling(scale=-1.0), ValueError, "scale -1.0: .* a positive"),
        (lambda: varscale.VarianceScaling(scale=math.nan), ValueError, "scale NaN: .* a positive"),
        (lambda: varscale.VarianceScaling(scale=math.inf), ValueError, "scale inf: .* finite"),
        (lambda: varscale.VarianceScaling(scale="1"), TypeError, "`scale` must be a number"),
        (lambda: varscale.VarianceScaling(scale=10**400), ValueError, "`scale` must lie within"),
        (lambda: varscale.VarianceScaling(mode="fan"), ValueError, 'mode "fan": .* "fan_in", '),
        (lambda: varscale.VarianceScaling(mode=3), ValueError, "`mode` must be a string"),
        (
            lambda: varscale.VarianceScaling(distribution="gamma"),
            ValueError,
            'distribution "gamma": .* "truncated_normal", ',
        ),
        (lambda: varscale.VarianceScaling(distribution=3), TypeError, "`distribution`"),
        (lambda: varscale.VarianceScaling(input_axes=["a"]), TypeError, "`input_axes`"),
        (lambda: varscale.HeNormal(seed=1.5), ValueError, "`seed` argument should be"),
        (lambda: varscale.HeNormal(seed="1"), ValueError, "`seed` argument should be"),
        (lambda: varscale.HeNormal(seed=2**64), ValueError, "2\\^64 - 1"),
        (lambda: varscale.HeNormal(seed=-(2**63) - 1), ValueError, "-2\\^63"),
        (lambda: varscale.SeedGenerator(1.5), ValueError, "seed"),
        (lambda: varscale.SeedGenerator(10**50), ValueError, "-2\\^63 to 2\\^64"),
        (lambda: varscale.HeNormal(stream="numpy"), ValueError, 'stream "numpy": .* native, '),
        (lambda: varscale.HeNormal(stream=3), ValueError, "`stream` must be a string"),
        (lambda: varscale.RandomNormal(stddev=-1), ValueError, "stddev -1"),
        (lambda: varscale.RandomUniform(1, 0), ValueError, "maxval 0"),
        (lambda: varscale.Constant(math.nan), ValueError, "value NaN"),
        (lambda: varscale.set_floatx("int8"), ValueError, 'dtype "int8": .* "float16", '),
        (lambda: varscale.get("typo"), ValueError, "identifier: typo"),
        (lambda: varscale.get(3), ValueError, "identifier: 3"),
        (lambda: varscale.get({"config": {}}), ValueError, "identifier"),
    ],
)
def test_constructors_refuse(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"shape": (2, -1)}, ValueError, "at least 0. Received: -1"),
        ({"shape": (2, 1.5)}, TypeError, "integers. Received: 1.5"),
        ({"shape": 3}, TypeError, "sequence of integers. Received: 3"),
        ({"shape": "33"}, TypeError, "sequence of integers"),
        ({"shape": (2, None)}, TypeError, "integers. Received: None"),
        ({"shape": (2**63,)}, ValueError, "2\\^63"),
        ({"shape": (2**40, 2**40)}, ValueError, "too many|too large"),
        ({"shape": (2**30, 2**30)}, MemoryError, "allocate"),
        ({"dtype": "int32"}, ValueError, 'dtype "int32": .* "float16", '),
        ({"dtype": "f16"}, ValueError, 'ambiguous dtype "f16".* "float16"'),
        ({"dtype": "float8"}, ValueError, 'dtype "float8": .* "float16", '),
        ({"dtype": object()}, ValueError, 'dtype "<object .* "float16", '),
        ({"layout": "chw"}, ValueError, 'invalid layout "chw"'),
        ({"layout": "jax:5/1/"}, IndexError, "axis 5"),
        ({"slice": np.s_[:3, :3, :3]}, ValueError, "3 axes"),
        ({"slice": np.s_[0:9]}, ValueError, "leaves axis 0"),
        ({"slice": np.s_[::2]}, ValueError, "no steps"),
        ({"slice": (0,)}, TypeError, "must hold slices"),
        ({"slice": 0}, TypeError, "must hold slices"),
    ],
)
def test_calls_refuse(arguments, error, message):
    with pytest.raises(error, match=message):
        varscale.HeNormal(1)(**{"shape": (4, 4), **arguments})


@pytest.mark.parametrize(
    ("initializer", "name"),
    [
        (varscale.RandomNormal(seed=1), "stddev"),
        (varscale.RandomNormal(seed=1), "seed"),
        (varscale.RandomUniform(seed=1), "stream"),
        (varscale.HeNormal(seed=1), "scale"),
        (varscale.VarianceScaling(seed=1), "mode"),
        (varscale.VarianceScaling(seed=1), "input_axes"),
        (varscale.Constant(2), "value"),
        (varscale.Identity(), "gain"),
    ],
    ids=repr,
)
def test_arguments_cannot_be_set_later(initializer, name):
    before = repr(initializer), initializer((3, 3)).tobytes()
    with pytest.raises(AttributeError, match=f"`{name}` of an initializer stays"):
        setattr(initializer, name, 0.5)
    assert (repr(initializer), initializer((3, 3)).tobytes()) == before
    initializer.note = "the user's own"
    assert copy.copy(initializer).note == initializer.note


@pytest.mark.parametrize("name", faces.ALL)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_of_every_protocol_draw_the_same(name, protocol):
    initializer = getattr(varscale, name)(*faces.REQUIRED[name])
    again = pickle.loads(pickle.dumps(initializer, protocol))
    assert repr(again) == repr(initializer)
    assert np.array_equal(again((3, 3)), initializer((3, 3)))


def test_overflow_is_refused():
    with pytest.raises(ValueError, match="overflow float16"):
        varscale.RandomUniform(-1e6, 1e6)((3,), "float16")
    generator = varscale.SeedGenerator(1)
    with pytest.raises(ValueError, match="too many|too large"):
        varscale.HeNormal(generator)((2**40, 2**40))
    assert generator.counter == 0


def test_identities_are_matrices():
    with pytest.raises(ValueError, match="rank 3"):
        varscale.Identity()((2, 2, 2))


def test_filling_refuses_another_shape():
    with pytest.raises(ValueError, match="shape"):
        varscale.HeNormal().fill_(np.zeros((3, 3), "float32"), shape=(4, 4))
    with pytest.raises(ValueError, match='dtype "int32"'):
        varscale.HeNormal().fill_(np.zeros((3, 3), "int32"))


CLASSES = [getattr(varscale, name) for name in faces.ALL]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(CLASSES), st.lists(anything, max_size=4), anything)
def test_no_argument_of_a_constructor_panics(made, arguments, stream):
    keywords = {} if stream is None else {"stream": stream}
    try:
        initializer = made(*arguments, **keywords)
    except REFUSALS:
        return
    try:
        assert initializer((2, 2), "float64").shape == (2, 2)
    except REFUSALS:
        pass


@settings(max_examples=400, deadline=None)
@given(anything, anything, anything, anything, anything)
def test_no_argument_of_a_call_panics(shape, dtype, name, layout, box):
    try:
        values = varscale.HeNormal(1)(shape, dtype, name=name, layout=layout, slice=box)
    except REFUSALS:
        return
    assert np.isfinite(values.astype("float64")).all()


@settings(max_examples=300, deadline=None)
@given(anything, anything, anything)
def test_no_generator_or_identifier_panics(seed, name, identifier):
    try:
        varscale.SeedGenerator(seed, name)
    except REFUSALS:
        pass
    try:
        varscale.get(identifier)
    except REFUSALS:
        pass
