"""Keras's identifiers of initializers."""

import inspect
from collections.abc import Mapping
from typing import Any

from varscale._family import FAMILY, IDENTIFIERS
from varscale._initializers import PUBLIC, Initializer


def get(identifier: Any) -> Any:
    """The initializer that Keras's ``initializers.get`` makes of an identifier.

    Args:
        identifier: A name (``"he_normal"``, ``"HeNormal"``), a serialized initializer (a dict with
            ``class_name`` and ``config``), an initializer or its class, another callable, or
            ``None``, which stays that.

    Raises:
        ValueError: for everything else.

    >>> import varscale
    >>> varscale.get({"class_name": "HeNormal", "config": {"seed": 7}})
    HeNormal(seed=7)
    """
    if identifier is None:
        return None
    if inspect.isclass(identifier):
        return identifier()
    if callable(identifier):
        return identifier
    name, config = identifier, {}
    if isinstance(identifier, dict):
        name, config = identifier.get("class_name"), identifier.get("config", {})
    if not isinstance(name, str) or name not in IDENTIFIERS or not isinstance(config, dict):
        raise ValueError(
            f"Could not interpret initializer identifier: {identifier}. Names are "
            f"{', '.join(sorted(FAMILY))}, "
            "in CamelCase or snake_case"
        )
    return PUBLIC[IDENTIFIERS[name]].from_config(config)


def serialize(initializer: Any) -> dict[str, Any]:
    """What Keras's ``initializers.serialize`` writes of an initializer: its class and its config.

    An unset seed stays ``None``. With a stream of its own, an initializer is none of Keras's, and
    its module is ``varscale``.

    Raises:
        TypeError: for what is no initializer.

    >>> import varscale
    >>> serialized = varscale.serialize(varscale.HeNormal(seed=7))
    >>> serialized["module"], serialized["class_name"], serialized["config"]["seed"]
    ('keras.initializers', 'HeNormal', 7)
    >>> varscale.deserialize(serialized)
    HeNormal(seed=7)
    """
    if not isinstance(initializer, Initializer):
        raise TypeError(f"`initializer` must be a varscale.Initializer. Received: {initializer!r}")
    config = initializer.get_config()
    module = "varscale" if "stream" in config else "keras.initializers"
    name = type(initializer).__name__
    return {"module": module, "class_name": name, "config": config, "registered_name": None}


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The initializer that `serialize`, or Keras's, wrote; or that an identifier names.

    Args:
        config: A serialized initializer, or a name: see `get`.
        custom_objects: Classes or functions of the caller's by their names, which come first.

    Raises:
        ValueError: for everything else.

    >>> import varscale
    >>> varscale.deserialize({"class_name": "Constant", "config": {"value": 2.5}})
    Constant(value=2.5)
    """
    name = config.get("class_name") if isinstance(config, Mapping) else config
    custom: Any = (custom_objects or {}).get(name) if isinstance(name, str) else None
    if custom is None:
        return get(config)
    if inspect.isclass(custom):
        made: Any = custom
        given = config.get("config", {}) if isinstance(config, Mapping) else {}
        return made.from_config(given)
    return custom
