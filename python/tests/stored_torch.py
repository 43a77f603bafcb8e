"""Loads a plan by torch.distributed.checkpoint on meshes of this number of ranks, and compares with
the file that `varscale.init` writes of it; run by test_torch_storage.py under torchrun."""

import os
import sys

import torch
import torch.distributed.checkpoint as dcp
from safetensors.torch import load_file
from torch.distributed.checkpoint.state_dict import get_model_state_dict, set_model_state_dict
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor, empty
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    RowwiseParallel,
    parallelize_module,
)
from torch.distributed.tensor.placement_types import _StridedShard

import varscale.torch

torch.distributed.init_process_group("gloo")
rank, ranks = torch.distributed.get_rank(), torch.distributed.get_world_size()
folder = sys.argv[1]
StorageReader = varscale.torch.StorageReader

# Of every kind, in shapes that no mesh divides.
plan, file = f"{folder}/plan.toml", load_file(f"{folder}/model.safetensors")
file["tied"] = file["normal"]
reader = StorageReader(plan)
assert reader.seed == 42


def same(one, other):
    """As torch.equal, which has no dtypes of 8 bits."""
    return one.dtype == other.dtype and torch.equal(one.double(), other.double())


flat = init_device_mesh("cpu", (ranks,))
square = init_device_mesh("cpu", (2, ranks // 2) if ranks > 1 else (1, 1))
MESHES = [
    (flat, [Shard(0)]),
    (flat, [Shard(1)]),
    (flat, [Replicate()]),
    (square, [Shard(0), Shard(1)]),
    (square, [Shard(1), Shard(0)]),
    (square, [Shard(0), Shard(0)]),
    (square, [Replicate(), Shard(0)]),
    (square, [_StridedShard(0, split_factor=square.size(1)), Shard(0)]),
    (DeviceMesh("cpu", [0]), [Shard(0)]),
]
for mesh, placements in MESHES:
    axes = max((placement.dim for placement in placements if placement.is_shard()), default=-1) + 1
    axes = max([axes, *(one.dim + 1 for one in placements if isinstance(one, _StridedShard))])
    whole = {name: tensor for name, tensor in file.items() if tensor.dim() >= axes}
    state = {
        name: empty(tensor.shape, dtype=tensor.dtype, device_mesh=mesh, placements=placements)
        for name, tensor in whole.items()
    }
    dcp.load(state, storage_reader=reader)
    for name, tensor in whole.items():
        expected = distribute_tensor(tensor, mesh, placements, src_data_rank=None).to_local()
        assert same(state[name].to_local(), expected), (name, placements)


state = {"normal": torch.empty(13, 24, device="meta")}
dcp.load(state, storage_reader=reader)
assert same(state["normal"], file["normal"])


def network():
    layers = [torch.nn.Linear(10, 26), torch.nn.ReLU(), torch.nn.Linear(26, 7, bias=False)]
    return torch.nn.Sequential(*layers)


def fully(module, mesh=flat):
    for layer in [module[0], module[2], module]:
        fully_shard(layer, mesh=mesh)
    return module


def tensor_parallel(module, mesh=flat):
    return parallelize_module(module, mesh, {"0": ColwiseParallel(), "2": RowwiseParallel()})


named = init_device_mesh("cpu", tuple(square.shape), mesh_dim_names=("outer", "inner"))
KINDS = {
    "FSDP2": fully,
    "TP": tensor_parallel,
    "TP and FSDP2": lambda module: fully(tensor_parallel(module, named["inner"]), named["outer"]),
    "HSDP": lambda module: fully(module, named),
}
rules = [{"match": "*.bias", "initializer": "zeros"}, {"match": "*", "initializer": "he_normal"}]
modules = {"spec": varscale.spec(network()), "rules": rules, "layout": "torch", "seed": 7}
expected = varscale.torch.init_module_(network(), rules, 7).state_dict()
for kind, wrap in KINDS.items():
    with torch.device("meta"):
        module = wrap(network())
    for sharded in [module.to_empty(device="cpu"), wrap(network())]:
        state = get_model_state_dict(sharded)
        dcp.load({"model": state}, storage_reader=StorageReader(modules, prefix="model."))
        set_model_state_dict(sharded, state)
        for name, tensor in sharded.state_dict().items():
            assert isinstance(tensor, DTensor) or kind == "TP"
            whole = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
            assert same(whole, expected[name]), (kind, name)


def refused(message, state, **given):
    try:
        dcp.load(state, storage_reader=StorageReader(**{"plan": plan, **given}))
    except (ValueError, dcp.api.CheckpointException) as error:
        assert message in str(error), error
    else:
        raise AssertionError(f"loaded, but {message}")


weight = {"normal": torch.zeros(13, 24)}
if ranks > 1:
    refused("Give a `seed`, the same on all ranks", weight, plan={**modules, "seed": None})
    refused("others than rank 0: [1", weight, seed=rank)
    local = torch.zeros(13, 24 // ranks)
    interleaved = [_StridedShard(1, split_factor=2)]
    refused("no box", {"normal": DTensor.from_local(local, flat, interleaved, run_check=False)})
    assert not local.any()
    assert not weight["normal"].any()

print("the same bits", flush=True)
torch.distributed.destroy_process_group()
# As in sharded_torch.py.
os._exit(0)
