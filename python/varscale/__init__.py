"""Weight initialization at memory speed, the same on every machine.

Keras's ``VarianceScaling`` initializer and its family, as NumPy arrays. A value depends on the
seed, the tensor's name, its index in the global shape, the scale and the dtype, and on nothing
else: any slice, thread count and machine gives the same bits.

>>> import varscale
>>> initializer = varscale.VarianceScaling(0.1, mode="fan_in", distribution="uniform", seed=42)
>>> initializer(shape=(2, 2))
array([[-0.15671866, -0.01811002],
       [-0.36671466,  0.22263865]], dtype=float32)

``varscale.keras``, ``varscale.tf_keras``, ``varscale.jax`` and ``varscale.torch`` draw into their
frameworks' own tensors, and ``varscale.ray`` writes checkpoints on many machines. None of the
frameworks is imported before its module is. How-tos:
https://github.com/varscale/varscale/blob/main/docs/numpy.md
"""

from varscale import _initializers
from varscale._core import Explanation, SeedGenerator, __version__, floatx, set_floatx
from varscale._identifiers import deserialize, get, serialize
from varscale._initializers import Initializer
from varscale._inspect import inspect
from varscale._plan import init, missing
from varscale._spec import spec
from varscale._verify import Proof, Verification, verify

globals().update(_initializers.PUBLIC)

__all__ = [
    "Explanation",
    "Initializer",
    "Proof",
    "SeedGenerator",
    "Verification",
    "__version__",
    "deserialize",
    "floatx",
    "get",
    "init",
    "inspect",
    "missing",
    "serialize",
    "set_floatx",
    "spec",
    "verify",
]
__all__ += _initializers.PUBLIC
