"""Verification of a device: whether it computes the native stream as this CPU, bit for bit.

All that is computed in float32 is a function of one word at a time, or of one beside a fixed one,
so that all inputs can be compared: the odd words, since the lowest bit counts for nothing.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np

from varscale._arguments import dtype_of
from varscale._core import Draw, NativeDraw, Scheme, Transform

# Inputs that are compared at a time.
_BLOCK = 1 << 22

# Of each case, as many that differ are kept.
_KEPT = 4

# Odd words, and values of float32.
_WORDS, _VALUES = 1 << 31, 1 << 32

# Of a normal, the direction of this word has cosine 1.
_STRAIGHT = 0

# Bounds in the center, on one side, with tails, mirrored, and in one tail.
_BOUNDS = [
    (-1.0, 1.0),
    (0.0, 1.0),
    (-1.0, 4.0),
    (-math.inf, 1.0),
    (2.0, math.inf),
    (4.0, 6.0),
    (-13.0, -12.0),
]

# What is rounded to: the largest float32 that does not overflow, by its bits; and the smallest one
# that draws in float32 have.
_ROUNDED = {"bfloat16": 0x7F7F_7FFF, "float16": 0x477F_EFFF}
_LEAST = 0x0080_0000


class Device(Protocol):
    """What a framework computes on a device, whose arrays are NumPy's, on the host."""

    name: str

    def values(self, transform: Transform, words: Any) -> Any:
        """`transform.values` of uint32 words, which for normals come in pairs: float32."""

    def rounded(self, values: Any, dtype: str) -> Any:
        """Values of float32, rounded to ``"bfloat16"`` or ``"float16"``, in an array of it."""

    def drawn(
        self, draw: Draw, dtype: str, offset: tuple[int, ...], extent: tuple[int, ...]
    ) -> Any:
        """`draw.array` of the same arguments."""


class Difference(NamedTuple):
    """An input for which a device has other bits.

    Attributes:
        law: What is computed: a law, ``"radius"`` or ``"direction"`` of a normal, a dtype that is
            rounded to, or a draw.
        input: The word; the bits of what is rounded; the place in what is drawn.
        here: The value that it should be, by this CPU.
        there: The device's.
    """

    law: str
    input: int
    here: float
    there: float

    def __str__(self) -> str:
        return f"{self.law} of {self.input:#x}: {self.here!r} here, {self.there!r} there"


@dataclass
class DeviceVerification:
    """What a device computes of the native stream beside this CPU; true where it is exact.

    Attributes:
        device: The device's name.
        every: Of how many inputs one was compared; 1 where all were.
        checked: Values that were compared.
        mismatches: Those of them that have other bits.
        differing: The first of these, of each law.
    """

    device: str
    every: int
    checked: int = 0
    mismatches: int = 0
    differing: list[Difference] = field(default_factory=list)

    @property
    def exact(self) -> bool:
        """Whether every value that was compared has the same bits."""
        return not self.mismatches

    def __bool__(self) -> bool:
        return self.exact

    def __str__(self) -> str:
        if self.exact:
            return f"{self.device}: exact, {self.checked} values compared"
        shown = "".join(f"\n  {one}" for one in self.differing)
        return f"{self.device}: {self.mismatches} of {self.checked} values differ{shown}"

    def compare(self, law: str, inputs: Any, here: Any, there: Any) -> None:
        """Counts what differs; `inputs` are what the rows of `here` and `there` are computed of."""
        same_shape = here.shape == there.shape and here.dtype == there.dtype
        if not same_shape:
            raise ValueError(
                f"The device returned {there.dtype} of shape {there.shape} for {law}, not "
                f"{here.dtype} of shape {here.shape}"
            )
        kind = f"u{here.dtype.itemsize}"
        differs = np.ascontiguousarray(here).view(kind) != np.ascontiguousarray(there).view(kind)
        self.checked += here.size
        if not (found := int(np.count_nonzero(differs))):
            return
        self.mismatches += found
        kept = sum(one.law == law for one in self.differing)
        for place in np.argwhere(differs)[: _KEPT - kept]:
            values = [float(array[tuple(place)]) for array in (here, there)]
            self.differing.append(Difference(law, int(inputs[place[0]]), *values))


def verify(device: Device, every: int) -> DeviceVerification:
    """Compares a device with this CPU: all inputs of each function, or one of `every`.

    Raises:
        TypeError, ValueError: where `every` is no positive integer.
    """
    if not isinstance(every, int) or isinstance(every, bool):
        raise TypeError(f"`every` must be an integer. Received: {every!r}")
    if every < 1:
        raise ValueError(f"`every` must be at least 1. Received: {every}")
    found = DeviceVerification(device.name, every)
    _standard_values(device, found)
    _rounding(device, found)
    _draws(device, found)
    return found


def native_of(draw: Draw, dtype: str = "float32") -> tuple[NativeDraw, Transform]:
    """What a draw depends on, and how its words become values of `dtype`."""
    native = draw.native()
    transform = native and native.transform(dtype)
    assert native is not None and transform is not None, "A draw of the verification itself"
    return native, transform


def _standard_values(device: Device, found: DeviceVerification) -> None:
    each: dict[str, Transform] = {
        "uniform": _transform("RandomUniform", -1.0, 1.0),
        "truncated_normal": _transform("TruncatedNormal", 0.0, 1.0),
    }
    for low, high in _BOUNDS:
        bounded = _transform("TruncatedNormal", 0.0, 1.0, None, None, low, high)
        each[f"normal in [{low:g}, {high:g}]"] = bounded
    for law, transform in each.items():
        for words in _sample(_WORDS, found.every, _odd):
            found.compare(law, words, transform.values(words), device.values(transform, words))
    normal = _transform("RandomNormal", 0.0, 1.0)
    pairs: dict[str, Callable[[Any], list[Any]]] = {
        "radius": lambda words: [words, np.full_like(words, _STRAIGHT)],
        "direction": lambda words: [np.full_like(words, _one(normal)), words],
    }
    for law, pair in pairs.items():
        for words in _sample(_WORDS, found.every, _odd):
            both = np.stack(pair(words), axis=1).ravel()
            here, there = normal.values(both), device.values(normal, both)
            found.compare(law, words, here.reshape(-1, 2), there.reshape(-1, 2))


def _one(normal: Transform) -> int:
    """The word whose radius is 1, by which nothing of a direction is rounded."""
    middle = round(math.exp(-0.5) * 2**32)
    words = np.arange(middle - 4096, middle + 4096, dtype=np.uint32)
    radii = normal.values(np.stack([words, np.full_like(words, _STRAIGHT)], axis=1).ravel())[::2]
    return int(words[radii == 1][0])


def _rounding(device: Device, found: DeviceVerification) -> None:
    for dtype, largest in _ROUNDED.items():
        kind = dtype_of(dtype)
        for bits in _sample(_VALUES, found.every, lambda places: places.astype(np.uint32)):
            size = bits & 0x7FFF_FFFF
            bits = bits[(size >= _LEAST) & (size <= largest)]
            values = bits.view(np.float32)
            found.compare(dtype, bits, values.astype(kind), device.rounded(values, dtype))


def _draws(device: Device, found: DeviceVerification) -> None:
    """Whole draws and boxes of them, unaligned and beyond 2^32 indices, rounded and clamped."""
    schemes: list[tuple[Any, ...]] = [
        ("RandomUniform", -0.3, 0.3),
        ("RandomUniform", 0.0, 1.0),
        ("TruncatedNormal", 0.0, 0.02),
        ("TruncatedNormal", 0.5, 0.02),
        ("RandomNormal", 0.0, 1e-3),
        ("RandomNormal", -1.0, 1e-6),
        ("TruncatedNormal", 0.0, 1.0, None, None, -0.1, 0.7),
        ("TruncatedNormal", -1.0, 0.5, None, None, 1.0, 3.0),
    ]
    boxes = [((129, 67), (0, 0), (129, 67)), ((1 << 21, 4099), ((1 << 21) - 5, 2), (5, 4093))]
    # Values are rounded as above, whatever the law: each law to some dtypes.
    dtypes = ["float32", "bfloat16", "float16"]
    for number, (shape, offset, extent) in enumerate(boxes):
        for dtype, scheme in zip(dtypes[number:] + 2 * dtypes, schemes, strict=False):
            draw = _scheme(*scheme, shape=shape)
            there = device.drawn(draw, dtype, offset, extent)
            here = draw.array(dtype, offset, extent)
            places = np.arange(here.size)
            law = f"{dtype} of {scheme[0]}({', '.join(map(str, scheme[1:]))})"
            found.compare(law, places, here.ravel(), np.asarray(there).ravel())


def _scheme(name: str, *arguments: Any, shape: tuple[int, ...] = (1,)) -> Draw:
    return Scheme(name, *arguments).draw(shape, 42, "native", name="verification")


def _transform(name: str, *arguments: Any) -> Transform:
    return native_of(_scheme(name, *arguments))[1]


def _odd(places: Any) -> Any:
    return (2 * places + 1).astype(np.uint32)


def _sample(inputs: int, every: int, of: Callable[[Any], Any]) -> Iterator[Any]:
    """One of each `every` of so many inputs, not always the same one, some at a time."""
    for first in range(0, inputs // every, _BLOCK):
        each = np.arange(first, min(first + _BLOCK, inputs // every), dtype=np.uint64)
        scattered = (each * np.uint64(0x9E37_79B1)) & np.uint64(0xFFFF_FFFF)
        yield of(each * np.uint64(every) + (scattered * np.uint64(every) >> np.uint64(32)))
