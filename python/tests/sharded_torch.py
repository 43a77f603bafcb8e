"""Draws on meshes of this number of ranks; run by test_torch.py under torchrun."""

import os

import torch
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, distribute_tensor, empty
from torch.distributed.tensor.placement_types import _StridedShard
from torch.nn.parallel import DistributedDataParallel

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
        # Tensor parallel first, then fully sharded.
        (square, [_StridedShard(0, split_factor=ranks // 2), Shard(0)]),
    ]:
        tensor = empty(SHAPE, dtype=dtype, device_mesh=mesh, placements=placements)
        varscale.torch.kaiming_normal_(tensor, seed=7)
        assert torch.equal(tensor.full_tensor(), expected), placements

for placement, seed, message in [
    (Shard(0), None, "needs a `seed`"),
    (_StridedShard(1, split_factor=2), 7, "no box"),
    (Partial(), 7, "partial"),
]:
    local = torch.zeros(13, 24 // ranks)
    refused = DTensor.from_local(local, flat, [placement], run_check=False)
    try:
        varscale.torch.normal_(refused, seed=seed)
    except ValueError as error:
        assert message in str(error)
    else:
        raise AssertionError(f"drawn, but {message}")
    assert not local.any()

# A mesh that leaves a rank out.
single = DeviceMesh("cpu", [0])
tensor = empty(SHAPE, device_mesh=single, placements=[Shard(0)])
varscale.torch.kaiming_normal_(tensor, seed=7)

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

# Without a seed, ranks would differ: also where nothing is sharded.
for unseeded in [module, torch.nn.Linear(24, 13)]:
    before = [parameter.clone() for parameter in unseeded.parameters()]
    try:
        varscale.torch.init_module_(unseeded, rules)
    except ValueError as error:
        assert "Give a `seed`" in str(error)
    else:
        raise AssertionError("drawn without a seed")
    for parameter, old in zip(unseeded.parameters(), before, strict=True):
        assert torch.equal(parameter, old)

# Wrapped, sharded and on meta, with a row of padding.
rules = [{"match": "*", "initializer": "glorot_uniform"}]


def model():
    embedding = torch.nn.Embedding(13, 8, padding_idx=6)
    return torch.nn.Sequential(embedding, torch.nn.Linear(8, 16), torch.nn.BatchNorm1d(16))


def whole(module):
    tensors = [*module.parameters(), *module.buffers()]
    return [tensor.full_tensor() if isinstance(tensor, DTensor) else tensor for tensor in tensors]


expected = whole(varscale.torch.init_module_(model(), rules, 5))
assert not expected[0][6].any() and expected[0][5].any()


def check(module):
    for ours, theirs in zip(whole(module), expected, strict=True):
        assert torch.equal(ours, theirs)


check(varscale.torch.init_module_(DistributedDataParallel(model()), rules, 5))
for original in [True, False]:
    wrapped = FullyShardedDataParallel(
        model(), use_orig_params=original, device_id=torch.device("cpu")
    )
    try:
        varscale.torch.init_module_(wrapped, rules, 5)
    except ValueError as error:
        assert "summon_full_params" in str(error)
    else:
        raise AssertionError("drawn as one flat parameter")
    with FullyShardedDataParallel.summon_full_params(wrapped):
        varscale.torch.init_module_(wrapped, rules, 5)
    with FullyShardedDataParallel.summon_full_params(wrapped):
        check(wrapped.module)
for where in ["cpu", "meta"]:
    with torch.device(where):
        module = model()
    fully_shard(module[0], mesh=flat)
    fully_shard(module, mesh=flat)
    module[1] = checkpoint_wrapper(module[1])
    check(varscale.torch.init_module_(module, rules, 5))
    module(torch.arange(4)).sum().backward()
    assert module[1].weight.grad.full_tensor().isfinite().all()

print("the same bits", flush=True)
torch.distributed.destroy_process_group()
# Gloo's threads still hold tensors now and then. Freed while Python shuts down, they abort it
# (https://github.com/pytorch/pytorch/pull/179291).
os._exit(0)
