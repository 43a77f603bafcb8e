"""Modules, also on `meta`: initialized by a plan's rules, without a second copy."""

import contextlib
import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar

import torch
from torch._subclasses.fake_tensor import FakeTensor, unset_fake_temporarily
from torch.nn.utils.parametrizations import _WeightNorm
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from varscale import _torch, _torch_buffers, _torch_memory, _torch_names
from varscale._arguments import dtype_name, integer_seed
from varscale._core import DTYPES, Draw, Plan, SeedGenerator
from varscale._rules import rules_of
from varscale._spec import is_keras, spec
from varscale._torch_names import Parametrized, Slot

Module = TypeVar("Module", bound=torch.nn.Module)


def init_module_(
    module: Module,
    rules: Sequence[Mapping[str, Any]],
    seed: Any = None,
    *,
    generator: torch.Generator | None = None,
    layout: str = "torch",
    device: Any = "cpu",
    buffers: Callable[[], torch.nn.Module] | Literal["keep"] | None = None,
) -> Module:
    """Initializes all parameters and buffers of a module, by a plan's rules, and returns it.

    Parameters on `meta` get memory first, and are drawn into it; parameters that share memory still
    do. Values depend on the seed and a parameter's name only, so that a checkpoint which `varscale
    init` writes by the same rules holds the same. Names have nothing of what is wrapped around the
    module (``torch.compile``, activation checkpoints, DDP, FSDP) or of parametrizations. Rows of
    embeddings that are padding are zero.

    The seed is then the module's attribute ``varscale_seed``.

    Args:
        module: The module; its parameters may be `DTensor`s.
        rules: As in a plan: each a mapping with ``match`` (a glob over names) and ``initializer``
            (an identifier such as ``"he_normal"``, an initializer, or Keras's serialized object),
            and ``layout`` or ``seed`` where these differ. The first that matches a name decides.
            With ``skip``, parameters are left as they are; on `meta`, none can be.
        seed: An integer. Without one, it is drawn from `generator`, or from torch's own, so that
            `torch.manual_seed` decides. Where ranks could draw different ones, it must be given.
        generator: What the seed is drawn from.
        layout: Of all parameters without their own: ``"torch"`` is (out, in, …).
        device: Where what is on `meta` gets its memory.
        buffers: Where buffers get their values from. By default, from the module's own code:
            ``reset_running_stats``, ``init_non_persistent_buffers`` (timm), ``reset_parameters``,
            ``_init_weights`` (transformers), ``init_weights``; a warning names those that it does
            not compute. A function that builds the module anew, on the CPU: its buffers are copied.
            ``"keep"``: what buffers hold is right.

    Raises:
        ValueError: where a rule is none, matches nothing, or a parameter has none; where a
            seed must be given; where parameters share memory and are not one; and where a buffer
            or a skipped parameter on `meta` gets no values.
        TypeError: where an argument is of the wrong kind.
        RuntimeError: where a parameter's elements share memory or have none, or the device has
            none, or `buffers` fails.

        Nothing is changed then, neither the module nor torch's generator.

    >>> import torch, varscale.torch
    >>> with torch.device("meta"):
    ...     module = torch.nn.Linear(784, 256)
    >>> rules = [
    ...     {"match": "*bias", "initializer": "zeros"},
    ...     {"match": "*", "initializer": "he_normal"},
    ... ]
    >>> varscale.torch.init_module_(module, rules, seed=42).weight.device
    device(type='cpu')
    >>> module.varscale_seed
    42
    """
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"`module` must be a torch.nn.Module. Received: {module!r}")
    if is_keras(module):
        raise TypeError(
            "`module` is a Keras model: give its layers initializers of `varscale.keras`. "
            f"Received: {type(module)}"
        )
    device = torch.device(device)
    if device.type == "meta":
        raise ValueError("`device` must be one with memory. Received: meta")
    known = buffers is None or isinstance(buffers, str) and buffers == "keep"
    if not known and (isinstance(buffers, torch.nn.Module) or not callable(buffers)):
        raise TypeError(
            f'`buffers` must be None, "keep" or a function that builds the module. '
            f"Received: {buffers!r}"
        )
    with _undone(seed, generator):
        return _init(module, rules, seed, generator, layout, device, buffers)


def _init(
    module: Module,
    rules: Sequence[Mapping[str, Any]],
    seed: Any,
    generator: torch.Generator | None,
    layout: str,
    device: torch.device,
    buffers: Any,
) -> Module:
    plan = {"spec": "", "layout": layout, "rules": rules_of(rules)}
    slots = _torch_names.parameters(module)
    seed = _seed(seed, generator, slots)
    try:
        resolved = Plan.resolve(json.dumps(spec(module)), json.dumps(plan), seed)
    except ValueError:
        # Of a dtype, this says more.
        for slot in slots.values():
            _check(slot)
        raise
    for name, other in resolved.ties():
        raise ValueError(
            f"A rule ties {name!r} to {other!r}, and the module has a parameter for each. Make "
            "them one parameter of the module, which then has the first name"
        )
    _check_all(module, slots, {name for name, _ in resolved.tensors()})
    for name, dtype in resolved.tensors():
        if dtype != dtype_name(slots[name].tensor):
            received = slots[name].tensor.dtype
            raise ValueError(f"Parameter {name!r} has {received}, its rule {dtype}")
    with unset_fake_temporarily():
        values = _values(module, buffers, seed)

    with _with_seed(module, seed):
        _materialize(module, device)
    for name, slot in _torch_names.buffers(module).items():
        if name in values:
            _set(slot, values[name])
    slots = _torch_names.parameters(module)
    drawn = [slots[name] for name, _ in resolved.tensors()]
    for index, slot in enumerate(drawn):
        _fill(slot, resolved.draw(index))
    tensors = {id(slot.tensor) for slot in drawn if isinstance(slot, Slot)}
    for _, _, owner in _torch_names.owners(module):
        weight = _torch_names.original(owner, "weight") if _has_padding(owner) else None
        if weight is not None and id(weight) in tensors:
            _zero_padding(owner, weight)
    for slot in drawn:
        if isinstance(slot, Slot) and slot.hook is not None:
            _compute(slot)
    return module


@contextlib.contextmanager
def _undone(seed: Any, generator: Any) -> Iterator[None]:
    """Gives what a seed was drawn from its state back, where no values came of it."""
    kept = torch.default_generator if generator is None else generator
    if seed is not None or not isinstance(kept, torch.Generator):
        yield
        return
    with unset_fake_temporarily():
        state = kept.get_state()
    try:
        yield
    except BaseException:
        with unset_fake_temporarily():
            kept.set_state(state)
        raise


@contextlib.contextmanager
def _with_seed(module: torch.nn.Module, seed: int) -> Iterator[None]:
    """Keeps the seed in the module, if what is done then succeeds."""
    before = getattr(module, "varscale_seed", None)
    module.varscale_seed = seed  # type: ignore[assignment]
    try:
        yield
    except BaseException:
        if before is None:
            del module.varscale_seed
        else:
            module.varscale_seed = before
        raise


def _check_all(
    module: torch.nn.Module, slots: Mapping[str, Slot | Parametrized], drawn: set[str]
) -> None:
    """Refuses parameters that cannot be drawn, or left as they are."""
    skipped = [name for name in slots if name not in drawn and slots[name].tensor.is_meta]
    if skipped:
        raise ValueError(
            f"Parameters on meta that a rule skips have no values: {', '.join(skipped)}. Give them "
            "some before, or an initializer"
        )
    spans = []
    for name, slot in slots.items():
        if name in drawn:
            _check(slot)
        if isinstance(slot, Slot):
            spans.append((name, slot.tensor, name in drawn))
    spans += [(name, slot.tensor, False) for name, slot in _torch_names.buffers(module).items()]
    _torch_memory.check(
        _torch_memory.span(name, _torch.local_of(tensor), is_drawn)
        for name, tensor, is_drawn in spans
    )


def _check(slot: Slot | Parametrized) -> None:
    """Refuses a parameter that no values are drawn for, or cannot be written."""
    tensor = slot.tensor
    if isinstance(tensor, torch.Tensor) and dtype_name(tensor) not in DTYPES:
        raise ValueError(
            f"Parameter {slot.name!r} has {tensor.dtype}, in which no values are drawn, only in "
            f"{', '.join(DTYPES)}. What is not trained is a buffer: write `register_buffer`"
        )
    _torch.check(tensor)
    _torch.part_of(tensor)


def _seed(
    seed: Any, generator: torch.Generator | None, slots: Mapping[str, Slot | Parametrized]
) -> int:
    if isinstance(seed, SeedGenerator):
        raise TypeError(
            "`seed` must be an integer: a module's parameters differ by name, and not by call. "
            f"Write `seed=generator.seed`. Received: {seed!r}"
        )
    if not (seed is None or hasattr(seed, "__index__")):
        raise TypeError(f"`seed` must be an integer or None. Received: {seed!r}")
    seed = integer_seed(seed)
    if seed is None:
        sharded = any(_torch.distributed(slot.tensor) for slot in slots.values())
        if sharded or _torch.ranks() > 1:
            raise ValueError(
                "Give a `seed`, the same on all ranks: without one, each rank draws its own"
            )
    _torch.check_generator(seed, generator)
    with unset_fake_temporarily():
        return _torch.drawn_seed(generator) if seed is None else int(seed)


def _values(module: torch.nn.Module, source: Any, seed: int) -> dict[str, Any]:
    """New values of buffers.

    Raises:
        ValueError: where one on `meta` gets none.
    """
    slots = _torch_names.buffers(module)
    wanted = {
        name: slot
        for name, slot in slots.items()
        if slot.tensor.is_meta or not (source == "keep" or isinstance(slot.tensor, FakeTensor))
    }
    if callable(source):
        values = _torch_buffers.built(source, wanted, seed)
    else:
        values = _torch_buffers.asked(module, wanted, seed)
    left = [slot for name, slot in wanted.items() if name not in values]
    stuck = [_described(slot) for slot in left if slot.tensor.is_meta]
    way = "`buffers=` takes a function that builds the module anew, and gets them from there"
    why = "since the module does not compute them"
    if callable(source):
        way = "The module that `buffers` builds has none of these names with values"
        why = "since the module that `buffers` builds does not have them"
    if stuck:
        raise ValueError(
            f"Buffers on meta for which there are no values: {', '.join(stuck)}. {way}"
        )
    if left:
        warnings.warn(
            f"Buffers that keep what they hold, {why}: "
            f'{", ".join(map(_described, left))}. Where that is right, say `buffers="keep"`. {way}',
            stacklevel=4,
        )
    return values


def _described(slot: Slot) -> str:
    return f"{slot.name} ({type(slot.owner).__name__})"


def _materialize(module: torch.nn.Module, device: torch.device) -> None:
    """Gives what is on `meta` memory without values, each shared tensor once."""
    places: list[tuple[Any, str, Any]] = [
        (table, key, tensor)
        for owner in module.modules()
        for table in (owner._parameters, owner._buffers)
        for key, tensor in table.items()
        if tensor is not None and tensor.is_meta
    ]
    # All before the first takes its place, since there may not be enough.
    tensors = {id(tensor): tensor for *_, tensor in places}
    made = {key: _empty(tensor, device) for key, tensor in tensors.items()}
    for table, key, tensor in places:
        table[key] = made[id(tensor)]


def _empty(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    empty = torch.empty_like(tensor, device=device)
    if isinstance(tensor, torch.nn.Parameter):
        return torch.nn.Parameter(empty, requires_grad=tensor.requires_grad)
    return empty


def _set(slot: Slot, value: torch.Tensor) -> None:
    """Gives a buffer its value, where it is."""
    buffer = slot.tensor
    if _torch.overlaps(buffer):
        slot.table[slot.key] = value.to(buffer.device)
        return
    local, offset = _torch.part_of(buffer)
    if isinstance(local, FakeTensor):
        return
    for axis, (start, size) in enumerate(zip(offset, local.shape, strict=True)):
        value = value.narrow(axis, start, size)
    with torch.no_grad():
        local.copy_(value)


def _fill(slot: Slot | Parametrized, draw: Draw) -> None:
    if isinstance(slot, Slot):
        _torch.fill(slot.tensor, *_torch.part_of(slot.tensor), draw)
        return
    whole = torch.empty_like(slot.tensor)
    _torch.fill(whole, *_torch.part_of(whole), draw)
    steps = slot.owner.parametrizations[slot.key]  # type: ignore[index, union-attr]
    # Of a row of zeros, a norm has no direction.
    normed = any(isinstance(step, _WeightNorm) for step in steps)  # type: ignore[union-attr]
    if slot.key == "weight" and _has_padding(slot.owner) and not normed:
        _zero_padding(slot.owner, whole)
    # torch takes it apart.
    setattr(slot.owner, slot.key, whole)


def _compute(slot: Slot) -> None:
    """What torch keeps beside a parameter, and computes anew before each call."""
    owner, hook = slot.owner, slot.hook
    with torch.no_grad():
        if isinstance(hook, WeightNorm):
            magnitude = torch.norm_except_dim(slot.tensor, 2, hook.dim)
            owner._parameters[f"{hook.name}_g"].copy_(magnitude)  # type: ignore[union-attr]
            setattr(owner, hook.name, hook.compute_weight(owner))
        elif isinstance(hook, SpectralNorm):
            setattr(owner, hook.name, hook.compute_weight(owner, do_power_iteration=False))
        else:
            setattr(owner, hook._tensor_name, hook.apply_mask(owner))


def _has_padding(owner: torch.nn.Module) -> bool:
    embeddings = (torch.nn.Embedding, torch.nn.EmbeddingBag)
    return isinstance(owner, embeddings) and owner.padding_idx is not None


def _zero_padding(owner: Any, weight: torch.Tensor) -> None:
    """As torch, which trains no row that is padding."""
    local, offset = _torch.part_of(weight)
    row = owner.padding_idx - offset[0]
    if 0 <= row < local.shape[0]:
        with torch.no_grad():
            local[row].zero_()
