"""The leaves of a pytree of shapes: their names, where they go, what a plan may make of them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec, Sharding

from varscale import _jax
from varscale._spec import entries_of, tensors_of


class Leaf(NamedTuple):
    """A leaf of the shapes, with the name of its tensor and where that goes."""

    name: str
    given: Any
    sharding: Any

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.given.shape)


def leaves_of(
    shapes: Any, shardings: Any, separator: str
) -> tuple[list[Leaf], Any, dict[str, Any]]:
    """The leaves in JAX's order, their tree, and the spec that they make."""
    if not isinstance(separator, str):
        raise TypeError(f"`separator` must be a string. Received: {separator!r}")
    given, treedef = jax.tree_util.tree_flatten(shapes)
    for leaf in given:
        if not (hasattr(leaf, "shape") and hasattr(leaf, "dtype")):
            raise TypeError(
                f"`shapes` must be a pytree of arrays or jax.ShapeDtypeStructs. It holds: {leaf!r}"
            )
        if not all(isinstance(size, (int, np.integer)) for size in leaf.shape):
            raise ValueError(
                f"`shapes` must hold known sizes. It holds a leaf of shape {tuple(leaf.shape)}"
            )
    if not given:
        raise ValueError(f"`shapes` holds no arrays. Received: {shapes!r}")
    # Every leaf once, so that each is known again by what it is.
    once = [jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for leaf in given]
    tensors = tensors_of(jax.tree_util.tree_unflatten(treedef, once), separator)
    names = {}
    for name, _, tensor in tensors:
        # Of a variable, which has a shape, too, what it holds.
        held = jax.tree_util.tree_leaves(tensor)
        if len(held) != 1:
            raise TypeError(
                f"`shapes` must hold arrays of one buffer. Received: {type(tensor)} as {name!r}"
            )
        if name == "__metadata__":
            raise ValueError("`shapes` holds '__metadata__', which no tensor may be called")
        names[id(held[0])] = name
    places = [names[id(leaf)] for leaf in once]
    parts = _shardings(shardings, given, treedef)
    argument = "shapes" if shardings is None else "shardings"
    leaves = [
        Leaf(name, leaf, _placed(name, leaf, part, argument))
        for name, leaf, part in zip(places, given, parts, strict=True)
    ]
    return leaves, treedef, entries_of(tensors)


def _shardings(shardings: Any, leaves: Sequence[Any], treedef: Any) -> list[Any]:
    """A sharding, or none, of each leaf."""
    if shardings is None:
        return [_own(leaf) for leaf in leaves]

    def is_one(node: Any) -> bool:
        return node is None or isinstance(node, (Sharding, PartitionSpec))

    shapes = jax.tree_util.tree_unflatten(treedef, leaves)
    found: list[Any] = []

    def spread(one: Any, part: Any) -> None:
        found.extend([one] * len(jax.tree_util.tree_leaves(part)))

    try:
        # Of what is nothing in `shapes` (a bias that a layer lacks), nothing is divided.
        jax.tree.map(spread, shardings, shapes, is_leaf=is_one)
    except ValueError as error:
        raise ValueError(
            f"`shardings` is no pytree like `shapes`, nor one sharding: {error}"
        ) from None
    for one in found:
        if not is_one(one):
            raise TypeError(
                "`shardings` must hold jax.sharding.Shardings, PartitionSpecs or None. "
                f"Received: {one!r}"
            )
    return found


def _own(leaf: Any) -> Any:
    """The sharding that a leaf says; an array that was put nowhere says nothing."""
    if isinstance(leaf, jax.core.Tracer) or not getattr(leaf, "committed", True):
        return None
    return getattr(leaf, "sharding", None)


def _placed(name: str, leaf: Any, sharding: Any, argument: str) -> Any:
    """A sharding by its mesh, which it can divide the tensor on; `argument` has said it."""
    try:
        placed = _jax.in_context(sharding, tuple(leaf.shape), argument)
    except ValueError as error:
        raise ValueError(f"The sharding of {name!r}: {error}") from None
    return _jax.of_key(None, len(leaf.shape)) if placed is None else placed


def check(leaf: Leaf, dtype: str) -> None:
    """Refuses what the plan draws in another dtype than the shapes'."""
    if np.dtype(leaf.given.dtype) != np.dtype(jnp.dtype(dtype)):
        raise ValueError(
            f"{leaf.name!r} is {leaf.given.dtype} in `shapes`, and the plan's rule makes {dtype}"
        )
    if _jax.canonical(leaf.given.dtype) != leaf.given.dtype:
        raise ValueError(
            f"{leaf.name!r} is {leaf.given.dtype}, which JAX has under `jax.enable_x64` only"
        )


def kept(leaf: Leaf) -> Any:
    """A leaf that the plan skips."""
    if isinstance(leaf.given, jax.ShapeDtypeStruct):
        raise ValueError(
            f"A rule skips {leaf.name!r}, of which `shapes` has no values: give an array there, or "
            "leave it out"
        )
    return _put(leaf.given, leaf.sharding)


def tied(leaf: Leaf, to: str, value: Any) -> Any:
    if value.dtype != leaf.given.dtype:
        raise ValueError(
            f"{leaf.name!r} is {leaf.given.dtype} in `shapes`, and is tied to {to!r}, {value.dtype}"
        )
    return _put(value, leaf.sharding)


def _put(value: Any, sharding: Any) -> Any:
    """An array, divided as the sharding says."""
    if sharding is None:
        return value
    # A compiled function takes this for a wish about devices alone.
    if isinstance(value, jax.core.Tracer) or _jax.is_compiling():
        return _jax.placed(lambda given: given, value, sharding)
    return jax.device_put(value, sharding)
