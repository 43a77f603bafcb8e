"""Arguments as users write them: seeds, numbers, shapes, boxes and dtypes, checked once."""

import builtins
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from varscale import _core
from varscale._core import SeedGenerator

_floatx = "float32"


def floatx() -> str:
    """The dtype of what is drawn without one: ``"float32"`` unless `set_floatx` changed it.

    >>> import varscale
    >>> varscale.floatx()
    'float32'
    """
    return _floatx


def set_floatx(value: str) -> None:
    """Sets the dtype of what is drawn without one.

    Args:
        value: ``"float16"``, ``"bfloat16"``, ``"float32"`` or ``"float64"``.

    Raises:
        ValueError: for every other.

    >>> import varscale
    >>> varscale.set_floatx("float64")
    >>> varscale.Zeros()((1,)).dtype
    dtype('float64')
    >>> varscale.set_floatx("float32")
    """
    global _floatx
    _floatx = _core.dtype_name(str(value))


def dtype_of(dtype: Any) -> np.dtype[Any]:
    """The NumPy dtype that a user's argument names; of ``None``, that of `floatx`."""
    if dtype is None:
        dtype = _floatx
    # NumPy itself does not know the name; ml_dtypes adds it.
    if isinstance(dtype, str) and dtype == "bfloat16":
        return bfloat16()
    try:
        return np.dtype(dtype)
    except TypeError:
        # Refused, with the names that there are.
        return np.dtype(_core.dtype_name(str(dtype)))


def bfloat16() -> np.dtype[Any]:
    """NumPy's bfloat16, which `ml_dtypes` brings."""
    import ml_dtypes

    return np.dtype(ml_dtypes.bfloat16)


def drawn_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """`dtype`, where values are drawn in it."""
    _core.dtype_name(dtype.name)
    return dtype


def dtype_name(tensor: Any) -> str:
    """The dtype of an array or tensor of any framework, as varscale calls it."""
    return str(tensor.dtype).removeprefix("torch.")


def text(argument: str, value: Any) -> str:
    """A name."""
    if isinstance(value, str):
        return value
    # Keras takes a distribution for a string, and looks anything else up among its names.
    error = TypeError if argument == "distribution" else ValueError
    raise error(f"`{argument}` must be a string. Received: {value!r}")


def number(argument: str, value: Any) -> int | float:
    """A real argument; what was written as an integer stays one, as Keras's configs keep it."""
    numeric = hasattr(value, "__float__") or hasattr(value, "__index__")
    if isinstance(value, (str, bytes)) or not numeric:
        raise TypeError(f"Argument `{argument}` must be a number. Received: {value!r}")
    try:
        real = float(value)
    except OverflowError:
        # What is as large may have more digits than Python writes.
        raise ValueError(
            f"Argument `{argument}` must lie within ±2^1024. Received: a larger "
            f"{type(value).__name__}"
        ) from None
    try:
        return operator.index(value)
    except TypeError:
        return real


def seed_of(seed: Any) -> int | SeedGenerator | None:
    """A seed as it is kept: an integer, a generator or none."""
    if isinstance(seed, SeedGenerator):
        return seed
    if isinstance(seed, dict):
        config = seed.get("config", {})
        if seed.get("class_name") != "SeedGenerator" or not isinstance(config, dict):
            raise ValueError(f"Invalid `seed` config: {seed}. Use that of a SeedGenerator")
        return SeedGenerator.from_config(config)
    return integer_seed(seed)


def integer_seed(seed: Any) -> int | None:
    """A seed that is no generator: an integer of any kind, or none."""
    # Keras's configs keep True, and it seeds as 1 does.
    return seed if seed is None or isinstance(seed, bool) else _core.integer_seed(seed)


def stream_of(stream: Any) -> str:
    """The name of a stream."""
    return _core.stream_name(text("stream", stream))


def size(argument: str, value: Any) -> int:
    """A size of a shape."""
    try:
        value = operator.index(value)
    except TypeError:
        raise TypeError(f"`{argument}` must hold integers. Received: {value!r}") from None
    if value < 0:
        raise ValueError(f"`{argument}` must hold sizes of at least 0. Received: {value}")
    if value >= 2**63:
        raise ValueError(f"`{argument}` must hold sizes below 2^63. Received: {value}")
    return value


def shape_of(shape: Any, argument: str = "shape") -> tuple[int, ...]:
    """A shape: any sequence of integers, which have an order."""
    unordered = isinstance(shape, (str, bytes, dict, set, frozenset))
    try:
        sizes = None if unordered else tuple(shape)
    except TypeError:
        sizes = None
    if sizes is None:
        raise TypeError(f"`{argument}` must be a sequence of integers. Received: {shape!r}")
    return tuple(size(argument, value) for value in sizes)


def axes_of(argument: str, axes: Any) -> list[int] | None:
    """Axes of a shape, or none."""
    if axes is None:
        return None
    try:
        listed = [operator.index(axis) for axis in axes]
    except TypeError:
        raise TypeError(
            f"`{argument}` must be None or a sequence of integers. Received: {axes!r}"
        ) from None
    for axis in listed:
        if not -(2**31) <= axis < 2**31:
            raise IndexError(f"`{argument}` names axis {axis}, which no shape has")
    return listed


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
