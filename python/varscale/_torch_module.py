"""Modules built on `meta`: initialized by a plan's rules, without a second copy."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from varscale import _torch
from varscale._arguments import dtype_name
from varscale._core import Plan
from varscale._spec import spec


def init_module_(
    module: torch.nn.Module,
    rules: Sequence[Mapping[str, Any]],
    seed: Any = None,
    *,
    layout: str = "torch",
    device: Any = "cpu",
) -> torch.nn.Module:
    """Initializes all parameters of a module by a plan's rules, and returns it.

    Parameters on `meta` get memory first, and are drawn into it; parameters that share memory still
    do. Values depend on the seed and a parameter's name only, so that a checkpoint which `varscale
    init` writes by the same rules holds the same.

    Args:
        module: The module; its parameters may be `DTensor`s.
        rules: As in a plan: each a mapping with ``match`` (a glob over names) and ``initializer``
            (an identifier such as ``"he_normal"``, or Keras's serialized object), and ``layout`` or
            ``seed`` where these differ. The first that matches a name decides.
        seed: An integer, or none: drawn once.
        layout: Of all parameters without their own: ``"torch"`` is (out, in, …).
        device: Where parameters on `meta` get their memory.

    Raises:
        ValueError: where a rule is none, matches nothing, or a parameter has none; and where a
            buffer is on `meta`, which no rule can fill.
        TypeError: where an argument is of the wrong kind.
        RuntimeError: where a parameter's elements share memory or have none, or the device has
            none.

        Nothing is changed then.

    >>> import torch, varscale.torch
    >>> with torch.device("meta"):
    ...     module = torch.nn.Linear(784, 256)
    >>> rules = [
    ...     {"match": "*bias", "initializer": "zeros"},
    ...     {"match": "*", "initializer": "he_normal"},
    ... ]
    >>> varscale.torch.init_module_(module, rules, seed=42).weight.device
    device(type='cpu')
    """
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"`module` must be a torch.nn.Module. Received: {module!r}")
    device = torch.device(device)
    if device.type == "meta":
        raise ValueError("`device` must be one with memory. Received: meta")
    plan = {"spec": "", "layout": layout, "rules": [dict(rule) for rule in rules]}
    resolved = Plan.resolve(json.dumps(spec(module)), json.dumps(plan), seed)
    parameters = dict(module.named_parameters())
    for name, dtype in resolved.tensors():
        if dtype != dtype_name(parameters[name]):
            raise ValueError(f"Parameter {name!r} has {parameters[name].dtype}, its rule {dtype}")
    stuck = [name for name, buffer in module.named_buffers() if buffer.is_meta]
    stuck = [name for name in stuck if not _resettable(module, name)]
    if stuck:
        raise ValueError(f"Buffers on meta, which no rule fills: {', '.join(stuck)}")
    for parameter in parameters.values():
        _torch.check(parameter)
        _torch.part_of(parameter)

    _materialize(module, device)
    parameters = dict(module.named_parameters())
    for index, (name, _) in enumerate(resolved.tensors()):
        parameter = parameters[name]
        _torch.fill(parameter, *_torch.part_of(parameter), resolved.draw(index))
    return module


def _resettable(module: torch.nn.Module, name: str) -> bool:
    """Whether a buffer is one of a norm's statistics, which the norm itself sets."""
    owner = module.get_submodule(name.rpartition(".")[0])
    return hasattr(owner, "reset_running_stats")


def _materialize(module: torch.nn.Module, device: torch.device) -> None:
    """Gives what is on `meta` memory without values, each shared tensor once."""
    places: list[tuple[Any, Any, str, Any]] = [
        (owner, table, name, tensor)
        for owner in module.modules()
        for table in (owner._parameters, owner._buffers)
        for name, tensor in table.items()
        if tensor is not None and tensor.is_meta
    ]
    # All before the first takes its place, since there may not be enough.
    tensors = {id(tensor): tensor for *_, tensor in places}
    made = {key: _empty(tensor, device) for key, tensor in tensors.items()}
    for _, table, name, tensor in places:
        table[name] = made[id(tensor)]
    for owner in {owner for owner, table, *_ in places if table is owner._buffers}:
        owner.reset_running_stats()


def _empty(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    empty = torch.empty_like(tensor, device=device)
    if isinstance(tensor, torch.nn.Parameter):
        return torch.nn.Parameter(empty, requires_grad=tensor.requires_grad)
    return empty
