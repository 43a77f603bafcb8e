"""Orbax loads what `varscale.init` writes in shards."""

import os
import subprocess
import sys

import pytest

import varscale

pytest.importorskip("jax", reason="JAX is not installed")
pytest.importorskip("orbax.checkpoint", reason="Orbax is not installed")

SCRIPT = """
import sys
import jax
import numpy as np
import orbax.checkpoint.experimental.v1 as ocp
from jax.sharding import NamedSharding, PartitionSpec
from safetensors.numpy import load_file

folder, whole = sys.argv[1:]
expected = load_file(whole)
mesh = jax.make_mesh((2, 2), ("a", "b"))
split = NamedSharding(mesh, PartitionSpec("a", "b"))
targets = {
    name: jax.ShapeDtypeStruct(one.shape, one.dtype, sharding=split)
    for name, one in expected.items()
}
context = ocp.Context()
context.checkpoint_layout = ocp.options.CheckpointLayout.SAFETENSORS
with context:
    for loaded in [ocp.load(folder), ocp.load(folder, targets)]:
        assert loaded.keys() == expected.keys()
        for name, values in loaded.items():
            assert values.dtype == expected[name].dtype
            assert np.asarray(values).tobytes() == expected[name].tobytes(), name
    assert loaded[name].sharding == split
"""


@pytest.mark.parametrize("limit", ["20KB", "5GB"])
def test_orbax_loads_every_tensor(tmp_path, limit):
    dtypes = ["float32", "bfloat16", "float16"]
    spec = {f"h.{i}.w": {"dtype": dtypes[i % 3], "shape": [64, 48]} for i in range(6)}
    plan = {"spec": spec, "rules": [{"match": "*", "initializer": "he_normal"}], "seed": 42}
    folder, whole = tmp_path / "model", tmp_path / "whole.safetensors"
    folder.mkdir()
    varscale.init(plan, folder / "model.safetensors", max_shard_size=limit)
    varscale.init(plan, whole)
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT, folder, whole],
        env={**os.environ, **flags},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
