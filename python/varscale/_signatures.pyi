"""What the constructors of the family's classes take: for type checkers alone, since the classes
are made of the core's table once the package is imported."""

from collections.abc import Sequence
from typing import Any

class Normal:
    mean: float
    stddev: float
    def __init__(
        self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None, *, stream: str = "native"
    ) -> None: ...

class Uniform:
    minval: float
    maxval: float
    def __init__(
        self,
        minval: float = -0.05,
        maxval: float = 0.05,
        seed: Any = None,
        *,
        stream: str = "native",
    ) -> None: ...

class _Scaled:
    scale: float
    mode: str
    distribution: str

class Scaled(_Scaled):
    input_axes: Sequence[int] | None
    output_axes: Sequence[int] | None
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
    ) -> None: ...

class Preset(_Scaled):
    input_axes: Sequence[int] | None
    output_axes: Sequence[int] | None
    def __init__(
        self,
        seed: Any = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
        *,
        stream: str = "native",
    ) -> None: ...

# Keras 2 knows no axes.
class ScaledByLayout(_Scaled):
    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
        *,
        stream: str = "native",
    ) -> None: ...

class PresetByLayout(_Scaled):
    def __init__(self, seed: Any = None, *, stream: str = "native") -> None: ...
