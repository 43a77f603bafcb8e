"""Draws into JAX's arrays: at once, shard by shard, or from inside a compiled function."""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.buffer_callback import buffer_callback
from jax.sharding import PartitionSpec, Sharding

from varscale import _fill, _xla, _xla_words
from varscale._arguments import box_of
from varscale._core import Draw, NativeDraw

# Whether compiled functions draw by a callback on the host.
HOST = jax.make_user_context(False)


class Drawing(NamedTuple):
    """How the words of a key, or of a seed's state, become a draw.

    `at`: the draw of words that are known. `key`: Philox's key and the call, of words that may be
    traced, and of what the native stream says of any other words. `scale`: what all values are
    multiplied by, where that is traced, too.
    """

    at: Callable[[Any], Draw]
    key: Callable[[Any, NativeDraw], tuple[Any, Any]]
    scale: _xla.Scale | None = None


def array(draw: Draw, dtype: np.dtype[Any], sharding: Any = None) -> Any:
    """The array of a draw, where its sharding says, or on JAX's default device. Of a sharding that
    divides it, each device draws its own shard."""
    shape = tuple(draw.shape)
    if sharding is None or isinstance(sharding, jax.sharding.SingleDeviceSharding):
        values = _fill.aligned(draw, (0,) * len(shape), shape, dtype)
        return jax.device_put(values, sharding)
    draw.check(dtype)

    def shard(index: Any) -> Any:
        return _fill.aligned(draw, *box_of(shape, index), dtype)

    return jax.make_array_from_callback(shape, sharding, shard)


def array_of(
    words: Any, drawing: Drawing, shape: tuple[int, ...], dtype: np.dtype[Any], sharding: Any = None
) -> Any:
    """The array that `drawing` makes of `words`, integers that may only be known once the compiled
    function that this is traced into runs, and that `jax.vmap` may have batched."""
    sharding = in_context(sharding, shape)
    known = not isinstance(words, jax.core.Tracer) and not is_abstract(sharding)
    if known and drawing.scale is None:
        if sharding is None:
            sharding = of_key(words, len(shape))
        return array(drawing.at(np.asarray(words)), dtype, sharding)

    if sharding is not None and not isinstance(sharding, jax.sharding.NamedSharding):
        raise TypeError(f"A compiled function draws by a NamedSharding. Received: {sharding!r}")
    # Any words: of the values of others, the shape, the law and the errors are the same.
    draw = drawing.at(np.zeros(words.shape, np.uint32))
    draw.check(dtype)
    native = draw.native()
    law = _xla.law_of(draw, dtype)
    # The host multiplies by no number that is known later.
    by_host = HOST.value and drawing.scale is None
    if native is not None and isinstance(law, _xla.Law) and not by_host:

        def traced(words: Any) -> Any:
            key, call = drawing.key(words, native)
            return _xla.values(key, call, shape, law, dtype.name, drawing.scale)

        return placed(traced, words, sharding)
    if drawing.scale is not None:
        raise TypeError(
            f"A traced number needs a draw of XLA, which does not draw shape {shape} and dtype "
            f"{dtype.name}: {law}"
        )
    if not HOST.value:
        warnings.warn(
            f"A compiled function draws this tensor of shape {shape} and dtype {dtype.name} by a "
            f"callback on the host, and cannot be exported, since XLA does not draw it: {law}. "
            "Where that is meant, call it `with varscale.jax.host():`, which does not warn",
            stacklevel=3,
        )
    return _by_callback(words, drawing, shape, dtype, sharding)


def is_abstract(sharding: Any) -> bool:
    """Whether a sharding's devices are known only once a compiled function runs."""
    return isinstance(getattr(sharding, "mesh", None), jax.sharding.AbstractMesh)


def is_compiling() -> bool:
    """Whether what is done now becomes a part of a compiled function."""
    return isinstance(jax.lax.iota(np.int32, 1), jax.core.Tracer)


def placed(values: Callable[[Any], Any], words: Any, sharding: Any) -> Any:
    """The values that are computed of the words, divided as a sharding over a mesh says."""
    if not isinstance(sharding, jax.sharding.NamedSharding):
        return values(words)
    if (inner := _without_memory(sharding)) != sharding:
        return jax.device_put(placed(values, words, inner), sharding)
    mesh = sharding.mesh
    explicit = mesh.explicit_axes
    if explicit and jax.sharding.get_abstract_mesh().empty:
        # Types of axes say nothing outside of their context.
        mesh = jax.sharding.Mesh(mesh.devices, mesh.axis_names)
        sharding = jax.sharding.NamedSharding(mesh, sharding.spec)
    elif explicit:
        return jax.sharding.auto_axes(values, axes=explicit, out_sharding=sharding)(words)
    return jax.lax.with_sharding_constraint(values(words), sharding)


def _without_memory(sharding: Any) -> Any:
    """A sharding as constraints and maps take it, which leave its memory out."""
    return jax.sharding.NamedSharding(sharding.mesh, sharding.spec)


def _by_callback(
    words: Any, drawing: Drawing, shape: tuple[int, ...], dtype: np.dtype[Any], sharding: Any
) -> Any:
    """The array, drawn on the host once the compiled function runs."""
    if sharding is None:
        return _later(words, np.zeros(len(shape), int), drawing.at, shape, dtype)
    if (inner := _without_memory(sharding)) != sharding:
        return jax.device_put(_by_callback(words, drawing, shape, dtype, inner), sharding)
    extent = sharding.shard_shape(shape)
    mesh = sharding.mesh
    names = [_names(part) for part in sharding.spec]

    def shard(words: Any) -> Any:
        part = jnp.array([_index(mesh, some) for some in names])
        return _later(words, part, drawing.at, extent, dtype)

    drawn = jax.shard_map(
        shard, mesh=mesh, in_specs=PartitionSpec(), out_specs=sharding.spec, check_vma=False
    )
    return drawn(words)


def in_context(sharding: Any, shape: tuple[int, ...], argument: str = "out_sharding") -> Any:
    """A sharding that divides this shape, as JAX reads it under `jax.set_mesh`: a partition, and
    one over an abstract mesh, are over the mesh of the context, which is abstract inside a compiled
    function."""
    placed = _over_mesh(sharding, len(shape), argument)
    if placed is not None:
        try:
            placed.shard_shape(shape)
        except ValueError as error:
            raise ValueError(f"`{argument}` cannot divide shape {shape}: {error}") from None
    return placed


def _over_mesh(sharding: Any, rank: int, argument: str) -> Any:
    named = isinstance(sharding, jax.sharding.NamedSharding)
    if named and sharding.mesh.empty:
        return None
    if sharding is None or isinstance(sharding, Sharding) and not named:
        return sharding
    if not named and not isinstance(sharding, PartitionSpec):
        raise TypeError(
            f"`{argument}` must be a jax.sharding.Sharding, a PartitionSpec or None. "
            f"Received: {sharding!r}"
        )
    spec = sharding.spec if named else sharding
    mesh = sharding.mesh if named else None
    if not isinstance(mesh, jax.sharding.Mesh):
        context = _context()
        if context.empty:
            raise ValueError(
                f"`{argument}` needs the mesh of `jax.set_mesh`. Received without: {sharding}"
            )
        # Axes of another type, such as Keras's, are the same devices.
        if mesh is not None and mesh.shape_tuple != context.shape_tuple:
            raise ValueError(
                f"`{argument}` is over another mesh than that of the context, {context}. "
                f"Received: {sharding}"
            )
        mesh = context
    kind = sharding.memory_kind if named else None
    return jax.sharding.NamedSharding(
        mesh, spec.update(partitions=_partitions(spec, rank, argument)), memory_kind=kind
    )


def _partitions(spec: Any, rank: int, argument: str) -> tuple[Any, ...]:
    """A partition's entries, one for every axis of the shape, as JAX writes them."""
    if spec.unreduced or spec.reduced:
        raise ValueError(f"`{argument}` must divide the tensor alone. Received: {spec}")
    entries = (*spec, *[None] * (rank - len(spec)))
    if any(entry is not None for entry in entries[rank:]):
        raise ValueError(f"`{argument}` has more axes than the shape, {rank}. Received: {spec}")
    if PartitionSpec.UNCONSTRAINED in entries:
        raise ValueError(f"`{argument}` must say how each axis is divided. Received: {spec}")
    used = [name for entry in entries for name in _names(entry)]
    if len(set(used)) < len(used):
        raise ValueError(f"`{argument}` may have each axis of the mesh once. Received: {spec}")
    return entries[:rank]


def _context() -> Any:
    """The mesh of `jax.set_mesh`, which is empty without."""
    try:
        return jax.sharding.get_mesh()
    except ValueError:  # In a compiled function, which knows no devices.
        return jax.sharding.get_abstract_mesh()


def of_key(words: Any, rank: int) -> Any:
    """Where JAX puts what is drawn by a key: on the devices that the key was put on, else on all of
    the context's mesh."""
    if getattr(words, "committed", False):
        sharding = words.sharding
        if not isinstance(sharding, jax.sharding.NamedSharding):
            return sharding
        return jax.sharding.NamedSharding(sharding.mesh, PartitionSpec(*[None] * rank))
    mesh = _context()
    if isinstance(mesh, jax.sharding.Mesh) and not mesh.empty:
        return jax.sharding.NamedSharding(mesh, PartitionSpec(*[None] * rank))
    return None


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
    words: Any,
    part: Any,
    drawing: Callable[[Any], Draw],
    extent: tuple[int, ...],
    dtype: np.dtype[Any],
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


def key_of_words(words: Any, native: NativeDraw) -> tuple[Any, Any]:
    """Philox's key and the call, of a JAX key's words: those from the third on make the name."""
    name = native.name if words.shape[0] == 2 else _xla_words.digest_of_numbers(words[2:])
    return _xla_words.key_of(words[:2], name), native.call


def canonical(dtype: Any) -> Any:
    """The dtype that JAX has in its place: float32 for float64, unless that is enabled."""
    kind = jax.dtypes.canonicalize_dtype(dtype)
    if not kind.isnative:
        raise TypeError(f"JAX has no arrays of this byte order. Received: dtype {kind.str}")
    return kind
