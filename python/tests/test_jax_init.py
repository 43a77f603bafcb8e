"""Whole models in JAX: `varscale.jax.init` and `varscale.jax.shapes`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import varscale

try:
    import jax
    from flax import linen, nnx
    from flax.traverse_util import flatten_dict
    from jax.experimental.sparse import BCOO

    import varscale.jax
except ImportError:
    jax = None

pytestmark = pytest.mark.skipif(jax is None, reason="JAX or Flax is not installed")

HE = {"rules": [{"match": "*", "initializer": "he_normal"}], "seed": 42}


def struct(*shape, dtype="float32"):
    return jax.ShapeDtypeStruct(shape, dtype)


@pytest.fixture
def written(tmp_path):
    """What `varscale.init` writes, in bytes."""

    def write(plan, shapes, **arguments):
        file = tmp_path / "model.safetensors"
        varscale.init({**plan, "spec": varscale.spec(shapes)}, file, force=True, **arguments)
        # safetensors does not load every dtype into JAX.
        content = file.read_bytes()
        start = 8 + int.from_bytes(content[:8], "little")
        header = json.loads(content[8:start])
        header.pop("__metadata__")
        spans = {name: entry["data_offsets"] for name, entry in header.items()}
        return {name: content[start + low : start + high] for name, (low, high) in spans.items()}

    return write


def same(drawn, expected):
    assert drawn.keys() == expected.keys()
    for name, values in drawn.items():
        assert np.asarray(values).tobytes() == expected[name], name


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "float8_e4m3fn"])
@pytest.mark.parametrize(
    "initializer",
    [
        "he_normal",
        "glorot_uniform",
        varscale.RandomNormal(0.5, 0.1),
        varscale.RandomUniform(-0.0, 0.25),
        varscale.TruncatedNormal(0.0, 1.0, lower=-1.0, upper=3.0),
        varscale.Constant(-0.0),
        varscale.Constant(0.1),
        "ones",
        "orthogonal",
    ],
    ids=lambda one: one if isinstance(one, str) else type(one).__name__,
)
def test_values_are_those_of_a_checkpoint(written, initializer, dtype):
    shapes = {"a": struct(30, 40, dtype=dtype), "b": struct(7, 5, dtype=dtype)}
    plan = {"rules": [{"match": "*", "initializer": initializer}], "seed": 2**63 + 5}
    same(varscale.jax.init(plan, shapes), written(plan, shapes))


def test_integers_regions_and_empty_tensors(written):
    region = {"slice": "0:3", "initializer": "ones"}
    rules = [
        {"match": "steps", "initializer": "zeros"},
        {"match": "gates", "initializer": "zeros", "regions": [region]},
        {"match": "none", "initializer": "he_normal"},
    ]
    shapes = {"steps": struct(dtype="int32"), "gates": struct(9), "none": struct(0, 4)}
    plan = {"rules": rules, "seed": 1}
    same(varscale.jax.init(plan, shapes), written(plan, shapes))


def test_numbers_that_xla_may_flush(written):
    plan = {"rules": [{"match": "*", "initializer": varscale.RandomNormal(0.0, 2.0**-127)}]}
    shapes = {"a": struct(30, 40), "b": struct(30, 40, dtype="bfloat16")}
    plan["seed"] = 1
    same(varscale.jax.init(plan, shapes), written(plan, shapes))


def test_64_bits(written):
    with jax.enable_x64(True):
        shapes = {
            "a": struct(30, 40, dtype="float64"),
            "b": struct(30, 40),
            "c": struct(3, dtype="int64"),
        }
        zero = {"match": "c", "initializer": "zeros"}
        plan = {**HE, "rules": [zero, *HE["rules"]]}
        same(varscale.jax.init(plan, shapes), written(plan, shapes))
    with pytest.raises(ValueError, match="'a' is float64, which JAX has under `jax.enable_x64`"):
        varscale.jax.init(plan, shapes)


@pytest.mark.parametrize("stream", ["keras-jax", "keras-numpy"])
def test_other_streams(written, stream):
    plan = {**HE, "stream": stream, "seeds": "by-name"}
    shapes = {"a": struct(30, 40), "b": struct(30, 40)}
    same(varscale.jax.init(plan, shapes), written(plan, shapes))
    same(varscale.jax.init(plan, shapes, seeds="same"), written(plan, shapes, seeds="same"))


def test_seeds_and_keys(written):
    shapes = {"a": struct(30, 40)}
    for seed, given in [
        (42, None),
        (7, 7),
        (2**64 - 1, 2**64 - 1),
        (7, jax.random.key(7)),
        (7, jax.random.PRNGKey(7)),
        (3 << 32 | 9, jax.random.wrap_key_data(np.array([3, 9], np.uint32))),
    ]:
        same(varscale.jax.init(HE, shapes, given), written(HE, shapes, seed=seed))


def test_a_traced_key(written):
    rules = [
        {"match": "own", "initializer": "he_normal", "seed": 5},
        {"match": "one", "initializer": "ones"},
        {"match": "tied", "tie": "a"},
    ]
    plan = {**HE, "rules": [*rules, *HE["rules"]]}
    names = ["a", "b", "one", "own", "tied"]
    shapes = {name: struct(30, 40) for name in names}
    init = jax.jit(lambda key: varscale.jax.init(plan, shapes, key))
    for seed in [1, 2**40 + 3]:
        key = jax.random.wrap_key_data(np.array([seed >> 32, seed % 2**32], np.uint32))
        expected = written(plan, shapes, seed=seed)
        same(init(key), {**expected, "tied": expected["a"]})


def test_ties(written):
    plan = {**HE, "rules": [{"match": "head", "tie": "embed"}, *HE["rules"]]}
    shapes = {"embed": struct(50, 8), "head": struct(50, 8)}
    drawn = varscale.jax.init(plan, shapes)
    same({"embed": drawn["embed"]}, written(plan, shapes))
    assert drawn["head"] is drawn["embed"]


def test_plan_files_and_checkpoints(tmp_path, written):
    shapes = {"a": struct(30, 40)}
    expected = written(HE, shapes)
    file = tmp_path / "plan.toml"
    file.write_text('seed = 42\n[[rules]]\nmatch = "*"\ninitializer = "he_normal"\n')
    same(varscale.jax.init(file, shapes), expected)
    same(varscale.jax.init(tmp_path / "model.safetensors", shapes), expected)
    # Its rules make other shapes, too.
    shapes = {"b": struct(30, 40)}
    expected = written(HE, shapes)
    same(varscale.jax.init(tmp_path / "model.safetensors", shapes), expected)


class Model(nnx.Module if jax else object):
    def __init__(self, rngs):
        self.embed = nnx.Embed(50, 8, rngs=rngs)
        self.blocks = nnx.List([nnx.Linear(8, 8, rngs=rngs) for _ in range(2)])
        self.dropout = nnx.Dropout(0.5, rngs=rngs)


def test_nnx(written):
    shapes = varscale.jax.shapes(lambda: nnx.state(Model(nnx.Rngs(0)), nnx.Param))
    assert isinstance(jax.tree.leaves(shapes)[0], jax.ShapeDtypeStruct)
    drawn = varscale.jax.init(HE, shapes)
    assert jax.tree.structure(drawn) == jax.tree.structure(shapes)
    # Flax's own paths have nothing behind a variable's name.
    of_flax = dict(nnx.to_flat_state(drawn))
    found = {"/".join([*map(str, path), "value"]): one[...] for path, one in of_flax.items()}
    same(found, written(HE, shapes))
    model = Model(nnx.Rngs(0))
    nnx.update(model, drawn)
    assert (model.blocks[1].kernel[...] == drawn["blocks"][1]["kernel"][...]).all()

    plain = nnx.to_pure_dict(shapes)
    ones = {"match": "blocks.1.kernel", "initializer": "ones"}
    plan = {**HE, "rules": [ones, *HE["rules"]]}
    drawn = varscale.jax.init(plan, plain, separator=".")
    assert (drawn["blocks"][1]["kernel"] == 1).all()
    flat = flatten_dict(drawn)
    found = {".".join(map(str, path)): one for path, one in flat.items()}
    shapes = {name: struct(*one.shape) for name, one in found.items()}
    assert "embed.embedding" in shapes
    same(found, written(plan, shapes))


def test_linen(written):
    model = linen.Dense(5)
    example = np.zeros((1, 3), "float32")
    key = jax.random.key(0)
    shapes = varscale.jax.shapes(model.init, key, example)
    assert shapes == varscale.jax.shapes(model.init, jax.eval_shape(lambda: key), example)
    drawn = varscale.jax.init(HE, shapes)
    expected = written(HE, shapes)
    same(drawn["params"], {name: expected[f"params/{name}"] for name in ["bias", "kernel"]})
    assert model.apply(drawn, example).shape == (1, 5)


def test_trees_of_all_kinds(written):
    shapes = {"2": [struct(3), (struct(4), None)], "b": struct(5, 6), "a": {"x": struct(7)}}
    drawn = varscale.jax.init(HE, shapes)
    assert jax.tree.structure(drawn) == jax.tree.structure(shapes)
    found = {
        "2/0": drawn["2"][0],
        "2/1/0": drawn["2"][1][0],
        "b": drawn["b"],
        "a/x": drawn["a"]["x"],
    }
    same(found, written(HE, shapes))


def test_skipped_arrays_stay():
    plan = {**HE, "rules": [{"match": "steps", "skip": True}, *HE["rules"]]}
    steps = jax.numpy.arange(3)
    assert varscale.jax.init(plan, {"a": struct(4), "steps": steps})["steps"] is steps
    with pytest.raises(ValueError, match="skips 'steps', of which `shapes` has no values"):
        varscale.jax.init(plan, {"a": struct(4), "steps": struct(3, dtype="int32")})


def test_another_seed_compiles_nothing():
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, _duration, **_: compiled.append(event) if "backend_compile" in event else None
    )
    shapes = {"a": struct(31, 17), "b": struct(31, 17), "c": struct(19)}
    first = varscale.jax.init(HE, shapes, 1)
    assert len(compiled) == 2
    second = varscale.jax.init(HE, {**shapes, "d": struct(31, 17)}, jax.random.key(2))
    assert len(compiled) == 2
    assert not (first["a"] == second["a"]).any()
    assert not (second["a"] == second["d"]).any()


def test_eight_devices(tmp_path):
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=8", "JAX_PLATFORMS": "cpu"}
    script = Path(__file__).with_name("init_jax.py")
    result = subprocess.run(
        [sys.executable, script, tmp_path],
        env={**os.environ, **flags},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == "8 devices\n"


def test_refusals():
    shapes = {"a": struct(6, 4)}
    mesh = jax.make_mesh((1,), ("x",))
    over = jax.sharding.PartitionSpec
    keys = jax.random.split(jax.random.key(0))
    for arguments, error, message in [
        (({"rules": []}, shapes), ValueError, "'?\"?a"),
        ((HE, {}), ValueError, r"`shapes` holds no arrays. Received: \{\}"),
        ((HE, {"a": 3}), TypeError, "must be a pytree of arrays.*It holds: 3"),
        ((HE, shapes, 1.5), TypeError, "`key_or_seed` must be an integer, a key or None.*1.5"),
        ((HE, shapes, keys), ValueError, r"`key_or_seed` must be a single key.*shape \(2, 2\)"),
        (
            (HE, shapes, jax.random.key(0, impl="rbg")),
            ValueError,
            r"`key_or_seed` must be a single key of two words.*shape \(4,\)",
        ),
        ((HE, shapes, 1, {"b": None}), ValueError, "`shardings` is no pytree like `shapes`"),
        ((HE, shapes, 1, {"a": 3}), TypeError, "`shardings` must hold.*Received: 3"),
        (
            (HE, shapes, 1, over("x")),
            ValueError,
            "The sharding of 'a': `shardings` needs the mesh of `jax.set_mesh`",
        ),
        (
            (HE, shapes, 1, jax.sharding.NamedSharding(mesh, over(None, None, "x"))),
            ValueError,
            "The sharding of 'a': `shardings` has more axes than the shape, 2",
        ),
        (
            (HE, shapes, 1, jax.sharding.NamedSharding(mesh, over(unreduced={"x"}))),
            ValueError,
            "The sharding of 'a': `shardings` must divide the tensor alone. Received: P.unreduced",
        ),
        ((HE, shapes, nnx.Rngs(1)), TypeError, "`key_or_seed` must be an integer, a key or None"),
        ((HE, {"__metadata__": struct(2)}), ValueError, "'__metadata__', which no tensor may be"),
        (
            (HE, {"a": BCOO.fromdense(np.ones((3, 3)))}),
            TypeError,
            "`shapes` must hold arrays of one buffer. Received: .*BCOO.* as 'a'",
        ),
        (
            (HE, {"a": struct(*jax.export.symbolic_shape("rows, 4"))}),
            ValueError,
            r"`shapes` must hold known sizes. It holds a leaf of shape \(rows, 4\)",
        ),
        (
            ({"rules": [{"match": "a", "initializer": "ones", "dtype": "float16"}]}, shapes),
            ValueError,
            "'a' is float32 in `shapes`, and the plan's rule makes float16",
        ),
    ]:
        with pytest.raises(error, match=message):
            varscale.jax.init(*arguments)
    with jax.set_mesh(mesh):
        with pytest.raises(ValueError, match="`shardings` may have each axis of the mesh once"):
            varscale.jax.init(HE, shapes, 1, over("x", "x"))
    rows = jax.sharding.NamedSharding(mesh.abstract_mesh, over("x"))
    own = {"a": jax.ShapeDtypeStruct((6, 4), "float32", sharding=rows)}
    with pytest.raises(ValueError, match="The sharding of 'a': `shapes` needs the mesh"):
        varscale.jax.init(HE, own, 1)
    with pytest.raises(TypeError, match="`separator` must be a string. Received: 1"):
        varscale.jax.init(HE, shapes, separator=1)
    with pytest.raises(ValueError, match="Of several: 'a/b'"):
        varscale.jax.init(HE, {"a/b": struct(1), "a": {"b": struct(1)}})
    with pytest.raises(TypeError, match="`init_fn` must be a function. Received: 3"):
        varscale.jax.shapes(3)


def test_a_seed_is_needed_where_values_depend_on_it():
    shapes = {"a": struct(6, 4)}
    rule = {"match": "a", "initializer": "he_normal"}
    region = {"slice": "0, :", "initializer": "he_normal"}
    for plan in [
        {"rules": [rule]},
        {"rules": [rule], "stream": "keras-jax"},
        {"rules": [{**rule, "initializer": "zeros", "regions": [region]}]},
    ]:
        with pytest.raises(ValueError, match="Give `key_or_seed`, since the plan has no seed"):
            varscale.jax.init(plan, shapes)
        with pytest.raises(ValueError, match="Give `key_or_seed`, since the plan has no seed"):
            jax.jit(lambda plan=plan: varscale.jax.init(plan, shapes))()
    for own in [{"initializer": "ones"}, {"seed": 3}, {"initializer": varscale.HeNormal(3)}]:
        plan = {"rules": [{**rule, **own}]}
        drawn = varscale.jax.init(plan, shapes)
        assert np.array_equal(drawn["a"], varscale.jax.init(plan, shapes, 7)["a"])


def test_a_checkpoint_is_drawn_again_as_it_is(tmp_path):
    shapes = {"a": struct(6, 4), "tied": struct(6, 4), "b": struct(3)}
    tie = {"match": "tied", "tie": "a", "optional": True}
    rules = [tie, {"match": "*", "initializer": "truncated_normal"}]
    file = str(tmp_path / "model.safetensors")
    varscale.init({"rules": rules, "seed": 3, "spec": varscale.spec(shapes)}, file)
    whole = varscale.jax.init(file, shapes)
    part = varscale.jax.init(file, {"b": struct(3)})
    assert np.array_equal(whole["b"], part["b"])
    for other, message in [
        ({"c": struct(3)}, 'no tensor is called "c"'),
        ({"b": {"value": struct(3)}}, 'no tensor is called "b/value": there are "b"'),
        ({"b": struct(3, 1)}, r"\"b\" is float32 \[3, 1\], and .* \[3\] in the checkpoint"),
        ({"b": struct(3, dtype="bfloat16")}, r"\"b\" is bfloat16 \[3\], and .* in the checkpoint"),
    ]:
        with pytest.raises(ValueError, match=message):
            varscale.jax.init(file, other)


def test_refusals_inside_compiled_functions():
    shapes = {"a": struct(6, 4)}
    orthogonal = {"rules": [{"match": "a", "initializer": "orthogonal"}]}
    for seed in [jax.random.key(1), 1]:
        with pytest.raises(ValueError, match="'a' is drawn on the host"):
            jax.jit(lambda seed=seed: varscale.jax.init(orthogonal, shapes, seed))()
    with pytest.raises(ValueError, match="'a' is drawn on the host"):
        jax.jit(lambda key: varscale.jax.init(orthogonal, shapes, key))(jax.random.key(1))
    here = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    with pytest.raises(TypeError, match="of 'a': a compiled function draws by a NamedSharding"):
        jax.jit(lambda key: varscale.jax.init(HE, shapes, key, here))(jax.random.key(1))
    with pytest.raises(TypeError, match="`key_or_seed` must be a key where"):
        jax.jit(lambda seed: varscale.jax.init(HE, shapes, seed))(1)


def test_traced_arrays_are_shapes_and_kept():
    key = jax.random.key(3)
    rules = [{"match": "b", "skip": True}, {"match": "*", "initializer": "he_normal"}]

    def made(given, key):
        return varscale.jax.init({"rules": rules}, given, key)

    given = {"a": jax.numpy.ones((4, 4)), "b": jax.numpy.ones(3)}
    compiled, known = jax.jit(made)(given, key), made(given, key)
    assert np.array_equal(compiled["a"], known["a"])
    assert np.array_equal(compiled["b"], given["b"])


@pytest.mark.parametrize("seed", [np.array([5]), np.float32(2), 1.5, "7"])
def test_seeds_are_integers(seed):
    shapes = {"a": jax.ShapeDtypeStruct((2, 2), "float32")}
    with pytest.raises(TypeError, match="`key_or_seed` must be an integer"):
        varscale.jax.init({"rules": [{"match": "*", "initializer": "zeros"}]}, shapes, seed)


@pytest.mark.parametrize("plan", [None, 5, b"plan.toml"])
def test_plans_are_files_or_mappings(plan):
    with pytest.raises(TypeError, match="`plan` must be a file or a mapping. Received"):
        varscale.jax.init(plan, {"a": jax.ShapeDtypeStruct((2, 2), "float32")})
