"""Draws into NumPy arrays, whatever their strides."""

import math
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from varscale._core import Draw

# Values drawn at a time where they are copied from there: 16 MiB of float32.
_BLOCK = 1 << 22

# Bytes. What starts elsewhere is copied by JAX, and ends the process in TensorFlow.
_ALIGNMENT = 64


def aligned(
    draw: Draw, offset: tuple[int, ...], extent: tuple[int, ...], dtype: np.dtype[Any]
) -> Any:
    """A new array with the box of `draw` at `offset`, in memory that JAX and TensorFlow take for
    their own, without a copy."""
    draw.check(dtype)
    size = math.prod(extent) * dtype.itemsize
    if size > sys.maxsize - _ALIGNMENT:
        raise MemoryError(f"Unable to allocate {size} bytes")
    memory = np.empty(size + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    array = memory[start : start + size].view(dtype).reshape(extent)
    draw.fill(array, offset)
    return array


def fill(draw: Draw, array: Any, offset: tuple[int, ...], *, at_once: bool) -> None:
    """Fills `array` with the box of `draw` at `offset` that has its shape.

    `at_once`: the stream is sequential, so that parts cost as much as the whole.
    """
    draw.check(array.dtype)
    if array.flags.carray and array.dtype.isnative:
        draw.fill(array, offset)
        return
    if not array.flags.writeable:
        raise ValueError("The array is read-only")
    native = array.dtype.newbyteorder("=")
    for part, start in parts(array, offset, at_once=at_once):
        part[...] = draw.array(native, start, part.shape)


def parts(
    target: Any, offset: tuple[int, ...], *, at_once: bool = False
) -> Iterator[tuple[Any, tuple[int, ...]]]:
    """Some rows at a time of an array or a tensor that starts at `offset`, with their offsets."""
    if not target.ndim:
        yield target, offset
        return
    rows = target.shape[0]
    step = rows if at_once else _BLOCK // max(1, math.prod(target.shape[1:]))
    step = max(1, step)
    for row in range(0, rows, step):
        yield target[row : row + step], (offset[0] + row, *offset[1:])
