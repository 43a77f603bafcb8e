"""Specs of models: the names, shapes and dtypes of their tensors, without values."""

import sys
from collections.abc import Iterable, Iterator
from typing import Any

from varscale._arguments import dtype_name

Entry = dict[str, Any]

# The parts of a name, each with how Python gets there.
Path = tuple[tuple[str, str], ...]


def spec(model: Any) -> dict[str, Entry]:
    """The spec of a model, which `init` and the command ``varscale init`` take (as JSON).

    Args:
        model: A Keras model, a `torch.nn.Module` (its parameters; also on `meta`; names have
            nothing of wrappers such as ``torch.compile`` or of parametrizations), or a pytree of
            JAX arrays or ``jax.ShapeDtypeStruct``s, such as Flax's parameters (names joined by
            slashes).

    Returns:
        Name to ``dtype``, ``shape`` and, of Keras, ``initializer``: what the layer draws the
        variable from, as Keras serializes it, and with the axes that the layer gives it. To find
        that out, each layer is made once more, without values. Where a layer cannot be made again
        as it was (a constructor that no config knows the arguments of, attributes that changed the
        initializer later, LoRA, quantization), its variables have none, and a plan needs a rule for
        them; also where the layer assigned the values, or its `SeedGenerator` drew more than once.

    Raises:
        TypeError: for any other model, and where a pytree holds what is no array.
        ValueError: of a Keras model without variables yet, where two tensors have one name, and
            where a size is unknown.

    >>> import numpy as np, varscale
    >>> varscale.spec({"dense": {"kernel": np.zeros((784, 256), "float32")}})
    {'dense/kernel': {'dtype': 'float32', 'shape': [784, 256]}}
    """
    torch = sys.modules.get("torch")
    # On torch's backend, a Keras model is a module, too.
    if is_keras(model):
        return _of_keras(model, sys.modules["keras"])
    if torch and isinstance(model, torch.nn.Module):
        # Not without torch, which it imports.
        from varscale._torch_names import parameters

        tensors = ((name, slot.tensor) for name, slot in parameters(model).items())
        return {name: _tensor(name, tensor, dtype_name(tensor)) for name, tensor in tensors}
    if any(base.__module__.partition(".")[0] == "tf_keras" for base in type(model).__mro__):
        raise TypeError(f"Models of tf_keras are not read: {type(model)}. Give one of Keras 3")
    found = entries_of(tensors_of(model))
    if not found:
        raise TypeError(f"No Keras model, torch module or pytree of arrays: {type(model)}")
    return found


def is_keras(model: Any) -> bool:
    """Whether a model is Keras's, on whichever backend."""
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(model, keras.Layer)


def tensors_of(tree: Any, separator: str = "/") -> list[tuple[str, str, Any]]:
    """Name, place and tensor of each array in a pytree.

    Raises:
        TypeError: where it holds what is no array; ValueError: where it holds itself.
    """
    try:
        leaves = list(_leaves(tree, ()))
    except RecursionError:
        raise ValueError("The model holds itself, or is nested too deeply") from None
    return [
        (separator.join(part for part, _ in path), "".join(at for _, at in path), tensor)
        for path, tensor in leaves
    ]


def entries_of(tensors: Iterable[tuple[str, str, Any]]) -> dict[str, Entry]:
    """The entries of `tensors_of`, by their names.

    Raises:
        ValueError: where two have one name, or a size is unknown.
    """
    return _by_name(
        (name, place, _tensor(name, tensor, dtype_name(tensor))) for name, place, tensor in tensors
    )


def _tensor(name: str, tensor: Any, dtype: str) -> Entry:
    try:
        return {"dtype": dtype, "shape": [int(size) for size in tensor.shape]}
    # Of sizes or of axes that are unknown.
    except (TypeError, ValueError):
        shape = f"{name or 'The model'} has the shape {tensor.shape}"
        raise ValueError(f"{shape}: every size must be known, as an integer") from None


def _by_name(tensors: Iterable[tuple[str, str, Entry]]) -> dict[str, Entry]:
    """Entries by their names, of which each may stand for one tensor; of names, places, entries."""
    found: dict[str, Entry] = {}
    places: dict[str, list[str]] = {}
    for name, place, entry in tensors:
        found[name] = entry
        places.setdefault(name, []).append(place)
    shared = [f"{name!r} ({', '.join(at)})" for name, at in places.items() if len(at) > 1]
    if shared:
        raise ValueError(f"Every tensor needs a name of its own. Of several: {'; '.join(shared)}")
    return found


def _leaves(tree: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """The arrays of nested mappings and sequences; of other nodes, if JAX knows them."""
    if hasattr(tree, "shape") and hasattr(tree, "dtype"):
        yield path, tree
    elif isinstance(tree, (dict, list, tuple)):
        items = tree.items() if isinstance(tree, dict) else enumerate(tree)
        for key, value in items:
            yield from _leaves(value, (*path, (str(key), f"[{key!r}]")))
    elif tree is not None:
        yield from _leaves_of_jax(tree, path)


def _leaves_of_jax(tree: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    jax: Any = sys.modules.get("jax")
    # Without JAX nothing is a node of it.
    leaves = jax.tree_util.tree_leaves_with_path(tree) if jax else [((), tree)]
    for keys, leaf in leaves:
        if leaf is tree:
            name = "/".join(part for part, _ in path)
            raise TypeError(f"{name or 'The model'} is no array: {type(tree)}")
        keystr = jax.tree_util.keystr
        further = ((keystr((key,), simple=True), keystr((key,))) for key in keys)
        yield from _leaves(leaf, (*path, *further))


def _of_keras(model: Any, keras: Any) -> dict[str, Entry]:
    from varscale import _keras_spec

    if not model.weights:
        missing = "no variables" if model.built else "no variables yet: build it first"
        raise ValueError(f"The Keras model has {missing}")
    initializers = _keras_spec.initializers(model)
    found = []
    for variable in model.weights:
        entry = _tensor(variable.path, variable, keras.backend.standardize_dtype(variable.dtype))
        if id(variable) in initializers:
            entry["initializer"] = initializers[id(variable)]
        found.append((variable.path, variable.path, entry))
    return _by_name(found)
