"""float32 rounded to 16 bits, ties to even, by integers: no compiler leaves that out."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from varscale._xla_real import Real


def _half(bits: Any, dtype: Any) -> Any:
    return lax.bitcast_convert_type(lax.convert_element_type(bits, jnp.uint16), dtype)


def _to_bfloat16(bits: Any) -> Any:
    odd = (bits >> np.uint32(16)) & np.uint32(1)
    return _half((bits + np.uint32(0x7FFF) + odd) >> np.uint32(16), jnp.bfloat16)


def _to_float16(bits: Any) -> Any:
    sign = bits & np.uint32(1 << 31)
    size = bits ^ sign
    odd = (size >> np.uint32(13)) & np.uint32(1)
    normal = (size - np.uint32(112 << 23) + np.uint32(0xFFF) + odd) >> np.uint32(13)
    # Below the least normal number, places are lost; with 31 and more, all.
    mantissa = (size & np.uint32(0x7FFFFF)) | np.uint32(0x800000)
    lost = jnp.minimum(np.uint32(126) - (size >> np.uint32(23)), np.uint32(31))
    lost = jnp.maximum(lost, np.uint32(1))
    half = (np.uint32(1) << (lost - np.uint32(1))) - np.uint32(1)
    subnormal = (mantissa + half + ((mantissa >> lost) & np.uint32(1))) >> lost
    rounded = jnp.where(size < np.uint32(113 << 23), subnormal, normal)
    rounded = jnp.where(size >= np.uint32(143 << 23), np.uint32(0x7C00), rounded)
    return _half(rounded | (sign >> np.uint32(16)), jnp.float16)


def _to_float32(bits: Any) -> Any:
    return lax.bitcast_convert_type(bits, jnp.float32)


_ROUNDED: dict[str, Callable[[Any], Any]] = {
    "float32": _to_float32,
    "bfloat16": _to_bfloat16,
    "float16": _to_float16,
}

DTYPES = frozenset(_ROUNDED)


def rounded(value: Real, dtype: str) -> Any:
    """The value in a dtype of `DTYPES`."""
    return _ROUNDED[dtype](value.bits())
