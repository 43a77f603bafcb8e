"""Which of a module's tensors share memory, though they are different ones."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch._subclasses.fake_tensor import FakeTensor


class Span(NamedTuple):
    """Bytes of a device's memory, or of a storage that has none."""

    memory: str
    start: int
    end: int
    tensor: torch.Tensor
    name: str
    drawn: bool


def span(name: str, tensor: Any, drawn: bool) -> Span | None:
    """Where a tensor lies; none where it has no elements, or memory of another kind."""
    if not tensor.numel() or tensor.layout != torch.strided:
        return None
    storage, size = tensor.untyped_storage(), tensor.element_size()
    without = tensor.is_meta or isinstance(tensor, FakeTensor)
    memory = f"storage {storage._cdata}" if without else str(tensor.device)
    start = tensor.storage_offset() * size + (0 if without else storage.data_ptr())
    steps = zip(tensor.shape, tensor.stride(), strict=True)
    length = 1 + sum((extent - 1) * stride for extent, stride in steps)
    return Span(memory, start, start + length * size, tensor, name, drawn)


def check(spans: Iterable[Span | None], fix: str = "make them one, or clone") -> None:
    """Refuses tensors that are to be drawn and share memory with others.

    Raises:
        ValueError: where two do.
    """
    open_: list[Span] = []
    for new in sorted((one for one in spans if one), key=lambda one: one[:3]):
        open_ = [old for old in open_ if old.memory == new.memory and old.end > new.start]
        for old in open_:
            if (old.drawn or new.drawn) and _share(old, new):
                raise ValueError(
                    f"{old.name!r} and {new.name!r} share memory, but are not one parameter, so "
                    f"that the values of one would overwrite the other's: {fix}"
                )
        open_.append(new)


def _share(old: Span, new: Span) -> bool:
    dense = all(one.end - one.start == one.tensor.nbytes for one in (old, new))
    size, away = old.tensor.element_size(), new.start - old.start
    if dense or size != new.tensor.element_size() or away % size:
        return True
    # Such as alternate columns of one.
    end = (max(old.end, new.end) - old.start) // size
    taken: Any = torch.zeros(end, dtype=torch.bool, device="cpu")
    taken.as_strided(old.tensor.shape, old.tensor.stride()).fill_(True)
    return bool(taken.as_strided(new.tensor.shape, new.tensor.stride(), away // size).any())
