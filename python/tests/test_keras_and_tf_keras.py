"""What is the same for Keras's and tf_keras's initializers, on the active backend.

What the frameworks leave to their backends (shapes, dtypes, means, standard deviations) is refused
by another class on each: there, ours are held to TypeError for the wrong kind and ValueError for
the rest.
"""

import inspect

import faces
import pytest
from arguments import agree, anything, is_finite_number, raised, raised_by, some
from hypothesis import given
from hypothesis import strategies as st

import varscale

pytestmark = pytest.mark.skipif(not faces.KERAS, reason="neither Keras nor tf_keras is installed")

SHAPE = (2, 3)


@pytest.fixture(params=sorted(faces.KERAS), scope="module")
def both(request):
    """A framework's initializers, and ours."""
    return faces.KERAS[request.param]


def test_every_class_that_the_framework_has_is_there(both):
    theirs, ours = both
    names = [name for name in faces.DRAWN if hasattr(theirs, name)]
    assert len(names) >= 10
    for name in names:
        made, own = getattr(ours, name), getattr(theirs, name)
        assert issubclass(made, own)
        assert name in ours.__all__
        assert (made.__module__, made.__qualname__) == (ours.__name__, name)
        *parameters, stream = inspect.signature(made).parameters.values()
        assert parameters == list(inspect.signature(own).parameters.values())
        of_numpy = inspect.signature(getattr(varscale, name)).parameters
        assert stream == of_numpy["stream"]
        # Keras before 3.15, and tf_keras, know no axes.
        without = [one for one in of_numpy if not one.endswith("_axes")]
        assert [one.name for one in [*parameters, stream]] in (list(of_numpy), without)
        assert all(one.default == of_numpy[one.name].default for one in parameters)


@some
@given(st.sampled_from(["scale", "mode", "distribution"]), anything)
def test_constructors(both, argument, value):
    theirs, ours = both
    refused = raised_by(lambda of: of.VarianceScaling(**{argument: value}), ours, theirs)
    # The frameworks take scales that are not finite, and draw NaN or for ever; and arrays.
    special = refused[0] in (ValueError, TypeError) and not is_finite_number(value)
    assert agree(*refused) or special


@some
@given(st.sampled_from(faces.NUMBERS), anything)
def test_numbers(both, name, value):
    made, argument = name.split(".")
    made = getattr(both[1], made)
    refused = raised(lambda: made(**{argument: value}))
    if not is_finite_number(value) or isinstance(value, (str, bytes)):
        assert refused in (TypeError, ValueError, OverflowError)
    elif refused is None:
        # The dtype may not hold it.
        assert raised(lambda: made(**{argument: value})(SHAPE)) in (None, ValueError)
    else:
        assert refused in (ValueError, TypeError)


@some
@given(anything)
def test_streams(both, stream):
    refused = raised(lambda: both[1].HeNormal(1, stream=stream))
    known = isinstance(stream, str) and stream in (*varscale._core.STREAMS, "keras")
    assert refused is (None if known else ValueError)
