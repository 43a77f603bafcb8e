"""What the tests of JAX and of Flax check of initializers, in compiled functions."""

from functools import partial

import numpy as np
import pytest

try:
    import jax
    import jax.numpy as jnp

    import varscale.jax
except ImportError:
    jax = None

pytestmark = pytest.mark.skipif(jax is None, reason="JAX is not installed")

SHAPES = [(), (2,), (3, 2), (4, 3, 2), (2, 3, 4, 5)]
FLOATS = ["float16", "bfloat16", "float32", "float64"]
COMPLEX = [*FLOATS, "complex64"]
_BY_FAN = ("variance_scaling", 1.0, "fan_in", "normal")

# An initializer and its arguments, the dtypes and the numbers of axes that it takes.
MAKERS = {
    "uniform": (("uniform",), {}, FLOATS, 1, 4),
    "normal": (("normal",), {}, COMPLEX, 1, 4),
    "truncated_normal": (("truncated_normal",), {}, FLOATS, 1, 4),
    "he_normal": (("he_normal",), {}, COMPLEX, 2, 4),
    "he_uniform": (("he_uniform",), {}, COMPLEX, 2, 4),
    "glorot_normal": (("glorot_normal",), {}, COMPLEX, 2, 4),
    "glorot_uniform": (("glorot_uniform",), {}, COMPLEX, 2, 4),
    "lecun_normal": (("lecun_normal",), {}, COMPLEX, 2, 4),
    "lecun_uniform": (("lecun_uniform",), {}, COMPLEX, 2, 4),
    "orthogonal": (("orthogonal",), {}, FLOATS, 2, 2),
    "delta_orthogonal": (("delta_orthogonal",), {}, ["float32"], 4, 4),
    "zeros": (("zeros",), {}, COMPLEX, 0, 4),
    "ones": (("ones",), {}, COMPLEX, 0, 4),
    "constant": (("constant", -7), {}, COMPLEX, 0, 4),
    "fan_geo_avg": (("variance_scaling", 1.0, "fan_geo_avg", "normal"), {}, FLOATS, 2, 4),
    "no out axis": (_BY_FAN, {"in_axis": [0], "out_axis": []}, FLOATS, 1, 4),
    "no in axis": (_BY_FAN, {"in_axis": [], "out_axis": [0]}, FLOATS, 1, 4),
    "no axis": (_BY_FAN, {"in_axis": [], "out_axis": []}, FLOATS, 0, 4),
}


def initializer(name, **options):
    """One of ours."""
    (function, *arguments), given, *_ = MAKERS[name]
    made = getattr(varscale.jax, function)
    return made if function in ("zeros", "ones") else made(*arguments, **given, **options)


@pytest.mark.parametrize("name", MAKERS)
def test_shapes_and_dtypes(name):
    *_, dtypes, fewest, most = MAKERS[name]
    shapes = [shape for shape in SHAPES if fewest <= len(shape) <= most]
    if name == "delta_orthogonal":
        shapes = [(3, 3, 2, 3)]
    init = initializer(name)
    times = max(len(shapes), len(dtypes))
    cases = list(zip(times * shapes, times * dtypes, strict=False))[:times]
    # Some are drawn on the host, as they say with a warning elsewhere.
    with varscale.jax.host() if name == "orthogonal" else jax.enable_x64(False):
        drawn = jax.jit(lambda key: [init(key, *case) for case in cases])(jax.random.PRNGKey(0))
    for (shape, dtype), values in zip(cases, drawn, strict=True):
        assert values.shape == shape and values.dtype == jax.dtypes.canonicalize_dtype(dtype)
        assert np.isfinite(np.asarray(values, "complex64")).all()


@pytest.mark.parametrize("name", ["uniform", "he_normal", "no axis", "fan_geo_avg"])
def test_dtypes_of_the_initializer(name):
    for dtype in FLOATS[:3]:
        values = jax.jit(partial(initializer(name, dtype=dtype), shape=(4, 3)))(jax.random.key(0))
        assert values.shape == (4, 3) and values.dtype == dtype


def test_64_bits_are_drawn_on_the_host():
    with jax.enable_x64(True):
        compiled = jax.jit(lambda key: initializer("he_normal")(key, (4, 3), "float64"))
        with pytest.warns(UserWarning, match="callback on the host"):
            values = compiled(jax.random.key(0))
        assert values.dtype == "float64"


@pytest.mark.parametrize("rows", range(4))
@pytest.mark.parametrize("columns", range(4))
def test_orthogonal_matrices_of_any_size(rows, columns):
    init = initializer("orthogonal")
    with varscale.jax.host():
        q = jax.jit(partial(init, shape=(rows, columns), dtype="float32"))(jax.random.key(0))
    assert q.shape == (rows, columns)
    if rows <= columns:
        np.testing.assert_allclose(q @ q.T, np.eye(rows), atol=1e-6)
    if columns <= rows:
        np.testing.assert_allclose(q.T @ q, np.eye(columns), atol=1e-6)


@pytest.mark.parametrize(
    ("axes", "fans"),
    [
        ({"in_axis": (0, 1), "out_axis": (-2, -1)}, (20 * 30, 4 * 50)),
        ({"in_axis": 0, "out_axis": (2, 3), "batch_axis": 1}, (20, 4 * 50)),
        ({"in_axis": -2, "out_axis": -1}, (20 * 30 * 4, 20 * 30 * 50)),
    ],
)
@pytest.mark.parametrize("distribution", ["truncated_normal", "uniform", "normal"])
def test_variance_of_axes(axes, fans, distribution):
    init = varscale.jax.variance_scaling(1.0, "fan_avg", distribution, **axes)
    values = jax.jit(partial(init, shape=(20, 30, 4, 50)))(jax.random.key(0))
    assert float(values.var()) * np.mean(fans) == pytest.approx(1, rel=0.03)


def test_a_vector_needs_an_axis():
    init = varscale.jax.variance_scaling(1.0, "fan_avg", "truncated_normal")
    with pytest.raises(ValueError, match="1-dimensional weights tensor with default in_axis"):
        jax.jit(partial(init, shape=(5,)))(jax.random.key(0))


@pytest.mark.parametrize("name", ["uniform", "normal", "truncated_normal"])
def test_a_wide_scale_makes_no_wide_values(name):
    def draw(key, scale):
        return getattr(varscale.jax, name)(scale, "bfloat16")(key, (4, 4))

    values = jax.jit(draw)(jax.random.key(0), jnp.array(1.0, "float32"))
    assert values.dtype == "bfloat16"
    assert np.array_equal(values, draw(jax.random.key(0), 1.0))


def test_on_the_host_of_a_device():
    from jax.experimental.compute_on import compute_on2

    @jax.jit
    @compute_on2(compute_type="device_host", out_memory_spaces=jax.memory.Space.Device)
    def draw():
        return varscale.jax.lecun_normal()(jax.random.key(0), (2, 2), "float32")

    assert np.array_equal(draw(), varscale.jax.lecun_normal()(jax.random.key(0), (2, 2)))


@pytest.mark.parametrize("name", ["he_normal", "uniform", "constant"])
def test_shardings_are_of_the_type(name):
    mesh = jax.make_mesh((1,), ("x",), (jax.sharding.AxisType.Explicit,))
    with jax.set_mesh(mesh):
        spec = jax.sharding.PartitionSpec("x")
        init = initializer(name)
        drawn = jax.jit(lambda key: init(key, (8, 2), "float32", out_sharding=spec))
        sharding = jax.eval_shape(drawn, jax.random.key(0)).sharding
        assert sharding.spec == jax.sharding.PartitionSpec("x", None)
        assert drawn(jax.random.key(0)).sharding.spec == sharding.spec


@pytest.mark.parametrize("name", ["he_normal", "uniform", "zeros"])
def test_layers_of_flax(name):
    pytest.importorskip("flax")
    from flax import linen, nnx

    init = initializer(name)
    key = jax.random.key(42)
    variables = jax.jit(linen.Dense(5, kernel_init=init).init)(key, jnp.empty((3, 2)))
    assert variables["params"]["kernel"].shape == (2, 5)

    @nnx.jit
    def build():
        return nnx.Linear(2, 5, kernel_init=init, rngs=nnx.Rngs(params=key))

    layer = build()
    kernel = np.asarray(layer.kernel[...])
    assert kernel.shape == (2, 5) and kernel.dtype == "float32"
    assert np.array_equal(kernel, init(jax.random.fold_in(key, 0), (2, 5), "float32"))
    assert layer(jnp.ones((1, 2))).shape == (1, 5)
