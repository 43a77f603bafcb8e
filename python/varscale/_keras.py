"""Draws into tensors of Keras's active backend, by Keras's own classes."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from varscale import _family, _keras_comparison
from varscale._arguments import dtype_of, shape_of
from varscale._core import Draw, Scheme

# The classes that draw from the distributions that VarianceScaling names.
_BY_DISTRIBUTION = {
    "truncated_normal": "TruncatedNormal",
    "untruncated_normal": "RandomNormal",
    "uniform": "RandomUniform",
}


class Seeded(keras.initializers.Initializer):
    """What those classes are made of that Keras lacks: a seed, read as its own classes do."""

    def __init__(self, seed: Any) -> None:
        self.seed = keras.initializers.RandomNormal(seed=seed).seed
        self._init_seed = seed

    def get_config(self) -> dict[str, Any]:
        return {"seed": keras.saving.serialize_keras_object(self._init_seed)}


class Drawn(_family.Drawn):
    """What the classes here put in front of Keras's own."""

    _seeds = "a keras.random.SeedGenerator or an integer"

    def _seed_of(self, seed: Any) -> Any:
        # These are Keras's own to read.
        theirs = isinstance(seed, (dict, keras.random.SeedGenerator))
        return seed if theirs else super()._seed_of(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None, layout: Any = None) -> Any:
        """The values of a tensor, as a tensor of the active backend.

        Args:
            shape: Shape of the tensor.
            dtype: A float dtype; Keras's ``floatx()`` where it is not given.
            layout: On JAX, a `keras.distribution.TensorLayout` or a sharding: each device draws
                its own shard, with the bits of the whole.
        """
        shape = shape_of(shape)
        dtype = keras.backend.standardize_dtype(dtype)
        scheme = self._scheme()
        if self.stream != "keras":
            return _tensor(scheme, shape, self.seed, self.stream, dtype, layout)
        # What no stream has, Keras must not get: JAX ends the process over some shapes.
        scheme.explain(shape, "keras")
        stream = f"keras-{keras.backend.backend()}"
        if self._extra():
            # Keras has no such initializer; the stream says so.
            return _tensor(scheme, shape, self.seed, stream, dtype, layout)
        if _keras_comparison.known(stream, self._compared(), dtype):
            try:
                return _tensor(scheme, shape, self.seed, stream, dtype, layout)
            except ValueError:
                # Keras may draw what its stream has no name for, and has its own errors.
                pass
        values = super().__call__(shape, dtype)  # type: ignore[misc]
        return values if layout is None else keras.distribution.distribute_tensor(values, layout)

    def _compared(self) -> str:
        """The class by which the stream is compared with Keras's own draws."""
        return _BY_DISTRIBUTION.get(getattr(self, "distribution", ""), self._class.name)


def _tensor(
    scheme: Scheme, shape: tuple[int, ...], seed: Any, stream: str, dtype: str, layout: Any
) -> Any:
    """A draw as a tensor of the active backend; a generator advances once nothing can fail."""
    backend = keras.backend.backend()
    generator = seed if isinstance(seed, keras.random.SeedGenerator) else None

    def drawing(state: Any) -> Draw:
        value, call = (seed, None) if generator is None else (int(state[0]), int(state[1]))
        return scheme.draw(shape, value, stream, call=call)

    if backend == "jax":
        from varscale import _jax, _xla_words

        def key(state: Any, native: Any) -> Any:
            return _xla_words.key_of((np.uint32(0), state[0]), native.name), state[1]

        kind = dtype_of(_jax.canonical(dtype))
        words = np.zeros(2) if generator is None else generator.state.value
        sharding = getattr(layout, "backend_layout", layout)
        values = _jax.array_of(words, _jax.Drawing(drawing, key), shape, kind, sharding)
    elif backend == "tensorflow" and generator is not None and _tensorflow().in_a_function():
        kind = dtype_of(dtype)
        _tensorflow().refuse_xla()
        scheme.draw(shape, 0, stream).check(kind)
        return _tensorflow().tensor_of(generator.next(), drawing, shape, kind)
    else:
        kind = dtype_of(dtype)
        state = generator and keras.ops.convert_to_numpy(generator.state.value)
        values = _of_backend(backend, drawing(state), shape, kind)
    if generator is not None:
        generator.next()
    return values


def _tensorflow() -> Any:
    from varscale import _tensorflow

    return _tensorflow


def _of_backend(backend: str, draw: Draw, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    whole = (0,) * len(shape), shape, dtype
    if backend == "tensorflow":
        return _tensorflow().tensor(draw, *whole)
    array = draw.array(dtype, *whole[:2])
    if backend == "torch":
        from varscale import _torch

        # Keras moves it to its device.
        return keras.ops.convert_to_tensor(_torch.from_numpy(array))
    # On NumPy, Keras would make a copy, and of float64 one in float32.
    return array if backend == "numpy" else keras.ops.convert_to_tensor(array)
