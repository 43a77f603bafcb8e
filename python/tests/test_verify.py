"""Verification of checkpoints from Python."""

import json

import pytest

import varscale

SPEC = {
    "w": {"dtype": "float32", "shape": [300, 40]},
    "b": {"dtype": "bfloat16", "shape": [7]},
    "old": {"dtype": "float32", "shape": [1]},
}
RULES = [
    {"match": "old", "skip": True},
    {"match": "b", "initializer": "zeros"},
    {"match": "*", "initializer": "he_normal"},
]
PLAN = {"spec": SPEC, "rules": RULES, "seed": 42}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "m.safetensors"
    varscale.init(PLAN, path)
    return path


def test_what_init_writes_is_identical(file):
    told = []
    found = varscale.verify(file, progress=lambda *bytes: told.append(bytes))
    assert found and found.identical and found.form == "as-written"
    assert (found.tensors, found.values, found.total) == (2, 12_007, 12_007)
    assert told[-1] == (found.bytes, found.bytes)
    assert varscale.verify(str(file), PLAN, threads=2).identical
    assert 0 < varscale.verify(file, sample="0.1%").values <= 12_007


def test_differences_are_told(file):
    content = bytearray(file.read_bytes())
    content[-1 - 14] ^= 1
    file.write_bytes(content)
    found = varscale.verify(file)
    assert not found
    [one] = found.differing
    assert (one["tensor"], one["index"], one["values"]) == ("w", [299, 39], 1)
    assert one["file"] == "m.safetensors"
    assert one["stored"] != one["planned"]
    other = varscale.verify(file, seed=43)
    assert other.differing[0]["values"] > 11_000


def test_what_cannot_be_verified_raises(file, tmp_path):
    with pytest.raises(FileNotFoundError):
        varscale.verify(tmp_path / "none")
    with pytest.raises(ValueError, match="100%"):
        varscale.verify(file, sample="2")
    with pytest.raises(ValueError, match="no seed"):
        varscale.verify(file, {"spec": SPEC, "rules": RULES})

    def stop(done, of):
        raise KeyError(done)

    with pytest.raises(KeyError):
        varscale.verify(file, progress=stop)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ValueError, match="cut"):
        varscale.verify(file)
    header = json.dumps({}).encode()
    file.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(ValueError, match="no recipe"):
        varscale.verify(file)
