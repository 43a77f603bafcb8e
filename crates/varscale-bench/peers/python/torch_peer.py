"""PyTorch: `torch.nn.init`, in place, into a tensor that was written to before.

Without one-sided truncation, which it draws by rejection from a uniform: a minute for 4096x4096.
"""

import math

import torch
from worker import serve

torch.manual_seed(42)


INIT = torch.nn.init


def truncated_normal(tensor, stddev):
    stddev /= 0.87962566103423978
    INIT.trunc_normal_(tensor, 0.0, stddev, -2 * stddev, 2 * stddev)


def untruncated_normal(tensor, stddev):
    INIT.normal_(tensor, 0.0, stddev)


def uniform(tensor, stddev):
    limit = math.sqrt(3) * stddev
    INIT.uniform_(tensor, -limit, limit)


def truncated_normal_3(tensor, stddev):
    INIT.trunc_normal_(tensor, 0.0, stddev, -3 * stddev, 3 * stddev)


def log_uniform(tensor, _):
    tensor.uniform_(math.log(0.001), math.log(0.1)).exp_()


def formula(tensor, _):
    # Mamba's bias of dt, an inverse softplus.
    tensor.uniform_(math.log(0.001), math.log(0.1)).exp_().clamp_(min=1e-4)
    tensor.add_((-tensor).expm1_().neg_().log_())


CALLS = {
    "nn.init.trunc_normal_": [truncated_normal, truncated_normal_3],
    "nn.init.normal_": [untruncated_normal],
    "nn.init.uniform_": [uniform],
    "uniform_, exp_": [log_uniform],
    "uniform_, exp_, expm1_, log_": [formula],
}
# Of 8 bits, it draws none.
DTYPES = ["float32", "bfloat16", "float16", "float64"]


def make(fill, dtype):
    tensors = {}

    def prepare(shape):
        if shape not in tensors:
            tensors.clear()
            tensors[shape] = torch.ones(shape, dtype=getattr(torch, dtype))
        tensor = tensors[shape]
        return lambda: fill(tensor, math.sqrt(1 / shape[0]))

    return prepare


serve(
    ["torch"],
    {
        (call, fill.__name__, dtype): make(fill, dtype)
        for call, fills in CALLS.items()
        for fill in fills
        for dtype in DTYPES
    },
)
