"""Arguments of tf_keras's initializers: ours refuse what tf_keras itself refuses.

What tf_keras leaves to TensorFlow (seeds, shapes, dtypes, means, standard deviations) it refuses by
ValueError, TypeError or TensorFlow's own classes, without a rule: there, ours are held to TypeError
for the wrong kind and ValueError for the rest.
"""

import pytest
from arguments import (
    REFUSALS,
    agree,
    anything,
    dtypes,
    is_integer,
    raised,
    raised_by,
    shapes,
    some,
)
from hypothesis import given
from hypothesis import strategies as st

try:
    import tensorflow as tf
    import tf_keras

    import varscale.tf_keras
except ImportError:
    tf_keras = None

pytestmark = pytest.mark.skipif(tf_keras is None, reason="tf_keras is not installed")

SHAPE = (4, 6)
FLOAT8 = ["float8_e4m3fn", "float8_e5m2"]


def pair(call):
    """What a call raises with our classes, and with tf_keras's."""
    return raised_by(call, varscale.tf_keras, tf_keras.initializers)


@some
@given(anything)
def test_seeds(value):
    valid = value is None or is_integer(value) and -(2**63) <= int(value) < 2**64
    ours = raised(lambda: varscale.tf_keras.HeNormal(value)(SHAPE))
    assert ours is (None if valid else ValueError)


@some
@given(shapes | anything, shapes | anything, st.none() | shapes | anything)
def test_parts(shape, part, offset):
    initializer = varscale.tf_keras.HeNormal(1)

    def draw(shape):
        values = initializer(shape, partition_shape=part, partition_offset=offset)
        assert tuple(values.shape) == tuple(shape if part is None else part)

    for whole in (shape, SHAPE):
        refused = raised(lambda whole=whole: draw(whole))
        assert refused is None or issubclass(refused, REFUSALS)


@some
@given(dtypes | anything)
def test_dtypes(dtype):
    ours, theirs = pair(lambda of: of.HeNormal(1)(SHAPE, dtype))
    # TensorFlow's own classes of exceptions are none of Python's.
    known = raised(lambda: tf.dtypes.as_dtype(dtype)) is None
    if known and dtype is not None and tf.dtypes.as_dtype(dtype).name in FLOAT8:
        # Which TensorFlow draws nothing in.
        assert ours is None and theirs is not None
        assert varscale.tf_keras.HeNormal(1)(SHAPE, dtype).dtype == tf.dtypes.as_dtype(dtype)
        return
    assert agree(ours, theirs) or ours is ValueError and theirs is not None
    if ours is None:
        values, expected = (
            of.HeNormal(1)(SHAPE, dtype) for of in (varscale.tf_keras, tf_keras.initializers)
        )
        assert (values.shape, values.dtype) == (expected.shape, expected.dtype)
