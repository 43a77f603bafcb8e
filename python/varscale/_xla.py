"""Draws of the native stream in XLA alone: the bits of the CPU's kernel, on whatever a program is
compiled for, and each device computes its own part.

`_xla_words` has the integers, `_xla_laws` the standard distributions, `_xla_real` what no compiler
can change about them, `_xla_round` the dtypes.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from varscale._core import Transform
from varscale._xla_laws import normal, standard
from varscale._xla_real import Operand, Real, bits_of, float_of, of_bits, product, total
from varscale._xla_round import rounded
from varscale._xla_words import (
    by_32_bits,
    by_64_bits,
    chosen,
    enable_64_bits,
    words_of,
)


def values(
    key: Any, call: Any, shape: tuple[int, ...], transform: Transform, dtype: str
) -> jax.Array:
    """The values of a tensor, by the two words of Philox's key and the call's."""
    numbers = tuple(sorted(transform.numbers.items()))
    return _values(key, call, transform.numbers["scale"], shape, transform.standard, numbers, dtype)


def scaled_values(
    key: Any, call: Any, scale: Any, shape: tuple[int, ...], transform: Transform, dtype: str
) -> jax.Array:
    """The same with a scale that is known once the program runs. What is no finite number, or below
    2^-60, makes values that are the plain product, which compilers may round otherwise."""
    raise NotImplementedError


def _values(
    key: Any,
    call: Any,
    scale: Any,
    shape: tuple[int, ...],
    name: str,
    numbers: tuple[tuple[str, float], ...],
    dtype: str,
) -> jax.Array:
    draw = partial(_drawn, shape=shape, name=name, numbers=dict(numbers), dtype=dtype)
    if 0 in shape:
        return jnp.zeros(shape, dtype)

    def wide(key: Any, call: Any) -> jax.Array:
        with enable_64_bits():
            return draw(key, call, product=by_64_bits)

    narrow = partial(draw, product=by_32_bits)
    # TPUs have no 64-bit products.
    return jax.lax.platform_dependent(key, call, tpu=narrow, default=wide)


def _drawn(
    key: Any,
    call: Any,
    product: Any,
    shape: tuple[int, ...],
    name: str,
    numbers: Mapping[str, float],
    dtype: str,
) -> jax.Array:
    words, within = words_of(shape, (key[0], key[1]), call, product)
    if name == "normal":
        upper = within >= np.uint32(2)
        pair = (jnp.where(upper, words[i + 2], words[i]) for i in (0, 1))
        z: Operand = normal(*pair, (within & np.uint32(1)) != np.uint32(0))
    else:
        z = standard(name, chosen(words, within), numbers)
    return rounded(_finished(z, numbers), dtype)


def _finished(z: Operand, numbers: Mapping[str, float]) -> Real:
    shift = numbers["shift"]
    value = total(product(z, numbers["scale"]), shift, zero=shift != 0)
    assert isinstance(value, Real)
    low, high = np.float32(numbers["low"]), np.float32(numbers["high"])
    if np.isinf(low) and np.isinf(high):
        return value
    clamped = float_of(value.bits())
    clamped = jnp.where(clamped < low, low, clamped)
    clamped = jnp.where(clamped > high, high, clamped)
    return of_bits(bits_of(clamped), value)
