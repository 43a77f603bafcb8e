"""What the layers of a Keras model draw their variables from.

No attribute of a layer says so: layers give initializers axes of their own, wrap them in functions,
or name others. So every layer is made and built again in a scope where Keras's variables keep the
initializers that they are given, and draw nothing.
"""

import contextlib
import copy
import inspect
import random
import re
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras.src.backend.common import KerasVariable, global_state
from keras.src.models import Functional
from keras.src.saving import serialization_lib

from varscale import _family

# What making layers changes in Keras: how often names were used, and variables to draw later.
_GLOBAL = ("object_name_uids", "uninitialized_variables")

# What gives no tensor one value throughout.
_DRAWN = _family.FAMILY.keys() - {"Zeros", "Ones", "Constant", "Identity"}

# In place of an initializer: a value was assigned.
_ASSIGNED: dict[str, Any] = {}

# Of variables by their ids; none where it is not certain.
Found = dict[int, dict[str, Any] | None]


def initializers(model: keras.Layer) -> dict[int, dict[str, Any]]:
    """Serialized initializers by the ids of the variables that they are for.

    Left out are variables of layers that cannot be made again as they were.
    """
    found: Found = {}
    _ask(model, found, set())
    fresh = _drawn_from_once(model)
    return {
        variable: initializer
        for variable, initializer in found.items()
        if initializer and fresh(initializer)
    }


def _drawn_from_once(model: keras.Layer) -> Callable[[dict[str, Any]], bool]:
    """Whether an initializer has no generator, or one that is known to have drawn once only.

    Of a generator, a plan draws the first call.
    """
    calls: dict[tuple[Any, Any], set[int]] = defaultdict(set)
    for layer in model._flatten_layers():
        for value in vars(layer).values():
            seed = getattr(value, "seed", None)
            if isinstance(seed, keras.random.SeedGenerator):
                state = keras.ops.convert_to_numpy(seed.state.value)
                calls[_seed_config(seed.get_config())].add(int(state[1]))

    def fresh(initializer: dict[str, Any]) -> bool:
        config = initializer["config"]
        seed = config.get("seed") if isinstance(config, dict) else None
        if not isinstance(seed, dict):
            return True
        # An initializer that a layer makes others like has not drawn.
        return max(calls[_seed_config(seed["config"])], default=0) == 1

    return fresh


def _seed_config(config: dict[str, Any]) -> tuple[Any, Any]:
    return config.get("seed"), config.get("name")


def _ask(layer: keras.Layer, found: Found, asked: set[int]) -> None:
    """Finds the initializers of a layer and of those that it holds."""
    asked.add(id(layer))
    for held in layer._layers:
        if id(held) not in asked:
            _ask(held, found, asked)
    # Some are only made by the layer that holds them, as the cell of ConvLSTM2D is.
    variables = [id(variable) for held in layer._flatten_layers() for variable in _own(held)]
    missing = [variable for variable in variables if variable not in found]
    # Others' may assign values to the variables of what they hold.
    if not (missing or not _of_keras(layer)) or isinstance(layer, (Functional, keras.Sequential)):
        return
    called, configured = _made_again(layer, _as_called), _made_again(layer, _as_configured)
    for variable in variables:
        if _ASSIGNED in (called.get(variable), configured.get(variable)):
            found[variable] = None
    for variable in missing:
        # A constructor may have read a name in another scope, and a config may lack arguments.
        both = [made[variable] for made in (called, configured) if variable in made]
        if both:
            found[variable] = both[0] if all(one == both[0] for one in both) else None


def _own(layer: keras.Layer) -> list[Any]:
    return [*layer._trainable_variables, *layer._non_trainable_variables]


def _as_called(layer: keras.Layer) -> Any:
    """A layer by the arguments of its constructor, where Keras has kept them: all are plain."""
    if isinstance(layer, keras.Model) and _arguments_of(type(layer)):
        raise ValueError("Keras keeps no arguments of models")
    return type(layer)(**layer._auto_config.config)


def _as_configured(layer: keras.Layer) -> Any:
    """A layer by its config, with what Keras cannot make of one: functions, and others' classes."""
    config = layer.get_config()
    if lacking := _arguments_of(type(layer)) - config.keys():
        raise ValueError(f"The config lacks {lacking}")
    if isinstance(layer, keras.layers.Embedding) and not layer._build_shapes_dict:
        raise ValueError("The constructor built it, of weights that the config lacks")
    for key in config:
        value = getattr(layer, key, getattr(layer, f"_{key}", None))
        if callable(value) and not isinstance(value, keras.Layer) and not _kept(value):
            config[key] = value
    return type(layer).from_config(config)


def _arguments_of(made: type) -> set[str]:
    """The named arguments of a constructor of somebody else's; those of Keras's have configs."""
    owner = next(base for base in made.__mro__ if "__init__" in vars(base))
    if owner.__module__.partition(".")[0] == "keras":
        return set()
    _, *parameters = inspect.signature(vars(owner)["__init__"]).parameters.values()
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {one.name for one in parameters if one.kind not in several}


def _kept(value: Any) -> bool:
    """Whether a config holds all of a value. Keras's of `Identity` lacks the gain."""
    return _of_keras(value) and not isinstance(value, keras.initializers.Identity)


def _of_keras(value: Any) -> bool:
    """Whether this is of a class of Keras's, or ours."""
    package = type(value).__module__.partition(".")[0]
    return package in ("keras", "varscale")


def _made_again(layer: keras.Layer, make: Callable[[keras.Layer], Any]) -> Found:
    """What a layer that is made and built again gives its variables, and those it holds theirs."""
    try:
        with warnings.catch_warnings(), _undrawn(layer) as scope:
            # They were given when the layer was made.
            warnings.simplefilter("ignore")
            # Twice, since what differs follows from a seed that nobody set.
            made = [make(layer), make(layer)]
            _set_as_now(layer, made[1])
            for one in made:
                if not one.built:
                    one.build_from_config(layer.get_build_config())
    # Whatever the layer's own code raises.
    except Exception:
        return {}
    held = [one._flatten_layers() for one in (layer, *made)]
    if len({tuple(map(type, layers)) for layers in held}) > 1:
        held = [[layer], [made[0]], [made[1]]]
    found: Found = {}
    for theirs, first, second in zip(*held, strict=True):
        known, *again = map(_by_likeness, (theirs, first, second))
        for likeness, variables in known.items():
            alike = [of[likeness] for of in again]
            if any(len(some) != len(variables) for some in alike):
                continue
            for variable, *made_again in zip(variables, *alike, strict=True):
                if make is _as_called or not _changed_since(theirs, variable):
                    assigned = any(id(one) in scope.state_mapping for one in made_again)
                    found[id(variable)] = _ASSIGNED if assigned else _serialized(*made_again)
                    if not _of_keras(theirs) and _contradicts(variable, found[id(variable)]):
                        found[id(variable)] = None
    return found


def _set_as_now(layer: keras.Layer, made: keras.Layer) -> None:
    """Gives a layer that is made again the attributes that the layer has got since."""
    held = [layer._flatten_layers(), made._flatten_layers()]
    if [*map(type, held[0])] != [*map(type, held[1])]:
        held = [[layer], [made]]
    of_bases = vars(keras.Layer()).keys() | vars(keras.Model()).keys()
    for theirs, ours in zip(*held, strict=True):
        # Whatever is built differs by it only where an initializer depends on it.
        vars(ours)["_trainable"] = theirs._trainable
        for name, value in [] if _of_keras(theirs) else list(vars(theirs).items()):
            private = name.startswith("_") and name not in vars(ours)
            tuned = name.startswith("lora_")
            if not (private or tuned) and name not in of_bases and not _holds_variables(value):
                # Only what building may change needs to be another.
                shared = not isinstance(value, (dict, list, set, np.ndarray))
                vars(ours)[name] = value if shared else copy.copy(value)


def _holds_variables(value: Any) -> bool:
    """Whether a value is or holds something that a layer is built of."""
    if isinstance(value, (dict, list, tuple, set)):
        held = value.values() if isinstance(value, dict) else value
        return any(map(_holds_variables, held))
    if isinstance(value, keras.initializers.Initializer):
        return False
    packages = {base.__module__.partition(".")[0] for base in type(value).__mro__}
    return not packages.isdisjoint(["keras", "jax", "jaxlib", "tensorflow", "torch", "optree"])


def _contradicts(variable: Any, initializer: dict[str, Any] | None) -> bool:
    """Whether a variable has one value throughout, and another one than it would be drawn with.

    A class may have changed since; training leaves no variable so.
    """
    values = keras.ops.convert_to_numpy(variable)
    if not initializer or values.size < 2 or not (values == values.flat[0]).all():
        return False
    name, config = initializer["class_name"], initializer["config"]
    if initializer.get("module") == "keras.initializers" and name in _DRAWN:
        return True
    same = {"Zeros": 0, "Ones": 1}.get(name, config["value"] if name == "Constant" else None)
    return isinstance(same, (int, float)) and not (values == np.asarray(same, values.dtype)).all()


def _changed_since(layer: keras.Layer, variable: Any) -> bool:
    """Whether a layer may have got a variable by a call of which no config tells the arguments."""
    quantized = layer.quantization_mode not in (None, "float8")
    return quantized or variable.name.startswith("lora_")


def _by_likeness(layer: keras.Layer) -> dict[tuple[Any, ...], list[Any]]:
    """A layer's own variables by name, shape and dtype."""
    alike = defaultdict(list)
    for variable in _own(layer):
        # One without a name has a number, which differs.
        name = re.sub(r"^variable_\d+$", "variable", variable.name)
        alike[name, tuple(variable.shape), str(variable.dtype)].append(variable)
    return alike


class _Given:
    """A value that a layer gives a variable, as the initializer of it."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return keras.ops.cast(self.value, dtype)


@contextlib.contextmanager
def _undrawn(layer: keras.Layer) -> Iterator[keras.StatelessScope]:
    """A scope in which variables get no values, and after which Keras is as it was."""
    before = {name: global_state.get_global_attribute(name) for name in _GLOBAL}
    seeds, serialize = random.getstate(), serialization_lib.serialize_keras_object

    def serialize_functions_too(value: Any) -> Any:
        # Of a lambda, Keras looks for the source, which may be nowhere; others have no config.
        name = getattr(value, "__name__", "<lambda>")
        unnamed = callable(value) and not hasattr(value, "get_config") and name == "<lambda>"
        return {"class_name": "__lambda__", "config": ""} if unnamed else serialize(value)

    def make_variable(self: Any, initializer: Any, *arguments: Any, **others: Any) -> None:
        if not callable(initializer) and not isinstance(initializer, str):
            # In such a scope, Keras takes no values.
            initializer = keras.ops.convert_to_tensor(initializer, others.get("dtype"))
            others = {"dtype": initializer.dtype} | others | {"shape": initializer.shape}
            initializer = _Given(initializer)
        make(self, initializer, *arguments, **others)

    make = KerasVariable.__init__
    classes = {type(held).__name__: type(held) for held in layer._flatten_layers()}
    try:
        KerasVariable.__init__ = make_variable  # type: ignore[method-assign]
        for name, value in before.items():
            global_state.set_global_attribute(name, value and value.copy())
        serialization_lib.serialize_keras_object = serialize_functions_too
        with keras.StatelessScope(initialize_variables=False) as scope:
            with keras.saving.custom_object_scope(classes):
                yield scope
    finally:
        KerasVariable.__init__ = make  # type: ignore[method-assign]
        serialization_lib.serialize_keras_object = serialize
        random.setstate(seeds)
        for name, value in before.items():
            global_state.set_global_attribute(name, value)


def _serialized(*variables: Any) -> dict[str, Any] | None:
    """What two variables that are made alike are drawn from; none where they differ by more than
    by their seeds."""
    initializer, again = (variable._initializer for variable in variables)
    if not hasattr(initializer, "get_config"):
        return _of_function(*variables)
    made, other = map(keras.saving.serialize_keras_object, (initializer, again))
    config = made["config"]
    if config.get("seed") != other["config"].get("seed"):
        config |= {"seed": None}
        other["config"]["seed"] = None
    if made != other:
        return None
    if isinstance(initializer, keras.initializers.Identity):
        config["gain"] = initializer.gain
    if isinstance(initializer, _family.Drawn) and _of_keras(initializer):
        # Keras's own class of that name; a plan has one stream.
        config.pop("stream", None)
        made["module"], made["class_name"] = "keras.initializers", initializer._class.name
        return made | {"config": config, "registered_name": None}
    # Of a class that nobody registered, Keras leaves out where it is from.
    module = made["module"] if _of_keras(initializer) else type(initializer).__module__
    return made | {"module": module, "config": config}


def _of_function(*variables: Any) -> dict[str, Any]:
    function = variables[0]._initializer
    # Layers of Keras make functions of the initializers that they are given, such as LSTM's bias.
    of_keras = getattr(function, "__module__", "").startswith("keras.src.layers.")
    if of_keras or isinstance(function, _Given):
        values, again = (
            keras.ops.convert_to_numpy(one._initializer(tuple(one.shape), dtype=one.dtype))
            for one in variables
        )
        if np.array_equal(values, again):
            one_value = values.size and (values == values.flat[0]).all()
            value = values.flat[0].item() if one_value else values
            return keras.saving.serialize_keras_object(keras.initializers.Constant(value))
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return {"class_name": "function", "config": name}
