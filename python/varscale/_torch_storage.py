"""A reader for `torch.distributed.checkpoint` that draws what it would read."""

import dataclasses
import hashlib
import os
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
import torch.distributed.checkpoint.storage
from torch.distributed.checkpoint.metadata import (
    ChunkStorageMetadata,
    Metadata,
    TensorProperties,
    TensorStorageMetadata,
)
from torch.distributed.checkpoint.planner import LoadPlan, LoadPlanner
from torch.futures import Future

from varscale import _fill, _torch, _torch_memory
from varscale._arguments import dtype_name
from varscale._core import DTYPES
from varscale._plan import resolve


class StorageReader(torch.distributed.checkpoint.storage.StorageReader):
    """A plan as a checkpoint that `torch.distributed.checkpoint.load` reads, without any file.

    Each rank draws its own shards into their memory, on any mesh and any sharding: the bits of the
    checkpoint that `varscale.init` writes of the plan. As from a checkpoint, values are rounded
    where a tensor of the state dict has another dtype. What the plan ties to another tensor has its
    values; what it skips or does not name is missing, as dcp says, unless its planner has
    ``allow_partial_load``.

    Args:
        plan: As for `varscale.init`: a plan file, its content as a mapping, or a checkpoint that
            was written of one.
        seed: An integer, in place of the plan's. Where neither is given, it is drawn from torch's
            generator, so that `torch.manual_seed` decides; with several ranks, it must be given.
        seeds: As for `varscale.init`.
        prefix: What the state dict's names, with dots between its levels, have before the plan's:
            ``"model."`` for ``{"model": model.state_dict()}``.

    Attributes:
        seed: The plan's seed, given or drawn.

    Raises:
        ValueError: where the plan is wrong, or a seed must be given; OSError: where a file cannot
            be read. dcp raises its `CheckpointException` of what fails later, also where ranks have
            different plans.

    >>> import torch, varscale.torch
    >>> import torch.distributed.checkpoint as dcp
    >>> model = torch.nn.Linear(784, 256)
    >>> rules = [{"match": "*", "initializer": "he_normal"}]
    >>> plan = {"spec": varscale.spec(model), "rules": rules, "layout": "torch", "seed": 42}
    >>> state = model.state_dict()
    >>> dcp.load(state, storage_reader=varscale.torch.StorageReader(plan))
    >>> expected = varscale.torch.init_module_(torch.nn.Linear(784, 256), rules, 42)
    >>> torch.equal(model.weight, expected.weight)
    True
    """

    def __init__(
        self,
        plan: str | os.PathLike[str] | Mapping[str, Any],
        *,
        seed: Any = None,
        seeds: Literal["by-name", "same"] | None = None,
        prefix: str = "",
    ) -> None:
        if not isinstance(prefix, str):
            raise TypeError(f"`prefix` must be a string. Received: {prefix!r}")
        resolved = resolve(plan, seed, seeds)
        _, self._drawn = resolved.seed()
        self._check_seed()
        if self._drawn:
            resolved = resolve(plan, _torch.drawn_seed(None), seeds)
        self.seed, _ = resolved.seed()
        self._plan = resolved
        # The place in the plan, and the dtype, of every name.
        self._stored = {
            prefix + name: (index, dtype) for index, (name, dtype) in enumerate(resolved.tensors())
        }
        for name, other in resolved.ties():
            self._stored[prefix + name] = self._stored[prefix + other]

    def _check_seed(self) -> None:
        if self._drawn and _torch.ranks() > 1:
            raise ValueError(
                "Give a `seed`, the same on all ranks: without one, each rank draws its own"
            )

    def reset(self, checkpoint_id: str | os.PathLike[str] | None = None) -> None:
        """Refuses a `checkpoint_id`: there is no other checkpoint than the plan."""
        if checkpoint_id is not None:
            raise ValueError(
                "A varscale.torch.StorageReader reads its plan alone: leave `checkpoint_id` out. "
                f"Received: {checkpoint_id!r}"
            )

    @classmethod
    def validate_checkpoint_id(cls, checkpoint_id: str | os.PathLike[str]) -> bool:
        """No `checkpoint_id` names a plan."""
        return False

    def read_metadata(self, *args: Any, **kwargs: Any) -> Metadata:
        """Every tensor in one chunk, of which dcp asks for what a rank has."""
        tensors: Any = {name: self._metadata_of(*one) for name, one in self._stored.items()}
        return Metadata(tensors, planner_data={name: (name,) for name in tensors})

    def _metadata_of(self, index: int, dtype: str) -> TensorStorageMetadata:
        shape = torch.Size(self._plan.draw(index).shape)
        chunk = ChunkStorageMetadata(torch.Size([0] * len(shape)), shape)
        return TensorStorageMetadata(TensorProperties(getattr(torch, dtype)), shape, [chunk])

    def set_up_storage_reader(
        self, metadata: Metadata, is_coordinator: bool, *args: Any, **kwargs: Any
    ) -> None:
        """Looks again whether there are several ranks, which draw different seeds."""
        self._check_seed()

    def prepare_local_plan(self, plan: LoadPlan) -> LoadPlan:
        """Tells the coordinator what this rank draws."""
        if _torch.ranks() == 1:
            return plan
        drawn = hashlib.sha256(f"{list(self._stored)}{self._plan.to_json()}".encode()).hexdigest()
        return dataclasses.replace(plan, storage_data=drawn)

    def prepare_global_plan(self, plans: list[LoadPlan]) -> list[LoadPlan]:
        """Refuses ranks that would draw different values."""
        others = [
            rank for rank, plan in enumerate(plans) if plan.storage_data != plans[0].storage_data
        ]
        if others:
            raise ValueError(
                "Give all ranks the same plan, `seed` and `prefix`: these ranks have others than "
                f"rank 0: {others}"
            )
        return plans

    def read_data(self, plan: LoadPlan, planner: LoadPlanner) -> Future[None]:
        """Draws what dcp asks for into its tensors."""
        self._check_targets({item.dest_index.fqn for item in plan.items}, planner)
        for item in plan.items:
            target, name = planner.resolve_tensor(item).detach(), item.storage_index.fqn
            if target.shape != item.lengths:
                raise ValueError(
                    f"The planner's tensor for {name!r} has shape {tuple(target.shape)}, not "
                    f"{tuple(item.lengths)}"
                )
            self._fill(target, tuple(item.storage_offsets), *self._stored[name])
            planner.commit_tensor(item, target)
        done: Future[None] = Future()
        done.set_result(None)
        return done

    def _check_targets(self, names: set[str], planner: LoadPlanner) -> None:
        """Refuses what dcp would fill with other values than the plan's, and say nothing."""
        spans: dict[Any, Any] = {}
        for name, tensor in getattr(planner, "state_dict", {}).items():
            if name not in names or name not in self._stored:
                continue
            if _torch.distributed(tensor):
                # Of a shard that is no box, dcp asks for another part than it is.
                tensor, _ = _torch.part_of(tensor)
            if isinstance(tensor, torch.Tensor) and tensor.layout == torch.strided:
                place, _ = self._stored[name]
                spans.setdefault((place, tensor.data_ptr()), _torch_memory.span(name, tensor, True))
        _torch_memory.check(spans.values(), "tie them in the plan, or clone")

    def _fill(self, target: torch.Tensor, offset: tuple[int, ...], index: int, dtype: str) -> None:
        target, _ = _torch.part_of(target)
        draw = self._plan.draw(index)
        # Streams of frameworks pass all values before the first that they give.
        at_once = self._plan.stream() != "native"
        in_place = target.is_contiguous() or not at_once
        if dtype == dtype_name(target) and dtype in DTYPES and in_place:
            _torch.fill(target, target, offset, draw)
            return
        with torch.no_grad():
            for part, start in _fill.parts(target, offset, at_once=at_once):
                extent = tuple(part.shape)
                if dtype in DTYPES:
                    values = draw.array(dtype, start, extent)
                else:
                    kind = np.dtype(dtype)
                    stored = self._plan.stored(index, start, extent)
                    values = np.frombuffer(stored, kind.newbyteorder("<")).astype(kind, copy=False)
                    values = values.reshape(extent)
                part.copy_(_torch.from_numpy(values))
