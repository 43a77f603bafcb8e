from typing import Any

from keras import initializers as _theirs
from keras.initializers import STFT as STFT
from keras.initializers import Constant as Constant
from keras.initializers import Identity as Identity
from keras.initializers import IdentityInitializer as IdentityInitializer
from keras.initializers import Initializer as Initializer
from keras.initializers import Ones as Ones
from keras.initializers import STFTInitializer as STFTInitializer
from keras.initializers import Zeros as Zeros
from keras.initializers import constant as constant
from keras.initializers import identity as identity
from keras.initializers import ones as ones
from keras.initializers import serialize as serialize
from keras.initializers import stft as stft
from keras.initializers import zeros as zeros

from varscale._keras import Drawn
from varscale._signatures import Gained as _Gained
from varscale._signatures import KerasStream as _KerasStream
from varscale._signatures import Normal as _Normal
from varscale._signatures import Preset as _Preset
from varscale._signatures import Scaled as _Scaled
from varscale._signatures import Uniform as _Uniform

__all__ = [
    "Constant",
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
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomNormal",
    "RandomUniform",
    "STFT",
    "STFTInitializer",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "constant",
    "deserialize",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "stft",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]

class GlorotNormal(_Preset[_KerasStream], Drawn, _theirs.GlorotNormal): ...
class GlorotUniform(_Preset[_KerasStream], Drawn, _theirs.GlorotUniform): ...
class HeNormal(_Preset[_KerasStream], Drawn, _theirs.HeNormal): ...
class HeUniform(_Preset[_KerasStream], Drawn, _theirs.HeUniform): ...
class LecunNormal(_Preset[_KerasStream], Drawn, _theirs.LecunNormal): ...
class LecunUniform(_Preset[_KerasStream], Drawn, _theirs.LecunUniform): ...
class Orthogonal(_Gained[_KerasStream], Drawn, _theirs.Orthogonal): ...
class RandomNormal(_Normal[_KerasStream], Drawn, _theirs.RandomNormal): ...
class RandomUniform(_Uniform[_KerasStream], Drawn, _theirs.RandomUniform): ...
class TruncatedNormal(_Normal[_KerasStream], Drawn, _theirs.TruncatedNormal): ...
class VarianceScaling(_Scaled[_KerasStream], Drawn, _theirs.VarianceScaling): ...

glorot_normal = GlorotNormal
glorot_uniform = GlorotUniform
he_normal = HeNormal
he_uniform = HeUniform
lecun_normal = LecunNormal
lecun_uniform = LecunUniform
orthogonal = Orthogonal
OrthogonalInitializer = Orthogonal
random_normal = RandomNormal
random_uniform = RandomUniform
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling

def get(identifier: Any) -> Any: ...
def deserialize(config: Any, custom_objects: Any = None) -> Any: ...
