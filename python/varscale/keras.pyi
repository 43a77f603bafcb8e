from typing import Any

from keras import initializers as _theirs
from keras.initializers import STFT as STFT
from keras.initializers import Constant as Constant
from keras.initializers import Identity as Identity
from keras.initializers import Initializer as Initializer
from keras.initializers import Ones as Ones
from keras.initializers import Orthogonal as Orthogonal
from keras.initializers import Zeros as Zeros

from varscale._keras import Drawn
from varscale._signatures import KerasStream, Normal, Preset, Scaled, Uniform

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
    "STFT",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "get",
]

class GlorotNormal(Preset[KerasStream], Drawn, _theirs.GlorotNormal): ...
class GlorotUniform(Preset[KerasStream], Drawn, _theirs.GlorotUniform): ...
class HeNormal(Preset[KerasStream], Drawn, _theirs.HeNormal): ...
class HeUniform(Preset[KerasStream], Drawn, _theirs.HeUniform): ...
class LecunNormal(Preset[KerasStream], Drawn, _theirs.LecunNormal): ...
class LecunUniform(Preset[KerasStream], Drawn, _theirs.LecunUniform): ...
class RandomNormal(Normal[KerasStream], Drawn, _theirs.RandomNormal): ...
class RandomUniform(Uniform[KerasStream], Drawn, _theirs.RandomUniform): ...
class TruncatedNormal(Normal[KerasStream], Drawn, _theirs.TruncatedNormal): ...
class VarianceScaling(Scaled[KerasStream], Drawn, _theirs.VarianceScaling): ...

def get(identifier: Any) -> Any: ...
