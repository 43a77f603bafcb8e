"""PyTorch: `torch.nn.init`, in place, into a tensor that was written to before."""

import math

import torch
from worker import serve

torch.manual_seed(42)


def truncated_normal(tensor, stddev):
    stddev /= 0.87962566103423978
    torch.nn.init.trunc_normal_(tensor, 0.0, stddev, -2 * stddev, 2 * stddev)


def untruncated_normal(tensor, stddev):
    torch.nn.init.normal_(tensor, 0.0, stddev)


def uniform(tensor, stddev):
    limit = math.sqrt(3) * stddev
    torch.nn.init.uniform_(tensor, -limit, limit)


def make(fill, dtype):
    tensors = {}

    def prepare(shape):
        if shape not in tensors:
            tensors[shape] = torch.ones(shape, dtype=getattr(torch, dtype))
        tensor = tensors[shape]
        return lambda: fill(tensor, math.sqrt(1 / shape[0]))

    return prepare


serve(
    ["torch"],
    {
        ("nn.init.trunc_normal_", "truncated_normal", "float32"): make(truncated_normal, "float32"),
        ("nn.init.normal_", "untruncated_normal", "float32"): make(untruncated_normal, "float32"),
        ("nn.init.uniform_", "uniform", "float32"): make(uniform, "float32"),
        ("nn.init.trunc_normal_", "truncated_normal", "bfloat16"): make(
            truncated_normal, "bfloat16"
        ),
    },
)
