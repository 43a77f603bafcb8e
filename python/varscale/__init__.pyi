from varscale._core import Explanation as Explanation
from varscale._core import SeedGenerator as SeedGenerator
from varscale._core import __version__ as __version__
from varscale._core import floatx as floatx
from varscale._core import set_floatx as set_floatx
from varscale._identifiers import deserialize as deserialize
from varscale._identifiers import get as get
from varscale._identifiers import serialize as serialize
from varscale._initializers import Initializer as Initializer
from varscale._plan import init as init
from varscale._signatures import Normal, Preset, Scaled, Stream, Uniform
from varscale._spec import spec as spec

__all__ = [
    "Constant",
    "Explanation",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
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
    "deserialize",
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
    "serialize",
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

IdentityInitializer = Identity

class RandomNormal(Normal[Stream], Initializer): ...
class RandomUniform(Uniform[Stream], Initializer): ...
class TruncatedNormal(Normal[Stream], Initializer): ...
class VarianceScaling(Scaled[Stream], Initializer): ...
class GlorotUniform(Preset[Stream], VarianceScaling): ...
class GlorotNormal(Preset[Stream], VarianceScaling): ...
class HeUniform(Preset[Stream], VarianceScaling): ...
class HeNormal(Preset[Stream], VarianceScaling): ...
class LecunUniform(Preset[Stream], VarianceScaling): ...
class LecunNormal(Preset[Stream], VarianceScaling): ...

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
