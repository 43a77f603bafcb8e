"""tf_keras's initializers (Keras 2 on TensorFlow), drawn by varscale.

The classes are tf_keras's own, with another draw. With `partition_shape` and `partition_offset`
they draw that part of the whole, with the fans of the whole (tf_keras takes those of the part).

>>> import tf_keras, varscale.tf_keras
>>> initializer = varscale.tf_keras.HeNormal(seed=42)
>>> layer = tf_keras.layers.Dense(3, kernel_initializer=initializer)

`stream` is ``"native"``; ``"keras"`` for tf_keras's own numbers, bit for bit, left to tf_keras
where they depend on its global seed or on a partition; or the name of another stream.
"""

from typing import Any

import tensorflow as tf
import tf_keras
from tf_keras.initializers import Constant, Identity, Initializer, Ones, Orthogonal, Zeros

from varscale import _tensorflow
from varscale._arguments import drawn_dtype, dtype_of, integer_seed, number, shape_of, stream_of
from varscale._core import Rule, random_seed

__all__ = [
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
]


class _Drawn:
    seed: Any

    def __init__(self, seed: Any, stream: str, **arguments: Any) -> None:
        seed = integer_seed(seed)
        self.stream = stream if stream == "keras" else stream_of(stream)
        # tf_keras keeps an unset seed as none.
        self._drawn_seed = random_seed() if seed is None else seed
        super().__init__(seed=seed, **arguments)  # type: ignore[call-arg]
        self._rule()

    def __call__(
        self,
        shape: Any,
        dtype: Any = None,
        *,
        partition_shape: Any = None,
        partition_offset: Any = None,
    ) -> tf.Tensor:
        """The values of a tensor, or of its part at `partition_offset` of `partition_shape`."""
        shape = shape_of(shape)
        dtype = tf.dtypes.as_dtype(tf_keras.backend.floatx() if dtype is None else dtype).name
        parted = partition_shape is not None or partition_offset is not None
        stream = "tf-keras" if self.stream == "keras" else self.stream
        if self.stream == "keras" and (parted or self.seed is None):
            part = {"partition_shape": partition_shape, "partition_offset": partition_offset}
            part = {key: value for key, value in part.items() if value is not None}
            return super().__call__(shape, dtype, **part)  # type: ignore[misc]
        extent, offset = shape, (0,) * len(shape)
        if partition_shape is not None:
            extent = shape_of(partition_shape, "partition_shape")
        if partition_offset is not None:
            offset = shape_of(partition_offset, "partition_offset")
        kind = drawn_dtype(dtype_of(dtype))
        draw = self._rule().draw(shape, self._drawn_seed, stream)
        return _tensorflow.tensor(draw, offset, extent, kind)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor: tf_keras's, and a stream other than the native one."""
        config: dict[str, Any] = super().get_config()  # type: ignore[misc]
        return config if self.stream == "native" else {**config, "stream": self.stream}

    def _rule(self) -> Rule:
        raise NotImplementedError


def _registered(made: type) -> Any:
    return tf_keras.saving.register_keras_serializable(package="varscale")(made)


@_registered
class RandomNormal(_Drawn, tf_keras.initializers.RandomNormal):
    """tf_keras's `RandomNormal`: normal with the given mean and standard deviation.

    >>> import varscale.tf_keras
    >>> varscale.tf_keras.RandomNormal(stddev=1.0, seed=1)((2, 3)).shape
    TensorShape([2, 3])
    """

    def __init__(
        self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None, *, stream: str = "native"
    ) -> None:
        super().__init__(seed, stream, mean=mean, stddev=stddev)

    def _rule(self) -> Rule:
        return Rule.normal(number("mean", self.mean), number("stddev", self.stddev))


@_registered
class TruncatedNormal(_Drawn, tf_keras.initializers.TruncatedNormal):
    """tf_keras's `TruncatedNormal`: normal, cut off at two standard deviations from the mean.

    >>> import varscale.tf_keras
    >>> varscale.tf_keras.TruncatedNormal(stddev=1.0, seed=1)((2, 3)).shape
    TensorShape([2, 3])
    """

    def __init__(
        self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None, *, stream: str = "native"
    ) -> None:
        super().__init__(seed, stream, mean=mean, stddev=stddev)

    def _rule(self) -> Rule:
        return Rule.truncated_normal(number("mean", self.mean), number("stddev", self.stddev))


@_registered
class RandomUniform(_Drawn, tf_keras.initializers.RandomUniform):
    """tf_keras's `RandomUniform`: uniform in [`minval`, `maxval`].

    >>> import varscale.tf_keras
    >>> varscale.tf_keras.RandomUniform(-1, 1, seed=1)((2, 3)).shape
    TensorShape([2, 3])
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


class _Scaled(_Drawn):
    def _rule(self: Any) -> Rule:
        scale = number("scale", self.scale)
        return Rule.variance_scaling(scale, self.mode, self.distribution, None, None, None)


@_registered
class VarianceScaling(_Scaled, tf_keras.initializers.VarianceScaling):
    """tf_keras's `VarianceScaling`: variance `scale` / n, n the fan that `mode` names.

    >>> import varscale.tf_keras
    >>> varscale.tf_keras.VarianceScaling(2.0, "fan_out", "uniform", seed=1)((2, 3)).shape
    TensorShape([2, 3])
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
        *,
        stream: str = "native",
    ) -> None:
        super().__init__(seed, stream, scale=scale, mode=mode, distribution=distribution)


class _Preset(_Scaled):
    def __init__(self, seed: Any = None, *, stream: str = "native") -> None:
        super().__init__(seed, stream)


@_registered
class GlorotUniform(_Preset, tf_keras.initializers.GlorotUniform):
    """tf_keras's `GlorotUniform`: uniform, scale 1 over fan_avg.

    >>> import varscale.tf_keras
    >>> varscale.tf_keras.GlorotUniform(seed=1)((2, 3)).shape
    TensorShape([2, 3])
    """


@_registered
class GlorotNormal(_Preset, tf_keras.initializers.GlorotNormal):
    """tf_keras's `GlorotNormal`: truncated normal, scale 1 over fan_avg.

    >>> import varscale.tf_keras
    >>> varscale.tf_keras.GlorotNormal(seed=1)((2, 3)).shape
    TensorShape([2, 3])
    """


@_registered
class HeUniform(_Preset, tf_keras.initializers.HeUniform):
    """tf_keras's `HeUniform`: uniform, scale 2 over fan_in.

    >>> import varscale.tf_keras
    >>> varscale.tf_keras.HeUniform(seed=1)((2, 3)).shape
    TensorShape([2, 3])
    """


@_registered
class HeNormal(_Preset, tf_keras.initializers.HeNormal):
    """tf_keras's `HeNormal`: truncated normal, scale 2 over fan_in.

    >>> import varscale.tf_keras
    >>> varscale.tf_keras.HeNormal(seed=1)((2, 3)).shape
    TensorShape([2, 3])
    """


@_registered
class LecunUniform(_Preset, tf_keras.initializers.LecunUniform):
    """tf_keras's `LecunUniform`: uniform, scale 1 over fan_in.

    >>> import varscale.tf_keras
    >>> varscale.tf_keras.LecunUniform(seed=1)((2, 3)).shape
    TensorShape([2, 3])
    """


@_registered
class LecunNormal(_Preset, tf_keras.initializers.LecunNormal):
    """tf_keras's `LecunNormal`: truncated normal, scale 1 over fan_in.

    >>> import varscale.tf_keras
    >>> varscale.tf_keras.LecunNormal(seed=1)((2, 3)).shape
    TensorShape([2, 3])
    """
