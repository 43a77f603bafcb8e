"""The native stream's standard distributions, in the arithmetic of `_xla_real`.

The formulas are those of `crates/varscale/src/streams/native`, in the same order.
"""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from varscale._core import NATIVE_CONSTANTS
from varscale._xla_real import (
    Operand,
    Real,
    bits_of,
    of_bits,
    of_integer,
    polynomial,
    product,
    quotient,
    root,
    select,
    signed,
    total,
    with_sign,
)

_K = NATIVE_CONSTANTS
_SQRT_HALF = np.float32(0.5**0.5).view(np.uint32)
_ONE = np.uint32(0x3F800000)
_SIGN = np.uint32(1 << 31)


def odd(word: Any) -> Any:
    """A word as the signed odd integer that stands for it."""
    return signed(word | np.uint32(1))


def _to_the_ends(word: Any) -> Any:
    """The distance of a word's integer to the nearer end of the range, negative and odd."""
    sign = signed(word) >> np.int32(31)
    return (signed(word) ^ sign) | np.int32(-(1 << 31) | 1)


def uniform(word: Any) -> Real:
    """Uniform in [-1, 1]."""
    return of_integer(odd(word), -31)


def _all(factors: list[Operand]) -> Operand:
    """The product of two factors, of two pairs, or of a pair and one more."""
    if len(factors) == 1:
        return factors[0]
    middle = 2 if len(factors) == 3 else len(factors) // 2
    return product(_all(factors[:middle]), _all(factors[middle:]))


def truncated_normal(word: Any) -> Operand:
    """Normal, cut off at -2 and 2."""
    (constant,), (scale,) = _K["QUANTILE_C"], _K["QUANTILE_G"]
    distance = of_integer(_to_the_ends(word))
    linear = total(product(distance, -scale * 2.0**-62), -scale * 2.0**-30)
    v = product(distance, linear)
    numerator = _all([total(v, a) for a in _K["QUANTILE_A"]])
    denominator = _all([total(v, b) for b in _K["QUANTILE_B"]])
    assert isinstance(numerator, Real)
    return product(of_integer(odd(word)), total(quotient(numerator, denominator), constant))


def bounded_normal(word: Any, numbers: Mapping[str, float]) -> Real:
    """Normal, cut off at the bounds that come to these numbers."""
    (constant,) = _K["BOUNDED_C"]
    if numbers["mirrored"]:
        word = ~word
    s, distance = odd(word), _to_the_ends(word)
    nearer, farther = of_integer(-distance, -31), total(of_integer(distance, -31), 2.0)
    below_zero = s < np.int32(0)
    above_lower = select(below_zero, nearer, farther)
    below_upper = select(below_zero, farther, nearer)
    u = above_lower if numbers["from_lower"] else of_integer(s, -31)

    x = total(product(u, numbers["slope"]), numbers["base"], zero=numbers["base"] != 0)
    low = total(product(above_lower, numbers["low_slope"]), numbers["low_base"])
    high = total(product(below_upper, numbers["high_slope"]), numbers["high_base"])
    q = product(low, high)
    a, b = ([total(q, c) for c in _K[name]] for name in ("BOUNDED_A", "BOUNDED_B"))
    numerator = product(_all(a[:4]), a[4])
    denominator = product(_all(b[:4]), _all(b[4:]))
    assert isinstance(numerator, Real)
    if not numbers["tails"]:
        result = product(x, total(quotient(numerator, denominator), constant))
        assert isinstance(result, Real)
        return result

    negative = x.negative() if isinstance(x, Real) else jnp.full(word.shape, x < 0)
    tail = select(negative, low, high)
    switch = np.float32(numbers["switch"]).view(np.uint32)
    in_tail = tail.bits() < switch
    logarithm = total(
        _minus_two_ln(tail.bits(), total(tail, -1.0, zero=True)), numbers["log_shift"]
    )
    assert isinstance(logarithm, Real)
    t = root(logarithm)
    n, d = (polynomial(t, _K[name]) for name in ("BOUNDED_N", "BOUNDED_D"))
    ratio = quotient(select(in_tail, n, numerator), select(in_tail, d, denominator))
    sign = bits_of(x.raw) if isinstance(x, Real) else np.float32(x).view(np.uint32)
    factor = select(in_tail, with_sign(t, sign), x)
    result = product(factor, select(in_tail, ratio, total(ratio, constant)))
    assert isinstance(result, Real)
    return result


def _minus_two_ln(y: Any, less_one: Operand) -> Operand:
    """-2 ln y, given the bits of y, and y - 1."""
    (ln2,) = _K["BOX_MULLER_LN2"]
    bits = y - _SQRT_HALF
    e = signed(bits) >> np.int32(23)
    mantissa = of_bits((bits & np.uint32(0x7FFFFF)) + _SQRT_HALF)
    f = select(e == np.int32(0), less_one, total(mantissa, -1.0, zero=True))
    zero, sign = f.is_zero(), f.bits()
    size, safe = (
        of_bits(jnp.where(zero, _ONE, x), f._replace(zero=False)) for x in (sign & ~_SIGN, sign)
    )
    two = total(safe, 2.0)
    # A quarter of it, so that there is room to shift what may be 0 up.
    quarter = jnp.where(zero, np.uint32(0), bits_of(quotient(size, two).at(-2)))
    s = of_bits(quarter | (sign & _SIGN))._replace(power=2, absorbed=True)
    w = product(s, s)
    polynomial_of_w = polynomial(w, [-4.0, *_K["BOX_MULLER_LOG"]])
    exponent = of_integer(e)._replace(absorbed=True)
    return total(product(exponent, ln2), product(s, polynomial_of_w))


def _radius(word: Any) -> Real:
    d = of_integer(odd(word), -32)
    # The word is y below one half and y - 1 above.
    y = select(d.negative(), total(d, 1.0), d)
    squared = _minus_two_ln(y.bits(), d)
    assert isinstance(squared, Real)
    return root(squared)


def _direction(word: Any, second: Any) -> Real:
    """The cosine, or the sine where it is the `second`."""
    turn = (word | np.uint32(1)) + np.uint32(1 << 29)
    x = of_integer(signed(turn & np.uint32(0x3FFFFFFF)) - np.int32(1 << 29), -30)
    w = product(x, x)
    sine = product(x, polynomial(w, _K["BOX_MULLER_SIN"]))
    cosine = polynomial(w, [1.0, *_K["BOX_MULLER_COS"]])
    assert isinstance(sine, Real) and isinstance(cosine, Real)
    # Each further quadrant exchanges the two.
    swap = (turn & np.uint32(1 << 30)) != np.uint32(0)
    sign = jnp.where(second, turn, turn + np.uint32(1 << 30)) & _SIGN
    return of_bits(select(swap != second, sine, cosine).bits() ^ sign, sine, cosine)


def normal(radius_word: Any, direction_word: Any, second: Any) -> Operand:
    """The first or the `second` of the two normals of a pair of words."""
    return product(_radius(radius_word), _direction(direction_word, second))


def standard(name: str, word: Any, numbers: Mapping[str, float]) -> Operand:
    """The standard value of a word, of a distribution that takes one."""
    if name == "bounded_normal":
        return bounded_normal(word, numbers)
    return {"uniform": uniform, "truncated_normal": truncated_normal}[name](word)
