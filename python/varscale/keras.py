"""Keras 3's initializers on any backend, drawn by varscale.

The classes are Keras's own, with another draw: they go into layers, configs and saved models as
Keras's do. Import this module before loading a model that was saved with them.

>>> import keras, varscale.keras
>>> initializer = varscale.keras.VarianceScaling(scale=0.1, mode="fan_in", distribution="uniform")
>>> initializer(shape=(2, 2)).shape == (2, 2)
True
>>> layer = keras.layers.Dense(3, kernel_initializer=initializer)

`stream` is ``"native"``; ``"keras"`` for the active backend's own numbers, bit for bit; or the name
of another backend's (``"keras-jax"``). Under ``"keras"``, what this machine or version of the
backend draws otherwise than varscale knows (found out by a first comparison) is left to Keras.

How-tos (saved models, names made ours, weights of whole models):
https://github.com/varscale/varscale/blob/main/docs/keras.md
"""

from typing import Any

import keras

from varscale import _family, _identifiers
from varscale._keras import Drawn, Seeded

_PUBLIC = _family.of_framework(__name__, "Keras", keras, Drawn, Seeded)
globals().update(_PUBLIC)

__all__ = list(_PUBLIC)


def get(identifier: Any) -> Any:
    """Keras's ``keras.initializers.get``, with the classes here in the place of Keras's.

    Args:
        identifier: A name, a serialized initializer, a class, an initializer, a function or a
            tensor.

    Raises:
        ValueError: for anything else, and where a serialized initializer is of a class that nobody
            registered.

    >>> import varscale.keras
    >>> type(varscale.keras.get("he_normal")) is varscale.keras.HeNormal
    True
    """
    return _identifiers.get_of(keras, _PUBLIC, identifier)


def deserialize(config: Any, custom_objects: Any = None) -> Any:
    """Keras's ``keras.initializers.deserialize``, with the classes here in the place of Keras's.

    >>> import varscale.keras
    >>> config = varscale.keras.serialize(varscale.keras.HeNormal(seed=1))
    >>> varscale.keras.deserialize(config).seed
    1
    """

    def own() -> Any:
        return keras.initializers.deserialize(config, custom_objects)

    return _identifiers.deserialize_of(keras, _PUBLIC, config, custom_objects, own)
