"""Keras's identifiers of initializers."""

import inspect
from typing import Any

from varscale._family import FAMILY, IDENTIFIERS
from varscale._initializers import PUBLIC


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
