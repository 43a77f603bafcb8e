"""Arguments of JAX's initializers: ours refuse what JAX's refuse, by the same class."""

import numpy as np
import pytest
from arguments import (
    REFUSALS,
    agree,
    anything,
    dtypes,
    is_finite_number,
    length,
    raised,
    raised_by,
    shapes,
    some,
)
from hypothesis import assume, given
from hypothesis import strategies as st

try:
    import jax
    import jax.numpy as jnp

    import varscale.jax
except ImportError:
    jax = None

pytestmark = pytest.mark.skipif(jax is None, reason="JAX is not installed")

SHAPE = (2, 3, 4)
NAMES = ["he_normal", "uniform", "normal", "truncated_normal"]


def pair(call):
    """What a call raises with our functions, and with JAX's."""
    return raised_by(call, varscale.jax, jax.nn.initializers)


def key(seed=1):
    return jax.random.key(seed)


@some
@given(st.sampled_from(["mode", "distribution"]), anything)
def test_names(argument, value):
    given = {"scale": 1.0, "mode": "fan_in", "distribution": "uniform", argument: value}
    assert agree(*pair(lambda of: of.variance_scaling(**given)(key(), SHAPE)))


@some
@given(st.sampled_from(["in_axis", "out_axis", "batch_axis"]), anything)
def test_axes(argument, value):
    ours, theirs = pair(lambda of: of.he_normal(**{argument: value})(key(), SHAPE))
    if length(value) > 1 and None not in (ours, theirs):
        # With several faults, each names the one that it finds first.
        assert {ours, theirs} <= {TypeError, IndexError, ValueError}
    else:
        assert agree(ours, theirs)


@some
@given(st.sampled_from(NAMES[1:]), anything)
def test_numbers(name, value):
    ours, theirs = pair(lambda of: getattr(of, name)(value)(key(), SHAPE))
    if ours is None:
        assert is_finite_number(value)
    elif is_finite_number(value) and not isinstance(value, (str, bytes)):
        # Below 0, beyond the dtype, or one in an array of several axes.
        assert ours in (ValueError, OverflowError, TypeError)
    else:
        # JAX draws by what is not finite, by arrays, and by what it can read as a number.
        assert ours in (ValueError, TypeError, OverflowError)
        assert theirs in (None, ValueError, TypeError, OverflowError)


def test_arrays_and_traced_numbers_are_refused_by_name():
    def draw(argument, value, name="truncated_normal"):
        return getattr(varscale.jax, name)(**{argument: value})(key(), (2, 2))

    for argument in ["stddev", "lower"]:
        with pytest.raises(TypeError, match=rf"`{argument}` must be a number. Received: Array\("):
            draw(argument, jax.numpy.ones(2))
    for argument, *name in [("lower",), ("upper",), ("scale", "orthogonal")]:
        with pytest.raises(TypeError, match=f"`{argument}` must be a number. Received: .*Tracer"):
            jax.jit(lambda value, given=(argument, *name): draw(given[0], value, *given[1:]))(1.0)


@some
@given(st.sampled_from(NAMES), shapes | anything)
def test_shapes(name, shape):
    # An integer is a shape: not one that would fill the memory.
    assume(not isinstance(shape, int) or not 2**20 < shape < 2**50)
    initializer = getattr(varscale.jax, name)()
    ours = raised(lambda: initializer(key(), shape))
    if ours is None:
        expected = tuple(shape) if hasattr(shape, "__len__") else (int(shape),)
        assert initializer(key(), shape).shape == expected
        return
    assert issubclass(ours, REFUSALS)
    # Of a size below 0 JAX says something else in each function, and of one too large it ends the
    # process. Text and sets are shapes to it; ours need an order.
    # Of no shape, JAX's truncated normal has that of its bounds.
    assume(shape is not None and not isinstance(shape, (bytes, str, set, dict)))
    sizes = shape if isinstance(shape, (list, tuple)) else [shape]
    assume(all(not isinstance(size, int) or 0 <= size < 2**20 for size in sizes))
    assume(len(sizes) <= 64)
    theirs = raised(lambda: getattr(jax.nn.initializers, name)()(key(), shape))
    assert agree(ours, theirs)


@some
@given(st.sampled_from(NAMES), dtypes | anything)
def test_dtypes(name, dtype):
    # JAX finds dtypes by equality: after a NumPy scalar, it takes Python's equal for a dtype, too.
    assume(not isinstance(dtype, np.generic))
    ours, theirs = pair(lambda of: getattr(of, name)()(key(), SHAPE, dtype))
    assert agree(ours, theirs)
    if ours is None:
        both = varscale.jax, jax.nn.initializers
        values = [getattr(of, name)()(key(), SHAPE, dtype) for of in both]
        assert values[0].dtype == values[1].dtype
        assert values[0].shape == SHAPE


KEYS = [
    lambda: jax.random.PRNGKey(1),
    lambda: jax.random.key(1, impl="rbg"),
    lambda: jax.random.split(key(), 3),
    lambda: jax.random.split(jax.random.PRNGKey(1), 1),
    lambda: jnp.zeros(2, "uint32"),
    lambda: jnp.zeros(3, "uint32"),
    lambda: jnp.zeros((), "uint32"),
    lambda: jnp.zeros(2, "int32"),
    lambda: jnp.zeros(2),
    lambda: jax.random.key,
]


@some
@given(st.sampled_from(KEYS) | anything.map(lambda value: lambda: value), st.booleans())
def test_keys(make, compiled):
    value = make()

    def draw(of):
        if compiled and isinstance(value, jax.Array):
            return jax.jit(lambda key: of.he_normal()(key, SHAPE))(value)
        return of.he_normal()(value, SHAPE)

    assert agree(*pair(draw))


@some
@given(anything, st.booleans())
def test_shardings(value, compiled):
    assume(value is not None)

    def draw(of):
        initializer = lambda key: of.he_normal()(key, SHAPE, None, value)  # noqa: E731
        return (jax.jit(initializer) if compiled else initializer)(key())

    assert agree(*pair(draw))
