"""Keras's initializers on the active backend (KERAS_BACKEND)."""

import copy

import numpy as np
import pytest
from faces import ADDED, STREAMED, made
from faces import DRAWN as NAMES

import varscale

try:
    import keras

    import varscale.keras
    from varscale import _keras_comparison
except ImportError:
    keras = None

pytestmark = pytest.mark.skipif(keras is None, reason="Keras is not installed")


def numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "dtype", ["float16", "bfloat16", "float32", "float8_e4m3fn", "float8_e5m2"]
)
def test_the_native_stream_is_the_packages(name, dtype):
    values = made(varscale.keras, name, seed=7)((40, 30), dtype)
    assert keras.backend.standardize_dtype(values.dtype) == dtype
    assert keras.ops.is_tensor(values)
    expected = made(varscale, name, seed=7)((40, 30), dtype)
    # Of narrow types, Keras may give the values in another dtype of NumPy, or none.
    wide = numpy(keras.ops.cast(values, "float32"))
    assert np.array_equal(wide, expected.astype("float32"))


def test_doubles():
    values = varscale.keras.HeNormal(seed=7)((4, 3), "float64")
    theirs = keras.initializers.HeNormal(seed=7)((4, 3), "float64")
    assert values.dtype == theirs.dtype
    expected = varscale.HeNormal(seed=7)((4, 3), numpy(theirs).dtype)
    assert numpy(values).tobytes() == expected.tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_they_are_keras_own_classes(name):
    initializer = made(varscale.keras, name, seed=7)
    assert isinstance(initializer, keras.initializers.Initializer)
    assert hasattr(keras.initializers, name) == (name not in ADDED)
    if name not in ADDED:
        theirs = getattr(keras.initializers, name)(seed=7)
        assert isinstance(initializer, type(theirs))
        assert initializer.get_config() == theirs.get_config()
    assert ">>> " in initializer.__doc__
    for again in [
        initializer.clone(),
        copy.deepcopy(initializer),
        keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(initializer)),
    ]:
        assert type(again) is getattr(varscale.keras, name)
        assert np.array_equal(numpy(again((5, 3))), numpy(initializer((5, 3))))


@pytest.mark.parametrize("name", STREAMED)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("shape", [(3,), (15,), (16,), (37, 53), (3, 3, 16, 32)])
def test_keras_stream_is_the_backends_own(name, dtype, shape):
    ours = getattr(varscale.keras, name)(seed=1337, stream="keras")(shape, dtype)
    theirs = getattr(keras.initializers, name)(seed=1337)(shape, dtype)
    assert ours.dtype == theirs.dtype
    assert numpy(ours).tobytes() == numpy(theirs).tobytes()


@pytest.mark.parametrize("name", STREAMED)
def test_keras_stream_draws_for_itself(name):
    # Were it left to Keras, the test above would compare Keras with itself.
    device = getattr(keras.random.uniform((1,), seed=1), "device", "cpu")
    if "cpu" not in str(device).lower():
        pytest.skip(f"The streams are those of CPUs, and Keras draws on {device}")
    backend = keras.backend.backend()
    initializer = getattr(varscale.keras, name)(seed=1, stream="keras")
    assert _keras_comparison.known(f"keras-{backend}", initializer._compared(), "float32")


@pytest.mark.parametrize("stream", ["native", "keras"])
def test_generators_advance_as_keras_own(stream):
    ours, theirs = keras.random.SeedGenerator(5), keras.random.SeedGenerator(5)
    initializer = varscale.keras.HeNormal(ours, stream=stream)
    for call in range(3):
        values = numpy(initializer((17, 3)))
        if stream == "keras":
            expected = numpy(keras.initializers.HeNormal(theirs)((17, 3)))
        else:
            expected = varscale.HeNormal(varscale.SeedGenerator(5, counter=call))((17, 3))
        assert np.array_equal(values, expected)
    # A draw that is refused does not count.
    with pytest.raises(ValueError, match="at least 0"):
        initializer((-1, 3))
    assert numpy(ours.state.value).tolist() == [5, 3]


@pytest.mark.parametrize("stream", ["native", "keras"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_generators_advance_in_compiled_functions(stream, dtype):
    generator = keras.random.SeedGenerator(5)
    initializer = varscale.keras.HeNormal(generator, stream=stream)
    if keras.backend.backend() != "tensorflow":
        pytest.skip("tf.function is TensorFlow's")
    import tensorflow

    compiled = tensorflow.function(lambda: initializer((17, 3), dtype))
    again = varscale.keras.HeNormal(keras.random.SeedGenerator(5), stream=stream)
    for _ in range(3):
        values = compiled()
        assert values.shape == (17, 3)
        assert np.array_equal(numpy(values), numpy(again((17, 3), dtype)))
    assert numpy(generator.state.value).tolist() == [5, 3]
    with pytest.raises(ValueError, match="too many elements"):
        tensorflow.function(lambda: initializer((2**62, 4), dtype))()
    assert numpy(generator.state.value).tolist() == [5, 3]
    # XLA cannot call back. The backend's own numbers are then drawn by Keras.
    by_xla = tensorflow.function(lambda: initializer((17, 3), dtype), jit_compile=True)
    if stream == "keras":
        assert by_xla().shape == (17, 3)
    else:
        with pytest.raises(ValueError, match="jit_compile=True"):
            by_xla()
        assert numpy(generator.state.value).tolist() == [5, 3]


def test_keras_stream_under_compilation_and_on_other_devices():
    # Nothing has been compared before, in any order of calls.
    _keras_comparison._same.cache_clear()
    initializer = varscale.keras.HeUniform(seed=1, stream="keras")
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        drawn = [jax.jit(lambda: initializer((37, 53)))()]
    elif backend == "tensorflow":
        import tensorflow

        drawn = [tensorflow.function(lambda: initializer((37, 53)))()]
    elif backend == "torch":
        with keras.device("meta"):
            assert initializer((37, 53)).is_meta
        drawn = []
    else:
        pytest.skip(f"{backend} has neither")
    expected = numpy(keras.initializers.HeUniform(seed=1)((37, 53)))
    for values in [*drawn, initializer((37, 53))]:
        assert np.array_equal(numpy(values), expected)


def test_what_keras_alone_draws_is_left_to_it():
    ours = varscale.keras.RandomNormal(mean=3.0, seed=1, stream="keras")((50,))
    assert np.array_equal(numpy(ours), numpy(keras.initializers.RandomNormal(3.0, seed=1)((50,))))


def test_layers_and_saved_models(tmp_path):
    seed = keras.random.SeedGenerator(3)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(5, kernel_initializer=varscale.keras.HeNormal(seed)),
            keras.layers.Dense(
                3, kernel_initializer=varscale.keras.GlorotUniform(2, stream="keras")
            ),
        ]
    )
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = keras.models.load_model(path)
    for layer, again in zip(model.layers, loaded.layers, strict=True):
        assert type(again.kernel_initializer) is type(layer.kernel_initializer)
        assert again.kernel_initializer.stream == layer.kernel_initializer.stream
        assert np.array_equal(numpy(again.kernel), numpy(layer.kernel))
    clone = keras.models.clone_model(model)
    assert np.array_equal(numpy(clone.layers[1].kernel), numpy(model.layers[1].kernel))
    assert np.array_equal(
        numpy(model.layers[0].kernel), varscale.HeNormal(varscale.SeedGenerator(3))((6, 5))
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scale": -1.0}, "Argument `scale` must be positive float."),
        ({"scale": float("nan")}, "scale NaN"),
        ({"mode": "fan"}, "Invalid `mode` argument:"),
        ({"distribution": "gamma"}, "Invalid `distribution` argument:"),
        ({"seed": 1.5}, "`seed` argument should be"),
        ({"seed": np.arange(2)}, "`seed` argument should be"),
        ({"seed": 2**64}, "2\\^64 - 1"),
        ({"stream": "numpy"}, 'stream "numpy": .* native, '),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        varscale.keras.VarianceScaling(**arguments)


@pytest.mark.parametrize("stream", ["native", "keras"])
def test_shapes_that_nothing_holds(stream):
    # JAX ends the process over such a shape, so that Keras must not be asked for it.
    with pytest.raises(ValueError, match="too many elements"):
        varscale.keras.HeNormal(1, stream=stream)((2**62, 4))


def test_seeds_of_numpy():
    assert varscale.keras.HeNormal(np.int64(3)).seed == 3


def test_identifiers():
    for name in ["he_normal", "HeNormal"]:
        assert isinstance(varscale.keras.get(name), varscale.keras.HeNormal)
    assert isinstance(varscale.keras.get("uniform"), varscale.keras.RandomUniform)
    assert isinstance(varscale.keras.get("orthogonal"), varscale.keras.Orthogonal)
    assert type(varscale.keras.get("stft")) is keras.initializers.STFT
    assert varscale.keras.get(None) is None
    with pytest.raises(ValueError):
        varscale.keras.get("typo")


def test_explanations():
    assert varscale.keras.HeNormal().explain((3, 3, 16, 32)).fan_in == 144
