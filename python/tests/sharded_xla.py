"""Run by test_xla.py, with eight devices: each computes its shard, and nothing else.

Without a law, some values of each formula; with one, ten million of each dtype and sharding.
"""

import math
import re
import sys

import jax
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from native_cases import DTYPES, FORMULAS, dtypes_of, expected, key_of, same, values

# Sizes of the mesh, how a tensor is divided over it, and its shape, of which the first axis may be
# a multiple.
KINDS = [
    ((8,), ("x",), (2048, 10)),
    ((8,), (None, "x"), (100, 2048)),
    ((2, 4), ("x", "y"), (64, 4096)),
    ((2, 4), (("x", "y"), None), (1024, 100)),
    ((2, 4), ("y",), (100, 1000)),
    ((2, 4), (None, ("y", "x")), (51, 4096)),
    ((8,), (), (300, 40)),
    ((8,), ("x",), (1001 * 8,)),
    ((2, 4), ("x", None, "y"), (64, 3, 100)),
]
COLLECTIVES = (
    r"all-gather|all-reduce|collective-permute|all-to-all|reduce-scatter|collective-broadcast"
)


def check_program(compiled, extent):
    """That a program computes one shard of this extent."""
    program = compiled.as_text()
    for forbidden in [COLLECTIVES, "custom-call", "callback", "infeed|outfeed|send|recv"]:
        assert not re.search(rf"\b({forbidden})(-start)?\(", program), forbidden
    arrays = re.findall(r"\b[a-z]+\d+\[([\d,]+)\]", program)
    sizes = [math.prod(map(int, one.split(","))) for one in arrays]
    # The key has two words.
    assert sizes and max(sizes) <= max(math.prod(extent), 2)
    # Nothing but numbers.
    assert compiled.memory_analysis().temp_size_in_bytes <= 64


def check(kind, law, dtype, axis_type, least):
    """One law in one sharding, by at least so many values."""
    sizes, spec, shape = kind
    times = -(-least // math.prod(shape))
    shape = (shape[0] * times, *shape[1:])
    mesh = jax.make_mesh(sizes, ("x", "y")[: len(sizes)], (axis_type,) * len(sizes))
    sharding = NamedSharding(mesh, PartitionSpec(*spec))
    key = jax.device_put(key_of(42), NamedSharding(mesh, PartitionSpec()))

    def draw(key):
        return values(law, shape, dtype, key)

    if axis_type is AxisType.Explicit:
        draw = jax.sharding.auto_axes(draw, out_sharding=sharding)
    compiled = jax.jit(draw, out_shardings=sharding).lower(key).compile()
    check_program(compiled, sharding.shard_shape(shape))
    drawn = compiled(key)
    assert drawn.sharding.is_equivalent_to(sharding, len(shape))
    assert same(drawn, expected(law, shape, dtype)), (kind, law, dtype)


assert jax.device_count() == 8
for number, kind in enumerate(KINDS):
    for axis_type in [AxisType.Auto, AxisType.Explicit]:
        if len(sys.argv) > 1:
            for dtype in dtypes_of(sys.argv[1]):
                check(kind, sys.argv[1], dtype, axis_type, 10**7)
        elif axis_type is AxisType.Auto or number % 3 == 2:
            check(kind, FORMULAS[number % len(FORMULAS)], DTYPES[number % 3], axis_type, 1)
print(len(KINDS), "kinds of shardings on", jax.device_count(), "devices")
