"""Buffers of modules: recomputed by the modules' own code, which is asked for them."""

import contextlib
import inspect
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from varscale._torch_names import Slot, buffers, owners

# What modules that set their own buffers call it: torch's norms, timm, and torch's convention.
_RESETS = ("reset_running_stats", "init_non_persistent_buffers", "reset_parameters")
# Of a model, for any module in it (transformers), and for itself (torchtitan).
_OF_MODEL, _OF_ITSELF = "_init_weights", "init_weights"


def asked(module: torch.nn.Module, wanted: Mapping[str, Slot], seed: int) -> dict[str, Any]:
    """The values of those of the buffers that the module's own code computes, on the CPU.

    Its code runs twice, on memory full of different garbage, and only what comes out the same both
    times was computed. Parameters are out of its reach. Random buffers follow from `seed`.
    """
    wanted = {
        name: slot
        for name, slot in wanted.items()
        if slot.tensor.layout == torch.strided
        and not isinstance(slot.owner, torch.jit.ScriptModule)
    }
    if not wanted:
        return {}
    once, again = (_ask(module, wanted, seed, garbage) for garbage in (0, 255))
    return {
        name: value
        for name, value in once.items()
        if name in again and torch.equal(_bytes(value), _bytes(again[name]))
    }


def built(build: Callable[[], Any], wanted: Mapping[str, Slot], seed: int) -> dict[str, Any]:
    """The values that the buffers have in a module which is built anew, without its parameters."""
    here, fake = threading.get_ident(), FakeTensorMode(allow_non_fake_inputs=True)

    def replaced(_owner: Any, _name: str, parameter: Any) -> Any:
        elsewhere = parameter is None or threading.get_ident() != here
        return None if elsewhere else _without_values(parameter, fake)

    hooked = torch.nn.modules.module.register_module_parameter_registration_hook(replaced)
    with hooked, _apart(seed):
        try:
            module = build()
        except Exception as error:
            failed = f"{type(error).__name__}: {error}"
            raise RuntimeError(
                "`buffers` fails to build the module, without arguments and with parameters that "
                f"have no values: {failed}"
            ) from error
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"`buffers` must build a torch.nn.Module. Received from it: {module!r}")
    found = {name: slot.tensor.detach() for name, slot in buffers(module).items()}
    for name, slot in wanted.items():
        if name in found and found[name].shape != slot.tensor.shape:
            built, own = tuple(found[name].shape), tuple(slot.tensor.shape)
            raise ValueError(
                f"`buffers` builds another module: there, {name!r} has shape {built}, and not {own}"
            )
    return _fitting(found, wanted)


def _without_values(parameter: Any, fake: FakeTensorMode) -> torch.nn.Parameter:
    """What a module takes for a parameter on the CPU: writing does nothing, and reading fails."""
    with fake:
        empty = torch.empty(parameter.shape, dtype=parameter.dtype, device="cpu")
        return torch.nn.Parameter(empty, requires_grad=parameter.requires_grad)


@contextlib.contextmanager
def _apart(seed: int) -> Iterator[None]:
    """Runs a module's own code: on the CPU, and without a trace in torch's generator."""
    with torch.random.fork_rng(devices=[]), torch.device("cpu"), torch.no_grad():
        torch.default_generator.manual_seed(seed)
        yield


def _ask(
    module: torch.nn.Module, wanted: Mapping[str, Slot], seed: int, garbage: int
) -> dict[str, Any]:
    with _apart(seed), _lent(module, wanted, garbage), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        owning = {id(slot.owner) for slot in wanted.values()}
        # Parts first, as `torch.nn.Module.apply` goes.
        for owner, model in reversed(list(_with_models(module, None, set()))):
            if id(owner) in owning:
                for name in _RESETS:
                    _call(owner, getattr(owner, name, None))
            if model is not None and not owning.isdisjoint(map(id, owner.modules())):
                _call(owner, getattr(model, _OF_MODEL), owner)
            elif id(owner) in owning:
                _call(owner, getattr(owner, _OF_ITSELF, None))
        left = {name: slot.table.get(slot.key) for name, slot in wanted.items()}
    found = {name: value.detach() for name, value in left.items() if value is not None}
    return _fitting(found, wanted)


def _with_models(module: Any, model: Any, seen: set[int]) -> Iterator[tuple[Any, Any]]:
    """Every module, with the closest around it, or itself, that sets what is in any other."""
    if id(module) in seen:
        return
    seen.add(id(module))
    if callable(getattr(type(module), _OF_MODEL, None)):
        model = module
    yield module, model
    for child in module.children():
        yield from _with_models(child, model, seen)


def _call(owner: torch.nn.Module, function: Any, *arguments: Any) -> None:
    """Calls what may not be meant to be called so: then the buffers are as they were."""
    if function is None:
        return
    before = {key: _copy(buffer) for key, buffer in owner._buffers.items()}
    try:
        inspect.signature(function).bind(*arguments)
        function(*arguments)
    except Exception:
        owner._buffers.update(before)


def _copy(buffer: Any) -> Any:
    return None if buffer is None else buffer.clone()


@contextlib.contextmanager
def _lent(module: torch.nn.Module, wanted: Mapping[str, Slot], garbage: int) -> Iterator[None]:
    """Puts garbage in the buffers' places, and parameters without values in the parameters'."""
    lenders = [
        owner for _, _, owner in owners(module) if not isinstance(owner, torch.jit.ScriptModule)
    ]
    tables: list[dict[str, Any]] = [
        table for owner in lenders for table in (owner._parameters, owner._buffers)
    ]
    # All attributes, since the code may set any, and what those hold that are tables.
    before: list[tuple[Any, Any]] = [
        (held, held.copy())
        for owner in lenders
        for held in (owner.__dict__, *owner.__dict__.values())
        if isinstance(held, (dict, list, set))
    ]
    lent: dict[int, Any] = {}
    fake = FakeTensorMode(allow_non_fake_inputs=True)
    try:
        for slot in wanted.values():
            lent[id(slot.tensor)] = _garbage(slot.tensor, garbage)
        for table in tables:
            for key, tensor in table.items():
                if isinstance(tensor, torch.nn.Parameter) and id(tensor) not in lent:
                    lent[id(tensor)] = _without_values(tensor, fake)
                table[key] = lent.get(id(tensor), tensor)
        yield
    finally:
        for held, own in before:
            if isinstance(held, list):
                held[:] = own
            else:
                held.clear()
                held.update(own)


def _garbage(tensor: Any, byte: int) -> Any:
    memory: Any = torch.empty(tensor.shape, dtype=tensor.dtype, device="cpu")
    if tensor.dtype == torch.bool:
        return memory.fill_(bool(byte))
    memory.untyped_storage().fill_(byte)
    return memory


def _fitting(found: Mapping[str, Any], wanted: Mapping[str, Slot]) -> dict[str, Any]:
    """Values in the buffers' own dtypes, of those that have their shapes."""
    return {
        name: value.to("cpu", wanted[name].tensor.dtype)
        for name, value in found.items()
        if name in wanted
        and not (value.is_meta or isinstance(value, FakeTensor))
        and value.layout == torch.strided
        and value.shape == wanted[name].tensor.shape
    }


def _bytes(value: Any) -> Any:
    return value.contiguous().flatten().view(torch.uint8)
