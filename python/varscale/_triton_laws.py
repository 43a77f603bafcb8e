"""Standard values of random words in Triton, as `crates/varscale/src/streams/native` has them."""

import triton
import triton.language as tl

from varscale._core import NATIVE_CONSTANTS
from varscale._triton_exact import (
    add,
    bits,
    converted,
    divide,
    multiply,
    real,
    signed,
    square_root,
)


def _constants(name):
    return [tl.constexpr(value) for value in NATIVE_CONSTANTS[name]]


# Of the quantile, C, A, B, and G times powers of two.
(_C,) = _constants("QUANTILE_C")
_A0, _A1, _A2 = _constants("QUANTILE_A")
_B0, _B1, _B2, _B3 = _constants("QUANTILE_B")
_LINEAR = tl.constexpr(NATIVE_CONSTANTS["QUANTILE_G"][0] * -(2.0**-30))
_SQUARE = tl.constexpr(NATIVE_CONSTANTS["QUANTILE_G"][0] * -(2.0**-62))
# Of the logarithm, the sine and the cosine.
(_LN2,) = _constants("BOX_MULLER_LN2")
_LOG0, _LOG1, _LOG2 = _constants("BOX_MULLER_LOG")
_SIN0, _SIN1, _SIN2, _SIN3 = _constants("BOX_MULLER_SIN")
_COS0, _COS1, _COS2 = _constants("BOX_MULLER_COS")
# Of the quantile between any bounds.
(_BOUNDED_C,) = _constants("BOUNDED_C")
_P0, _P1, _P2, _P3, _P4 = _constants("BOUNDED_A")
_Q0, _Q1, _Q2, _Q3, _Q4, _Q5 = _constants("BOUNDED_B")
_N0, _N1, _N2, _N3, _N4 = _constants("BOUNDED_N")
_D0, _D1, _D2, _D3, _D4 = _constants("BOUNDED_D")

_SQRT_HALF = tl.constexpr(0x3F3504F3)


@triton.jit
def _odd(word):
    return signed(word | 1)


@triton.jit
def _from_end(s):
    """|s| - 2^31."""
    return (s ^ (s >> 31)) | -0x7FFFFFFF


@triton.jit
def uniform(word, zero):
    """In [-1, 1]."""
    return multiply(converted(_odd(word), zero), 2.0**-31, zero)


@triton.jit
def truncated_normal(word, zero):
    """Truncated to [-2, 2]."""
    s = _odd(word)
    c = converted(_from_end(s), zero)
    v = multiply(c, add(multiply(c, _SQUARE, zero), _LINEAR, zero), zero)
    a = multiply(add(v, _A0, zero), add(v, _A1, zero), zero)
    a = multiply(a, add(v, _A2, zero), zero)
    b = multiply(add(v, _B0, zero), add(v, _B1, zero), zero)
    b = multiply(b, multiply(add(v, _B2, zero), add(v, _B3, zero), zero), zero)
    return multiply(converted(s, zero), add(divide(a, b, zero), _C, zero), zero)


@triton.jit
def minus_two_ln(y, d, zero):
    """-2 ln y, given y - 1 too."""
    b = bits(y) - _SQRT_HALF
    e = signed(b) >> 23
    m = real((b & 0x7FFFFF) + _SQRT_HALF)
    f = tl.where(e == 0, d, add(m, -1.0, zero))
    # Of numbers above 0; the sign comes back.
    sign = bits(f) & 0x80000000
    none = bits(f) == sign
    size = tl.where(none, 1.0, real(bits(f) ^ sign))
    quotient = tl.where(none, 0.0, divide(size, add(f, 2.0, zero), zero))
    s = real(bits(quotient) | sign)
    w = multiply(s, s, zero)
    q = add(multiply(w, _LOG2, zero), _LOG1, zero)
    q = add(multiply(w, q, zero), _LOG0, zero)
    q = add(multiply(w, q, zero), -4.0, zero)
    return add(multiply(converted(e, zero), _LN2, zero), multiply(s, q, zero), zero)


@triton.jit
def radius(word, zero):
    """Of a pair of normals."""
    d = multiply(converted(_odd(word), zero), 2.0**-32, zero)
    y = tl.where(d < 0, add(d, 1.0, zero), d)
    return square_root(minus_two_ln(y, d, zero), zero)


@triton.jit
def direction(word, zero):
    """Cosine and sine of a turn."""
    turn = (word | 1) + 0x20000000
    x = converted(signed(turn & 0x3FFFFFFF) - 0x20000000, zero)
    x = multiply(x, 2.0**-30, zero)
    w = multiply(x, x, zero)
    p = add(multiply(w, _SIN3, zero), _SIN2, zero)
    p = add(multiply(w, p, zero), _SIN1, zero)
    p = add(multiply(w, p, zero), _SIN0, zero)
    sin = bits(multiply(x, p, zero))
    q = add(multiply(w, _COS2, zero), _COS1, zero)
    q = add(multiply(w, q, zero), _COS0, zero)
    cos = bits(add(multiply(w, q, zero), 1.0, zero))
    swap = (turn & 0x40000000) != 0
    first = tl.where(swap, sin, cos) ^ ((turn + 0x40000000) & 0x80000000)
    second = tl.where(swap, cos, sin) ^ (turn & 0x80000000)
    return real(first), real(second)


@triton.jit
def bounded_normal(word, bounds, zero, TAILS: tl.constexpr, MIRRORED: tl.constexpr):
    """Truncated to the bounds that these numbers stand for."""
    base, slope, low_base, low_slope, high_base, high_slope, switch, log_shift, lower = bounds
    if MIRRORED:
        word = ~word
    s = _odd(word)
    nearer = multiply(converted(_from_end(s), zero), -(2.0**-31), zero)
    farther = add(-nearer, 2.0, zero)
    above_lower = tl.where(s < 0, nearer, farther)
    below_upper = tl.where(s < 0, farther, nearer)
    u = tl.where(lower != 0, above_lower, multiply(converted(s, zero), 2.0**-31, zero))

    x = add(multiply(u, slope, zero), base, zero)
    low = add(multiply(above_lower, low_slope, zero), low_base, zero)
    high = add(multiply(below_upper, high_slope, zero), high_base, zero)
    q = multiply(low, high, zero)
    a = multiply(add(q, _P0, zero), add(q, _P1, zero), zero)
    a = multiply(a, multiply(add(q, _P2, zero), add(q, _P3, zero), zero), zero)
    a = multiply(a, add(q, _P4, zero), zero)
    b = multiply(add(q, _Q0, zero), add(q, _Q1, zero), zero)
    b = multiply(b, multiply(add(q, _Q2, zero), add(q, _Q3, zero), zero), zero)
    b = multiply(b, multiply(add(q, _Q4, zero), add(q, _Q5, zero), zero), zero)
    factor, constant = x, _BOUNDED_C
    if TAILS:
        tail = tl.where(x < 0, low, high)
        inside = tail < switch
        t = add(minus_two_ln(tail, add(tail, -1.0, zero), zero), log_shift, zero)
        # Elsewhere t counts for nothing.
        t = square_root(tl.where(inside, t, 1.0), zero)
        a = tl.where(inside, _tail(t, _N0, _N1, _N2, _N3, _N4, zero), a)
        b = tl.where(inside, _tail(t, _D0, _D1, _D2, _D3, _D4, zero), b)
        factor = tl.where(inside, real(bits(t) | (bits(x) & 0x80000000)), x)
        constant = tl.where(inside, 0.0, _BOUNDED_C)
    return multiply(factor, add(divide(a, b, zero), constant, zero), zero)


@triton.jit
def _tail(t, c0, c1, c2, c3, c4, zero):
    p = add(multiply(t, c4, zero), c3, zero)
    p = add(multiply(t, p, zero), c2, zero)
    p = add(multiply(t, p, zero), c1, zero)
    return add(multiply(t, p, zero), c0, zero)


@triton.jit
def standard(
    c0, c1, c2, c3, bounds, zero, LAW: tl.constexpr, TAILS: tl.constexpr, MIRRORED: tl.constexpr
):
    """The values of words that come in fours: four times as many, in order."""
    if LAW == "normal":
        r = radius(tl.interleave(c0, c2), zero)
        first, second = direction(tl.interleave(c1, c3), zero)
        return tl.interleave(multiply(r, first, zero), multiply(r, second, zero))
    else:
        word = tl.interleave(tl.interleave(c0, c2), tl.interleave(c1, c3))
        if LAW == "uniform":
            return uniform(word, zero)
        elif LAW == "truncated_normal":
            return truncated_normal(word, zero)
        else:
            tl.static_assert(LAW == "bounded_normal")
            return bounded_normal(word, bounds, zero, TAILS, MIRRORED)
