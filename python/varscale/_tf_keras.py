"""Draws into TensorFlow's tensors, by tf_keras's own classes."""

from typing import Any

import tensorflow as tf
import tf_keras

from varscale import _family, _tensorflow
from varscale._arguments import dtype_of, shape_of
from varscale._core import random_seed


class Drawn(_family.Drawn):
    """What the classes here put in front of tf_keras's own."""

    def _seed_of(self, seed: Any) -> Any:
        seed = super()._seed_of(seed)
        # tf_keras keeps an unset seed as none.
        self._drawn_seed = random_seed() if seed is None else seed
        return seed

    def __call__(
        self,
        shape: Any,
        dtype: Any = None,
        *,
        partition_shape: Any = None,
        partition_offset: Any = None,
    ) -> tf.Tensor:
        """The values of a tensor, or of its part at `partition_offset` of `partition_shape`."""
        shape = shape_of(shape)
        dtype = tf.dtypes.as_dtype(tf_keras.backend.floatx() if dtype is None else dtype).name
        parted = partition_shape is not None or partition_offset is not None
        stream = "tf-keras" if self.stream == "keras" else self.stream
        if self.stream == "keras" and (parted or self.seed is None):
            part = {"partition_shape": partition_shape, "partition_offset": partition_offset}
            part = {key: value for key, value in part.items() if value is not None}
            return super().__call__(shape, dtype, **part)  # type: ignore[misc]
        extent, offset = shape, (0,) * len(shape)
        if partition_shape is not None:
            extent = shape_of(partition_shape, "partition_shape")
        if partition_offset is not None:
            offset = shape_of(partition_offset, "partition_offset")
        kind = dtype_of(dtype)
        draw = self._scheme().draw(shape, self._drawn_seed, stream)
        return _tensorflow.tensor(draw, offset, extent, kind)
