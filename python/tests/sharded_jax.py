"""Draws on meshes of four devices; run by test_jax.py."""

import jax
import keras
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

import varscale
import varscale.jax
import varscale.keras

SHAPE = (12, 8)
expected = varscale.HeNormal(3)(SHAPE)
key = jax.random.key(3)
initializer = varscale.jax.he_normal()


def check(values, pieces):
    assert len({tuple(map(str, shard.index)) for shard in values.addressable_shards}) == pieces
    assert np.asarray(values).tobytes() == expected.tobytes()


def check_mesh(mesh, spec, pieces):
    sharding = NamedSharding(mesh, PartitionSpec(*spec))
    check(initializer(key, SHAPE, out_sharding=sharding), pieces)
    compiled = jax.jit(lambda key, to=sharding: initializer(key, SHAPE, out_sharding=to))
    check(compiled(key), pieces)
    with jax.set_mesh(mesh):
        check(initializer(key, SHAPE, out_sharding=PartitionSpec(*spec)), pieces)


for sizes, spec, pieces in [
    ((4, 1), ("a",), 4),
    ((2, 2), ("a", "b"), 4),
    ((2, 2), (None, "b"), 2),
    ((1, 4), (("a", "b"),), 4),
    ((2, 2), (), 1),
]:
    for kind in [jax.sharding.AxisType.Auto, jax.sharding.AxisType.Explicit]:
        check_mesh(jax.make_mesh(sizes, ("a", "b"), axis_types=(kind, kind)), spec, pieces)

mesh = keras.distribution.DeviceMesh((2, 2), ("batch", "model"), keras.distribution.list_devices())
layouts = keras.distribution.LayoutMap(mesh)
layouts[".*kernel"] = ("batch", "model")
distribution = keras.distribution.ModelParallel(layout_map=layouts, batch_dim_name="batch")
keras.distribution.set_distribution(distribution)
for stream, whole in [("native", expected), ("keras", None)]:
    layer = keras.layers.Dense(8, kernel_initializer=varscale.keras.HeNormal(3, stream=stream))
    layer.build((None, 12))
    if whole is None:
        expected = varscale.HeNormal(3, stream="keras-jax")(SHAPE)
    check(layer.kernel.value, 4)

print(jax.device_count(), "devices")
