"""NumPy's view of a torch tensor's memory, and torch's view of an array's."""

from typing import Any

import numpy as np
import torch

from varscale._arguments import bfloat16


def from_numpy(array: Any) -> torch.Tensor:
    """The tensor that shares an array's memory. Neither knows the other's bfloat16."""
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def to_numpy(tensor: torch.Tensor) -> Any:
    """The array that shares a CPU tensor's memory."""
    tensor = tensor.detach()
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.int16).numpy().view(bfloat16())
    return tensor.numpy()
