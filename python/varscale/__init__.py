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
frameworks' own tensors. None of the frameworks is imported before its module is.
"""

from varscale._arguments import floatx, set_floatx
from varscale._base import Initializer
from varscale._core import Explanation, SeedGenerator, __version__
from varscale._identifiers import (
    constant,
    get,
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    identity,
    lecun_normal,
    lecun_uniform,
    ones,
    random_normal,
    random_uniform,
    truncated_normal,
    variance_scaling,
    zeros,
)
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
from varscale._model import init
from varscale._spec import spec

__all__ = [
    "Constant",
    "Explanation",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "RandomNormal",
    "RandomUniform",
    "SeedGenerator",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "__version__",
    "constant",
    "floatx",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "init",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "random_normal",
    "random_uniform",
    "set_floatx",
    "spec",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]
