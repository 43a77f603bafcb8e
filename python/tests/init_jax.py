"""Whole models on meshes of eight devices; run by test_jax_init.py with a folder."""

import math
import re
import sys
from functools import partial

import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from safetensors.flax import load_file

import varscale
import varscale.jax

file = f"{sys.argv[1]}/model.safetensors"
shapes = {
    "a": jax.ShapeDtypeStruct((64, 32), "float32"),
    "b": jax.ShapeDtypeStruct((16, 8, 24), "bfloat16"),
    "ones": jax.ShapeDtypeStruct((64,), "float32"),
    "q": jax.ShapeDtypeStruct((32, 16), "float32"),
    "steps": jax.ShapeDtypeStruct((8,), "int32"),
    "tied": jax.ShapeDtypeStruct((64, 32), "float32"),
}
rules = [
    {"match": "tied", "tie": "a"},
    {"match": "ones", "initializer": "ones"},
    {"match": "steps", "initializer": "zeros"},
    {"match": "q", "initializer": "orthogonal"},
    {"match": "*", "initializer": "he_normal"},
]
plan = {"rules": rules, "seed": 3}
varscale.init({**plan, "spec": varscale.spec(shapes)}, file)
expected = load_file(file)
expected["tied"] = expected["a"]
key = jax.random.key(3)


def check(drawn, shardings):
    for name, values in drawn.items():
        whole = np.asarray(expected[name])
        assert values.sharding.is_equivalent_to(shardings[name], values.ndim), name
        for shard in values.addressable_shards:
            assert np.asarray(shard.data).tobytes() == whole[shard.index].tobytes(), name


def check_program(draw, shardings):
    """No callback, nothing that devices tell each other, and no array larger than a shard."""
    program = jax.jit(draw).lower(key).compile().as_text()
    assert not re.findall(r"all-\w+|collective-\w+|custom-call", program)
    sizes = [
        math.prod(map(int, found.split(","))) for found in re.findall(r"\[([\d,]+)\]", program)
    ]
    parts = [shardings[name].shard_shape(shapes[name].shape) for name in shardings]
    assert max(sizes) == max(map(math.prod, parts))


for kind in AxisType.Auto, AxisType.Explicit:
    mesh = jax.make_mesh((4, 2), ("x", "y"), axis_types=(kind, kind))
    for of_a, of_b in [
        (("x", "y"), ("x", None, "y")),
        (("y",), (("y", "x"),)),
        ((("x", "y"), None), (None, "y", "x")),
        ((), ("x",)),
    ]:
        specs = {name: PartitionSpec("x") for name in shapes}
        specs |= {"a": PartitionSpec(*of_a), "b": PartitionSpec(*of_b)}
        specs["tied"] = PartitionSpec(None, "x")
        shardings = {name: NamedSharding(mesh, spec) for name, spec in specs.items()}
        check(varscale.jax.init(plan, shapes, 3, shardings), shardings)
        placed = {
            name: jax.ShapeDtypeStruct(one.shape, one.dtype, sharding=shardings[name])
            for name, one in shapes.items()
        }
        check(varscale.jax.init(plan, placed, key), shardings)
        with jax.set_mesh(mesh):
            check(varscale.jax.init(plan, shapes, 3, specs), shardings)
            in_xla = {name: one for name, one in shapes.items() if name in ("a", "b")}
            some = {name: specs[name] for name in in_xla}

            def drawn(key, of=in_xla, to=some):
                return varscale.jax.init({"rules": rules[-1:]}, of, key, to)

            check(jax.jit(drawn)(key), shardings)
            check_program(drawn, {name: shardings[name] for name in some})

    # Without a sharding, whole: on the default device, or on all of the mesh.
    check(
        varscale.jax.init(plan, shapes),
        dict.fromkeys(shapes, jax.sharding.SingleDeviceSharding(jax.devices()[0])),
    )
    with jax.set_mesh(mesh):
        whole = dict.fromkeys(shapes, NamedSharding(mesh, PartitionSpec()))
        check(varscale.jax.init(plan, shapes), whole)
        try:
            jax.jit(lambda: varscale.jax.init(plan, shapes, 3, PartitionSpec()))()
        except ValueError as error:
            assert "'q' is drawn on the host" in str(error), error
        else:
            raise AssertionError("drawn in a compiled function")

uneven = NamedSharding(mesh, PartitionSpec("x"))
try:
    varscale.jax.init(plan, {"c": jax.ShapeDtypeStruct((6, 3), "float32")}, 3, uneven)
except ValueError as error:
    assert "The sharding of 'c': " in str(error), error
else:
    raise AssertionError("divided six rows by four")

# Each on its own device.
devices = {
    name: jax.sharding.SingleDeviceSharding(device)
    for name, device in zip(shapes, jax.devices(), strict=False)
}
check(varscale.jax.init(plan, shapes, shardings=devices), devices)

# Traced: what is tied or kept is divided, too, None stays, and memory is the one that was said.
some = {name: jax.ShapeDtypeStruct((8, 4), "float32") for name in "at"} | {"none": None}
some_rules = [
    {"match": "t", "tie": "a"},
    {"match": "kept", "skip": True},
    {"match": "a", "initializer": "he_normal"},
]
for axis_type in [AxisType.Auto, AxisType.Explicit]:
    line = jax.make_mesh((8,), ("x",), (axis_type,))
    rows = NamedSharding(line, PartitionSpec("x"))

    def drawn(key, kept=None, sharding=rows):
        some_plan = {"rules": some_rules if kept is not None else [some_rules[0], some_rules[2]]}
        return varscale.jax.init(some_plan, some | {"kept": kept}, key, sharding)

    keys = jax.random.split(jax.random.key(3), 3)
    single = [drawn(key) for key in keys]
    assert single[0]["none"] is None
    ones = jax.numpy.ones((8, 4))
    for made in [jax.jit(drawn)(keys[0], ones), jax.jit(partial(drawn, kept=ones))(keys[0])]:
        for name in ["a", "t", "kept"]:
            assert made[name].addressable_shards[0].data.shape == (1, 4), name
    for mapped in [jax.vmap(drawn)(keys), jax.jit(jax.vmap(drawn))(keys)]:
        for name in ["a", "t"]:
            assert mapped[name].addressable_shards[0].data.shape == (3, 1, 4)
            assert np.array_equal(mapped[name], np.stack([one[name] for one in single]))
    pinned = rows.with_memory_kind("pinned_host")
    normal = partial(varscale.jax.normal(), dtype="float8_e5m2")
    with varscale.jax.host():
        eights = jax.jit(partial(normal, shape=(8, 4), out_sharding=pinned))(keys[0])
    assert eights.sharding.memory_kind == "pinned_host"
    uneven = partial(varscale.jax.normal(), shape=(6, 4), out_sharding=rows)
    for draw in [uneven, jax.jit(uneven)]:
        try:
            draw(keys[0])
        except ValueError as error:
            assert "`out_sharding` cannot divide shape (6, 4)" in str(error), error
        else:
            raise AssertionError("divided six rows by eight")
    to_host = partial(drawn, sharding=pinned)
    for made in [to_host(keys[0]), jax.jit(to_host)(keys[0])]:
        assert made["a"].sharding.memory_kind == "pinned_host"
        assert np.array_equal(made["a"], single[0]["a"])

# Where some axes are manual, and what is drawn is the same on all devices.
for axis_type in [AxisType.Auto, AxisType.Explicit]:
    mesh = jax.make_mesh((4, 2), ("x", "y"), (axis_type, axis_type))

    def rows(part, key=None):
        of = {name: shapes[name] for name in ["a", "ones"]}
        drawn = varscale.jax.init({"rules": [rules[1], rules[-1]]}, of, 3 if key is None else key)
        return part, drawn["a"], drawn["ones"]

    manual = partial(jax.shard_map, mesh=mesh, axis_names={"x"}, check_vma=False)
    over = PartitionSpec("x"), PartitionSpec(), PartitionSpec()
    with jax.set_mesh(mesh):
        known = jax.jit(manual(rows, in_specs=over[:1], out_specs=over))(np.ones(8))
        words = jax.random.key_data(key)
        traced = jax.jit(manual(rows, in_specs=over[:2], out_specs=over))(np.ones(8), words)
    for _, *made in [known, traced]:
        assert all(map(np.array_equal, made, [expected["a"], expected["ones"]]))

print(jax.device_count(), "devices")
