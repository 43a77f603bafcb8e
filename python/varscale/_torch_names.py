"""Names of a module's parameters and buffers, as they are without what is wrapped around it."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

# Classes that only stand around a module, and the attribute that it is then.
_WRAPPERS = {
    "torch._dynamo.eval_frame.OptimizedModule": "_orig_mod",
    "torch.distributed.algorithms._checkpoint.checkpoint_wrapper.ActivationWrapper": (
        "_checkpoint_wrapped_module"
    ),
    "torch.distributed.fsdp.fully_sharded_data_parallel.FullyShardedDataParallel": (
        "_fsdp_wrapped_module"
    ),
    "torch.nn.parallel.data_parallel.DataParallel": "module",
    "torch.nn.parallel.distributed.DistributedDataParallel": "module",
    "torch.optim.swa_utils.AveragedModel": "module",
}


class Slot(NamedTuple):
    """Where a module keeps a tensor, ``table[key]`` of `owner`: its clean name and its own."""

    name: str
    raw: str
    owner: torch.nn.Module
    table: dict[str, Any]
    key: str
    # What computes the tensor that modules use from this one, before each call.
    hook: Any = None

    @property
    def tensor(self) -> Any:
        return self.table[self.key]


class Parametrized(NamedTuple):
    """A tensor that torch computes from several parameters, and takes apart where it is set."""

    name: str
    raw: str
    owner: torch.nn.Module
    key: str

    @property
    def tensor(self) -> Any:
        with torch.no_grad():
            return getattr(self.owner, self.key)


def hooks(owner: torch.nn.Module) -> dict[str, Any]:
    """What torch's older functions (pruning, norms) put before a module's calls, by tensor."""
    found: dict[str, Any] = {}
    for hook in owner._forward_pre_hooks.values():
        if isinstance(hook, BasePruningMethod):
            found[hook._tensor_name] = hook
        elif isinstance(hook, (SpectralNorm, WeightNorm)):
            found[hook.name] = hook
    return found


def original(owner: torch.nn.Module, key: str) -> Any:
    """The parameter that a module's tensor is, or is computed from alone; none if from several."""
    if torch.nn.utils.parametrize.is_parametrized(owner, key):
        return owner.parametrizations[key]._parameters.get("original")  # type: ignore[index, union-attr]
    return owner._parameters.get(f"{key}_orig" if key in hooks(owner) else key)


def parameters(module: torch.nn.Module) -> dict[str, Slot | Parametrized]:
    """A module's parameters, each once, by name.

    Raises:
        ValueError: where two names are one, or parameters have no shape of their own.
    """
    return _by_name(_slots(module, "_parameters"))


def buffers(module: torch.nn.Module) -> dict[str, Slot]:
    """A module's buffers, as `parameters`."""
    return _by_name(_slots(module, "_buffers"))


def owners(module: torch.nn.Module) -> Iterator[tuple[str, str, torch.nn.Module]]:
    """A module and all those in it, each once: clean prefix, own prefix, module."""
    return _walk(module, "", "", set())


def _walk(
    module: torch.nn.Module, prefix: str, raw: str, seen: set[int]
) -> Iterator[tuple[str, str, torch.nn.Module]]:
    if id(module) in seen:
        return
    seen.add(id(module))
    _check_whole(module)
    yield prefix, raw, module
    wrapped = _wrapped(module)
    for key, child in module._modules.items():
        if child is not None:
            inner = prefix if key == wrapped else f"{prefix}{key}."
            yield from _walk(child, inner, f"{raw}{key}.", seen)


def _wrapped(module: torch.nn.Module) -> str | None:
    for base in type(module).__mro__:
        attribute = _WRAPPERS.get(f"{base.__module__}.{base.__qualname__}")
        if attribute is not None:
            return attribute
    return None


def _check_whole(module: torch.nn.Module) -> None:
    if _wrapped(module) != "_fsdp_wrapped_module":
        return
    state: Any = module.training_state
    if state.name != "SUMMON_FULL_PARAMS":
        raise ValueError(
            "FullyShardedDataParallel keeps its parameters flat: do this where they are whole, "
            "inside `with FullyShardedDataParallel.summon_full_params(module):`"
        )


def _slots(module: torch.nn.Module, kind: str) -> Iterator[Slot | Parametrized]:
    for prefix, raw, owner in owners(module):
        table = getattr(owner, kind)
        if isinstance(owner, torch.nn.utils.parametrize.ParametrizationList):
            yield from _originals(owner, table, prefix, raw, module)
            continue
        parts: dict[str, tuple[str | None, Any]] = {}
        for name, hook in hooks(owner).items():
            # From a weight, torch computes again what it had taken it apart into.
            magnitude = {f"{name}_g": (None, hook)} if isinstance(hook, WeightNorm) else {}
            parts |= {f"{name}_orig": (name, hook), f"{name}_v": (name, hook), **magnitude}
        for key, tensor in table.items():
            name, hook = parts.get(key, (key, None)) if kind == "_parameters" else (key, None)
            if tensor is not None and name is not None:
                yield Slot(prefix + name, raw + key, owner, table, key, hook)


def _originals(
    owner: Any, table: dict[str, Any], prefix: str, raw: str, module: torch.nn.Module
) -> Iterator[Slot | Parametrized]:
    """What a parametrized tensor is computed from, under that tensor's name."""
    around, _, key = raw[:-1].rpartition("parametrizations.")
    name = prefix[:-1].rpartition("parametrizations.")[0] + key
    whole = "original" in table or not all(hasattr(step, "right_inverse") for step in owner)
    if table and not whole:
        yield Parametrized(name, raw[:-1], module.get_submodule(around[:-1]), key)
        return
    for original, tensor in table.items():
        if tensor is not None:
            own = name if original == "original" else prefix + original
            yield Slot(own, raw + original, owner, table, original)


def _by_name(slots: Iterator[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    seen: set[int] = set()
    for slot in slots:
        if isinstance(slot, Slot):
            if id(slot.tensor) in seen:
                continue
            seen.add(id(slot.tensor))
            if torch.nn.parameter.is_lazy(slot.tensor):
                raise ValueError(f"{slot.raw!r} has no shape yet: call the module once before")
        if slot.name in found:
            both = f"{found[slot.name].raw!r} and {slot.raw!r}"
            raise ValueError(f"Two tensors would be called {slot.name!r}: {both}")
        found[slot.name] = slot
    return found
