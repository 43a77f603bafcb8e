"""A plan's rules as users write them in Python: with initializers as objects."""

from collections.abc import Iterable, Mapping
from typing import Any

from varscale._arguments import integer_seed
from varscale._core import SeedGenerator

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
        # As text, since JSON's integers end at 64 bits. Which ones are allowed, the stream says.
        seed = integer_seed(rule["seed"], stream="")
        rule["seed"] = None if seed is None else str(int(seed))
    if rule.get("initializer") is not None:
        rule["initializer"] = _initializer(title, rule["initializer"], rule.get("seed"))
    return rule


def _initializer(title: str, initializer: Any, seed: str | None) -> Any:
    if isinstance(initializer, str):
        return initializer
    if isinstance(initializer, Mapping):
        return _without_none(initializer)
    if isinstance(initializer, type) and hasattr(initializer, "get_config"):
        initializer = initializer()
    if not hasattr(initializer, "get_config"):
        raise TypeError(
            f"{title}: `initializer` must be a name, an initializer or a config. "
            f"Received: {initializer!r}"
        )
    config = dict(initializer.get_config())
    own = getattr(initializer, "seed", None) if config.get("seed") is not None else None
    if isinstance(own, SeedGenerator) and own.counter:
        raise ValueError(
            f"{title}: a plan draws the first call of a seed generator, and {initializer!r} has "
            "made some already. Give an integer"
        )
    if own is not None and seed is not None:
        raise ValueError(f"{title} has the seed {seed}, and another of its own has {initializer!r}")
    if config.pop("stream", "native") != "native":
        raise ValueError(f"{title}: the plan says which stream all draw by, not {initializer!r}")
    return {"class_name": type(initializer).__name__, "config": _without_none(config)}


def _without_none(value: Any) -> Any:
    """A config without what it leaves open, for which plan files have no word."""
    if not isinstance(value, Mapping):
        return value
    return {key: _without_none(one) for key, one in value.items() if one is not None}
