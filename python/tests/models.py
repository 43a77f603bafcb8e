"""A small model, and what checkpoints hold."""

import json

SPEC = {
    "fc/kernel": {"dtype": "float32", "shape": [256, 784]},
    "fc/bias": {"dtype": "bfloat16", "shape": [784]},
}


def read(path):
    """Names and values of a safetensors file, and its metadata."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    metadata = header.pop("__metadata__")
    values = data[8 + length :]
    parts = {name: values[slice(*entry["data_offsets"])] for name, entry in header.items()}
    return parts, metadata
