"""Draws into torch's tensors: on their own memory, through NumPy's view of it."""

import functools
import math
import sys
from typing import Any

import numpy as np
import torch
from torch._subclasses.fake_tensor import FakeTensor

from varscale import _core, _fill, _torch_device
from varscale._arguments import dtype_name, dtype_of, seed_of, text
from varscale._core import Draw, Scheme

# As NumPy writes the dtypes, or the words in whose place those are that it lacks.
_KINDS = {
    torch.float16: np.dtype("f2").str,
    torch.bfloat16: np.dtype("u2").str,
    torch.float32: np.dtype("f4").str,
    torch.float64: np.dtype("f8").str,
    torch.float8_e4m3fn: np.dtype("u1").str,
    torch.float8_e5m2: np.dtype("u1").str,
}


def from_numpy(array: Any) -> torch.Tensor:
    """The tensor that shares an array's memory. Of dtypes that NumPy lacks, torch takes words."""
    if array.dtype.isbuiltin == 1:
        return torch.from_numpy(array)
    words = torch.from_numpy(array.view(f"i{array.dtype.itemsize}"))
    return words.view(getattr(torch, array.dtype.name))


class _Memory:
    """What NumPy needs to know of a tensor's memory, in the form that it asks for."""

    __slots__ = ("__array_interface__",)

    def __init__(self, interface: dict[str, Any]) -> None:
        self.__array_interface__ = interface


def to_numpy(tensor: torch.Tensor) -> Any:
    """The array on a CPU tensor's memory, while the tensor lives.

    Not by `Tensor.numpy`, after which a storage can never be resized.
    """
    kind, size = _KINDS[tensor.dtype], tensor.element_size()
    strides = None
    if not tensor.is_contiguous():
        strides = tuple(stride * size for stride in tensor.stride())
    interface = {
        "version": 3,
        "data": (tensor.data_ptr(), False),
        "typestr": kind,
        "shape": tuple(tensor.shape),
        "strides": strides,
    }
    array = np.asarray(_Memory(interface))
    return array.view(_numpys(tensor.dtype)) if "u" in kind else array


def init(
    tensor: torch.Tensor,
    scheme: Scheme,
    seed: Any,
    generator: torch.Generator | None,
    name: str,
    layout: str = "torch",
    bounds: tuple[float, float] | None = None,
) -> torch.Tensor:
    """Fills a tensor by a scheme, and returns it. Values beyond `bounds` become these."""
    check(tensor)
    local, offset = part_of(tensor)
    name = text("name", name)
    seed = seed_of(seed)
    check_generator(seed, generator)
    if local.is_meta or isinstance(local, FakeTensor):
        return tensor
    if seed is None:
        if local is not tensor:
            raise ValueError("A DTensor needs a `seed`: without one, each rank draws another")
        seed = drawn_seed(generator)
    draw = scheme.draw(tuple(tensor.shape), seed, "native", name=name, layout=layout)
    draw.check(dtype_name(tensor))
    fill(tensor, local, offset, draw)
    if bounds:
        with torch.no_grad():
            _clamp(local, *bounds)
    return tensor


def _clamp(tensor: torch.Tensor, low: float, high: float) -> None:
    if tensor.element_size() > 1:
        tensor.clamp_(low, high)
        return
    # Of 8 bits, torch clamps nothing.
    for part, _ in _fill.parts(tensor, (0,) * tensor.dim()):
        part.copy_(part.float().clamp_(low, high))


@functools.lru_cache(maxsize=256)
def inside(dtype: torch.dtype, a: float, b: float) -> tuple[float, float]:
    """The first and the last value of a dtype that lie between `a` and `b`.

    Raises:
        ValueError: where there are none.
    """
    name, kind = str(dtype).removeprefix("torch."), _numpys(dtype)
    if a == b:
        # One value, and so rounded, as torch does.
        with np.errstate(over="ignore"):
            value = float(np.float64(a).astype(kind))
        if math.isfinite(value):
            return value, value
    first, last = _core.inside(kind, a, b)
    if first > last:
        raise ValueError(f"No {name} lies between `a` and `b`: a={a}, b={b}")
    return first, last


@functools.lru_cache(maxsize=256)
def bounds(dtype: torch.dtype, a: float, b: float) -> tuple[float, float] | None:
    """What values rounded to a dtype are to be kept to, where rounding may lead out of [a, b]."""
    ends, kind = inside(dtype, a, b), _numpys(dtype).type
    return None if ends == (float(kind(a)), float(kind(b))) else ends


def _numpys(dtype: torch.dtype) -> Any:
    return dtype_of(str(dtype).removeprefix("torch."))


def check(tensor: torch.Tensor) -> None:
    """Refuses what no values are drawn for."""
    if not isinstance(tensor, torch.Tensor):
        raise TypeError(f"`tensor` must be a torch.Tensor. Received: {tensor!r}")
    if tensor.dtype not in _KINDS:
        _core.dtype_name(dtype_name(tensor))
    if tensor.layout != torch.strided or tensor.is_nested:
        raise ValueError(f"Values are drawn for dense tensors. Received: {tensor.layout}")


def part_of(tensor: torch.Tensor) -> tuple[torch.Tensor, tuple[int, ...]]:
    """The memory for a tensor's values that is this rank's, and where it starts in the whole.

    Raises:
        RuntimeError: as torch, where values cannot be written.
    """
    local, offset = tensor, (0,) * tensor.dim()
    if distributed(tensor):
        local, offset = _shard(tensor)
    if overlaps(local):
        raise RuntimeError("Several elements of the tensor share a place in memory: clone it first")
    if isinstance(local, FakeTensor):
        return local, offset
    if local.device.type == "cpu" and local.numel() and local.data_ptr() == 0:
        raise RuntimeError("The tensor has no memory")
    if local.is_inference() and not torch.is_inference_mode_enabled():
        raise RuntimeError("An inference tensor cannot be written to outside of inference mode")
    return local, offset


def overlaps(tensor: torch.Tensor) -> bool:
    """Whether several elements of a tensor share a place in memory."""
    return not tensor.is_contiguous() and any(
        tensor.stride(axis) == 0 and size > 1 for axis, size in enumerate(tensor.shape)
    )


def fill(tensor: torch.Tensor, local: torch.Tensor, offset: tuple[int, ...], draw: Draw) -> None:
    """Fills a tensor's part with its part of a draw."""
    if not local.numel() or isinstance(local, FakeTensor):
        return
    with torch.no_grad():
        if local.device.type == "cpu" and not local.is_neg():
            _fill.fill(draw, to_numpy(local), offset, at_once=False)
        else:
            _fill_elsewhere(local, draw, offset)
    # torch cannot see that its memory was written to.
    torch.autograd.graph.increment_version(tensor)


def _fill_elsewhere(local: torch.Tensor, draw: Draw, offset: tuple[int, ...]) -> None:
    """Draws on the tensor's device; or on the host, where that does not draw it."""
    on_device = _torch_device.drawn(local, draw)
    if on_device and local.is_contiguous() and not local.is_neg():
        on_device.fill(local, offset)
        return
    # Some rows at a time, and copied.
    for part, start in _fill.parts(local, offset):
        if on_device:
            values = torch.empty(part.shape, dtype=part.dtype, device=part.device)
            on_device.fill(values, start)
        else:
            values = from_numpy(draw.array(dtype_name(part), start, tuple(part.shape)))
        part.copy_(values)


def check_generator(seed: Any, generator: Any) -> None:
    """Refuses a generator that is none, or one beside a seed."""
    if generator is not None and not isinstance(generator, torch.Generator):
        raise TypeError(f"`generator` must be a torch.Generator. Received: {generator!r}")
    if seed is not None and generator is not None:
        raise ValueError("Give a `seed` or a `generator`, not both")


def drawn_seed(generator: torch.Generator | None) -> int:
    """A seed from a generator, or from torch's own."""
    device = "cpu" if generator is None else generator.device
    # The ends of int64 itself are no bounds that torch takes.
    word = torch.randint(-(2**63), 2**63 - 1, (), generator=generator, device=device)
    return int(word)


def ranks() -> int:
    """How many processes there are in the default group; one where there is none."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_world_size()
    return 1


def distributed(tensor: torch.Tensor) -> bool:
    """Whether a tensor is a DTensor."""
    # Where nobody has imported it, there is none.
    module = sys.modules.get("torch.distributed.tensor")
    return module is not None and isinstance(tensor, module.DTensor)


def local_of(tensor: Any) -> torch.Tensor:
    """What this rank holds of a tensor."""
    with torch.no_grad():
        return tensor.to_local() if distributed(tensor) else tensor


def _shard(tensor: Any) -> tuple[torch.Tensor, tuple[int, ...]]:
    """This rank's shard of a DTensor, and where it starts in the whole."""
    from torch.distributed.tensor import Replicate, distribute_tensor
    from torch.distributed.tensor._utils import compute_local_shape_and_global_offset

    mesh, placements = tensor.device_mesh, tensor.placements
    if any(placement.is_partial() for placement in placements):
        raise ValueError(f"A partial DTensor has no values of its own: {placements}")
    extent, offset = compute_local_shape_and_global_offset(tensor.shape, mesh, placements)
    for axis in {placement.dim for placement in placements if hasattr(placement, "split_factor")}:
        # As torch splits the axis itself: maybe not into one piece a rank.
        along = [p if getattr(p, "dim", None) == axis else Replicate() for p in placements]
        index = torch.arange(tensor.shape[axis]).view(
            [-1 if i == axis else 1 for i in range(tensor.dim())]
        )
        index = distribute_tensor(index, mesh, along, src_data_rank=None).to_local().flatten().cpu()
        if not torch.equal(index, torch.arange(offset[axis], offset[axis] + extent[axis])):
            raise ValueError(f"A rank's shard of the DTensor is no box: {placements}")
    local = tensor.to_local()
    if tuple(local.shape) != tuple(extent):
        raise ValueError(f"The DTensor's shard has shape {tuple(local.shape)}, not {tuple(extent)}")
    return local, tuple(offset)
