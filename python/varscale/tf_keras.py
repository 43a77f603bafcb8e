"""tf_keras's initializers (Keras 2 on TensorFlow), drawn by varscale.

The classes are tf_keras's own, with another draw. With `partition_shape` and `partition_offset`
they draw that part of the whole, with the fans of the whole (tf_keras takes those of the part).

>>> import tf_keras, varscale.tf_keras
>>> initializer = varscale.tf_keras.HeNormal(seed=42)
>>> layer = tf_keras.layers.Dense(3, kernel_initializer=initializer)

`stream` is ``"native"``; ``"keras"`` for tf_keras's own numbers, bit for bit, left to tf_keras
where they depend on its global seed or on a partition; or the name of another stream.
"""

import tf_keras
from tf_keras.initializers import Constant, Identity, Initializer, Ones, Orthogonal, Zeros

from varscale._family import of_framework
from varscale._tf_keras import Drawn

_register = tf_keras.saving.register_keras_serializable(package="varscale")
_MADE = of_framework(__name__, "tf_keras", tf_keras.initializers, Drawn, _register)
globals().update(_MADE)

__all__ = ["Constant", "Identity", "Initializer", "Ones", "Orthogonal", "Zeros"]
__all__ += _MADE
