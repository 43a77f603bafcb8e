from tf_keras import initializers as _theirs
from tf_keras.initializers import Constant as Constant
from tf_keras.initializers import Identity as Identity
from tf_keras.initializers import Initializer as Initializer
from tf_keras.initializers import Ones as Ones
from tf_keras.initializers import Orthogonal as Orthogonal
from tf_keras.initializers import Zeros as Zeros

from varscale._signatures import KerasStream, Normal, PresetByLayout, ScaledByLayout, Uniform
from varscale._tf_keras import Drawn

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
]

class GlorotNormal(PresetByLayout[KerasStream], Drawn, _theirs.GlorotNormal): ...
class GlorotUniform(PresetByLayout[KerasStream], Drawn, _theirs.GlorotUniform): ...
class HeNormal(PresetByLayout[KerasStream], Drawn, _theirs.HeNormal): ...
class HeUniform(PresetByLayout[KerasStream], Drawn, _theirs.HeUniform): ...
class LecunNormal(PresetByLayout[KerasStream], Drawn, _theirs.LecunNormal): ...
class LecunUniform(PresetByLayout[KerasStream], Drawn, _theirs.LecunUniform): ...
class RandomNormal(Normal[KerasStream], Drawn, _theirs.RandomNormal): ...
class RandomUniform(Uniform[KerasStream], Drawn, _theirs.RandomUniform): ...
class TruncatedNormal(Normal[KerasStream], Drawn, _theirs.TruncatedNormal): ...
class VarianceScaling(ScaledByLayout[KerasStream], Drawn, _theirs.VarianceScaling): ...
