"""Arguments of Keras's initializers: ours refuse what Keras itself refuses, by the same class.

What is the same for tf_keras stands in test_keras_and_tf_keras.py.
"""

import pytest
from arguments import (
    REFUSALS,
    agree,
    anything,
    dtypes,
    is_integer,
    length,
    raised,
    raised_by,
    shapes,
    some,
)
from hypothesis import given
from hypothesis import strategies as st

try:
    import keras

    import varscale
    import varscale.keras
except ImportError:
    keras = None

pytestmark = pytest.mark.skipif(keras is None, reason="Keras is not installed")

SHAPE = (2, 3)


def pair(call):
    """What a call raises with our classes, and with Keras's."""
    return raised_by(call, varscale.keras, keras.initializers)


@some
@given(anything)
def test_seeds(value):
    ours, theirs = pair(lambda of: of.HeNormal(seed=value))
    if is_integer(value):
        # NumPy's integers are seeds, too; beyond 64 bits Keras refuses at the first draw.
        assert ours is (None if -(2**63) <= int(value) < 2**64 else ValueError)
    else:
        assert agree(ours, theirs)


@pytest.mark.parametrize(
    "seed",
    [
        lambda: keras.random.SeedGenerator(3),
        lambda: keras.saving.serialize_keras_object(keras.random.SeedGenerator(3)),
        lambda: keras.random.SeedGenerator,
        lambda: {"class_name": "SeedGenerator"},
        lambda: {"module": "keras.random", "class_name": "Typo", "config": {}},
    ],
)
def test_seed_generators(seed):
    ours, theirs = pair(lambda of: of.HeNormal(seed=seed())(SHAPE))
    assert agree(ours, theirs)


@pytest.mark.parametrize(
    ("make", "generator", "wanted"),
    [
        (lambda: varscale.keras.HeNormal, lambda: varscale.SeedGenerator(5), "keras.random"),
        (lambda: varscale.HeNormal, lambda: keras.random.SeedGenerator(5), "varscale"),
    ],
)
def test_messages_say_which_generator_is_wanted(make, generator, wanted):
    with pytest.raises(ValueError, match=f"should be a {wanted}.SeedGenerator or an integer"):
        make()(generator())


@some
@given(st.sampled_from(["input_axes", "output_axes"]), anything)
def test_axes(argument, value):
    axes = {"input_axes": [0], "output_axes": [1], argument: value}
    ours, theirs = pair(lambda of: of.HeNormal(1, **axes)(SHAPE))
    if length(value) > 1 and None not in (ours, theirs):
        # With several faults, each names the one that it finds first.
        assert {ours, theirs} <= {TypeError, IndexError, ValueError}
    else:
        # Keras counts an axis that is named twice twice.
        assert agree(ours, theirs) or (ours, theirs) == (ValueError, None)


@some
@given(st.sampled_from(["native", "keras"]), shapes | anything)
def test_shapes(stream, shape):
    def draw():
        assert varscale.keras.HeNormal(1, stream=stream)(shape).shape == tuple(shape)

    # TypeError, ValueError, MemoryError; or what Keras makes of it.
    refused = raised(draw)
    assert refused is None or stream == "keras" or issubclass(refused, REFUSALS)
    assert refused is not AssertionError


@some
@given(st.sampled_from(["HeNormal", "RandomNormal", "RandomUniform"]), dtypes | anything)
def test_dtypes(name, dtype):
    ours = getattr(varscale.keras, name)(seed=1)
    if raised(lambda: ours(SHAPE, dtype)) is not None:
        # Keras knows no such dtype, or it is none that is drawn.
        known = raised(lambda: keras.backend.standardize_dtype(dtype)) is None
        assert not known or keras.backend.standardize_dtype(dtype) not in varscale._core.DTYPES
        return
    values, dtype = ours(SHAPE, dtype), keras.backend.standardize_dtype(dtype)
    assert keras.ops.is_tensor(values)
    theirs = getattr(keras.initializers, name)(seed=1)
    if raised(lambda: theirs(SHAPE, dtype)) is None:
        expected = theirs(SHAPE, dtype)
        assert (values.shape, values.dtype) == (expected.shape, expected.dtype)
    else:
        # TensorFlow and torch draw none themselves.
        assert dtype.startswith("float8")
        assert keras.backend.standardize_dtype(values.dtype) == dtype


@some
@given(anything)
def test_identifiers(identifier):
    assert raised(lambda: varscale.keras.get(identifier)) in (None, ValueError, TypeError)
