"""JAX's initializers: keys, compiled functions, shardings."""

import itertools
import math
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import varscale

try:
    import jax
    from jax._src.nn.initializers import _compute_fans

    import varscale.jax
except ImportError:
    jax = None

pytestmark = pytest.mark.skipif(jax is None, reason="JAX is not installed")

PRESETS = [
    "glorot_uniform",
    "glorot_normal",
    "lecun_uniform",
    "lecun_normal",
    "he_uniform",
    "he_normal",
]
OTHERS = ["uniform", "normal", "truncated_normal"]
SHAPE = (30, 40)


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize(
    "dtype", ["float16", "bfloat16", "float32", "float8_e4m3fn", "float8_e5m2"]
)
def test_values_are_the_packages(name, dtype):
    values = getattr(varscale.jax, name)()(jax.random.key(42), SHAPE, dtype)
    assert values.dtype == dtype
    expected = varscale.get(name).from_config({"seed": 42})(SHAPE, dtype)
    assert np.asarray(values).tobytes() == expected.tobytes()


@pytest.mark.parametrize("name", PRESETS + OTHERS)
def test_moments_are_jaxs(name):
    key, shape = jax.random.key(1), (300, 500)
    ours = np.asarray(getattr(varscale.jax, name)()(key, shape))
    theirs = np.asarray(getattr(jax.nn.initializers, name)()(key, shape))
    assert ours.dtype == theirs.dtype
    assert ours.std() == pytest.approx(theirs.std(), rel=0.02)
    assert ours.mean() == pytest.approx(theirs.mean(), abs=float(0.01 * theirs.std()))
    if "normal" != name:
        assert abs(ours).max() == pytest.approx(abs(theirs).max(), rel=0.001)


@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg", "fan_geo_avg"])
@pytest.mark.parametrize("distribution", ["truncated_normal", "normal", "uniform"])
def test_axes_are_jaxs(mode, distribution):
    arguments = (2.0, mode, distribution, (0, 2), 1, (3,))
    key, shape = jax.random.key(1), (30, 20, 7, 9)
    ours = varscale.jax.variance_scaling(*arguments)(key, shape)
    theirs = jax.nn.initializers.variance_scaling(*arguments)(key, shape)
    assert float(ours.std()) == pytest.approx(float(theirs.std()), rel=0.02)


@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "float8_e4m3fn"])
def test_compiled_and_mapped(dtype):
    initializer = varscale.jax.he_normal(dtype=dtype)
    keys = jax.random.split(jax.random.key(3), 6)
    eager = np.stack([np.asarray(initializer(key, SHAPE)) for key in keys])
    compiled = jax.jit(initializer, static_argnums=1)(keys[0], SHAPE)
    assert np.asarray(compiled).tobytes() == eager[0].tobytes()
    mapped = jax.vmap(lambda key: initializer(key, SHAPE))(keys)
    assert np.asarray(mapped).tobytes() == eager.tobytes()
    both = jax.jit(jax.vmap(jax.vmap(lambda key: initializer(key, SHAPE))))(keys.reshape(2, 3))
    assert np.asarray(both).tobytes() == eager.tobytes()
    assert not np.array_equal(eager[0], eager[1])


def test_keys_of_every_kind():
    values = [
        np.asarray(varscale.jax.he_normal()(key, SHAPE))
        for key in [
            jax.random.key(1),
            jax.random.PRNGKey(1),
            jax.random.key(2),
            jax.random.fold_in(jax.random.key(1), 1),
            jax.random.key(1, impl="rbg"),
            jax.random.key(2, impl="rbg"),
        ]
    ]
    assert np.array_equal(values[0], values[1])
    others = [values[0], *values[2:]]
    assert len({one.tobytes() for one in others}) == len(others)


@pytest.mark.parametrize(("lower", "upper"), [(-3, 3), (-1, 3), (0, np.inf), (2, 2.5), (-9, -4.0)])
def test_normals_are_cut_off_anywhere(lower, upper):
    initializer = varscale.jax.truncated_normal(0.5, lower=lower, upper=upper)
    values = np.asarray(initializer(jax.random.key(1), (500, 400)), np.float64).ravel()
    assert 0.5 * lower <= values.min() and values.max() <= 0.5 * upper
    law = stats.truncnorm(lower, upper, 0, 0.5)
    assert stats.kstest(values, law.cdf).pvalue > 1e-3
    own = varscale.TruncatedNormal(0, 0.5, seed=1, lower=lower, upper=upper)((500, 400))
    assert np.array_equal(initializer(jax.random.key(1), (500, 400)), own)


@pytest.mark.parametrize(
    ("stddev", "lower", "upper", "message"),
    [
        (1.0, -np.inf, np.inf, None),
        (1.0, 1, 1, None),
        (0.0, -3, 3, None),
        (np.float32(0.5), np.int32(-3), np.float64(3), None),
        (1.0, 2, -2, "upper -2"),
        (1.0, np.nan, 1, "lower NaN"),
        (1.0, 40, 41, "no probability"),
        (-1.0, -3, 1, "stddev -1"),
        (1e39, 0, 1e-3, "rounding"),
    ],
)
def test_bounds_of_every_kind(stddev, lower, upper, message):
    def draw(dtype):
        make = varscale.jax.truncated_normal(stddev, lower=lower, upper=upper)
        return np.asarray(make(jax.random.key(1), (5000,), dtype).astype("float32"), "f8")

    for dtype in ["float16", "bfloat16", "float32", "float8_e4m3fn", "float8_e5m2"]:
        if message:
            with pytest.raises(ValueError, match=f"{message}|overflow"):
                draw(dtype)
        else:
            # An infinite bound times 0 would be none.
            low, high = (bound * stddev if stddev else 0 for bound in (lower, upper))
            assert low <= draw(dtype).min() and draw(dtype).max() <= high


@pytest.mark.parametrize(
    ("name", "sign"), [("normal", 1), ("truncated_normal", 1), ("uniform", 1), ("uniform", -1)]
)
def test_a_traced_scale_is_a_factor(name, sign):
    key, scale = jax.random.key(1), np.float32(0.3)

    def of(scale):
        return getattr(varscale.jax, name)(sign * scale)

    known = of(float(scale))(key, SHAPE)
    traced = jax.jit(lambda scale: of(scale)(key, SHAPE))(scale)
    assert np.array_equal(known, traced)
    slope = jax.grad(lambda scale: of(scale)(key, SHAPE).sum())(scale)
    assert np.isclose(slope, np.asarray(known, np.float64).sum() / scale, rtol=1e-4)
    assert np.isnan(jax.jit(lambda scale: of(scale)(key, SHAPE))(np.nan)).all()


@pytest.mark.parametrize("name", ["normal", "uniform"])
def test_traced_scales_of_every_size(name):
    of, key = getattr(varscale.jax, name), jax.random.key(42)
    traced = jax.jit(lambda scale: of(scale)(key, SHAPE))

    def known(scale):
        # A negative deviation is refused where it is known.
        sign = -1 if scale < 0 and name != "uniform" else 1
        return sign * of(sign * float(scale))(key, SHAPE)

    for exponent, sign in itertools.product([-60, -30, 0, 60, 89], [1, -1]):
        scale = np.float32(sign * 1.37 * 2.0**exponent)
        assert np.array_equal(traced(scale), known(scale))
    # Here the compiler's own product has the last word.
    for exponent, sign in itertools.product([-70, 91, 101, 119], [1, -1]):
        scale = np.float32(sign * 1.37 * 2.0**exponent)
        assert np.allclose(traced(scale), known(scale), rtol=3e-7, atol=2e-7 * abs(float(scale)))
    slope = jax.grad(lambda scale: of(scale)(key, SHAPE).sum())
    assert np.isclose(slope(0.0), slope(1.0))


def test_a_traced_variance_is_one_of_float32():
    key = jax.random.key(1)

    def draw(scale):
        return varscale.jax.variance_scaling(scale, "fan_avg", "uniform")(key, SHAPE)

    known = draw(3.0)
    assert np.allclose(jax.jit(draw)(3.0), known, rtol=3e-7, atol=0)
    slope = jax.grad(lambda scale: (draw(scale) ** 2).sum())(3.0)
    assert np.isclose(slope, (np.asarray(known, np.float64) ** 2).sum() / 3, rtol=1e-4)
    # The root's slope at 0, with the sign of what it multiplies: no difference of infinities.
    slope = jax.grad(lambda scale: draw(scale).sum())(0.0)
    assert slope == math.copysign(math.inf, known.sum())


def test_the_callback_gives_subnormal_numbers():
    # XLA's threads flush them. So few that the calling one draws them.
    initializer, key = varscale.jax.normal(2.0**-126), jax.random.key(1)
    drawn = np.asarray(initializer(key, (60, 50)))
    assert (abs(drawn.view(np.int32)) < 1 << 23).any()
    with pytest.warns(UserWarning, match=r"below 2\^-60"):
        compiled = jax.jit(initializer, static_argnums=1)(key, (60, 50))
    assert np.asarray(compiled).tobytes() == drawn.tobytes()


def test_a_traced_scale_needs_what_xla_computes():
    def draw(scale, dtype):
        return varscale.jax.normal(scale)(jax.random.key(1), SHAPE, dtype)

    with pytest.raises(TypeError, match="float8_e5m2"):
        jax.jit(draw, static_argnums=1)(1.0, "float8_e5m2")
    with varscale.jax.host():
        assert np.array_equal(jax.jit(draw, static_argnums=1)(1.0, "float32"), draw(1.0, "float32"))
    with pytest.raises(
        TypeError, match="`stddev` must be a floating-point number .* Received: int32"
    ):
        jax.jit(draw, static_argnums=1)(1, "float32")
    with pytest.raises(TypeError, match="bounds"):
        jax.jit(lambda s: varscale.jax.truncated_normal(s, lower=-3.0)(jax.random.key(0), (2,)))(
            1.0
        )


def test_the_host_draws_where_it_is_asked_to():
    draw = jax.jit(varscale.jax.he_normal(), static_argnums=(1, 2))
    key = jax.random.key(1)
    assert "custom_call" not in draw.lower(key, SHAPE, "float32").as_text()
    with varscale.jax.host():
        assert "custom_call" in draw.lower(key, SHAPE, "float32").as_text()
        drawn = draw(key, SHAPE, "float32")
    assert np.array_equal(drawn, draw(key, SHAPE, "float32"))
    with pytest.warns(UserWarning, match="float8_e5m2 by a callback.*computes no float8_e5m2"):
        draw(key, SHAPE, "float8_e5m2")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: varscale.jax.orthogonal(), "orthogonal matrices"),
        (lambda: varscale.jax.normal(0.0), "a deviation is 0"),
        (lambda: varscale.jax.normal(1e-30), r"below 2\^-60"),
    ],
)
def test_what_the_host_draws_is_told_with_the_reason(make, reason):
    made = make()
    with pytest.warns(UserWarning, match=reason):
        jax.jit(made, static_argnums=1)(jax.random.key(1), SHAPE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shape = varscale.jax.shapes(lambda key: made(key, SHAPE), jax.random.key(1))
    assert shape.shape == SHAPE


def test_an_axis_beyond_32_bits_is_the_hosts():
    draw = jax.jit(lambda key: varscale.jax.normal()(key, (1 + 2**32,)))
    with pytest.warns(UserWarning, match="4294967297"):
        jax.eval_shape(draw, jax.random.key(1))
    square = jax.jit(lambda key: varscale.jax.normal()(key, (2**32, 2)))
    assert jax.eval_shape(square, jax.random.key(1)).shape == (2**32, 2)


@pytest.mark.parametrize("name", ["lower", "upper"])
def test_arguments_are_known_when_a_function_is_traced(name):
    def draw(value):
        return varscale.jax.truncated_normal(**{name: value})(jax.random.key(1), (3,))

    with pytest.raises(TypeError, match=f"`{name}` must be a number"):
        jax.jit(draw)(1.0)
    assert draw(1.0).shape == (3,)


def test_what_is_left_to_jax():
    key = jax.random.key(1)
    assert varscale.jax.normal()(key, SHAPE, "complex64").dtype == "complex64"
    assert varscale.jax.zeros is jax.nn.initializers.zeros


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: varscale.jax.variance_scaling(0.0, "fan_in", "uniform"), "scale 0"),
        (lambda: varscale.jax.uniform(math.nan), "invalid scale nan"),
        (lambda: varscale.jax.variance_scaling(1.0, "fan", "uniform"), "invalid mode.*fan"),
        (lambda: varscale.jax.variance_scaling(1.0, "fan_in", "gamma"), "distribution.*gamma"),
        (lambda: varscale.jax.he_normal()(jax.random.key(0), (3,)), "1-dimensional weights"),
        (lambda: varscale.jax.he_normal()(jax.random.split(jax.random.key(0)), (3, 3)), "jax.vmap"),
        (lambda: varscale.jax.he_normal()(jax.random.key(0), (3, 3), "int32"), "int32"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_axes_that_the_shape_lacks():
    with pytest.raises(IndexError, match="axis 5"):
        varscale.jax.he_normal(in_axis=5)(jax.random.key(0), (3, 3))


def test_memory_is_shared_where_jax_would_copy():
    values = varscale._fill.aligned(
        varscale._core.Scheme("RandomNormal", 0.0, 1.0).draw((300, 500), 1, "native"),
        (0, 0),
        (300, 500),
        np.dtype("float32"),
    )
    assert jax.device_put(values).unsafe_buffer_pointer() == values.ctypes.data


def test_what_is_drawn_is_not_changed_by_its_users():
    initializer, key = varscale.jax.he_normal(), jax.random.key(1)
    expected = np.array(initializer(key, SHAPE))
    kept, given = initializer(key, SHAPE), initializer(key, SHAPE)
    assert float(jax.jit(lambda array: array * 0 + 1, donate_argnums=0)(given).min()) == 1
    assert np.array_equal(kept, expected)


def test_every_function_has_an_example():
    for name in ["variance_scaling", *PRESETS, *OTHERS]:
        assert ">>> " in getattr(varscale.jax, name).__doc__


@pytest.mark.parametrize(("script", "devices"), [("sharded_jax.py", 4), ("context_jax.py", 8)])
def test_any_mesh_gives_the_same_bits(script, devices):
    # In a process of its own: the number of devices is fixed when JAX starts.
    flags = {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"}
    flags |= {"JAX_PLATFORMS": "cpu", "KERAS_BACKEND": "jax"}
    result = subprocess.run(
        [sys.executable, Path(__file__).with_name(script)],
        env={**os.environ, **flags},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == f"{devices} devices"


def test_every_name_of_jaxs():
    public = {name for name in dir(jax.nn.initializers) if not name.startswith("_")}
    assert public <= set(dir(varscale.jax))
    assert public <= set(varscale.jax.__all__)


def axes_of_every_kind():
    """Shapes and axes, which may coincide, repeat, or not be there."""
    random = np.random.default_rng(12)

    def axes(rank, most):
        listed = random.integers(-rank - 1, rank + 1, random.integers(0, most + 1)).tolist()
        return listed[0] if len(listed) == 1 and random.integers(2) else tuple(listed)

    for _ in range(600):
        rank = int(random.integers(1, 5))
        shape = tuple(random.integers(1, 9, rank).tolist())
        inputs = axes(rank, 2)
        # Of the default, -2, JAX asks that there be two axes.
        inputs = (-2,) if inputs == -2 else inputs
        yield shape, inputs, axes(rank, 2), axes(rank, 1)


KNOWN = [
    ((5000, 64), -2, 0, (), "fan_in", 64**-0.5),
    ((5000, 64), -1, -1, (), "fan_in", 0.014142),
    ((7,), 0, 0, (), "fan_in", 1.0),
    ((8, 512, 1024), -2, -1, -2, "fan_in", 0.35355),
]


def test_axes_that_coincide_are_jaxs():
    read = refused = 0
    for shape, *axes in itertools.chain(axes_of_every_kind(), [known[:4] for known in KNOWN]):
        listed = [[axis] if isinstance(axis, int) else axis for axis in axes]
        layout = "jax:" + "/".join(",".join(map(str, some)) for some in listed)
        try:
            fans = _compute_fans(shape, *listed)
        except IndexError:
            refused += 1
            with pytest.raises(IndexError):
                varscale.jax.he_normal(*axes)(jax.random.key(0), shape)
            with pytest.raises(IndexError, match="names axis"):
                varscale.HeNormal(1).explain(shape, layout=layout)
            continue
        read += 1
        for mode in ["fan_in", "fan_out", "fan_avg", "fan_geo_avg"]:
            scheme = varscale.VarianceScaling(2.0, mode, seed=0)
            explanation = scheme.explain(shape, layout=layout)
            assert [explanation.fan_in, explanation.fan_out] == pytest.approx(fans, rel=1e-14)
            divisor = {
                "fan_in": fans[0],
                "fan_out": fans[1],
                "fan_avg": sum(fans) / 2,
                "fan_geo_avg": (fans[0] * fans[1]) ** 0.5,
            }[mode]
            assert explanation.divisor == pytest.approx(divisor, rel=1e-14), (shape, layout, mode)
            if math.prod(shape) < 10**5:
                ours = varscale.jax.variance_scaling(2.0, mode, "truncated_normal", *axes)
                values = np.asarray(ours(jax.random.key(0), shape))
                assert values.tobytes() == scheme(shape, layout=layout).tobytes()
    assert min(read, refused) > 100


@pytest.mark.parametrize(("shape", "in_axis", "out_axis", "batch_axis", "mode", "stddev"), KNOWN)
def test_known_standard_deviations(shape, in_axis, out_axis, batch_axis, mode, stddev):
    layout = f"jax:{in_axis}/{out_axis}/{batch_axis if batch_axis != () else ''}"
    scheme = varscale.VarianceScaling(1.0, mode, "untruncated_normal", seed=1)
    assert scheme.explain(shape, layout=layout).stddev == pytest.approx(stddev, rel=1e-4)
    arguments = (1.0, mode, "normal", in_axis, out_axis, batch_axis)
    values = varscale.jax.variance_scaling(*arguments)(jax.random.key(1), shape)
    assert np.asarray(values).tobytes() == scheme(shape, layout=layout).tobytes()


@pytest.mark.parametrize(
    ("shape", "axis"), [((5, 3), -1), ((3, 5), 1), ((4, 6, 5), 1), ((2, 3, 4), 0)]
)
def test_orthogonal(shape, axis):
    key = jax.random.key(1)
    initializer = varscale.jax.orthogonal(2.0, axis)
    values = initializer(key, shape)
    assert (jax.jit(initializer, static_argnums=1)(key, shape) == values).all()
    matrix = np.moveaxis(np.asarray(values), axis, 0).reshape(shape[axis], -1)
    matrix = matrix if len(matrix) <= matrix.shape[1] else matrix.T
    assert np.allclose(matrix @ matrix.T, 4 * np.eye(len(matrix)), atol=1e-6)
    for wrong in [(3,), ()]:
        with pytest.raises(ValueError, match="rank 2"):
            varscale.jax.orthogonal()(key, wrong)
