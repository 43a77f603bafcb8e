"""The native stream inside compiled programs of XLA: the bits of Rust's kernel."""

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

try:
    import jax
    import jax.numpy as jnp
    from jax import lax
    from native_cases import (
        DTYPES,
        FORMULAS,
        LAWS,
        draw_of,
        dtypes_of,
        expected,
        key_of,
        same,
        values,
    )

    import varscale.jax
    from varscale import _xla_words
except ImportError:
    jax = None
    FORMULAS = LAWS = DTYPES = ()

pytestmark = pytest.mark.skipif(jax is None, reason="JAX is not installed")

SEEDS = range(5)
SHAPE = (31, 20)


@pytest.mark.parametrize("law", LAWS)
def test_bits_of_every_law_and_dtype(law):
    # To 16 bits, values are rounded alike whatever the law.
    dtypes = DTYPES if law in FORMULAS or "mean" in law else DTYPES[:1]
    cases = list(zip(dtypes, [(64, 68), (7, 129, 3), (4097,)]))  # noqa: B905
    drawn = jax.jit(lambda key: [values(law, shape, dtype, key) for dtype, shape in cases])
    for (dtype, shape), one in zip(cases, drawn(key_of(42)), strict=True):
        assert same(one, expected(law, shape, dtype)), dtype


@pytest.mark.parametrize(
    ("law", "shapes"),
    [
        ("uniform", [(1,), (2,), (3,), (4,), (5,), (33,), (1, 4), (3, 1, 8), (2, 3, 4, 5, 6)]),
        ("normal", [(), (7,), (5, 7), (0,), (0, 4), (3, 0), (4, 0, 8)]),
    ],
)
def test_bits_of_every_shape(law, shapes):
    drawn = jax.jit(lambda key: [values(law, shape, "float32", key) for shape in shapes])
    for shape, one in zip(shapes, drawn(key_of(42)), strict=True):
        assert same(one, expected(law, shape, "float32")), shape


def test_bits_of_every_call():
    drawn = jax.jit(lambda key, call: values("uniform", SHAPE, "float32", key, call))
    for call in [1, 2**32 - 1]:
        native = draw_of("uniform", SHAPE, call=call).native()
        one = drawn(np.array(native.key, np.uint32), np.uint32(native.call))
        assert same(one, expected("uniform", SHAPE, "float32", call=call)), call


def _by_vmap(draw, keys):
    return jax.vmap(draw)(keys)


def _by_map(draw, keys):
    return lax.map(draw, keys)


def _by_scan(draw, keys):
    return lax.scan(lambda number, key: (number + 1, draw(key)), 0, keys)[1]


def _by_remat(draw, keys):
    def loss(factor, key):
        return jnp.sum(jax.checkpoint(lambda by: by * draw(key))(factor))

    # What is saved for the gradient of each element by the factor is drawn again.
    return jax.vmap(lambda key: jax.grad(loss)(jnp.ones(SHAPE), key))(keys)


def _by_shard_map(draw, keys):
    mesh = jax.make_mesh((1,), ("x",), (jax.sharding.AxisType.Auto,))
    spec = jax.sharding.PartitionSpec("x")
    return jax.shard_map(jax.vmap(draw), mesh=mesh, in_specs=spec, out_specs=spec)(keys)


def _in_while(draw, keys):
    def body(state):
        at, drawn = state
        return at + 1, drawn.at[at].set(draw(keys[at]))

    start = 0, jnp.zeros((len(keys), *SHAPE))
    return lax.while_loop(lambda state: state[0] < len(keys), body, start)[1]


@pytest.mark.parametrize("mode", [_by_vmap, _by_map, _by_scan, _by_remat, _by_shard_map, _in_while])
@pytest.mark.parametrize("law", FORMULAS)
def test_bits_in_every_transformation(law, mode):
    keys = np.stack([key_of(seed) for seed in SEEDS])
    drawn = jax.jit(lambda keys: mode(lambda key: values(law, SHAPE, "float32", key), keys))(keys)
    assert same(drawn, np.stack([expected(law, SHAPE, "float32", seed) for seed in SEEDS]))


@pytest.mark.parametrize("law", FORMULAS)
def test_bits_however_it_is_compiled(law):
    def draw(key):
        # Of what has 16 bits, excess precision must not come back.
        return values(law, SHAPE, "float32", key), values(law, SHAPE, "bfloat16", key) + 0

    kept = expected(law, SHAPE, "float32"), expected(law, SHAPE, "bfloat16")
    for options in [{"xla_cpu_enable_fast_math": True}, {"xla_backend_optimization_level": 0}]:
        compiled = jax.jit(draw).lower(key_of(42)).compile(compiler_options=options)
        assert all(map(same, compiled(key_of(42)), kept)), options
    with jax.enable_x64(True):
        assert all(map(same, jax.jit(draw)(key_of(42)), kept))


def test_bits_without_a_compiler():
    with jax.disable_jit():
        drawn = values("uniform", SHAPE, "float32", key_of(42))
    assert same(drawn, expected("uniform", SHAPE, "float32"))


@pytest.mark.parametrize(
    ("shape", "box"),
    [
        ((2**31, 8), ((2**31 - 3, 0), (3, 8))),
        ((2**31, 6), ((2**31 - 3, 1), (3, 5))),
        ((70001, 70003), ((61354, 69990), (8, 13))),
        ((5, 2**31 + 4), ((2, 2**31 - 9), (3, 12))),
        ((3, 2**21, 2**20, 12), ((1, 2**21 - 2, 2**20 - 3, 4), (2, 2, 3, 8))),
        ((3, 2**21, 2**20, 7), ((1, 2**21 - 2, 2**20 - 3, 2), (2, 2, 3, 5))),
        ((2**16, 2**16), ((2**16 - 2, 2**16 - 5), (2, 5))),
        ((2**16, 2**16 + 1), ((2**16 - 2, 2**16 - 5), (2, 5))),
    ],
)
def test_places_beyond_32_bits(shape, box):
    axes = [range(first, first + size) for first, size in zip(*box, strict=True)]
    index = [
        sum(at * math.prod(shape[axis + 1 :]) for axis, at in enumerate(place))
        for place in np.stack(np.meshgrid(*axes, indexing="ij"), -1)
        .reshape(-1, len(shape))
        .tolist()
    ]
    counters, within = np.array(index, np.uint64) // 4, np.array(index, np.uint64) % 4
    places = jax.jit(lambda: _xla_words._places(shape, box))()
    truth = counters >> np.uint64(32), counters & np.uint64(0xFFFF_FFFF), within
    for found, true in zip(places, truth, strict=True):
        assert np.array_equal(np.asarray(found).ravel(), true)


@pytest.mark.parametrize("platform", ["tpu", "default", "cpu"])
def test_products_of_every_platform(platform):
    products = _xla_words.PRODUCTS[platform]
    numbers = np.random.default_rng(1).integers(0, 2**32, 10_000, np.uint32)
    numbers = np.append(numbers, np.array([0, 1, 0xFFFF, 0x1_0000, 2**31, 2**32 - 1], np.uint32))
    for factor in [0xD251_1F53, 0xCD9E_8D57, 1, 0x1_0000, 2**32 - 1]:
        true = numbers.astype(np.uint64) * np.uint64(factor)
        with jax.enable_x64(platform != "tpu"):
            held = products.hold(numbers), products.hold(np.uint32(factor))
            high, low = jax.jit(products.of)(*held)
        assert high.dtype == low.dtype == products.type
        assert np.array_equal(low, true & np.uint64(0xFFFF_FFFF))
        assert np.array_equal(high, true >> np.uint64(32))


def test_words_by_all_products():
    def words(products):
        key = np.uint32(7), np.uint32(2**32 - 9)
        (first, second), is_second = _xla_words.pairs_of((9, 100), None, key, 3, products)
        return jax.numpy.where(is_second, second, first)

    with jax.enable_x64(True):
        each = [
            np.asarray(jax.jit(words, static_argnums=0)(of)) for of in _xla_words.PRODUCTS.values()
        ]
    assert len(each) == 3 and len(np.unique(each[0])) == 900
    assert all(np.array_equal(each[0], other) for other in each[1:])


@pytest.mark.parametrize(
    "words", [[0], [7, 0], [10, 99, 100], [2**32 - 1, 10**9, 10**9 - 1, 4_294_967_290]]
)
def test_names_of_numbers(words):
    digest = jax.jit(_xla_words.digest_of_numbers)(np.array(words, np.uint32))
    name = ",".join(map(str, words))
    assert tuple(map(int, digest)) == draw_of("uniform", (3,), name=name).native().name


@pytest.mark.parametrize("seed", [0, 42, 2**32 - 1, 2**32, 2**64 - 1])
@pytest.mark.parametrize("name", ["", "layers.0.weight"])
def test_keys_of_seeds(seed, name):
    native = draw_of("uniform", (3,), seed, name=name).native()
    words = np.array([seed >> 32, seed & 0xFFFF_FFFF], np.uint32)
    key = jax.jit(lambda words: _xla_words.key_of(words, native.name))(words)
    assert tuple(map(int, key)) == native.key


PLATFORMS = ["cpu", "cuda", "rocm", "tpu"]


@pytest.mark.parametrize("law", FORMULAS)
def test_export_and_reload(law):
    def draw(key):
        return values(law, SHAPE, "float32", key), values(law, SHAPE, "bfloat16", key)

    key = jax.ShapeDtypeStruct((2,), np.uint32)
    exported = jax.export.export(jax.jit(draw), platforms=PLATFORMS)(key)
    assert "custom_call" not in exported.mlir_module()
    pytest.importorskip("flatbuffers")
    reloaded = jax.export.deserialize(exported.serialize())
    assert reloaded.platforms == tuple(PLATFORMS)
    kept = expected(law, SHAPE, "float32"), expected(law, SHAPE, "bfloat16")
    assert all(map(same, reloaded.call(key_of(42)), kept))


def _sharded(*arguments):
    flags = "--xla_force_host_platform_device_count=8"
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    script = Path(__file__).with_name("sharded_xla.py")
    command = [sys.executable, str(script), *arguments]
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=7200)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    return shown.stdout.strip().splitlines()[-1]


def test_each_device_computes_its_shard():
    assert _sharded() == "9 kinds of shardings on 8 devices"


def test_verification():
    found = varscale.jax.verify(jax.devices()[0], every=1 << 20)
    assert found.exact and found.every == 1 << 20 and found.checked > 100_000, str(found)
    assert found.device == "cpu 0"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [(("cpu",), TypeError), ((None, 0), ValueError), ((None, 1.5), TypeError)],
)
def test_wrong_verifications(arguments, error):
    with pytest.raises(error, match="`device` must be|`every` must be"):
        varscale.jax.verify(*arguments)


def test_what_is_compiled_is_not_verified():
    with pytest.raises(RuntimeError, match="call it outside of compiled functions"):
        jax.jit(lambda: bool(varscale.jax.verify()))()


@pytest.mark.slow
def test_all_inputs():
    found = varscale.jax.verify(every=1)
    assert found.exact and found.checked > 2**34, str(found)


LARGE = (2500, 4004)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("law", "dtype"), [(law, dtype) for law in LAWS for dtype in dtypes_of(law)]
)
def test_ten_million_values(law, dtype):
    flatbuffers = pytest.importorskip("flatbuffers")
    assert flatbuffers and math.prod(LARGE) > 10**7
    kept = expected(law, LARGE, dtype)
    compiled = jax.jit(lambda key: values(law, LARGE, dtype, key))
    assert same(compiled(key_of(42)), kept)
    key = jax.ShapeDtypeStruct((2,), np.uint32)
    exported = jax.export.export(compiled, platforms=PLATFORMS)(key)
    assert same(jax.export.deserialize(exported.serialize()).call(key_of(42)), kept)
    seeds, part = range(10), (1000, 1001)
    mapped = jax.jit(jax.vmap(lambda key: values(law, part, dtype, key)))
    drawn = mapped(np.stack([key_of(seed) for seed in seeds]))
    assert same(drawn, np.stack([expected(law, part, dtype, seed) for seed in seeds]))


@pytest.mark.slow
@pytest.mark.parametrize("law", LAWS)
def test_ten_million_values_of_every_sharding(law):
    assert _sharded(law) == "9 kinds of shardings on 8 devices"
