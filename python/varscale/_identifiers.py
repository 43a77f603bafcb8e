"""Keras's identifiers of initializers."""

import inspect
from typing import Any

from varscale._base import Initializer
from varscale._initializers import (
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Identity,
    LecunNormal,
    LecunUniform,
    Ones,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
    Zeros,
)

constant = Constant
glorot_normal = GlorotNormal
glorot_uniform = GlorotUniform
he_normal = HeNormal
he_uniform = HeUniform
identity = Identity
lecun_normal = LecunNormal
lecun_uniform = LecunUniform
ones = Ones
random_normal = RandomNormal
random_uniform = RandomUniform
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
zeros = Zeros

#: Keras's identifiers: class names, their snake case, and aliases.
IDENTIFIERS: dict[str, type[Initializer]] = {
    "IdentityInitializer": Identity,
    "normal": RandomNormal,
    "one": Ones,
    "uniform": RandomUniform,
    "zero": Zeros,
    "constant": Constant,
    "glorot_normal": GlorotNormal,
    "glorot_uniform": GlorotUniform,
    "he_normal": HeNormal,
    "he_uniform": HeUniform,
    "identity": Identity,
    "lecun_normal": LecunNormal,
    "lecun_uniform": LecunUniform,
    "ones": Ones,
    "random_normal": RandomNormal,
    "random_uniform": RandomUniform,
    "truncated_normal": TruncatedNormal,
    "variance_scaling": VarianceScaling,
    "zeros": Zeros,
}
IDENTIFIERS.update({made.__name__: made for made in list(IDENTIFIERS.values())})


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
            f"{', '.join(sorted(made.__name__ for made in set(IDENTIFIERS.values())))}, "
            "in CamelCase or snake_case"
        )
    return IDENTIFIERS[name].from_config(config)
