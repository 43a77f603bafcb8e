"""Arguments of every kind, for the tests of what is refused."""

import decimal
import fractions

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

import varscale

some = settings(max_examples=100, deadline=None)

# A panic is a BaseException, which is none of these.
REFUSALS = (ValueError, TypeError, OverflowError, MemoryError, IndexError)

anything = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-5, 5)
    | st.sampled_from([2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), 10**400])
    | st.floats()
    | st.complex_numbers()
    | st.text(max_size=8)
    | st.binary(max_size=4)
    | st.lists(st.integers(-3, 3), max_size=4)
    | st.tuples(st.integers(), st.floats())
    | st.lists(st.lists(st.integers(0, 3), max_size=2), max_size=2)
    | st.sets(st.integers(0, 3), max_size=2)
    | st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)
    | st.fractions()
    | st.sampled_from([*varscale._core.DTYPES, *varscale._core.STREAMS])
    | st.sampled_from(
        ["fan_in", "fan_avg", "fan_geo_avg", "normal", "uniform", "Uniform", "\ud800"]
    )
    | st.sampled_from([object(), Ellipsis, NotImplemented, len, int, slice(2), range(2)])
    | st.sampled_from(
        [np.float32(0.5), np.float64("nan"), np.int64(3), np.uint8(1), np.bool_(True)]
    )
    | st.sampled_from([np.array(1.5), np.array(1), np.datetime64(3, "s"), decimal.Decimal("0.5")])
    | st.sampled_from([np.array([0, 1]), np.array([[1.5]]), np.array(["a"]), np.zeros(0)])
)

# Small, or of more bytes than there are: what a framework would try to allocate is not asked of it.
shapes = st.lists(st.integers(0, 5), max_size=4).map(tuple) | st.sampled_from(
    [(2**40, 2**40), (2**62, 4), (2**63,), (2**64, 2), (2**31, 2**31), (2**60, 0), (1,) * 65]
)

dtypes = st.sampled_from(
    [None, *varscale._core.DTYPES, "int32", "bool", "complex64", "float8_e5m2", "longdouble"]
    + ["object", "str", "f4", ">f4", "nonsense", "", float, int, bool, str, object, np.float32]
    + [np.dtype("float16"), np.dtype("S3"), np.dtype("M8[s]"), np.dtype([("a", "f4")])]
)


def raised(call):
    """The class of the exception that a call ends with, or none."""
    try:
        call()
    except Exception as error:
        return type(error)
    return None


def raised_by(call, *modules):
    """The same of a call with each of these modules."""
    return tuple(raised(lambda of=of: call(of)) for of in modules)


def agree(ours, theirs):
    """Whether ours raises what theirs does, or a more special one."""
    return ours is theirs or None not in (ours, theirs) and issubclass(ours, theirs)


def is_integer(value):
    """Whether a value is an integer of any kind."""
    return raised(lambda: range(value)) is None


def is_finite_number(value):
    """Whether a value is what Python takes for a finite number."""
    return raised(lambda: fractions.Fraction(float(value))) is None


def length(value):
    """How many a value holds; 0 of what holds none."""
    return len(value) if raised(lambda: len(value)) is None else 0
