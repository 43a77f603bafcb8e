"""Whole models in JAX: the tensors of a plan's rules, by a program for each kind of tensor.

One program of all tensors would have a copy of the draw for each, which a compiler takes half a
second for, and temporaries.
"""

import functools
import json
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from varscale import _jax, _xla, _xla_words
from varscale._arguments import box_of
from varscale._core import DTYPES, Draw, NativeDraw, Plan
from varscale._jax_leaves import Leaf, check, kept, leaves_of, tied
from varscale._plan import resolve


class Drawn(NamedTuple):
    """What XLA draws of a tensor, beside its key."""

    shape: tuple[int, ...]
    dtype: str
    law: _xla.Law


class Filled(NamedTuple):
    """A tensor whose values are all one, by its bytes."""

    shape: tuple[int, ...]
    dtype: str
    value: bytes


def init(
    plan: Any, shapes: Any, seed: Any, shardings: Any, seeds: str | None, separator: str
) -> Any:
    leaves, treedef, spec = leaves_of(shapes, shardings, separator)
    number, words = _seed(seed)
    resolved = resolve(plan, number, seeds, spec)

    def again(other: int) -> Plan:
        return resolve(plan, other, seeds, spec)

    seed, is_drawn = resolved.seed()
    if is_drawn and words is None and _tensors(again(seed ^ 1)) != _tensors(resolved):
        raise ValueError(
            "Give `key_or_seed`, since the plan has no seed: of one that is drawn here, nobody "
            "knows, and each process draws its own"
        )
    by_name = {leaf.name: leaf for leaf in leaves}
    ties = dict(resolved.ties())
    planned = [by_name[name] for name, _ in resolved.tensors()]
    for leaf, (_, dtype) in zip(planned, resolved.tensors(), strict=True):
        check(leaf, dtype)
    made = {leaf.name for leaf in planned} | set(ties)
    values = {leaf.name: kept(leaf) for leaf in leaves if leaf.name not in made}
    values |= _values(resolved, planned, words, again)
    for name, to in ties.items():
        values[name] = tied(by_name[name], to, values[to])
    return jax.tree_util.tree_unflatten(treedef, [values[leaf.name] for leaf in leaves])


def _tensors(plan: Plan) -> Any:
    """How each tensor is drawn, with its seed."""
    return json.loads(plan.to_json())["tensors"]


def _seed(given: Any) -> tuple[Any, Any]:
    """A seed; and the words of a key that is known once the program runs, high word first."""
    dtype = given.dtype if isinstance(given, (jax.Array, np.ndarray, np.generic)) else None
    is_key = dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key)
    if not is_key and not (dtype == np.uint32 and given.ndim):
        if isinstance(given, jax.core.Tracer):
            raise TypeError(
                "`key_or_seed` must be a key where it is known once the program runs. "
                f"Received: {given}"
            )
        if not (given is None or _is_integer(given)):
            raise TypeError(f"`key_or_seed` must be an integer, a key or None. Received: {given!r}")
        return given, None
    words = jax.random.key_data(given) if is_key else given
    if words.shape != (2,):
        raise ValueError(
            "`key_or_seed` must be a single key of two words, as Threefry's are: names tell the "
            f"tensors apart, and no further words. Received: words of shape {words.shape}"
        )
    if isinstance(words, jax.core.Tracer):
        return 0, words
    high, low = (int(word) for word in np.asarray(words))
    return high << 32 | low, None


def _is_integer(given: Any) -> bool:
    try:
        return not np.ndim(given) and operator.index(given) is not None
    except TypeError:
        return False


def _values(
    plan: Plan, leaves: Sequence[Leaf], words: Any, again: Callable[[int], Plan]
) -> dict[str, Any]:
    """The values of each leaf that the plan draws."""
    described = _tensors(plan)
    draws = [plan.draw(index) for index in range(len(leaves))]
    natives = [draw.native() for draw in draws]
    keys: Any = [native and np.array(native.key, np.uint32) for native in natives]
    if words is not None:
        keys = _traced_keys(words, natives, again(1))
    # Known keys are traced, too, in what is compiled.
    traced = words is not None or _jax.is_compiling()
    traced |= any(_jax.is_abstract(leaf.sharding) for leaf in leaves)
    for leaf in leaves:
        if traced and not isinstance(leaf.sharding, (type(None), jax.sharding.NamedSharding)):
            raise TypeError(
                f"The sharding of {leaf.name!r}: a compiled function draws by a NamedSharding. "
                f"Received: {leaf.sharding!r}"
            )
    values = {}
    for index, leaf in enumerate(leaves):
        native = natives[index]
        tensor = _in_xla(plan, index, leaf, draws[index], described[index])
        if isinstance(tensor, str):
            values[leaf.name] = _on_host(plan, index, leaf, draws[index], traced, tensor)
        elif isinstance(tensor, Filled) or native is None:
            values[leaf.name] = _drawn(tensor, leaf.sharding, traced)
        else:
            call = np.uint32(native.call)
            values[leaf.name] = _drawn(tensor, leaf.sharding, traced, keys[index], call)
    return values


def _traced_keys(words: Any, natives: Sequence[NativeDraw | None], other: Plan) -> list[Any]:
    """The keys that these words make, of the tensors of the native stream; `other` is their plan by
    another seed, under which one that its rule gave a seed has the same key."""
    keys: list[Any] = [None] * len(natives)
    named: list[tuple[int, NativeDraw]] = []
    for index, native in enumerate(natives):
        again = native and other.draw(index).native()
        if native is None or again is None:
            continue
        if native.key == again.key:
            keys[index] = np.array(native.key, np.uint32)
        else:
            named.append((index, native))
    if named:
        # All at once.
        names = np.array([native.name for _, native in named], np.uint32).T
        made = jnp.stack(_xla_words.key_of(words, list(names)), axis=1)
        for place, (index, _) in enumerate(named):
            keys[index] = made[place]
    return keys


def _in_xla(
    plan: Plan, index: int, leaf: Leaf, draw: Draw, described: Mapping[str, Any]
) -> Drawn | Filled | str:
    """What XLA draws of a tensor, or why it does not."""
    shape, dtype = leaf.shape, np.dtype(leaf.given.dtype)
    rank = len(shape)
    if 0 in shape:
        return Filled(shape, dtype.name, bytes(dtype.itemsize))
    plain = described["law"]
    if plain is not None and plain["law"] == "constant" and not described["regions"]:
        return Filled(shape, dtype.name, bytes(plan.stored(index, [0] * rank, [1] * rank)))
    law = _xla.law_of(draw, dtype)
    return law if isinstance(law, str) else Drawn(shape, dtype.name, law)


def _on_host(plan: Plan, index: int, leaf: Leaf, draw: Draw, traced: bool, reason: str) -> Any:
    """A tensor that XLA does not draw: each shard on its own."""
    if traced:
        raise ValueError(
            f"{leaf.name!r} is drawn on the host, which no compiled function does: call "
            f"`varscale.jax.init` outside. XLA does not draw it: {reason}"
        )
    dtype = np.dtype(leaf.given.dtype)
    if dtype.name in DTYPES:
        return _jax.array(draw, dtype, leaf.sharding)

    def shard(at: Any) -> Any:
        offset, extent = box_of(leaf.shape, at)
        return np.frombuffer(plan.stored(index, offset, extent), dtype).reshape(extent)

    if leaf.sharding is None:
        return jax.device_put(shard(()))
    return jax.make_array_from_callback(leaf.shape, leaf.sharding, shard)


def _drawn(tensor: Drawn | Filled, sharding: Any, traced: bool, *key_and_call: Any) -> Any:
    """The tensor by its key and call, at once or as a part of what is traced."""
    if traced:
        return _placed(tensor, sharding, *key_and_call)
    return _program(tensor, sharding)(*key_and_call)


@functools.lru_cache(maxsize=256)
def _program(tensor: Drawn | Filled, sharding: Any) -> Any:
    """What tensors of the same kind share."""
    return jax.jit(functools.partial(_placed, tensor, sharding), out_shardings=sharding)


def _placed(tensor: Drawn | Filled, sharding: Any, *key_and_call: Any) -> Any:
    return _jax.placed(functools.partial(_values_of, tensor), key_and_call, sharding)


def _values_of(tensor: Drawn | Filled, key_and_call: tuple[Any, ...]) -> Any:
    if isinstance(tensor, Filled):
        value = np.frombuffer(tensor.value, jnp.dtype(tensor.dtype))
        return jnp.full(tensor.shape, value[0], value.dtype)
    key, call = key_and_call
    return _xla.values(key, call, tensor.shape, tensor.law, tensor.dtype)
