"""Arguments as users write them: seeds, numbers, shapes, boxes and dtypes, checked once."""

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from varscale import _core
from varscale._core import (
    SeedGenerator,
    axes_of,
    dtype_of,
    number,
    shape_of,
    stream_of,
    text,
)

__all__ = [
    "axes_of",
    "box_of",
    "dtype_name",
    "dtype_of",
    "integer_seed",
    "number",
    "seed_of",
    "shape_of",
    "stream_of",
    "text",
]


def dtype_name(tensor: Any) -> str:
    """The dtype of an array or tensor of any framework, as varscale calls it."""
    dtype = tensor.dtype
    # NumPy's text of a dtype may be of its byte order, and TensorFlow's is its repr.
    name = getattr(dtype, "name", None)
    if isinstance(name, str):
        return name
    try:
        # NumPy reads None as float64.
        return str(dtype) if dtype is None else np.dtype(dtype).name
    except TypeError:
        return str(dtype).removeprefix("torch.")


def seed_of(seed: Any, stream: str = "native") -> int | SeedGenerator | None:
    """A seed as it is kept: an integer, a generator or none."""
    if isinstance(seed, SeedGenerator):
        return seed
    if isinstance(seed, dict):
        config = seed.get("config", {})
        if seed.get("class_name") != "SeedGenerator" or not isinstance(config, dict):
            raise ValueError(f"Invalid `seed` config: {seed}. Use that of a SeedGenerator")
        return SeedGenerator.from_config(config)
    return integer_seed(seed, stream, "a varscale.SeedGenerator or an integer")


def integer_seed(seed: Any, stream: str = "native", wanted: str = "an integer") -> int | None:
    """A seed that is no generator: an integer of any kind, or none.

    A framework's stream takes what its framework does, which the draw says.
    """
    # Keras's configs keep True, and it seeds as 1 does.
    if seed is None or isinstance(seed, bool):
        return seed
    if type(seed).__name__ == "SeedGenerator":
        raise ValueError(
            f"`seed` argument should be {wanted}. "
            f"Received: one of {type(seed).__module__}, {seed!r}"
        )
    return _core.integer_seed(seed, stream == "native")


def box_of(
    shape: tuple[int, ...], slice: Sequence[builtins.slice] | builtins.slice | None
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Offset and extent of the box of `shape` that `slice` takes; of ``None``, the whole.

    `slice` is an index of slices without steps, as in ``np.s_[10:20, :]``. Unlike in an index of
    an array, a bound beyond the axis is an error.
    """
    try:
        slices: tuple[Any, ...] = () if slice is None else tuple(slice)  # type: ignore[arg-type]
    except TypeError:
        slices = (slice,)
    if len(slices) > len(shape):
        raise ValueError(f"`slice` has {len(slices)} axes, but shape {shape} has {len(shape)}")
    offset, extent = [], []
    for axis, length in enumerate(shape):
        part = slices[axis] if axis < len(slices) else builtins.slice(None)
        if not isinstance(part, builtins.slice):
            raise TypeError(f"`slice` must hold slices, as in np.s_[10:20, :]. Received: {part!r}")
        if part.step not in (None, 1):
            raise ValueError(f"`slice` must have no steps. Received: {part}")
        for bound in (part.start, part.stop):
            if bound is not None and not -length <= bound <= length:
                raise ValueError(f"`slice` leaves axis {axis}: {part} of size {length}")
        start, stop, _ = part.indices(length)
        offset.append(start)
        extent.append(max(0, stop - start))
    return tuple(offset), tuple(extent)
