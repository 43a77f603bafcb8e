"""What the constructors of the family's classes take: for type checkers alone, since the classes
are made of the core's table once the package is imported."""

from collections.abc import Sequence
from typing import Any, Generic, Literal, TypeAlias, TypeVar

Mode: TypeAlias = Literal["fan_in", "fan_out", "fan_avg", "fan_geo_avg", "none"]
Distribution: TypeAlias = Literal["truncated_normal", "untruncated_normal", "uniform", "normal"]
Stream: TypeAlias = Literal[
    "native",
    "keras-jax",
    "keras-jax-fp16fma",
    "keras-tensorflow",
    "keras-torch",
    "keras-numpy",
    "tf-keras",
    "tf-keras-2.9",
]
#: Keras's classes also know the stream of the active backend.
KerasStream: TypeAlias = Stream | Literal["keras"]
S = TypeVar("S", bound=str)

class Normal(Generic[S]):
    mean: float
    stddev: float
    def __init__(
        self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None, *, stream: S = ...
    ) -> None: ...

class CutNormal(Generic[S]):
    mean: float
    stddev: float
    lower: float | None
    upper: float | None
    a: float | None
    b: float | None
    after_truncation: bool
    def __init__(
        self,
        mean: float = 0.0,
        stddev: float = 0.05,
        seed: Any = None,
        *,
        lower: float | None = None,
        upper: float | None = None,
        a: float | None = None,
        b: float | None = None,
        after_truncation: bool = False,
        stream: S = ...,
    ) -> None: ...

class Gained(Generic[S]):
    gain: float
    def __init__(self, gain: float = 1.0, seed: Any = None, *, stream: S = ...) -> None: ...

class Uniform(Generic[S]):
    minval: float
    maxval: float
    def __init__(
        self,
        minval: float = -0.05,
        maxval: float = 0.05,
        seed: Any = None,
        *,
        stream: S = ...,
    ) -> None: ...

class BetweenLogs(Generic[S]):
    minval: float
    maxval: float
    def __init__(
        self, minval: float, maxval: float, seed: Any = None, *, stream: S = ...
    ) -> None: ...

class Computed(Generic[S]):
    expression: str
    def __init__(self, expression: str, seed: Any = None, *, stream: S = ...) -> None: ...

class _Scaled:
    scale: float
    mode: Mode
    distribution: Distribution

class Scaled(_Scaled, Generic[S]):
    input_axes: Sequence[int] | None
    output_axes: Sequence[int] | None
    def __init__(
        self,
        scale: float = 1.0,
        mode: Mode = "fan_in",
        distribution: Distribution = "truncated_normal",
        seed: Any = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
        *,
        stream: S = ...,
    ) -> None: ...

class Preset(_Scaled, Generic[S]):
    input_axes: Sequence[int] | None
    output_axes: Sequence[int] | None
    def __init__(
        self,
        seed: Any = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
        *,
        stream: S = ...,
    ) -> None: ...

# Keras 2 knows no axes.
class ScaledByLayout(_Scaled, Generic[S]):
    def __init__(
        self,
        scale: float = 1.0,
        mode: Mode = "fan_in",
        distribution: Distribution = "truncated_normal",
        seed: Any = None,
        *,
        stream: S = ...,
    ) -> None: ...

class PresetByLayout(_Scaled, Generic[S]):
    def __init__(self, seed: Any = None, *, stream: S = ...) -> None: ...
