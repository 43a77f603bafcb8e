"""The functions as one operator of torch, for what looks on: compilation, vmap, fake tensors.

Elsewhere they are called directly, since an operator costs more than a small tensor's values.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._functorch.pyfunctorch import VmapInterpreter, retrieve_all_functorch_interpreters

from varscale import _torch
from varscale._arguments import integer_seed, number
from varscale._core import SeedGenerator

# By name: the functions of `varscale.torch`, which put themselves here.
FUNCTIONS: dict[str, Callable[..., Tensor]] = {}

_LIBRARY = torch.library.Library("varscale", "DEF")
_LIBRARY.define(
    "init_(Tensor(a!) tensor, str function, str[] names, float[] numbers, str[] texts, "
    "SymInt? seed, Generator? generator) -> ()"
)


def watched() -> bool:
    """Whether more than values is asked for."""
    return (
        torch.compiler.is_compiling()
        or torch._C._is_tracing()
        or torch._C._len_torch_dispatch_stack() > 0
        or torch._C._functorch.peek_interpreter_stack() is not None
    )


def call(
    function: str, names: Sequence[str], arguments: Sequence[Any], options: dict[str, Any]
) -> Tensor:
    """What `function` returns, by way of the operator."""
    if not torch.compiler.is_compiling() and torch._C._is_tracing():
        raise RuntimeError(
            f"torch.jit.trace does not record `{function}`: call it before, or use torch.export"
        )
    given = dict(zip(names, arguments, strict=False))
    given.update(options)
    tensor = given.pop("tensor")
    if not torch.compiler.is_compiling() and _torch.distributed(tensor):
        # Whose shards are drawn, and not seen.
        return FUNCTIONS[function](tensor, **given)
    seed, generator = given.pop("seed", None), given.pop("generator", None)
    if isinstance(seed, SeedGenerator):
        raise TypeError(
            "Where torch compiles or maps a function, `seed` must be an integer. Received: a "
            "SeedGenerator"
        )
    for name, value in given.items():
        if value is None:
            raise TypeError(f"Argument `{name}` must not be None")
    if not torch.compiler.is_compiling():
        seed = integer_seed(seed)
        _torch.check_generator(seed, generator)
        given = {
            name: value if isinstance(value, str) else number(name, value)
            for name, value in given.items()
        }
        _check_vmap(tensor, seed)
    if seed is not None and seed >= 2**63:
        seed -= 2**64
    texts = [name for name, value in given.items() if isinstance(value, str)]
    numbers = [name for name in given if name not in texts]
    with torch.no_grad():
        torch.ops.varscale.init_(
            tensor,
            function,
            numbers + texts,
            [given[name] for name in numbers],
            [given[name] for name in texts],
            seed,
            generator,
        )
    return tensor


def _check_vmap(tensor: Tensor, seed: int | None) -> None:
    """Refuses random values for a tensor that is one for all, where torch does."""
    if seed is not None:
        return
    for level in reversed(retrieve_all_functorch_interpreters()):
        mapped = torch._C._functorch.maybe_get_level(tensor) == level.level()
        if isinstance(level, VmapInterpreter) and not mapped and level.randomness() != "same":
            raise RuntimeError(
                "vmap: in place, one tensor for all cannot get random values with "
                f'randomness="{level.randomness()}". Give a `seed`, or make the tensor with '
                "`torch.empty_like` from one that is mapped"
            )
        if mapped:
            tensor = torch._C._functorch.get_unwrapped(tensor)


def _draw(
    tensor: Tensor,
    function: str,
    names: Sequence[str],
    numbers: Sequence[float],
    texts: Sequence[str],
    seed: int | None,
    generator: torch.Generator | None,
) -> None:
    given = dict(zip(names, [*numbers, *texts], strict=True))
    if generator is not None:
        given["generator"] = generator
    FUNCTIONS[function](tensor, **given, seed=seed)


def _check(tensor: Tensor, *arguments: Any) -> None:
    # Which has no values to draw, but arguments.
    _draw(tensor, *arguments)


def _vmap(info: Any, axes: Any, tensor: Tensor, *arguments: Any) -> tuple[None, None]:
    """One draw for all, as any seed gives; without one, as torch's ``randomness`` says."""
    *_, seed, _ = arguments
    if seed is None and info.randomness == "error":
        raise RuntimeError(
            "vmap: without a `seed`, values are random. Give one, or `randomness` to vmap"
        )
    parts = tensor.movedim(axes[0], 0)
    for index in range(info.batch_size):
        if index == 0 or (seed is None and info.randomness == "different"):
            torch.ops.varscale.init_(parts[index], *arguments)
        else:
            parts[index].copy_(parts[0])
    return None, None


_LIBRARY.impl("init_", _draw, "CompositeExplicitAutograd")
torch.library.register_fake("varscale::init_", _check, lib=_LIBRARY)
torch.library.register_vmap("varscale::init_", _vmap, lib=_LIBRARY)
