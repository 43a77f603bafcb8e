"""Draws into JAX's arrays: at once, shard by shard, or from inside a compiled function."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.buffer_callback import buffer_callback
from jax.sharding import PartitionSpec

from varscale import _fill
from varscale._arguments import box_of
from varscale._core import Draw

# From the words of a key, or of a seed's state, to a draw.
Drawing = Callable[[Any], Draw]


def array(draw: Draw, dtype: np.dtype[Any], sharding: Any = None) -> Any:
    """The array of a draw; with a sharding, each device draws its own shard."""
    shape = tuple(draw.shape)
    if sharding is None:
        return jax.device_put(_fill.aligned(draw, (0,) * len(shape), shape, dtype))
    draw.check(dtype)

    def shard(index: Any) -> Any:
        return _fill.aligned(draw, *box_of(shape, index), dtype)

    return jax.make_array_from_callback(shape, sharding, shard)


def array_of(
    words: Any, drawing: Drawing, shape: tuple[int, ...], dtype: np.dtype[Any], sharding: Any = None
) -> Any:
    """The array that `drawing` makes of `words`, integers that may only be known once the compiled
    function that this is traced into runs, and that `jax.vmap` may have batched."""
    if not isinstance(words, jax.core.Tracer):
        return array(drawing(np.asarray(words)), dtype, sharding)

    if sharding is None:
        return _later(words, np.zeros(len(shape), int), drawing, shape, dtype)
    if not isinstance(sharding, jax.sharding.NamedSharding):
        raise TypeError(f"A compiled function draws by a NamedSharding. Received: {sharding!r}")
    extent = sharding.shard_shape(shape)
    mesh = sharding.mesh
    names = [_names(part) for part in sharding.spec] + [()] * (len(shape) - len(sharding.spec))

    def shard(words: Any) -> Any:
        return _later(
            words, jnp.array([_index(mesh, some) for some in names]), drawing, extent, dtype
        )

    drawn = jax.shard_map(
        shard, mesh=mesh, in_specs=PartitionSpec(), out_specs=sharding.spec, check_vma=False
    )
    return drawn(words)


def _names(part: Any) -> tuple[str, ...]:
    """The axes of the mesh that one axis of the shape is divided along."""
    return () if part is None else (part,) if isinstance(part, str) else tuple(part)


def _index(mesh: Any, names: tuple[str, ...]) -> Any:
    """Which part this device has, of an axis that is divided along these axes of the mesh."""
    index = jnp.uint32(0)
    for name in names:
        index = index * mesh.shape[name] + jax.lax.axis_index(name).astype("uint32")
    return index


def _later(
    words: Any, part: Any, drawing: Drawing, extent: tuple[int, ...], dtype: np.dtype[Any]
) -> Any:
    """The part with this index, of parts of this extent, once the compiled function runs."""

    def fill(_context: Any, result: Any, words: Any, part: Any) -> None:
        result, words, part = np.asarray(result), np.asarray(words), np.asarray(part)
        for index in np.ndindex(words.shape[:-1]):
            # Whole numbers of Python: of a large tensor, an offset may not fit 32 bits.
            offset = tuple(int(at) * size for at, size in zip(part[index], extent, strict=True))
            _fill.fill(drawing(words[index]), result[index + (...,)], offset, at_once=True)

    def values(words: Any, part: Any) -> Any:
        result = np.empty((*words.shape[:-1], *extent), dtype)
        fill(None, result, words, part)
        return result

    kind = jax.ShapeDtypeStruct(extent, dtype)
    batched = "broadcast_all"

    def copied(words: Any, part: Any) -> Any:
        return jax.pure_callback(values, kind, words, part, vmap_method=batched)

    # On a CPU, values are drawn into the result's own memory; others cannot be written to.
    in_place = buffer_callback(fill, kind, vmap_method=batched)
    return jax.lax.platform_dependent(words, part, cpu=in_place, default=copied)


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
