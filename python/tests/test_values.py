"""Values: the stream's own bits, and every way to the same ones."""

import pickle

import ml_dtypes
import numpy as np
import pytest

import varscale

DTYPES = ["float16", "bfloat16", "float32", "float64", "float8_e4m3fn", "float8_e5m2"]
# Indices (rows, columns) of a tensor that several threads draw.
LARGE = (700, 1000)


def bits(array):
    return array.view(f"u{array.dtype.itemsize}").tolist()


# The first values that crates/varscale/src/tests/stability.rs holds forever.
@pytest.mark.parametrize(
    ("initializer", "dtype", "expected"),
    [
        (varscale.TruncatedNormal(0.0, 0.05, 42), "float32", [0x3D0622E3, 0x3C9E7A30, 0xBC1B45AA]),
        (varscale.TruncatedNormal(0.0, 0.05, 42), "float16", [0x2831, 0x24F4, 0xA0DA]),
        (varscale.TruncatedNormal(0.0, 0.05, 42), "bfloat16", [0x3D06, 0x3C9E, 0xBC1B]),
        (varscale.RandomNormal(0.0, 0.05, 42), "float32", [0x3D394F5E, 0x3D8D91A5, 0x3CA5D5A2]),
        (varscale.RandomUniform(-0.05, 0.05, 42), "bfloat16", [0x3CD1, 0x3C81, 0xBC01]),
    ],
)
def test_bits_are_the_streams(initializer, dtype, expected):
    values = initializer((70_014,), dtype, name="stability")
    assert bits(values[:3]) == expected


@pytest.mark.parametrize("dtype", DTYPES)
def test_any_box_is_the_whole_there(dtype):
    initializer = varscale.HeNormal(7)
    whole = initializer(LARGE, dtype, name="w")
    for box in [np.s_[:], np.s_[10:20], np.s_[:, 3:], np.s_[699:, 999:], np.s_[5:5], np.s_[-9:-2]]:
        part = initializer(LARGE, dtype, name="w", slice=box)
        assert part.dtype == whole.dtype
        assert part.shape == whole[box].shape
        assert part.tobytes() == np.ascontiguousarray(whole[box]).tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "strided",
    [
        lambda base: base[: LARGE[0], : LARGE[1]],
        lambda base: np.asfortranarray(base[: LARGE[0], : LARGE[1]]),
        lambda base: base[::-1, ::2][: LARGE[0], : LARGE[1]],
        lambda base: base.T[: LARGE[0], : LARGE[1]],
    ],
)
def test_filling_in_place_gives_what_drawing_gives(dtype, strided):
    array = strided(np.zeros((2100, 2100), getattr(ml_dtypes, dtype, dtype)))
    assert array.shape == LARGE
    initializer = varscale.RandomNormal(seed=3)
    assert initializer.fill_(array) is array
    assert np.ascontiguousarray(array).tobytes() == initializer(LARGE, dtype).tobytes()


def test_filling_a_shard():
    shard = np.empty((100, 1000), "float32")
    varscale.HeNormal(7).fill_(shard, shape=LARGE, slice=np.s_[200:300])
    assert np.array_equal(shard, varscale.HeNormal(7)(LARGE)[200:300])


def test_filling_scalars_and_nothing():
    for shape in [(), (0,), (3, 0, 2)]:
        array = np.full(shape, 9.0, "float32")
        varscale.RandomUniform(seed=1).fill_(array)
        assert np.array_equal(array, varscale.RandomUniform(seed=1)(shape))


class Exporter:
    """Shares an array's memory by DLPack alone."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **arguments):
        return self.array.__dlpack__(**arguments)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def test_filling_through_dlpack():
    array = np.zeros((4, 5), "float32")
    varscale.HeNormal(2).fill_(Exporter(array))
    assert np.array_equal(array, varscale.HeNormal(2)((4, 5)))


def test_arrays_leave_through_dlpack_without_a_copy():
    values = varscale.HeNormal(2)((4, 5))
    assert np.shares_memory(values, np.from_dlpack(values))


def test_read_only_arrays_are_refused():
    array = np.zeros((4, 5), "float32")
    array.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        varscale.HeNormal(2).fill_(array)
    assert not array.any()


@pytest.mark.parametrize("wrong", [[0.0, 1.0], 3.0, None, "array"])
def test_what_has_no_memory_to_fill_is_refused(wrong):
    with pytest.raises(TypeError, match="`array` must be a NumPy array.*Received"):
        varscale.HeNormal(2).fill_(wrong)


def test_names_and_seeds_and_layouts_matter():
    base = varscale.HeNormal(1)((6, 4))
    assert not np.array_equal(base, varscale.HeNormal(2)((6, 4)))
    assert not np.array_equal(base, varscale.HeNormal(1)((6, 4), name="w"))
    torch = varscale.HeNormal(1)((6, 4), layout="torch")
    np.testing.assert_allclose(torch, base * np.sqrt(6 / 4), rtol=1e-6)


def test_an_unset_seed_is_drawn_once_and_readable():
    initializer = varscale.HeNormal()
    assert 0 <= initializer.seed < 2**31
    assert np.array_equal(initializer((9,)), initializer((9,)))
    assert np.array_equal(initializer((9,)), varscale.HeNormal(initializer.seed)((9,)))
    assert varscale.HeNormal().seed != initializer.seed
    assert initializer.clone().seed != initializer.seed


def test_what_has_an_index_is_a_seed():
    values = varscale.HeNormal(5)((9,))
    for seed in [np.int64(5), np.uint8(5), np.array(5)]:
        assert np.array_equal(varscale.HeNormal(seed)((9,)), values)
    negative = varscale.HeNormal(-1)((9,))
    assert np.array_equal(negative, varscale.HeNormal(2**64 - 1)((9,)))


def test_a_seed_is_kept_as_given():
    for seed in [-1, -(2**63), 2**64 - 1]:
        assert varscale.HeNormal(seed).seed == varscale.SeedGenerator(seed).seed == seed
        copy = pickle.loads(pickle.dumps(varscale.SeedGenerator(seed)))
        assert (copy.seed, copy.get_config()["seed"]) == (seed, seed)
    # torch reduces any integer modulo 2^32, and so does its stream.
    small = varscale.HeNormal(7, stream="keras-torch")((9,))
    for seed in [7 - 2**32, 7 + 2**64, 7 + 2**120]:
        assert np.array_equal(varscale.HeNormal(seed, stream="keras-torch")((9,)), small)
    with pytest.raises(ValueError, match=str(2**200)):
        varscale.HeNormal(2**200, stream="keras-torch")


def test_a_generator_advances_and_is_shared():
    generator = varscale.SeedGenerator(5)
    one, other = varscale.HeNormal(generator), varscale.HeNormal(generator)
    first, second = one((8,)), other((8,))
    assert not np.array_equal(first, second)
    assert generator.counter == 2
    assert np.array_equal(second, varscale.HeNormal(varscale.SeedGenerator(5, counter=1))((8,)))


def test_bounds_hold_after_rounding():
    for dtype in DTYPES:
        values = varscale.TruncatedNormal(stddev=1.0, seed=3)((300_000,), dtype)
        assert float(abs(values).max()) <= 2
        assert abs(float(values.astype("float64").std()) - 0.8796) < 0.005


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2"])
def test_float8_is_float32_rounded_as_ml_dtypes_does(dtype):
    for initializer in [varscale.RandomNormal(0, 0.05, 1), varscale.TruncatedNormal(1, 30, 2)]:
        values = initializer((300_000,), dtype)
        assert values.tobytes() == initializer((300_000,)).astype(values.dtype).tobytes()
    with pytest.raises(ValueError, match=f"{dtype} for stream keras-jax"):
        varscale.HeNormal(1, stream="keras-jax")((4, 4), dtype)
    with pytest.raises(ValueError, match=f"overflow {dtype}"):
        varscale.Constant(float(ml_dtypes.finfo(dtype).max) * 1.01)((4,), dtype)


def test_a_frameworks_stream_has_its_own_values():
    # As Keras on NumPy: a generator of the seed and of the count of calls.
    values = varscale.RandomUniform(-1, 1, 42, stream="keras-numpy")((3,))
    expected = np.random.default_rng([42, 0]).uniform(-1, 1, 3).astype("float32")
    assert values.tolist() == expected.tolist()


def test_a_refused_dtype_advances_no_generator():
    generator = varscale.SeedGenerator(1)
    with pytest.raises(ValueError):
        varscale.RandomNormal(0, 1e6, seed=generator)((4,), "float16")
    first = varscale.RandomNormal(0, 1e6, seed=varscale.SeedGenerator(1))((4,))
    assert np.array_equal(varscale.RandomNormal(0, 1e6, seed=generator)((4,)), first)
