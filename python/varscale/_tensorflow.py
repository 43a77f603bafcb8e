"""Draws into TensorFlow's tensors."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.ops import control_flow_util

from varscale import _fill
from varscale._core import Draw


def tensor(
    draw: Draw, offset: tuple[int, ...], extent: tuple[int, ...], dtype: np.dtype[Any]
) -> Any:
    """A tensor with the box of `draw` at `offset`, on the device of this context."""
    array = _fill.aligned(draw, offset, extent, dtype)
    if not tf.compat.v1.executing_eagerly_outside_functions():
        # Graphs as of TensorFlow 1 take constants, and no tensors.
        return tf.constant(array)
    if dtype.isbuiltin == 1:
        return tf.identity(tf.experimental.dlpack.from_dlpack(array.__dlpack__()))
    # NumPy hands out only dtypes of its own, and words become no float8.
    if dtype.itemsize == 1:
        return tf.constant(array)
    words = tf.experimental.dlpack.from_dlpack(array.view(np.uint16).__dlpack__())
    return tf.bitcast(words, tf.bfloat16)


def in_a_function() -> bool:
    """Whether operations are recorded here, for a `tf.function`, and run later."""
    return not tf.executing_eagerly()


def refuse_xla() -> None:
    """Refuses what XLA compiles, which cannot call back.

    Raises:
        ValueError: with what to do.
    """
    if control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph()):
        raise ValueError(
            "A function with jit_compile=True cannot draw by a SeedGenerator: draw outside of it, "
            "leave jit_compile out, or give an integer as `seed`"
        )


def tensor_of(
    words: Any, drawing: Callable[[Any], Draw], shape: tuple[int, ...], dtype: np.dtype[Any]
) -> Any:
    """The tensor that `drawing` makes of words that are known once the function runs."""

    def values(words: Any) -> Any:
        return drawing(words).array(dtype, (0,) * len(shape), shape)

    return tf.ensure_shape(tf.numpy_function(values, [words], dtype), shape)
