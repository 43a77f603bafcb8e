"""The Rust side of the package, which only the package itself imports."""

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any, SupportsIndex, final

import numpy as np

__all__ = [
    "CLASSES",
    "DISTRIBUTIONS",
    "DTYPES",
    "Draw",
    "Explanation",
    "MODES",
    "NATIVE_CONSTANTS",
    "NORMAL_END",
    "NativeDraw",
    "Plan",
    "STREAMS",
    "Scheme",
    "SeedGenerator",
    "Transform",
    "__version__",
    "axes_of",
    "dtype_name",
    "dtype_of",
    "floatx",
    "inside",
    "inspect",
    "integer_seed",
    "main",
    "number",
    "prove",
    "random_seed",
    "serialized_class",
    "set_floatx",
    "shape_of",
    "stream_of",
    "text",
    "verify",
]
__version__: str
CLASSES: list[
    tuple[str, str, list[str], str, list[tuple[str, Any, bool, bool]], bool, bool, list[Any] | None]
]
DISTRIBUTIONS: list[str]
DTYPES: list[str]
MODES: list[str]
NATIVE_CONSTANTS: dict[str, list[float]]
NORMAL_END: float
STREAMS: list[str]

def random_seed() -> int: ...
def integer_seed(seed: SupportsIndex, native: bool) -> int: ...
def axes_of(argument: str, axes: Any) -> list[int] | None: ...
def dtype_name(dtype: Any) -> str: ...
def dtype_of(dtype: Any = None) -> np.dtype[Any]: ...
def floatx() -> str: ...
def inside(dtype: Any, low: float, high: float) -> tuple[float, float]: ...
def number(argument: str, value: Any) -> int | float: ...
def set_floatx(value: Any) -> None: ...
def shape_of(shape: Any, argument: str = "shape") -> tuple[int, ...]: ...
def stream_of(stream: Any) -> str: ...
def text(argument: str, value: Any) -> str: ...
def serialized_class(json: str) -> str: ...
def main(arguments: Sequence[str]) -> int: ...

@final
class SeedGenerator:
    def __new__(
        cls, seed: SupportsIndex | None = None, name: str | None = None, *, counter: int = 0
    ) -> SeedGenerator: ...
    @property
    def seed(self) -> int: ...
    @property
    def counter(self) -> int: ...
    @property
    def name(self) -> str: ...
    def get_config(self) -> dict[str, Any]: ...
    @staticmethod
    def from_config(config: dict[str, Any]) -> SeedGenerator: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    @staticmethod
    def _restore(seed: int, given: int | None, name: str | None, counter: int) -> SeedGenerator: ...

@final
class Explanation:
    @property
    def initializer(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def elements(self) -> int: ...
    @property
    def roles(self) -> list[str] | None: ...
    @property
    def fan_in(self) -> float | None: ...
    @property
    def fan_out(self) -> float | None: ...
    @property
    def scale(self) -> float | None: ...
    @property
    def mode(self) -> str | None: ...
    @property
    def divisor(self) -> float | None: ...
    @property
    def variance(self) -> float | None: ...
    @property
    def stddev(self) -> float | None: ...
    @property
    def bounds(self) -> tuple[float, float] | None: ...
    def to_dict(self) -> dict[str, Any]: ...
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def _repr_html_(self) -> str: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    @staticmethod
    def _restore(
        class_name: str, config: str, shape: Sequence[int], layout: str
    ) -> Explanation: ...

@final
class Draw:
    @property
    def shape(self) -> list[int]: ...
    def check(self, dtype: Any) -> None: ...
    def array(
        self, dtype: Any, offset: Sequence[int], extent: Sequence[int]
    ) -> np.ndarray[Any, np.dtype[Any]]: ...
    def fill(self, array: Any, offset: Sequence[int]) -> None: ...
    def native(self) -> NativeDraw | None: ...

@final
class NativeDraw:
    @property
    def key(self) -> tuple[int, int]: ...
    @property
    def name(self) -> tuple[int, int, int, int]: ...
    @property
    def call(self) -> int: ...
    def transform(self, dtype: Any) -> Transform | None: ...

@final
class Transform:
    @property
    def standard(self) -> str: ...
    @property
    def numbers(self) -> dict[str, float]: ...
    def values(
        self, words: np.ndarray[Any, np.dtype[np.uint32]]
    ) -> np.ndarray[Any, np.dtype[np.float32]]: ...

@final
class Scheme:
    def __new__(
        cls,
        class_name: str,
        *arguments: Any,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> Scheme: ...
    @staticmethod
    def of(class_name: str, given: dict[str, Any]) -> tuple[Scheme, dict[str, Any]]: ...
    def explain(self, shape: Sequence[int], layout: str) -> Explanation: ...
    def draw(
        self,
        shape: Sequence[int],
        seed: SupportsIndex | SeedGenerator | None,
        stream: str,
        *,
        name: str = ...,
        layout: str = "keras",
        call: int | None = None,
    ) -> Draw: ...
    def array(
        self,
        shape: Sequence[int],
        dtype: Any,
        seed: SupportsIndex | SeedGenerator | None,
        stream: str,
        *,
        name: str = ...,
        layout: str = "keras",
        part: tuple[Sequence[int], Sequence[int]] | None = None,
    ) -> np.ndarray[Any, np.dtype[Any]]: ...

@final
class Plan:
    @staticmethod
    def read(
        path: str | PathLike[str],
        seed: SupportsIndex | None,
        seeds: str | None = None,
        spec: str | None = None,
    ) -> Plan: ...
    @staticmethod
    def resolve(spec: str | None, file: str, seed: SupportsIndex | None) -> Plan: ...
    def seed(self) -> tuple[int, bool]: ...
    def stated_seed(
        self, out: str | PathLike[str], max_shard_size: str | int | None, found: bool = False
    ) -> int | None: ...
    def missing(
        self, out: str | PathLike[str], max_shard_size: str | int | None, parts: int | None
    ) -> tuple[int, list[int], list[tuple[str, str]]]: ...
    def stream(self) -> str: ...
    def to_json(self) -> str: ...
    def tensors(self) -> list[tuple[str, str]]: ...
    def ties(self) -> list[tuple[str, str]]: ...
    def draw(self, index: int) -> Draw: ...
    def stored(self, index: int, offset: Sequence[int], extent: Sequence[int]) -> bytearray: ...
    def write(
        self,
        out: str | PathLike[str],
        threads: int,
        force: bool,
        progress: Callable[[int, int], Any] | None,
        max_shard_size: str | int | None = None,
        part: str | None = None,
        resume: bool = False,
        memory: str | int | None = None,
        digests: bool = False,
    ) -> tuple[int, int, list[str]]: ...

def inspect(
    checkpoint: str | PathLike[str],
    plan: Plan | None,
    globs: Sequence[str],
    threads: int,
    progress: Callable[[int, int], Any] | None,
) -> str: ...
def verify(
    checkpoint: str | PathLike[str],
    plan: Plan | None,
    seed: SupportsIndex | None,
    seeds: str | None,
    sample: str | float | None,
    threads: int,
    progress: Callable[[int, int], Any] | None,
) -> str: ...
def prove(
    checkpoint: str | PathLike[str],
    digests: Sequence[str | PathLike[str]],
    threads: int,
    progress: Callable[[int, int], Any] | None,
) -> str: ...
