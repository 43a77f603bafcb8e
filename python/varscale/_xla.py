"""Draws of the native stream in XLA alone: the bits of the CPU's kernel, on whatever a program is
compiled for, and each device computes its own part.

`_xla_words` has the integers, `_xla_laws` the standard distributions, `_xla_real` what no compiler
can change about them, `_xla_round` the dtypes.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from varscale._core import Draw, Transform
from varscale._xla_laws import normal, standard
from varscale._xla_real import Operand, Real, bits_of, float_of, of_bits, product, root, total
from varscale._xla_round import rounded
from varscale._xla_words import Box, Products, by_products, pairs_of

# What is computed in float32.
_DTYPES = {"float32", "bfloat16", "float16"}

# The least factor of which no value is subnormal, and the most that leaves room for a word above.
_LEAST, _MOST = 2.0**-60, 2.0**90

# What is multiplied by a factor that is known later.
_SCALED = "scale", "shift", "low", "high"

# A tensor's shape, and a box of it.
Place = tuple[tuple[int, ...], Box | None]


class Law(NamedTuple):
    """What programs are compiled for: a standard distribution, and its numbers by their names."""

    standard: str
    items: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, transform: Transform) -> "Law":
        return cls(transform.standard, tuple(sorted(transform.numbers.items())))

    @property
    def numbers(self) -> dict[str, float]:
        return dict(self.items)


class Scale(NamedTuple):
    """A number that is known once a program runs, by which all values are multiplied, or by its
    square `root`."""

    value: Any
    root: bool


def law_of(draw: Draw, dtype: Any) -> Law | str:
    """How XLA makes the values of a draw, or why it does not make them exactly."""
    name = np.dtype(dtype).name
    if name not in _DTYPES:
        return f"it computes no {name} exactly"
    # Places are counted along each axis in 32 bits.
    if max(draw.shape, default=0) > 1 << 32 and 0 not in draw.shape:
        return "an axis is longer than 2^32"
    if not (native := draw.native()):
        return "orthogonal matrices, formulas, regions and streams of frameworks are the host's"
    if not (transform := native.transform(dtype)):
        return "a deviation is 0, a number below 2^-60 or beyond 2^120, or the law LogUniform"
    return Law.of(transform)


def values(
    key: Any,
    call: Any,
    shape: tuple[int, ...],
    law: Law,
    dtype: str,
    scale: Scale | None = None,
    box: Box | None = None,
) -> jax.Array:
    """The values of a tensor, or of a box of it, by the two words of Philox's key and the call's,
    and those of a law with the scale 1 where there is another."""
    what = (shape, box), law, dtype
    if scale is None:
        return _values(key, call, None, *what)
    factor = jnp.asarray(scale.value, jnp.float32)
    return _multiplied(factor, jnp.stack(key), call, (*what, scale.root))


@partial(jax.custom_jvp, nondiff_argnums=(3,))
def _multiplied(factor: Any, key: Any, call: Any, of: tuple[Any, ...]) -> Any:
    *what, is_root = of
    # Of other numbers, XLA's own product says what becomes of them.
    size = abs(factor)
    exact = (size >= _LEAST) & (size <= _MOST) & ((factor > 0) | (not is_root))
    # A negative factor has other values than a positive one, times -1: see `_finished`.
    sign = jnp.where((factor < 0) & (not is_root), jnp.float32(-1), jnp.float32(1))
    safe = jnp.where(exact, factor, sign)
    if is_root:
        safe, factor = float_of(root(of_bits(bits_of(safe))).bits()), jnp.sqrt(factor)
    drawn = _values(key, call, safe, *what)
    return jnp.where(exact, drawn, drawn * abs(factor).astype(drawn.dtype))


@_multiplied.defjvp  # type: ignore[untyped-decorator]
def _multiplied_jvp(of: tuple[Any, ...], primals: Any, tangents: Any) -> Any:
    (factor, key, call), (tangent, *_) = primals, tangents
    # Values are a multiple of the factor, on each side of 0, or of its root.
    *what, is_root = of
    sign = jnp.where(factor < 0, jnp.float32(-1), jnp.float32(1))
    slope = _values(key, call, sign, *what) * sign
    if is_root:
        # Infinite at 0, where values of both signs would have no sum.
        tangent = tangent * (0.5 / jnp.sqrt(factor))
    drawn = _multiplied(*primals, of)
    return drawn, (slope * tangent).astype(drawn.dtype)


@partial(jax.jit, static_argnums=(3, 4, 5))
def _values(key: Any, call: Any, factor: Any, place: Place, law: Law, dtype: str) -> jax.Array:
    shape, box = place
    if 0 in (extent := box[1] if box else shape):
        return jnp.zeros(extent, dtype)
    # Computed once: not again in the loop over all elements, nor for the second word, as XLA would
    # compute what it concatenates.
    both = jnp.where(np.array([True, False]), *key) if isinstance(key, tuple) else key
    key = jax.lax.optimization_barrier(both)
    return by_products(partial(_drawn, place, law, dtype), key, call, factor)


def _drawn(
    place: Place, law: Law, dtype: str, key: Any, call: Any, factor: Any, products: Products
) -> jax.Array:
    (first, second), is_second = pairs_of(*place, (key[0], key[1]), call, products)
    if law.standard == "normal":
        z = normal(first, second, is_second)
    else:
        z = standard(law.standard, jnp.where(is_second, second, first), law.numbers)
    return rounded(_finished(z, law.numbers, factor), dtype)


def _finished(z: Operand, numbers: Mapping[str, float], factor: Any) -> Real:
    scale, shift, low, high = (_times(numbers[name], factor) for name in _SCALED)
    if factor is not None and numbers["shift"]:
        # As where the factor is known: between two ends, values rise with their words.
        scale = _times(numbers["scale"], abs(factor))
    value = total(product(z, scale), shift, zero=not isinstance(shift, float) or shift != 0)
    assert isinstance(value, Real)
    if np.isinf(numbers["low"]) and np.isinf(numbers["high"]):
        return value
    # Ends change places where the factor is negative.
    ends = jnp.stack([_float(low), _float(high)])
    clamped = float_of(value.bits())
    clamped = jnp.where(clamped < ends.min(), ends.min(), clamped)
    clamped = jnp.where(clamped > ends.max(), ends.max(), clamped)
    return of_bits(bits_of(clamped), value)


def _times(number: float, factor: Any) -> Operand:
    """A number of a law, times a factor that is known later."""
    if factor is None or number == 0 or np.isinf(number):
        return number
    return product(Real(factor, made=frozenset([0])), number)


def _float(x: Operand) -> Any:
    return float_of(x.bits()) if isinstance(x, Real) else np.float32(x)
