from tf_keras import initializers as _theirs
from tf_keras.initializers import Constant as Constant
from tf_keras.initializers import Identity as Identity
from tf_keras.initializers import Initializer as Initializer
from tf_keras.initializers import Ones as Ones
from tf_keras.initializers import Orthogonal as Orthogonal
from tf_keras.initializers import Zeros as Zeros

from varscale._signatures import Normal, PresetByLayout, ScaledByLayout, Uniform
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

class GlorotNormal(PresetByLayout, Drawn, _theirs.GlorotNormal): ...
class GlorotUniform(PresetByLayout, Drawn, _theirs.GlorotUniform): ...
class HeNormal(PresetByLayout, Drawn, _theirs.HeNormal): ...
class HeUniform(PresetByLayout, Drawn, _theirs.HeUniform): ...
class LecunNormal(PresetByLayout, Drawn, _theirs.LecunNormal): ...
class LecunUniform(PresetByLayout, Drawn, _theirs.LecunUniform): ...
class RandomNormal(Normal, Drawn, _theirs.RandomNormal): ...
class RandomUniform(Uniform, Drawn, _theirs.RandomUniform): ...
class TruncatedNormal(Normal, Drawn, _theirs.TruncatedNormal): ...
class VarianceScaling(ScaledByLayout, Drawn, _theirs.VarianceScaling): ...
