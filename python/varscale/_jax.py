"""Draws into JAX's arrays: at once, shard by shard, or from inside a compiled function."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from varscale import _fill
from varscale._arguments import box_of
from varscale._core import Draw

# From the words of a key, or of a seed's state, to a draw.
Drawing = Callable[[Any], Draw]


def array(draw: Draw, dtype: np.dtype[Any], sharding: Any = None) -> Any:
    """The array of a draw; with a sharding, each device draws its own shard."""
    shape = tuple(draw.shape)
    if sharding is None:
        return jax.device_put(_fill.drawn(draw, (0,) * len(shape), shape, dtype))
    draw.check(dtype.name)

    def shard(index: Any) -> Any:
        return _fill.drawn(draw, *box_of(shape, index), dtype)

    return jax.make_array_from_callback(shape, sharding, shard)


def array_of(
    words: Any, drawing: Drawing, shape: tuple[int, ...], dtype: np.dtype[Any], sharding: Any = None
) -> Any:
    """The array that `drawing` makes of `words`, integers that may only be known once the compiled
    function that this is traced into runs, and that `jax.vmap` may have batched."""
    if not isinstance(words, jax.core.Tracer):
        return array(drawing(np.asarray(words)), dtype, sharding)

    def values(words: Any) -> Any:
        words = np.asarray(words)
        batch = words.shape[:-1]
        result = np.empty((*batch, *shape), dtype)
        for index in np.ndindex(batch):
            draw = drawing(words[index])
            _fill.fill(draw, result[index + (...,)], (0,) * len(shape), at_once=True)
        return result

    result = jax.ShapeDtypeStruct(shape, dtype)
    drawn = jax.pure_callback(values, result, words, vmap_method="broadcast_all")
    return drawn if sharding is None else jax.lax.with_sharding_constraint(drawn, sharding)


def canonical(dtype: Any) -> Any:
    """The dtype that JAX has in its place: float32 for float64, unless that is enabled."""
    return jax.dtypes.canonicalize_dtype(dtype)


def concrete(sharding: Any) -> Any:
    """A sharding over devices, of one over a mesh that is named in the context only, or of a
    partition over such a mesh."""
    if isinstance(sharding, jax.sharding.PartitionSpec):
        return jax.sharding.NamedSharding(jax.sharding.get_mesh(), sharding)
    if isinstance(getattr(sharding, "mesh", None), jax.sharding.AbstractMesh):
        return jax.sharding.NamedSharding(jax.sharding.get_mesh(), sharding.spec)
    return sharding
