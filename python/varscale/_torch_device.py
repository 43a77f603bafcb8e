"""Draws on torch's devices: which device draws what, and whether its bits are the CPU's."""

import functools
from typing import Any

import torch

from varscale._core import Draw
from varscale._device_verification import DeviceVerification
from varscale._device_verification import verify as verify_device

# Those for which there are kernels: NVIDIA's and AMD's.
GPUS = {"cuda"}


def drawn(tensor: torch.Tensor, draw: Draw) -> Any:
    """A draw as a tensor's device draws it: see `_triton.DeviceDraw`. None where it does not."""
    if tensor.device.type not in GPUS or not (triton := kernels()):
        return None
    return triton.device_draw(draw, tensor)


@functools.cache
def kernels() -> Any:
    """The module `_triton`; None where the package that it needs cannot be imported."""
    try:
        from varscale import _triton
    except ImportError:
        return None
    return _triton


def verify(device: torch.device | str | int | None = None, every: int = 256) -> DeviceVerification:
    """Compares what a GPU draws with what this CPU does, bit for bit.

    Args:
        device: The GPU; by default the current one.
        every: Of how many inputs one is compared. With 1, these are all 2^31 words of each law, all
            radii and directions of a normal, and all roundings to bfloat16 and float16. Draws with
            offsets and beyond 2^32 values are compared with any.

    Returns:
        What was compared and what differs; true where nothing does.

    Raises:
        ValueError: for a device that draws nothing itself; RuntimeError: where there is no GPU, or
            no package `triton`.

    >>> import torch, varscale.torch
    >>> if torch.cuda.is_available():
    ...     assert varscale.torch.verify(every=4096)
    """
    chosen = torch.device("cuda" if device is None else device)
    if chosen.type not in GPUS:
        kinds = ", ".join(sorted(GPUS))
        raise ValueError(f"`device` must be a GPU ({kinds}). Received: {device!r}")
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("There is no GPU that torch can use")
    if not (triton := kernels()):
        raise RuntimeError("GPUs draw by the package `triton`, which cannot be imported")
    return verify_device(triton.Gpu(chosen), every)
