from typing import Any

from tf_keras import initializers as _theirs
from tf_keras.initializers import Constant as Constant
from tf_keras.initializers import Identity as Identity
from tf_keras.initializers import Initializer as Initializer
from tf_keras.initializers import Ones as Ones
from tf_keras.initializers import Zeros as Zeros
from tf_keras.initializers import constant as constant
from tf_keras.initializers import identity as identity
from tf_keras.initializers import ones as ones
from tf_keras.initializers import serialize as serialize
from tf_keras.initializers import zeros as zeros

from varscale._signatures import BetweenLogs as _BetweenLogs
from varscale._signatures import Computed as _Computed
from varscale._signatures import CutNormal as _CutNormal
from varscale._signatures import Gained as _Gained
from varscale._signatures import KerasStream as _KerasStream
from varscale._signatures import Normal as _Normal
from varscale._signatures import PresetByLayout as _PresetByLayout
from varscale._signatures import ScaledByLayout as _ScaledByLayout
from varscale._signatures import Uniform as _Uniform
from varscale._tf_keras import Drawn

__all__ = [
    "Constant",
    "Formula",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "LogUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
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
    "truncated_normal",
    "variance_scaling",
    "zeros",
]

class Formula(_Computed[_KerasStream], Drawn, Initializer): ...
class GlorotNormal(_PresetByLayout[_KerasStream], Drawn, _theirs.GlorotNormal): ...
class GlorotUniform(_PresetByLayout[_KerasStream], Drawn, _theirs.GlorotUniform): ...
class HeNormal(_PresetByLayout[_KerasStream], Drawn, _theirs.HeNormal): ...
class HeUniform(_PresetByLayout[_KerasStream], Drawn, _theirs.HeUniform): ...
class LecunNormal(_PresetByLayout[_KerasStream], Drawn, _theirs.LecunNormal): ...
class LecunUniform(_PresetByLayout[_KerasStream], Drawn, _theirs.LecunUniform): ...
class LogUniform(_BetweenLogs[_KerasStream], Drawn, Initializer): ...
class Orthogonal(_Gained[_KerasStream], Drawn, _theirs.Orthogonal): ...
class RandomNormal(_Normal[_KerasStream], Drawn, _theirs.RandomNormal): ...
class RandomUniform(_Uniform[_KerasStream], Drawn, _theirs.RandomUniform): ...
class TruncatedNormal(_CutNormal[_KerasStream], Drawn, _theirs.TruncatedNormal): ...
class VarianceScaling(_ScaledByLayout[_KerasStream], Drawn, _theirs.VarianceScaling): ...

formula = Formula
glorot_normal = GlorotNormal
glorot_uniform = GlorotUniform
he_normal = HeNormal
he_uniform = HeUniform
lecun_normal = LecunNormal
lecun_uniform = LecunUniform
log_uniform = LogUniform
orthogonal = Orthogonal
random_normal = RandomNormal
random_uniform = RandomUniform
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling

def get(identifier: Any) -> Any: ...
def deserialize(
    config: Any, custom_objects: Any = None, use_legacy_format: bool = False
) -> Any: ...
