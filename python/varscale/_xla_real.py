"""Real numbers in float32 that every compiler rounds as IEEE 754 says.

Compilers contract a product and a sum into one operation, divide by approximations, and reorder
what they may. Here, no float operation takes an operand from another one: between them stands an
addition of integers to the exponent, whose power of two is put into constants or taken back later.
A division and a square root are guesses that integers correct. All numbers are normal, so that it
does not matter whether subnormal ones are flushed to zero.

No other module says how: a `Real` is a raw array and the power of two that it still lacks.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax

# Units in the last place by which the guess of a division or a root may be off.
_LEVELS = 2
_EXPONENT = 23
_MANTISSA = 0x7FFFFF
_HIDDEN = 0x800000
_SIGN = 0x80000000

# Powers of two that operands are tried with: the first of the cheapest is taken.
_POWERS = (0, -1, 1, -2, 2)


class Real(NamedTuple):
    """`raw` times two to the power of `power`.

    `made`: the powers of two, times which a float operation has made it, or what it was made of
    (that itself is the power 0). No other one takes it so: what lies between them would cancel.
    `zero`: it may be 0. `absorbed`: it may be 0, and is only added to what is so much larger that
    2^-100 in its place is the same.
    """

    raw: Any
    power: int = 0
    made: frozenset[int] = frozenset()
    zero: bool = False
    absorbed: bool = False

    def powers(self) -> tuple[int, ...]:
        """The powers of two to try, first the one that is there."""
        return (-self.power, *_POWERS)

    def takes(self, power: int) -> int | None:
        """How many integer operations `at` needs; `None` where it must not."""
        shift = self.power + power
        if power in self.made or self.absorbed and shift < 0:
            return None
        return 0 if not shift else 3 if self.zero else 1

    def at(self, power: int) -> Any:
        """This times two to that power, for a float operation to take."""
        shift = self.power + power
        if not shift:
            return self.raw
        bits = bits_of(self.raw)
        shifted = bits + np.uint32(shift << _EXPONENT & 0xFFFFFFFF)
        if self.zero:
            shifted = jnp.where((bits << np.uint32(1)) == np.uint32(0), bits, shifted)
        return float_of(shifted)

    def bits(self) -> Any:
        """The bits of its value."""
        return bits_of(self.at(0))

    def negative(self) -> Any:
        """Whether its sign is set."""
        return signed(bits_of(self.raw)) < np.int32(0)

    def is_zero(self) -> Any:
        """Whether it is 0."""
        return (bits_of(self.raw) << np.uint32(1)) == np.uint32(0)


Operand = Real | float


def bits_of(x: Any) -> Any:
    """The bits of a float."""
    return lax.bitcast_convert_type(x, jnp.uint32)


def float_of(bits: Any) -> Any:
    """The float of these bits."""
    return lax.bitcast_convert_type(bits, jnp.float32)


def signed(word: Any) -> Any:
    """A word as a signed integer."""
    return lax.bitcast_convert_type(word, jnp.int32)


def of_integer(integer: Any, power: int = 0) -> Real:
    """A signed integer, rounded, times two to that power."""
    return Real(lax.convert_element_type(integer, jnp.float32), power)


def of_bits(bits: Any, *like: Operand) -> Real:
    """What integer operations have made, of bits of `like` where these can still be seen in it."""
    reals = [x for x in like if isinstance(x, Real)]
    made = frozenset[int]().union(*(x.made for x in reals))
    zero, absorbed = any(x.zero for x in reals), any(x.absorbed for x in reals)
    return Real(float_of(bits), 0, made, zero, absorbed)


def product(a: Operand, b: Operand) -> Operand:
    """a · b."""
    if not isinstance(a, Real):
        if not isinstance(b, Real):
            return float(np.float32(a) * np.float32(b))
        a, b = b, a
    if not isinstance(b, Real):
        if b == 0:
            return 0.0
        p = _cheapest([a], a.powers())
        raw, power = a.at(p) * _scaled(b, -1 - p), 1
        return Real(raw, power, frozenset([-power]), a.zero, a.absorbed)
    zero, absorbed = a.zero or b.zero, a.absorbed or b.absorbed
    pairs = [(p, q) for p in a.powers() for q in b.powers() if p + q]
    # What may be 0 has to be shifted up afterwards.
    costs = {
        (p, q): first + second
        for p, q in pairs
        if (first := a.takes(p)) is not None
        and (second := b.takes(q)) is not None
        and (p + q < 0 or not absorbed)
    }
    p, q = min(costs, key=lambda pair: (costs[pair], abs(sum(pair) + 1)))
    return Real(a.at(p) * b.at(q), -p - q, frozenset([p + q]), zero, absorbed)


def total(a: Operand, b: Operand, *, zero: bool = False) -> Operand:
    """a + b. `zero`: the sum may be 0."""
    if not isinstance(a, Real):
        if not isinstance(b, Real):
            return float(np.float32(a) + np.float32(b))
        a, b = b, a
    if not isinstance(b, Real):
        if b == 0:
            return a
        power = _cheapest([a], a.powers())
        raw = a.at(power) + _scaled(b, power)
    else:
        power = _cheapest([a, b], (*a.powers(), *b.powers()))
        raw = a.at(power) + b.at(power)
    return Real(raw, -power, frozenset([power]), zero)


def _scaled(constant: float, power: int) -> np.float32:
    scaled = np.float32(np.ldexp(np.float64(constant), power))
    if np.ldexp(np.float64(scaled), -power) != constant and abs(constant) > 2.0**-100:
        raise AssertionError(f"{constant} is no float32, or leaves its range")
    return scaled


def _cheapest(operands: list[Real], powers: tuple[int, ...]) -> int:
    """The power of two at which all may be taken with the fewest operations, and which is not 0."""
    costs = {}
    for power in powers:
        each = [x.takes(power) for x in operands]
        if power and None not in each:
            costs[power] = sum(each)  # type: ignore[arg-type]
    return min(costs, key=lambda power: (costs[power], abs(power)))


def select(condition: Any, a: Operand, b: Operand) -> Real:
    """a where the condition holds, else b."""
    chosen = jnp.where(condition, *map(_bits, (a, b)))
    return of_bits(chosen, a, b)


def _bits(x: Operand) -> Any:
    return x.bits() if isinstance(x, Real) else np.float32(x).view(np.uint32)


def with_sign(x: Real, sign: Any) -> Real:
    """x, which is not negative, with the sign bit of a word."""
    return of_bits(x.bits() | (sign & np.uint32(_SIGN)), x)


def quotient(numerator: Real, denominator: Operand) -> Real:
    """numerator / denominator, both positive."""
    assert isinstance(denominator, Real)
    p, q = (next(p for p in x.powers() if x.takes(p) is not None) for x in (numerator, denominator))
    n, d = numerator.at(p), denominator.at(q)
    # One use of a division: what more than one takes, XLA keeps in memory.
    guess, n, d = bits_of(n / d), bits_of(n), bits_of(d)
    mantissa, divisor = ((x & np.uint32(_MANTISSA)) | np.uint32(_HIDDEN) for x in (n, d))
    # The quotient's mantissa has 24 bits, with one more place where the numerator's is smaller.
    less = (mantissa < divisor).astype(jnp.uint32)
    exponents = np.uint32(0x7F800000)
    exponent = (n & exponents) - (d & exponents) + ((np.uint32(126) - less) << np.uint32(_EXPONENT))
    places = mantissa << (np.uint32(_EXPONENT) + less)
    # Modulo 2^32, which the remainder of a guess this close is far from.
    remainder = signed(places - (guess - exponent) * divisor)
    twice = remainder + remainder
    unit = signed(divisor)
    rounded = guess
    for level in range(_LEVELS):
        bound = unit * np.int32(2 * level + 1)
        rounded = rounded + (twice > bound).astype(jnp.uint32) - (twice < -bound).astype(jnp.uint32)
    return of_bits(rounded)._replace(power=q - p)


def root(x: Real) -> Real:
    """The square root of x, which is positive."""
    value = x.at(0)
    guess, bits = bits_of(lax.sqrt(value)), bits_of(value)
    biased = bits >> np.uint32(_EXPONENT)
    mantissa = (bits & np.uint32(_MANTISSA)) | np.uint32(_HIDDEN)
    # So many places that the exponent is even.
    places = np.uint32(24) - (biased & np.uint32(1))
    half = (biased + np.uint32(150) - places) >> np.uint32(1)
    exponent = (half - np.uint32(1)) << np.uint32(_EXPONENT)
    candidate = signed(guess - exponent)
    remainder = signed((mantissa << places) - (guess - exponent) * (guess - exponent))
    rounded = guess
    for level in range(1, _LEVELS + 1):
        step, square = np.int32(2 * level - 1), np.int32(level * level - level)
        up = remainder > candidate * step + square
        down = remainder <= square - candidate * step
        rounded = rounded + up.astype(jnp.uint32) - down.astype(jnp.uint32)
    return of_bits(rounded)


def polynomial(x: Operand, coefficients: Any) -> Operand:
    """c0 + x · (c1 + x · (c2 + …))."""
    *rest, value = coefficients
    for coefficient in reversed(rest):
        value = total(product(x, value), coefficient)
    return value
