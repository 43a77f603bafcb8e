"""Keras 3's initializers on any backend, drawn by varscale.

The classes are Keras's own, with another draw: they go into layers, configs and saved models as
Keras's do. Import this module before loading a model that was saved with them.

>>> import keras, varscale.keras
>>> initializer = varscale.keras.VarianceScaling(scale=0.1, mode="fan_in", distribution="uniform")
>>> initializer(shape=(2, 2)).shape == (2, 2)
True
>>> layer = keras.layers.Dense(3, kernel_initializer=initializer)

`stream` is ``"native"``; ``"keras"`` for the active backend's own numbers, bit for bit; or the name
of another backend's (``"keras-jax"``). Under ``"keras"``, what this machine or version of the
backend draws otherwise than varscale knows (found out by a first comparison) is left to Keras.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras.initializers import STFT, Constant, Identity, Initializer, Ones, Orthogonal, Zeros

from varscale import _fill, _keras_comparison
from varscale._arguments import (
    axes_of,
    drawn_dtype,
    dtype_of,
    integer_seed,
    number,
    shape_of,
    stream_of,
)
from varscale._core import Draw, Explanation, Rule

__all__ = [
    "STFT",
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "get",
]


class _Drawn:
    """What the classes here put in front of Keras's own."""

    seed: Any
    stream: str

    def __init__(self, seed: Any, stream: str, **arguments: Any) -> None:
        if not isinstance(seed, (dict, keras.random.SeedGenerator)):
            seed = integer_seed(seed)
        self.stream = stream if stream == "keras" else stream_of(stream)
        super().__init__(seed=seed, **arguments)  # type: ignore[call-arg]
        self._rule()

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
        rule = self._rule()
        if self.stream != "keras":
            return _tensor(rule, shape, self.seed, self.stream, dtype, layout)
        # What no stream has, Keras must not get: JAX ends the process over some shapes.
        rule.draw(shape, 0, "native")
        stream = f"keras-{keras.backend.backend()}"
        if _keras_comparison.known(stream, self._distribution(), dtype):
            try:
                return _tensor(rule, shape, self.seed, stream, dtype, layout)
            except ValueError:
                # Keras may draw what its stream has no name for, and has its own errors.
                pass
        values = super().__call__(shape, dtype)  # type: ignore[misc]
        return values if layout is None else keras.distribution.distribute_tensor(values, layout)

    def explain(self, shape: Sequence[int]) -> Explanation:
        """How the initializer arrives at its numbers for a shape: fans, variance, bounds."""
        return self._rule().explain(shape_of(shape), "keras")

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor: Keras's, and a stream other than the native one."""
        config: dict[str, Any] = super().get_config()  # type: ignore[misc]
        return config if self.stream == "native" else {**config, "stream": self.stream}

    def _rule(self) -> Rule:
        raise NotImplementedError

    def _distribution(self) -> str:
        raise NotImplementedError


def _tensor(
    rule: Rule, shape: tuple[int, ...], seed: Any, stream: str, dtype: str, layout: Any
) -> Any:
    """A draw as a tensor of the active backend; a generator advances once nothing can fail."""
    backend = keras.backend.backend()
    generator = seed if isinstance(seed, keras.random.SeedGenerator) else None

    def drawing(state: Any) -> Draw:
        value, call = (seed, None) if generator is None else (int(state[0]), int(state[1]))
        return rule.draw(shape, value, stream, call=call)

    if backend == "jax":
        from varscale import _jax

        kind = drawn_dtype(dtype_of(_jax.canonical(dtype)))
        words = np.zeros(2) if generator is None else generator.state.value
        sharding = _jax.concrete(getattr(layout, "backend_layout", layout))
        values = _jax.array_of(words, drawing, shape, kind, sharding)
    else:
        kind = drawn_dtype(dtype_of(dtype))
        state = generator and keras.ops.convert_to_numpy(generator.state.value)
        values = _of_backend(backend, drawing(state), shape, kind)
    if generator is not None:
        generator.next()
    return values


def _of_backend(backend: str, draw: Draw, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    whole = (0,) * len(shape), shape, dtype
    if backend == "tensorflow":
        from varscale import _tensorflow

        return _tensorflow.tensor(draw, *whole)
    array = _fill.drawn(draw, *whole)
    if backend == "torch":
        from varscale import _torch

        # Keras moves it to its device.
        return keras.ops.convert_to_tensor(_torch.from_numpy(array))
    # On NumPy, Keras would make a copy, and of float64 one in float32.
    return array if backend == "numpy" else keras.ops.convert_to_tensor(array)


def _registered(made: type) -> Any:
    return keras.saving.register_keras_serializable(package="varscale")(made)


@_registered
class RandomNormal(_Drawn, keras.initializers.RandomNormal):
    """Keras's `RandomNormal`: normal with the given mean and standard deviation.

    >>> import varscale.keras
    >>> varscale.keras.RandomNormal(stddev=1.0, seed=1)((2, 3)).shape == (2, 3)
    True
    """

    def __init__(
        self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None, *, stream: str = "native"
    ) -> None:
        super().__init__(seed, stream, mean=mean, stddev=stddev)

    def _rule(self) -> Rule:
        return Rule.normal(number("mean", self.mean), number("stddev", self.stddev))

    def _distribution(self) -> str:
        return "untruncated_normal"


@_registered
class TruncatedNormal(_Drawn, keras.initializers.TruncatedNormal):
    """Keras's `TruncatedNormal`: normal, cut off at two standard deviations from the mean.

    >>> import varscale.keras
    >>> varscale.keras.TruncatedNormal(stddev=1.0, seed=1)((2, 3)).shape == (2, 3)
    True
    """

    def __init__(
        self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None, *, stream: str = "native"
    ) -> None:
        super().__init__(seed, stream, mean=mean, stddev=stddev)

    def _rule(self) -> Rule:
        return Rule.truncated_normal(number("mean", self.mean), number("stddev", self.stddev))

    def _distribution(self) -> str:
        return "truncated_normal"


@_registered
class RandomUniform(_Drawn, keras.initializers.RandomUniform):
    """Keras's `RandomUniform`: uniform in [`minval`, `maxval`].

    >>> import varscale.keras
    >>> initializer = varscale.keras.RandomUniform(-1, 1)
    >>> varscale.keras.RandomUniform.from_config(initializer.get_config()).maxval
    1
    """

    def __init__(
        self,
        minval: float = -0.05,
        maxval: float = 0.05,
        seed: Any = None,
        *,
        stream: str = "native",
    ) -> None:
        super().__init__(seed, stream, minval=minval, maxval=maxval)

    def _rule(self) -> Rule:
        return Rule.uniform(number("minval", self.minval), number("maxval", self.maxval))

    def _distribution(self) -> str:
        return "uniform"


class _Scaled(_Drawn):
    def __init__(self, seed: Any, stream: str, axes: tuple[Any, Any], **arguments: Any) -> None:
        # Keras before 3.15 knows no axes.
        for argument, given in zip(("input_axes", "output_axes"), axes, strict=True):
            if given is not None:
                arguments[argument] = given
        super().__init__(seed, stream, **arguments)

    def _rule(self: Any) -> Rule:
        axes = [axes_of(name, getattr(self, name, None)) for name in ("input_axes", "output_axes")]
        scale = number("scale", self.scale)
        return Rule.variance_scaling(scale, self.mode, self.distribution, self._preset, *axes)

    def _distribution(self: Any) -> str:
        distribution: str = self.distribution
        return distribution


@_registered
class VarianceScaling(_Scaled, keras.initializers.VarianceScaling):
    """Keras's `VarianceScaling`: variance `scale` / n, n the fan that `mode` names.

    >>> import varscale.keras
    >>> initializer = varscale.keras.VarianceScaling(2.0, "fan_out", "uniform", seed=1)
    >>> initializer((2, 3)).shape == (2, 3)
    True
    """

    _preset = None

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
        *,
        stream: str = "native",
    ) -> None:
        axes = input_axes, output_axes
        super().__init__(seed, stream, axes, scale=scale, mode=mode, distribution=distribution)


class _Preset(_Scaled):
    def __init__(
        self,
        seed: Any = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
        *,
        stream: str = "native",
    ) -> None:
        super().__init__(seed, stream, (input_axes, output_axes))


@_registered
class GlorotUniform(_Preset, keras.initializers.GlorotUniform):
    """Keras's `GlorotUniform`: uniform, scale 1 over fan_avg.

    >>> import varscale.keras
    >>> varscale.keras.GlorotUniform(seed=1)((2, 3)).shape == (2, 3)
    True
    """

    _preset = "GlorotUniform"


@_registered
class GlorotNormal(_Preset, keras.initializers.GlorotNormal):
    """Keras's `GlorotNormal`: truncated normal, scale 1 over fan_avg.

    >>> import varscale.keras
    >>> varscale.keras.GlorotNormal(seed=1)((2, 3)).shape == (2, 3)
    True
    """

    _preset = "GlorotNormal"


@_registered
class HeUniform(_Preset, keras.initializers.HeUniform):
    """Keras's `HeUniform`: uniform, scale 2 over fan_in.

    >>> import varscale.keras
    >>> varscale.keras.HeUniform(seed=1)((2, 3)).shape == (2, 3)
    True
    """

    _preset = "HeUniform"


@_registered
class HeNormal(_Preset, keras.initializers.HeNormal):
    """Keras's `HeNormal`: truncated normal, scale 2 over fan_in.

    >>> import varscale.keras
    >>> varscale.keras.HeNormal(seed=1)((2, 3)).shape == (2, 3)
    True
    """

    _preset = "HeNormal"


@_registered
class LecunUniform(_Preset, keras.initializers.LecunUniform):
    """Keras's `LecunUniform`: uniform, scale 1 over fan_in.

    >>> import varscale.keras
    >>> varscale.keras.LecunUniform(seed=1)((2, 3)).shape == (2, 3)
    True
    """

    _preset = "LecunUniform"


@_registered
class LecunNormal(_Preset, keras.initializers.LecunNormal):
    """Keras's `LecunNormal`: truncated normal, scale 1 over fan_in.

    >>> import varscale.keras
    >>> varscale.keras.LecunNormal(seed=1)((2, 3)).shape == (2, 3)
    True
    """

    _preset = "LecunNormal"


_CLASSES = {name: made for name, made in vars().items() if hasattr(made, "_distribution")}


def get(identifier: Any) -> Any:
    """Keras's ``keras.initializers.get``, with the classes here in the place of Keras's.

    >>> import varscale.keras
    >>> type(varscale.keras.get("he_normal")).__module__
    'varscale.keras'
    """
    if isinstance(identifier, str):
        name = "".join(word[:1].upper() + word[1:] for word in identifier.split("_"))
        name = {"Normal": "RandomNormal", "Uniform": "RandomUniform"}.get(name, name)
        identifier = _CLASSES.get(name, identifier)
    return keras.initializers.get(identifier)
