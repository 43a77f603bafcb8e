"""Draws of the native stream on a GPU, by Triton's kernels. Needs the package `triton`."""

import contextlib
import itertools
import math
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch

from varscale import _triton_kernels
from varscale._arguments import dtype_name, dtype_of
from varscale._core import Draw, NativeDraw, Transform
from varscale._device_verification import native_of

Box: TypeAlias = tuple[int, ...]

# Counters of four values that a program draws.
_COUNTERS = 256

# Values of the first draw of each kind that are compared.
_TRIAL = 1 << 14

# What bounds come to, in the order in which the kernels take it.
_BOUNDS = "base slope low_base low_slope high_base high_slope switch log_shift from_lower".split()

# What is stored in the place of a dtype.
_STORED = {torch.float32: torch.float32, torch.bfloat16: torch.int16, torch.float16: torch.int16}

# What kinds of draws were exact on which device.
_tried: dict[tuple[Any, ...], bool] = {}


class DeviceDraw:
    """A draw whose boxes a device draws."""

    def __init__(self, draw: Draw, native: NativeDraw, transform: Transform) -> None:
        self._shape, self._native, self._transform = draw.shape, native, transform

    def fill(self, out: torch.Tensor, offset: Box) -> None:
        """Fills a contiguous tensor with the box of its shape at `offset`."""
        memory = out.detach().view(_STORED[out.dtype]).view(-1)
        numbers, place = self._transform.numbers, 0
        for launch in _launches(self._shape, offset, out.shape):
            size = launch["rows"] * launch["length"]
            _launch(
                _triton_kernels.draw,
                launch["rows"] * launch["counters"],
                memory[place : place + size],
                **launch,
                key0=_signed(self._native.key[0]),
                key1=_signed(self._native.key[1]),
                call=_signed(self._native.call),
                **{name: numbers[name] for name in ("scale", "shift", "low", "high")},
                **_law(self._transform),
                DTYPE=dtype_name(out),
                COUNTERS=_COUNTERS,
            )
            place += size


def device_draw(draw: Draw, tensor: torch.Tensor) -> DeviceDraw | None:
    """How boxes of a draw are drawn on a tensor's device, in its dtype; None where they are not."""
    native = draw.native() if tensor.dtype in _STORED else None
    transform = native and native.transform(dtype_name(tensor))
    if native is None or transform is None:
        return None
    draw.check(dtype_name(tensor))
    found = DeviceDraw(draw, native, transform)
    numbers = transform.numbers
    flags = [numbers.get(name) for name in ("tails", "mirrored")]
    kind = (tensor.device, tensor.dtype, transform.standard, *flags)
    if kind not in _tried:
        _tried[kind] = _try(found, draw, tensor)
    return found if _tried[kind] else None


def _try(found: DeviceDraw, draw: Draw, tensor: torch.Tensor) -> bool:
    """Whether a device draws some values as this CPU does; it warns where it does not."""
    left, extent = _TRIAL, list[int]()
    for size in reversed(draw.shape):
        extent.insert(0, min(size, left))
        left //= extent[0]
    offset = (0,) * len(extent)
    expected = draw.array(dtype_name(tensor), offset, extent)
    try:
        out = torch.empty(extent, dtype=tensor.dtype, device=tensor.device)
        found.fill(out, offset)
        exact = np.array_equal(_bits(numpy_of(out)), _bits(expected))
        failed = "its values are others than the CPU's: see varscale.torch.verify"
    except Exception as error:
        # Of Triton, its compilers or its driver: none of them is needed to draw on the host.
        exact, failed = False, f"{type(error).__name__}: {error}"
    if not exact:
        message = (
            f"{tensor.device} draws nothing itself, but gets copies of values drawn on the CPU"
        )
        warnings.warn(f"{message}: {failed}", RuntimeWarning, stacklevel=2)
    return exact


class Gpu:
    """A device as `varscale._device_verification` takes it."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.name = f"{device}"
        if device.type == "cuda":
            self.name += f" ({torch.cuda.get_device_name(device)})"

    def values(self, transform: Transform, words: Any) -> Any:
        """See `Device`."""
        length = len(words)
        given = torch.zeros(-(-length // 4) * 4, dtype=torch.int32, device=self._device)
        given[:length] = torch.from_numpy(words.view(np.int32))
        out = torch.empty(len(given), dtype=torch.float32, device=self._device)
        _launch(
            _triton_kernels.values,
            len(given) // 4,
            out,
            words=given,
            length=len(given),
            **_law(transform),
            COUNTERS=_COUNTERS,
        )
        return numpy_of(out[:length])

    def rounded(self, values: Any, dtype: str) -> Any:
        """See `Device`."""
        numbers = torch.from_numpy(values).to(self._device)
        out = torch.empty(len(numbers), dtype=torch.int16, device=self._device)
        _launch(
            _triton_kernels.rounded,
            -(-len(numbers) // 4),
            out,
            numbers=numbers,
            length=len(numbers),
            DTYPE=dtype,
            COUNTERS=_COUNTERS,
        )
        return numpy_of(out.view(getattr(torch, dtype)))

    def drawn(self, draw: Draw, dtype: str, offset: Box, extent: Box) -> Any:
        """See `Device`."""
        native, transform = native_of(draw, dtype)
        out = torch.empty(extent, dtype=getattr(torch, dtype), device=self._device)
        DeviceDraw(draw, native, transform).fill(out, offset)
        return numpy_of(out)


def numpy_of(tensor: torch.Tensor) -> Any:
    """A copy on the host, in NumPy's dtype."""
    words = tensor.view(_STORED[tensor.dtype]) if tensor.dtype in _STORED else tensor
    return words.cpu().numpy().view(dtype_of(dtype_name(tensor)))


def _bits(array: Any) -> Any:
    return np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}")


def _launch(kernel: Any, drawn: int, out: torch.Tensor, **arguments: Any) -> None:
    """Runs a kernel on a tensor's device, on its current stream, where it draws from so many
    counters."""
    device: Any = contextlib.nullcontext()
    if out.device.type == "cuda":
        device = torch.cuda.device(out.device)
    with device:
        # What fuses no operations is none of the kernel's arguments, but of its compilation.
        kernel[(-(-drawn // _COUNTERS),)](out, **arguments, enable_fp_fusion=False)


def _law(transform: Transform) -> dict[str, Any]:
    """What the kernels need to compute standard values."""
    numbers = transform.numbers
    return {
        "LAW": transform.standard,
        "TAILS": bool(numbers.get("tails")),
        "MIRRORED": bool(numbers.get("mirrored")),
        "bounds": tuple(numbers.get(name, 0.0) for name in _BOUNDS),
        # See `_triton_exact`.
        "zero": 0 if isolated() else None,
    }


def isolated() -> bool:
    """Whether operations are kept apart, since nobody has said how the device rounds them."""
    return torch.version.hip is not None


def _launches(
    shape: Sequence[int], offset: Sequence[int], extent: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """What the kernel needs to know of a box of some shape, whose values it draws in turn."""
    for first, stride, rows, length in _runs(shape, offset, extent):
        one = {"first": first, "rows": rows, "stride": stride}
        programs = 0 if rows > 1 or first % 4 else length // (4 * _COUNTERS)
        if programs:
            counters = programs * _COUNTERS
            yield one | {"FORM": "programs", "length": 4 * counters, "counters": counters}
            one["first"], length = first + 4 * counters, length - 4 * counters
        if length:
            # So many a row touches at most, wherever it starts.
            counters = (length + 6) // 4
            form = "rows" if rows > 1 else "run"
            yield one | {"FORM": form, "length": length, "counters": counters}


def _runs(
    shape: Sequence[int], offset: Sequence[int], extent: Sequence[int]
) -> Iterator[tuple[int, int, int, int]]:
    """The consecutive values of a box: the index of the first one, the stride from row to row, and
    as many rows and values in each as axes that are drawn whole leave together."""
    axes = [(1, 0, 1)]
    for size, start, part in zip(shape, offset, extent, strict=True):
        whole, begin, taken = axes[-1]
        if part == size or taken == 1:
            axes[-1] = (whole * size, begin * size + start, taken * part)
        else:
            axes.append((size, start, part))
    strides = [math.prod(size for size, _, _ in axes[axis + 1 :]) for axis in range(len(axes))]
    first = sum(begin * stride for (_, begin, _), stride in zip(axes, strides, strict=True))
    *outer, length = [taken for _, _, taken in axes]
    rows = outer.pop() if outer else 1
    for place in itertools.product(*map(range, outer)):
        moved = sum(index * stride for index, stride in zip(place, strides, strict=False))
        yield first + moved, strides[len(outer)], rows, length


def _signed(word: int) -> int:
    """A word as Triton takes integers of 32 bits."""
    return word - (word >> 31 << 32)
