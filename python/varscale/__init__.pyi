from varscale._core import Explanation as Explanation
from varscale._core import SeedGenerator as SeedGenerator
from varscale._core import __version__ as __version__
from varscale._core import floatx as floatx
from varscale._core import set_floatx as set_floatx
from varscale._identifiers import deserialize as deserialize
from varscale._identifiers import get as get
from varscale._identifiers import serialize as serialize
from varscale._initializers import Initializer as Initializer
from varscale._inspect import inspect as inspect
from varscale._plan import init as init
from varscale._plan import missing as missing
from varscale._signatures import BetweenLogs as _BetweenLogs
from varscale._signatures import Computed as _Computed
from varscale._signatures import CutNormal as _CutNormal
from varscale._signatures import Gained as _Gained
from varscale._signatures import Normal as _Normal
from varscale._signatures import Preset as _Preset
from varscale._signatures import Scaled as _Scaled
from varscale._signatures import Stream as _Stream
from varscale._signatures import Uniform as _Uniform
from varscale._spec import spec as spec
from varscale._verify import Proof as Proof
from varscale._verify import Verification as Verification
from varscale._verify import verify as verify

__all__ = [
    "Constant",
    "Explanation",
    "Formula",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "LogUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "Proof",
    "RandomNormal",
    "RandomUniform",
    "SeedGenerator",
    "TruncatedNormal",
    "VarianceScaling",
    "Verification",
    "Zeros",
    "__version__",
    "constant",
    "deserialize",
    "floatx",
    "formula",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "init",
    "inspect",
    "lecun_normal",
    "lecun_uniform",
    "log_uniform",
    "missing",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "set_floatx",
    "spec",
    "truncated_normal",
    "variance_scaling",
    "verify",
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

class Orthogonal(_Gained[_Stream], Initializer): ...

OrthogonalInitializer = Orthogonal

class Formula(_Computed[_Stream], Initializer): ...
class RandomNormal(_Normal[_Stream], Initializer): ...
class RandomUniform(_Uniform[_Stream], Initializer): ...
class LogUniform(_BetweenLogs[_Stream], Initializer): ...
class TruncatedNormal(_CutNormal[_Stream], Initializer): ...
class VarianceScaling(_Scaled[_Stream], Initializer): ...
class GlorotUniform(_Preset[_Stream], VarianceScaling): ...
class GlorotNormal(_Preset[_Stream], VarianceScaling): ...
class HeUniform(_Preset[_Stream], VarianceScaling): ...
class HeNormal(_Preset[_Stream], VarianceScaling): ...
class LecunUniform(_Preset[_Stream], VarianceScaling): ...
class LecunNormal(_Preset[_Stream], VarianceScaling): ...

constant = Constant
formula = Formula
glorot_normal = GlorotNormal
glorot_uniform = GlorotUniform
he_normal = HeNormal
he_uniform = HeUniform
identity = Identity
lecun_normal = LecunNormal
lecun_uniform = LecunUniform
log_uniform = LogUniform
ones = Ones
orthogonal = Orthogonal
random_normal = RandomNormal
random_uniform = RandomUniform
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
zeros = Zeros
