"""The Rust side of the package, which only the package itself imports."""

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any, SupportsIndex, final

__all__ = [
    "CLASSES",
    "DISTRIBUTIONS",
    "DTYPES",
    "Draw",
    "Explanation",
    "MODES",
    "NORMAL_END",
    "Plan",
    "STREAMS",
    "Scheme",
    "SeedGenerator",
    "__version__",
    "dtype_name",
    "integer_seed",
    "main",
    "random_seed",
    "serialized_class",
    "stream_name",
]
__version__: str
CLASSES: list[
    tuple[str, str, list[str], str, list[tuple[str, float | str]], bool, bool, list[Any] | None]
]
DISTRIBUTIONS: list[str]
DTYPES: list[str]
MODES: list[str]
NORMAL_END: float
STREAMS: list[str]

def random_seed() -> int: ...
def integer_seed(seed: SupportsIndex) -> int: ...
def stream_name(stream: str) -> str: ...
def dtype_name(dtype: str) -> str: ...
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
    def elements(self) -> int: ...
    @property
    def roles(self) -> list[str] | None: ...
    @property
    def fan_in(self) -> int | None: ...
    @property
    def fan_out(self) -> int | None: ...
    @property
    def variance(self) -> float | None: ...
    @property
    def stddev(self) -> float | None: ...
    @property
    def bounds(self) -> tuple[float, float] | None: ...

@final
class Draw:
    @property
    def shape(self) -> list[int]: ...
    def check(self, dtype: str) -> None: ...
    def fill(self, array: Any, dtype: str, offset: Sequence[int]) -> None: ...

@final
class Scheme:
    def __new__(
        cls,
        class_name: str,
        *arguments: float | str,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> Scheme: ...
    @property
    def arguments(self) -> list[float | str]: ...
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

@final
class Plan:
    @staticmethod
    def read(path: str | PathLike[str], seed: SupportsIndex | None) -> Plan: ...
    @staticmethod
    def resolve(spec: str, file: str, seed: SupportsIndex | None) -> Plan: ...
    def to_json(self) -> str: ...
    def tensors(self) -> list[tuple[str, str]]: ...
    def draw(self, index: int) -> Draw: ...
    def write(
        self,
        out: str | PathLike[str],
        threads: int,
        force: bool,
        inputs: Sequence[str | PathLike[str]],
        progress: Callable[[int, int], Any] | None,
    ) -> float: ...
