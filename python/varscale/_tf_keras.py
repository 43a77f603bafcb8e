"""Draws into TensorFlow's tensors, by tf_keras's own classes."""

from typing import Any

import tensorflow as tf
import tf_keras

from varscale import _family, _tensorflow
from varscale._arguments import dtype_of, shape_of


class Seeded(tf_keras.initializers.Initializer):  # type: ignore[misc]
    """What those classes are made of that tf_keras lacks: a seed, read as its own classes do."""

    def __init__(self, seed: Any) -> None:
        self.seed = seed
        self._random_generator = tf_keras.initializers.RandomNormal(seed=seed)._random_generator

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed}


class Drawn(_family.Drawn):
    """What the classes here put in front of tf_keras's own."""

    _seeds = "an integer"

    def __call__(
        self,
        shape: Any,
        dtype: Any = None,
        *,
        partition_shape: Any = None,
        partition_offset: Any = None,
        layout: Any = None,
    ) -> tf.Tensor:
        """The values of a tensor, or of its part at `partition_offset` of `partition_shape`.

        A DTensor's `layout` is for tf_keras's own numbers alone, which are left to it then.
        """
        shape = shape_of(shape)
        kind = tf.dtypes.as_dtype(tf_keras.backend.floatx() if dtype is None else dtype)
        dtype = kind.name
        if layout is not None and self.stream != "keras":
            raise ValueError(
                "`layout` must be None, but for the stream 'keras'. "
                f"Received: {layout!r} for the stream {self.stream!r}"
            )
        parted = any(one is not None for one in (partition_shape, partition_offset, layout))
        stream = "tf-keras" if self.stream == "keras" else self.stream
        # tf_keras also draws integers, which no stream has, and matrices by this machine's LAPACK.
        theirs = not kind.is_floating or self._class.name == "Orthogonal"
        theirs = theirs or parted or self.seed is None
        # What tf_keras has no initializer for, its stream refuses.
        if self.stream == "keras" and theirs and not self._extra():
            part = {
                "partition_shape": partition_shape,
                "partition_offset": partition_offset,
                "layout": layout,
            }
            part = {key: value for key, value in part.items() if value is not None}
            return super().__call__(shape, dtype, **part)  # type: ignore[misc]
        extent, offset = shape, (0,) * len(shape)
        if partition_shape is not None:
            extent = shape_of(partition_shape, "partition_shape")
        if partition_offset is not None:
            offset = shape_of(partition_offset, "partition_offset")
        numpy = dtype_of(dtype)
        # tf_keras draws an unset one at the first call, by its global seed, and keeps it.
        seed = self.seed
        if seed is None:
            generator = self._random_generator  # type: ignore[attr-defined]
            seed = generator.make_seed_for_stateless_op()[0]
        draw = self._scheme().draw(shape, seed, stream)
        return _tensorflow.tensor(draw, offset, extent, numpy)
