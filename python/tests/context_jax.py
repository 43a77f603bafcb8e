"""Draws are put where JAX puts its own, on eight devices; run by test_jax.py."""

import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

import varscale
import varscale.jax

SHAPE = (64, 32)
P = PartitionSpec
key = jax.random.key(3)
raw = jax.random.PRNGKey(3)
expected = varscale.HeNormal(3)(SHAPE)

mesh = jax.make_mesh((4, 2), ("x", "y"))
auto = jax.make_mesh((4, 2), ("x", "y"), axis_types=(AxisType.Auto,) * 2)
other = jax.make_mesh((8,), ("q",))
fifth = jax.device_put(key, jax.devices()[5])
everywhere = jax.device_put(key, NamedSharding(mesh, P()))


PARTS = [P("x", None), P("x"), P(None, ("x", "y")), P("y", "x"), P(), P("x", None, None)]


def over(mesh):
    """Every way to say how a draw is divided over a mesh, with all that may be drawn so; what is
    mapped, or of a raw key, is divided as what is compiled: some."""
    for name, call in CALLS.items():
        for part in PARTS if name in ["eager", "compiled"] else PARTS[2:3]:
            for sharding in (
                part,
                NamedSharding(mesh, part),
                NamedSharding(mesh.abstract_mesh, part),
            ):
                yield call, sharding
        yield call, None


CALLS = {
    "eager": lambda init, key: init(key),
    "compiled": lambda init, key: jax.jit(init)(key),
    "mapped": lambda init, key: jax.jit(jax.vmap(init))(jax.numpy.stack([key, key]))[0],
    "raw key": lambda init, key: jax.jit(lambda: init(raw))(),
}


def drawn(of, call, sharding, key=key, shape=SHAPE):
    """A draw, or what it raises."""
    try:
        return call(lambda key: of.he_normal()(key, shape, None, sharding), key)
    except Exception as error:
        return error


def compare(call, sharding, **given):
    ours = drawn(varscale.jax, call, sharding, **given)
    theirs = drawn(jax.nn.initializers, call, sharding, **given)
    if isinstance(theirs, Exception):
        assert isinstance(ours, (ValueError, type(theirs))), (sharding, ours, theirs)
        return
    assert not isinstance(ours, Exception), (sharding, ours)
    assert ours.sharding.is_equivalent_to(theirs.sharding, ours.ndim), (ours.sharding, theirs)
    assert ours.committed == theirs.committed
    assert jax.typeof(ours) == jax.typeof(theirs)
    assert np.asarray(ours).tobytes() == expected.tobytes()


for call, sharding in over(mesh):
    with jax.set_mesh(mesh):
        compare(call, sharding)
    if not isinstance(getattr(sharding, "mesh", None), jax.sharding.Mesh):
        # Outside of a context, ours draw by what names its devices, too.
        compare(call, sharding)

# Axes that the compiler divides: JAX refuses to be told how; ours draw so.
for call, sharding in over(auto):
    with jax.set_mesh(auto):
        ours = drawn(varscale.jax, call, sharding)
        part = getattr(sharding, "spec", sharding) or P()
        assert ours.sharding.is_equivalent_to(NamedSharding(auto, P(*part[:2])), 2)
        assert np.asarray(ours).tobytes() == expected.tobytes()

for wrong in [P("z"), P("x", None, "y"), P(P.UNCONSTRAINED, "x"), P("x", "x")]:
    for call in CALLS.values():
        with jax.set_mesh(mesh):
            compare(call, wrong)
for call in CALLS.values():
    with jax.set_mesh(mesh):
        compare(call, NamedSharding(other.abstract_mesh, P("q")))
        compare(call, P("x"), shape=(6, 6))  # not divisible

for where in [fifth, everywhere]:
    for name in ["eager", "compiled"]:
        compare(CALLS[name], None, key=where)
with jax.default_device(jax.devices()[3]):
    compare(CALLS["eager"], None)

try:
    from flax import nnx
except ImportError:
    pass
else:
    for metadata in [("x", None), ("y", "x"), (None, "x")]:
        made = []
        for of in [varscale.jax, jax.nn.initializers]:
            with jax.set_mesh(mesh):
                layer = nnx.Linear(
                    64,
                    32,
                    kernel_init=of.he_normal(),
                    kernel_metadata={"out_sharding": metadata},
                    rngs=nnx.Rngs(0),
                )
            made.append(layer.kernel[...])
        assert made[0].sharding.is_equivalent_to(made[1].sharding, 2)
        assert jax.typeof(made[0]) == jax.typeof(made[1])

print(jax.device_count(), "devices")
