"""tf_keras's initializers (Keras 2 on TensorFlow), drawn by varscale.

The classes are tf_keras's own, with another draw. With `partition_shape` and `partition_offset`
they draw that part of the whole, with the fans of the whole (tf_keras takes those of the part).

>>> import tf_keras, varscale.tf_keras
>>> initializer = varscale.tf_keras.HeNormal(seed=42)
>>> layer = tf_keras.layers.Dense(3, kernel_initializer=initializer)

`stream` is ``"native"``; ``"keras"`` for tf_keras's own numbers, bit for bit, left to tf_keras
where they depend on its global seed or on a partition; or the name of another stream.

How-tos (saved models, names made ours, weights of whole models):
https://github.com/varscale/varscale/blob/main/docs/keras.md
"""

from typing import Any

import tf_keras

from varscale import _family, _identifiers
from varscale._tf_keras import Drawn, Seeded

_PUBLIC = _family.of_framework(__name__, "tf_keras", tf_keras, Drawn, Seeded)
globals().update(_PUBLIC)

__all__ = list(_PUBLIC)


def get(identifier: Any) -> Any:
    """tf_keras's ``initializers.get``, with the classes here in the place of tf_keras's.

    >>> import varscale.tf_keras
    >>> type(varscale.tf_keras.get("he_normal")) is varscale.tf_keras.HeNormal
    True
    """
    return _identifiers.get_of(tf_keras, _PUBLIC, identifier)


def deserialize(config: Any, custom_objects: Any = None, use_legacy_format: bool = False) -> Any:
    """tf_keras's ``initializers.deserialize``, with the classes here in the place of tf_keras's.

    >>> import varscale.tf_keras
    >>> config = varscale.tf_keras.serialize(varscale.tf_keras.HeNormal(seed=1))
    >>> varscale.tf_keras.deserialize(config).seed
    1
    """

    def own() -> Any:
        return tf_keras.initializers.deserialize(config, custom_objects, use_legacy_format)

    return _identifiers.deserialize_of(tf_keras, _PUBLIC, config, custom_objects, own)
