"""The family: classes of the core's table, as every framework's face of it shows them."""

import inspect
from collections.abc import Iterable
from inspect import Parameter
from typing import Any, NamedTuple

from varscale._arguments import integer_seed, stream_of
from varscale._core import CLASSES, DISTRIBUTIONS, MODES, Explanation, Scheme

_AXES = ("input_axes", "output_axes")
_STREAM = Parameter("stream", Parameter.KEYWORD_ONLY, default="native")
_MEANINGS = {
    "scale": "A positive finite number: by n, the fan that `mode` names, it gives the variance.",
    "mode": f"Of {', '.join(MODES)}. A fan counts as at least 1.",
    "distribution": f"""Of {", ".join(DISTRIBUTIONS)}; or normal, which is the first. The truncated
        normal has the standard deviation √(scale / n) after truncation, the untruncated one
        √(scale / n), and the uniform lies in ±√(3 · scale / n).""",
    "stddev": "A finite number of at least 0, before truncation.",
    "lower": """Where values are cut off below, in standard deviations from the mean, as JAX's.
        ``None`` is open where another bound is given, and Keras's -2 where none is.""",
    "upper": "Where they are cut off above.",
    "a": "Where values are cut off below as a number, as torch's; in place of `lower`.",
    "b": "Where they are cut off above; in place of `upper`.",
    "after_truncation": "Whether `stddev` is that of the values, after truncation.",
    "expression": """Arithmetic on indices (i0, i1, …), axis sizes (d0, d1, …), rank and u, uniform
        in (0, 1), such as ``"log(1 + i1)"``.""",
    "seed": """An integer from -2^63 to 2^64 - 1 (or what has ``__index__``), a `SeedGenerator`, or
        ``None``: drawn once, and readable as ``seed``.""",
    "input_axes": "Axes that make up fan_in. Both or none: one alone has no effect, as in Keras.",
    "output_axes": "Axes that make up fan_out.",
    "stream": '``"native"``, or a framework\'s own numbers, such as ``"keras-jax"``.',
}


class Class(NamedTuple):
    """A class of the family: a row of the core's table."""

    name: str
    snake_case: str
    aliases: list[str]
    summary: str
    parameters: list[tuple[str, Any, bool, bool]]
    draws: bool
    has_axes: bool
    preset: list[Any] | None

    def signature(self) -> list[Parameter]:
        """What its constructor takes, in Keras's order; what Keras lacks, by keyword only."""
        given = {
            name: Parameter.empty if required else default
            for name, default, extension, required in self.parameters
            if not extension
        }
        given |= {"seed": None} if self.draws else {}
        given |= dict.fromkeys(_AXES) if self.has_axes else {}
        keras = [
            Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=default)
            for name, default in given.items()
        ]
        return keras + [
            Parameter(name, Parameter.KEYWORD_ONLY, default=default)
            for name, default, extension, _ in self.parameters
            if extension
        ]

    def is_keras(self, config: Iterable[str]) -> bool:
        """Whether a config of it is one of Keras's, all of whose classes that are here can be made
        without arguments."""
        beyond = {name for name, _, extension, _ in self.parameters if extension}
        return not self.examples() and beyond.isdisjoint(config)

    def examples(self) -> list[Any]:
        """Arguments for those of its parameters that are required."""
        return [default for _, default, _, required in self.parameters if required]


FAMILY = {row[0]: Class(*row) for row in CLASSES}

#: Keras's identifiers: class names, their snake case, and aliases.
IDENTIFIERS = {
    identifier: row.name
    for row in FAMILY.values()
    for identifier in [row.name, row.snake_case, *row.aliases]
}


def make(
    row: Class, module: str, bases: tuple[type, ...], signature: Iterable[Parameter], prefix: str
) -> Any:
    """A class whose constructor hands all arguments to its base's `_construct`, by name."""
    signature = [*signature, _STREAM] if row.draws else [*signature]
    names = [parameter.name for parameter in signature]
    meanings = [f"    {name}: {_MEANINGS.get(name, 'A finite number.')}" for name in names]
    summary = prefix + row.summary
    where = module.partition("._")[0]
    lines = [f"{summary[0].upper()}{summary[1:]}.", ""]
    lines += ["Args:", *meanings, ""] if meanings else []
    call = f"{where}.{row.name}({', '.join(map(repr, row.examples()))})"
    lines += [f">>> import {where}", f">>> {call}((2, 3)).shape == (2, 3)", "True"]
    members = {
        "__module__": module,
        "__doc__": "\n".join(lines),
        "__init__": _constructor(row.name, signature),
        "_class": row,
    }
    return type(row.name, bases, members)


def _constructor(name: str, parameters: list[Parameter]) -> Any:
    # As source, like those of dataclasses: binding a signature takes longer than a small draw.
    namespace = {f"_{parameter.name}": parameter.default for parameter in parameters}
    heads = ["self"]
    for parameter in parameters:
        if parameter.kind == Parameter.KEYWORD_ONLY and "*" not in heads:
            heads.append("*")
        required = parameter.default is Parameter.empty
        heads.append(parameter.name if required else f"{parameter.name}=_{parameter.name}")
    handed = ", ".join(f"{parameter.name}={parameter.name}" for parameter in parameters)
    exec(f"def __init__({', '.join(heads)}): self._construct({handed})", namespace)
    constructor = namespace["__init__"]
    constructor.__qualname__ = f"{name}.__init__"
    return constructor


def of_framework(
    module: str, called: str, framework: Any, drawn: type, seeded: type
) -> dict[str, Any]:
    """All public names of a framework's initializers: classes of the family that draw are made
    anew, with the draw of `drawn`; the rest is the framework's own. Classes that the framework
    lacks are added, on `seeded`: its base class, with a seed."""
    own = vars(framework.initializers).items()
    public = {name: value for name, value in own if not name.startswith("_")}
    register = framework.saving.register_keras_serializable
    made: dict[Any, Any] = {}
    added: dict[str, Any] = {}
    for row in FAMILY.values():
        if not row.draws:
            continue
        base, signature, prefix = seeded, row.signature(), ""
        if row.name in public:
            base, prefix = public[row.name], f"{called}'s `{row.name}`: "
            extensions = [one for one in signature if one.kind is Parameter.KEYWORD_ONLY]
            signature = [*inspect.signature(base).parameters.values(), *extensions]
        one = make(row, module, (drawn, base), signature, prefix)
        taken = inspect.signature(base).parameters
        one._beyond = [parameter.name for parameter in signature if parameter.name not in taken]
        # The name that saved models hold, and some of their formats go by alone: by the plain
        # one, Keras takes its own class where nobody has imported this module.
        one.__name__ = f"{module}.{row.name}"
        framework.saving.get_custom_objects()[one.__name__] = one
        register("varscale", row.name)(one)
        if base is seeded:
            added |= {row.name: one, row.snake_case: one}
        else:
            made[base] = one
    return {name: made.get(value, value) for name, value in public.items()} | added


class Drawn:
    """What Keras's and tf_keras's classes here put in front of the frameworks' own."""

    _class: Class
    #: Its parameters that the framework's own class lacks.
    _beyond: list[str]
    #: What seeds are allowed, in words.
    _seeds: str
    seed: Any
    stream: str

    def _construct(self, seed: Any, stream: str, **arguments: Any) -> None:
        self.stream = stream if isinstance(stream, str) and stream == "keras" else stream_of(stream)
        beyond = {name: arguments.pop(name) for name in self._beyond}
        super().__init__(seed=self._seed_of(seed), **arguments)  # type: ignore[call-arg]
        _, checked = Scheme.of(self._class.name, vars(self) | beyond)
        vars(self).update({name: checked[name] for name in beyond})

    def _seed_of(self, seed: Any) -> Any:
        return integer_seed(seed, self.stream, self._seeds)

    def explain(self, shape: Any) -> Explanation:
        """How the initializer arrives at its numbers for a shape: fans, variance, bounds."""
        return self._scheme().explain(shape, "keras")

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor: the framework's, and a stream other than the native."""
        config: dict[str, Any] = super().get_config()  # type: ignore[misc]
        config |= self._extra()
        return config if self.stream == "native" else {**config, "stream": self.stream}

    def _extra(self) -> dict[str, Any]:
        """The arguments that the framework's own class would not take; none where it has them."""
        default = {name: value for name, value, extension, _ in self._class.parameters if extension}
        given = {name: getattr(self, name) for name in self._beyond}
        return {name: value for name, value in given.items() if value != default.get(name)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The initializer that `get_config` came from; also from what tf.keras has written."""
        return cls(**{key: value for key, value in config.items() if key != "dtype"})

    def _scheme(self) -> Scheme:
        # Made at every call: what the frameworks' classes draw follows their attributes.
        scheme, _ = Scheme.of(self._class.name, vars(self))
        return scheme
