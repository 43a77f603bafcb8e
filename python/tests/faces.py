"""The faces of the family, in the frameworks that are installed, and what each must have."""

import importlib

from varscale._core import CLASSES

ALL = [name for name, *_ in CLASSES]
#: By class, arguments for what it requires.
REQUIRED = {
    name: [example for _, example, _, required in parameters if required]
    for name, _, _, _, parameters, *_ in CLASSES
}
DRAWN = [name for name, _, _, _, _, draws, *_ in CLASSES if draws]
#: Those that no framework has, and so no stream of one.
ADDED = ["Formula", "LogUniform"]
#: Those that frameworks draw from streams of their own; a matrix's bits are a machine's LAPACK's.
STREAMED = [name for name in DRAWN if name not in [*ADDED, "Orthogonal"]]

# Class and argument, of those that may be any finite number, or almost.
NUMBERS = [
    f"{name}.{argument}"
    for name, _, _, _, parameters, draws, *_ in CLASSES
    for argument, default, _, required in parameters
    if draws and not required and isinstance(default, float) and argument != "scale"
]


def made(module, name, **options):
    """An initializer of this class, with arguments for what it requires."""
    return getattr(module, name)(*REQUIRED[name], **options)


def framework(name):
    """A framework's initializers and ours, or none where it is not installed."""
    try:
        theirs = importlib.import_module(f"{name}.initializers")
        return theirs, importlib.import_module(f"varscale.{name}")
    except ImportError:
        return None


# By name: the framework's initializers, and ours.
KERAS = {name: pair for name in ["keras", "tf_keras"] if (pair := framework(name))}
