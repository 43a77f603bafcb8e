"""Whether varscale draws what Keras itself draws on this backend, device and machine."""

import contextlib
import functools
import platform
from typing import Any

import keras

from varscale._arguments import dtype_of
from varscale._core import DTYPES, STREAMS, Scheme
from varscale._family import FAMILY

# Of the draws that are compared: odd, so that no vectors fill it.
_SHAPE = (257, 67)


def known(stream: str, name: str, dtype: str) -> bool:
    """Whether a stream is what the active backend draws on its active device, by this class.

    Versions, devices and processors differ; so both draw the same once, and are compared.
    """
    with _eagerly():
        device = str(getattr(keras.ops.convert_to_tensor(0.0), "device", "cpu"))
        return _same(stream, name, dtype, device)


def _eagerly() -> contextlib.AbstractContextManager[Any]:
    """Outside of the function that is being compiled, if one is."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return jax.ensure_compile_time_eval()
    if backend == "tensorflow":
        import tensorflow

        return tensorflow.init_scope()
    return contextlib.nullcontext()


@functools.cache
def _same(stream: str, name: str, dtype: str, device: str) -> bool:
    # Of matrices, the bits are those of this machine's LAPACK.
    if name == "Orthogonal" or stream not in STREAMS or dtype not in DTYPES or device == "meta":
        return False
    # Outside glibc, a logarithm's last bit differs too seldom to be found.
    normal_in_double = dtype == "float64" and name != "RandomUniform"
    if normal_in_double and platform.libc_ver()[0] != "glibc":
        return False
    own = getattr(keras.initializers, name)(seed=1234)
    theirs = keras.ops.convert_to_numpy(own(_SHAPE, dtype))
    kind = dtype_of(theirs.dtype)
    scheme, _ = Scheme.of(name, {name: default for name, default, *_ in FAMILY[name].parameters})
    ours = scheme.array(_SHAPE, kind, 1234, stream)
    return bool(theirs.tobytes() == ours.tobytes())
