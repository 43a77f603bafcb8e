"""Keras's `VarianceScaling` and its family, as NumPy arrays."""

import math
from collections.abc import Sequence
from typing import Any

from varscale._arguments import axes_of, number
from varscale._base import Initializer, RandomInitializer
from varscale._core import Rule

MODES = ("fan_in", "fan_out", "fan_avg", "fan_geo_avg")
DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "uniform")


class RandomNormal(RandomInitializer):
    """Normal with the given mean and standard deviation.

    Args:
        mean: A finite number.
        stddev: A finite number of at least 0.
        seed: An integer from -2^63 to 2^64 - 1 (or what has ``__index__``), a `SeedGenerator`, or
            ``None``: drawn once, and readable as ``seed``.
        stream: ``"native"``, or a framework's own numbers, such as ``"keras-jax"``.

    >>> import varscale
    >>> varscale.RandomNormal(mean=0.0, stddev=1.0, seed=1)((2,)).dtype
    dtype('float32')
    """

    def __init__(
        self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None, *, stream: str = "native"
    ) -> None:
        self.mean = number("mean", mean)
        self.stddev = number("stddev", stddev)
        super().__init__(seed, stream)

    def _make_rule(self) -> Rule:
        return Rule.normal(self.mean, self.stddev)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


class TruncatedNormal(RandomInitializer):
    """Normal, cut off at two standard deviations from the mean.

    Args:
        mean: A finite number.
        stddev: A finite number of at least 0, before truncation, as in Keras.
        seed, stream: As `RandomNormal`.

    >>> import varscale
    >>> bool(abs(varscale.TruncatedNormal(stddev=1.0)((1000,))).max() <= 2)
    True
    """

    def __init__(
        self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None, *, stream: str = "native"
    ) -> None:
        self.mean = number("mean", mean)
        self.stddev = number("stddev", stddev)
        super().__init__(seed, stream)

    def _make_rule(self) -> Rule:
        return Rule.truncated_normal(self.mean, self.stddev)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


class RandomUniform(RandomInitializer):
    """Uniform in [`minval`, `maxval`].

    Args:
        minval, maxval: Finite numbers in order.
        seed, stream: As `RandomNormal`.

    >>> import varscale
    >>> varscale.RandomUniform(-1, 1, seed=7)
    RandomUniform(seed=7, minval=-1, maxval=1)
    """

    def __init__(
        self,
        minval: float = -0.05,
        maxval: float = 0.05,
        seed: Any = None,
        *,
        stream: str = "native",
    ) -> None:
        self.minval = number("minval", minval)
        self.maxval = number("maxval", maxval)
        super().__init__(seed, stream)

    def _make_rule(self) -> Rule:
        return Rule.uniform(self.minval, self.maxval)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "minval": self.minval, "maxval": self.maxval}


class VarianceScaling(RandomInitializer):
    """Variance `scale` / n, where n is the fan that `mode` names, and at least 1.

    The truncated normal has the standard deviation √(scale / n) after truncation, the untruncated
    normal √(scale / n), and the uniform lies in ±√(3 · scale / n).

    Args:
        scale: A positive finite number.
        mode: ``"fan_in"``, ``"fan_out"``, ``"fan_avg"``, or JAX's ``"fan_geo_avg"``.
        distribution: ``"truncated_normal"`` (or ``"normal"``), ``"untruncated_normal"`` or
            ``"uniform"``.
        seed, stream: As `RandomNormal`.
        input_axes, output_axes: Axes that make up the fans. Both or none: one alone has no effect,
            as in Keras.

    >>> import varscale
    >>> initializer = varscale.VarianceScaling(scale=0.1, mode="fan_in", distribution="uniform")
    >>> initializer(shape=(2, 2)).shape
    (2, 2)
    """

    _preset: str | None = None

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
        self.scale = number("scale", scale)
        if not 0 < self.scale < math.inf:
            raise ValueError(
                f"Argument `scale` must be positive float. Received: scale={scale}"
                + (" (it must be finite, too)" if self.scale == math.inf else "")
            )
        if mode not in MODES:
            raise ValueError(
                f"Invalid `mode` argument: {mode}. Please use one of {', '.join(MODES)}"
            )
        if not isinstance(distribution, str):
            raise TypeError(f"`distribution` must be a string. Received: {distribution!r}")
        self.mode = mode
        self.distribution = distribution.lower()
        if self.distribution == "normal":
            self.distribution = "truncated_normal"
        if self.distribution not in DISTRIBUTIONS:
            raise ValueError(
                f"Invalid `distribution` argument: {distribution}. "
                f"Please use one of {', '.join(DISTRIBUTIONS)}"
            )
        self.input_axes = axes_of("input_axes", input_axes)
        self.output_axes = axes_of("output_axes", output_axes)
        super().__init__(seed, stream)

    def _make_rule(self) -> Rule:
        return Rule.variance_scaling(
            self.scale,
            self.mode,
            self.distribution,
            self._preset,
            self.input_axes,
            self.output_axes,
        )

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if self._preset is None:
            config.update(scale=self.scale, mode=self.mode, distribution=self.distribution)
        return {**config, "input_axes": self.input_axes, "output_axes": self.output_axes}


class _Preset(VarianceScaling):
    _fixed: tuple[float, str, str]

    def __init__(
        self,
        seed: Any = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
        *,
        stream: str = "native",
    ) -> None:
        super().__init__(*self._fixed, seed, input_axes, output_axes, stream=stream)


class GlorotUniform(_Preset):
    """Uniform, scale 1 over fan_avg. Other arguments as `VarianceScaling`.

    >>> import varscale
    >>> varscale.GlorotUniform(seed=1)((784, 256)).shape
    (784, 256)
    """

    _preset = "GlorotUniform"
    _fixed = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Preset):
    """Truncated normal, scale 1 over fan_avg. Other arguments as `VarianceScaling`.

    >>> import varscale
    >>> varscale.GlorotNormal(seed=1)((784, 256)).shape
    (784, 256)
    """

    _preset = "GlorotNormal"
    _fixed = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Preset):
    """Uniform, scale 2 over fan_in. Other arguments as `VarianceScaling`.

    >>> import varscale
    >>> varscale.HeUniform(seed=1)((784, 256)).shape
    (784, 256)
    """

    _preset = "HeUniform"
    _fixed = (2.0, "fan_in", "uniform")


class HeNormal(_Preset):
    """Truncated normal, scale 2 over fan_in. Other arguments as `VarianceScaling`.

    >>> import varscale
    >>> varscale.HeNormal(seed=1)((784, 256)).shape
    (784, 256)
    """

    _preset = "HeNormal"
    _fixed = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Preset):
    """Uniform, scale 1 over fan_in. Other arguments as `VarianceScaling`.

    >>> import varscale
    >>> varscale.LecunUniform(seed=1)((784, 256)).shape
    (784, 256)
    """

    _preset = "LecunUniform"
    _fixed = (1.0, "fan_in", "uniform")


class LecunNormal(_Preset):
    """Truncated normal, scale 1 over fan_in. Other arguments as `VarianceScaling`.

    >>> import varscale
    >>> varscale.LecunNormal(seed=1)((784, 256)).shape
    (784, 256)
    """

    _preset = "LecunNormal"
    _fixed = (1.0, "fan_in", "truncated_normal")


class Zeros(Initializer):
    """Every value 0.

    >>> import varscale
    >>> varscale.Zeros()((2,))
    array([0., 0.], dtype=float32)
    """

    def __init__(self) -> None:
        self._rule = self._make_rule()

    def _make_rule(self) -> Rule:
        return Rule.constant(0.0)


class Ones(Initializer):
    """Every value 1.

    >>> import varscale
    >>> varscale.Ones()((2,), "float64")
    array([1., 1.])
    """

    def __init__(self) -> None:
        self._rule = self._make_rule()

    def _make_rule(self) -> Rule:
        return Rule.constant(1.0)


class Constant(Initializer):
    """Every value `value`, a finite number.

    >>> import varscale
    >>> varscale.Constant(0.5)((2,))
    array([0.5, 0.5], dtype=float32)
    """

    def __init__(self, value: float = 0.0) -> None:
        self.value = number("value", value)
        self._rule = self._make_rule()

    def _make_rule(self) -> Rule:
        return Rule.constant(self.value)

    def get_config(self) -> dict[str, Any]:
        return {"value": self.value}


class Identity(Initializer):
    """A matrix with `gain`, a finite number, on its diagonal and 0 elsewhere.

    >>> import varscale
    >>> varscale.Identity(gain=2)((2, 2))
    array([[2., 0.],
           [0., 2.]], dtype=float32)
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = number("gain", gain)
        self._rule = self._make_rule()

    def _make_rule(self) -> Rule:
        return Rule.identity(self.gain)

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}
