"""Draws on meshes of this number of ranks; run by test_torch.py under torchrun."""

import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Replicate, Shard, distribute_tensor, empty

import varscale.torch

torch.distributed.init_process_group("gloo")
ranks = torch.distributed.get_world_size()
flat = init_device_mesh("cpu", (ranks,))
square = init_device_mesh("cpu", (2, ranks // 2))
# 13 rows: shards of different sizes.
SHAPE = (13, 24)

for dtype in [torch.float32, torch.bfloat16]:
    expected = varscale.torch.kaiming_normal_(torch.empty(SHAPE, dtype=dtype), seed=7)
    for mesh, placements in [
        (flat, [Shard(0)]),
        (flat, [Shard(1)]),
        (flat, [Replicate()]),
        (square, [Shard(0), Shard(1)]),
        (square, [Shard(1), Replicate()]),
        (square, [Shard(0), Shard(0)]),
    ]:
        tensor = empty(SHAPE, dtype=dtype, device_mesh=mesh, placements=placements)
        varscale.torch.kaiming_normal_(tensor, seed=7)
        assert torch.equal(tensor.full_tensor(), expected), placements

try:
    varscale.torch.normal_(empty(SHAPE, device_mesh=flat, placements=[Shard(0)]))
except ValueError as error:
    assert "seed" in str(error)
else:
    raise AssertionError("ranks drew seeds of their own")

# A module on meta, sharded before it has memory.
rules = [{"match": "bias", "initializer": "zeros"}, {"match": "*", "initializer": "glorot_uniform"}]
whole = varscale.torch.init_module_(torch.nn.Linear(24, 13), rules, 5)
with torch.device("meta"):
    module = torch.nn.Linear(24, 13)
for name, parameter in list(module.named_parameters()):
    sharded = distribute_tensor(parameter, flat, [Shard(0)])
    module.register_parameter(name, torch.nn.Parameter(sharded))
varscale.torch.init_module_(module, rules, 5)
assert torch.equal(module.weight.full_tensor(), whole.weight)

print("the same bits", flush=True)
torch.distributed.destroy_process_group()
