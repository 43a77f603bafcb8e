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
from varscale._signatures import BetweenLogs as _BetweenLogs
from varscale._signatures import Computed as _Computed
from varscale._signatures import CutNormal as _CutNormal
from varscale._signatures import Gained as _Gained
from varscale._signatures import KerasStream as _KerasStream
from varscale._signatures import Normal as _Normal
from varscale._signatures import Preset as _Preset
from varscale._signatures import Scaled as _Scaled
from varscale._signatures import Uniform as _Uniform

__all__ = [
    "Constant",
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
    "formula",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "log_uniform",
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

class Formula(_Computed[_KerasStream], Drawn, Initializer): ...
class GlorotNormal(_Preset[_KerasStream], Drawn, _theirs.GlorotNormal): ...
class GlorotUniform(_Preset[_KerasStream], Drawn, _theirs.GlorotUniform): ...
class HeNormal(_Preset[_KerasStream], Drawn, _theirs.HeNormal): ...
class HeUniform(_Preset[_KerasStream], Drawn, _theirs.HeUniform): ...
class LecunNormal(_Preset[_KerasStream], Drawn, _theirs.LecunNormal): ...
class LecunUniform(_Preset[_KerasStream], Drawn, _theirs.LecunUniform): ...
class LogUniform(_BetweenLogs[_KerasStream], Drawn, Initializer): ...
class Orthogonal(_Gained[_KerasStream], Drawn, _theirs.Orthogonal): ...
class RandomNormal(_Normal[_KerasStream], Drawn, _theirs.RandomNormal): ...
class RandomUniform(_Uniform[_KerasStream], Drawn, _theirs.RandomUniform): ...
class TruncatedNormal(_CutNormal[_KerasStream], Drawn, _theirs.TruncatedNormal): ...
class VarianceScaling(_Scaled[_KerasStream], Drawn, _theirs.VarianceScaling): ...

formula = Formula
glorot_normal = GlorotNormal
glorot_uniform = GlorotUniform
he_normal = HeNormal
he_uniform = HeUniform
lecun_normal = LecunNormal
lecun_uniform = LecunUniform
log_uniform = LogUniform
orthogonal = Orthogonal
OrthogonalInitializer = Orthogonal
random_normal = RandomNormal
random_uniform = RandomUniform
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling

def get(identifier: Any) -> Any: ...
def deserialize(config: Any, custom_objects: Any = None) -> Any: ...
