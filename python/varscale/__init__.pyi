from varscale._arguments import floatx as floatx
from varscale._arguments import set_floatx as set_floatx
from varscale._core import Explanation as Explanation
from varscale._core import SeedGenerator as SeedGenerator
from varscale._core import __version__ as __version__
from varscale._identifiers import get as get
from varscale._initializers import Initializer as Initializer
from varscale._plan import init as init
from varscale._signatures import Normal, Preset, Scaled, Uniform
from varscale._spec import spec as spec

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

class Zeros(Initializer):
    def __init__(self) -> None: ...

class Ones(Initializer):
    def __init__(self) -> None: ...

class Constant(Initializer):
    value: float
    def __init__(self, value: float = 0.0) -> None: ...

class Identity(Initializer):
    gain: float
    def __init__(self, gain: float = 1.0) -> None: ...

class RandomNormal(Normal, Initializer): ...
class RandomUniform(Uniform, Initializer): ...
class TruncatedNormal(Normal, Initializer): ...
class VarianceScaling(Scaled, Initializer): ...
class GlorotUniform(Preset, VarianceScaling): ...
class GlorotNormal(Preset, VarianceScaling): ...
class HeUniform(Preset, VarianceScaling): ...
class HeNormal(Preset, VarianceScaling): ...
class LecunUniform(Preset, VarianceScaling): ...
class LecunNormal(Preset, VarianceScaling): ...

constant = Constant
glorot_normal = GlorotNormal
glorot_uniform = GlorotUniform
he_normal = HeNormal
he_uniform = HeUniform
identity = Identity
lecun_normal = LecunNormal
lecun_uniform = LecunUniform
ones = Ones
random_normal = RandomNormal
random_uniform = RandomUniform
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
zeros = Zeros
