"""Specs of models: the names, shapes and dtypes of their tensors, without values."""

import sys
from collections.abc import Iterator
from typing import Any

from varscale._arguments import dtype_name


def spec(model: Any) -> dict[str, dict[str, Any]]:
    """The spec of a model, which `init` and the command ``varscale init`` take (as JSON).

    Args:
        model: A Keras model (with the initializer of every variable, as Keras serializes it), a
            `torch.nn.Module` (its parameters; also on `meta`), or a pytree of JAX arrays or
            ``jax.ShapeDtypeStruct``s, such as Flax's parameters (names joined by slashes).

    Returns:
        Name to ``dtype``, ``shape`` and, of Keras, ``initializer``.

    Raises:
        TypeError: for any other model.
        ValueError: of a Keras model without variables yet.

    >>> import numpy as np, varscale
    >>> varscale.spec({"dense": {"kernel": np.zeros((784, 256), "float32")}})
    {'dense/kernel': {'dtype': 'float32', 'shape': [784, 256]}}
    """
    torch, keras = sys.modules.get("torch"), sys.modules.get("keras")
    # On torch's backend, a Keras model is a module, too.
    if keras and isinstance(model, keras.Layer):
        return _of_keras(model, keras)
    if torch and isinstance(model, torch.nn.Module):
        tensors = model.named_parameters()
        return {name: _tensor(tensor, dtype_name(tensor)) for name, tensor in tensors}
    found = dict(_leaves(model, ()))
    if not found:
        raise TypeError(f"No Keras model, torch module or pytree of arrays: {type(model)}")
    return found


def _tensor(tensor: Any, dtype: str) -> dict[str, Any]:
    return {"dtype": dtype, "shape": [int(size) for size in tensor.shape]}


def _leaves(tree: Any, path: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The arrays of nested mappings and sequences; of other nodes, if JAX knows them."""
    if hasattr(tree, "shape") and hasattr(tree, "dtype"):
        yield "/".join(path), _tensor(tree, dtype_name(tree))
    elif isinstance(tree, dict):
        for key, value in tree.items():
            yield from _leaves(value, (*path, str(key)))
    elif isinstance(tree, (list, tuple)):
        for key, value in enumerate(tree):
            yield from _leaves(value, (*path, str(key)))
    elif tree is not None:
        yield from _leaves_of_jax(tree, path)


def _leaves_of_jax(tree: Any, path: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    jax: Any = sys.modules.get("jax")
    leaves = jax.tree_util.tree_leaves_with_path(tree) if jax else []
    for keys, leaf in leaves:
        if leaf is tree:
            raise TypeError(f"{'/'.join(path) or 'The model'} is no array: {type(tree)}")
        name = jax.tree_util.keystr(keys, simple=True, separator="/")
        yield from _leaves(leaf, (*path, name))


def _of_keras(model: Any, keras: Any) -> dict[str, dict[str, Any]]:
    if not model.weights:
        raise ValueError("The Keras model has no variables yet: build it first")
    initializers = {}
    for layer in model._flatten_layers():
        for variable in layer._trainable_variables + layer._non_trainable_variables:
            made = getattr(layer, f"{variable.name}_initializer", None)
            if made is not None:
                initializers[id(variable)] = keras.saving.serialize_keras_object(made)
    found = {}
    for variable in model.weights:
        entry = _tensor(variable, keras.backend.standardize_dtype(variable.dtype))
        if id(variable) in initializers:
            entry["initializer"] = _keras_own(initializers[id(variable)])
        found[variable.path] = entry
    return found


def _keras_own(serialized: Any) -> Any:
    """A serialized initializer as Keras's own class of that name, which the core reads."""
    if isinstance(serialized, dict) and str(serialized.get("module")).startswith("varscale"):
        config = {key: value for key, value in serialized["config"].items() if key != "stream"}
        return {"class_name": serialized["class_name"], "config": config}
    return serialized
