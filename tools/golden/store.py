"""How golden data are stored: see crates/varscale/tests/data/README.md."""

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

# Longer draws are stored as their first and last values, with sums over all.
FULL = 1000
ENDS = 64

# In a file, the widest stand first, so that all are aligned.
WIDTHS = {"u64": 8, "u32": 4, "u16": 2}


class Bits:
    """The bits of one backend's draws, as they are gathered: one flat tensor for each width."""

    def __init__(self) -> None:
        self.tensors = {name: bytearray() for name in WIDTHS}

    def add(self, values: bytes, width: int) -> dict[str, Any]:
        """Stores little-endian values; the result says where they stand, and sums them up."""
        tensor = f"u{8 * width}"
        count = len(values) // width
        format_ = {8: "Q", 4: "I", 2: "H"}[width]
        total = sum(item for (item,) in struct.iter_unpack(f"<{format_}", values)) % 2**64
        kept, storage = values, "full"
        if count > FULL:
            kept, storage = values[: ENDS * width] + values[-ENDS * width :], "ends"
        offset = len(self.tensors[tensor]) // width
        self.tensors[tensor] += kept
        return {
            "n": count,
            "storage": storage,
            "tensor": tensor,
            "offset": offset,
            "count": len(kept) // width,
            "sha256": hashlib.sha256(values).hexdigest(),
            "sum64": str(total),
        }

    def write(self, path: Path) -> None:
        """Writes a safetensors file; by hand, so that the bytes depend on no library's version."""
        header, offset = {}, 0
        for name, data in self.tensors.items():
            if data:
                span = [offset, offset + len(data)]
                shape = [len(data) // WIDTHS[name]]
                header[name] = {"dtype": name.upper(), "shape": shape, "data_offsets": span}
                offset += len(data)
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(self.tensors.values()))


def read_bits(path: Path) -> dict[str, bytes]:
    """The tensors of a safetensors file."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    spans = {name: item["data_offsets"] for name, item in json.loads(content[8:start]).items()}
    return {name: content[start + begin : start + end] for name, (begin, end) in spans.items()}


def stored(entry: dict[str, Any], tensors: dict[str, bytes]) -> list[int]:
    """The stored values of an entry of the index, as integers."""
    width = WIDTHS[entry["tensor"]]
    start, count = entry["offset"] * width, entry["count"]
    data = tensors.get(entry["tensor"], b"")[start : start + count * width]
    return [int.from_bytes(data[i : i + width], "little") for i in range(0, len(data), width)]


def read_json(path: Path) -> Any:
    """The content of a JSON file."""
    return json.loads(path.read_text())


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Writes an object of lists and objects with one of their items a line, for readable diffs."""
    parts = []
    for name, items in content.items():
        if isinstance(items, dict):
            lines = [f"{json.dumps(key)}: {json.dumps(item)}" for key, item in items.items()]
            brackets = "{}"
        else:
            lines, brackets = [json.dumps(item) for item in items], "[]"
        body = ",\n".join(lines)
        parts.append(f"{json.dumps(name)}: {brackets[0]}\n{body}\n{brackets[1]}")
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n")
