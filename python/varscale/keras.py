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
"""

from typing import Any

import keras
from keras.initializers import STFT, Constant, Identity, Initializer, Ones, Orthogonal, Zeros

from varscale._family import IDENTIFIERS, of_framework
from varscale._keras import Drawn

_register = keras.saving.register_keras_serializable(package="varscale")
_MADE = of_framework(__name__, "Keras", keras.initializers, Drawn, _register)
globals().update(_MADE)

__all__ = ["STFT", "Constant", "Identity", "Initializer", "Ones", "Orthogonal", "Zeros", "get"]
__all__ += _MADE


def get(identifier: Any) -> Any:
    """Keras's ``keras.initializers.get``, with the classes here in the place of Keras's.

    >>> import varscale.keras
    >>> type(varscale.keras.get("he_normal")).__module__
    'varscale.keras'
    """
    if isinstance(identifier, str):
        identifier = _MADE.get(IDENTIFIERS.get(identifier, ""), identifier)
    return keras.initializers.get(identifier)
