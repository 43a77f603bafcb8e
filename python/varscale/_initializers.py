"""Keras's `VarianceScaling` and its family, as NumPy arrays."""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from varscale import _fill
from varscale._arguments import box_of, dtype_of, seed_of, shape_of, stream_of
from varscale._core import Explanation, Scheme, SeedGenerator, random_seed
from varscale._family import FAMILY, Class, make

#: What constructors take.
_ARGUMENTS = {"stream"} | {one.name for row in FAMILY.values() for one in row.signature()}

Slice = slice | Sequence[slice] | None
_Same = TypeVar("_Same", bound="Initializer")


class Initializer:
    """What all initializers have in common. The arguments of calls:

    Args:
        shape: Global shape, a sequence of integers of at least 0. Fans come from it.
        dtype: ``"float16"``, ``"bfloat16"``, ``"float32"``, ``"float64"``, ``"float8_e4m3fn"`` or
            ``"float8_e5m2"``, or what NumPy takes for one; `floatx` where it is not given.
        name: The tensor's name in the stream: tensors of one seed and other names differ. A
            framework's stream knows no names.
        layout: What the axes stand for, for the fans: ``"keras"`` (…, in, out), ``"torch"`` (out,
            in, …), ``"keras-depthwise"``, ``"einsum:abc,cde->abde"``, ``"axes:0/1,2"``, ….
        slice: The box of the shape that is wanted, as in ``np.s_[10:20, :]``: the same values as
            in the whole.

    >>> import numpy as np, varscale
    >>> initializer = varscale.get("he_normal")
    >>> isinstance(initializer, varscale.Initializer)
    True
    >>> whole = initializer((784, 256))
    >>> rows = initializer((784, 256), slice=np.s_[10:20])
    >>> np.array_equal(rows, whole[10:20])
    True
    """

    _scheme: Scheme
    seed: Any = None
    stream = "native"

    def __call__(
        self,
        shape: Sequence[int],
        dtype: Any = None,
        *,
        name: str = "",
        layout: str = "keras",
        slice: Slice = None,
    ) -> np.ndarray[Any, np.dtype[Any]]:
        """The values of a tensor, or of a box of it, as a new array.

        A `SeedGenerator` advances by one call; with an integer seed, or none, every call gives the
        same values, as in Keras.

        Raises:
            ValueError: where an argument is out of range, or a value would overflow the dtype.
            TypeError: where an argument is of the wrong kind.
            IndexError: where `layout` or the initializer names an axis that `shape` lacks.
            MemoryError: where there is not enough.
        """
        part = None if slice is None else box_of(shape_of(shape), slice)
        return self._scheme.array(
            shape, dtype, self.seed, self.stream, name=name, layout=layout, part=part
        )

    def fill_(
        self,
        array: Any,
        *,
        shape: Sequence[int] | None = None,
        name: str = "",
        layout: str = "keras",
        slice: Slice = None,
    ) -> Any:
        """Fills a NumPy array, or whatever shares its memory through DLPack, and returns it.

        `array` is a box of `shape`, the one that `slice` takes; without them, the whole. It may
        be strided; it must be writeable.

        Raises:
            ValueError, TypeError: as a call, and where `array` has another shape than the box.
        """
        if not (isinstance(array, np.ndarray) or hasattr(array, "__dlpack__")):
            raise TypeError(
                "`array` must be a NumPy array, or share memory through DLPack: call the "
                f"initializer for a new one. Received: {array!r}"
            )
        target = array if isinstance(array, np.ndarray) else np.from_dlpack(array)
        shape = target.shape if shape is None else shape_of(shape)
        offset, extent = box_of(shape, slice)
        if extent != target.shape:
            raise ValueError(f"The array has shape {target.shape}, but {extent} is to be drawn")
        draw = self._scheme.draw(shape, self.seed, self.stream, name=name, layout=layout)
        _fill.fill(draw, target, offset, at_once=self.stream != "native")
        return array

    def explain(self, shape: Sequence[int], *, layout: str = "keras") -> Explanation:
        """How the initializer arrives at its numbers for a shape: fans, variance, bounds.

        >>> import varscale
        >>> varscale.HeNormal().explain((784, 256)).fan_in
        784
        """
        return self._scheme.explain(shape, layout)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, for `from_config`. An unset seed stays ``None``."""
        return {}

    @classmethod
    def from_config(cls: type[_Same], config: dict[str, Any]) -> _Same:
        """The initializer that `get_config` came from; with an unset seed, one that draws anew.

        >>> import varscale
        >>> config = varscale.RandomUniform(-1, 1).get_config()
        >>> varscale.RandomUniform.from_config(config).get_config()
        {'seed': None, 'minval': -1, 'maxval': 1}
        """
        # tf.keras wrote one, and drew in another one all the same.
        return cls(**{key: _value(value) for key, value in config.items() if key != "dtype"})

    def clone(self: _Same) -> _Same:
        """The same initializer by way of its config, as in Keras."""
        return self.from_config(self.get_config())

    def __repr__(self) -> str:
        arguments = {**self.get_config(), "seed": self.seed}
        if self.seed is None:
            del arguments["seed"]
        shown = ", ".join(
            f"{key}={value!r}" for key, value in arguments.items() if value is not None
        )
        return f"{type(self).__name__}({shown})"


def _value(value: Any) -> Any:
    """A value of a config; Keras writes arrays as objects."""
    if isinstance(value, dict) and value.get("class_name") in ("__numpy__", "__tensor__"):
        array = value.get("config")
        if isinstance(array, dict) and {"value", "dtype"} <= array.keys():
            return np.array(array["value"], dtype_of(array["dtype"]))
    return value


class FamilyInitializer(Initializer):
    """What the classes of the core's table have in common."""

    _class: Class

    def _construct(self, **arguments: Any) -> None:
        scheme, checked = Scheme.of(self._class.name, arguments)
        vars(self).update(checked, _scheme=scheme)

    def __setattr__(self, name: str, value: Any) -> None:
        # The scheme is made once: to follow, every small draw would take longer.
        if name in _ARGUMENTS and hasattr(self, name):
            raise AttributeError(
                f"`{name}` of an initializer stays as it is: make another {type(self).__name__}"
            )
        super().__setattr__(name, value)

    def get_config(self) -> dict[str, Any]:
        names = [parameter.name for parameter in self._class.signature()]
        config = {name: getattr(self, name) for name in names if name != "seed"}
        # What Keras lacks, it does not take.
        for name, default, extension, _ in self._class.parameters:
            if extension and config[name] == default:
                del config[name]
        return config

    # Older protocols forget a state that is empty.
    def __reduce_ex__(self, protocol: Any) -> Any:
        return super().__reduce_ex__(max(int(protocol), 2))

    # Copies and pickles keep the seed that was drawn; the scheme is made again.
    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key != "_scheme"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        scheme, _ = Scheme.of(self._class.name, state)
        vars(self).update(state, _scheme=scheme)


class RandomInitializer(FamilyInitializer):
    """What all initializers that draw have in common: a seed and a stream."""

    _init_seed: Any

    def _construct(self, *, seed: Any = None, stream: Any = "native", **arguments: Any) -> None:
        super()._construct(**arguments)
        stream = stream_of(stream)
        seed = seed_of(seed, stream)
        drawn = random_seed() if seed is None else seed
        vars(self).update(stream=stream, _init_seed=seed, seed=drawn)

    def get_config(self) -> dict[str, Any]:
        seed: Any = self._init_seed
        if isinstance(seed, SeedGenerator):
            seed = {
                "module": "keras.random",
                "class_name": "SeedGenerator",
                "config": seed.get_config(),
                "registered_name": None,
            }
        stream = {} if self.stream == "native" else {"stream": self.stream}
        return {"seed": seed, **stream, **super().get_config()}


def _made(row: Class) -> Any:
    base: Any = RandomInitializer if row.draws else FamilyInitializer
    if row.preset is not None:
        base = PUBLIC["VarianceScaling"]
    made = make(row, __name__, (base,), row.signature(), "")
    if row.preset is not None:
        for (name, *_), value in zip(base._class.parameters, row.preset, strict=True):
            setattr(made, name, value)
    return made


#: The classes of the family by all their names.
PUBLIC: dict[str, Any] = {}
for _row in FAMILY.values():
    PUBLIC[_row.name] = PUBLIC[_row.snake_case] = _made(_row)
    # Of its aliases, what Keras has as a class, too.
    PUBLIC |= {alias: PUBLIC[_row.name] for alias in _row.aliases if alias[0].isupper()}

globals().update(PUBLIC)
