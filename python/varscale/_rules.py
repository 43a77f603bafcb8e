"""A plan's rules as users write them in Python: with initializers as objects."""

import json
import math
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from varscale._arguments import integer_seed
from varscale._core import SeedGenerator
from varscale._identifiers import read

# Of a truncated normal, the bounds that are left out.
_OPEN = {"lower": (-math.inf,), "a": (-math.inf,), "upper": (math.inf,), "b": (math.inf,)}

_EXAMPLE = '{"match": "*", "initializer": "he_normal"}'


def rules_of(rules: Any) -> list[dict[str, Any]]:
    """Rules as JSON holds them.

    Raises:
        TypeError, ValueError: where a rule is none, or its initializer cannot be one of a plan.
    """
    if isinstance(rules, (str, bytes, Mapping)) or not isinstance(rules, Iterable):
        raise TypeError(f"`rules` must be a list, as in [{_EXAMPLE}]. Received: {rules!r}")
    return [_rule(f"Rule {number}", rule) for number, rule in enumerate(rules, 1)]


def _rule(title: str, rule: Any) -> dict[str, Any]:
    if not isinstance(rule, Mapping):
        raise TypeError(f"{title} must be a mapping, as in {_EXAMPLE}. Received: {rule!r}")
    rule = dict(rule)
    if rule.get("seed") is not None:
        rule["seed"] = seed_text(rule["seed"])
    seed = rule.get("seed")
    if "initializer" in rule:
        rule["initializer"] = _initializer(title, rule["initializer"], seed)
    regions = rule.get("regions")
    if isinstance(regions, Iterable) and not isinstance(regions, (str, Mapping)):
        numbered = enumerate(regions, 1)
        rule["regions"] = [_region(f"{title} region {n}", region, seed) for n, region in numbered]
    to_json(title, rule)
    return rule


def _region(title: str, region: Any, seed: str | None) -> Any:
    if not isinstance(region, Mapping) or "initializer" not in region:
        return region
    region = {**region, "initializer": _initializer(title, region["initializer"], seed)}
    to_json(title, region)
    return region


def seed_text(seed: Any) -> str | None:
    """A seed as text, since JSON's integers end at 64 bits. What is allowed, the stream says."""
    integer = integer_seed(seed, stream="")
    return None if integer is None else str(int(integer))


def to_json(title: str, value: Any) -> str:
    """`value` as JSON.

    Raises:
        TypeError, ValueError: where it holds what JSON cannot, with the `title` of what holds it.
    """
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{title} holds what JSON cannot: {error}") from None


def _initializer(title: str, initializer: Any, seed: str | None) -> Any:
    if isinstance(initializer, str):
        return initializer
    made = None
    if not isinstance(initializer, Mapping):
        made = initializer if isinstance(initializer, type) else type(initializer)
        if not hasattr(made, "get_config"):
            raise TypeError(
                f"{title}: `initializer` must be a name, an initializer of varscale or Keras, or a "
                f"config: functions, as JAX's and torch's are, have none. Received: {initializer!r}"
            )
        # Somebody else's class may have the name of one of Keras's.
        identity = _identity(made)
        _read(f"{title}: {made.__module__}.{made.__qualname__}", {**identity, "config": {}})
        initializer = initializer() if made is initializer else initializer
        written = {**identity, "config": dict(initializer.get_config())}
    else:
        written = dict(initializer)
    name, config = _read(title, written)
    if made is not None and config.get("seed") is not None:
        if _calls(initializer.seed):
            raise ValueError(
                f"{title}: a plan draws the first call of a seed generator, and that of "
                f"{initializer!r} has made some already. Give an integer"
            )
        if seed is not None:
            raise ValueError(
                f"{title} has the seed {seed}, and another of its own has {initializer!r}"
            )
    stream = config.pop("stream", "native")
    if stream != "native":
        raise ValueError(
            f"{title}: the plan says which stream all draw by, not an initializer of the stream "
            f"{stream!r}"
        )
    return {"class_name": name, "config": _without_none(config)}


def _identity(made: type) -> dict[str, Any]:
    """Module and name of a class, as serialized initializers hold them."""
    ours = made.__module__.startswith("varscale.")
    module = "keras.initializers" if ours else made.__module__
    return {"module": module, "class_name": made.__name__.rpartition(".")[2]}


def _read(title: str, written: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    try:
        return read(written)
    except ValueError as error:
        raise ValueError(f"{title}: {error}") from None


def _calls(seed: Any) -> int:
    """The calls that a seed generator, ours or Keras's, has made."""
    if isinstance(seed, SeedGenerator):
        return seed.counter
    keras: Any = sys.modules.get("keras")
    if keras is None or not hasattr(seed, "state"):
        return 0
    return int(keras.ops.convert_to_numpy(seed.state)[1])


def _without_none(value: Any) -> Any:
    """A config without what it leaves open, for which plan files have no word: `None`, and infinite
    bounds."""
    if not isinstance(value, Mapping):
        return value
    kept = {
        key: one for key, one in value.items() if one is not None and one not in _OPEN.get(key, ())
    }
    return {key: _without_none(one) for key, one in kept.items()}
