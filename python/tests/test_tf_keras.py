"""tf_keras's initializers, of Keras 2 on TensorFlow."""

import numpy as np
import pytest
from faces import DRAWN as NAMES
from faces import STREAMED, made

import varscale

try:
    import tensorflow as tf
    import tf_keras

    import varscale.tf_keras
except ImportError:
    tf_keras = None

pytestmark = pytest.mark.skipif(tf_keras is None, reason="tf_keras is not installed")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_values(name, dtype):
    native = made(varscale.tf_keras, name, seed=7)((40, 30), dtype).numpy()
    assert native.tobytes() == made(varscale, name, seed=7)((40, 30), dtype).tobytes()
    if name not in STREAMED:
        return
    ours, theirs = getattr(varscale.tf_keras, name), getattr(tf_keras.initializers, name)
    own = ours(seed=7, stream="keras")((40, 30), dtype)
    assert own.dtype == dtype
    assert own.numpy().tobytes() == theirs(seed=7)((40, 30), dtype).numpy().tobytes()
    unset = ours(stream="keras")
    assert isinstance(unset, theirs)
    assert unset((3,)).shape == (3,)


@pytest.mark.parametrize("name", NAMES)
def test_parts_have_the_fans_of_the_whole(name):
    initializer = made(varscale.tf_keras, name, seed=7)
    whole = initializer((40, 30)).numpy()
    part = initializer((40, 30), partition_shape=(10, 30), partition_offset=(20, 0)).numpy()
    assert np.array_equal(part, whole[20:30])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(), (0, 3), (1,), (5, 7), (300, 300)])
def test_memory_that_is_shared_stays_as_it_is(dtype, shape):
    initializer = varscale.tf_keras.RandomNormal(seed=7)
    tensor = initializer(shape, dtype)
    variable = tf_keras.backend.variable(tensor, dtype)
    variable.assign(variable * 0 + 1)
    # Used as a kernel uses it, which ends the process where memory is not aligned.
    assert (tensor + tensor).shape == shape
    expected = varscale.RandomNormal(seed=7)(shape, dtype)
    assert tensor.numpy().tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_graphs_as_of_tensorflow_1(dtype):
    initializer = varscale.tf_keras.HeNormal(seed=7)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        values = session.run(initializer((5, 7), dtype))
    assert values.tobytes() == varscale.HeNormal(seed=7)((5, 7), dtype).tobytes()


@pytest.mark.parametrize("stream", ["native", "keras"])
def test_saved_models(tmp_path, stream):
    initializer = varscale.tf_keras.HeNormal(3, stream=stream)
    layer = tf_keras.layers.Dense(5, kernel_initializer=initializer)
    model = tf_keras.Sequential([tf_keras.Input((6,)), layer])
    model.save(tmp_path / "model.keras")
    loaded = tf_keras.models.load_model(tmp_path / "model.keras")
    again = loaded.layers[0].kernel_initializer
    assert type(again) is varscale.tf_keras.HeNormal
    assert (again.stream, again.seed) == (stream, 3)
    clone = tf_keras.models.clone_model(model)
    assert np.array_equal(clone.layers[0].kernel.numpy(), layer.kernel.numpy())
    assert initializer.get_config() == again.get_config()


@pytest.mark.parametrize("name", NAMES)
def test_the_global_seed_sets_unset_seeds(name):
    def drawn():
        tf_keras.utils.set_random_seed(1)
        initializer = made(varscale.tf_keras, name)
        values = initializer((3, 3)).numpy()
        assert np.array_equal(initializer((3, 3)), values)
        other = made(varscale.tf_keras, name)
        assert not np.array_equal(other((3, 3)), values)
        return values

    assert np.array_equal(drawn(), drawn())


def test_integers_are_tf_keras_s():
    arguments = (0, 9), {"seed": 3}
    ours = varscale.tf_keras.RandomUniform(*arguments[0], **arguments[1], stream="keras")
    theirs = tf_keras.initializers.RandomUniform(*arguments[0], **arguments[1])
    assert np.array_equal(ours((7, 5), "int32"), theirs((7, 5), "int32"))
    with pytest.raises(ValueError, match='dtype "int32"'):
        varscale.tf_keras.RandomUniform(0, 9, seed=3)((7, 5), "int32")


@pytest.mark.parametrize("stream", ["native", "keras"])
def test_a_layout_is_refused_where_it_has_no_effect(stream):
    initializer = varscale.tf_keras.HeNormal(1, stream=stream)
    assert initializer((3, 3), layout=None).shape == (3, 3)
    if stream == "native":
        with pytest.raises(ValueError, match="`layout` must be None"):
            initializer((3, 3), layout="x")


def test_axes_that_tf_keras_lacks_are_refused():
    config = {"class_name": "HeNormal", "config": {"input_axes": [0], "output_axes": [1]}}
    with pytest.raises(ValueError, match="tf_keras's HeNormal has no `input_axes`, `output_axes`"):
        varscale.tf_keras.get(config)


def test_seeds():
    unset = varscale.tf_keras.HeNormal()
    assert unset.get_config()["seed"] is None
    assert np.array_equal(unset((3,)), unset((3,)))
    assert varscale.tf_keras.HeNormal(np.int64(3)).seed == 3
    with pytest.raises(ValueError, match="`seed`"):
        varscale.tf_keras.HeNormal(1.5)
    with pytest.raises(ValueError, match="should be an integer. Received: one of varscale"):
        varscale.tf_keras.HeNormal(varscale.SeedGenerator(5))
    with pytest.raises(ValueError, match="leaves axis 0"):
        unset((4, 4), partition_shape=(3, 4), partition_offset=(2, 0))
