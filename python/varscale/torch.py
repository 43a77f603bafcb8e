"""torch's initializers, drawn by varscale in place, on the tensor's own memory.

The functions of `torch.nn.init` with the same arguments, and:

    seed: An integer from -2^63 to 2^64 - 1, or a `varscale.SeedGenerator`. Without one, a seed is
        drawn from `generator`, or from torch's own, so that `torch.manual_seed` decides.
    name: The tensor's name in the stream: tensors of one seed and other names differ.

Tensors are float16, bfloat16, float32, float64, float8_e4m3fn or float8_e5m2, of any strides. A GPU
draws the same bits by itself where the package `triton` is there (`verify` compares them); what it
does not draw, and what is for other devices, is drawn on the CPU and copied. Of a `DTensor`, each
rank draws its own shard, with fans from the whole: the same bits on any mesh; shards in several
pieces are refused. Tensors on `meta` are left as they are. As torch, tensors that cannot be written
to raise RuntimeError.

`constant_`, `ones_`, `zeros_`, `eye_`, `dirac_`, `sparse_`, `calculate_gain` and
whatever else `torch.nn.init` has are torch's own.

The functions work as torch's under `torch.compile`, `torch.vmap` (with a seed, all get the same
values) and `FakeTensorMode`.

`init_module_` initializes a whole module, `StorageReader` is a checkpoint that is drawn where
`torch.distributed.checkpoint` loads it.

How-tos: https://github.com/varscale/varscale/blob/main/docs/torch.md

>>> import torch, varscale.torch
>>> weight = torch.empty(256, 784)
>>> varscale.torch.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu", seed=42) is weight
True
"""

import functools
import inspect
import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias

import torch
from torch import Tensor
from torch.nn.init import _calculate_correct_fan as _fan
from torch.nn.init import _calculate_fan_in_and_fan_out as _fans
from torch.nn.init import (
    calculate_gain,
    constant,
    constant_,
    dirac,
    dirac_,
    eye,
    eye_,
    ones_,
    sparse,
    sparse_,
    zeros_,
)

from varscale import _torch, _torch_op
from varscale._arguments import number, text
from varscale._core import NORMAL_END, Scheme
from varscale._torch_device import verify
from varscale._torch_module import init_module_

if TYPE_CHECKING:
    from varscale._torch_storage import StorageReader

__all__ = [
    "StorageReader",
    "calculate_gain",
    "constant",
    "constant_",
    "dirac",
    "dirac_",
    "eye",
    "eye_",
    "init_module_",
    "kaiming_normal",
    "kaiming_normal_",
    "kaiming_uniform",
    "kaiming_uniform_",
    "normal",
    "normal_",
    "ones_",
    "orthogonal",
    "orthogonal_",
    "sparse",
    "sparse_",
    "trunc_normal_",
    "uniform",
    "uniform_",
    "variance_scaling_",
    "verify",
    "xavier_normal",
    "xavier_normal_",
    "xavier_uniform",
    "xavier_uniform_",
    "zeros_",
]

Generator: TypeAlias = torch.Generator | None
P = ParamSpec("P")


def _traceable(function: Callable[P, Tensor]) -> Callable[P, Tensor]:
    """A function that torch sees as one of its own where it looks on: see `_torch_op`."""
    parameters = inspect.signature(function).parameters.values()
    names = tuple(one.name for one in parameters)
    by_place = sum(one.kind is not one.KEYWORD_ONLY for one in parameters)
    _torch_op.FUNCTIONS[function.__name__] = function

    @functools.wraps(function)
    def call(*arguments: P.args, **options: P.kwargs) -> Tensor:
        if _torch_op.watched():
            known = len(arguments) <= by_place and (len(arguments) > 0 or "tensor" in options)
            for name in options:
                known = known and name in names[len(arguments) :]
            if known:
                return _torch_op.call(function.__name__, names, arguments, options)
        # Which also says what is wrong with arguments.
        return function(*arguments, **options)

    return call


@_traceable
def uniform_(
    tensor: Tensor,
    a: float = 0.0,
    b: float = 1.0,
    generator: Generator = None,
    *,
    seed: Any = None,
    name: str = "",
) -> Tensor:
    """Uniform in [`a`, `b`], never outside.

    Raises:
        ValueError: also where the dtype has no value in between.

    >>> import torch, varscale.torch
    >>> bool((varscale.torch.uniform_(torch.empty(9), seed=1) >= 0).all())
    True
    """
    _torch.check(tensor)
    if not _finite("a", a) <= _finite("b", b):
        raise ValueError(f"`a` must be at most `b`. Received: a={a}, b={b}")
    scheme = Scheme("RandomUniform", number("a", a), number("b", b))
    bounds = _torch.bounds(tensor.dtype, float(a), float(b))
    return _torch.init(tensor, scheme, seed, generator, name, bounds=bounds)


@_traceable
def normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    generator: Generator = None,
    *,
    seed: Any = None,
    name: str = "",
) -> Tensor:
    """Normal with this mean and standard deviation.

    >>> import torch, varscale.torch
    >>> varscale.torch.normal_(torch.empty(2, 3), std=0.02, seed=1).shape
    torch.Size([2, 3])
    """
    _torch.check(tensor)
    scheme = Scheme("RandomNormal", _finite("mean", mean), _at_least_zero("std", std))
    return _torch.init(tensor, scheme, seed, generator, name)


@_traceable
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator = None,
    *,
    seed: Any = None,
    name: str = "",
) -> Tensor:
    """Normal with this mean and standard deviation, cut off at `a` and `b`, never outside them.

    An infinite bound is open. Where a bound is no value of the dtype, up to the last one inside it.

    Raises:
        ValueError: also where a bound is further than 37.5 standard deviations on the other side of
            the mean, since no probability is left, and where no value of the dtype is between them.

    >>> import torch, varscale.torch
    >>> weight = varscale.torch.trunc_normal_(torch.empty(999), std=0.02, a=-0.04, b=0.04, seed=1)
    >>> float(weight.abs().max()) <= 0.04
    True
    """
    _torch.check(tensor)
    mean, std = _finite("mean", mean), _at_least_zero("std", std)
    low, high = float(number("a", a)), float(number("b", b))
    if not low <= high:
        raise ValueError(f"`a` must be at most `b`. Received: a={a}, b={b}")
    a, b = low, high
    normal = Scheme("RandomNormal", mean, std)
    if std == 0:
        if not a <= mean <= b:
            raise ValueError(f"`mean` must be between `a` and `b` where std is 0. Received: {mean}")
        bounds = _torch.inside(tensor.dtype, a, b)
        return _torch.init(tensor, normal, seed, generator, name, bounds=bounds)
    low, high = (a - mean) / std, (b - mean) / std
    if low > 2 or high < -2:
        warnings.warn(
            "mean is more than 2 std from [a, b] in trunc_normal_: its values are far out on the "
            "tail of the distribution.",
            stacklevel=3,
        )
    if a == b and math.isfinite(a):
        return _torch.init(tensor, Scheme("RandomUniform", a, b), seed, generator, name)
    if low <= -NORMAL_END and high >= NORMAL_END:
        # Rounding may bring only the last of them to a bound.
        bounds = _torch.inside(tensor.dtype, a, b)
        close = bounds if low > -2 * NORMAL_END or high < 2 * NORMAL_END else None
        return _torch.init(tensor, normal, seed, generator, name, bounds=close)
    if math.isclose(low, -2, rel_tol=1e-12) and math.isclose(high, 2, rel_tol=1e-12):
        exact = (mean, a, b) == (0, -2 * std, 2 * std)
        kept = (_torch.bounds if exact else _torch.inside)(tensor.dtype, a, b)
        scheme = Scheme("TruncatedNormal", mean, std)
        return _torch.init(tensor, scheme, seed, generator, name, bounds=kept)
    scheme = Scheme("TruncatedNormal", mean, std, None, None, a, b)
    return _torch.init(tensor, scheme, seed, generator, name)


@_traceable
def xavier_uniform_(
    tensor: Tensor,
    gain: float = 1.0,
    generator: Generator = None,
    *,
    seed: Any = None,
    name: str = "",
) -> Tensor:
    """Uniform with variance `gain`² · 2 / (fan_in + fan_out).

    >>> import torch, varscale.torch
    >>> varscale.torch.xavier_uniform_(torch.empty(2, 3), seed=1).shape
    torch.Size([2, 3])
    """
    bound = math.sqrt(3.0) * _xavier(tensor, gain)
    return _torch.init(tensor, Scheme("RandomUniform", -bound, bound), seed, generator, name)


@_traceable
def xavier_normal_(
    tensor: Tensor,
    gain: float = 1.0,
    generator: Generator = None,
    *,
    seed: Any = None,
    name: str = "",
) -> Tensor:
    """Normal with variance `gain`² · 2 / (fan_in + fan_out).

    >>> import torch, varscale.torch
    >>> varscale.torch.xavier_normal_(torch.empty(2, 3), seed=1).shape
    torch.Size([2, 3])
    """
    scheme = Scheme("RandomNormal", 0.0, _xavier(tensor, gain))
    return _torch.init(tensor, scheme, seed, generator, name)


@_traceable
def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator = None,
    *,
    seed: Any = None,
    name: str = "",
) -> Tensor:
    """Uniform with variance gain² / fan.

    >>> import torch, varscale.torch
    >>> varscale.torch.kaiming_uniform_(torch.empty(2, 3), a=5**0.5, seed=1).shape
    torch.Size([2, 3])
    """
    std = _kaiming(tensor, a, mode, nonlinearity)
    if std is None:
        return tensor
    bound = math.sqrt(3.0) * std
    return _torch.init(tensor, Scheme("RandomUniform", -bound, bound), seed, generator, name)


@_traceable
def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator = None,
    *,
    seed: Any = None,
    name: str = "",
) -> Tensor:
    """Normal with variance gain² / fan.

    >>> import torch, varscale.torch
    >>> varscale.torch.kaiming_normal_(torch.empty(2, 3), mode="fan_out", seed=1).shape
    torch.Size([2, 3])
    """
    std = _kaiming(tensor, a, mode, nonlinearity)
    if std is None:
        return tensor
    return _torch.init(tensor, Scheme("RandomNormal", 0.0, std), seed, generator, name)


@_traceable
def orthogonal_(
    tensor: Tensor,
    gain: float = 1,
    generator: Generator = None,
    *,
    seed: Any = None,
    name: str = "",
) -> Tensor:
    """A matrix with orthonormal rows, or columns where these are fewer, times `gain`, uniform among
    all such matrices: the first axis against all others.

    >>> import torch, varscale.torch
    >>> weight = varscale.torch.orthogonal_(torch.empty(3, 5), seed=1)
    >>> bool((weight @ weight.T - torch.eye(3)).abs().max() < 1e-6)
    True
    """
    _torch.check(tensor)
    if tensor.ndim < 2:
        raise ValueError(f"Only tensors with 2 or more dimensions. Received: {tuple(tensor.shape)}")
    scheme = Scheme("Orthogonal", _finite("gain", gain))
    return _torch.init(tensor, scheme, seed, generator, name)


def _finite(name: str, given: float) -> float:
    value = float(number(name, given))
    if not math.isfinite(value):
        raise ValueError(f"`{name}` must be finite. Received: {given}")
    return value


def _at_least_zero(name: str, given: float) -> float:
    value = _finite(name, given)
    if value < 0:
        raise ValueError(f"`{name}` must be at least 0. Received: {given}")
    return value


def _xavier(tensor: Tensor, gain: float) -> float:
    """The standard deviation."""
    _torch.check(tensor)
    return _at_least_zero("gain", gain) * math.sqrt(2.0 / max(1, sum(_fans(tensor))))


def _kaiming(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float | None:
    """The standard deviation; none where there is nothing to initialize."""
    _torch.check(tensor)
    if not isinstance(mode, str):
        raise TypeError(f"`mode` must be a string. Received: {mode!r}")
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=4)
        return None
    gain: float = calculate_gain(nonlinearity, a)  # type: ignore[arg-type]
    if not math.isfinite(gain):
        raise ValueError(f"`a` must be a number. Received: {a}")
    return gain / math.sqrt(_fan(tensor, mode))  # type: ignore[arg-type]


@_traceable
def variance_scaling_(
    tensor: Tensor,
    scale: float = 1.0,
    mode: str = "fan_in",
    distribution: str = "truncated_normal",
    generator: Generator = None,
    *,
    seed: Any = None,
    name: str = "",
    layout: str = "torch",
) -> Tensor:
    """Keras's `VarianceScaling`, with fans by torch's layout, (out, in, …), or another.

    >>> import torch, varscale.torch
    >>> weight = varscale.torch.variance_scaling_(torch.empty(64, 3, 7, 7), 2.0, seed=1)
    >>> float(weight.abs().max()) <= 2 * (2 / 147) ** 0.5 / 0.8796
    True
    """
    distribution = text("distribution", distribution)
    scheme = Scheme("VarianceScaling", number("scale", scale), text("mode", mode), distribution)
    return _torch.init(tensor, scheme, seed, generator, name, text("layout", layout))


def _deprecated(function: Callable[P, Tensor]) -> Callable[P, Tensor]:
    """A function under the name that it had once, as torch's module keeps them."""
    name = function.__name__
    message = f"`nn.init.{name[:-1]}` is now deprecated in favor of `nn.init.{name}`."

    def call(*arguments: P.args, **options: P.kwargs) -> Tensor:
        warnings.warn(message, FutureWarning, stacklevel=2)
        return function(*arguments, **options)

    call.__name__ = call.__qualname__ = name[:-1]
    call.__doc__ = f"`{name}`, by a name that torch deprecates."
    return call


uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)


def __getattr__(name: str) -> Any:
    if name == "StorageReader":
        # What it is a kind of takes seconds to import, and torch may have been built without it.
        from varscale._torch_storage import StorageReader

        return StorageReader
    # What else torch's own module has, so that replacing the import is enough.
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(torch.nn.init, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *(name for name in dir(torch.nn.init) if name[0] != "_")})
