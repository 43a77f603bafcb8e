"""JAX's initializers, drawn by varscale: ``init(key, shape, dtype, out_sharding=None)``.

The seed is the key's bits, so that other keys, split or folded in, give other values. Called
directly, Rust draws. Inside `jax.jit`, `jax.vmap` and the like, XLA computes the same bits on
whatever the program is compiled for, and each device its own part, however the program divides the
tensor: by `out_sharding`, by `out_shardings` of `jax.jit`, or by constraints. What XLA does not
compute exactly (float64, float8, `orthogonal`, numbers below 2^-60 or beyond 2^120) comes from a
callback on the host there, with a warning: see `host`.

`zeros`, `ones`, `constant` and `delta_orthogonal` are JAX's own, as are draws in dtypes other than
float16, bfloat16, float32, float64, float8_e4m3fn and float8_e5m2.

How-tos: https://github.com/varscale/varscale/blob/main/docs/jax.md

>>> import jax, varscale.jax
>>> initializer = varscale.jax.variance_scaling(2.0, "fan_in", "truncated_normal")
>>> weights = initializer(jax.random.key(42), (784, 256))
>>> compiled = jax.jit(initializer, static_argnums=1)(jax.random.key(42), (784, 256))
>>> bool((compiled == weights).all())
True
"""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol

import jax
import jax.numpy as jnp
from jax.nn import initializers as _theirs
from jax.nn.initializers import Initializer, constant, delta_orthogonal, ones, zeros

from varscale import _device_verification, _jax, _jax_init, _jax_verify, _xla
from varscale._arguments import axes_of, number, shape_of, text
from varscale._core import DTYPES, Draw, Scheme
from varscale._device_verification import DeviceVerification
from varscale._family import FAMILY

__all__ = [
    "Initializer",
    "constant",
    "delta_orthogonal",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "host",
    "init",
    "kaiming_normal",
    "kaiming_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "ones",
    "orthogonal",
    "shapes",
    "truncated_normal",
    "uniform",
    "variance_scaling",
    "verify",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]

Axes = int | Sequence[int]

# JAX's names of distributions, and ours.
_KINDS = {
    "truncated_normal": "truncated_normal",
    "normal": "untruncated_normal",
    "uniform": "uniform",
}


def _drawn(
    scheme: Scheme,
    default: Any,
    theirs: Initializer,
    layout: str = "keras",
    scale: _xla.Scale | None = None,
    check: Callable[[tuple[int, ...]], None] | None = None,
) -> Initializer:
    def draw_of(words: Any, shape: tuple[int, ...]) -> Draw:
        # Keys of Threefry have two words: those of `jax.random.key(42)` make the seed 42.
        first, second, *others = (int(word) for word in words)
        name = ",".join(str(word) for word in others)
        return scheme.draw(shape, first << 32 | second, "native", name=name, layout=layout)

    def init(key: Any, shape: Any, dtype: Any = default, out_sharding: Any = None) -> jax.Array:
        shape = _shape(shape)
        if check:
            check(shape)
        kind = jnp.result_type(float) if dtype is None else _jax.canonical(dtype)
        if kind.name not in DTYPES:
            return theirs(key, shape, dtype, out_sharding)
        words = jax.random.key_data(key)
        if words.ndim != 1:
            raise ValueError(
                f"`key` must be a single key. Received keys of shape {words.shape[:-1]}: "
                "use jax.vmap for these"
            )
        drawing = _jax.Drawing(lambda words: draw_of(words, shape), _jax.key_of_words, scale)
        return _jax.array_of(words, drawing, shape, kind, out_sharding)

    return init


def host() -> AbstractContextManager[None]:
    """A context in which compiled functions draw by a callback on the host, by Rust's kernel.

    Several times as fast as XLA on one CPU, but such a program cannot be exported, is compiled anew
    in every process, and draws the whole tensor on every device unless an `out_sharding` divides
    it. The values are the same. What XLA does not compute exactly is drawn so anyway, with a
    warning outside of this context; what a traced number multiplies is drawn by XLA in it, too, and
    so is what `init` draws in a compiled function.

    >>> import jax, varscale.jax
    >>> draw = jax.jit(varscale.jax.he_normal(), static_argnums=1)
    >>> with varscale.jax.host():
    ...     drawn = draw(jax.random.key(42), (784, 256))
    >>> bool((drawn == draw(jax.random.key(42), (784, 256))).all())
    True
    """
    return _jax.HOST(True)


def _shape(shape: Any) -> tuple[int, ...]:
    """A shape as JAX takes it: one integer is a shape, too."""
    return shape_of((shape,) if isinstance(shape, int) else shape)


def _traced(argument: str, value: Any, *, root: bool = False) -> tuple[Any, _xla.Scale | None]:
    """A real argument, or 1 and the factor that is to be multiplied: its square root, if `root`."""
    if not isinstance(value, jax.core.Tracer):
        return number(argument, value), None
    if value.shape or not jnp.issubdtype(value.dtype, jnp.floating):
        raise TypeError(
            f"`{argument}` must be a floating-point number where it is traced. Received: "
            f"{value.dtype} of shape {value.shape}"
        )
    return 1.0, _xla.Scale(value, root)


def _axes(argument: str, axes: Axes) -> str:
    listed = axes_of(argument, (axes,) if isinstance(axes, int) else axes)
    if listed is None:
        raise TypeError(f"`{argument}` must be an axis or a sequence of axes. Received: None")
    return ",".join(map(str, listed))


def variance_scaling(
    scale: float,
    mode: str,
    distribution: str,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Any = None,
) -> Initializer:
    """Variance `scale` / n, n the fan that `mode` names.

    Args:
        scale: A positive finite number. A traced one is multiplied in float32, so that values may
            differ in their last bits from those of a known one.
        mode: ``"fan_in"``, ``"fan_out"``, ``"fan_avg"`` or ``"fan_geo_avg"``.
        distribution: ``"truncated_normal"``, ``"normal"`` (not truncated) or ``"uniform"``.
        in_axis, out_axis, batch_axis: Axes of the shape, which may coincide; all others are the
            receptive field.
        dtype: The dtype of what is drawn without one.

    Raises:
        ValueError: where an argument is none of these.
        IndexError: at a call, where the shape has no such axis.

    >>> import jax, varscale.jax
    >>> initializer = varscale.jax.variance_scaling(1.0, "fan_avg", "uniform", batch_axis=0)
    >>> initializer(jax.random.key(0), (8, 64, 32)).shape
    (8, 64, 32)
    """
    # Not only strings may come: what has no hash is in no dictionary.
    if not isinstance(distribution, str) or distribution not in _KINDS:
        raise ValueError(
            f"invalid distribution for variance scaling initializer: {distribution}: "
            f"use one of {', '.join(_KINDS)}"
        )
    kind = _KINDS[distribution]
    if mode == "none":
        raise ValueError(
            "invalid mode for variance scaling initializer: none: JAX has no such mode"
        )
    known, traced = _traced("scale", scale, root=True)
    scheme = Scheme("VarianceScaling", known, text("mode", mode), kind)
    axes = in_axis, out_axis, batch_axis
    layout = "jax:" + "/".join(map(_axes, ("in_axis", "out_axis", "batch_axis"), axes))
    theirs = _theirs.variance_scaling(scale, mode, distribution, *axes, dtype)  # type: ignore
    is_default = isinstance(in_axis, int) and in_axis == -2
    return _drawn(scheme, dtype, theirs, layout, traced, _has_in_axis if is_default else None)


def _has_in_axis(shape: tuple[int, ...]) -> None:
    if len(shape) < 2:
        raise ValueError(
            f"Can't compute input and output sizes of a {len(shape)}-dimensional weights "
            "tensor with default in_axis. Must be at least 2D or specify in_axis explicitly."
        )


def uniform(scale: float = 1e-2, dtype: Any = None) -> Initializer:
    """Uniform between 0 and `scale`.

    >>> import jax, varscale.jax
    >>> bool((varscale.jax.uniform(10.0)(jax.random.key(0), (9,)) >= 0).all())
    True
    """
    known, traced = _traced("scale", scale)
    if not math.isfinite(known):
        raise ValueError(f"invalid scale {known}: it must be a finite number")
    low, high = sorted((0.0, float(known)))
    theirs = _theirs.uniform(scale, dtype)
    return _drawn(Scheme("RandomUniform", low, high), dtype, theirs, scale=traced)


def normal(stddev: float = 1e-2, dtype: Any = None) -> Initializer:
    """Normal with mean 0. Raises ValueError where `stddev` is known and negative.

    >>> import jax, varscale.jax
    >>> varscale.jax.normal(5.0)(jax.random.key(0), (2, 3)).shape
    (2, 3)
    """
    known, traced = _traced("stddev", stddev)
    theirs = _theirs.normal(stddev, dtype)
    return _drawn(Scheme("RandomNormal", 0.0, known), dtype, theirs, scale=traced)


def truncated_normal(
    stddev: float = 1e-2, dtype: Any = None, lower: float = -2.0, upper: float = 2.0
) -> Initializer:
    """Normal with mean 0, cut off at `lower` and `upper` times `stddev`, which is the one before.

    An infinite bound is open. Raises ValueError where `stddev` is known and negative, or where no
    probability is left between the bounds: both beyond 37.5 on one side.

    >>> import jax, varscale.jax
    >>> bool(abs(varscale.jax.truncated_normal(1.0)(jax.random.key(0), (999,))).max() <= 2)
    True
    """
    theirs = _theirs.truncated_normal(stddev, dtype, lower, upper)
    bounds = number("lower", lower), number("upper", upper)
    known, traced = _traced("stddev", stddev)
    numbers = 0.0, known
    if bounds == (-math.inf, math.inf):
        return _drawn(Scheme("RandomNormal", *numbers), dtype, theirs, scale=traced)
    given = () if bounds == (-2, 2) else bounds
    if traced and given:
        raise TypeError(
            "`stddev` must be known where other bounds than -2 and 2 are given. Received: "
            f"a traced one, with {lower} and {upper}"
        )
    return _drawn(Scheme("TruncatedNormal", *numbers, *given), dtype, theirs, scale=traced)


def orthogonal(scale: float = 1.0, column_axis: int = -1, dtype: Any = None) -> Initializer:
    """A matrix with orthonormal columns, or rows where these are fewer, times `scale`, uniform
    among all such matrices: the axis of the columns against all others.

    >>> import jax, varscale.jax
    >>> q = varscale.jax.orthogonal()(jax.random.key(0), (5, 3))
    >>> bool(abs(q.T @ q - jax.numpy.eye(3)).max() < 1e-6)
    True
    """
    scheme = Scheme("Orthogonal", number("scale", scale))
    theirs = _theirs.orthogonal(scale, column_axis, dtype)
    return _drawn(scheme, dtype, theirs, f"jax:/{_axes('column_axis', column_axis)}/")


class _Preset(Protocol):
    def __call__(
        self, in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None
    ) -> Initializer: ...


def _preset(name: str) -> _Preset:
    known = FAMILY[name]
    scale, mode, distribution = known.preset or []

    def made(
        in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None
    ) -> Initializer:
        axes = in_axis, out_axis, batch_axis
        return variance_scaling(scale, mode, distribution, *axes, dtype)

    made.__name__ = made.__qualname__ = known.snake_case
    made.__doc__ = f"""{known.summary.capitalize()}. Arguments as `variance_scaling`.

    >>> import jax, varscale.jax
    >>> varscale.jax.{known.snake_case}()(jax.random.key(0), (2, 3)).shape
    (2, 3)
    """
    return made


glorot_normal = _preset("GlorotNormal")
glorot_uniform = _preset("GlorotUniform")
he_normal = _preset("HeNormal")
he_uniform = _preset("HeUniform")
lecun_normal = _preset("LecunNormal")
lecun_uniform = _preset("LecunUniform")
kaiming_normal = he_normal
kaiming_uniform = he_uniform
xavier_normal = glorot_normal
xavier_uniform = glorot_uniform


def verify(device: jax.Device | None = None, every: int = 1 << 12) -> DeviceVerification:
    """Whether compiled functions draw the same bits on a device as this CPU does: all that is
    computed in floats, the rounding to 16 bits, and whole draws.

    Args:
        device: One of `jax.devices()`; JAX's default one, or the mesh's first one, without.
        every: Of how many inputs of each function one is compared. With 1, all are: tens of
            billions of values, which this CPU computes, too.

    Returns:
        What was compared: true where it is ``exact``, and else with what is ``differing``.

    Raises:
        TypeError: where `device` is no device of JAX, or `every` no integer.
        ValueError: where `every` is not positive; RuntimeError: in a compiled function.

    >>> import varscale.jax
    >>> found = varscale.jax.verify(every=1 << 20)
    >>> found.exact, found.mismatches, found.differing
    (True, 0, [])
    """
    if device is not None and not isinstance(device, jax.Device):
        raise TypeError(f"`device` must be one of jax.devices(). Received: {device!r}")
    if _jax.is_compiling():
        raise RuntimeError("`verify` compares values: call it outside of compiled functions")
    # Under `jax.set_mesh` there are several, all of which what is compiled would need.
    chosen = device or min(jnp.zeros(()).devices(), key=lambda each: each.id)
    with jax.set_mesh(jax.make_mesh((1,), ("device",), devices=[chosen])):
        return _device_verification.verify(_jax_verify.JaxDevice(chosen), every)


def shapes(init_fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What a function that makes a model's parameters would return, as ``jax.ShapeDtypeStruct``s:
    nothing is computed.

    Args:
        init_fn: Such as linen's ``model.init``, or, of nnx,
            ``lambda: nnx.state(Model(nnx.Rngs(0)), nnx.Param)``.
        args, kwargs: Its arguments: arrays, keys, or their ``jax.ShapeDtypeStruct``s.

    Raises:
        TypeError: where `init_fn` is no function; and what it raises.

    >>> import jax, varscale.jax
    >>> varscale.jax.shapes(lambda key: {"w": jax.random.normal(key, (4, 2))}, jax.random.key(0))
    {'w': ShapeDtypeStruct(shape=(4, 2), dtype=float32)}
    """
    if not callable(init_fn):
        raise TypeError(f"`init_fn` must be a function. Received: {init_fn!r}")
    # Nothing is drawn, of which a warning would tell.
    with host():
        return jax.eval_shape(init_fn, *args, **kwargs)


def init(
    plan: str | os.PathLike[str] | Mapping[str, Any],
    shapes: Any,
    key_or_seed: Any = None,
    shardings: Any = None,
    *,
    seeds: Literal["by-name", "same"] | None = None,
    separator: str = "/",
) -> Any:
    """The parameters of a model by a plan's rules: each device draws its own shards.

    The values are those that `varscale.init` writes for the same rules, seed, names, shapes and
    dtypes, bit for bit, on any mesh. Tensors that differ by name alone share a compiled program,
    and so do all seeds. What XLA does not draw comes from the host, shard by shard: float64,
    float8, orthogonal matrices, formulas, regions, `LogUniform`, numbers below 2^-60, and other
    streams than the native one.

    Args:
        plan: As `varscale.init` takes it: a plan file, its content, or a checkpoint to be drawn
            again. It needs no spec: that of `shapes` goes before its own.
        shapes: A pytree of ``jax.ShapeDtypeStruct``s, as of `shapes`, or of arrays. Names are those
            of `varscale.spec`. Leaves that a rule skips must be arrays, and stay as they are.
        key_or_seed: An integer, or a key of two words: ``jax.random.key(42)`` makes the seed 42. In
            a compiled function, where all is drawn by XLA, the key may be traced. By default, the
            plan's own seed, which it must have then if its values depend on one.
        shardings: A pytree like `shapes` of shardings or, under `jax.set_mesh`, of PartitionSpecs;
            or a prefix of it, such as one sharding for all. By default, those that `shapes` holds.
            ``None`` is whole on all devices of the mesh of `jax.set_mesh`, or on the default one.
        seeds: As for `varscale.init`.
        separator: What joins the parts of a name: ``"."`` in many plan files.

    Returns:
        A pytree like `shapes`, of arrays. Where a rule ties names, they have the same values.

    Raises:
        TypeError: where an argument is of the wrong kind.
        ValueError: where a rule is wrong or is missing; where a key has further words, or there is
            neither a key nor a seed; where a tensor cannot be sharded so, has another dtype by its
            rule, is none of the checkpoint that is to be drawn again, or is skipped and has no
            values; OSError: where a file cannot be read.

    >>> import jax, varscale.jax
    >>> shapes = {"dense": {"kernel": jax.ShapeDtypeStruct((784, 256), "float32")}}
    >>> plan = {"rules": [{"match": "*kernel", "initializer": "he_normal"}]}
    >>> parameters = varscale.jax.init(plan, shapes, jax.random.key(42))
    >>> parameters["dense"]["kernel"].shape
    (784, 256)
    """
    return _jax_init.init(plan, shapes, key_or_seed, shardings, seeds, separator)
