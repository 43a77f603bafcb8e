"""Keras's identifiers of initializers, and initializers as Keras serializes them."""

import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any

from varscale._core import serialized_class
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
    name, config = read(identifier)
    if name not in FAMILY:
        raise ValueError(
            f"Could not interpret initializer identifier: {identifier}. Names are "
            f"{', '.join(sorted(FAMILY))}, in CamelCase or snake_case"
        )
    return PUBLIC[name].from_config(config)


def serialize(initializer: Any) -> dict[str, Any]:
    """What Keras's ``initializers.serialize`` writes of an initializer: its class and its config.

    An unset seed stays ``None``. What Keras lacks (classes, bounds of a `TruncatedNormal`, streams
    other than the native one) is written as none of Keras's but of ``varscale``.

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
    name = type(initializer).__name__
    module, registered = "keras.initializers", None
    row = FAMILY.get(name)
    if "stream" in config or row and not row.is_keras(config):
        module, registered = "varscale", f"varscale>{name}"
    return {"module": module, "class_name": name, "config": config, "registered_name": registered}


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


def read(identifier: Any) -> tuple[str, dict[str, Any]]:
    """Class and config of an identifier or of a serialized initializer, of any version of Keras.

    Raises:
        ValueError: where it is neither, or of somebody else's class.
    """
    if isinstance(identifier, str):
        return serialized_class(json.dumps(identifier)), {}
    config = identifier.get("config") if isinstance(identifier, dict) else None
    if not isinstance(config, dict):
        raise ValueError(
            f"Could not interpret initializer identifier: {identifier}. Use a name, or a dict with "
            "`class_name` and `config`"
        )
    # As the classes here are written.
    registered = identifier.get("registered_name")
    if isinstance(registered, str) and registered.startswith("varscale>"):
        identifier = {"class_name": registered.removeprefix("varscale>")}
    config = {key: value for key, value in config.items() if key != "dtype"}
    seed = config.get("seed")
    if isinstance(seed, dict) and seed.get("class_name") == "SeedGenerator":
        _class_of(seed)
        config["seed"] = {**seed, "module": "keras.random", "registered_name": None}
    return _class_of(identifier), config


def _class_of(serialized: dict[str, Any]) -> str:
    try:
        return serialized_class(json.dumps({**serialized, "config": {}}))
    except TypeError:
        raise ValueError(f"Could not interpret {serialized}: it is no JSON") from None


def get_of(framework: Any, public: Mapping[str, Any], identifier: Any) -> Any:
    """A framework's ``initializers.get``, with `public` in the place of its own names."""

    def own() -> Any:
        return framework.initializers.get(identifier)

    if isinstance(identifier, (str, dict)):
        return deserialize_of(framework, public, identifier, None, own)
    if inspect.isclass(identifier):
        names = [
            name for name, value in vars(framework.initializers).items() if value is identifier
        ]
        return public[names[0]]() if names else own()
    return own()


def deserialize_of(
    framework: Any,
    public: Mapping[str, Any],
    config: Any,
    custom_objects: Any,
    own: Callable[[], Any],
) -> Any:
    """A framework's ``initializers.deserialize``, with `public` in the place of its own names;
    `own` is what the framework makes of it."""
    names = [config]
    if isinstance(config, dict):
        names = [config.get("class_name"), config.get("registered_name")]
    registered = framework.saving.get_registered_object
    if any(isinstance(name, str) and registered(name, custom_objects) for name in names):
        return own()
    try:
        name, arguments = read(config)
    except ValueError:
        # By its name alone, the framework would take somebody else's class for its own.
        if isinstance(names[0], str) and (names[0] in public or names[0] in IDENTIFIERS):
            raise
        return own()
    made: Any = public.get(name)
    known = inspect.isclass(made) and issubclass(made, framework.initializers.Initializer)
    if not known:
        return own()
    # tf_keras, and older versions of Keras, know no axes.
    taken = inspect.signature(made).parameters
    given = {key: value for key, value in arguments.items() if value is not None or key in taken}
    alien = ", ".join(f"`{key}`" for key in given if key not in taken)
    if alien:
        raise ValueError(f"{framework.__name__}'s {name} has no {alien}. Received: {config}")
    # Keras's of Constant takes no config without a value.
    return made.from_config(given) if given else made()
